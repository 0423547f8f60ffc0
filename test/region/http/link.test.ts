// The link of a remote rack, over HTTP without a port: registration, state, events, heartbeat.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { mac } from '../../../src/ground/address.ts';
import { RackError } from '../../../src/ground/errors.ts';
import { parseDesiredState, parseStateChanges, STATE_CHANGES_IM } from '../../../src/machines/desired-state.ts';
import type { DesiredState } from '../../../src/machines/machine.ts';
import { RACKS_PAGE } from '../../../src/region/page/racks/racks-page.ts';
import { CHANGES_KEPT_MAX } from '../../../src/region/racks/machine-mirror.ts';
import { ENTRIES_MAX } from '../../../src/region/racks/rack-news.ts';
import { REFUSED_KEPT_MAX } from '../../../src/region/records/rack.ts';
import { assertStatus } from '../../support/answered.ts';
import { changeStatus } from '../../support/change-status.ts';
import { sentenceOf } from '../../support/sentences.ts';
import { viewOf } from '../page/view.ts';
import { bootReport, report } from '../place.ts';
import {
  acceptRack,
  batchOf,
  heartbeatOf,
  OTHER_UUID,
  postEntry,
  RACK_KEY_SECRET,
  RACK_TOKEN,
  RACK_UUID,
  rackAuthorization,
  rackInterface,
  registrationFields,
  reportEntry,
  SOURCE,
} from '../racks/rack-place.ts';
import { adminHeader, RACK, withLink } from './link-place.ts';

const BAD_BATCHES: readonly (readonly [name: string, body: unknown])[] = [
  ['no JSON object', []],
  ["another rack's source", batchOf([], { source: `${OTHER_UUID}/x` })],
  ['sequences that go back', batchOf([reportEntry(2), reportEntry(1)])],
  ['one sequence twice', batchOf([reportEntry(2), reportEntry(2)])],
  ['an invalid sequence', batchOf([reportEntry(-1)])],
  ['too many entries', batchOf(Array.from({ length: ENTRIES_MAX + 1 }, (_, index) => reportEntry(index)))],
  ['no count of what was lost', { source: SOURCE, entries: [] }],
];

test(
  'a rack without a key waits until an administrator accepts it, and is served from then on',
  { timeout: 20_000 },
  () =>
    withLink(async (place) => {
      const { register, rack, ask, region } = place;
      const first = await assertStatus(register(), 202);
      assert.match(first.text, /rackboot racks accept rack-2/);
      const held = await assertStatus(rack('state'), 403);
      assert.match(held.text, /rackboot racks accept rack-2/);
      await assertStatus(register({}, RACK), 202);

      const admin = await adminHeader(place);
      const listed = JSON.parse((await ask('GET', 'api/1.0/nodegroups/?op=list', { headers: admin })).text);
      assert.deepEqual(
        [listed[0].uuid, listed[0].name, listed[0].cluster_name, listed[0].status],
        [RACK_UUID, 'rack-2', 'rack-2', 0],
      );
      await assertStatus(ask('POST', 'api/1.0/nodegroups/?op=accept', { headers: RACK }), 403);
      await assertStatus(
        ask('POST', 'api/1.0/nodegroups/?op=accept', {
          headers: admin,
          body: new URLSearchParams({ uuid: RACK_UUID }),
        }),
        200,
      );
      assert.deepEqual(JSON.parse((await register()).text), { uuid: RACK_UUID, status: 'accepted' });
      await assertStatus(rack('state'), 200);
      const read = await ask('GET', `api/2.0/nodegroups/${RACK_UUID}/`, { headers: admin });
      assert.equal(JSON.parse(read.text).status, 1);
      const controllers = JSON.parse((await ask('GET', 'api/2.0/rackcontrollers/', { headers: admin })).text);
      assert.deepEqual([controllers[0].hostname, controllers[0].ip_addresses], ['rack-2', ['10.50.0.1']]);
      assert.ok(
        (await region.store.listEvents({ level: 'audit', limit: 10 })).some(({ username }) => username === 'admin'),
      );

      await assertStatus(
        ask('POST', 'api/2.0/nodegroups/?op=reject', {
          headers: admin,
          body: new URLSearchParams({ uuid: RACK_UUID }),
        }),
        200,
      );
      await assertStatus(rack('state'), 403);
      await assertStatus(register(), 403);
      await assertStatus(ask('DELETE', `api/2.0/nodegroups/${RACK_UUID}/`, { headers: admin }), 204);
      await assertStatus(rack('state'), 401);
      await assertStatus(register(), 202);
    }),
);

