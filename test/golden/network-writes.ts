// Changes of the networks of the scenes (network-scenes.ts), through every view, most of which are refused: the name, the field and the text of
// each answer are compared (networks.ts). For `full`, every claim to an address is tried for every owner of one.

import type { Fields } from '../region/asked-api.ts';
import { OWNERS, SPARES } from './network-scenes.ts';
import { type Change, changeBy, type Request } from './networks.ts';

const LAB = 'cluster_interfaces.lab';

/** A change of settings. @param rack of a cluster interface; undefined: the region's own */
const settings = (changes: readonly object[], rack?: string): Request => [
  'admin',
  'POST',
  '2.0/settings/?op=change',
  { changes: JSON.stringify(changes), rack },
];
const field = (name: string, value?: unknown) => ({ key: `${LAB}.${name}`, value });
/** The static range would refuse what else the cluster interface is asked to have in it. */
const WITHOUT_STATIC = [field('static_ip_range_low'), field('static_ip_range_high')];

/** Each way to claim an address of 10.20.0.0/24 in `full`. */
const CLAIMS: Readonly<Record<string, (ip: string) => Request>> = {
  'spare, allocated by alice': (ip) => [
    'alice',
    'POST',
    '2.0/machines/?op=allocate',
    { system_id: '{spare}', ip_address: ip },
  ],
  'spare, allocated by admin': (ip) => [
    'admin',
    'POST',
    '2.0/machines/?op=allocate',
    { system_id: '{spare}', ip_address: ip },
  ],
  'spare, linked': (ip) => [
    'admin',
    'POST',
    '2.0/nodes/{spare}/interfaces/{spare nic}/?op=link_subnet',
    { mode: 'static', subnet: '10.20.0.0/24', ip_address: ip, force: 'true' },
  ],
  'printer of alice, linked': (ip) => [
    'alice',
    'POST',
    '2.0/nodes/{printer}/interfaces/{printer nic}/?op=link_subnet',
    { mode: 'static', subnet: '10.20.0.0/24', ip_address: ip, force: 'true' },
  ],
  'bob reserves': (ip) => ['bob', 'POST', '2.0/ipaddresses/?op=reserve', { ip }],
  'admin reserves': (ip) => ['admin', 'POST', '1.0/ipaddresses/?op=reserve', { requested_address: ip }],
  'a reserved range': (ip) => ['admin', 'POST', '2.0/ipranges/', { type: 'reserved', start_ip: ip, end_ip: ip }],
  hosts: (ip) => settings([{ key: `${LAB}.hosts`, add: [{ mac: '52:54:00:00:00:aa', ip }] }]),
  'the dynamic range': (ip) => settings([...WITHOUT_STATIC, field('ip_range_low', ip), field('ip_range_high', ip)]),
  'the static range': (ip) => settings([field('static_ip_range_low', ip), field('static_ip_range_high', ip)]),
  'the router': (ip) => settings([...WITHOUT_STATIC, field('router_ip', ip)]),
  'the router of a route': (ip) => [
    'admin',
    'POST',
    '2.0/static-routes/',
    { source: '10.20.0.0/24', destination: '10.41.0.0/24', gateway_ip: ip },
  ],
  'the other rack': (ip) => settings([{ key: 'cluster_interfaces.beside.ip', value: ip }], 'rack-2'),
  'a name': (ip) => ['admin', 'POST', '2.0/dnsresources/', { fqdn: 'further.maas', ip_addresses: ip }],
};

const MATRIX: readonly Change[] = Object.entries(OWNERS).flatMap(([last, owner]) =>
  Object.entries(CLAIMS).map(([claim, request]) => ({
    name: `10.20.0.${last} (${owner}): ${claim}`,
    requests: [request(`10.20.0.${last}`)],
  })),
);

