// Requests that a remote rack forwards, even for people of a network that no other rack has, take nothing from clients that reach the
// region directly.

import assert from 'node:assert/strict';
import { mock, test } from 'node:test';
import Fastify from 'fastify';
import { createApiKey } from '../../../src/region/accounts/accounts.ts';
import { addRoutes } from '../../../src/region/http/routes.ts';
import { makeContext } from '../../../src/region/http/server.ts';
import { UNASKED_ADDRESSES_MAX } from '../../../src/region/racks/rack-networks.ts';
import { sentenceOf } from '../../support/sentences.ts';
import { addAdmin } from '../accounts/administrator.ts';
import { adminHeader, type LinkPlace, withLink } from '../http/link-place.ts';
import { withRegion } from '../place.ts';
import { waysInto } from '../ways.ts';
import {
  acceptRack,
  digestOf,
  heartbeatOf,
  OTHER_UUID,
  RACK_KEY_SECRET,
  RACK_TOKEN,
  RACK_UUID,
  rackAuthorization,
  rackInterface,
} from './rack-place.ts';

const PASSWORD = 'long enough';
/** The administrators' office: a network of no rack, until one reports it. */
const OFFICE = '10.64.0.0/10';
const DESK = '10.64.7.9';
const KEY = `${RACK_TOKEN}:${RACK_KEY_SECRET}`;
/** More guesses than an address, and a network, may have checked. */
const GUESSES = 80;

const spokenFor = (address: string) => ({ 'x-rackboot-rack': KEY, 'x-forwarded-for': address });
const basic = (password: string) => ({ authorization: `Basic ${Buffer.from(`admin:${password}`).toString('base64')}` });

/** A region with an administrator, and a rack that serves the network of the office. */
const withOffice = (work: (place: LinkPlace) => Promise<void>): Promise<void> =>
  withLink(async (place) => {
    await addAdmin(place.store, place.clock, { username: 'admin', email: '', password: PASSWORD });
    await acceptRack(place.region, { interfaces: [rackInterface(OFFICE)] });
    await place.region.racks.judge([RACK_UUID], 'accept', 'admin', [OFFICE]);
    await work(place);
  });

const signIn = ({ ask }: LinkPlace, password: string, headers = {}, from = DESK) =>
  ask('POST', 'login/', { from, headers, body: new URLSearchParams({ username: 'admin', password, to: '/MAAS/' }) });

test('an administrator signs in from a network in whose name a rack guesses passwords', () =>
  withOffice(async (place) => {
    for (let count = 0; count < GUESSES; count += 1) {
      await signIn(place, `guess ${count}`, spokenFor(DESK));
      await place.ask('GET', '', { headers: { ...spokenFor(`10.64.7.${count}`), ...basic(`guess ${count}`) } });
    }
    assert.equal((await signIn(place, PASSWORD)).status, 303);
    assert.equal((await place.ask('GET', '', { from: DESK, headers: basic(PASSWORD) })).status, 200);
  }));

