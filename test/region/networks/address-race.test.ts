// Two processes on PostgreSQL reserve, allocate and make dynamic the same address at a time, or one removes a subnet to which the other links
// a machine: one wins, and the other sees that. So do two requests that begin together.
// @host waits, 80 s

import assert from 'node:assert/strict';
import { after, afterEach, before, beforeEach, describe, test } from 'node:test';
import { formatIpv4, type Ipv4, ipv4, mac } from '../../../src/ground/address.ts';
import { findTaken } from '../../../src/region/networks/range-check.ts';
import type { RegionStore } from '../../../src/region/records/store.ts';
import { openPostgresRegion } from '../../../src/store/postgres/region-postgres.ts';
import { FIELDS } from '../../contract/machines.ts';
import { missing } from '../../support/needs.ts';
import { RegionDatabases } from '../../support/postgres-server.ts';
import type { LiveRegion } from '../live.ts';
import { acceptRack, rackInterface } from '../racks/rack-place.ts';
import { ask, TwoProcesses } from '../two-processes.ts';
import { LAB } from './network-place.ts';

const ADDRESS = ipv4(0x0a140014);
const NAME = 'printer';
const NIC = mac(0x525400000001);
const ENTRY = { name: 'lab', ...LAB, ip_range_low: '', ip_range_high: '' };
const DYNAMIC = { ...ENTRY, ip_range_low: '10.20.0.15', ip_range_high: '10.20.0.30' };

/** Reserves the address unless a machine has it, or it is dynamic by now. @returns what was refused; undefined: nothing */
async function reserve(store: RegionStore): Promise<string | undefined> {
  const [used] = await store.networks.usedBetween(ADDRESS, ADDRESS, 1);
  const settings = await store.listSettings();
  if (used !== undefined) return 'a machine has it';
  if (settings.length > 0) return 'it is dynamic';
  return await store.networks.change(({ reserved }, nextId) => {
    if (reserved.length > 0) return { result: 'it is reserved' };
    const one = { id: nextId, subnetId: 1, address: ADDRESS, username: 'ann', createdMs: 1 };
    return { put: { reserved: [one] }, nextId: nextId + 1, result: undefined };
  });
}

/** Allocates the address to the machine, unless it is taken. */
async function allocate(store: RegionStore): Promise<string | undefined> {
  const range: readonly [Ipv4, Ipv4] = [ADDRESS, ADDRESS];
  const outcome = await store.changeMachine<string>('m1', 2, (_machine, { addresses: [known] }) => {
    if (known === undefined) return { kind: 'ask', ranges: [range] };
    if (known.taken.size > 0) return { kind: 'refuse', refusal: 'it is reserved' };
    return { kind: 'change', fields: {}, events: [], addresses: [{ mac: NIC, address: ADDRESS }] };
  });
  return outcome.kind === 'refuse' ? outcome.refusal : undefined;
}

/** Makes the address dynamic, unless it is taken. */
async function makeDynamic(store: RegionStore): Promise<string | undefined> {
  const [problem] = await findTaken(store, [ENTRY], [DYNAMIC]);
  if (problem !== undefined) return problem.message;
  const changes = [{ rack: 'r', key: problem ?? 'cluster_interfaces.lab', value: {} }];
  await store.changeSettings(3, () => ({ kind: 'change', changes, events: [] }));
  return undefined;
}

/** Links the machine to the subnet, unless it is gone. */
const link = (store: RegionStore): Promise<string | undefined> =>
  store.transact(async () => {
    const { subnets } = await store.networks.list();
    if (subnets.length === 0) return 'it is gone';
    await store.changeMachine<never>('m1', 2, ({ interfaces: [nic] }) => {
      const id = nic?.id ?? 0;
      const laid = { id, kind: 'physical' as const, name: 'eth0', mac: NIC, parents: [], tags: [], params: {} };
      const network = { interfaces: [laid], links: [{ id: 1, interfaceId: id, mode: 'dhcp' as const, subnetId: 1 }] };
      return { kind: 'change', fields: { layout: { next: 2, network } }, events: [] };
    });
    return undefined;
  });

/** Removes the subnet, unless a machine uses it. @param begun called once no machine can begin to use it */
const remove = (store: RegionStore, begun: () => void = () => undefined): Promise<string | undefined> =>
  store.transact(async () => {
    const use = await store.networks.firstUse({ vlanIds: [], subnetIds: [1], ranges: [] });
    if (use !== undefined) return 'a machine uses it';
    begun();
    return await store.networks.change(() => ({ remove: { subnets: [1] }, result: undefined }));
  });

