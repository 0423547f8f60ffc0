// The scenes whose networks are compared (networks.ts): each has what another does not, and together they have everything that a person, a file,
// a rack or a client of the API can say about networks. `by-api` and `full` also made the database fixtures/state/region-7-networks.db.

import type { Settings } from '../../src/machines/settings.ts';
import type { HostAddress } from '../../src/region/records/rack-description.ts';
import type { Scene, SceneRack, Site } from './networks.ts';

const uuid = (last: number): string => `11111111-2222-4333-8444-55555555550${last}`;

/** The rack of the region's process. @param file its keys besides the name */
const own = (file = '', host?: readonly HostAddress[]): SceneRack => ({
  uuid: uuid(1),
  name: 'hall',
  file: `name: hall\n${file}`,
  ...(host === undefined ? {} : { host }),
});

const at = (nic: string, address: string): HostAddress => ({ interface: nic, address });

/** Stores cluster interfaces, as the page and the command do. @param rack its name; undefined: the region's own */
const store = (site: Site, networks: Readonly<Record<string, Settings>>, rack?: string): Promise<unknown> =>
  site.done('admin', 'POST', '2.0/settings/?op=change', {
    changes: JSON.stringify(
      Object.entries(networks).map(([name, value]) => ({ key: `cluster_interfaces.${name}`, value })),
    ),
    rack,
  });

/** What `rackboot init` stores. */
const LAB: Settings = {
  interface: 'eth1',
  management: 2,
  ip: '10.20.0.1',
  network: '10.20.0.0/24',
  router_ip: '10.20.0.254',
  ip_range_low: '10.20.0.100',
  ip_range_high: '10.20.0.199',
  static_ip_range_low: '10.20.0.10',
  static_ip_range_high: '10.20.0.49',
};

const INIT: Scene = {
  name: 'init',
  own: own('', [at('eth0', '192.0.2.5/24'), at('eth1', '10.20.0.1/24')]),
  bootedAt: '10.20.0.100',
  async build(site) {
    await store(site, { eth1: LAB });
  },
};

const FILE: Scene = {
  name: 'file',
  own: own(`
dns: { domain: lab.example, upstream: [192.0.2.53] }
dhcp:
  lease_time: 20m
  options: [{ name: ntp-servers, value: [192.0.2.123] }]
cluster_interfaces:
  - name: lab
    interface: eth1
    ip: 10.20.0.1
    subnet_mask: 255.255.255.0
    broadcast_ip: 10.20.0.255
    router_ip: 10.20.0.254
    ip_range_low: 10.20.0.100
    ip_range_high: 10.20.0.199
    static_ip_range_low: 10.20.0.10
    static_ip_range_high: 10.20.0.49
    domain: machines.example
    dns_servers: [10.20.0.1, 192.0.2.53]
    ntp_servers: [192.0.2.123]
    lease_time: 30m
    pxe_lease_time: 1m
    t1: 600
    t2: 1200
    identity: client-id
    authoritative: yes
    conflict_check: false
    answer_router_solicitations: false
    relay_sources: [10.99.0.0/24]
    options:
      - { name: interface-mtu, value: 9000 }
      - { name: classless-static-routes, value: [[10.9.0.0/16, 10.20.0.253]] }
      - { code: 43, type: hex, value: "f1040a140005", when: { vendor_class: "Cisco AP*" } }
    classes:
      - name: phones
        when: { mac: ["00:04:f2"] }
        options: [{ name: tftp-server-name, value: 10.20.0.5 }]
    hosts:
      - { mac: "52:54:00:12:34:56", ip: 10.20.0.10, hostname: nas, options: [{ name: boot-file-name, value: nas.img }] }
      - { client_id: "ff:00:12:34", ip: 10.20.0.60 }
      - { duid: "00:03:00:01:52:54:00:12:34:57", ip: 10.20.0.61, hostname: printer }
      - { circuit_id: ge-0/0/1, remote_id: "0x000652540012", ip: 10.20.0.150 }
  - name: quiet
    interface: eth2
    management: 0
    ip: 10.30.0.1
    network: 10.30.0.0/24
    router_ip: 10.30.0.254
    ip_range_low: 10.30.0.100
    ip_range_high: 10.30.0.199
    hosts: [{ mac: "52:54:00:12:34:58", ip: 10.30.0.10 }]
`),
  bootedAt: '10.20.0.100',
  async build(site) {
    await store(site, {
      beside: {
        interface: 'eth3',
        ip: '10.40.0.1',
        network: '10.40.0.0/24',
        hosts: [{ mac: '52:54:00:12:34:59', ip: '10.40.0.10' }],
      },
    });
    await site.done('admin', 'PUT', '2.0/subnets/{10.30.0.0/24}/', { name: 'cameras', description: 'Of the yard' });
    await site.done('admin', 'PUT', '2.0/ipranges/{10.20.0.100}/', { comment: 'for strangers' });
  },
};

