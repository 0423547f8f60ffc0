// Registrations of unknown racks: their length, their rate and their cost to the region.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { REGISTRATIONS_PER_ADDRESS, STRANGERS_INTERFACES_LENGTH_MAX } from '../../../src/region/racks/introductions.ts';
import { adminHeader, type LinkPlace, RACK, withLink } from '../http/link-place.ts';
import { acceptRack, digestOf, OTHER_UUID, RACK_UUID, rackInterface, registrationFields } from './rack-place.ts';

const reservations = (count: number): readonly object[] =>
  Array.from({ length: count }, (_, index) => ({ mac: '52:54:00:00:00:01', ip: `10.50.0.${index % 250}` }));
const LONG = JSON.stringify([{ ...rackInterface(), reservations: reservations(400) }]);

test('an unaccepted rack reports at most STRANGERS_INTERFACES_LENGTH_MAX of interfaces; one with a known key may report more', () =>
  withLink(async (place) => {
    const { register, region, ask } = place;
    assert.ok(LONG.length > STRANGERS_INTERFACES_LENGTH_MAX);
    const refused = await register({ interfaces: LONG });
    assert.equal(refused.status, 413, refused.text);
    assert.match(refused.text, /region\.api_key_file/);
    assert.deepEqual(region.racks.list(), []);
    await acceptRack(region);
    assert.equal((await register({ interfaces: LONG }, RACK)).status, 200);
    // A caller that merely knows its UUID is a stranger.
    assert.equal((await register({ interfaces: LONG, secret_digest: digestOf('a guess') })).status, 413);
    const { token: _, secret_digest: __, ...fields } = registrationFields({ interfaces: LONG, uuid: OTHER_UUID });
    const body = new URLSearchParams({ ...fields, name: 'rack-3' });
    const headers = await adminHeader(place);
    assert.equal((await ask('POST', 'api/2.0/nodegroups/?op=register', { headers, body })).status, 200);
    assert.equal(region.racks.find(OTHER_UUID)?.interfaces[0]?.reservations?.length, 400);
  }));

test('a cluster of MAAS is told that it cannot serve the region, and how a rack joins', () =>
  withLink(async (place) => {
    const cluster = { uuid: OTHER_UUID, name: 'master', interfaces: JSON.stringify([rackInterface()]) };
    const { name: _, ...unnamed } = cluster;
    const admin = await adminHeader(place);
    for (const version of ['1.0', '2.0'])
      for (const [fields, headers] of [
        [cluster, undefined],
        [unnamed, admin],
      ] as const) {
        const body = new URLSearchParams(fields);
        const request = headers === undefined ? { body } : { body, headers };
        const { status, text } = await place.ask('POST', `api/${version}/nodegroups/?op=register`, request);
        assert.equal(status, 400);
        assert.match(text, /^A cluster controller of MAAS cannot serve .*`sudo rackboot init --region URL`/);
      }
    assert.deepEqual(place.region.racks.list(), []);
    const { uplink: __, ...others } = registrationFields();
    const body = new URLSearchParams(others);
    const { text } = await place.ask('POST', 'api/1.0/nodegroups/?op=register', { body });
    assert.deepEqual(Object.keys(JSON.parse(text)), ['uplink'], 'a rack of Rackboot is told what it lacks');
  }));

test('a pending rack is told the command of a region that has a file of its own', () =>
  withLink(
    async ({ register }) => {
      const answer = await register();
      assert.equal(answer.status, 202);
      assert.match(answer.text, /rackboot racks accept rack-2 --config \/etc\/rackboot\/region\.yaml"/);
    },
    { ownFile: { file: '/etc/rackboot/region.yaml', values: {} } },
  ));

test('of a pending rack only the deciding values are stored', () =>
  withLink(async ({ register, region }) => {
    const interfaces = JSON.stringify([{ ...rackInterface(), reservations: reservations(10) }]);
    assert.equal((await register({ interfaces })).status, 202);
    assert.deepEqual(region.racks.find(RACK_UUID)?.interfaces, [rackInterface()]);
  }));

/** Counts the writes of racks. */
function countChanges({ store }: Pick<LinkPlace, 'store'>): () => number {
  let changes = 0;
  const change = store.racks.change.bind(store.racks);
  store.racks.change = (decide) => {
    changes += 1;
    return change(decide);
  };
  return () => changes;
}

test('a pending rack may ask at any rate, and is written to the store only now and then', () =>
  withLink(async (place) => {
    const { register, region, clock } = place;
    const changes = countChanges(place);
    for (let asked = 0; asked < 60; asked += 1) {
      assert.equal((await register()).status, 202);
      await clock.pass(5000);
    }
    assert.ok(changes() <= 11, `${changes()} changes in 300 s`);
    const seenMs = region.racks.find(RACK_UUID)?.seenMs ?? 0;
    assert.ok(clock.wallTimeMs() - seenMs <= 35_000);
  }));

test('a pending rack that changes its report each time is limited to the rate of unknown racks before parsing', () =>
  withLink(async (place) => {
    const { register, clock, region } = place;
    const changes = countChanges(place);
    const statuses: number[] = [];
    for (let asked = 0; asked < 12; asked += 1) {
      const interfaces = JSON.stringify([rackInterface(`10.${asked}.0.0/24`)]);
      statuses.push((await register({ interfaces })).status);
    }
    const { burst } = REGISTRATIONS_PER_ADDRESS;
    assert.deepEqual(statuses, [...Array(burst).fill(202), ...Array(12 - burst).fill(429)]);
    assert.equal(changes(), burst);
    assert.equal((await register({ interfaces: '[' })).status, 429);
    await clock.pass(1000 / REGISTRATIONS_PER_ADDRESS.perSecond);
    assert.equal((await register({ interfaces: '[' })).status, 400);
    assert.equal(region.racks.find(RACK_UUID)?.interfaces[0]?.network, `10.${burst - 1}.0.0/24`);
  }));
