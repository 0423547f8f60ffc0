// The files of a laid-out network, for each tool: a bond with a VLAN and a bridge on it, an interface by DHCP, one without an address.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ipv4, mac } from '../../../src/ground/address.ts';
import { ifupdownFiles } from '../../../src/region/layout/ifupdown.ts';
import type { NetInterface, NetLink } from '../../../src/region/layout/interfaces.ts';
import { netplanFiles } from '../../../src/region/layout/netplan.ts';
import { configParts, NETWORK_TOOLS } from '../../../src/region/layout/network-config.ts';
import { networkdFiles } from '../../../src/region/layout/networkd.ts';
import type { SubnetView } from '../../../src/region/networks/network-view.ts';
import { SERVED, subnetView, UNTAGGED, vlanView } from '../networks/laid-view.ts';

const TAGGED = vlanView({ id: 5002, name: 'storage', vid: 100, mtu: 9000 });
const LAN = subnetView(1, UNTAGGED, '10.20.0.0/24', ipv4(0x0a140001));
const STORAGE = subnetView(2, TAGGED, '10.30.0.0/24');
const link = (id: number, mode: NetLink['mode'], of?: SubnetView, last = 0): NetLink => ({
  id,
  mode,
  subnet: of,
  subnetId: of?.subnet.id,
  address: last === 0 || of === undefined ? undefined : ipv4(of.network.address + last),
});
const one = (id: number, kind: NetInterface['kind'], name: string, more: Partial<NetInterface> = {}): NetInterface => ({
  id,
  kind,
  name,
  mac: mac(0x525400000000 + id),
  parents: [],
  children: [],
  vlan: UNTAGGED,
  mtu: 1500,
  tags: [],
  params: {},
  settings: undefined,
  links: [],
  seenIn: undefined,
  link: { isConnected: true, linkSpeed: 0, interfaceSpeed: 0 },
  nic: kind === 'physical' ? { id, name: `eno${id}`, mac: mac(0x525400000000 + id), source: 'vouched' } : undefined,
  ...more,
});
const BOND = { bond_mode: '802.3ad', bond_miimon: 100, bond_lacp_rate: 'fast', bond_xmit_hash_policy: 'layer3+4' };
const NETWORK: readonly NetInterface[] = [
  one(1, 'physical', 'eno1', { mtu: 9000 }),
  one(2, 'physical', 'eno2', { mtu: 9000 }),
  one(3, 'physical', 'mgmt', { links: [link(30, 'dhcp', LAN)] }),
  one(4, 'physical', 'eno4', { links: [link(31, 'link_up')] }),
  one(5, 'bond', 'bond0', { parents: [1, 2], mac: mac(0x525400000001), mtu: 9000, params: BOND }),
  one(6, 'vlan', 'bond0.100', { parents: [5], vlan: TAGGED, mtu: 9000, links: [link(32, 'static', STORAGE, 9)] }),
  one(7, 'bridge', 'br0', {
    parents: [5],
    mac: mac(0x525400000001),
    params: { bridge_type: 'standard', bridge_stp: false, bridge_fd: 15 },
    links: [link(33, 'auto', LAN, 20), link(34, 'static', LAN, 21)],
  }),
];
const TERMS = { gatewayLink: 33, domain: 'maas', isByLease: false };

const NETPLAN = `network:
  version: 2
  ethernets:
    "00-rackboot0":
      match: { macaddress: "52:54:00:00:00:01" }
      mtu: 9000
    "00-rackboot1":
      match: { macaddress: "52:54:00:00:00:02" }
      mtu: 9000
    "00-rackboot2":
      match: { macaddress: "52:54:00:00:00:03" }
      set-name: mgmt
      dhcp4: true
      dhcp4-overrides: { use-routes: false }
    "00-rackboot3":
      match: { macaddress: "52:54:00:00:00:04" }
      optional: true
  bonds:
    "bond0":
      interfaces: ["00-rackboot0", "00-rackboot1"]
      macaddress: "52:54:00:00:00:01"
      parameters: { mode: "802.3ad", mii-monitor-interval: 100, lacp-rate: "fast", transmit-hash-policy: "layer3+4" }
      mtu: 9000
  bridges:
    "br0":
      interfaces: ["bond0"]
      macaddress: "52:54:00:00:00:01"
      parameters: { stp: false, forward-delay: 15 }
      addresses: [10.20.0.20/24, 10.20.0.21/24]
      routes: [{ to: default, via: 10.20.0.1 }]
      nameservers: { addresses: [10.20.0.1], search: [maas] }
  vlans:
    "bond0.100":
      id: 100
      link: "bond0"
      mtu: 9000
      addresses: [10.30.0.9/24]
      nameservers: { addresses: [], search: [maas] }
`;