test('a rack with the key of an administrator is accepted at once, and known by that key', { timeout: 20_000 }, () =>
  withLink(async (place) => {
    const admin = await adminHeader(place);
    const given = { token: '', secret_digest: '' };
    const fields = registrationFields();
    const body = new URLSearchParams(Object.entries(fields).filter(([name]) => !Object.hasOwn(given, name)));
    const answer = await place.ask('POST', 'api/2.0/nodegroups/?op=register', { headers: admin, body });
    assert.deepEqual([answer.status, JSON.parse(answer.text).status], [200, 'accepted']);
    const state = (headers: Readonly<Record<string, string>>) =>
      place.ask('GET', `uplink/1/racks/${RACK_UUID}/state`, { headers });
    await assertStatus(state(admin), 200);
    await assertStatus(state(RACK), 401);
    await assertStatus(place.ask('POST', 'api/2.0/nodegroups/?op=register', { body }), 400);
  }),
);

const BAD_REGISTRATIONS: readonly (readonly [
  name: string,
  change: Readonly<Record<string, string>>,
  status: number,
])[] = [
  ['a UUID in upper case', { uuid: RACK_UUID.replace('2222', 'ABCD') }, 400],
  ['a name that is not a label', { name: 'rack 2' }, 400],
  ['interfaces that are not JSON', { interfaces: '[' }, 400],
  ['interfaces that are not a list', { interfaces: '{}' }, 400],
  ['the whole internet as its network', { interfaces: JSON.stringify([rackInterface('0.0.0.0/0')]) }, 400],
  ['an invalid digest', { secret_digest: 'x' }, 400],
  ['a version with a blank', { version: '1 2' }, 400],
  ['another version of the link', { uplink: '7' }, 409],
];
for (const [name, change, status] of BAD_REGISTRATIONS) {
  test(`a registration with ${name} is refused, and stores nothing`, () =>
    withLink(async ({ register, region }) => {
      const answer = await register(change);
      assert.equal(answer.status, status, answer.text);
      assert.deepEqual(region.racks.list(), []);
    }));
}

test('a caller without the key of a rack gets nothing of it', () =>
  withLink(async ({ region, ask, clock }) => {
    await acceptRack(region);
    const state = (authorization: string | undefined, uuid = RACK_UUID) =>
      ask('GET', `uplink/1/racks/${uuid}/state`, { headers: authorization === undefined ? {} : { authorization } });
    await assertStatus(state(rackAuthorization()), 200);
    for (const wrong of [
      undefined,
      '',
      'Basic YTpi',
      rackAuthorization(RACK_TOKEN, 'wrong'),
      rackAuthorization('wrong', RACK_KEY_SECRET),
      rackAuthorization(RACK_TOKEN, ''),
    ]) {
      await clock.pass(5000);
      await assertStatus(state(wrong), 401, wrong);
    }
    await clock.pass(5000);
    await assertStatus(state(rackAuthorization(), OTHER_UUID), 401);
    let last = 401;
    for (let count = 0; count < 60; count += 1) last = (await state('wrong')).status;
    assert.equal(last, 429);
    await assertStatus(state(rackAuthorization()), 200);
    const other = await assertStatus(ask('GET', `uplink/2/racks/${RACK_UUID}/state`, { headers: RACK }), 409);
    assert.match(other.text, /version 2 .* version 1/);
  }));

