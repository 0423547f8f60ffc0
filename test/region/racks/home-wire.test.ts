// Within one rack, a machine's home is one of its networks: no host in another network can take its place.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatMac, ipv4, mac, parseIpv4 } from '../../../src/ground/address.ts';
import { readDiskStarts } from '../../../src/region/life/disk-start.ts';
import { hasStartedSince } from '../../../src/region/life/power-life.ts';
import { BOOTS_MAX } from '../../../src/region/life/signs-of-life.ts';
import type { RackInterface } from '../../../src/region/records/rack-description.ts';
import { EVENT_KINDS } from '../../../src/region/reports/reported.ts';
import { selectReportParams } from '../../../src/uplink/rack-uplink.ts';
import { changeStatus } from '../../support/change-status.ts';
import { reportedSample } from '../../support/reported-samples.ts';
import { sentenceOf } from '../../support/sentences.ts';
import { adminHeader, type LinkPlace, withLink } from '../http/link-place.ts';
import { SECRET } from '../place.ts';
import { acceptRack, digestOf, OTHER_UUID, RACK_UUID, rackInterface } from './rack-place.ts';

const UUID = '11111111-2222-4333-8444-555555555599';
const NIC = mac(0x525400000001);
/** More than two boots of one machine are apart. */
const BOOT_MS = 61_000;
const ADMIN = { username: 'bob', isAdmin: true, comment: '' };
const at = (text: string) => parseIpv4(text) ?? assert.fail(text);

const network = (name: string, text: string, more: Partial<RackInterface> = {}): RackInterface => ({
  ...rackInterface(text),
  name,
  interface: name,
  ...more,
});
const NETWORKS = [network('lab', '10.20.0.0/24'), network('far', '10.30.0.0/24')];

const greet = async ({ region }: LinkPlace, interfaces: readonly RackInterface[]): Promise<void> =>
  await region.racks.putOwn({ uuid: UUID, name: 'rack', version: '0.1.0', interfaces, pinned: [] });

const through = (address: string, more: Readonly<Record<string, string>> = {}) => ({
  headers: { 'x-rackboot-rack': SECRET, 'x-forwarded-for': address, ...more },
});

/** A machine that enlisted in `far` and is commissioned. @returns its system id */
async function atWork(place: LinkPlace): Promise<string> {
  const { ask, store, region } = place;
  await greet(place, NETWORKS);
  const body = new URLSearchParams({ architecture: 'amd64', mac_addresses: formatMac(NIC) });
  const asked = through('10.30.0.9', { 'x-rackboot-boot': formatMac(NIC) });
  assert.equal((await ask('POST', 'api/2.0/machines/', { ...asked, body })).status, 200);
  const { systemId } = (await store.listMachines({ macs: [NIC] }, 0, 1))[0] ?? assert.fail();
  const outcome = await region.life.command(systemId, { name: 'commission' }, ADMIN);
  assert.equal(outcome.kind, 'changed');
  return systemId;
}

const machineOf = async ({ store }: LinkPlace, systemId: string) =>
  (await store.findMachine(systemId)) ?? assert.fail();

/** Requests the job with the machine's own token, vouched for by its rack. */
async function job(place: LinkPlace, systemId: string, address: string, isVouched = true): Promise<number> {
  const token = (await machineOf(place, systemId)).bootToken ?? assert.fail('no token');
  const boot: Readonly<Record<string, string>> = isVouched ? { 'x-rackboot-boot': formatMac(NIC) } : {};
  return (await place.ask('GET', 'rackboot/1/job', through(address, { 'x-rackboot-token': token, ...boot }))).status;
}

const leased = async ({ region }: LinkPlace, sequence: number, address: string): Promise<void> => {
  const report = { sequence, kind: 'dhcp.ack', at: 1, mac: formatMac(NIC), address, text: 'Leased' };
  await region.observe([report], 'source');
};

test('a machine at work in one network is not served at an address of another, even if its rack vouches and it was seen there', () =>
  withLink(async (place) => {
    const systemId = await atWork(place);
    await leased(place, 1, '10.30.0.9');
    assert.equal(await job(place, systemId, '10.30.0.9'), 200);
    await leased(place, 2, '10.20.0.66');
    assert.equal(
      (await machineOf(place, systemId)).interfaces[0]?.address,
      at('10.30.0.9'),
      'it was not seen to leave its home',
    );
    for (const isVouched of [true, false]) {
      assert.equal(await job(place, systemId, '10.20.0.66', isVouched), 403, String(isVouched));
      assert.equal(await job(place, systemId, '10.30.0.9', isVouched), 200, String(isVouched));
    }
  }));