const PROXY: Scene = {
  name: 'proxy',
  own: own(),
  bootedAt: '10.30.0.100',
  async build(site) {
    await store(site, {
      office: {
        interface: 'eth0',
        ip: '192.168.1.5',
        network: '192.168.1.0/24',
        mode: 'proxy',
        router_ip: '192.168.1.1',
      },
      lab: {
        interface: 'eth1',
        management: 1,
        ip: '10.30.0.1',
        network: '10.30.0.0/24',
        ip_range_low: '10.30.0.100',
        ip_range_high: '10.30.0.199',
        dns_servers: ['192.168.1.1'],
      },
    });
  },
};

const RELAYED: Scene = {
  name: 'relayed',
  own: own(),
  bootedAt: '10.50.0.100',
  async build(site) {
    const relayed = { relayed: true, shared: 'campus', relays: ['10.50.0.254', '10.99.0.0/24'] };
    await store(site, {
      north: {
        ...relayed,
        network: '10.50.0.0/24',
        dns_servers: ['10.50.0.53'],
        router_ip: '10.50.0.254',
        ip_range_low: '10.50.0.100',
        ip_range_high: '10.50.0.199',
        static_ip_range_low: '10.50.0.10',
        static_ip_range_high: '10.50.0.19',
      },
      south: {
        ...relayed,
        network: '10.51.0.0/24',
        management: 1,
        relay_sources: ['10.51.0.254'],
        ip_range_low: '10.51.0.100',
        ip_range_high: '10.51.0.199',
        dns_servers: ['10.50.0.53'],
      },
      storage: {
        interface: 'eth1.7',
        ip: '10.7.0.1',
        network: '10.7.0.0/24',
        ip_range_low: '10.7.0.9',
        ip_range_high: '10.7.0.99',
      },
    });
    await site.done('admin', 'POST', '2.0/spaces/', { name: 'disks', description: 'For storage' });
    await site.done('admin', 'POST', '2.0/fabrics/{fabric-0}/vlans/', {
      vid: '7',
      name: 'storage',
      mtu: '9000',
      space: 'disks',
    });
    await site.done('admin', 'PUT', '2.0/subnets/{10.7.0.0/24}/', { vlan: '{fabric-0 7}' });
    await site.done('admin', 'PUT', '2.0/vlans/{fabric-0 7}/', { mtu: '8000' });
  },
};

const BY_API: Scene = {
  name: 'by-api',
  own: own('', [at('eth0', '192.0.2.5/24'), at('eth1.30', '10.30.0.1/24'), at('eth3', '10.33.0.1/24')]),
  bootedAt: '10.30.0.100',
  async build(site) {
    const { done } = site;
    await done('admin', 'POST', '2.0/spaces/', { name: 'inside' });
    await done('admin', 'POST', '2.0/fabrics/', { name: 'core', description: 'Of the hall', class_type: '10g' });
    await done('admin', 'POST', '2.0/fabrics/{core}/vlans/', { vid: '30', name: 'lan', space: 'inside' });
    await done('admin', 'POST', '2.0/fabrics/{core}/vlans/', { vid: '31', name: 'far', mtu: '1400' });
    await done('admin', 'POST', '2.0/subnets/', {
      cidr: '10.30.0.0/24',
      name: 'lan',
      description: 'For machines',
      vlan: '{core 30}',
      gateway_ip: '10.30.0.254',
      dns_servers: '10.30.0.53 192.0.2.53',
      allow_dns: 'false',
    });
    await done('admin', 'POST', '2.0/subnets/', {
      cidr: '10.31.0.0/24',
      name: 'far',
      vlan: '{core 31}',
      gateway_ip: '10.31.0.1',
    });
    await done('admin', 'POST', '2.0/ipranges/', {
      type: 'dynamic',
      start_ip: '10.30.0.100',
      end_ip: '10.30.0.199',
      comment: 'for strangers',
    });
    await done('admin', 'PUT', '2.0/fabrics/{core}/vlans/30/', { dhcp_on: 'true', primary_rack: 'hall' });
    await done('admin', 'PUT', '2.0/vlans/{core 30}/', { mtu: '9000' });
    await done('admin', 'POST', '2.0/static-routes/', {
      source: '10.30.0.0/24',
      destination: '10.31.0.0/24',
      gateway_ip: '10.30.0.253',
      metric: '5',
    });
    await done('alice', 'POST', '2.0/ipranges/', {
      type: 'reserved',
      start_ip: '10.30.0.40',
      end_ip: '10.30.0.49',
      comment: 'of alice',
    });
    // It waits until a rack serves the subnet.
    await done('admin', 'POST', '2.0/ipranges/', { type: 'dynamic', start_ip: '10.31.0.100', end_ip: '10.31.0.149' });
    await done('admin', 'POST', '1.0/networks/', {
      name: 'old',
      ip: '10.32.0.0',
      netmask: '255.255.255.0',
      default_gateway: '10.32.0.1',
      dns_servers: '10.32.0.2',
      vlan_tag: '32',
      description: 'As of MAAS 1',
    });
    await done('admin', 'POST', '1.0/nodegroups/master/interfaces/?op=new', {
      name: 'old',
      interface: 'eth3',
      ip: '10.33.0.1',
      subnet_mask: '255.255.255.0',
      management: '1',
      router_ip: '10.33.0.254',
      ip_range_low: '10.33.0.100',
      ip_range_high: '10.33.0.199',
    });
    await done('admin', 'PUT', '2.0/subnets/{10.33.0.0/24}/', { dns_servers: '10.33.0.53' });
  },
};

