// The contract of every region store, called by the test of each implementation.

import assert from 'node:assert/strict';
import { type Ipv4, ipv4, type MacAddress, mac } from '../../src/ground/address.ts';
import type { Doubt } from '../../src/region/records/events.ts';
import type { NewMachineEvent } from '../../src/region/records/machine-event.ts';
import type { MachineLayout } from '../../src/region/records/machine-layout.ts';
import type { RegionStore } from '../../src/region/records/store.ts';
import type { SettingChange } from '../../src/region/records/stored-setting.ts';
import { sentenceOf } from '../support/sentences.ts';
import { addMachine, EVENT, FIELDS, idsOf, setFields } from './machines.ts';
import { type StorePlace, storeChecks } from './store-place.ts';

const UUID = '00000000-0000-4000-8000-000000000001';
const MAC_A = mac(0x525400000001);
const MAC_B = mac(0x525400000002);
const MAC_C = mac(0x525400000003);

const FIRST_SEEN: NewMachineEvent = {
  ...EVENT,
  type: 'NEW',
  code: 'rack',
  params: { text: 'first seen' },
  username: '',
};
const create = (...[store, systemId, macs, fields, more]: Parameters<typeof addMachine>) =>
  addMachine(store, systemId, macs, fields, { events: [FIRST_SEEN], ...more });

