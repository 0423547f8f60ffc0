// The files of a network as it is stored: static routes reach the machines of their source, a chosen size is in the files, and every field that
// machines need changes the files.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ipv4, mac } from '../../../src/ground/address.ts';
import { networkFiles } from '../../../src/region/layout/deployable.ts';
import { NETWORK_TOOLS, type NetworkTool } from '../../../src/region/layout/network-config.ts';
import { makeNetworkView } from '../../../src/region/networks/network-view.ts';
import { defaultPlace, newVlan } from '../../../src/region/networks/reconcile.ts';
import type { Machine } from '../../../src/region/records/machine.ts';
import type { LaidInterface, NetworkLayout } from '../../../src/region/records/machine-layout.ts';
import {
  type NetworkRecords,
  NO_RECORDS,
  type StaticRoute,
  type Subnet,
} from '../../../src/region/records/network-store.ts';
import { FIELDS } from '../../contract/machines.ts';
import { nic } from '../../support/networkd-set-up.ts';
import { SERVED } from '../networks/laid-view.ts';

const { fabric, vlan } = defaultPlace([]);
const TAGGED = { ...newVlan(5002, fabric.id, 100), mtu: 9000 };
const subnet = (id: number, cidr: string, vlanId = vlan.id): Subnet => ({
  id,
  cidr,
  name: cidr,
  description: '',
  vlanId,
  gateway: undefined,
  dnsServers: [],
  allowsDns: true,
  isTouched: true,
});
const [LAN, OTHER, FAR, FARTHER, STORAGE] = [
  subnet(1, '10.20.0.0/24'),
  subnet(2, '10.30.0.0/24'),
  subnet(3, '10.99.0.0/16'),
  subnet(4, '172.16.0.0/12'),
  subnet(5, '10.40.0.0/24', TAGGED.id),
];
/** A route from LAN, of which 10.20.0.0/24 has the router, to a subnet. */
const route = (id: number, to: Subnet, router: number, metric: number): StaticRoute => ({
  id,
  sourceId: LAN.id,
  destinationId: to.id,
  gateway: ipv4(0x0a140000 + router),
  metric,
});
const RECORDS: NetworkRecords = {
  ...NO_RECORDS,
  fabrics: [fabric],
  vlans: [vlan, TAGGED],
  subnets: [LAN, OTHER, FAR, FARTHER, STORAGE],
  routes: [
    route(1, FAR, 9, 7),
    route(2, FAR, 8, 3),
    route(3, FAR, 7, 3),
    route(4, FARTHER, 9, 0),
    route(5, OTHER, 9, 1),
    route(6, LAN, 9, 0),
  ],
};

const laid = (id: number, more: Partial<LaidInterface> = {}): LaidInterface => ({
  ...nic(id),
  kind: 'physical',
  parents: [],
  tags: [],
  params: {},
  ...more,
});
/** A VLAN interface on the second card. */
const VLAN = laid(3, { kind: 'vlan', name: 'storage', parents: [2], vlanId: TAGGED.id });
const AUTO = { id: 1, interfaceId: 1, mode: 'auto', subnetId: LAN.id } as const;
const STATIC = { id: 2, interfaceId: 2, mode: 'static', subnetId: OTHER.id, address: ipv4(0x0a1e0009) } as const;
const TAGGED_LINK = { id: 3, interfaceId: 3, mode: 'static', subnetId: STORAGE.id, address: ipv4(0x0a280009) } as const;

/** The text of all files of a machine, whose address 10.20.0.20 a rack leases. */
function textOf(
  tool: NetworkTool,
  addresses: 'fixed' | 'leased',
  links: NetworkLayout['links'],
  { records = RECORDS, interfaces = [] }: { records?: NetworkRecords; interfaces?: readonly LaidInterface[] } = {},
): string {
  const machine: Machine = {
    ...FIELDS,
    id: 1,
    systemId: 'aaaaaa',
    createdMs: 0,
    tags: [],
    interfaces: [nic(1), nic(2)],
    addresses: [{ mac: mac(0x525400000001), address: ipv4(0x0a140014) }],
    layout: { next: 9, network: { interfaces: [...interfaces], links, gatewayLink: STATIC.id } },
  };
  const files = networkFiles(
    machine,
    makeNetworkView(records, { served: [SERVED], reported: [], rackHosts: [] }, 2),
    tool,
    addresses === 'leased',
  );
  return (files ?? []).map(({ text }) => text).join('\n');
}