/** The own rack reports that the machine asks for its configuration again and again, at this address. */
async function boots({ region, clock }: LinkPlace, from: number, address: string, purpose: string): Promise<void> {
  const report = { kind: 'http.rendered', mac: formatMac(NIC), address, text: 'Rendered' };
  for (let boot = 0; boot < BOOTS_MAX + 2; boot += 1) {
    await clock.leap(BOOT_MS);
    const params = { purpose, file: '/ipxe.cfg' };
    await region.observe([{ ...report, params, sequence: from + boot, at: clock.wallTimeMs() }], 'source');
  }
}

test('boots under its hardware address in another network neither fail the work of a machine nor extend its time', () =>
  withLink(async (place) => {
    const systemId = await atWork(place);
    await leased(place, 1, '10.30.0.9');
    const { statusDeadlineMs } = await machineOf(place, systemId);
    await boots(place, 2, '10.20.0.66', 'commissioning');
    const now = await machineOf(place, systemId);
    assert.deepEqual(
      [now.status, now.work?.boots, now.statusDeadlineMs],
      ['commissioning', undefined, statusDeadlineMs],
    );
    const [event] = await place.store.listEvents({ machines: { systemIds: [systemId] }, limit: 1 });
    assert.match(sentenceOf(event), /in another network than its home/);
    await boots(place, 20, '10.30.0.9', 'commissioning');
    assert.equal((await machineOf(place, systemId)).status, 'failed-commissioning', 'those at its home are its own');
  }));

test('boots in another network are neither a start of its disk nor a sign that its system is up', () =>
  withLink(async (place) => {
    const systemId = await atWork(place);
    await leased(place, 1, '10.30.0.9');
    await boots(place, 2, '10.20.0.66', 'local');
    const events = await place.store.listEvents({ machines: { systemIds: [systemId] }, limit: 200 });
    assert.deepEqual(readDiskStarts(events, place.clock.wallTimeMs()), { isUp: false, starts: 0 });
    assert.equal(hasStartedSince(events), false);
    await boots(place, 20, '10.30.0.9', 'local');
    const later = await place.store.listEvents({ machines: { systemIds: [systemId] }, limit: 200 });
    assert.deepEqual(readDiskStarts(later, place.clock.wallTimeMs()), { isUp: true, starts: BOOTS_MAX + 2 });
    assert.equal(hasStartedSince(later), true);
  }));

test('no kind of report from another network changes a machine at work, or counts as its own in its log', () =>
  withLink(async (place) => {
    const { region, store, clock } = place;
    const systemId = await atWork(place);
    await leased(place, 1, '10.30.0.9');
    const before = await machineOf(place, systemId);
    const purposes = ['commissioning', 'local', 'enlist', undefined];
    const samples = [...EVENT_KINDS.keys()].flatMap((kind) =>
      purposes.map((purpose) => ({ kind, params: selectReportParams(reportedSample(kind, { purpose })), text: kind })),
    );
    let sequence = 1;
    for (const sample of samples) {
      await clock.leap(BOOT_MS);
      sequence += 1;
      const report = { ...sample, mac: formatMac(NIC), address: '10.20.0.66', sequence, at: clock.wallTimeMs() };
      await region.observe([report], 'source');
    }
    assert.ok(sequence > 4 * BOOTS_MAX);
    assert.deepEqual(await machineOf(place, systemId), before);
    const events = await store.listEvents({ machines: { systemIds: [systemId] }, limit: 1000 });
    assert.deepEqual(readDiskStarts(events, clock.wallTimeMs()), { isUp: false, starts: 0 });
    assert.equal(hasStartedSince(events), false);
  }));

test('a machine’s home racks get its home while that network is served', () =>
  withLink(async (place) => {
    const systemId = await atWork(place);
    const reported = async () =>
      (await place.region.desiredState(UUID)).machines.find((one) => one.systemId === systemId);
    assert.equal((await reported())?.home, at('10.30.0.9'));
    await changeStatus(place.region, systemId, 'ready', { username: 'bob' });
    assert.deepEqual(
      [(await reported())?.home, (await reported())?.bootToken],
      [at('10.30.0.9'), undefined],
      'even while it is not at work',
    );
    await greet(place, NETWORKS.slice(0, 1));
    assert.equal((await reported())?.home, undefined, 'a home that nobody serves binds nobody');
    await leased(place, 1, '10.20.0.66');
    assert.equal((await machineOf(place, systemId)).home, at('10.20.0.66'), 'and is found again');
  }));