/** What owners claim of their own. */
const OWN: readonly Request[] = [
  ['alice', 'POST', '2.0/ipaddresses/?op=reserve', { ip: '10.20.0.11', mac: '52:54:00:00:00:11' }],
  ['alice', 'POST', '2.0/ipaddresses/?op=reserve', { ip: '10.20.0.12', mac: '52:54:00:00:00:12' }],
  ['alice', 'POST', '2.0/ipaddresses/?op=reserve', { ip: '10.20.0.13' }],
  ['admin', 'POST', '2.0/ipaddresses/?op=reserve', { ip: '10.20.0.14', mac: '52:54:00:00:00:14' }],
  ['bob', 'POST', '2.0/ipaddresses/?op=reserve', { ip: '10.20.0.61', mac: '52:54:00:00:00:17' }],
  ['admin', 'POST', '2.0/ipaddresses/?op=reserve', { ip: '10.20.0.16', mac: '52:54:00:00:00:16' }],
  ['admin', 'POST', '2.0/ipaddresses/?op=reserve', { ip: '10.20.0.20', mac: '52:54:00:00:00:20' }],
  ['admin', 'POST', '2.0/ipaddresses/?op=reserve', { ip: '10.20.0.21', mac: '52:54:00:00:00:21' }],
  ['bob', 'POST', '2.0/ipaddresses/?op=reserve', { ip: '10.20.0.2', mac: '52:54:00:00:00:20' }],
  ['bob', 'POST', '2.0/ipaddresses/?op=reserve', { ip: '10.20.0.2', mac: '52:54:00:00:00:16' }],
  ['alice', 'POST', '2.0/dnsresources/', { fqdn: 'db2.maas', ip_addresses: '10.20.0.11' }],
  settings([{ key: `${LAB}.hosts`, add: [{ mac: '52:54:00:00:00:11', ip: '10.20.0.11' }] }]),
  settings([{ key: `${LAB}.hosts`, add: [{ mac: '52:54:00:00:00:14', ip: '10.20.0.14' }] }]),
  settings([{ key: `${LAB}.hosts`, add: [{ mac: '52:54:00:00:00:20', ip: '10.20.0.2' }] }]),
  settings([{ key: `${LAB}.hosts`, add: [{ mac: '52:54:00:00:00:ab', ip: '10.20.0.20' }] }]),
];

/** Addresses that the region chooses, until there is none. */
const IN_TURN: readonly Change[] = [
  {
    name: 'machines, allocated in turn',
    requests: SPARES.map((name) => ['alice', 'POST', '2.0/machines/?op=allocate', { system_id: `{${name}}` }] as const),
  },
  {
    name: 'spare, linked in turn',
    requests: SPARES.map(
      () =>
        [
          'admin',
          'POST',
          '2.0/nodes/{spare}/interfaces/{spare nic}/?op=link_subnet',
          { mode: 'static', subnet: '10.20.0.0/24' },
        ] as const,
    ),
  },
];

/** Where nobody names an address. */
const FREE: readonly Request[] = [
  ['alice', 'POST', '2.0/machines/?op=allocate', { name: 'spare' }],
  ['admin', 'POST', '1.0/nodes/?op=acquire', { name: 'spare' }],
  [
    'admin',
    'POST',
    '2.0/nodes/{spare}/interfaces/{spare nic}/?op=link_subnet',
    { mode: 'static', subnet: '10.20.0.0/24', force: 'true' },
  ],
  [
    'alice',
    'POST',
    '2.0/nodes/{printer}/interfaces/{printer nic}/?op=link_subnet',
    { mode: 'static', subnet: '10.20.0.0/24' },
  ],
  ['bob', 'POST', '2.0/ipaddresses/?op=reserve', { subnet: '10.20.0.0/24' }],
  ['admin', 'POST', '2.0/ipaddresses/?op=reserve', { subnet: '10.20.0.0/24' }],
  ['bob', 'POST', '1.0/ipaddresses/?op=reserve', { network: '10.41.0.0/24' }],
];

