// The bounds of networks as objects: at a bound one more is refused, and networks that racks serve stay as they are.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatIpv4, formatMac, ipv4, mac } from '../../../src/ground/address.ts';
import { reconcile } from '../../../src/region/networks/reconcile.ts';
import {
  CONNECTIONS_MAX,
  FABRICS_MAX,
  HOSTS_MAX,
  type NetworkRecords,
  NO_RECORDS,
  RANGES_MAX,
  RESERVED_MAX,
  ROUTES_MAX,
  SPACES_MAX,
  SUBNETS_MAX,
  VLANS_MAX,
} from '../../../src/region/records/network-store.ts';
import { enlist, report } from '../place.ts';
import { SERVED } from './laid-view.ts';
import { type Ask, withNetworks } from './network-place.ts';

const many = <T>(count: number, make: (id: number) => T): readonly T[] =>
  Array.from({ length: count }, (_, index) => make(index + 101));

const FABRIC = { id: 1, name: 'fabric-0', description: '', classType: '', isTouched: true };
const VLAN = { id: 2, fabricId: 1, vid: 0, name: '', description: '', mtu: 1500, spaceId: undefined, isTouched: true };
const SUBNET = {
  cidr: '10.0.0.0/8',
  name: 'all',
  description: '',
  vlanId: 2,
  gateway: undefined,
  allowsDns: true,
  isTouched: true,
};
const PARENTS = {
  fabrics: [FABRIC],
  vlans: [VLAN],
  subnets: [
    { id: 3, ...SUBNET, dnsServers: [] },
    { id: 4, ...SUBNET, cidr: '11.0.0.0/8', name: 'other', dnsServers: [] },
  ],
};

/** Objects with their parents, as many as the bound allows, and a request that would add one more. */
const FULL: readonly (readonly [title: string, put: Partial<NetworkRecords>, more: (ask: Ask) => ReturnType<Ask>])[] = [
  [
    'spaces',
    { spaces: many(SPACES_MAX, (id) => ({ id, name: `s${id}`, description: '' })) },
    (ask) => ask('POST', '2.0/spaces/', {}),
  ],
  [
    'fabrics',
    { fabrics: many(FABRICS_MAX, (id) => ({ ...FABRIC, id, name: `f${id}` })) },
    (ask) => ask('POST', '2.0/fabrics/', {}),
  ],
  [
    'VLANs',
    {
      fabrics: [FABRIC, { ...FABRIC, id: 5, name: 'b' }],
      vlans: many(VLANS_MAX, (id) => ({ ...VLAN, id, fabricId: id % 2 === 0 ? 1 : 5, vid: Math.floor(id / 2) })),
    },
    (ask) => ask('POST', '2.0/fabrics/1/vlans/', { vid: 4000 }),
  ],
  [
    'subnets',
    {
      ...PARENTS,
      subnets: many(SUBNETS_MAX, (id) => ({ id, ...SUBNET, dnsServers: [], cidr: `10.${id >> 8}.${id & 255}.0/24` })),
    },
    (ask) => ask('POST', '2.0/subnets/', { cidr: '12.0.0.0/24' }),
  ],
  [
    'ranges',
    {
      ...PARENTS,
      ranges: many(RANGES_MAX, (id) => ({
        kind: 'reserved',
        id,
        subnetId: 3,
        username: 'ann',
        comment: '',
        low: ipv4(0x0a000000 + 2 * id),
        high: ipv4(0x0a000000 + 2 * id),
      })),
    },
    (ask) => ask('POST', '2.0/ipranges/', { type: 'reserved', start_ip: '10.200.0.1', end_ip: '10.200.0.2' }),
  ],
  [
    'reserved addresses',
    {
      ...PARENTS,
      reserved: many(RESERVED_MAX, (id) => ({
        id,
        subnetId: 3,
        address: ipv4(0x0a000000 + id),
        username: 'ann',
        createdMs: 1,
      })),
    },
    (ask) => ask('POST', '2.0/ipaddresses/?op=reserve', { ip: '10.200.0.1' }),
  ],
  [
    'hosts',
    {
      ...PARENTS,
      hosts: many(HOSTS_MAX, (id) => ({
        id,
        subnetId: 3,
        serviceId: undefined,
        position: id,
        address: ipv4(0x0a000000 + id),
        entry: { mac: formatMac(mac(0x525400000000 + id)), ip: formatIpv4(ipv4(0x0a000000 + id)) },
        comment: '',
      })),
    },
    (ask) => ask('POST', '2.0/reservedips/', { ip: '10.200.0.1', mac_address: '52:54:00:77:00:01' }),
  ],
  [
    'static routes',
    {
      ...PARENTS,
      routes: many(ROUTES_MAX, (id) => ({
        id,
        sourceId: 3,
        destinationId: 4,
        gateway: ipv4(0x0a000000 + id),
        metric: 0,
      })),
    },
    (ask) => ask('POST', '2.0/static-routes/', { source: 3, destination: 4, gateway_ip: '10.200.0.1' }),
  ],
  [
    'connections',
    { ...PARENTS, connections: many(CONNECTIONS_MAX, (id) => ({ id, subnetId: 3, mac: mac(id) })) },
    (ask) => ask('POST', '1.0/networks/all/?op=connect_macs', { macs: '52:54:00:00:00:01' }),
  ],
];

for (const [title, put, more] of FULL)
  test(`at the bound of ${title} one more is refused, and is added once one is removed`, () =>
    withNetworks(async (ask, { store, region }) => {
      await enlist(region, report([0x525400000001]));
      // In the place of the default fabric, which every region has.
      await store.networks.change(() => ({ put, remove: { fabrics: [0] }, nextId: 1_000_000, result: undefined }));
      const refused = await more(ask);
      assert.deepEqual([refused.status, /maximum: remove some/.test(refused.text)], [403, true], refused.text);
      const kind = Object.entries(put).toSorted((a, b) => b[1].length - a[1].length)[0]?.[0] ?? '';
      const remove = { [kind]: [101, 102] };
      await store.networks.change(() => ({ remove, result: undefined }));
      const added = await more(ask);
      assert.ok(added.status < 300, added.text);
    }, {}));

test('a network that a rack begins to serve at a bound gets no objects, and nothing is removed for it', () => {
  const subnets = many(SUBNETS_MAX, (id) => ({ id, ...SUBNET, dnsServers: [] }));
  const { change } = reconcile({ ...NO_RECORDS, subnets }, { served: [SERVED], rackHosts: [] }, 1_000_000);
  assert.deepEqual([change?.put?.subnets ?? [], change?.remove?.subnets ?? []], [[], []]);
  assert.equal(reconcile(NO_RECORDS, { served: [SERVED], rackHosts: [] }, 1).change?.put?.subnets?.length, 1);
});
