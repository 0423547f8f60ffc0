// An anonymous client can only create a machine, or amend a New one, from a managed network and within a rate.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { formatMac, mac } from '../../../src/ground/address.ts';
import { OPERATIONS } from '../../../src/region/api/operations.ts';
import { buildApp, makeContext } from '../../../src/region/http/server.ts';
import { PAGES } from '../../../src/region/page/routes.ts';
import { STATUSES } from '../../../src/region/records/lifecycle.ts';
import type { Machine } from '../../../src/region/records/machine.ts';
import {
  ANONYMOUS_IN_TOTAL,
  ANONYMOUS_PER_ADDRESS,
  ANONYMOUS_PER_NETWORK,
} from '../../../src/region/shares/request-rates.ts';
import { codePoint } from '../../support/any-text.ts';
import { makeRegion, type RegionPlace, report, SECRET } from '../place.ts';

const INSIDE = '10.20.0.100';
const OUTSIDE = '192.0.2.7';
const UUID = '0fd4c0a2-2c4e-4a3c-9a3b-000000000001';

/** Fields by which an anonymous client may claim an identity. */
const CLAIMS: Readonly<Record<string, string>> = {
  'x-forwarded-for': INSIDE,
  forwarded: `for=${INSIDE}`,
  'x-real-ip': INSIDE,
  'x-rackboot-rack': 'not-the-secret',
  'x-rackboot-boot': '52:54:00:00:00:01',
  'x-rackboot-token': 'x'.repeat(32),
  'x-rackboot-control': '',
};

/** Everything that an anonymous caller may reach: a new operation is reachable only if it is written here. */
const REACHABLE: ReadonlySet<string> = new Set([
  '1.0 GET nodes is_registered',
  '1.0 POST nodes new',
  '2.0 GET devices is_registered',
  '2.0 GET machines is_registered',
  '2.0 GET nodes is_registered',
  '2.0 GET rackcontrollers is_registered',
  '2.0 GET regioncontrollers is_registered',
  '2.0 POST machines -',
]);
/** Those that may be reached from anywhere. */
const FROM_ANYWHERE: ReadonlySet<string> = new Set([
  'GET version -',
  'POST nodegroups register',
  'GET files get_by_key',
]);

async function withApp(work: (place: RegionPlace, app: ReturnType<typeof buildApp>) => Promise<void>) {
  const place = await makeRegion({ newMachinesMax: 50 });
  const app = buildApp(makeContext(place.region));
  try {
    await work(place, app);
  } finally {
    await app.close();
    await place.remove();
  }
}

test('of all operations an anonymous caller reaches those of enlistment from inside, and the version, the registration of racks and files by their keys from outside', () =>
  withApp(async ({ clock, store }, app) => {
    for (const { versions, method, path, op } of OPERATIONS) {
      for (const version of versions) {
        const short = `${method} ${path} ${op ?? '-'}`;
        const url = `/MAAS/api/${version}/${path.replace(/\{\w+\}/g, 'aaaaaa')}/${op === undefined ? '' : `?op=${op}`}`;
        for (const [remoteAddress, headers] of [
          [INSIDE, {}],
          [OUTSIDE, {}],
          [OUTSIDE, CLAIMS],
          [INSIDE, CLAIMS],
        ] as const) {
          await clock.pass(5000);
          const { 'x-rackboot-control': _control, ...claims } = headers as Record<string, string>;
          const answer = await app.inject({ method, url, remoteAddress, headers: claims });
          const refusal = answer.headers['x-rackboot-refusal'];
          const name = `${version} ${short} from ${remoteAddress}${'forwarded' in headers ? ' with claims' : ''}`;
          if (FROM_ANYWHERE.has(short)) assert.ok(![401, 403].includes(answer.statusCode), name);
          else if (!REACHABLE.has(`${version} ${short}`)) assert.equal(refusal, 'not-authenticated', name);
          else if (remoteAddress === INSIDE && !('forwarded' in headers)) assert.notEqual(answer.statusCode, 403, name);
          else assert.equal(refusal, 'not-from-here', name);
        }
      }
    }
    assert.equal(await store.countMachines({}), 0);
  }));