test('the state has the tag of its version, and is not sent to a rack that has it', () =>
  withLink(
    async ({ region, rack }) => {
      await acceptRack(region);
      const count = 250;
      for (let index = 0; index < count; index += 1) await region.enlist(bootReport([0x525400000000 + index]));
      const whole = await rack('state');
      const tag = String(whole.headers.etag);
      assert.match(tag, new RegExp(`^"${count}[.]`));
      assert.deepEqual(JSON.parse(whole.text), JSON.parse(JSON.stringify(await region.desiredState(RACK_UUID))));
      for (const sent of [tag, `W/${tag}`, `"1", ${tag}`]) {
        const known = await rack('state', undefined, { 'if-none-match': sent });
        assert.deepEqual([known.status, known.text], [304, ''], sent);
      }
      // A change that only a report brings is not news to a rack.
      await region.enlist(report([0x5254000b0000]));
      await assertStatus(rack('state', undefined, { 'if-none-match': tag }), 304);
      // The same version of a region that started with an older database may be another state.
      const ofOtherStart = tag.replace(/[^.]+"$/, (start) => `${'A'.repeat(start.length - 1)}"`);
      await assertStatus(rack('state', undefined, { 'if-none-match': ofOtherStart }), 200);
      await region.enlist(bootReport([0x5254000a0000]));
      const next = await rack('state', undefined, { 'if-none-match': tag });
      assert.equal(JSON.parse(next.text).machines.length, count + 1);
    },
    { newMachinesMax: 1000 },
  ));

test('a rack that takes changes gets only these, and has the same state as one that gets all of it', () =>
  withLink(async ({ region, rack }) => {
    await acceptRack(region);
    let known: { readonly state: DesiredState; readonly tag: string } | undefined;
    const follow = async (): Promise<readonly [number, number]> => {
      const headers = known === undefined ? {} : { 'if-none-match': known.tag, 'a-im': STATE_CHANGES_IM };
      const { status, text, headers: sent } = await rack('state', undefined, headers);
      assert.equal(sent.im, status === 226 ? STATE_CHANGES_IM : undefined);
      const value = JSON.parse(text);
      const parsed =
        status === 226 && known !== undefined ? parseStateChanges(value, known.state) : parseDesiredState(value);
      assert.ok(parsed.ok, parsed.ok ? '' : parsed.problem);
      known = { state: parsed.state, tag: String(sent.etag) };
      const bySystemId = ({ machines, ...rest }: DesiredState) => ({
        ...rest,
        machines: [...machines].sort((a, b) => (a.systemId < b.systemId ? -1 : 1)),
      });
      const whole = await rack('state');
      assert.deepEqual(bySystemId(JSON.parse(JSON.stringify(parsed.state))), bySystemId(JSON.parse(whole.text)));
      return [status, value.machines.length];
    };
    const macOf = (index: number) => 0x525400000000 + index;
    const systemIdOf = async (index: number) =>
      (await region.store.listMachines({ macs: [mac(macOf(index))] }, 0, 1))[0]?.systemId ?? '';
    for (let index = 0; index < 20; index += 1) await region.enlist(bootReport([macOf(index)]));
    assert.deepEqual(await follow(), [200, 20]);
    await region.enlist(bootReport([macOf(20)]));
    await region.editMachine(await systemIdOf(3), { hostname: 'renamed' }, 'ann');
    assert.deepEqual(await follow(), [226, 2]);
    await region.removeMachine(await systemIdOf(4), 'ann');
    assert.deepEqual(await follow(), [226, 0]);
    await changeStatus(region, await systemIdOf(5), 'commissioning', { username: 'bob' });
    assert.deepEqual(await follow(), [226, 1]);
    // Which machines' homes a rack gets depends on the networks of the racks.
    await rack('heartbeat', heartbeatOf({ interfaces: [rackInterface('10.77.0.0/24')] }));
    assert.equal((await follow())[0], 200);
    await region.editMachine(await systemIdOf(3), { hostname: 'renamed-again' }, 'ann');
    assert.equal((await follow())[0], 226);
    // Changes too long ago are not remembered.
    for (let count = 0; count <= CHANGES_KEPT_MAX; count += 1) {
      await region.editMachine(await systemIdOf(3), { hostname: `renamed-${count}` }, 'ann');
      await region.desiredState();
    }
    assert.equal((await follow())[0], 200);
  }));

test('events are stored once and in order, even if they are sent again', () =>
  withLink(async ({ region, rack, store }) => {
    await acceptRack(region);
    const send = async (from: number, to: number) => {
      const entries = Array.from({ length: to - from + 1 }, (_, index) => reportEntry(from + index));
      return JSON.parse((await rack('events', batchOf(entries))).text);
    };
    assert.deepEqual(await send(1, 3), { stored: 3, refused: [] });
    assert.deepEqual(await send(1, 3), { stored: 3, refused: [] });
    assert.deepEqual(await send(2, 5), { stored: 5, refused: [] });
    // An outbox restored from a copy learns how far the region is.
    assert.deepEqual(await send(1, 1), { stored: 5, refused: [] });
    const texts = (await store.listEvents({ limit: 50 })).map(sentenceOf).filter((text) => text.startsWith('report'));
    assert.deepEqual(texts, ['report 5', 'report 4', 'report 3', 'report 2', 'report 1']);
    // A rack with a new outbox numbers from 1 again.
    const renumbered = await rack(
      'events',
      batchOf([reportEntry(1, 'renumbered')], { source: `${RACK_UUID}/outbox-2` }),
    );
    assert.equal(JSON.parse(renumbered.text).stored, 1);
    assert.equal(sentenceOf((await store.listEvents({ limit: 1 }))[0]), 'renumbered');
  }));

test("a machine's post that a rack kept runs once, as if the machine had sent it from its network", () =>
  withLink(async ({ region, rack, store }) => {
    await acceptRack(region);
    const entries = [
      reportEntry(1, 'before', { mac: '52:54:00:00:00:01', kind: 'dhcp.ack', address: '10.50.0.77' }),
      postEntry(2, '52:54:00:00:00:01'),
      reportEntry(3, 'after', { mac: '52:54:00:00:00:01' }),
      postEntry(4, '52:54:00:00:00:02', { path: '/MAAS/api/1.0/nodes/?op=new' }),
    ];
    for (let count = 0; count < 2; count += 1) {
      assert.deepEqual(JSON.parse((await rack('events', batchOf(entries))).text), { stored: 4, refused: [] });
    }
    const machines = await store.listMachines({}, 0, 10);
    assert.deepEqual(
      machines.map(({ status, interfaces }) => [status, interfaces[0]?.mac]),
      [
        ['new', 0x525400000001],
        ['new', 0x525400000002],
      ],
    );
    const own = await store.listEvents({ machines: { systemIds: [machines[0]?.systemId ?? ''] }, limit: 10 });
    assert.deepEqual(
      own.map(sentenceOf).filter((text) => !text.startsWith('reported')),
      ['after', 'before'],
    );
    // It ran once: a second run would have left an event in the machine's log.
    assert.equal(own.filter((event) => sentenceOf(event).startsWith('reported')).length, 1);
  }));

test("a kept post carries the token of its boot, and its rack's voucher", () =>
  withLink(async ({ region, rack, store }) => {
    await acceptRack(region);
    const boot = (sequence: number, more: object) => postEntry(sequence, '52:54:00:00:00:01', more);
    await rack('events', batchOf([boot(1, { bootMac: '52:54:00:00:00:01', token: 'x'.repeat(32) })]));
    const [machine] = await store.listMachines({}, 0, 10);
    assert.equal(machine?.vouchedMac, 0x525400000001);
    await changeStatus(region, machine?.systemId ?? '', 'commissioning', { username: 'bob' });
    const token = (await region.desiredState()).machines[0]?.bootToken;
    await rack(
      'events',
      batchOf([boot(2, { bootMac: '52:54:00:00:00:01' }), boot(3, { token, bootMac: '52:54:00:00:00:01' })]),
    );
    const types = (await store.listEvents({ machines: { systemIds: [machine?.systemId ?? ''] }, limit: 2 })).map(
      ({ type }) => type,
    );
    assert.deepEqual(types, ['NODE_COMMISSIONING_EVENT', 'NODE_ENLISTMENT_IGNORED']);
  }));

test('entries are refused one by one, and the refusals are repeated if the answer was lost', () =>
  withLink(async ({ region, rack, store }) => {
    await acceptRack(region);
    const entries = [
      reportEntry(1),
      postEntry(2, '52:54:00:00:00:01', { peer: '10.20.0.5' }),
      { sequence: 3, kind: 'report', report: { kind: 7 } },
      { sequence: 4, kind: 'unheard-of' },
      postEntry(5, 'not an address'),
      postEntry(6, '52:54:00:00:00:01', { path: '/MAAS/api/2.0/nodegroups/?op=accept' }),
      postEntry(7, '52:54:00:00:00:01', { path: '/MAAS/api/2.0/machines/../users/' }),
      postEntry(8, '52:54:00:00:00:01', { contentType: 'text/plain' }),
      postEntry(9, '52:54:00:00:00:09'),
    ];
    const first = JSON.parse((await rack('events', batchOf(entries))).text);
    assert.equal(first.stored, 9);
    assert.deepEqual(
      first.refused.map(({ sequence }: { sequence: number }) => sequence),
      [2, 3, 4, 5, 6, 7, 8],
    );
    assert.match(first.refused[0].reason, /10\.20\.0\.5 is not in a managed network/);
    assert.match(first.refused[3].reason, /mac_addresses/);
    assert.deepEqual(JSON.parse((await rack('events', batchOf(entries))).text), first);
    assert.equal(await store.countMachines({}), 1);
    assert.ok((region.racks.find(RACK_UUID)?.refused.length ?? 0) <= REFUSED_KEPT_MAX);
  }));

test('the newest REFUSED_KEPT_MAX refused entries of a rack are kept', () =>
  withLink(async ({ region }) => {
    await acceptRack(region);
    const refused = Array.from({ length: REFUSED_KEPT_MAX + 1 }, (_, sequence) => ({ sequence, reason: 'no' }));
    await region.racks.keepRefused(RACK_UUID, 'source', refused);
    assert.deepEqual(region.racks.find(RACK_UUID)?.refused, refused.slice(1));
  }));

test('the region answers anything a rack sends, and stores nothing that it does not understand', () =>
  withLink(async ({ region, rack, store }) => {
    await acceptRack(region);
    const value = fc.jsonValue({ maxDepth: 3 });
    const sequence = fc.oneof(fc.integer(), fc.maxSafeInteger(), fc.double(), value);
    const entry = fc.oneof(
      value,
      fc.record(
        {
          sequence,
          kind: fc.oneof(fc.constant('report'), fc.constant('post'), value),
          report: fc.oneof(
            value,
            fc.record({ kind: fc.string(), at: sequence, text: fc.string(), mac: value, level: value }),
          ),
          post: fc.oneof(
            value,
            fc.record({
              at: sequence,
              peer: fc.string(),
              contentType: fc.string(),
              path: fc.webPath(),
              body: fc.base64String(),
            }),
          ),
        },
        { requiredKeys: [] },
      ),
    );
    const source = fc.oneof(fc.constant(SOURCE), fc.string());
    const batch = fc.oneof(value, fc.record({ source, missed: sequence, entries: fc.oneof(value, fc.array(entry)) }));
    const beat = fc.record(
      Object.fromEntries(
        Object.entries(heartbeatOf()).map(([name, good]) => [name, fc.oneof(fc.constant(good), value)]),
      ),
      { requiredKeys: [] },
    );
    await fc.assert(
      fc.asyncProperty(fc.boolean(), batch, fc.oneof(value, beat), async (isBeat, events, news) => {
        const answer = isBeat ? await rack('heartbeat', news) : await rack('events', events);
        assert.ok([200, 400, 409].includes(answer.status), answer.text);
        assert.equal(region.racks.find(RACK_UUID)?.state, 'accepted');
        assert.equal(await store.countMachines({}), 0);
      }),
      { numRuns: 50 },
    );
  }));

test('a turn of a batch is stored whole or not at all, and a store that fails is answered with 503', () =>
  withLink(async ({ region, rack, store, clock }) => {
    const known = await acceptRack(region);
    const before = await region.desiredState();
    const original = store.acceptSequence.bind(store);
    Reflect.set(store, 'acceptSequence', (source: string, sequence: number, atMs: number) => {
      if (sequence >= 3) throw new RackError('store-unavailable', 'the disk is full: make room');
      return original(source, sequence, atMs);
    });
    const entries = [reportEntry(1), postEntry(2, '52:54:00:00:00:01'), postEntry(3, '52:54:00:00:00:02')];
    const answer = await assertStatus(rack('events', batchOf(entries, { missed: 5 })), 503);
    assert.equal(answer.headers['retry-after'], '5');
    assert.equal(await store.countMachines({}), 0);
    assert.equal(region.racks.find(RACK_UUID)?.source, known.source);
    await clock.pass(10_000);
    assert.deepEqual(await region.desiredState(), before);
    Reflect.set(store, 'acceptSequence', original);
    const again = JSON.parse((await rack('events', batchOf(entries, { missed: 5 }))).text);
    assert.deepEqual(again, { stored: 3, refused: [] });
    assert.equal(await store.countMachines({}), 2);
    await rack('events', batchOf(entries, { missed: 5 }));
    const lost = (await store.listEvents({ limit: 20 })).filter(({ type }) => type === 'RACK_EVENTS_LOST');
    assert.equal(lost.length, 1);
    assert.match(sentenceOf(lost[0]), /rack-2 lost 5 events/);
  }));

test("a heartbeat stores the rack's report, and is answered with the region's time", () =>
  withLink(async ({ region, rack, clock, store }) => {
    await acceptRack(region);
    await region.racks.putOwn({ uuid: OTHER_UUID, name: 'rack-1', version: '0.9.9', interfaces: [], pinned: [] });
    const version = await store.desiredVersion();
    const answer = await rack('heartbeat', heartbeatOf({ interfaces: [rackInterface('10.51.0.0/24')] }));
    assert.deepEqual(JSON.parse(answer.text), { version: '0.9.9', uplink: 1, now: clock.wallTimeMs() });
    const known = region.racks.find(RACK_UUID);
    assert.equal(known?.seenMs, clock.wallTimeMs());
    assert.deepEqual([known?.pulse?.applied, known?.pulse?.waiting, known?.pulse?.pinned], [3, 7, ['dns.upstream']]);
    assert.equal(known?.interfaces[0]?.network, '10.51.0.0/24');
    assert.equal(await store.desiredVersion(), version);
    assert.equal(known?.pulse?.settingsRefused, undefined);
    await assertStatus(rack('heartbeat', heartbeatOf({ uplink: 2 })), 409);
    await assertStatus(rack('heartbeat', heartbeatOf({ waiting: -1 })), 400);
    await assertStatus(rack('heartbeat', heartbeatOf({ life: undefined })), 400);
  }));

test('the addresses of a rack’s host are stored with its heartbeat, until it reports none', () =>
  withLink(async ({ rack, region, store }) => {
    await acceptRack(region);
    const addresses = [{ interface: 'eth1', address: '10.50.0.1/24', mac: '52:54:00:00:00:01' }];
    await assertStatus(rack('heartbeat', heartbeatOf({ addresses })), 200);
    assert.deepEqual(region.racks.find(RACK_UUID)?.pulse?.addresses, addresses);
    assert.deepEqual((await store.racks.look(-1))?.racks[0]?.pulse?.addresses, addresses);
    await rack('heartbeat', heartbeatOf());
    assert.equal(region.racks.find(RACK_UUID)?.pulse?.addresses, undefined);
  }));

test('a rack that refuses its settings is shown with the reason until it uses them', () =>
  withLink(async ({ region, rack }) => {
    await acceptRack(region);
    const why = "the region's store: tftp <port> is taken";
    await rack('heartbeat', heartbeatOf({ settingsRefused: why }));
    assert.equal(region.racks.find(RACK_UUID)?.pulse?.settingsRefused, why);
    assert.match(
      `${RACKS_PAGE.render(viewOf(region))}`,
      /refuses its settings from this region.*tftp &lt;port&gt; is taken/,
    );
    await rack('heartbeat', heartbeatOf());
    assert.doesNotMatch(`${RACKS_PAGE.render(viewOf(region))}`, /refuses its settings/);
    const own = { uuid: OTHER_UUID, name: 'rack-1', version: '0.9.9', interfaces: [], pinned: [] };
    await region.racks.putOwn({ ...own, settingsRefused: why });
    assert.match(`${RACKS_PAGE.render(viewOf(region))}`, /refuses its settings/, 'the rack of this process too');
    await region.racks.putOwn(own);
    assert.doesNotMatch(`${RACKS_PAGE.render(viewOf(region))}`, /refuses its settings/);
  }));

test('another DHCP server that a rack sees is shown with the rack until it is gone', () =>
  withLink(async ({ region, rack }) => {
    await acceptRack(region);
    const seen = { ...rackInterface(), foreign_dhcp_ip: '10.50.0.66' };
    await assertStatus(rack('heartbeat', heartbeatOf({ interfaces: [seen] })), 200);
    assert.match(`${RACKS_PAGE.render(viewOf(region))}`, /Another DHCP server answers: 10\.50\.0\.66 on far/);
    await assertStatus(rack('heartbeat', heartbeatOf({ interfaces: [{ ...seen, foreign_dhcp_ip: 'x' }] })), 400);
    await rack('heartbeat', heartbeatOf({ interfaces: [rackInterface()] }));
    assert.doesNotMatch(`${RACKS_PAGE.render(viewOf(region))}`, /another DHCP server/i);
    const own = { uuid: OTHER_UUID, name: 'rack-1', version: '0.9.9', pinned: [] };
    await region.racks.putOwn({
      ...own,
      interfaces: [{ ...rackInterface('10.60.0.0/24'), foreign_dhcp_ip: '10.60.0.66' }],
    });
    assert.match(`${RACKS_PAGE.render(viewOf(region))}`, /another DHCP server/i, 'the rack of this process too');
  }));

test('machines of a remote rack enlist through it, from the networks that it has registered', () =>
  withLink(async ({ region, ask, store }) => {
    await acceptRack(region);
    const enlist = (headers: Readonly<Record<string, string>>, from: string) =>
      ask('POST', 'api/2.0/machines/', {
        body: new URLSearchParams({ architecture: 'amd64', mac_addresses: '52:54:00:00:00:01' }),
        headers,
        from,
      });
    const key = { 'x-rackboot-rack': `${RACK_TOKEN}:${RACK_KEY_SECRET}` };
    const cases: readonly (readonly [string, Readonly<Record<string, string>>, string, number])[] = [
      ['another network', { ...key, 'x-forwarded-for': '10.52.0.9' }, '192.0.2.9', 403],
      ['no address', key, '192.0.2.9', 403],
      ['a wrong key', { 'x-rackboot-rack': `${RACK_TOKEN}:x`, 'x-forwarded-for': '10.50.0.9' }, '192.0.2.9', 403],
      ['a wrong key from a managed network', { 'x-rackboot-rack': 'x' }, '10.50.0.9', 403],
      ['no key', { 'x-forwarded-for': '10.50.0.9' }, '192.0.2.9', 403],
      ['the network itself', {}, '10.50.0.9', 200],
      ['its rack', { ...key, 'x-forwarded-for': '10.50.0.9' }, '192.0.2.9', 200],
    ];
    for (const [name, headers, from, status] of cases) {
      const answer = await enlist(headers, from);
      assert.equal(answer.status, status, `${name}: ${answer.text}`);
    }
    assert.equal(await store.countMachines({}), 1);
  }));

for (const [name, body] of BAD_BATCHES) {
  test(`a batch with ${name} is refused as a whole`, () =>
    withLink(async ({ region, rack, store }) => {
      await acceptRack(region);
      await assertStatus(rack('events', body), 400);
      assert.equal(
        (await store.listEvents({ limit: 10 })).some(({ kind }) => kind !== undefined),
        false,
      );
    }));
}