export function testRegionStore(title: string, makePlace: () => StorePlace): void {
  const check = storeChecks(title, makePlace);

  check('a new store is empty', async (store) => {
    assert.deepEqual(await store.listMachines({}, 0, 10), []);
    assert.equal(await store.countMachines({}), 0);
    assert.equal(await store.desiredVersion(), 0);
    assert.deepEqual(await store.listEvents({ limit: 10 }), []);
    assert.deepEqual(await store.accounts.listUsers(), []);
  });

  check(
    'settings are written, replaced and removed in one step, and count a version of the desired state',
    async (store, place) => {
      const all = { rack: '', key: 'dns.upstream', value: ['192.0.2.53'] };
      const own = { rack: 'a-rack', key: 'cluster_interfaces.lab', value: { interface: 'eth1', management: 2 } };
      const change = (changes: readonly SettingChange[]) =>
        store.changeSettings<never>(1000, () => ({ kind: 'change', changes, events: [] }));
      assert.deepEqual(await store.listSettings(), []);
      assert.deepEqual(await change([own, all]), { kind: 'changed', settings: [own, all] });
      const first = await store.desiredVersion();
      assert.ok(first > 0);
      const other = await place.open();
      assert.deepEqual(await other.listSettings(), [own, all], 'the order is that of the first writing');
      await other.close();
      await change([{ ...own, value: { interface: 'eth2' } }]);
      assert.deepEqual(await store.listSettings(), [{ ...own, value: { interface: 'eth2' } }, all]);
      await change([{ ...own, value: undefined }]);
      assert.deepEqual(await store.listSettings(), [all]);
      const refused = await store.changeSettings(1000, (current) => ({ kind: 'refuse', refusal: current.length }));
      assert.deepEqual(refused, { kind: 'refuse', refusal: 1 });
      assert.ok((await store.desiredVersion()) > first);
    },
  );

  check('a created machine is found unchanged, with its interfaces in order', async (store) => {
    const fields = {
      uuid: '00000000-0000-4000-8000-00000000000a',
      serial: 'S1',
      powerType: 'ipmi',
      powerParameters: { power_address: '10.0.0.1', n: 1 },
    };
    await create(store, 'aaaaaa', [MAC_B, MAC_A], { ...fields, kernelParams: 'quiet', statusDeadlineMs: 5 });
    const machine = await store.findMachine('aaaaaa');
    assert.equal(machine?.hostname, 'aaaaaa');
    assert.deepEqual({ ...machine?.powerParameters }, fields.powerParameters);
    assert.equal(machine?.kernelParams, 'quiet');
    assert.equal(machine?.statusDeadlineMs, 5);
    assert.equal(machine?.facts, undefined);
    assert.deepEqual(
      machine?.interfaces.map((nic) => [nic.mac, nic.name]),
      [
        [MAC_B, 'eth0'],
        [MAC_A, 'eth1'],
      ],
    );
  });

  check(
    'racks’ machines come without facts and owner data, outlines without more, and owner data is counted by owner',
    async (store) => {
      const mine = { owner: 'bob', ownerData: { note: 'ü\u0001' } };
      await create(store, 'aaaaaa', [MAC_A], { ...mine, isLocked: true });
      await create(store, 'bbbbbb', [MAC_B], mine);
      const bare = await store.listMachinesForRacks(0, 0, 9);
      const whole = await store.listMachines({}, 0, 9);
      assert.deepEqual(
        bare,
        bare.map((machine, index) =>
          Object.fromEntries(Object.keys(machine).map((key) => [key, Reflect.get(whole[index] ?? {}, key)])),
        ),
      );
      assert.deepEqual([bare.length, bare.some((machine) => 'facts' in machine || 'ownerData' in machine)], [2, false]);
      assert.deepEqual(await store.outlineMachines(['aaaaaa', 'zzzzzz']), [
        { systemId: 'aaaaaa', hostname: 'aaaaaa', status: 'new', owner: 'bob', isLocked: true },
      ]);
      await create(store, 'cccccc', [], { owner: 'ann', ownerData: {} });
      await create(store, 'dddddd', [], { ownerData: { note: 'x' } });
      await create(store, 'eeeeee', []);
      const ownerDataOf = (owned: object): number => Buffer.byteLength(JSON.stringify(owned));
      const cases = [
        ['aaaaaa', ownerDataOf(mine.ownerData)],
        ['cccccc', 0],
        ['eeeeee', ownerDataOf({ note: 'x' })],
      ] as const;
      for (const [systemId, others] of cases) {
        const seen: (number | undefined)[] = [];
        await store.changeMachine<never>(systemId, 5, (_machine, { ownerDataBytes }) => {
          seen.push(ownerDataBytes);
          return ownerDataBytes === undefined
            ? { kind: 'ask', ownerData: true }
            : { kind: 'change', fields: {}, events: [] };
        });
        assert.deepEqual(seen, [undefined, others], systemId);
      }
    },
  );

  check('an enlistment learns which machines have the addresses and values', async (store) => {
    await create(store, 'aaaaaa', [MAC_A], { uuid: UUID });
    await create(store, 'bbbbbb', [MAC_B], { uuid: UUID, status: 'ready' });
    await store.enlist({ macs: [MAC_B], values: [`uuid ${UUID}`], atMs: 2000 }, (knowledge) => {
      assert.deepEqual(
        [idsOf(knowledge.byMac), idsOf(knowledge.byValue)],
        [['bbbbbb'], ['aaaaaa']],
        'by value only those that have none of the addresses',
      );
      assert.deepEqual([...knowledge.shared], [`uuid ${UUID}`]);
      assert.equal(knowledge.machines, 2);
      assert.equal(knowledge.newMachines, 1);
      const { hostnames, systemIds, untouched } = knowledge;
      if (hostnames.size === 0) return { kind: 'ask', hostnames: ['bbbbbb', 'three'], systemIds: ['aaaaaa'] };
      if (untouched === undefined) return { kind: 'ask', hostnames: ['aaaaaa'], untouched: true };
      const names = [
        ['bbbbbb', true],
        ['three', false],
        ['aaaaaa', true],
      ];
      assert.deepEqual([[...hostnames], [...systemIds]], [names, [['aaaaaa', true]]], 'it keeps all that was asked');
      assert.deepEqual(idsOf(untouched), ['aaaaaa']);
      return { kind: 'refuse', refusal: 'x' };
    });
  });

  check(
    'a change learns which addresses of a range other machines were given or seen with, if it asks',
    async (store) => {
      await create(store, 'aaaaaa', [MAC_A]);
      await create(store, 'bbbbbb', [MAC_B]);
      const address = (last: number) => ipv4(0x0a140000 + last);
      await setFields(store, 'aaaaaa', {}, { addresses: [{ mac: MAC_A, address: address(10) }] });
      await setFields(store, 'bbbbbb', {}, { addresses: [{ mac: MAC_B, address: address(11) }] });
      const lease = {
        sequence: 1,
        kind: 'dhcp.ack',
        at: 5,
        text: 'x',
        mac: '52:54:00:00:00:02',
        address: '10.20.0.12',
      };
      await store.recordReports('rack', [lease]);
      const ranges = [
        [address(9), address(11)],
        [address(12), address(12)],
      ] as const;
      await store.changeMachine<never>('aaaaaa', 5, (_machine, { addresses }) => {
        if (addresses.length < 2) return { kind: 'ask', ranges: ranges.slice(addresses.length, addresses.length + 1) };
        assert.deepEqual(addresses, [
          { range: ranges[0], taken: new Set([address(11)]), seen: new Set() },
          { range: ranges[1], taken: new Set(), seen: new Set([address(12)]) },
        ]);
        return { kind: 'change', fields: {}, events: [] };
      });
    },
  );

  check('a decision that never stops asking changes nothing', async (store) => {
    await create(store, 'aaaaaa', [MAC_A]);
    const before = await store.findMachine('aaaaaa');
    const asking = store.changeMachine<never>('aaaaaa', 5, () => ({ kind: 'ask', hostnames: ['x'] }));
    await assert.rejects(asking, /a decision asked more than 16 questions/);
    assert.deepEqual(await store.findMachine('aaaaaa'), before);
  });

  check('an amendment keeps the ids of the interfaces that stay, and deletes the others', async (store) => {
    await create(store, 'aaaaaa', [MAC_A, MAC_B]);
    const before = await store.findMachine('aaaaaa');
    const outcome = await store.enlist({ macs: [MAC_A], values: [], atMs: 2000 }, () => ({
      kind: 'amend',
      systemId: 'aaaaaa',
      fields: { architecture: 'arm64' },
      interfaces: [{ mac: MAC_B, name: 'lan' }],
      events: [],
    }));
    assert.equal(outcome.kind, 'amend');
    const after = await store.findMachine('aaaaaa');
    assert.equal(after?.architecture, 'arm64');
    assert.equal(after?.createdMs, 1000);
    assert.equal(after?.interfaces.length, 1);
    assert.equal(after?.interfaces[0]?.id, before?.interfaces[1]?.id);
    assert.equal(after?.interfaces[0]?.name, 'lan');
  });

  check(
    'an interface with another hardware address keeps its id, unless another machine has that address',
    async (store) => {
      await create(store, 'aaaaaa', [MAC_A]);
      const idOf = async () => (await store.findMachine('aaaaaa'))?.interfaces.map(({ id, mac }) => [id, mac]);
      const before = (await store.findMachine('aaaaaa'))?.interfaces[0]?.id;
      const give = (mac: typeof MAC_A, formerMac: typeof MAC_A) =>
        store.enlist<never>({ macs: [mac], values: [], atMs: 2000 }, () => ({
          kind: 'amend',
          systemId: 'aaaaaa',
          fields: {},
          events: [],
          interfaces: [{ mac, formerMac, name: 'lan' }],
        }));
      await give(MAC_B, MAC_A);
      assert.deepEqual(await idOf(), [[before, MAC_B]]);
      await create(store, 'bbbbbb', [MAC_A]);
      await give(MAC_A, MAC_B);
      assert.deepEqual(await idOf(), [[before, MAC_B]]);
    },
  );

  check('an amendment never takes an address from another machine', async (store) => {
    await create(store, 'aaaaaa', [MAC_A]);
    await create(store, 'bbbbbb', [MAC_B]);
    await store.enlist({ macs: [MAC_A], values: [], atMs: 2000 }, () => ({
      kind: 'amend',
      systemId: 'aaaaaa',
      fields: {},
      interfaces: [
        { mac: MAC_A, name: '' },
        { mac: MAC_B, name: '' },
      ],
      events: [],
    }));
    assert.equal((await store.findMachine('bbbbbb'))?.interfaces[0]?.mac, MAC_B);
    assert.equal((await store.findMachine('aaaaaa'))?.interfaces.length, 1);
  });

  check('a decision that throws leaves nothing behind', async (store) => {
    await create(store, 'aaaaaa', [MAC_A]);
    const version = await store.desiredVersion();
    await assert.rejects(create(store, 'aaaaaa', [MAC_B]), /UNIQUE|constraint/i);
    const failed = store.changeMachine('aaaaaa', 2000, () => {
      throw new Error('no');
    });
    await assert.rejects(failed, /^Error: no$/);
    assert.equal(await store.countMachines({}), 1);
    assert.equal(await store.desiredVersion(), version);
    await create(store, 'bbbbbb', [MAC_B]);
    assert.equal(await store.countMachines({}), 2);
  });

  check('a change of the interfaces is stored with the others of its machine, or none of them is', async (store) => {
    await create(store, 'aaaaaa', [MAC_A, MAC_B]);
    await create(store, 'bbbbbb', [MAC_C]);
    const [taken, free] = [ipv4(0x0a14000a), ipv4(0x0a14000b)];
    const changeAs = (systemId: string, mac: MacAddress, address: Ipv4) =>
      store.changeMachine<never>(systemId, 3, ({ interfaces }) => ({
        kind: 'change',
        fields: { description: 'x' },
        events: [],
        addresses: [{ mac, address }],
        interfaces: interfaces.filter((nic) => nic.mac === mac),
      }));
    await changeAs('bbbbbb', MAC_C, taken);
    const before = await store.findMachine('aaaaaa');
    const version = await store.desiredVersion();
    await assert.rejects(changeAs('aaaaaa', MAC_B, taken), /UNIQUE|constraint/i);
    assert.deepEqual([await store.findMachine('aaaaaa'), await store.desiredVersion()], [before, version]);
    await changeAs('aaaaaa', MAC_B, free);
    const after = await store.findMachine('aaaaaa');
    assert.deepEqual(after?.interfaces, before?.interfaces.slice(1), 'the other keeps its id');
    assert.deepEqual([after?.description, after?.addresses], ['x', [{ mac: MAC_B, address: free }]]);
    assert.equal(await store.desiredVersion(), version + 1);
  });

  check('a change sets the given fields, clears those given as undefined, and leaves the rest', async (store) => {
    await create(store, 'aaaaaa', [MAC_A], { serial: 'S1', statusDeadlineMs: 7 });
    const outcome = await store.changeMachine('aaaaaa', 3000, (machine) => ({
      kind: 'change',
      fields: {
        status: 'commissioning',
        statusDeadlineMs: undefined,
        statusReason: { code: 'said', params: { text: machine.hostname } },
      },
      events: [EVENT],
    }));
    assert.equal(outcome.kind, 'changed');
    const machine = await store.findMachine('aaaaaa');
    assert.equal(machine?.status, 'commissioning');
    assert.equal(machine?.statusDeadlineMs, undefined);
    assert.deepEqual(machine?.statusReason, { code: 'said', params: { text: 'aaaaaa' } });
    assert.equal(machine?.serial, 'S1');
    const [newest] = await store.listEvents({ limit: 1 });
    assert.deepEqual([newest?.username, newest?.systemId], [EVENT.username, 'aaaaaa']);
    assert.equal((await store.changeMachine('zzzzzz', 1, () => ({ kind: 'refuse', refusal: 1 }))).kind, 'not-found');
    assert.equal((await store.changeMachine('aaaaaa', 1, () => ({ kind: 'refuse', refusal: 1 }))).kind, 'refuse');
  });

  check('each filter narrows a list, and a list continues after an id', async (store) => {
    await create(store, 'aaaaaa', [MAC_A]);
    await create(store, 'bbbbbb', [MAC_B], { status: 'ready' });
    const ids = async (
      filter: Parameters<RegionStore['listMachines']>[0],
      after = 0,
      limit = 10,
    ): Promise<readonly string[]> => idsOf(await store.listMachines(filter, after, limit));
    assert.deepEqual(await ids({}), ['aaaaaa', 'bbbbbb']);
    assert.deepEqual(await ids({}, 0, 1), ['aaaaaa']);
    assert.deepEqual(await ids({}, (await store.findMachine('aaaaaa'))?.id), ['bbbbbb']);
    assert.deepEqual(await ids({ hostnames: ['bbbbbb', 'nine'] }), ['bbbbbb']);
    assert.deepEqual(await ids({ macs: [MAC_A] }), ['aaaaaa']);
    assert.deepEqual(await ids({ statuses: ['ready', 'new'] }), ['aaaaaa', 'bbbbbb']);
    assert.deepEqual(await ids({ statuses: ['ready'], macs: [MAC_A] }), []);
    assert.deepEqual(await ids({ systemIds: [] }), []);
    assert.equal(await store.countMachines({ statuses: ['ready'] }), 1);
  });

  check('machines with an overdue status are listed, the longest overdue first', async (store) => {
    await create(store, 'aaaaaa', [MAC_A], { statusDeadlineMs: 200 });
    await create(store, 'bbbbbb', [MAC_B], { statusDeadlineMs: 100 });
    await create(store, 'cccccc', [MAC_C]);
    const ids = async (nowMs: number, limit = 10) => idsOf(await store.listOverdue(nowMs, limit));
    assert.deepEqual(await ids(100), []);
    assert.deepEqual(await ids(101), ['bbbbbb']);
    assert.deepEqual(await ids(1000), ['bbbbbb', 'aaaaaa']);
    assert.deepEqual(await ids(1000, 1), ['bbbbbb']);
  });

  check('a removed machine loses its interfaces and keys; its events stay', async (store) => {
    await create(store, 'aaaaaa', [MAC_A]);
    const key = { consumerKey: 'c', secretDigest: 'd', name: '', createdMs: 1, usedMs: 1 };
    await store.accounts.addKey({ ...key, tokenKey: 't', systemId: 'aaaaaa' }, 4);
    assert.equal(await store.removeMachine('aaaaaa', EVENT), true);
    assert.equal(await store.removeMachine('aaaaaa', EVENT), false);
    assert.equal(await store.accounts.findKey('t'), undefined);
    assert.equal((await store.listEvents({ limit: 10 })).length, 2);
    await create(store, 'bbbbbb', [MAC_A]);
    assert.equal((await store.listEvents({ machines: { systemIds: ['bbbbbb'] }, limit: 10 })).length, 1);
  });

  check('a merge moves interfaces and events to the remaining machine, and counts a version', async (store, place) => {
    await create(store, 'aaaaaa', [MAC_A], { uuid: UUID });
    await create(store, 'bbbbbb', [MAC_B], { uuid: UUID });
    assert.deepEqual([...(await store.sharedValues([`uuid ${UUID}`, 'uuid of none']))], [`uuid ${UUID}`]);
    const version = await store.desiredVersion();
    const failed = store.mergeMachines('aaaaaa', 'bbbbbb', 2000, () => {
      throw new Error('no');
    });
    await assert.rejects(failed, /^Error: no$/);
    const refused = await store.mergeMachines('aaaaaa', 'bbbbbb', 2000, () => ({ kind: 'refuse', refusal: 'x' }));
    assert.equal(refused.kind, 'refuse');
    assert.deepEqual([await store.countMachines({}), await store.desiredVersion()], [2, version]);
    const merged = await store.mergeMachines('aaaaaa', 'bbbbbb', 2000, (keep, other) => ({
      kind: 'merge',
      fields: { description: `${keep.hostname} and ${other.hostname}` },
      events: [EVENT],
    }));
    assert.equal(merged.kind === 'changed' && merged.machine.description, 'aaaaaa and bbbbbb');
    const other = await place.open();
    const kept = await other.findMachine('aaaaaa');
    assert.deepEqual(
      kept?.interfaces.map((nic) => nic.mac),
      [MAC_A, MAC_B],
    );
    assert.equal(await other.findMachine('bbbbbb'), undefined);
    assert.ok((await other.desiredVersion()) > version);
    assert.equal((await other.listEvents({ machines: { systemIds: ['aaaaaa'] }, limit: 10 })).length, 3);
    assert.equal((await other.sharedValues([`uuid ${UUID}`])).size, 0);
    await other.close();
    assert.equal(
      (await store.mergeMachines('aaaaaa', 'zzzzzz', 1, () => ({ kind: 'refuse', refusal: 1 }))).kind,
      'not-found',
    );
  });

  check('a layout of network and disks is kept with its machine, and taken away again', async (store, place) => {
    await create(store, 'aaaaaa', [MAC_A, MAC_B]);
    const layout: MachineLayout = {
      next: 3,
      network: {
        interfaces: [
          {
            id: 9,
            kind: 'bond',
            name: 'bond0',
            mac: MAC_A,
            parents: [1, 2],
            tags: ['x'],
            mtu: 9000,
            params: { a: 1 },
          },
        ],
        links: [{ id: 8, interfaceId: 9, mode: 'static', subnetId: 7, address: ipv4(0xfffffffe) }],
        gatewayLink: 8,
      },
      storage: {
        bootDiskId: 5,
        partitions: [{ id: 6, uuid: 'u', diskId: 5, bytes: 2 ** 40, isBootable: true, tags: [] }],
        volumeGroups: [{ id: 7, uuid: 'u', name: 'vg', disks: [], partitions: [6], volumes: [] }],
        raids: [],
      },
    };
    await setFields(store, 'aaaaaa', { layout });
    const other = await place.open();
    assert.deepEqual((await other.findMachine('aaaaaa'))?.layout, layout);
    await other.close();
    await store.changeMachines<never>(['aaaaaa', 'bbbbbb'], 3, () => ({
      kind: 'change',
      fields: { layout: undefined },
      events: [],
    }));
    assert.equal((await store.findMachine('aaaaaa'))?.layout, undefined);
  });

  check('devices are in no list, no count and no outline of machines, and go to racks', async (store) => {
    await create(store, 'aaaaaa', [MAC_A]);
    await create(store, 'bbbbbb', [MAC_B], { status: 'deployed', device: 'aaaaaa' });
    assert.deepEqual(idsOf(await store.listMachines({}, 0, 9)), ['aaaaaa']);
    assert.deepEqual(idsOf(await store.listMachines({ isDevice: true }, 0, 9)), ['bbbbbb']);
    assert.deepEqual(idsOf(await store.outlineMachines(['aaaaaa', 'bbbbbb'])), ['aaaaaa']);
    assert.deepEqual([await store.countMachines({}), await store.countMachines({ isDevice: true })], [1, 1]);
    assert.deepEqual(idsOf(await store.listMachines({ isDevice: 'either' }, 0, 9)), ['aaaaaa', 'bbbbbb']);
    assert.equal(await store.countMachines({ isDevice: 'either' }), 2);
    assert.equal((await store.countStatuses()).get('deployed'), undefined);
    assert.equal((await store.findMachine('bbbbbb'))?.device, 'aaaaaa');
    assert.deepEqual(idsOf(await store.listMachinesForRacks(0, 0, 9)), ['aaaaaa', 'bbbbbb']);
  });

  check('a split makes a new machine of some interfaces, whose addresses stay known', async (store) => {
    await create(store, 'aaaaaa', [MAC_A, MAC_B]);
    const lease = { sequence: 1, kind: 'dhcp.ack', at: 5, text: 'x', mac: '52:54:00:00:00:02', address: '10.20.0.100' };
    await store.recordReports('rack', [lease]);
    const version = await store.desiredVersion();
    const outcome = await store.splitMachine('aaaaaa', 2000, (machine, knowledge) => {
      const isTaken = knowledge.hostnames.get('aaaaaa');
      if (isTaken === undefined) return { kind: 'ask', hostnames: ['aaaaaa'] };
      assert.deepEqual([machine.hostname, knowledge.machines, isTaken], ['aaaaaa', 1, true]);
      return {
        kind: 'split',
        systemId: 'bbbbbb',
        fields: { ...FIELDS, hostname: 'two' },
        macs: [MAC_B],
        left: { description: 'split' },
        shared: ['uuid u-9'],
        events: [],
        newEvents: [],
      };
    });
    assert.equal(outcome.kind, 'changed');
    assert.equal((await store.findMachine('aaaaaa'))?.interfaces.length, 1);
    assert.equal((await store.findMachine('bbbbbb'))?.interfaces[0]?.address, ipv4(0x0a140064));
    assert.ok((await store.desiredVersion()) > version);
    assert.equal((await store.sharedValues(['uuid u-9'])).size, 1);
    await store.enlist({ macs: [MAC_A, MAC_B], values: [], atMs: 1 }, ({ byMac: [one, other], verdicts }) => {
      assert.deepEqual(verdicts, [{ lowId: one?.id, highId: other?.id, verdict: 'apart' }]);
      return { kind: 'refuse', refusal: 'x' };
    });
  });

  check('machines that may be one are remembered until a person keeps them apart, or one is removed', async (store) => {
    for (const [id, mac_] of [
      ['aaaaaa', MAC_A],
      ['bbbbbb', MAC_B],
      ['cccccc', MAC_C],
    ] as const)
      await create(store, id, [mac_]);
    const maybeOne = (other: string): Doubt => ({
      code: 'maybe-one',
      params: { machine: { hostname: other, systemId: other }, macs: ['52:54:00:00:00:01'], same: ['uuid'], own: 'x' },
    });
    const conflict = async (atMs: number, of: string, other: string): Promise<void> => {
      const interfaces = (await store.findMachine(of))?.interfaces ?? [];
      await store.enlist({ macs: [], values: [], atMs }, () => ({
        kind: 'amend',
        systemId: of,
        fields: {},
        events: [],
        conflicts: [{ with: other, why: maybeOne(other) }],
        interfaces,
      }));
    };
    await conflict(10, 'bbbbbb', 'aaaaaa');
    await conflict(20, 'bbbbbb', 'cccccc');
    await conflict(30, 'aaaaaa', 'bbbbbb');
    assert.deepEqual(
      (await store.listConflicts(10)).map(({ systemId, otherId, why }) => [systemId, otherId, why]),
      [
        ['aaaaaa', 'bbbbbb', maybeOne('bbbbbb')],
        ['bbbbbb', 'cccccc', maybeOne('cccccc')],
      ],
    );
    assert.equal((await store.listConflicts(1)).length, 1);
    assert.equal((await store.listConflicts(10, 'cccccc')).length, 1);
    assert.equal(await store.keepApart('aaaaaa', 'bbbbbb', EVENT), true);
    assert.equal(await store.keepApart('aaaaaa', 'zzzzzz', EVENT), false);
    assert.equal(await store.keepApart('aaaaaa', 'aaaaaa', EVENT), false);
    await conflict(50, 'aaaaaa', 'bbbbbb');
    assert.deepEqual(
      (await store.listConflicts(10)).map(({ otherId }) => otherId),
      ['cccccc'],
    );
    await store.removeMachine('cccccc', EVENT);
    assert.deepEqual(await store.listConflicts(10), []);
  });

  check('the version grows with every change of a machine, and only then', async (store, place) => {
    await create(store, 'aaaaaa', [MAC_A]);
    const first = await store.desiredVersion();
    await store.recordReports('rack', [{ sequence: 1, kind: 'dhcp.ack', at: 5, text: 'x' }]);
    await store.enlist({ macs: [MAC_A], values: [], atMs: 1 }, () => ({
      kind: 'unchanged',
      systemId: 'aaaaaa',
      events: [],
    }));
    await setFields(store, 'aaaaaa', { description: 'a note' });
    assert.equal(await store.desiredVersion(), first);
    await create(store, 'bbbbbb', [MAC_B]);
    const second = await store.desiredVersion();
    assert.ok(second > first);
    const other = await place.open();
    assert.equal(await other.desiredVersion(), second);
    await other.close();
    // Racks are not sent what only an unverified report says.
    await create(store, 'cccccc', [MAC_C], {}, { source: 'hearsay' });
    assert.equal(await store.desiredVersion(), second);
    await setFields(store, 'cccccc', { status: 'ready' });
    assert.ok((await store.desiredVersion()) > second);
  });

  check('each report of a rack is stored once, under its machine', async (store, place) => {
    await create(store, 'aaaaaa', [MAC_A]);
    const lease = { kind: 'dhcp.ack', at: 8000, text: 'lease', mac: '52:54:00:00:00:01', address: '10.20.0.100' };
    assert.equal((await store.recordReports('rack', [{ ...lease, sequence: 0 }])).added, 1);
    const report = { kind: 'tftp.transfer-finished', at: 9000, text: 'lpxelinux.0' };
    const mine = { ...report, sequence: 1, mac: '52:54:00:00:00:01', address: '10.20.0.100' };
    const first = await store.recordReports('rack', [
      mine,
      { ...report, sequence: 2, at: 9001, address: '10.20.0.100' },
    ]);
    assert.equal(first.added, 2);
    // The second has no hardware address: whose it is was not proven, so it is no sign of life.
    assert.deepEqual([...first.booting], [['aaaaaa', 9000]]);
    assert.deepEqual([...first.started], []);
    assert.deepEqual(await store.recordReports('rack', [mine, { ...report, sequence: 2 }]), {
      added: 0,
      booting: new Map(),
      started: new Map(),
      leased: new Set(),
    });
    const other = await place.open();
    assert.equal((await other.recordReports('rack', [{ ...report, sequence: 2 }])).added, 0);
    assert.equal((await other.recordReports('rack', [{ ...report, sequence: 3, mac: '52:54:00:00:00:09' }])).added, 1);
    assert.equal((await other.recordReports('rack-2', [{ ...report, sequence: 1 }])).added, 1);
    await other.close();
    assert.equal((await store.findMachine('aaaaaa'))?.interfaces[0]?.address, ipv4(0x0a140064));
    const events = await store.listEvents({ machines: { systemIds: ['aaaaaa'] }, limit: 10 });
    assert.deepEqual(
      events.map((event) => event.type),
      ['NODE_TFTP_REQUEST', 'NODE_TFTP_REQUEST', 'NODE_DHCP_EVENT', 'NEW'],
    );
    assert.equal(events[0]?.kind, 'tftp.transfer-finished');
    assert.equal(events[0]?.level, 'debug');
    await store.recordReports('rack', [{ ...report, sequence: 9, level: 'warning' }]);
    assert.equal((await store.listEvents({ limit: 1 }))[0]?.level, 'warning');
    assert.equal((await store.newestEvents(['aaaaaa', 'nobody'])).get('aaaaaa')?.id, events[0]?.id);
    assert.match(sentenceOf((await store.listEvents({ limit: 3 }))[2]), /52:54:00:00:00:09/);
    const quiet = async (): Promise<string | undefined> =>
      (await store.newestEvents(['aaaaaa'], true)).get('aaaaaa')?.type;
    assert.equal(await quiet(), 'NEW');
    const edit = { code: 'machine-edited', params: { fields: ['hostname'] } } as const;
    await store.recordEvent({ type: 'NODE', ...edit, atMs: 1, username: 'ann' }, 'aaaaaa');
    assert.equal(await quiet(), 'NEW', 'an edit is not a state of a machine');
    assert.equal((await store.newestEvents(['aaaaaa'])).get('aaaaaa')?.type, 'NODE');
    const seen = { code: 'power-seen', params: { state: 'off' } } as const;
    await store.recordEvent({ type: 'NODE_POWERED_OFF', ...seen, atMs: 1, username: '' }, 'aaaaaa');
    assert.equal(await quiet(), 'NEW', 'what was seen of the power afterwards does not hide the reason of a state');
  });

  check('events are listed newest first, from both ends, by level and by user', async (store) => {
    for (let index = 1; index <= 10; index += 1) {
      const type = index % 2 === 0 ? 'NEW' : 'NODE_PXE_REQUEST';
      await store.recordEvent(
        { type, code: 'rack', params: { text: `event ${index}` }, atMs: index, username: index > 8 ? 'bob' : '' },
        undefined,
      );
    }
    const list = async (filter: object): Promise<readonly string[]> =>
      (await store.listEvents({ limit: 3, ...filter })).map((event) => sentenceOf(event).slice(6));
    const ids = (await store.listEvents({ limit: 10 })).map((event) => event.id);
    assert.deepEqual(await list({}), ['10', '9', '8']);
    assert.deepEqual(await list({ before: ids[2] }), ['7', '6', '5']);
    assert.deepEqual(await list({ after: ids[9] }), ['4', '3', '2']);
    assert.deepEqual(await list({ level: 'info' }), ['10', '8', '6']);
    assert.deepEqual(await list({ usernames: ['bob'] }), ['10', '9']);
  });

  check('accounts and keys are visible to other processes', async (store, place) => {
    const user = { username: 'bob', email: 'b@x', passwordHash: 'h', isAdmin: true, createdMs: 1 };
    const other = await place.open();
    assert.equal(await store.accounts.findUser('bob'), undefined);
    assert.equal((await other.accounts.addUser(user))?.username, 'bob');
    assert.equal(await other.accounts.addUser(user), undefined);
    assert.equal((await store.accounts.findUser('bob'))?.isAdmin, true);
    for (let index = 1; index <= 5; index += 1) {
      const key = { consumerKey: 'c', secretDigest: 'd', name: `key ${index}`, createdMs: index, usedMs: index };
      assert.equal(await other.accounts.addKey({ ...key, tokenKey: `t${index}`, username: 'bob' }, 3), index <= 3);
    }
    await store.accounts.markKeyUsed('t1', 100);
    await other.close();
    assert.deepEqual(
      (await store.accounts.listKeys('bob')).map((key) => key.tokenKey),
      ['t1', 't2', 't3'],
    );
    assert.equal((await store.accounts.findKey('t1'))?.username, 'bob');
    assert.equal((await store.accounts.findKey('t1'))?.usedMs, 100);
    assert.equal(await store.accounts.findKey('t4'), undefined);
    assert.equal(await store.accounts.renameKey('alice', 't1', 'x'), false);
    assert.equal(await store.accounts.renameKey('bob', 't1', 'x'), true);
    assert.equal((await store.accounts.findKey('t1'))?.name, 'x');
    assert.equal(await store.accounts.removeKey('alice', 't1'), false);
    assert.equal(await store.accounts.removeKey('bob', 't1'), true);
  });

  check(
    'a machine has one key, the first stored, until the key ends or the machine is removed',
    async (store, place) => {
      await create(store, 'aaaaaa', [MAC_A]);
      const key = { systemId: 'aaaaaa', consumerKey: 'c', tokenKey: 't', tokenSecret: 's', createdMs: 1 };
      assert.equal(await store.life.machineKey('aaaaaa'), undefined);
      assert.deepEqual(await store.life.keepMachineKey(key), key);
      assert.deepEqual(await store.life.keepMachineKey({ ...key, tokenKey: 'u', tokenSecret: 'v' }), key);
      assert.equal(await store.life.keepMachineKey({ ...key, systemId: 'zzzzzz' }), undefined);
      const other = await place.open();
      assert.deepEqual(await other.life.findMachineKey('t'), key);
      assert.equal(await other.life.findMachineKey('u'), undefined);
      await other.close();
      await setFields(store, 'aaaaaa', {}, { endsKey: false });
      assert.deepEqual(await store.life.machineKey('aaaaaa'), key);
      await setFields(store, 'aaaaaa', {}, { endsKey: true });
      assert.equal(await store.life.machineKey('aaaaaa'), undefined);
      await store.life.keepMachineKey(key);
      await store.removeMachine('aaaaaa', EVENT);
      assert.equal(await store.life.findMachineKey('t'), undefined);
    },
  );

  check('an enlisting machine gets its earlier events and its last address', async (store) => {
    const report = { kind: 'dhcp.ack', at: 5, text: 'lease given', mac: '52:54:00:00:00:01' };
    await store.recordReports('rack', [
      { ...report, sequence: 1, address: '10.20.0.100' },
      { ...report, sequence: 2, address: '10.20.0.101' },
      { ...report, sequence: 3, kind: 'http.rendered', text: 'asked in its name', address: '10.20.0.66' },
      { ...report, sequence: 4, mac: '52:54:00:00:00:09', address: '10.20.0.102' },
    ]);
    assert.match(sentenceOf((await store.listEvents({ limit: 1 }))[0]), /^52:54:00:00:00:09: lease given$/);
    await create(store, 'aaaaaa', [MAC_A, MAC_B]);
    const own = await store.listEvents({ machines: { systemIds: ['aaaaaa'] }, limit: 10 });
    assert.deepEqual(own.map(sentenceOf), ['first seen', 'asked in its name', 'lease given', 'lease given']);
    const addresses = (await store.findMachine('aaaaaa'))?.interfaces.map(({ address }) => address);
    assert.deepEqual(addresses, [ipv4(0x0a140065), undefined]);
  });

  check('several machines are changed in one step, each by its own decision', async (store) => {
    for (const [index, systemId] of ['aaaaaa', 'bbbbbb', 'cccccc'].entries())
      await create(store, systemId, [0x525400000010 + index]);
    const before = await store.desiredVersion();
    const address = { mac: mac(0x525400000010), address: ipv4(0x0a140007) };
    const wanted = ['cccccc', 'zzzzzz', 'bbbbbb', 'aaaaaa'];
    const outcomes = await store.changeMachines<string>(wanted, 9, ({ systemId }) => {
      if (systemId === 'bbbbbb') return { kind: 'refuse', refusal: 'no' };
      const addresses = systemId === 'aaaaaa' ? [address] : undefined;
      return {
        kind: 'change',
        fields: { osystem: 'debian', powerTask: 'on', kernelParams: 'quiet' },
        events: [EVENT],
        addresses,
      };
    });
    assert.deepEqual(
      outcomes.map((outcome) => (outcome.kind === 'changed' ? outcome.machine.systemId : outcome)),
      ['cccccc', { kind: 'not-found' }, { kind: 'refuse', refusal: 'no' }, 'aaaaaa'],
    );
    const [a, b, c] = await store.listMachines({}, 0, 9);
    assert.deepEqual([a?.osystem, b?.osystem, c?.osystem], ['debian', '', 'debian']);
    assert.deepEqual([a?.addresses, c?.addresses, b?.powerTaskId], [[address], [], undefined]);
    assert.ok(a?.powerTaskId !== undefined && c?.powerTaskId !== undefined && a.powerTaskId !== c.powerTaskId);
    const changed = await store.listMachinesForRacks(before, 0, 9);
    assert.deepEqual(idsOf(changed), ['aaaaaa', 'cccccc']);
    const failed = store.changeMachines<never>(['aaaaaa', 'cccccc'], 10, ({ systemId }) => {
      if (systemId === 'cccccc') throw new Error('no');
      return { kind: 'change', fields: { osystem: 'ubuntu' }, events: [] };
    });
    await assert.rejects(failed, /^Error: no$/);
    assert.equal((await store.findMachine('aaaaaa'))?.osystem, 'debian');
  });

  check('events of several machines are stored together, and each machine’s newest are found', async (store) => {
    for (const [index, systemId] of ['aaaaaa', 'bbbbbb'].entries())
      await create(store, systemId, [0x525400000010 + index]);
    const eventOf = (systemId: string, text: string) =>
      ({ systemId, event: { ...EVENT, code: 'rack', params: { text } } }) as const;
    await store.recordEvents([eventOf('aaaaaa', '1'), eventOf('bbbbbb', '2'), eventOf('aaaaaa', '3')]);
    const recent = await store.recentEvents(['aaaaaa', 'bbbbbb', 'zzzzzz'], 2);
    assert.deepEqual([...recent].map(([systemId, events]) => [systemId, events.map(sentenceOf)]).sort(), [
      ['aaaaaa', ['3', '1']],
      ['bbbbbb', ['2', 'first seen']],
    ]);
  });
}