test('only the operations reveal a machine to an anonymous client', () =>
  withApp(async ({ region, clock }, app) => {
    const outcome = await region.enlist(report([0x525400000001], { hostname: 'very-secret' }));
    if (outcome.kind === 'refuse') throw new Error(outcome.refusal.text);
    const { systemId } = outcome.machine;
    const rack = '8a6f2f2e-0000-4000-8000-000000000001';
    const urls = [
      '/',
      ...PAGES.map(({ path }) => path.replace(':machine', systemId).replace(/:\w+/g, 'on')),
      '/MAAS/login/',
      '/MAAS/logout/',
      '/MAAS/rackboot/agent.sh',
      '/MAAS/rackboot/enlist.preseed',
      '/MAAS/api/version/',
      '/MAAS/api/1.0/describe/',
      '/MAAS/api/2.0/describe/',
      ...['state', 'changes', 'events', 'heartbeat'].map((name) => `/MAAS/uplink/1/racks/${rack}/${name}`),
      '/MAAS/metadata/latest/meta-data/local-hostname',
    ];
    for (const url of urls) {
      for (const method of ['GET', 'POST', 'PUT', 'DELETE'] as const) {
        await clock.pass(5000);
        const answer = await app.inject({
          method,
          url,
          remoteAddress: OUTSIDE,
          headers: { 'x-forwarded-for': INSIDE },
        });
        assert.ok(!answer.body.includes('very-secret') && !answer.body.includes(systemId), `${method} ${url}`);
        assert.notEqual(answer.statusCode, 500, `${method} ${url}`);
      }
    }
  }));

test('beyond its rate an address is refused by name, a network by another, and all addresses together by a third', () =>
  withApp(async (_place, app) => {
    const ask = async (remoteAddress: string) => {
      const answer = await app.inject({ method: 'GET', url: '/MAAS/api/2.0/version/', remoteAddress });
      return String(answer.headers['x-rackboot-refusal'] ?? answer.statusCode);
    };
    const first: string[] = [];
    const own = ANONYMOUS_PER_ADDRESS.burst;
    for (let count = 0; count < own + 2; count += 1) first.push(await ask(INSIDE));
    assert.deepEqual(first.slice(own - 1), ['200', 'rate-limit', 'rate-limit']);
    const others: string[] = [];
    const ofNetwork = ANONYMOUS_PER_NETWORK.burst;
    for (let count = 0; count <= ofNetwork; count += 1) others.push(await ask(`10.30.0.${count % 200}`));
    assert.deepEqual(others.slice(ofNetwork - 1), ['200', 'rate-limit-network']);
    // The others have the rest of the total.
    const rest: string[] = [];
    const left = ANONYMOUS_IN_TOTAL.burst - own - ofNetwork;
    for (let count = 0; count <= left; count += 1) rest.push(await ask(`10.40.${count >> 7}.${count & 127}`));
    assert.deepEqual(rest.slice(left - 1), ['200', 'rate-limit-all']);
    const answer = await app.inject({ method: 'GET', url: '/MAAS/api/2.0/version/', remoteAddress: '10.99.0.1' });
    assert.match(answer.body, /all addresses: 1200 at once, then 200 a second/);
    assert.equal(answer.headers['retry-after'], '5');
  }));

const NICS = Array.from({ length: 26 }, (_, index) => 0x525400000001 + index);
const nasty = fc.oneof(
  fc.string({ unit: codePoint, maxLength: 300 }),
  fc.constantFrom(
    'SN100',
    'None',
    '$(reboot)',
    '</script>',
    '\u001b[31m',
    '\u202e',
    '"; DROP TABLE machine; --',
    'a'.repeat(5000),
  ),
);
const post = fc.record({
  macs: fc.array(fc.constantFrom(...NICS), { minLength: 1, maxLength: 5 }),
  uuid: fc.option(fc.constantFrom(UUID, UUID.replace(/1$/, '2')), { nil: undefined }),
  serial: fc.option(nasty, { nil: undefined }),
  text: nasty,
  powerType: fc.constantFrom('', 'ipmi', 'webhook', 'virsh', 'manual'),
  token: fc.option(fc.constantFrom('x'.repeat(32), ''), { nil: undefined }),
  vouched: fc.option(fc.constantFrom(...NICS), { nil: undefined }),
  version: fc.constantFrom('1.0', '2.0'),
});