/** The same refused changes in each view of a served network. */
const SERVED: readonly Request[] = [
  // The cluster interface, in the words of the file.
  settings([field('ip_range_low', '10.20.0.200')]),
  settings([field('ip_range_high', '10.20.1.5')]),
  settings([field('ip_range_high')]),
  settings([field('ip_range_low', '10.20.0.28')]),
  settings([field('ip_range_high', '10.20.0.254')]),
  settings([field('ip_range_low')]),
  settings([field('router_ip', '10.20.1.1')]),
  settings([field('router_ip', '10.20.0.255')]),
  settings([field('router_ip', 'x')]),
  settings([field('ip', '10.20.0.9')]),
  settings([field('network', '10.20.0.0/25')]),
  settings([field('network')]),
  settings([field('subnet_mask', '255.255.255.128')]),
  settings([field('broadcast_ip', '10.20.0.254')]),
  settings([field('management', 3)]),
  settings([field('mode', 'proxy')]),
  settings([field('dns_servers', ['x'])]),
  settings([field('ntp_servers', [7])]),
  settings([field('options', [{ name: 'nothing', value: 1 }])]),
  settings([field('relayed', true)]),
  settings([field('nothing', 1)]),
  settings([{ key: 'cluster_interfaces', value: [] }]),
  settings([
    {
      key: 'cluster_interfaces.twin',
      value: {
        interface: 'eth7',
        ip: '10.20.0.129',
        network: '10.20.0.128/25',
        ip_range_low: '10.20.0.200',
        ip_range_high: '10.20.0.210',
      },
    },
  ]),
  settings([{ key: `${LAB}.hosts`, add: [{ ip: '10.20.0.9' }] }]),
  settings([{ key: `${LAB}.hosts`, add: [{ mac: '52:54:00:00:00:aa', ip: '10.21.0.9' }] }]),
  settings([{ key: `${LAB}.ip`, value: '10.20.0.9' }], 'nowhere'),
  // The cluster interface of API 1.0.
  ['admin', 'PUT', '1.0/nodegroups/master/interfaces/lab/', { ip_range_low: '10.20.0.200' }],
  ['admin', 'PUT', '1.0/nodegroups/master/interfaces/lab/', { ip_range_high: '10.20.0.254' }],
  ['admin', 'PUT', '1.0/nodegroups/master/interfaces/lab/', { router_ip: '10.20.1.1' }],
  ['admin', 'PUT', '1.0/nodegroups/master/interfaces/lab/', { subnet_mask: '255.0.255.0' }],
  ['admin', 'PUT', '1.0/nodegroups/master/interfaces/lab/', { management: '3' }],
  ['admin', 'PUT', '1.0/nodegroups/master/interfaces/lab/', { ip: 'x' }],
  ['admin', 'PUT', '1.0/nodegroups/master/interfaces/lab/', { name: 'a/b' }],
  [
    'admin',
    'POST',
    '1.0/nodegroups/master/interfaces/?op=new',
    { name: 'lab', interface: 'eth1', ip: '10.20.0.1', subnet_mask: '255.255.255.0' },
  ],
  [
    'admin',
    'POST',
    '1.0/nodegroups/master/interfaces/?op=new',
    { interface: 'eth7', ip: '10.20.0.9', management: '0' },
  ],
  ['alice', 'PUT', '1.0/nodegroups/master/interfaces/lab/', { management: '0' }],
  // The network of API 1.0.
  ['admin', 'PUT', '1.0/networks/hall-lab/', { default_gateway: '10.20.0.150' }],
  ['admin', 'PUT', '1.0/networks/hall-lab/', { default_gateway: '10.20.1.1' }],
  ['admin', 'PUT', '1.0/networks/hall-lab/', { netmask: '255.255.0.0' }],
  ['admin', 'PUT', '1.0/networks/hall-lab/', { netmask: '255.0.255.0' }],
  ['admin', 'PUT', '1.0/networks/hall-lab/', { dns_servers: 'x' }],
  ['admin', 'PUT', '1.0/networks/hall-lab/', { vlan_tag: '4095' }],
  ['admin', 'PUT', '1.0/networks/hall-lab/', { name: 'later' }],
  ['admin', 'POST', '1.0/networks/', { name: 'twin', ip: '10.20.0.128', netmask: '255.255.255.128' }],
  ['admin', 'DELETE', '1.0/networks/hall-lab/'],
  ['admin', 'POST', '1.0/networks/hall-lab/?op=connect_macs', { macs: '52:54:00:00:00:ff' }],
  // The subnet and its ranges of API 2.0.
  ['admin', 'PUT', '2.0/subnets/{10.20.0.0/24}/', { gateway_ip: '10.20.0.150' }],
  ['admin', 'PUT', '2.0/subnets/{10.20.0.0/24}/', { gateway_ip: '10.20.1.1' }],
  ['admin', 'PUT', '2.0/subnets/{10.20.0.0/24}/', { gateway_ip: '10.20.0.11' }],
  ['admin', 'PUT', '2.0/subnets/{10.20.0.0/24}/', { gateway_ip: '10.20.0.230' }],
  ['admin', 'PUT', '2.0/subnets/{10.20.0.0/24}/', { cidr: '10.20.0.0/23' }],
  ['admin', 'PUT', '2.0/subnets/{10.20.0.0/24}/', { name: 'a/b c' }],
  ['admin', 'PUT', '2.0/subnets/{10.20.0.0/24}/', { vlan: '99', fabric: 'nowhere' }],
  [
    'admin',
    'PUT',
    '2.0/subnets/{10.20.0.0/24}/',
    { dns_servers: 'x', allow_proxy: 'false', managed: 'false', rdns_mode: '1' },
  ],
  ['admin', 'POST', '2.0/subnets/', { cidr: '10.20.0.0/25' }],
  ['admin', 'POST', '2.0/subnets/', { cidr: '10.0.0.0/7' }],
  ['admin', 'DELETE', '2.0/subnets/{10.20.0.0/24}/'],
  ['alice', 'PUT', '2.0/subnets/{10.20.0.0/24}/', { name: 'mine' }],
  ['admin', 'PUT', '2.0/ipranges/{10.20.0.100}/', { start_ip: '10.20.0.200' }],
  ['admin', 'PUT', '2.0/ipranges/{10.20.0.100}/', { end_ip: '10.20.0.254' }],
  ['admin', 'PUT', '2.0/ipranges/{10.20.0.100}/', { end_ip: '10.20.0.235' }],
  ['admin', 'PUT', '2.0/ipranges/{10.20.0.100}/', { end_ip: '10.20.0.231' }],
  ['admin', 'PUT', '2.0/ipranges/{10.20.0.100}/', { end_ip: '10.20.1.5' }],
  ['admin', 'PUT', '2.0/ipranges/{10.20.0.100}/', { type: 'reserved' }],
  ['admin', 'PUT', '2.0/ipranges/{10.20.0.100}/', { subnet: '10.41.0.0/24' }],
  ['admin', 'PUT', '2.0/ipranges/{10.20.0.10}/', { end_ip: '10.20.0.120' }],
  ['alice', 'PUT', '2.0/ipranges/{10.20.0.100}/', { comment: 'mine' }],
  ['bob', 'PUT', '2.0/ipranges/{10.20.0.235}/', { comment: 'mine' }],
  ['admin', 'POST', '2.0/ipranges/', { type: 'dynamic', start_ip: '10.20.0.200', end_ip: '10.20.0.210' }],
  ['admin', 'POST', '2.0/ipranges/', { type: 'reserved', start_ip: '10.20.0.240', end_ip: '10.20.0.238' }],
  ['alice', 'POST', '2.0/ipranges/', { type: 'reserved', start_ip: '10.20.0.27', end_ip: '10.20.0.28' }],
  ['admin', 'DELETE', '2.0/ipranges/{10.20.0.100}/'],
  ['admin', 'DELETE', '2.0/ipranges/{10.20.0.10}/'],
  ['admin', 'PUT', '2.0/vlans/{fabric-0 0}/', { vid: '7' }],
  ['admin', 'PUT', '2.0/vlans/{fabric-0 0}/', { mtu: '100' }],
  ['admin', 'PUT', '2.0/vlans/{fabric-0 0}/', { space: 'nowhere' }],
  ['admin', 'PUT', '2.0/vlans/{fabric-0 0}/', { primary_rack: 'nowhere' }],
  ['admin', 'PUT', '2.0/vlans/{fabric-0 0}/', { secondary_rack: 'hall' }],
  ['admin', 'DELETE', '2.0/vlans/{fabric-0 0}/'],
  ['admin', 'DELETE', '2.0/fabrics/{fabric-0}/'],
  ['admin', 'POST', '2.0/fabrics/', { name: 'fabric-0' }],
  [
    'admin',
    'POST',
    '2.0/static-routes/',
    { source: '10.20.0.0/24', destination: '10.20.0.0/24', gateway_ip: '10.20.0.9' },
  ],
  [
    'admin',
    'POST',
    '2.0/static-routes/',
    { source: '10.20.0.0/24', destination: '10.40.0.0/24', gateway_ip: '10.20.0.24' },
  ],
  [
    'admin',
    'POST',
    '2.0/static-routes/',
    { source: '10.20.0.0/24', destination: '10.40.0.0/24', gateway_ip: '10.40.0.1' },
  ],
  ['admin', 'PUT', '2.0/static-routes/{via 10.20.0.24}/', { metric: '4294967296' }],
  ['bob', 'POST', '2.0/ipaddresses/?op=release', { ip: '10.20.0.14' }],
  ['bob', 'POST', '2.0/ipaddresses/?op=reserve', { ip: '10.99.0.1' }],
  ['bob', 'POST', '2.0/ipaddresses/?op=reserve', { ip: '10.20.0.2', mac: 'x' }],
  ['bob', 'POST', '2.0/ipaddresses/?op=reserve', { ip: '10.20.0.2', hostname: 'files' }],
  ['admin', 'POST', '2.0/reservedips/', { ip: '10.20.0.2' }],
  ['admin', 'POST', '2.0/dnsresources/', { fqdn: 'files.maas', ip_addresses: 'x' }],
  ['admin', 'POST', '2.0/spaces/', { name: '' }],
  // The page.
  ['admin', 'page', `networks/interfaces/hall/lab/`, page({ ip_range_low: '10.20.0.200' })],
  ['admin', 'page', `networks/interfaces/hall/lab/`, page({ router_ip: '10.20.1.1' })],
  ['admin', 'page', `networks/interfaces/hall/lab/`, page({ mode: 'proxy' })],
  ['admin', 'page', `networks/interfaces/hall/lab/`, page({ ip: '10.20.0.9' })],
  ['admin', 'page', `networks/interfaces/hall/lab/`, page({ network: '10.20.0.0/25' })],
  ['admin', 'page', `networks/interfaces/hall/lab/`, page({ dns_servers: 'x' })],
  [
    'admin',
    'page',
    'networks/subnets/{10.20.0.0/24}/edit/',
    { do: 'edit', cidr: '10.20.0.0/24', gateway_ip: '10.20.0.150' },
  ],
  ['admin', 'page', 'networks/subnets/{10.20.0.0/24}/reserve/', { ip: '10.20.0.11' }],
  ['admin', 'page', 'networks/ranges/{10.20.0.100}/', { do: 'edit', start_ip: '10.20.0.100', end_ip: '10.20.0.254' }],
  ['admin', 'page', 'networks/vlans/{fabric-0 0}/', { do: 'delete' }],
];