const remoteRack = (number: number, file: string, more: Partial<SceneRack> = {}): SceneRack => ({
  uuid: uuid(number),
  name: `rack-${number}`,
  file: `name: rack-${number}\nregion: { mode: remote, url: "http://region.example:5240/MAAS" }\n${file}`,
  ...more,
});

const TWO_RACKS: Scene = {
  name: 'two-racks',
  remote: [
    remoteRack(2, '', { host: [at('eth1', '10.20.0.1/24')] }),
    remoteRack(
      3,
      `cluster_interfaces:
  - { name: own, interface: eth1, management: 1, ip: 10.20.0.2, network: 10.20.0.0/24, router_ip: 10.20.0.253,
      ip_range_low: 10.20.0.200, ip_range_high: 10.20.0.249, dns_servers: [10.20.0.2] }
`,
      { host: [at('eth1', '10.20.0.2/24'), at('eth2', '10.60.0.2/24')] },
    ),
  ],
  bootedAt: '10.20.0.100',
  async build(site) {
    await store(site, { lab: { ...LAB, dns_servers: ['10.20.0.1'] } }, 'rack-2');
    await store(
      site,
      {
        further: {
          interface: 'eth2',
          ip: '10.60.0.2',
          network: '10.60.0.0/24',
          ip_range_low: '10.60.0.10',
          ip_range_high: '10.60.0.99',
        },
      },
      'rack-3',
    );
    await site.report();
    await site.agree({ uuid: uuid(2) }, ['10.20.0.0/24']);
  },
};

const REMOTE_FILE: Scene = {
  name: 'remote-file',
  own: own('', [at('eth1', '10.20.0.1/24')]),
  remote: [
    remoteRack(
      2,
      `cluster_interfaces:
  - name: far
    interface: eth1
    ip: 10.50.0.1
    network: 10.50.0.0/24
    router_ip: 10.50.0.254
    ip_range_low: 10.50.0.100
    ip_range_high: 10.50.0.199
    static_ip_range_low: 10.50.0.10
    static_ip_range_high: 10.50.0.19
    domain: far.example
    dns_servers: [192.0.2.53]
    options: [{ name: interface-mtu, value: 1400 }]
    hosts:
      - { mac: "52:54:00:12:34:56", ip: 10.50.0.7, hostname: nas }
      - { client_id: "ff:00:12:34", ip: 10.50.0.8 }
  - { name: quiet, interface: eth2, management: 0, ip: 10.51.0.1, network: 10.51.0.0/24, router_ip: 10.51.0.254 }
  - { name: office, interface: eth3, ip: 10.52.0.5, network: 10.52.0.0/24, mode: proxy }
`,
      { host: [at('eth1', '10.50.0.1/24'), at('eth4', '10.53.0.1/24')] },
    ),
    remoteRack(
      3,
      `cluster_interfaces:
  - { name: rival, interface: eth1, ip: 10.50.0.2, network: 10.50.0.0/24, ip_range_low: 10.50.0.200, ip_range_high: 10.50.0.209 }
  - { name: wide, interface: eth2, ip: 10.96.0.1, network: 10.96.0.0/12, ip_range_low: 10.96.0.10, ip_range_high: 10.96.0.99 }
`,
    ),
    remoteRack(
      4,
      `cluster_interfaces:
  - { name: mine, interface: eth1, ip: 10.54.0.1, network: 10.54.0.0/24, ip_range_low: 10.54.0.100, ip_range_high: 10.54.0.199 }
`,
    ),
  ],
  bootedAt: '10.20.0.100',
  async build(site) {
    await store(site, { lab: LAB });
    // The file has this name: what is stored under it is not in force.
    await store(
      site,
      {
        extra: {
          interface: 'eth4',
          ip: '10.53.0.1',
          network: '10.53.0.0/24',
          ip_range_low: '10.53.0.9',
          ip_range_high: '10.53.0.19',
        },
      },
      'rack-2',
    );
    // It overlaps the network of the rack's own file, so this rack refuses the settings.
    await store(
      site,
      {
        clash: {
          interface: 'eth5',
          ip: '10.54.0.129',
          network: '10.54.0.128/25',
          ip_range_low: '10.54.0.200',
          ip_range_high: '10.54.0.219',
        },
      },
      'rack-4',
    );
  },
};

