// The contract of every region store for networks as objects. Called by the test of each implementation.

import assert from 'node:assert/strict';
import { formatIpv4, formatMac, ipv4, mac, parseIpv4 } from '../../src/ground/address.ts';
import {
  FIRST_NETWORK_ID,
  NETWORK_KINDS,
  type NetworkRecords,
  NO_RECORDS,
} from '../../src/region/records/network-store.ts';
import type { RegionStore } from '../../src/region/records/store.ts';
import { NO_ROUTER } from '../../src/region/records/subnet-service.ts';
import { addMachine, EVENT, setFields } from './machines.ts';
import { type StorePlace, storeChecks } from './store-place.ts';

const FIRST = FIRST_NETWORK_ID;
const at = (text: string) => parseIpv4(text) ?? ipv4(0);

/** One object of each kind, and two subnets and ranges, with ids from `nextId` on. */
export function fullNetworks(nextId: number): { readonly put: NetworkRecords; readonly nextId: number } {
  const [
    space,
    fabric,
    vlan,
    subnet,
    other,
    range,
    served,
    reserved,
    route,
    connection,
    kept,
    service,
    far,
    of,
    host,
    idle,
  ] = Array.from({ length: 16 }, (_, index) => nextId + index);
  const id = (value: number | undefined): number => value ?? 0;
  const inSubnet = { subnetId: id(subnet) };
  return {
    nextId: nextId + 16,
    put: {
      linked: [],
      spaces: [{ id: id(space), name: `space-${space}`, description: 'für Kunden' }],
      fabrics: [{ id: id(fabric), name: `fabric-${fabric}`, description: '', classType: '10g', isTouched: true }],
      vlans: [
        {
          id: id(vlan),
          fabricId: id(fabric),
          vid: 4094,
          name: '',
          description: 'x',
          mtu: 9000,
          spaceId: id(space),
          isTouched: false,
        },
      ],
      subnets: [
        {
          id: id(subnet),
          cidr: `10.${id(subnet) % 250}.0.0/16`,
          name: 'lab',
          description: '',
          vlanId: id(vlan),
          gateway: at('255.255.255.255'),
          dnsServers: ['10.0.0.1', '10.0.0.2'],
          allowsDns: false,
          isTouched: true,
        },
        {
          id: id(other),
          cidr: `10.${id(other) % 250}.1.0/24`,
          name: 'far',
          description: '',
          vlanId: id(vlan),
          gateway: undefined,
          dnsServers: [],
          allowsDns: true,
          isTouched: false,
        },
      ],
      services: [
        {
          id: id(service),
          ...inSubnet,
          rack: `uuid-${service}`,
          name: 'lab',
          position: 2,
          interface: 'eth1',
          ip: at('255.255.255.254'),
          isOn: true,
          isDns: false,
          isProxy: true,
          router: NO_ROUTER,
          dnsServers: null,
          terms: { hosts: [], lease_time: '10m' },
          madeBy: 'ann',
          changedMs: 1_800_000_000_000,
        },
        {
          id: id(far),
          subnetId: id(other),
          rack: `uuid-${service}`,
          name: 'far',
          position: 1,
          interface: undefined,
          ip: undefined,
          isOn: false,
          isDns: true,
          isProxy: false,
          router: undefined,
          dnsServers: undefined,
          terms: {},
          madeBy: undefined,
          changedMs: 1,
        },
      ],
      hosts: [
        {
          id: id(host),
          ...inSubnet,
          serviceId: id(service),
          position: 3,
          address: at('10.20.0.9'),
          entry: { mac: '52:54:00:00:00:01', ip: '10.20.0.9', hostname: 'größe', options: [{ code: 26, value: 1400 }] },
          comment: '',
        },
        {
          id: id(idle),
          subnetId: id(other),
          serviceId: undefined,
          position: 1,
          address: at('10.20.0.9'),
          entry: { ip: '10.20.0.9', duid: '0x0001' },
          comment: 'the printer',
        },
      ],
      ranges: [
        {
          kind: 'reserved',
          id: id(range),
          ...inSubnet,
          low: at('10.20.0.10'),
          high: at('10.20.0.19'),
          username: 'ann',
          comment: 'printers',
        },
        {
          kind: 'dynamic',
          id: id(served),
          ...inSubnet,
          rack: 'uuid',
          username: 'ann',
          comment: '',
        },
        {
          kind: 'dynamic',
          id: id(kept),
          ...inSubnet,
          low: at('10.20.0.30'),
          high: at('10.20.0.39'),
          username: 'ann',
          comment: 'later',
        },
        {
          kind: 'static',
          id: id(of),
          ...inSubnet,
          rack: `uuid-${service}`,
          serviceId: id(service),
          low: at('10.20.0.40'),
          high: at('10.20.0.60'),
          username: '',
          comment: 'machines',
        },
      ],
      reserved: [
        {
          id: id(reserved),
          ...inSubnet,
          address: ipv4(0x0a140014 + (id(reserved) % 100)),
          username: 'ann',
          createdMs: 7,
          mac: mac(0xfeffffffff00),
          hostname: `printer-${reserved}`,
          domain: 'maas',
        },
      ],
      routes: [
        { id: id(route), sourceId: id(subnet), destinationId: id(other), gateway: at('10.20.0.1'), metric: 100 },
      ],
      connections: [{ id: id(connection), ...inSubnet, mac: mac(0xfeffffffffff) }],
    },
  };
}