test('netplan: parts have no addresses, the chosen gateway is the only default route, a new name is set', () => {
  const [file, ...others] = netplanFiles(configParts(NETWORK, TERMS));
  assert.deepEqual(others, []);
  assert.equal(file?.path, '/etc/netplan/90-rackboot.yaml');
  assert.equal(file?.text, NETPLAN);
});

const NETWORKD: Readonly<Record<string, string>> = {
  '00-rackboot2.link': '[Match]\nMACAddress=52:54:00:00:00:03\n\n[Link]\nName=mgmt\n',
  '1-00-rackboot0.network':
    '[Match]\nPermanentMACAddress=52:54:00:00:00:01\nType=ether\n\n[Link]\nMTUBytes=9000\n\n[Network]\nBond=bond0\n',
  '1-00-rackboot1.network':
    '[Match]\nPermanentMACAddress=52:54:00:00:00:02\nType=ether\n\n[Link]\nMTUBytes=9000\n\n[Network]\nBond=bond0\n',
  '1-00-rackboot2.network':
    '[Match]\nMACAddress=52:54:00:00:00:03\nType=ether\n\n[Network]\nDHCP=ipv4\n\n[DHCPv4]\nUseRoutes=no\n',
  '1-00-rackboot3.network': '[Match]\nMACAddress=52:54:00:00:00:04\nType=ether\n\n[Link]\nRequiredForOnline=no\n',
  'bond0.netdev':
    '[NetDev]\nName=bond0\nKind=bond\nMACAddress=52:54:00:00:00:01\nMTUBytes=9000\n\n' +
    '[Bond]\nMode=802.3ad\nMIIMonitorSec=100ms\nLACPTransmitRate=fast\nTransmitHashPolicy=layer3+4\n',
  '0-bond0.network': '[Match]\nName=bond0\n\n[Network]\nBridge=br0\nVLAN=bond0.100\n',
  'bond0.100.netdev': '[NetDev]\nName=bond0.100\nKind=vlan\nMTUBytes=9000\n\n[VLAN]\nId=100\n',
  '0-bond0.100.network': '[Match]\nName=bond0.100\n\n[Network]\nAddress=10.30.0.9/24\nDomains=maas\n',
  'br0.netdev':
    '[NetDev]\nName=br0\nKind=bridge\nMACAddress=52:54:00:00:00:01\n\n[Bridge]\nSTP=no\nForwardDelaySec=15\n',
  '0-br0.network':
    '[Match]\nName=br0\n\n[Network]\nAddress=10.20.0.20/24\nAddress=10.20.0.21/24\nGateway=10.20.0.1\nDNS=10.20.0.1\nDomains=maas\n',
};

test('networkd: a device and a network for each made interface; parts of a bond are found by their permanent address', () => {
  const files = networkdFiles(configParts(NETWORK, TERMS));
  const texts = Object.fromEntries(
    files.map(({ path, text }) => [path.replace('/etc/systemd/network/10-rackboot-', ''), text]),
  );
  assert.deepEqual(texts, NETWORKD);
});

test('ifupdown: physical interfaces by their addresses; it refuses bonds and bridges', () => {
  assert.equal(ifupdownFiles(configParts(NETWORK, TERMS)), undefined);
  const plain = [
    one(1, 'physical', 'lan0', { links: [link(33, 'auto', LAN, 20), link(34, 'static', STORAGE, 9)], mtu: 1400 }),
    one(2, 'physical', 'eno2', { links: [link(35, 'dhcp', LAN)] }),
    one(3, 'physical', 'eno3', { links: [link(36, 'link_up')] }),
  ];
  const files = ifupdownFiles(configParts(plain, TERMS));
  assert.deepEqual(files, [
    {
      path: '/etc/systemd/network/10-rackboot-00-rackboot0.link',
      text: '[Match]\nMACAddress=52:54:00:00:00:01\n\n[Link]\nName=lan0\n',
    },
    {
      path: '/etc/network/interfaces',
      text: `auto lo
iface lo inet loopback

auto mac/52:54:00:00:00:01=rackboot0
iface rackboot0 inet static
  address 10.20.0.20/24
  mtu 1400
  gateway 10.20.0.1
  dns-nameservers 10.20.0.1
  dns-search maas
iface rackboot0 inet static
  address 10.30.0.9/24

auto mac/52:54:00:00:00:02=rackboot1
iface rackboot1 inet dhcp
  metric 4096
  up while ip -4 route del default dev $IFACE 2>/dev/null; do :; done
`,
    },
  ]);
});