test('a rack cannot guess a password, whatever addresses it names, and its clients learn where to sign in', () =>
  withOffice(async (place) => {
    const { mock: check } = mock.method(place.region.passwords, 'check');
    // Right once, from this address itself: it is remembered there.
    assert.equal((await place.ask('GET', '', { from: DESK, headers: basic(PASSWORD) })).status, 200);
    const checked = check.callCount();
    assert.equal(checked, 1);
    for (const password of ['wrong', PASSWORD]) {
      for (const address of [DESK, '10.64.7.10']) {
        const form = await signIn(place, password, spokenFor(address));
        const header = await place.ask('GET', '', { headers: { ...spokenFor(address), ...basic(password) } });
        const shown = await place.ask('GET', 'login/', { headers: spokenFor(address) });
        for (const answer of [form, header, shown]) {
          assert.equal(answer.headers['x-rackboot-refusal'], 'sign-in-by-rack', `${password} for ${address}`);
          assert.equal(answer.status, 403);
          assert.match(answer.text, /region's own address/);
          assert.equal(answer.headers['set-cookie'], undefined);
        }
      }
    }
    assert.equal(check.callCount(), checked);
  }));

test('the region names its own address, if configured, to clients that sign in through a rack', () =>
  withLink(
    async (place) => {
      await acceptRack(place.region);
      const answer = await place.ask('GET', 'login/', { headers: spokenFor('10.50.0.9') });
      assert.match(answer.text, /https:\/\/region\.example:5443\/MAAS/);
    },
    { publicUrl: 'https://region.example:5443/MAAS' },
  ));

test('through the rack of the region’s own process people can sign in', () =>
  withOffice(async (place) => {
    const own = { 'x-rackboot-rack': place.config.rackSecret, 'x-forwarded-for': '10.20.0.9' };
    assert.equal((await place.ask('GET', 'login/', { headers: own })).status, 200);
    assert.equal((await signIn(place, PASSWORD, own)).status, 303);
    assert.equal((await place.ask('GET', '', { headers: { ...own, ...basic(PASSWORD) } })).status, 200);
  }));

test('on every route, a password that comes through a rack is not checked and refused', () =>
  withRegion(async (place) => {
    const app = Fastify();
    const ways = waysInto(app);
    const { mock: check } = mock.method(place.region.passwords, 'check');
    addRoutes(app, makeContext(place.region));
    await addAdmin(place.store, place.clock, { username: 'admin', email: '', password: PASSWORD });
    await acceptRack(place.region);
    assert.ok(ways.length > 100, `${ways.length} routes`);
    for (const { method, url } of ways) {
      await place.clock.pass(5000);
      const isRead = method === 'GET' || method === 'HEAD';
      const answer = await app.inject({
        method: isRead ? method : method === 'DELETE' ? 'DELETE' : method === 'PUT' ? 'PUT' : 'POST',
        url,
        remoteAddress: '192.0.2.9',
        headers: {
          ...spokenFor('10.50.0.9'),
          ...basic(PASSWORD),
          ...(isRead ? {} : { 'content-type': 'application/x-www-form-urlencoded' }),
        },
        ...(isRead ? {} : { payload: `username=admin&password=${encodeURIComponent(PASSWORD)}&to=%2FMAAS%2F` }),
      });
      assert.ok(!/^rackboot-\d+=[\w-]+;/.test(String(answer.headers['set-cookie'] ?? '')), `${method} ${url}`);
      assert.ok(!answer.body.includes('<nav'), `${method} ${url}`);
    }
    assert.equal(check.callCount(), 0);
    await app.close();
  }));

test('anonymous requests through a rack use only that rack’s rate', () =>
  withOffice(async (place) => {
    const refusals = new Set<unknown>();
    for (let count = 0; count < 1500; count += 1) {
      const headers = spokenFor(`10.${64 + (count & 15)}.${count >> 4}.9`);
      const answer = await place.ask('GET', 'api/2.0/machines/?op=is_registered&mac_address=52:54:00:00:00:01', {
        headers,
      });
      refusals.add(answer.headers['x-rackboot-refusal']);
    }
    for (let count = 0; count < 40; count += 1)
      await place.ask('GET', 'api/2.0/version/', { headers: spokenFor(DESK) });
    assert.ok(refusals.has('rate-limit-all'), 'the rack is beyond its own');
    for (const from of [DESK, '10.20.0.9'])
      assert.equal((await place.ask('GET', 'api/2.0/version/', { from })).status, 200, from);
  }));

test('requests of machines and of clients with a key pass through a rack', () =>
  withOffice(async (place) => {
    const [consumer, token, secret] = (await createApiKey(place.store, place.clock, 'admin')).split(':');
    const key = { authorization: rackAuthorization(token, secret).replace('"rack"', `"${consumer}"`) };
    const headers = { ...spokenFor('10.64.0.9'), ...key };
    assert.equal((await place.ask('GET', 'api/2.0/machines/', { headers })).status, 200);
    const body = new URLSearchParams({ architecture: 'amd64', mac_addresses: '52:54:00:00:00:01' });
    assert.equal((await place.ask('POST', 'api/2.0/machines/', { headers: spokenFor('10.64.0.9'), body })).status, 200);
  }));

test('racks that register through another rack, under any addresses, leave room for those that register directly', () =>
  withOffice(async (place) => {
    const reported: number[] = [];
    for (let count = 0; count < 60; count += 1) {
      await place.clock.pass(2000);
      const uuid = `22222222-2222-4333-8444-${String(count).padStart(12, '0')}`;
      const more = {
        uuid,
        name: `made-up-${count}`,
        token: `token-${count}`,
        secret_digest: digestOf(`secret-${count}`),
      };
      reported.push((await place.register(more, spokenFor(`10.64.${count}.9`))).status);
    }
    const waiting = () => place.region.racks.list().filter(({ state }) => state === 'pending');
    const [first] = waiting();
    assert.match(first?.address ?? '', new RegExp(`^10\\.64\\.\\d+\\.9 by rack ${RACK_UUID}$`));
    assert.ok(reported.includes(429), 'a rack is one network of them');
    assert.ok(waiting().length < 32, `${waiting().length} wait`);
  }));

/** The warnings about networks that are not believed, oldest first. */
const doubts = async ({ store }: LinkPlace): Promise<readonly string[]> =>
  (await store.listEvents({ limit: 100 }))
    .filter(({ type, level }) => type === 'RACK_CHANGED' && level === 'warning')
    .map(sentenceOf)
    .reverse();
const WIDE_REMEDY = /10\.64\.0\.0\/10 is wider than \/16, .*rackboot racks accept rack-2 --share 10\.64\.0\.0\/10/;
const isManaged = async ({ ask }: LinkPlace, address: string): Promise<boolean> => {
  const answer = await ask('GET', 'api/2.0/machines/?op=is_registered&mac_address=52:54:00:00:00:01', {
    headers: spokenFor(address),
  });
  return answer.headers['x-rackboot-refusal'] !== 'not-from-here';
};

test('a network wider than /16 of a newly accepted rack waits until a person names it', () =>
  withLink(async (place) => {
    const { racks } = place.region;
    await acceptRack(place.region, { interfaces: ['10.50.0.0/24', OFFICE].map((network) => rackInterface(network)) });
    assert.deepEqual(racks.find(RACK_UUID)?.disputed, [OFFICE]);
    assert.deepEqual([await isManaged(place, '10.50.0.9'), await isManaged(place, DESK)], [true, false]);
    assert.equal((await doubts(place)).length, 1);
    assert.match((await doubts(place))[0] ?? '', WIDE_REMEDY);
    await racks.judge([RACK_UUID], 'accept', 'admin', [OFFICE]);
    assert.deepEqual(racks.find(RACK_UUID)?.disputed, []);
    assert.equal(await isManaged(place, DESK), true);
    assert.equal((await doubts(place)).length, 1);
  }));

test('a wide network that a rack reports later waits as well, from a heartbeat or a registration', () =>
  withLink(async (place) => {
    const { racks } = place.region;
    await acceptRack(place.region);
    const interfaces = ['10.50.0.0/24', '10.80.0.0/16', OFFICE].map((network) => rackInterface(network));
    await place.rack('heartbeat', heartbeatOf({ interfaces }));
    await place.rack('heartbeat', heartbeatOf({ interfaces }));
    assert.deepEqual(racks.find(RACK_UUID)?.disputed, [OFFICE], 'a /16 is its own');
    assert.equal((await doubts(place)).length, 1);
    assert.match((await doubts(place))[0] ?? '', WIDE_REMEDY);
    await place.rack('heartbeat', heartbeatOf());
    await place.register({ interfaces: JSON.stringify(interfaces) });
    assert.deepEqual(racks.find(RACK_UUID)?.disputed, [OFFICE]);
    assert.equal(await isManaged(place, DESK), false);
    assert.equal((await doubts(place)).length, 2);
    for (let count = 0; count < 20; count += 1) {
      await place.register({});
      await place.register({ interfaces: JSON.stringify(interfaces) });
    }
    assert.equal((await doubts(place)).length, 4, 'reported at a rate');
  }));

/** As many /16 networks, from 10.`first`.0.0 on. */
const wides = (count: number, first = 80) =>
  Array.from({ length: count }, (_, index) => rackInterface(`10.${first + index}.0.0/16`));

test('a rack has four /16 without agreement, however many it reports; those stay, and a person can agree to more', () =>
  withLink(async (place) => {
    const { racks } = place.region;
    const disputed = () => racks.find(RACK_UUID)?.disputed.length;
    const report = (interfaces: readonly object[]) => place.rack('heartbeat', heartbeatOf({ interfaces }));
    await acceptRack(place.region, { interfaces: [rackInterface('10.50.0.0/24'), rackInterface('10.51.0.0/16')] });
    const agreed = [rackInterface('10.50.0.0/24'), rackInterface('10.51.0.0/16')];
    await report([...agreed, ...wides(4)]);
    assert.equal(disputed(), 0, 'the networks it was accepted with are not counted');
    await report([...agreed, ...wides(200, 56)]);
    assert.equal(disputed(), 196);
    assert.deepEqual([await isManaged(place, '10.83.0.9'), await isManaged(place, '10.56.0.9')], [true, false]);
    assert.match(
      (await doubts(place)).at(-1) ?? '',
      new RegExp(
        `10\\.56\\.0\\.0/16 exceeds the ${UNASKED_ADDRESSES_MAX} addresses that a rack may have without agreement \\(and 195 more\\), so it is not ` +
          'believed; if the rack serves this network, too: rackboot racks accept rack-2 --share 10\\.56\\.0\\.0/16',
      ),
    );
    await racks.judge([RACK_UUID], 'accept', 'admin', ['10.56.0.0/16']);
    assert.equal(await isManaged(place, '10.56.0.9'), true);
  }));

test('a rack that claims as much as it may leaves networks for the next rack', () =>
  withLink(async (place) => {
    const { racks } = place.region;
    await acceptRack(place.region);
    await place.rack('heartbeat', heartbeatOf({ interfaces: wides(200, 56) }));
    const other = {
      uuid: OTHER_UUID,
      name: 'rack-3',
      key: { kind: 'own', token: 't', secretDigest: digestOf('s') },
    } as const;
    await acceptRack(place.region, { ...other, interfaces: [rackInterface('10.200.0.0/24')] });
    assert.deepEqual(racks.find(OTHER_UUID)?.disputed, []);
  }));

test('a rack is accepted with four /16 that no person names, and may have four more later', () =>
  withLink(async (place) => {
    const { racks } = place.region;
    await acceptRack(place.region, { interfaces: wides(50, 56) });
    assert.deepEqual([racks.find(RACK_UUID)?.agreed.length, racks.find(RACK_UUID)?.disputed.length], [4, 42]);
    return Promise.resolve();
  }));

test('the answer to an acceptance and the list name a rack’s wide network; with an administrator’s key it is believed', () =>
  withLink(async (place) => {
    const admin = await adminHeader(place);
    const interfaces = JSON.stringify([rackInterface(OFFICE)]);
    await place.register({ interfaces });
    const body = new URLSearchParams({ uuid: RACK_UUID });
    const accepted = await place.ask('POST', 'api/2.0/nodegroups/?op=accept', { headers: admin, body });
    assert.match(accepted.text, WIDE_REMEDY);
    const listed = await place.ask('GET', `api/2.0/nodegroups/${RACK_UUID}/`, { headers: admin });
    assert.match(JSON.parse(listed.text).network_conflict, WIDE_REMEDY);
    await place.register({ interfaces }, admin);
    assert.deepEqual(place.region.racks.find(RACK_UUID)?.disputed, []);
  }));