const add = (store: RegionStore): Promise<number> =>
  store.networks.change((_records, nextId) => ({ ...fullNetworks(nextId), events: [EVENT], result: nextId }));

/** Ann's machine m1, with an interface seen at one address, and another address allocated to it. */
async function addSeen(store: RegionStore, seen: number, allocated: number): Promise<void> {
  const nic = mac(0x525400000001);
  await addMachine(store, 'm1', [nic], { owner: 'ann' });
  const shown = { mac: formatMac(nic), address: formatIpv4(ipv4(seen)) };
  await store.recordReports('rack', [{ at: 1, sequence: 1, kind: 'dhcp.ack', text: 'x', ...shown }]);
  await setFields(store, 'm1', {}, { addresses: [{ mac: nic, address: ipv4(allocated) }] });
}

export function testNetworkStore(title: string, makePlace: () => StorePlace): void {
  const check = storeChecks(title, makePlace);

  check('a new store has no networks', async (store) => {
    assert.deepEqual(await store.networks.list(), NO_RECORDS);
    assert.deepEqual(await store.networks.usedBetween(ipv4(0), ipv4(0xffffffff), 10), []);
  });

  check(
    'objects are stored whole, with ids that are never given again, and another process reads them',
    async (store, place) => {
      assert.equal(await add(store), FIRST);
      const first = await store.networks.list();
      assert.deepEqual(first, fullNetworks(FIRST).put);
      const other = await place.open();
      try {
        assert.deepEqual(await other.networks.list(), first);
        assert.equal(await add(other), FIRST + 16);
      } finally {
        await other.close();
      }
      await store.networks.change(() => ({
        remove: { services: [FIRST + 11, FIRST + 12, FIRST + 27, FIRST + 28], fabrics: [FIRST + 1, FIRST + 17] },
        result: undefined,
      }));
      assert.equal(await store.networks.change((_records, nextId) => ({ result: nextId })), FIRST + 32);
      assert.equal((await store.listEvents({ limit: 9 })).length, 2);
    },
  );

  check('references to a removed object go with it, and those to a changed object stay', async (store) => {
    await add(store);
    const { fabrics, vlans, subnets } = fullNetworks(FIRST).put;
    await store.networks.change(() => ({
      put: {
        fabrics: fabrics.map((one) => ({ ...one, name: 'renamed' })),
        vlans: vlans.map((one) => ({ ...one, spaceId: undefined })),
      },
      result: undefined,
    }));
    const changed = await store.networks.list();
    assert.deepEqual(
      [changed.fabrics[0]?.name, changed.vlans[0]?.spaceId, changed.subnets],
      ['renamed', undefined, subnets],
    );
    await store.networks.change(() => ({
      remove: { services: [FIRST + 11], subnets: [FIRST + 3] },
      result: undefined,
    }));
    const fewer = await store.networks.list();
    assert.deepEqual(
      NETWORK_KINDS.map((kind) => fewer[kind].length),
      [1, 1, 1, 1, 1, 1, 0, 0, 0, 0],
    );
    const remove = { services: [FIRST + 12], fabrics: [FIRST + 1] };
    await store.networks.change(() => ({ remove, result: undefined }));
    assert.deepEqual(await store.networks.list(), { ...NO_RECORDS, spaces: fewer.spaces });
  });

  check('hosts that nobody changed are the same objects again, for there may be many', async (store) => {
    await add(store);
    const { hosts: before } = await store.networks.list();
    const [first, second] = before;
    assert.ok(first && second);
    const comment = 'the plotter';
    await store.networks.change(({ spaces }) => ({
      put: { spaces: spaces.map((space) => ({ ...space, description: 'x' })) },
      result: undefined,
    }));
    assert.equal((await store.networks.list()).hosts, before);
    await store.networks.change(() => ({ put: { hosts: [{ ...second, comment }] }, result: undefined }));
    const { hosts: after } = await store.networks.list();
    assert.deepEqual(after, [first, { ...second, comment }]);
    assert.equal(after[0], first);
    const undone = store.transact(async () => {
      await store.networks.change(() => ({ remove: { hosts: [first.id] }, result: undefined }));
      assert.equal((await store.networks.list()).hosts.length, 1);
      throw new Error('undone');
    });
    await assert.rejects(undone, /undone/);
    assert.equal((await store.networks.list()).hosts, after);
  });

  check('a change counts a version, and a decision that changes nothing counts none', async (store) => {
    const before = await store.desiredVersion();
    await store.networks.change(() => ({ put: {}, remove: { subnets: [] }, events: [EVENT], result: undefined }));
    assert.equal(await store.desiredVersion(), before);
    await add(store);
    const added = await store.desiredVersion();
    assert.ok(added > before);
    await store.networks.change(() => ({ remove: { reserved: [FIRST + 7] }, result: undefined }));
    assert.equal(await store.desiredVersion(), added, 'it has no event');
    await store.networks.change(() => ({ remove: { routes: [FIRST + 8] }, events: [EVENT], result: undefined }));
    assert.ok((await store.desiredVersion()) > added);
  });

  check('a decision sees all objects, and one that throws changes nothing', async (store) => {
    await add(store);
    await assert.rejects(
      store.networks.change(() => {
        throw new Error('no');
      }),
      /no/,
    );
    const seen = await store.networks.change((records, nextId) => ({ result: { records, nextId } }));
    assert.deepEqual(seen, { records: fullNetworks(FIRST).put, nextId: FIRST + 16 });
  });

  check('the addresses that machines have are found between two addresses', async (store) => {
    await addSeen(store, 0x0a140032, 0x0a14000b);
    const used = await store.networks.usedBetween(ipv4(0x0a140000), ipv4(0x0a1400ff), 10);
    assert.deepEqual(
      used.map(({ address, kind, systemId, owner, interfaceName, isEnded }) => ({
        address,
        kind,
        systemId,
        owner,
        interfaceName,
        isEnded,
      })),
      [
        { address: 0x0a14000b, kind: 'allocated' },
        { address: 0x0a140032, kind: 'seen' },
      ].map((one) => ({ ...one, systemId: 'm1', owner: 'ann', interfaceName: 'eth0', isEnded: false })),
    );
    assert.equal((await store.networks.usedBetween(ipv4(0x0a140000), ipv4(0x0a1400ff), 1)).length, 1);
    assert.deepEqual(await store.networks.usedBetween(ipv4(0x0a140033), ipv4(0x0a1400ff), 9), []);
  });

  check('a machine that uses a VLAN, a subnet or an address is found, and one that does not is not', async (store) => {
    await addSeen(store, 0x0a140032, 0x0a14000b);
    const machine = await store.findMachine('m1');
    const nic = {
      id: machine?.interfaces[0]?.id ?? 0,
      kind: 'physical',
      name: 'eth0',
      mac: mac(0x525400000001),
    } as const;
    const laid = (one: object) => ({ ...nic, ...one, parents: [], tags: ['"vlanId":12'], params: {} });
    const layout = {
      next: 4,
      network: {
        interfaces: [laid({ vlanId: 71 }), laid({ id: nic.id + 9, name: 'gone0', vlanId: 8 })],
        links: [
          { id: 1, interfaceId: nic.id, mode: 'dhcp' as const, subnetId: 93 },
          { id: 2, interfaceId: nic.id + 9, mode: 'dhcp' as const, subnetId: 94 },
        ],
      },
    };
    await setFields(store, 'm1', { layout });
    const none = { vlanIds: [], subnetIds: [], ranges: [] };
    const all = [{ low: ipv4(0x0a140000), high: ipv4(0x0a1400ff) }];
    const named = { systemId: 'm1', hostname: 'm1' };
    const byName = { ...named, by: { kind: 'interface', name: 'eth0' } };
    const byAddress = { ...named, by: { kind: 'address', address: 0x0a14000b } };
    for (const [question, expected] of [
      [none, undefined],
      [{ ...none, vlanIds: [70, 71] }, byName],
      [{ ...none, vlanIds: [7, 712, 93, 12] }, undefined],
      [{ ...none, vlanIds: [8] }, undefined],
      [{ ...none, subnetIds: [93] }, byName],
      [{ ...none, subnetIds: [9, 71, 94], ranges: all }, byAddress],
      [{ ...none, ranges: [{ low: ipv4(0x0a14000c), high: ipv4(0x0a1400ff) }] }, undefined],
    ] as const)
      assert.deepEqual(await store.networks.firstUse(question), expected, JSON.stringify(question));
  });

  check(
    'reserved addresses, and reserved and kept ranges, count as taken when an address is chosen for a machine',
    async (store) => {
      await add(store);
      await addSeen(store, 0x0a140032, 0x0a140100);
      const range = [at('10.20.0.15'), at('10.20.0.40')] as const;
      let taken: readonly number[] = [];
      await store.changeMachine<never>('m1', 3, (_machine, { addresses }) => {
        const [known] = addresses;
        if (known === undefined) return { kind: 'ask', ranges: [range] };
        taken = [...known.taken].sort((a, b) => a - b);
        return { kind: 'change', fields: {}, events: [] };
      });
      assert.deepEqual(
        taken,
        [15, 16, 17, 18, 19, 0x14 + 9, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39].map((last) => 0x0a140000 + last),
      );
    },
  );

  check('an address that is reserved for an interface of a machine is free for this machine alone', async (store) => {
    const { put, nextId } = fullNetworks(FIRST);
    const [one] = put.reserved;
    const free = {
      ...(one ?? assert.fail('an address')),
      mac: mac(0x525400000001),
      hostname: undefined,
      domain: undefined,
    };
    await store.networks.change(() => ({ put: { ...put, reserved: [free] }, nextId, result: undefined }));
    assert.deepEqual((await store.networks.list()).reserved, [free]);
    await addSeen(store, 0x0a140032, 0x0a140100);
    const takenFor = async (systemId: string, username?: string) => {
      let taken: readonly number[] = [];
      const range = [free.address, free.address] as const;
      await store.changeMachine<never>(systemId, 3, (_machine, { addresses: [known] }) => {
        if (known === undefined) return { kind: 'ask', ranges: [range], host: { macs: [], username } };
        taken = [...known.taken];
        return { kind: 'change', fields: {}, events: [] };
      });
      return taken;
    };
    const has = async (address: number) =>
      await store.networks.change(({ reserved }) => ({
        put: { reserved: reserved.map((each) => ({ ...each, mac: mac(address) })) },
        result: undefined,
      }));
    const [nic] = (await store.findMachine('m1'))?.interfaces ?? [];
    await has(nic?.mac ?? 0);
    assert.deepEqual(await takenFor('m1'), []);
    assert.deepEqual(await takenFor('m1', 'ann'), []);
    assert.deepEqual(await takenFor('m1', 'bob'), [free.address], 'a user who has not reserved it');
    await has(0x5254000000ff);
    assert.deepEqual(await takenFor('m1'), [free.address]);
  });

  check('a reported lease counts until it ends, except that of an accepted machine without owner', async (store) => {
    const [first, second] = [ipv4(0x0a140020), ipv4(0x0a140021)];
    const at = 1_000_000;
    const report = { kind: 'dhcp.ack', at, text: 'told', params: { leaseSeconds: 600 } };
    const leases = async (nowMs: number) =>
      (await store.networks.leasedBetween(first, second, nowMs)).map(({ address, mac: host, endsMs }) => [
        address,
        host,
        endsMs,
      ]);
    await store.recordReports('life', [
      { ...report, sequence: 1, mac: '52:54:00:00:00:f1', leaseAddress: first },
      { ...report, sequence: 2, mac: '52:54:00:00:00:f2', leaseAddress: second },
    ]);
    const [one, two] = [mac(0x5254000000f1), mac(0x5254000000f2)];
    assert.deepEqual(await leases(at), [
      [first, one, at + 600_000],
      [second, two, at + 600_000],
    ]);
    assert.deepEqual(await leases(at + 600_000), []);
    await store.recordReports('life', [
      { ...report, sequence: 3, at: at + 1000, mac: '52:54:00:00:00:f3', leaseAddress: first },
      {
        kind: 'dhcp.expired',
        text: 'told',
        sequence: 4,
        at: at + 1001,
        mac: '52:54:00:00:00:f1',
        leaseAddress: first,
      },
      {
        kind: 'dhcp.release',
        text: 'told',
        sequence: 5,
        at: at + 1002,
        mac: '52:54:00:00:00:f2',
        leaseAddress: second,
      },
    ]);
    assert.deepEqual(await leases(at + 2000), [[first, mac(0x5254000000f3), at + 601_000]]);
  });

  check(
    'a released reservation holds its address for half a minute, besides a lease; both count for its user, who released it',
    async (store) => {
      const { put, nextId } = fullNetworks(FIRST);
      const [{ address, mac: host }] = [put.reserved[0] ?? assert.fail('an address')];
      const at = 1_000_000;
      const reserve = () => store.networks.change(() => ({ put, nextId, result: undefined }));
      const release = (atMs: number) =>
        store.networks.change(({ reserved }) => ({
          remove: { reserved: reserved.map(({ id }) => id) },
          events: [{ ...EVENT, atMs }],
          result: undefined,
        }));
      let sequence = 0;
      const lease = async (atMs: number, of = host ?? mac(0)) => {
        sequence += 1;
        const report = { sequence, kind: 'dhcp.ack', at: atMs, text: 'told', params: { leaseSeconds: 600 } };
        await store.recordReports('life', [{ ...report, mac: formatMac(of), leaseAddress: address }]);
      };
      const held = async (nowMs: number) => {
        const leases = await store.networks.leasedBetween(address, address, nowMs);
        return [leases.map(({ endsMs }) => endsMs - at), await store.networks.heldBy('ann', nowMs)];
      };
      await reserve();
      await release(at);
      assert.deepEqual(await held(at), [[30_000], 1]);
      assert.deepEqual(await held(at + 30_000), [[], 0]);
      assert.deepEqual(await held(at - 1), [[], 0], 'made while the clock was ahead');
      await reserve();
      await lease(at);
      assert.deepEqual(await held(at), [[600_000, 30_000], 0], 'reserved again');
      await release(at + 1000);
      assert.deepEqual(await held(at + 1000), [[600_000, 31_000], 1]);
      await lease(at + 300_000);
      assert.deepEqual(await held(at + 800_000), [[900_000], 1], 'renewed');
      assert.equal(await store.networks.heldBy('bob', at + 800_000), 0);
      await lease(at + 400_000, mac(0x5254000000f9));
      assert.deepEqual(await held(at + 800_000), [[1_000_000], 0], 'of another host');
      await reserve();
      await release(at + 2_000_000);
      await lease(at + 2_000_001);
      assert.deepEqual(await held(at + 2_100_000), [[2_600_001], 1], 'reported after the release');
    },
  );
}