test('ifupdown: an interface with a VLAN on it has a fixed name, from which the VLAN has its own', () => {
  const nic = { id: 2, name: 'eth1', mac: mac(0x525400000002), source: 'vouched' } as const;
  const tagged = [
    one(1, 'physical', 'eno1', { links: [link(33, 'auto', LAN, 20)] }),
    one(2, 'physical', 'eth1', { nic, mtu: 9000 }),
    one(3, 'vlan', 'eno1.100', { parents: [1], vlan: TAGGED, links: [link(34, 'static', STORAGE, 9)], mtu: 9000 }),
    one(4, 'vlan', 'eth1.100', { parents: [2], vlan: TAGGED, links: [link(35, 'dhcp', STORAGE)] }),
  ];
  const files = ifupdownFiles(configParts(tagged, TERMS)) ?? [];
  assert.deepEqual(
    files.map(({ path, text }) => (path.endsWith('.link') ? text.split('\n').slice(1, 5).join(' ') : text)),
    [
      'MACAddress=52:54:00:00:00:01  [Link] Name=eno1',
      'MACAddress=52:54:00:00:00:02  [Link] Name=rackboot1',
      `auto lo
iface lo inet loopback

auto eno1
iface eno1 inet static
  address 10.20.0.20/24
  gateway 10.20.0.1
  dns-nameservers 10.20.0.1
  dns-search maas

auto rackboot1
iface rackboot1 inet manual
  mtu 9000
  up ip link set dev $IFACE up

auto eno1.100
iface eno1.100 inet static
  address 10.30.0.9/24
  mtu 9000
  dns-search maas

auto rackboot1.100
iface rackboot1.100 inet dhcp
  metric 4096
  up while ip -4 route del default dev $IFACE 2>/dev/null; do :; done
`,
    ],
  );
});

test('ifupdown: a VLAN interface has the name that a person gave it, unless ifupdown would take it for another VLAN', () => {
  const filesFor = (name: string) =>
    ifupdownFiles(
      configParts(
        [
          one(1, 'physical', 'eno1', { links: [link(33, 'auto', LAN, 20)] }),
          one(2, 'physical', 'eno2'),
          one(3, 'vlan', name, {
            parents: [1],
            vlan: TAGGED,
            mtu: 1400,
            params: { accept_ra: false },
            links: LINKS,
          }),
        ],
        TERMS,
      ),
    )?.at(-1)?.text;
  const LINKS = [link(34, 'static', STORAGE, 9), link(35, 'static', STORAGE, 10)];
  const entry = (name: string) => `
auto ${name}
iface ${name} inet static
  address 10.30.0.9/24
  pre-up [ -e /sys/class/net/$IFACE ] || ip link add link eno1 name $IFACE type vlan id 100
  post-down ip link delete dev $IFACE
  mtu 1400
  pre-up [ ! -e /proc/sys/net/ipv6/conf/$IFACE/accept_ra ] || echo 0 >/proc/sys/net/ipv6/conf/$IFACE/accept_ra
  dns-search maas
iface ${name} inet static
  address 10.30.0.10/24
`;
  for (const name of ['storage', 'old0.100', 'storage.fast']) assert.ok(filesFor(name)?.endsWith(entry(name)), name);
  assert.match(filesFor('eno1.100') ?? '', /iface eno1\.100 inet static\n {2}address 10\.30\.0\.9\/24\n {2}mtu/);
  for (const name of ['eno1.7', 'eno2.100', 'eth3.100']) assert.equal(filesFor(name), undefined, name);
});

test('fixed addresses come by DHCP where their leases must show that the system is up', () => {
  const leased = { ...TERMS, isByLease: true };
  const served = { ...LAN, served: [SERVED] };
  const [part] = configParts([one(1, 'physical', 'eno1', { links: [link(33, 'auto', served, 20)] })], leased);
  assert.deepEqual([part?.hasDhcp, part?.addresses, part?.router, part?.takesRoute], [true, [], undefined, true]);
  const silent = { ...LAN, served: [{ ...SERVED, management: 0 as const }] };
  for (const dumb of [LAN, silent]) {
    const [fixed] = configParts([one(1, 'physical', 'eno1', { links: [link(33, 'auto', dumb, 20)] })], leased);
    assert.deepEqual([fixed?.hasDhcp, fixed?.addresses], [false, ['10.20.0.20/24']], 'no rack leases it');
  }
});