/** Reserves another address with the name, unless a machine has it. @param begun called once no machine can get the name */
const reserveName = (store: RegionStore, begun: () => void = () => undefined): Promise<string | undefined> =>
  store.transact(async () => {
    const one = { id: 9, subnetId: 1, address: ADDRESS, username: 'ann', createdMs: 1, hostname: NAME, domain: 'maas' };
    const [named] = await store.listMachines({ hostnames: [NAME] }, 0, 1);
    if (named !== undefined) return 'a machine has it';
    await store.networks.change(() => ({ put: { reserved: [one] }, result: undefined }));
    begun();
    return undefined;
  });

/** Gives the machine the name, unless it is taken. */
const rename = async (store: RegionStore): Promise<string | undefined> => {
  const outcome = await store.changeMachine<string>('m1', 2, (_machine, { hostnames }) => {
    const isTaken = hostnames.get(NAME);
    if (isTaken === undefined) return { kind: 'ask', hostnames: [NAME], host: { macs: [NIC], username: 'ann' } };
    if (isTaken) return { kind: 'refuse', refusal: 'it is taken' };
    return { kind: 'change', fields: { hostname: NAME }, events: [] };
  });
  return outcome.kind === 'refuse' ? outcome.refusal : undefined;
};

type Work = (store: RegionStore) => Promise<string | undefined>;
const TAKEN = formatIpv4(ADDRESS);
const RACES: readonly (readonly [name: string, late: Work, early: Work, refusal: RegExp])[] = [
  ['a reservation', reserve, allocate, /^a machine has it/],
  ['an allocation', allocate, reserve, /^it is reserved/],
  ['a second reservation', reserve, reserve, /^it is reserved/],
  ['a dynamic range with a reserved address', makeDynamic, reserve, new RegExp(`contains ${TAKEN}, which`)],
  ['a dynamic range with the address of a machine', makeDynamic, allocate, new RegExp(`${TAKEN} of the machine`)],
  ['a reservation in a new dynamic range', reserve, makeDynamic, /^it is dynamic/],
  ['a removal of a subnet', (store) => remove(store), link, /^a machine uses it/],
];

describe('two processes on PostgreSQL', { skip: missing('linux', '/usr/lib/postgresql') }, () => {
  let databases: RegionDatabases;
  let first: RegionStore;
  let second: RegionStore;
  before(async () => {
    databases = await RegionDatabases.start();
  });
  after(() => databases?.close());
  beforeEach(async () => {
    const place = databases.server.placeOf(await databases.make());
    [first, second] = [await openPostgresRegion(place), await openPostgresRegion(place)];
    await first.enlist({ macs: [NIC], values: [], atMs: 1 }, () => ({
      kind: 'create',
      systemId: 'm1',
      fields: FIELDS,
      events: [],
      interfaces: [{ mac: NIC, name: 'eth0', source: 'vouched' }],
    }));
    const [fabric, vlan] = [
      { id: 1, name: 'f', description: '', classType: '', isTouched: true },
      { id: 1, fabricId: 1, vid: 0, name: '', description: '', mtu: 1500, spaceId: undefined, isTouched: true },
    ];
    const subnet = { id: 1, cidr: '10.20.0.0/24', name: 's', description: '', vlanId: 1, gateway: undefined };
    const put = {
      fabrics: [fabric],
      vlans: [vlan],
      subnets: [{ ...subnet, dnsServers: [], allowsDns: true, isTouched: true }],
    };
    await first.networks.change(() => ({ put, result: undefined }));
  });
  afterEach(async () => {
    await first.close();
    await second.close();
  });

  for (const [name, late, early, refusal] of RACES)
    test(`${name} loses against what the other process stored after it began`, async () => {
      let tries = 0;
      const outcome = await first.transact(async () => {
        tries += 1;
        // The transaction sees the database as it is now.
        await first.networks.list();
        if (tries === 1) assert.equal(await second.transact(() => early(second)), undefined);
        return await late(first);
      });
      assert.match(outcome ?? 'both have it', refusal);
      assert.ok(tries >= 2, `${tries} tries`);
    });

  test('a removal of a subnet waits for the link that another process has begun, and is refused', async () => {
    let removal: Promise<string | undefined> | undefined;
    await first.transact(async () => {
      await first.networks.list();
      removal ??= remove(second);
      assert.equal(await link(first), undefined);
    });
    assert.equal(await removal, 'a machine uses it');
  });

  test('a link to a subnet waits for the removal that another process has begun, and is refused', async () => {
    let linking: Promise<string | undefined> | undefined;
    const removed = await remove(second, () => {
      linking ??= link(first);
    });
    assert.deepEqual([removed, await linking], [undefined, 'it is gone']);
  });

  test('a reservation with a name waits for the machine that another process has begun to name so, and is refused', async () => {
    let reserving: Promise<string | undefined> | undefined;
    await first.transact(async () => {
      await first.networks.list();
      reserving ??= reserveName(second);
      assert.equal(await rename(first), undefined);
    });
    assert.equal(await reserving, 'a machine has it');
  });

  test('a machine’s new name waits for the reservation that another process has begun, and is refused', async () => {
    let renaming: Promise<string | undefined> | undefined;
    const reserved = await reserveName(second, () => {
      renaming ??= rename(first);
    });
    assert.deepEqual([reserved, await renaming], [undefined, 'it is taken']);
  });
});