/** The form of the cluster interface of `full`, with other texts. */
function page(more: Fields): Fields {
  return {
    do: 'edit',
    management: '2',
    mode: 'server',
    interface: 'eth1',
    ip: '10.20.0.1',
    network: '10.20.0.0/24',
    router_ip: '10.20.0.254',
    ip_range_low: '10.20.0.100',
    ip_range_high: '10.20.0.199',
    static_ip_range_low: '10.20.0.10',
    static_ip_range_high: '10.20.0.29',
    dns_servers: '10.20.0.25 192.0.2.53',
    authoritative: 'auto',
    identity: 'mac',
    ...more,
  };
}

const plain = (requests: readonly Request[]): readonly Change[] => requests.map(changeBy);

/** A cluster interface with a dynamic range. */
const serviceAt = (ip: string, network: string, low: string, high: string, nic = 'eth1') => ({
  interface: nic,
  ip,
  network,
  ip_range_low: low,
  ip_range_high: high,
});

/** By scene. */
export const CHANGES: Readonly<Record<string, readonly Change[]>> = {
  full: [
    ...MATRIX,
    ...IN_TURN,
    ...plain(OWN),
    ...plain(FREE),
    ...plain(SERVED),
    ...plain([
      // A range around the gateway of its subnet, which no rack served before.
      settings([
        {
          key: 'cluster_interfaces.later',
          value: serviceAt('10.40.0.1', '10.40.0.0/24', '10.40.0.100', '10.40.0.199', 'eth4'),
        },
      ]),
      settings([
        {
          key: 'cluster_interfaces.waits',
          value: serviceAt('10.41.0.1', '10.41.0.0/24', '10.41.0.9', '10.41.0.20', 'eth4'),
        },
      ]),
      ['admin', 'POST', '2.0/ipranges/', { type: 'dynamic', start_ip: '10.40.0.100', end_ip: '10.40.0.199' }],
      ['admin', 'PUT', '2.0/ipranges/{10.41.0.100}/', { start_ip: '10.41.0.9' }],
      ['admin', 'PUT', '2.0/subnets/{10.41.0.0/24}/', { gateway_ip: '10.41.0.120' }],
      ['admin', 'PUT', '2.0/subnets/{10.41.0.0/24}/', { gateway_ip: '10.41.0.10' }],
      ['admin', 'PUT', '2.0/subnets/{10.41.0.0/24}/', { cidr: '10.41.0.128/25' }],
      ['admin', 'PUT', '2.0/fabrics/{fabric-0}/vlans/0/', { dhcp_on: 'true', primary_rack: 'hall' }],
    ]),
  ],
  file: plain([
    settings([field('router_ip', '10.20.0.9')]),
    ['admin', 'PUT', '1.0/nodegroups/master/interfaces/lab/', { router_ip: '10.20.0.9' }],
    ['admin', 'DELETE', '1.0/nodegroups/master/interfaces/lab/'],
    ['admin', 'PUT', '1.0/networks/hall-lab/', { default_gateway: '10.20.0.9' }],
    ['admin', 'PUT', '2.0/subnets/{10.20.0.0/24}/', { gateway_ip: '10.20.0.9' }],
    ['admin', 'PUT', '2.0/subnets/{10.20.0.0/24}/', { allow_dns: 'false' }],
    ['admin', 'PUT', '2.0/ipranges/{10.20.0.100}/', { end_ip: '10.20.0.190' }],
    ['admin', 'DELETE', '2.0/ipranges/{10.20.0.10}/'],
    ['admin', 'PUT', '2.0/vlans/{fabric-0 0}/', { dhcp_on: 'false' }],
    ['admin', 'PUT', '2.0/vlans/{fabric-0 0}/', { mtu: '1400' }],
    [
      'admin',
      'POST',
      '2.0/static-routes/',
      { source: '10.20.0.0/24', destination: '10.30.0.0/24', gateway_ip: '10.20.0.9' },
    ],
    ['admin', 'page', 'networks/interfaces/hall/lab/', { do: 'delete' }],
    settings([{ key: `${LAB}.hosts`, add: [{ mac: '52:54:00:00:00:aa', ip: '10.20.0.9' }] }]),
    ['admin', 'POST', '2.0/ipaddresses/?op=reserve', { ip: '10.20.0.61' }],
    ['alice', 'POST', '2.0/ipaddresses/?op=reserve', { ip: '10.30.0.10' }],
    ['alice', 'POST', '2.0/ipaddresses/?op=reserve', { subnet: '10.20.0.0/24' }],
  ]),
  proxy: plain([
    settings([{ key: 'cluster_interfaces.office.ip_range_low', value: '192.168.1.100' }]),
    settings([{ key: 'cluster_interfaces.office.mode' }]),
    settings([{ key: 'cluster_interfaces.lab.mode', value: 'proxy' }]),
    ['admin', 'POST', '2.0/ipranges/', { type: 'dynamic', start_ip: '192.168.1.100', end_ip: '192.168.1.199' }],
    ['admin', 'POST', '2.0/ipranges/', { type: 'static', start_ip: '192.168.1.100', end_ip: '192.168.1.199' }],
    ['admin', 'PUT', '1.0/nodegroups/master/interfaces/office/', { management: '1' }],
    ['alice', 'POST', '2.0/ipaddresses/?op=reserve', { subnet: '192.168.1.0/24' }],
  ]),
  relayed: plain([
    settings([{ key: 'cluster_interfaces.north.interface', value: 'eth1' }]),
    settings([{ key: 'cluster_interfaces.north.relays', value: ['x'] }]),
    settings([{ key: 'cluster_interfaces.south.network', value: '10.50.0.0/25' }]),
    ['admin', 'PUT', '2.0/fabrics/{fabric-0}/vlans/7/', { vid: '0' }],
    ['admin', 'DELETE', '2.0/spaces/{disks}/'],
    ['admin', 'DELETE', '2.0/vlans/{fabric-0 7}/'],
  ]),
  'by-api': plain([
    ['admin', 'DELETE', '2.0/ipranges/{10.30.0.100}/'],
    ['admin', 'DELETE', '2.0/subnets/{10.30.0.0/24}/'],
    ['admin', 'DELETE', '2.0/subnets/{10.31.0.0/24}/'],
    ['admin', 'PUT', '2.0/vlans/{core 31}/', { dhcp_on: 'true', primary_rack: 'hall' }],
    ['admin', 'PUT', '2.0/vlans/{core 30}/', { dhcp_on: 'true', primary_rack: 'hall', secondary_rack: 'hall' }],
    ['admin', 'PUT', '2.0/vlans/{core 30}/', { relay_vlan: '{core 31}' }],
    ['admin', 'PUT', '2.0/ipranges/{10.31.0.100}/', { start_ip: '10.31.0.1' }],
    ['admin', 'POST', '2.0/ipranges/', { type: 'static', start_ip: '10.31.0.10', end_ip: '10.31.0.19' }],
    ['admin', 'POST', '2.0/ipranges/', { type: 'static', start_ip: '10.30.0.10', end_ip: '10.30.0.45' }],
    ['admin', 'PUT', '2.0/subnets/{10.30.0.0/24}/', { gateway_ip: '10.30.0.45' }],
    ['admin', 'PUT', '2.0/subnets/{10.30.0.0/24}/', { gateway_ip: '10.30.0.253' }],
    ['admin', 'PUT', '1.0/networks/old/', { ip: '10.30.0.0' }],
  ]),
  'two-racks': plain([
    ...['lab rack-2', 'own rack-3', 'further rack-3'].flatMap((text): readonly Request[] => {
      const [name = '', rack = ''] = text.split(' ');
      return [
        settings([{ key: `cluster_interfaces.${name}.router_ip`, value: '10.20.0.150' }], rack),
        settings([{ key: `cluster_interfaces.${name}.ip_range_high`, value: '10.20.0.252' }], rack),
      ];
    }),
    // In the subnet of the other rack: over its range, over its router and its address, and with a router in its range.
    ...[
      serviceAt('10.60.0.9', '10.60.0.0/24', '10.60.0.50', '10.60.0.120'),
      serviceAt('10.60.0.9', '10.60.0.0/24', '10.60.0.1', '10.60.0.5'),
      { ...serviceAt('10.60.0.9', '10.60.0.0/24', '10.60.0.200', '10.60.0.210'), router_ip: '10.60.0.50' },
      serviceAt('10.60.0.2', '10.60.0.0/24', '10.60.0.200', '10.60.0.210'),
    ].map((value) =>
      settings([{ key: 'cluster_interfaces.second', value: { ...value, interface: 'eth9' } }], 'rack-2'),
    ),
    settings(
      [
        { key: 'cluster_interfaces.lab.ip_range_low', value: '10.20.0.2' },
        { key: 'cluster_interfaces.lab.static_ip_range_low' },
        { key: 'cluster_interfaces.lab.static_ip_range_high' },
      ],
      'rack-2',
    ),
    settings([{ key: 'cluster_interfaces.lab.ip_range_high', value: '10.20.0.220' }], 'rack-2'),
    settings([{ key: 'cluster_interfaces.lab.router_ip', value: '10.20.0.220' }], 'rack-2'),
    ['admin', 'PUT', '2.0/ipranges/{10.20.0.100}/', { end_ip: '10.20.0.220' }],
    ['admin', 'PUT', '2.0/ipranges/{10.20.0.100}/', { end_ip: '10.20.0.120' }],
    ['admin', 'PUT', '2.0/subnets/{10.20.0.0/24}/', { gateway_ip: '10.20.0.9' }],
    ['admin', 'PUT', '2.0/vlans/{fabric-0 0}/', { dhcp_on: 'true', primary_rack: 'rack-2', secondary_rack: 'rack-3' }],
    ['admin', 'PUT', '2.0/vlans/{fabric-0 0}/', { dhcp_on: 'true', primary_rack: 'rack-2' }],
  ]),
  'remote-file': plain([
    ['admin', 'POST', '2.0/ipaddresses/?op=reserve', { ip: '10.50.0.7' }],
    ['alice', 'POST', '2.0/ipaddresses/?op=reserve', { ip: '10.50.0.8' }],
    ['alice', 'POST', '2.0/ipaddresses/?op=reserve', { subnet: '10.50.0.0/24' }],
    ['admin', 'POST', '2.0/ipaddresses/?op=reserve', { ip: '10.50.0.2' }],
    ['admin', 'POST', '2.0/ipaddresses/?op=reserve', { ip: '10.96.0.20' }],
    settings([{ key: 'cluster_interfaces.far.router_ip', value: '10.50.0.9' }], 'rack-2'),
    settings([{ key: 'cluster_interfaces.mine.router_ip', value: '10.54.0.9' }], 'rack-4'),
    ['admin', 'PUT', '2.0/subnets/{10.50.0.0/24}/', { gateway_ip: '10.50.0.9' }],
    ['admin', 'PUT', '2.0/subnets/{10.51.0.0/24}/', { dns_servers: '10.51.0.9' }],
    ['admin', 'PUT', '2.0/ipranges/{10.50.0.100}/', { end_ip: '10.50.0.150' }],
    ['admin', 'PUT', '1.0/nodegroups/rack-2/interfaces/far/', { router_ip: '10.50.0.9' }],
    ['admin', 'page', 'networks/interfaces/rack-2/far/', { do: 'delete' }],
    [
      'admin',
      'POST',
      '2.0/static-routes/',
      { source: '10.50.0.0/24', destination: '10.20.0.0/24', gateway_ip: '10.50.0.7' },
    ],
    ['admin', 'PUT', '2.0/vlans/{fabric-0 0}/', { dhcp_on: 'false' }],
  ]),
};
