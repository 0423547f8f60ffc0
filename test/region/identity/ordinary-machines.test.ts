// How many machines a user without administrator's rights may add.

import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { ipv4, mac } from '../../../src/ground/address.ts';
import { UNBOOTED_PER_USER_MAX } from '../../../src/region/identity/enlistment.ts';
import type { EnlistmentReport } from '../../../src/region/identity/enlistment-report.ts';
import type { Region } from '../../../src/region/region.ts';
import { bootReport, report, withRegion } from '../place.ts';
import { acceptRack, rackInterface } from '../racks/rack-place.ts';

const FIRST = 0x525400000001;
const SECOND = 0x525400000002;
const OTHER = { name: 'other', interface: 'eth2' };
const THIRD = 0x525400000003;

/** The result of a report: the machine's id, or the sentence of the refusal. */
async function resultOf(region: Region, of: EnlistmentReport) {
  const outcome = await region.enlist(of);
  return outcome.kind === 'refuse' ? outcome.refusal.text : outcome.machine.systemId;
}

const added = (nic: number, username = 'olga') => report([nic], { username, isOrdinary: true });

/** Makes the store count `more` machines for each user beyond those that it has. */
function countMore(t: TestContext, { store }: Region, more: number) {
  const enlist = store.enlist.bind(store);
  t.mock.method(store, 'enlist', (...[asked, decide]: Parameters<typeof store.enlist>) =>
    enlist(asked, (known) =>
      decide({ ...known, unbooted: known.unbooted === undefined ? undefined : known.unbooted + more }),
    ),
  );
}

const FULL = /^you have added 1000 machines .*maximum is 1000: /;

test(`an ordinary user adds at most ${UNBOOTED_PER_USER_MAX} machines that no rack has booted; others are not concerned`, (t) =>
  withRegion(async ({ region }) => {
    countMore(t, region, UNBOOTED_PER_USER_MAX - 1);
    const mine = await resultOf(region, added(FIRST));
    assert.equal((await region.store.findMachine(mine))?.addedBy, 'olga');
    const outcome = await region.enlist(added(SECOND));
    assert.equal(outcome.kind === 'refuse' && outcome.refusal.name, 'added-machines-limit');
    assert.match(await resultOf(region, added(SECOND)), FULL);
    for (const other of [report([SECOND], { username: 'ann' }), added(THIRD, 'paul'), report([0x525400000004])]) {
      assert.doesNotMatch(await resultOf(region, other), FULL);
    }
  }));

test('a place is free again when a rack has booted one of the machines, and when an administrator deletes one', (t) =>
  withRegion(async ({ region, clock }) => {
    countMore(t, region, UNBOOTED_PER_USER_MAX - 1);
    const first = await resultOf(region, added(FIRST));
    assert.match(await resultOf(region, added(SECOND)), FULL);
    assert.equal(await resultOf(region, bootReport([FIRST])), first);
    const second = await resultOf(region, added(SECOND));
    assert.doesNotMatch(second, FULL);
    assert.match(await resultOf(region, added(THIRD)), FULL);
    await region.store.removeMachine(second, {
      type: 'NODE_REMOVED',
      level: 'audit',
      code: 'machine-deleted',
      params: { hostname: 'nas', systemId: second },
      atMs: clock.wallTimeMs(),
      username: 'ann',
    });
    assert.doesNotMatch(await resultOf(region, added(THIRD)), FULL);
  }));

test('a device of an ordinary user keeps no machine out: one that boots from its interface is enlisted', () =>
  withRegion(async ({ region, clock }) => {
    const add = (nic: number, addedBy: string | undefined) =>
      region.store.enlist<never>({ macs: [mac(nic)], values: [], atMs: clock.wallTimeMs() }, () => ({
        kind: 'create',
        systemId: `dev${nic % 100}`,
        events: [],
        fields: {
          hostname: `box${nic % 100}`,
          description: '',
          domain: 'maas',
          device: '',
          addedBy,
          owner: 'olga',
          status: 'deployed',
          statusSinceMs: 1,
          netboot: false,
          architecture: 'amd64',
          subarchitecture: 'generic',
          osystem: '',
          release: '',
          powerType: '',
          powerParameters: {},
          powerState: 'unknown',
        },
        interfaces: [{ mac: mac(nic), name: 'eth0', source: 'person' }],
      }));
    await add(FIRST, 'olga');
    await add(SECOND, undefined);
    await region.machinesChanged();
    const purposes = (await region.desiredState()).machines.map(({ purpose, macs }) => [macs[0], purpose]);
    assert.deepEqual(purposes, [
      [FIRST, 'enlist'],
      [SECOND, 'local'],
    ]);
    const device = (await region.store.listMachines({ isDevice: true, macs: [mac(FIRST)] }, 0, 1))[0];
    assert.equal(await resultOf(region, report([FIRST])), device?.systemId, 'a report without a boot changes nothing');
    const enlisted = await region.enlist(bootReport([FIRST]));
    assert.ok(enlisted.kind === 'create');
    assert.deepEqual([enlisted.machine.status, enlisted.machine.interfaces[0]?.mac], ['new', FIRST]);
    assert.equal(await region.store.findMachine(device?.systemId ?? ''), undefined);
    const [event] = await region.store.listEvents({ level: 'warning', limit: 1 });
    assert.deepEqual([event?.type, event?.code], ['NODE_REMOVED', 'device-enlisted']);
    const kept = await region.enlist(bootReport([SECOND]));
    assert.deepEqual([kept.kind, kept.kind !== 'refuse' && kept.machine.device], ['unchanged', '']);
  }));

test('a report from outside the networks of a device with addresses removes no device, and enlists nothing', () =>
  withRegion(async ({ region, clock }) => {
    await region.store.enlist<never>({ macs: [mac(FIRST)], values: [], atMs: 1 }, () => ({
      kind: 'create',
      systemId: 'dev001',
      events: [],
      fields: {
        hostname: 'nas',
        description: '',
        domain: 'maas',
        device: '',
        addedBy: 'olga',
        owner: 'olga',
        status: 'deployed',
        statusSinceMs: 1,
        netboot: false,
        architecture: 'amd64',
        subarchitecture: 'generic',
        osystem: '',
        release: '',
        powerType: '',
        powerParameters: {},
        powerState: 'unknown',
      },
      interfaces: [{ mac: mac(FIRST), name: 'eth0', source: 'person' }],
    }));
    const address = ipv4(0x0a140009);
    await region.store.changeMachine<never>('dev001', clock.wallTimeMs(), () => ({
      kind: 'change',
      fields: {},
      addresses: [{ mac: mac(FIRST), address }],
      events: [],
    }));
    await acceptRack(region, {
      interfaces: [rackInterface('10.20.0.0/24'), { ...rackInterface('10.30.0.0/24'), ...OTHER }],
    });
    const from = (sender: number) =>
      bootReport([FIRST], { address: ipv4(sender), isAway: (one) => region.racks.homes.isAway(one, ipv4(sender)) });
    const kept = await region.enlist(from(0x0a1e0009));
    assert.deepEqual([kept.kind, kept.kind !== 'refuse' && kept.machine.systemId], ['unchanged', 'dev001']);
    assert.equal(await region.store.countMachines({}), 0);
    const events = await region.store.listEvents({ limit: 9 });
    assert.deepEqual(
      events.filter(({ code }) => code === 'report-ignored').map(({ type }) => type),
      ['NODE_ENLISTMENT_IGNORED'],
    );
    assert.equal((await region.enlist(from(0x0a140042))).kind, 'create');
    assert.equal(await region.store.findMachine('dev001'), undefined);
  }));