const PARTS_OF: Readonly<Record<'bond' | 'bridge' | 'vlan', Partial<NetInterface>>> = {
  bond: { parents: [1, 2], params: { bond_mode: 'active-backup' } },
  bridge: { parents: [2], params: { bridge_stp: false } },
  vlan: { parents: [2], vlan: TAGGED },
};
for (const kind of ['bond', 'bridge', 'vlan'] as const)
  test(`a disconnected interface that is a part of a ${kind} is managed, and any other is not`, () => {
    const networkOf = (more: readonly NetInterface[]) => {
      const nics = [1, 2].map((id) => one(id, 'physical', `eno${id}`, { vlan: undefined }));
      return configParts([...nics, ...more], TERMS);
    };
    const made = one(3, kind, 'made0', { ...PARTS_OF[kind], links: [link(33, 'auto', LAN, 20)] });
    const textFor = (more: readonly NetInterface[]): string =>
      networkdFiles(networkOf(more)).find(({ path }) => path.endsWith('-1-00-rackboot1.network'))?.text ?? '';
    assert.match(textFor([]), /Unmanaged=yes/);
    assert.doesNotMatch(textFor([made]), /Unmanaged/);
    assert.match(textFor([made]), new RegExp(`^${kind === 'vlan' ? 'VLAN' : kind}=made0$`, 'im'));
    const netplan = netplanFiles(networkOf([made])).map(({ text }) => text);
    assert.match(netplan.join(''), kind === 'vlan' ? /link: "00-rackboot1"/ : /interfaces: \[.*"00-rackboot1"\]/);
    const ifupdown = ifupdownFiles(networkOf([made])) ?? [];
    if (kind === 'vlan') assert.match(ifupdown.at(-1)?.text ?? '', /auto eno2\niface eno2 inet manual\n/);
    else assert.deepEqual(ifupdown, []);
  });