test('a person moves a machine to another network of the same rack, and its work gets a new token', () =>
  withLink(async (place) => {
    const systemId = await atWork(place);
    const before = (await machineOf(place, systemId)).bootToken;
    const headers = await adminHeader(place);
    const move = (name: string) =>
      place.ask('POST', `api/2.0/machines/${systemId}/?op=move`, {
        headers,
        body: new URLSearchParams({ rack: 'rack', network: name }),
      });
    const wrong = await move('nowhere');
    assert.match(wrong.text, /rack rack has no accepted network nowhere/);
    for (const name of ['lab', '10.20.0.0/24']) assert.equal((await move(name)).status, 200, name);
    assert.notEqual((await machineOf(place, systemId)).bootToken, before);
    assert.equal(await job(place, systemId, '10.20.0.66'), 200);
    assert.equal(await job(place, systemId, '10.30.0.9'), 403);
    const [event] = await place.store.listEvents({ machines: { systemIds: [systemId] }, limit: 1 });
    assert.match(sentenceOf(event), /^moved to rack rack, network 10\.20\.0\.0\/24$/);
  }));

test('only a New machine may be at an address outside all networks', () =>
  withLink(async (place) => {
    await greet(place, NETWORKS);
    const { homes } = place.region.racks;
    const home = at('10.30.0.9');
    assert.equal(homes.isAway({ home, status: 'new', addresses: [] }, at('10.20.0.66')), false);
    assert.equal(homes.isAway({ home, status: 'ready', addresses: [] }, at('10.20.0.66')), true);
    assert.equal(homes.isAway({ home, status: 'ready', addresses: [] }, ipv4(1)), true);
    assert.equal(homes.isAway({ home: undefined, status: 'ready', addresses: [] }, ipv4(1)), false);
    const device = {
      home,
      status: 'deployed',
      device: '',
      addresses: [{ mac: mac(1), address: at('10.20.0.9') }],
    } as const;
    assert.equal(homes.isAway(device, at('10.20.0.66')), false, 'a device is at home where it has addresses');
    assert.equal(homes.isAway(device, at('10.30.0.9')), true);
    assert.equal(homes.isAway({ ...device, addresses: [] }, at('10.30.0.9')), false);
  }));

test('a redundant rack that sees a machine in another of its networks does not move the machine’s home', () =>
  withLink(async (place) => {
    const systemId = await atWork(place);
    await greet(place, NETWORKS.slice(0, 1));
    const own = { uuid: RACK_UUID, interfaces: [network('far', '10.30.0.0/24'), network('near', '10.31.0.0/24')] };
    await acceptRack(place.region, own);
    const key = { kind: 'own', token: 'token-of-rack-3', secretDigest: digestOf('secret-of-rack-3') } as const;
    const other = { uuid: OTHER_UUID, name: 'rack-3', key, interfaces: [network('far', '10.30.0.0/24')] };
    await acceptRack(place.region, other);
    await place.region.racks.judge([OTHER_UUID], 'accept', 'bob', ['10.30.0.0/24']);
    assert.equal(place.region.racks.homes.racksAt(at('10.30.0.9')).length, 2);
    const report = { kind: 'dhcp.ack', at: 1, mac: formatMac(NIC), address: '10.31.0.66', text: 'Leased' };
    await place.region.observe([{ ...report, sequence: 1 }], 'rack-2', RACK_UUID);
    assert.equal((await machineOf(place, systemId)).home, at('10.30.0.9'));
  }));

test('networks of one interface, and of one shared wire, are one home', () =>
  withLink(async (place) => {
    const systemId = await atWork(place);
    for (const more of [{ interface: 'far' }, { interface: '', shared: 'hall' }]) {
      await greet(place, [network('far', '10.30.0.0/24', more), network('far-too', '10.31.0.0/24', more)]);
      assert.equal(await job(place, systemId, '10.31.0.9'), 200, JSON.stringify(more));
    }
    await greet(place, [
      network('far', '10.30.0.0/24', { interface: '' }),
      network('far-too', '10.31.0.0/24', { interface: '' }),
    ]);
    assert.equal(await job(place, systemId, '10.31.0.9'), 403, 'each relayed network is a wire of its own');
  }));