const mac = (last: string): string => `52:54:00:00:00:${last}`;

/** A machine that is ready. */
async function addMachine({ done, place }: Site, hostname: string, last: string): Promise<void> {
  const { system_id: systemId } = await done('admin', 'POST', '2.0/machines/', {
    hostname,
    architecture: 'amd64/generic',
    mac_addresses: mac(last),
    power_type: 'manual',
    commission: 'false',
  });
  const fields = { status: 'ready' } as const;
  await place.store.changeMachine(systemId, 1, () => ({ kind: 'change', fields, events: [] }));
}

/** The rack of the region tells of a host. */
const tell = ({ place: { region, clock } }: Site, kind: string, address: string, last: string, sequence: number) => {
  const params = kind === 'dhcp.ack' ? { leaseSeconds: 600 } : { interface: 'eth1' };
  return region.observe(
    [{ sequence, kind, at: clock.wallTimeMs(), mac: mac(last), address, params, text: '' }],
    uuid(1),
  );
};

/** Who has the addresses of `full` in 10.20.0.0/24, by the last part of each. Those to 29 are in the static range. */
export const OWNERS: Readonly<Record<number, string>> = {
  0: 'the first address',
  1: 'the rack',
  2: 'nobody',
  3: 'another rack',
  4: 'the host of the rack',
  11: 'the machine db, allocated',
  12: 'the device printer of alice, linked',
  13: 'admin, reserved',
  14: 'admin, reserved for a host',
  15: 'a name',
  16: 'a host, by a lease',
  18: 'set aside by the rack',
  19: 'seen on the machine old',
  20: 'hosts: nas, which the rack reports',
  21: 'hosts: camera, which it does not report yet',
  22: 'a reserved range',
  24: 'the router of a route',
  25: 'a DNS server',
  26: 'nobody, in the static range',
  60: 'hosts: a client identifier',
  61: 'a host, of bob, released just now',
  140: 'the dynamic range',
  150: 'hosts: in the dynamic range',
  151: 'seen on the machine new, in the dynamic range',
  230: 'bob, reserved with a name',
  231: 'heard on the wire',
  235: 'a reserved range of alice',
  236: 'a name in it',
  254: 'the router',
  255: 'the last address',
};

/** Machines of `full` that have no address of their own. */
export const SPARES: readonly string[] = ['spare', ...'abcdefghij'].map((end, index) =>
  index === 0 ? end : `spare-${end}`,
);

const HOSTS: readonly Settings[] = [
  { mac: mac('20'), ip: '10.20.0.20', hostname: 'nas' },
  { client_id: 'ff:00:12:34', ip: '10.20.0.60' },
  { mac: mac('50'), ip: '10.20.0.150', hostname: 'phone' },
];