/** How often each pair of requests is sent. */
const REPEATED = 4;
const SERVED = {
  interface: 'eth1',
  ip: '10.20.0.1',
  subnet_mask: '255.255.255.0',
  router_ip: '10.20.0.254',
  management: '1',
  ip_range_low: '10.20.0.100',
  ip_range_high: '10.20.0.120',
  static_ip_range_low: '10.20.0.10',
  static_ip_range_high: '10.20.0.99',
};
const ALL_DYNAMIC = {
  static_ip_range_low: '',
  static_ip_range_high: '',
  ip_range_low: '10.20.0.10',
  ip_range_high: '10.20.0.120',
};

describe('two requests on PostgreSQL', { skip: missing('linux', '/usr/lib/postgresql') }, () => {
  let place: TwoProcesses;
  let lab = '';
  let router = '';
  let range = '';
  let device = '';
  type Send = (at: LiveRegion) => Promise<Response>;
  const send =
    (method: string, path: () => string, fields: Readonly<Record<string, string>> = {}): Send =>
    (at) =>
      ask(at, method, path(), fields);
  const read = async (path: string) => JSON.parse(await (await ask(place.first, 'GET', path)).text());
  const subnetOf = async (cidr: string) =>
    (await read('subnets/')).find((one: { readonly cidr: string }) => one.cidr === cidr)?.id;

  before(async () => {
    place = await TwoProcesses.start();
    const { first } = place;
    const rack = await acceptRack(first.region, {
      interfaces: [{ ...rackInterface('10.20.0.0/24'), ...SERVED, name: 'lab', management: 1 }],
    });
    lab = `1.0/nodegroups/${rack.uuid}/interfaces/lab/`;
    assert.equal((await ask(first, 'PUT', lab, SERVED)).status, 200);
    assert.equal((await ask(first, 'POST', 'subnets/', { cidr: '10.30.0.0/24' })).status, 200);
    router = `subnets/${await subnetOf('10.20.0.0/24')}/`;
    const ranges: readonly { readonly id: number; readonly type: string }[] = await read('ipranges/');
    range = `ipranges/${ranges.find(({ type }) => type === 'dynamic')?.id}/`;
    await first.region.store.enlist({ macs: [NIC], values: [], atMs: 1 }, () => ({
      kind: 'create',
      systemId: 'm1',
      fields: { ...FIELDS, status: 'ready' },
      events: [],
      interfaces: [{ mac: NIC, name: 'eth0', source: 'vouched' }],
    }));
  });
  after(() => place?.close());

  /** Makes the state before the requests. */
  async function prepare(): Promise<void> {
    const { first } = place;
    for (const { system_id: id } of await read('devices/')) await ask(first, 'DELETE', `devices/${id}/`);
    await ask(first, 'POST', 'machines/m1/?op=release');
    for (const { ip } of await read('ipaddresses/')) await ask(first, 'POST', 'ipaddresses/?op=release', { ip });
    for (const { id, type, subnet } of await read('ipranges/'))
      if (type === 'reserved' || subnet.cidr === '10.30.0.0/24') await ask(first, 'DELETE', `ipranges/${id}/`);
    assert.equal((await ask(first, 'PUT', lab, SERVED)).status, 200);
    await ask(first, 'PUT', `subnets/${await subnetOf('10.30.0.0/24')}/`, { gateway_ip: '' });
    const added = await ask(first, 'POST', 'devices/', { hostname: 'desk', mac_addresses: '52:54:00:00:00:99' });
    const { system_id: systemId, interface_set: nics } = JSON.parse(await added.text());
    device = `nodes/${systemId}/interfaces/${nics[0].id}/`;
  }

  const reserving = (ip: string): Send => send('POST', () => 'ipaddresses/?op=reserve', { ip });
  const linking = (ip: string): Send =>
    send('POST', () => `${device}?op=link_subnet`, {
      mode: 'static',
      ip_address: ip,
      force: 'true',
      subnet: `cidr:${ip.replace(/\d+$/, '0/24')}`,
    });
  const [byInterface, byRange] = [
    send('PUT', () => lab, { ip_range_high: '10.20.0.170' }),
    send('PUT', () => range, { end_ip: '10.20.0.170' }),
  ];
  const [routerOfInterface, routerOfSubnet] = [
    send('PUT', () => lab, { router_ip: '10.20.0.160' }),
    send('PUT', () => router, { gateway_ip: '10.20.0.160' }),
  ];
  const unserved = send('PUT', () => 'subnets/cidr:10.30.0.0%2F24/', { gateway_ip: '10.30.0.160' });
  const kept = send('POST', () => 'ipranges/', { type: 'dynamic', start_ip: '10.30.0.150', end_ip: '10.30.0.170' });
  const block = send('POST', () => 'ipranges/', {
    type: 'reserved',
    start_ip: '10.20.0.160',
    end_ip: '10.20.0.165',
  });
  const [taken, takenFar] = ['10.20.0.160', '10.30.0.160'];
  const PAIRS: readonly (readonly [name: string, one: Send, other: Send])[] = [
    ['the range of a cluster interface, and a reservation in it', byInterface, reserving(taken)],
    ['the range of a cluster interface, and a static link in it', byInterface, linking(taken)],
    ['a dynamic range, and a reservation in it', byRange, reserving(taken)],
    ['a dynamic range, and a reserved range in it', byRange, block],
    ['a dynamic range, and a static link in it', byRange, linking(taken)],
    ['the router of a cluster interface, and a reservation of it', routerOfInterface, reserving(taken)],
    ['the router of a cluster interface, and a static link with it', routerOfInterface, linking(taken)],
    ['the router of a subnet, and a reservation of it', routerOfSubnet, reserving(taken)],
    ['the router of a subnet, and a static link with it', routerOfSubnet, linking(taken)],
    ['the router of a dynamic range', byRange, routerOfSubnet],
    ['the router of an unserved subnet, and a reservation of it', unserved, reserving(takenFar)],
    ['the router of an unserved subnet, and a static link with it', unserved, linking(takenFar)],
    ['a dynamic range of an unserved subnet, and a reservation in it', kept, reserving(takenFar)],
    ['a dynamic range of an unserved subnet, and a static link in it', kept, linking(takenFar)],
    [
      'a dynamic range in place of the static one, and an allocation from that',
      send('PUT', () => lab, ALL_DYNAMIC),
      send('POST', () => 'machines/?op=allocate', { system_id: 'm1' }),
    ],
  ];

  for (const [name, one, other] of PAIRS)
    test(`one of the two is refused: ${name}`, async () => {
      for (let times = 0; times < REPEATED; times += 1) {
        await prepare();
        const [early, late] = times % 2 === 0 ? [one, other] : [other, one];
        const statuses = await place.atOnce(
          () => early(place.first),
          () => late(times < 2 ? place.first : place.second),
        );
        const refused = statuses.filter((status) => status === 400 || status === 409);
        assert.deepEqual([statuses.includes(200), refused.length], [true, 1], `${statuses}`);
      }
    });

  test('a space is not deleted while another request puts a VLAN into it', async () => {
    const { first, second } = place;
    const [{ id: fabric, vlans }] = await read('fabrics/');
    const putters: readonly Send[] = [
      send('PUT', () => `vlans/${vlans[0].id}/`, { space: 'dmz' }),
      send('POST', () => `fabrics/${fabric}/vlans/`, { vid: '8', space: 'dmz' }),
    ];
    for (const put of [...putters, ...putters, ...putters]) {
      assert.equal((await ask(first, 'POST', 'spaces/', { name: 'dmz' })).status, 200);
      const [deleted, placed] = await place.atOnce(
        () => ask(first, 'DELETE', 'spaces/dmz/'),
        () => put(second),
      );
      assert.ok((deleted === 204 && placed === 400) || (deleted === 409 && placed === 200), `${deleted} ${placed}`);
      await ask(first, 'PUT', `vlans/${vlans[0].id}/`, { space: '' });
      await ask(first, 'DELETE', `fabrics/${fabric}/vlans/8/`);
      await ask(first, 'DELETE', 'spaces/dmz/');
    }
    assert.deepEqual([...first.problems, ...second.problems], []);
  });
});