/** Texts that came from outside are bounded, and hold no control character. */
function assertClean(value: unknown, path = '') {
  if (typeof value === 'string') {
    assert.ok(value.length <= 1024, `${path} is ${value.length} long`);
    assert.doesNotMatch(value, /[\u0000-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/, path);
  } else if (typeof value === 'object' && value !== null) {
    for (const [name, entry] of Object.entries(value)) assertClean(entry, `${path}.${name}`);
  }
}

/** A machine in every state but New, each with an interface and evidence of its own. */
async function populate({ region, store }: RegionPlace): Promise<readonly Machine[]> {
  const inUse = STATUSES.filter(({ status }) => status !== 'new');
  const machines: Machine[] = [];
  for (const [index, { status }] of inUse.entries()) {
    const outcome = await region.enlist(report([NICS[index] ?? 0, 0x525400000100 + index]));
    if (outcome.kind === 'refuse') throw new Error(outcome.refusal.text);
    const fields = { status, bootToken: `token-${index}-${'y'.repeat(24)}`, uuid: index === 0 ? UUID : undefined };
    await store.changeMachine(outcome.machine.systemId, 1, () => ({ kind: 'change', fields, events: [] }));
    const made = await store.findMachine(outcome.machine.systemId);
    if (made === undefined) throw new Error('unreachable');
    machines.push(made);
  }
  return machines;
}

test('whatever a stranger posts, even by way of a rack: no machine that is not New changes, and what is stored is bounded and clean', () =>
  fc.assert(
    fc.asyncProperty(fc.array(post, { minLength: 1, maxLength: 8 }), async (posts) => {
      await withApp(async (place, app) => {
        const machines = await populate(place);
        const before = JSON.stringify([
          machines,
          await place.store.accounts.listUsers(),
          await place.store.listSettings(),
        ]);
        for (const { macs, uuid, serial, text, powerType, token, vouched, version } of posts) {
          await place.clock.pass(10_000);
          const facts = {
            version: 1,
            dmi: { uuid, serial, product: text, board_serial: text },
            cpu: { count: 4, model: text },
            nics: macs.map((one) => ({ name: text.slice(0, 20), mac: formatMac(mac(one)) })),
          };
          const payload = new URLSearchParams({
            architecture: 'amd64/generic',
            mac_addresses: macs.map((one) => formatMac(mac(one))).join(','),
            hostname: text,
            power_type: powerType,
            power_parameters: JSON.stringify({
              power_address: '10.9.0.1',
              power_user: text.slice(0, 90),
              x: text.slice(0, 90),
            }),
            hardware_facts: JSON.stringify(facts),
          }).toString();
          const answer = await app.inject({
            method: 'POST',
            url: version === '1.0' ? '/MAAS/api/1.0/nodes/?op=new' : '/MAAS/api/2.0/machines/',
            remoteAddress: '127.0.0.1',
            headers: {
              'content-type': 'application/x-www-form-urlencoded',
              'x-forwarded-for': INSIDE,
              'x-rackboot-rack': SECRET,
              ...(token === undefined ? {} : { 'x-rackboot-token': token }),
              ...(vouched === undefined ? {} : { 'x-rackboot-boot': formatMac(mac(vouched)) }),
            },
            payload,
          });
          assert.ok(answer.statusCode < 500, answer.body);
          assert.ok(!answer.body.includes('yyyy'), 'an answer shows a token');
        }
        const now = await Promise.all(machines.map(({ systemId }) => place.store.findMachine(systemId)));
        assert.equal(
          JSON.stringify([now, await place.store.accounts.listUsers(), await place.store.listSettings()]),
          before,
        );
        for (const machine of await place.store.listMachines({ statuses: ['new'] }, 0, 100)) assertClean(machine);
        assertClean(await place.store.listEvents({ limit: 200 }));
        const owners = (await place.store.listMachines({}, 0, 100)).flatMap((one) =>
          one.interfaces.map((nic) => nic.mac),
        );
        assert.equal(new Set(owners).size, owners.length);
      });
    }),
    { numRuns: 10 },
  ));