const UP = '  up ip -4 route add';
const SECTION = '[Route]\nDestination=';
const EXPECTED: Readonly<Record<NetworkTool, Readonly<Record<'fixed' | 'leased', string>>>> = {
  netplan: {
    fixed: `      addresses: [10.20.0.20/24]
      routes: [{ to: 172.16.0.0/12, via: 10.20.0.9 }, { to: 10.99.0.0/16, via: 10.20.0.8, metric: 3 }, { to: 10.99.0.0/16, via: 10.20.0.9, metric: 7 }]
      nameservers: `,
    leased: `      dhcp4: true
      dhcp4-overrides: { use-routes: false }
      routes: [{ to: 172.16.0.0/12, via: 10.20.0.9, on-link: true }, { to: 10.99.0.0/16, via: 10.20.0.8, metric: 3, on-link: true }, { to: 10.99.0.0/16, via: 10.20.0.9, metric: 7, on-link: true }]
    "`,
  },
  networkd: {
    fixed: `Address=10.20.0.20/24
Domains=maas

${SECTION}172.16.0.0/12
Gateway=10.20.0.9

${SECTION}10.99.0.0/16
Gateway=10.20.0.8
Metric=3

${SECTION}10.99.0.0/16
Gateway=10.20.0.9
Metric=7

[Match]`,
    leased: `UseRoutes=no

${SECTION}172.16.0.0/12
Gateway=10.20.0.9
GatewayOnLink=yes

${SECTION}10.99.0.0/16
Gateway=10.20.0.8
Metric=3
GatewayOnLink=yes

${SECTION}10.99.0.0/16
Gateway=10.20.0.9
Metric=7
GatewayOnLink=yes

[Match]`,
  },
  ifupdown: {
    fixed: `  address 10.20.0.20/24
  dns-search maas
${UP} 172.16.0.0/12 via 10.20.0.9 dev $IFACE || :
${UP} 10.99.0.0/16 via 10.20.0.8 dev $IFACE metric 3 || :
${UP} 10.99.0.0/16 via 10.20.0.9 dev $IFACE metric 7 || :

auto `,
    leased: `  metric 4096
  up while ip -4 route del default dev $IFACE 2>/dev/null; do :; done
${UP} 172.16.0.0/12 via 10.20.0.9 dev $IFACE onlink || :
${UP} 10.99.0.0/16 via 10.20.0.8 dev $IFACE metric 3 onlink || :
${UP} 10.99.0.0/16 via 10.20.0.9 dev $IFACE metric 7 onlink || :

auto `,
  },
};

/** Where the second interface has the chosen router, so that the first one ignores the routes of its lease. */
const WITH_ROUTER: NetworkRecords = {
  ...RECORDS,
  subnets: [LAN, { ...OTHER, gateway: ipv4(0x0a1e0001) }, FAR, FARTHER, STORAGE],
};
for (const tool of NETWORK_TOOLS)
  for (const addresses of ['fixed', 'leased'] as const)
    test(`${tool}, ${addresses}: an interface has the static routes of its subnet, the lowest metric first, each metric once, and none to its own subnets`, () => {
      const text = textOf(tool, addresses, [AUTO, STATIC], { records: WITH_ROUTER });
      assert.ok(text.includes(EXPECTED[tool][addresses]), text);
      assert.equal(text.match(/172\.16\.0\.0/g)?.length, 1, 'the other interface has none');
      assert.doesNotMatch(text, /to: 10\.[23]0\.|Destination=10\.[23]0\.|add 10\.[23]0\./);
    });

test('an interface by DHCP in the subnet has its static routes, and one without an address has none', () => {
  for (const tool of NETWORK_TOOLS) {
    const byDhcp = textOf(tool, 'fixed', [{ id: 1, interfaceId: 1, mode: 'dhcp', subnetId: LAN.id }]);
    assert.match(byDhcp, /172\.16\.0\.0\/12/, tool);
    const silent = textOf(tool, 'fixed', [{ id: 1, interfaceId: 1, mode: 'link_up', subnetId: LAN.id }, STATIC]);
    assert.doesNotMatch(silent, /172\.16\.0\.0\/12/, tool);
  }
});