const FULL: Scene = {
  name: 'full',
  own: own('', [at('eth0', '192.0.2.5/24'), at('eth1', '10.20.0.1/24'), at('eth1', '10.20.0.4/24')]),
  remote: [remoteRack(2, '')],
  bootedAt: '10.20.0.101',
  async build(site) {
    const { done } = site;
    await store(site, {
      lab: { ...LAB, static_ip_range_high: '10.20.0.29', dns_servers: ['10.20.0.25', '192.0.2.53'], hosts: [...HOSTS] },
    });
    await store(
      site,
      { beside: { interface: 'eth1', management: 0, ip: '10.20.0.3', network: '10.20.0.0/24' } },
      'rack-2',
    );
    await site.report();
    await site.agree({ uuid: uuid(2) }, ['10.20.0.0/24']);
    await site.report();
    for (const [ip, by, more] of [
      ['10.20.0.13', 'admin'],
      ['10.20.0.14', 'admin', { mac: mac('14'), hostname: 'plotter' }],
      ['10.20.0.230', 'bob', { hostname: 'door' }],
    ] as const)
      await done(by, 'POST', '2.0/ipaddresses/?op=reserve', { ip, ...more });
    await done('admin', 'POST', '2.0/ipranges/', { type: 'reserved', start_ip: '10.20.0.22', end_ip: '10.20.0.23' });
    await done('alice', 'POST', '2.0/ipranges/', { type: 'reserved', start_ip: '10.20.0.235', end_ip: '10.20.0.239' });
    await done('admin', 'POST', '2.0/dnsresources/', { fqdn: 'files.maas', ip_addresses: '10.20.0.15' });
    await done('admin', 'POST', '2.0/dnsresources/', { fqdn: 'mail.maas', ip_addresses: '10.20.0.236' });
    await done('admin', 'POST', '2.0/subnets/', {
      cidr: '10.40.0.0/24',
      name: 'later',
      gateway_ip: '10.40.0.150',
      dns_servers: '10.40.0.53',
    });
    await done('admin', 'POST', '2.0/subnets/', { cidr: '10.41.0.0/24' });
    await done('admin', 'POST', '2.0/ipranges/', { type: 'dynamic', start_ip: '10.41.0.100', end_ip: '10.41.0.149' });
    await done('bob', 'POST', '2.0/ipaddresses/?op=reserve', { ip: '10.41.0.10' });
    await done('admin', 'POST', '2.0/static-routes/', {
      source: '10.20.0.0/24',
      destination: '10.40.0.0/24',
      gateway_ip: '10.20.0.24',
    });
    await addMachine(site, 'db', '11');
    await done('alice', 'POST', '2.0/machines/?op=allocate', { name: 'db', ip_address: '10.20.0.11' });
    await done('alice', 'POST', '2.0/devices/', { hostname: 'printer', mac_addresses: mac('12') });
    await done('admin', 'POST', '2.0/nodes/{printer}/interfaces/{printer nic}/?op=link_subnet', {
      mode: 'static',
      subnet: '10.20.0.0/24',
      ip_address: '10.20.0.12',
    });
    await done('admin', 'POST', '1.0/networks/hall-lab/?op=connect_macs', { macs: [mac('11'), mac('12')] });
    await tell(site, 'dhcp.ack', '10.20.0.16', '16', 1);
    await tell(site, 'dhcp.conflict', '10.20.0.18', '18', 2);
    for (const [name, last, address] of [
      ['old', '19', '10.20.0.19'],
      ['new', '51', '10.20.0.151'],
      ...SPARES.map((name, index) => [name, String(60 + index), `10.20.0.${160 + index}`] as const),
    ] as const) {
      await addMachine(site, name, last);
      await tell(site, 'dhcp.ack', address, last, Number(last) + 10);
    }
    await tell(site, 'net.neighbour-new', '10.20.0.231', '31', 100);
  },
  async after(site) {
    await site.done('bob', 'POST', '2.0/ipaddresses/?op=reserve', { ip: '10.20.0.61', mac: mac('17') });
    await site.done('bob', 'POST', '2.0/ipaddresses/?op=release', { ip: '10.20.0.61' });
    const camera = { mac: mac('21'), ip: '10.20.0.21', hostname: 'camera' };
    await site.done('admin', 'POST', '2.0/settings/?op=change', {
      changes: JSON.stringify([{ key: 'cluster_interfaces.lab.hosts', add: [camera] }]),
    });
  },
};

/** `by-api` and `full` in one region, as version 7 of the database stored them. What memory alone knew is gone. */
const STATE_7: Scene = {
  ...FULL,
  name: 'state-7',
  own: own('', [...(BY_API.own?.host ?? []), ...(FULL.own?.host?.slice(1) ?? [])]),
  build: 'region-7-networks.db',
};

export const SCENES: readonly Scene[] = [INIT, FILE, PROXY, RELAYED, BY_API, TWO_RACKS, REMOTE_FILE, FULL, STATE_7];