/** The default routes that each tool is told to use, for two interfaces: `lease` or a router; and `none` for DHCP without it. */
function defaultRoutes(network: readonly NetInterface[], gatewayLink: number | undefined, isByLease: boolean) {
  const parts = configParts(network, { gatewayLink, domain: 'maas', isByLease });
  const routeOf = (text: string, router: RegExp, dhcp: RegExp, refusal: RegExp): string =>
    [router.exec(text)?.[1], dhcp.test(text) ? (refusal.test(text) ? 'none' : 'lease') : undefined].join(' ').trim();
  const netplan = (netplanFiles(parts)[0]?.text ?? '').split(/^ {4}"/m).slice(1);
  const networkd = networkdFiles(parts).map(({ text }) => text);
  const ifupdown = (ifupdownFiles(parts)?.at(-1)?.text ?? '').split('\nauto ').slice(1);
  return {
    netplan: netplan.map((text) => routeOf(text, /to: default, via: (\S+) /, /dhcp4: true/, /use-routes: false/)),
    networkd: networkd.map((text) => routeOf(text, /^Gateway=(.*)$/m, /^DHCP=ipv4$/m, /^UseRoutes=no$/m)),
    ifupdown: ifupdown.map((text) =>
      routeOf(text, /^ {2}gateway (.*)$/m, /inet dhcp\n/, /metric 4096\n {2}up while ip -4 route del default/),
    ),
  };
}

const SERVED_LAN = { ...LAN, served: [SERVED] };
const OTHER = subnetView(3, UNTAGGED, '10.40.0.0/24', ipv4(0x0a280001));
const SERVED_OTHER = { ...OTHER, served: [SERVED] };
const ROUTES: readonly {
  readonly name: string;
  readonly links: readonly NetLink[];
  readonly chosen?: number;
  readonly isByLease: boolean;
  readonly expected: readonly string[];
}[] = [
  {
    name: 'two fixed addresses by DHCP, the second chosen',
    chosen: 31,
    isByLease: true,
    links: [link(30, 'auto', SERVED_LAN, 20), link(31, 'auto', SERVED_OTHER, 20)],
    expected: ['none', 'lease'],
  },
  {
    name: 'two fixed addresses by DHCP, the first chosen',
    chosen: 30,
    isByLease: true,
    links: [link(30, 'auto', SERVED_LAN, 20), link(31, 'auto', SERVED_OTHER, 20)],
    expected: ['lease', 'none'],
  },
  {
    name: 'two fixed addresses by DHCP, none chosen: the first',
    isByLease: true,
    links: [link(30, 'auto', SERVED_LAN, 20), link(31, 'auto', SERVED_OTHER, 20)],
    expected: ['lease', 'none'],
  },
  {
    name: 'a fixed address by DHCP, and a chosen one that no rack leases',
    chosen: 31,
    isByLease: true,
    links: [link(30, 'auto', SERVED_LAN, 20), link(31, 'static', OTHER, 20)],
    expected: ['none', '10.40.0.1'],
  },
  {
    name: 'DHCP, and a chosen fixed address',
    chosen: 31,
    isByLease: false,
    links: [link(30, 'dhcp', SERVED_LAN), link(31, 'static', OTHER, 20)],
    expected: ['none', '10.40.0.1'],
  },
  {
    name: 'DHCP, and a chosen fixed address that comes by DHCP',
    chosen: 31,
    isByLease: true,
    links: [link(30, 'dhcp', SERVED_LAN), link(31, 'auto', SERVED_OTHER, 20)],
    expected: ['none', 'lease'],
  },
  {
    name: 'DHCP twice, none chosen',
    isByLease: false,
    links: [link(30, 'dhcp', SERVED_LAN), link(31, 'dhcp', SERVED_OTHER)],
    expected: ['lease', 'lease'],
  },
];
for (const { name, links, chosen, isByLease, expected } of ROUTES)
  test(`the default route is the chosen one with every tool: ${name}`, () => {
    const network = links.map((each, index) => one(index + 1, 'physical', `eno${index + 1}`, { links: [each] }));
    const found = defaultRoutes(network, chosen, isByLease);
    for (const tool of NETWORK_TOOLS) assert.deepEqual(found[tool], expected, tool);
  });

test('a name that a machine made up is in no file', () => {
  const nic = { id: 1, name: 'x"; reboot', mac: mac(1), source: 'hearsay' } as const;
  const parts = configParts([one(1, 'physical', 'x"; reboot', { nic, links: [link(33, 'dhcp')] })], TERMS);
  for (const files of [netplanFiles(parts), networkdFiles(parts), ifupdownFiles(parts) ?? []])
    assert.doesNotMatch(JSON.stringify(files), /reboot"|; reboot/);
});

test('router advertisements are accepted or not, as a person says, by every tool', () => {
  const parts = configParts(
    [true, false].map((accept, index) =>
      one(index + 1, 'physical', `eno${index + 1}`, { params: { accept_ra: accept }, links: [link(30, 'dhcp', LAN)] }),
    ),
    TERMS,
  );
  const textOf = (files: readonly { readonly text: string }[] | undefined): string =>
    (files ?? []).map(({ text }) => text).join('');
  assert.match(textOf(netplanFiles(parts)), /accept-ra: true[\s\S]+accept-ra: false/);
  assert.match(textOf(networkdFiles(parts)), /IPv6AcceptRA=yes[\s\S]+IPv6AcceptRA=no/);
  const switchAt = String.raw`/proc/sys/net/ipv6/conf/\$IFACE/accept_ra`;
  const up = (value: number): string => String.raw`  pre-up \[ ! -e ${switchAt} \] \|\| echo ${value} >${switchAt}\n`;
  assert.match(textOf(ifupdownFiles(parts)), new RegExp(`${up(2)}[^]+${up(0)}`));
});

test('DHCP brings the lowest of the addresses in a subnet, and the file has the others', () => {
  const lan = { ...LAN, served: [SERVED] };
  const two = [one(1, 'physical', 'eno1', { links: [link(33, 'auto', lan, 20), link(34, 'static', lan, 12)] })];
  const [byLease] = configParts(two, { ...TERMS, isByLease: true });
  assert.deepEqual([byLease?.hasDhcp, byLease?.addresses], [true, ['10.20.0.20/24']]);
  const [fixed] = configParts(two, TERMS);
  assert.deepEqual([fixed?.hasDhcp, fixed?.addresses], [false, ['10.20.0.20/24', '10.20.0.12/24']]);
  const other = { ...STORAGE, served: [SERVED] };
  const apart = [one(1, 'physical', 'eno1', { links: [link(33, 'auto', lan, 20), link(34, 'static', other, 12)] })];
  const [both] = configParts(apart, { ...TERMS, isByLease: true });
  assert.deepEqual([both?.hasDhcp, both?.addresses], [false, ['10.20.0.20/24', '10.30.0.12/24']]);
});