test('ifupdown adds static routes once the interface has all its addresses', () => {
  const further = { id: 4, interfaceId: 1, mode: 'static', subnetId: OTHER.id, address: ipv4(0x0a1e000a) } as const;
  const text = textOf('ifupdown', 'fixed', [AUTO, further]);
  assert.match(text, /address 10\.30\.0\.10\/24\n {2}up ip -4 route add 172/);
  assert.equal(text.match(/add 172/g)?.length, 1);
});

test('netplan gets no metric that its versions take for another', () => {
  const records = { ...RECORDS, routes: [route(1, FAR, 9, 0xffff_ffff)] };
  assert.match(textOf('netplan', 'fixed', [AUTO], { records }), /metric: 2147483647 /);
  assert.match(textOf('networkd', 'fixed', [AUTO], { records }), /^Metric=4294967295$/m);
});

const SIZES: Readonly<Record<NetworkTool, RegExp>> = {
  netplan: /^ +mtu: 1500$/m,
  networkd: /^MTUBytes=1500$/m,
  ifupdown: /^ {2}(?:mtu|up ip link set dev \$IFACE mtu) 1500$/m,
};
for (const tool of NETWORK_TOOLS)
  test(`${tool}: an MTU of 1500 is in the files if a person chose it, or chose it for the interface below`, () => {
    const has = (addresses: 'fixed' | 'leased', mtu: number | undefined, links: NetworkLayout['links']): number => {
      const text = textOf(tool, addresses, links, { interfaces: [laid(1, { mtu }), laid(2)] });
      return text.match(new RegExp(SIZES[tool], 'gm'))?.length ?? 0;
    };
    const byDhcp = [{ id: 1, interfaceId: 1, mode: 'dhcp', subnetId: LAN.id }] as const;
    for (const links of [[AUTO], [STATIC, AUTO], byDhcp])
      for (const addresses of ['fixed', 'leased'] as const) {
        assert.equal(has(addresses, 1500, [...links]), 1, addresses);
        assert.equal(has(addresses, undefined, [...links]), 0, addresses);
      }
    const upper = textOf(tool, 'fixed', [{ ...TAGGED_LINK, mode: 'dhcp', address: undefined }], {
      interfaces: [laid(1), laid(2, { mtu: 1500 }), VLAN],
    });
    assert.equal(upper.match(new RegExp(SIZES[tool], 'gm'))?.length, 2, upper);
  });

test('ifupdown sets a chosen size after the lease, which may bring another one', () => {
  const text = textOf('ifupdown', 'leased', [AUTO], { interfaces: [laid(1, { mtu: 9000 })] });
  assert.match(text, /inet dhcp\n {2}up ip link set dev \$IFACE mtu 9000\n/);
});

const ROUTE = route(1, FAR, 9, 7);
const subnetsWith = (changed: Partial<Subnet>) => ({ subnets: [LAN, { ...OTHER, ...changed }, FAR, FARTHER, STORAGE] });
/** The fields of the objects that machines need. */
const READINGS: Readonly<Record<string, Partial<NetworkRecords>>> = {
  'the tag of a VLAN': { vlans: [vlan, { ...TAGGED, vid: 200 }] },
  'the MTU of a VLAN': { vlans: [vlan, { ...TAGGED, mtu: 8000 }] },
  'the network of a subnet': subnetsWith({ cidr: '10.30.0.0/20' }),
  'the router of a subnet': subnetsWith({ gateway: ipv4(0x0a1e0001) }),
  'the DNS servers of a subnet': subnetsWith({ dnsServers: ['10.30.0.2'] }),
  'the source of a route': { routes: [{ ...ROUTE, sourceId: STORAGE.id }] },
  'the destination of a route': { routes: [{ ...ROUTE, destinationId: FARTHER.id }] },
  'the router of a route': { routes: [{ ...ROUTE, gateway: ipv4(0x0a140008) }] },
  'the metric of a route': { routes: [{ ...ROUTE, metric: 8 }] },
};
for (const [field, changed] of Object.entries(READINGS))
  test(`${field} changes the files of every tool`, () => {
    const filesWith = (tool: NetworkTool, records: Partial<NetworkRecords>): string =>
      textOf(tool, 'fixed', [AUTO, STATIC, TAGGED_LINK], {
        records: { ...RECORDS, routes: [ROUTE], ...records },
        interfaces: [laid(1), laid(2), VLAN],
      });
    for (const tool of NETWORK_TOOLS) {
      assert.notEqual(filesWith(tool, {}), '');
      assert.notEqual(filesWith(tool, changed), filesWith(tool, {}), tool);
    }
  });
