// Trials of networks as objects, and of racks with their cluster interfaces.

import assert from 'node:assert/strict';
import { parseIpv4 } from '../../../../src/ground/address.ts';
import type { NetworkScan, ScanOutcome } from '../../../../src/region/records/network-scan.ts';
import { assertStatus } from '../../../support/answered.ts';
import type { AskedApi } from '../../asked-api.ts';
import { rackInterface } from '../../racks/rack-place.ts';
import {
  both,
  FIRST_MAC,
  type Fields,
  farRack,
  type Given,
  LAB,
  machine,
  OWN_RACK,
  type Sight,
  type Trial,
} from './trial.ts';

const idOf = async ({ ask }: AskedApi, path: string, fields: Fields): Promise<Given> => {
  const made = await assertStatus(ask('POST', `2.0/${path}/`, fields), 200);
  return { path: { id: made.json.id } };
};

const CIDR = '10.9.0.0/24';
const RESERVED_IP = { ip: '10.20.0.7', mac_address: '52:54:00:00:00:79', comment: 'the printer' };
const FABRIC = { name: 'core', description: 'Of the core', class_type: '10g' };
const SPACE = { name: 'dmz', description: 'For everybody' };
const VLAN = { name: 'storage', description: 'Of the disks', vid: '7', mtu: '9000', space: 'dmz' };
const CHANGED_VLAN = { ...VLAN, vid: '8' };
const vlanGiven = async (site: AskedApi): Promise<Given> => {
  await site.ask('POST', '2.0/spaces/', SPACE);
  const { path } = await idOf(site, 'fabrics', { name: 'core' });
  const made = (await site.ask('POST', `2.0/fabrics/${path?.id}/vlans/`, { vid: '7' })).json;
  return { path: { id: made.id, fabric_id: path?.id ?? '', vid: 7 } };
};
/** A VLAN that no rack serves yet, with a dynamic range of a network in which the region's own rack has an address. */
const rangedVlan = async (site: AskedApi): Promise<Given> => {
  const given = await vlanGiven(site);
  await idOf(site, 'subnets', { cidr: CIDR, vlan: String(given.path?.id) });
  await idOf(site, 'ipranges', { type: 'dynamic', start_ip: '10.9.0.100', end_ip: '10.9.0.199' });
  const addresses = [{ interface: 'eth9', address: '10.9.0.5/24' }];
  await site.place.region.racks.putOwn({ ...OWN_RACK, addresses });
  return given;
};
const DHCP = { dhcp_on: 'true', primary_rack: 'maas' };
const DHCP_READS = { primary_rack: { at: 'primary_rack', is: OWN_RACK.uuid } } as const;

const VLANS = ['2.0 PUT fabrics/{fabric_id}/vlans/{vid}', '2.0 PUT vlans/{id}'].flatMap((of): readonly Trial[] => [
  { of, given: vlanGiven, send: CHANGED_VLAN },
  { of, given: rangedVlan, send: DHCP, reads: DHCP_READS },
]);

const OBJECTS: readonly Trial[] = [
  { of: '2.0 POST fabrics', send: FABRIC },
  { of: '2.0 PUT fabrics/{id}', given: (site) => idOf(site, 'fabrics', {}), send: FABRIC },
  { of: '2.0 POST spaces', send: SPACE },
  { of: '2.0 PUT spaces/{id}', given: (site) => idOf(site, 'spaces', {}), send: SPACE },
  {
    of: '2.0 POST fabrics/{fabric_id}/vlans',
    send: { ...VLAN, dhcp_on: 'false' },
    given: async (site) => {
      await site.ask('POST', '2.0/spaces/', SPACE);
      const { path } = await idOf(site, 'fabrics', { name: 'core' });
      return { path: { fabric_id: path?.id ?? '' } };
    },
  },
  ...VLANS,
];

const SUBNET = {
  cidr: CIDR,
  name: 'far',
  description: 'Far away',
  fabric: 'core',
  vid: '7',
  gateway_ip: '10.9.0.1',
  dns_servers: '10.9.0.2 10.9.0.3',
  allow_proxy: 'true',
  managed: 'true',
  rdns_mode: '2',
};
const SUBNET_READS = {
  fabric: 'vlan.fabric',
  vid: 'vlan.vid',
  dns_servers: { at: 'dns_servers', is: ['10.9.0.2', '10.9.0.3'] },
} as const;
const onVlan = async (site: AskedApi): Promise<Given> => {
  const { path } = await vlanGiven(site);
  return { ...(await idOf(site, 'subnets', { cidr: '10.8.0.0/24' })), kept: String(path?.id) };
};
const vlanIs = { vlan: ({ answer, given }: Sight) => assert.equal(String(answer.json.vlan.id), given.kept) };
const servedSubnet = async ({ ask }: AskedApi): Promise<Given> => {
  const [one] = (await ask('GET', '2.0/subnets/')).json;
  return { path: { id: one.id } };
};

const SUBNETS: readonly Trial[] = [
  { of: '2.0 POST subnets', given: vlanGiven, send: SUBNET, reads: SUBNET_READS },
  {
    of: '2.0 POST subnets',
    given: async (site) => ({ ...(await onVlan(site)), fields: { cidr: CIDR } }),
    send: ({ kept = '' }) => ({ vlan: kept, allow_dns: 'false' }),
    reads: vlanIs,
  },
  { of: '2.0 PUT subnets/{id}', given: onVlan, send: SUBNET, reads: SUBNET_READS },
  { of: '2.0 PUT subnets/{id}', given: onVlan, send: ({ kept = '' }) => ({ vlan: kept }), reads: vlanIs },
  { of: '2.0 PUT subnets/{id}', given: servedSubnet, send: { allow_dns: 'false' } },
];

const addresses = async (site: AskedApi): Promise<Given> => {
  await site.ask('POST', '2.0/ipaddresses/?op=reserve', { ip: '10.20.0.210' }, 'alice');
  await site.ask('POST', '2.0/ipaddresses/?op=reserve', { ip: '10.20.0.211' });
  await machine(site, 'ready', { home: parseIpv4('10.20.0.7') });
  await site.ask('POST', '2.0/machines/?op=allocate', { ip_address: '10.20.0.77' });
  return await servedSubnet(site);
};
/** The administrator has two. */
const twoAddresses = async (site: AskedApi): Promise<Given> => {
  await site.ask('POST', '2.0/ipaddresses/?op=reserve', { ip: '10.20.0.212' });
  return await addresses(site);
};
const lacks =
  (field: string) =>
  ({ answer }: Sight) => {
    assert.ok(answer.json.length > 0);
    assert.ok(
      answer.json.every((one: object) => !(field in one)),
      answer.text,
    );
  };
const has =
  (field: string) =>
  ({ answer }: Sight) =>
    assert.ok(field in answer.json, answer.text);

const USES: readonly Trial[] = [
  {
    of: '2.0 GET subnets/{id} ip_addresses',
    given: addresses,
    send: { with_username: 'false', with_node_summary: 'false' },
    reads: { with_username: lacks('user'), with_node_summary: lacks('node_summary') },
  },
  {
    of: '2.0 GET subnets/{id} statistics',
    given: servedSubnet,
    send: { include_ranges: 'true', include_suggestions: 'true' },
    reads: { include_ranges: has('ranges'), include_suggestions: has('suggested_gateway') },
  },
];

const RANGE = { start_ip: '10.20.0.230', end_ip: '10.20.0.240', comment: 'For printers' };
const ip = ({ answer, sent }: Sight) => {
  const found = [answer.json].flat().map((one: { readonly ip: string }) => one.ip);
  assert.deepEqual(found, [sent.ip ?? sent.ip_address]);
};
const farSubnet = async ({ ask }: AskedApi): Promise<Given> => {
  await ask('POST', '2.0/subnets/', { cidr: CIDR });
  return {};
};
/** 1.0 shows no subnet of an address. */
const inFar = ({ answer }: Sight) => assert.match(answer.json.ip, /^10\.9\.0\./);
const ips =
  (...wanted: readonly string[]) =>
  ({ answer }: Sight) =>
    assert.deepEqual(
      answer.json.map((one: { readonly ip: string }) => one.ip),
      wanted,
    );
const released = async ({ site }: Sight) =>
  assert.deepEqual(
    (await site.ask('GET', '2.0/ipaddresses/', { all: 'true' })).json.map((one: { ip: string }) => one.ip),
    ['10.20.0.211'],
  );

const RANGES: readonly Trial[] = [
  {
    of: '2.0 GET ipranges',
    send: { type: 'static' },
    reads: {
      type: ({ answer }) =>
        assert.deepEqual(
          answer.json.map((one: { type: string }) => one.type),
          ['static'],
        ),
    },
  },
  {
    of: '2.0 POST ipranges',
    send: { ...RANGE, type: 'reserved', subnet: '10.20.0.0/24' },
    reads: { subnet: { at: 'subnet.cidr', is: '10.20.0.0/24' } },
  },
  {
    of: '2.0 PUT ipranges/{id}',
    send: { ...RANGE, type: 'reserved', subnet: '10.20.0.0/24' },
    reads: { subnet: { at: 'subnet.cidr', is: '10.20.0.0/24' } },
    given: (site) => idOf(site, 'ipranges', { type: 'reserved', start_ip: '10.20.0.200', end_ip: '10.20.0.205' }),
  },
  {
    of: '2.0 POST reservedips',
    send: { ...RESERVED_IP, subnet: '10.20.0.0/24' },
    reads: { subnet: { at: 'subnet.cidr', is: '10.20.0.0/24' } },
  },
  {
    of: '2.0 PUT reservedips/{id}',
    send: { comment: 'the plotter' },
    given: (site) => idOf(site, 'reservedips', RESERVED_IP),
  },
  {
    of: '2.0 GET ipaddresses',
    given: addresses,
    send: { all: 'true' },
    reads: { all: ips('10.20.0.210', '10.20.0.211') },
  },
  { of: '2.0 GET ipaddresses', given: addresses, send: { owner: 'alice' }, reads: { owner: ips('10.20.0.210') } },
  { of: '2.0 GET ipaddresses', given: twoAddresses, send: { ip: '10.20.0.211' }, reads: { ip } },
  {
    of: '2.0 POST ipaddresses reserve',
    given: farSubnet,
    send: { subnet: CIDR },
    reads: { subnet: inFar },
  },
  {
    of: '2.0 POST ipaddresses reserve',
    send: { ip: '10.20.0.210' },
    reads: { ip },
  },
  { of: '2.0 POST ipaddresses reserve', send: { ip_address: '10.20.0.210' }, reads: { ip_address: ip } },
  {
    of: '2.0 POST ipaddresses reserve',
    given: async () => ({ fields: { ip: '10.20.0.210' } }),
    send: { mac: '52:54:00:00:00:77', hostname: 'printer' },
  },
  {
    of: '2.0 POST ipaddresses release',
    given: addresses,
    send: { ip: '10.20.0.210', force: 'true' },
    reads: { ip: released, force: released },
  },
  {
    of: '2.0 POST ipaddresses release',
    given: addresses,
    send: { ip_address: '10.20.0.210', force: 'true' },
    reads: { ip_address: released, force: released },
  },
];

const farSubnets = async (site: AskedApi) => {
  for (const cidr of [CIDR, '10.8.0.0/24', '10.7.0.0/24']) await site.ask('POST', '2.0/subnets/', { cidr });
};
const ROUTE = { source: CIDR, destination: '10.8.0.0/24', gateway_ip: '10.9.0.1', metric: '5' };
const ROUTE_READS = { source: 'source.cidr', destination: 'destination.cidr' } as const;

const ROUTES: readonly Trial[] = [
  {
    of: '2.0 POST static-routes',
    send: ROUTE,
    reads: ROUTE_READS,
    given: async (site) => {
      await farSubnets(site);
      return {};
    },
  },
  {
    of: '2.0 PUT static-routes/{id}',
    send: ROUTE,
    reads: ROUTE_READS,
    given: async (site) => {
      await farSubnets(site);
      return await idOf(site, 'static-routes', { source: '10.7.0.0/24', destination: CIDR, gateway_ip: '10.7.0.1' });
    },
  },
];

const NETWORK = {
  name: 'far',
  description: 'Far away',
  ip: '10.9.0.0',
  netmask: '255.255.255.0',
  default_gateway: '10.9.0.1',
  dns_servers: '10.9.0.2 10.9.0.3',
  vlan_tag: '7',
};
const oldNetwork = async ({ ask }: AskedApi): Promise<Given> => {
  await ask('POST', '1.0/networks/', { name: 'old', ip: '10.8.0.0', netmask: '255.255.255.0' });
  return { path: { name: 'old' } };
};
const withMachine = async (site: AskedApi): Promise<Given> => {
  await machine(site);
  return await oldNetwork(site);
};
const connected =
  (wanted: readonly string[]) =>
  async ({ site }: Sight) =>
    assert.deepEqual(
      (await site.ask('GET', '1.0/networks/old/?op=list_connected_macs')).json.map(
        (one: { readonly mac_address: string }) => one.mac_address,
      ),
      wanted,
    );

const OLD_NETWORKS: readonly Trial[] = [
  { of: '1.0 POST networks', send: NETWORK },
  {
    of: '1.0 PUT networks/{name}',
    given: oldNetwork,
    send: { ...NETWORK, ip: '10.10.0.0', netmask: '255.255.254.0', default_gateway: '10.10.1.1' },
  },
  {
    of: '1.0 POST networks/{name} connect_macs',
    given: withMachine,
    send: { macs: FIRST_MAC },
    reads: { macs: connected([FIRST_MAC]) },
  },
  {
    of: '1.0 POST networks/{name} disconnect_macs',
    send: { macs: FIRST_MAC },
    reads: { macs: connected([]) },
    given: async (site) => {
      const given = await withMachine(site);
      await site.ask('POST', '1.0/networks/old/?op=connect_macs', { macs: FIRST_MAC });
      return given;
    },
  },
];

const { network: _network, ...RANGE_FIELDS } = LAB;
const CLUSTER = {
  ...RANGE_FIELDS,
  name: 'far',
  interface: 'eth9',
  ip: '10.30.0.1',
  subnet_mask: '255.255.255.0',
  broadcast_ip: '10.30.0.255',
  router_ip: '10.30.0.254',
  ip_range_low: '10.30.0.100',
  ip_range_high: '10.30.0.199',
  management: '1',
  static_ip_range_low: '10.30.0.10',
  static_ip_range_high: '10.30.0.99',
};
/** 1.0 takes the router, and does not show it. */
const CLUSTER_READS = {
  router_ip: ({ site }: Sight) => {
    const entries = site.place.region.settings.interfacesOf('11111111-2222-3333-4444-555555555555');
    assert.equal(entries.find(({ name }) => name === 'far')?.router_ip, '10.30.0.254');
  },
};
const REGISTERED = { uuid: '11111111-2222-4333-8444-555555555501' };
/** A network that the region's own rack has, too: only a person may agree to it. */
const LAB_NETWORK = '10.20.0.0/24';
const SHARED = { ...rackInterface(LAB_NETWORK), name: 'lab', ip: '10.20.0.2' };
const pending = async ({ ask }: AskedApi): Promise<Given> => {
  await ask('POST', '1.0/nodegroups/?op=register', { ...REGISTRATION }, 'nobody');
  return {};
};
const REGISTRATION = {
  ...REGISTERED,
  name: 'rack-2',
  version: '0.1.0',
  uplink: '1',
  token: 'token-of-rack-2',
  secret_digest: 'a'.repeat(64),
  interfaces: JSON.stringify([{ ...CLUSTER, name: 'far', network: '10.30.0.0/24', management: 2 }, SHARED]),
};
const rackIs =
  (field: string, wanted: unknown) =>
  async ({ site }: Sight) =>
    assert.deepEqual((await site.ask('GET', `2.0/nodegroups/${REGISTERED.uuid}/`)).json[field], wanted);
const keyIs =
  (field: 'token' | 'secretDigest', wanted: string) =>
  ({ site }: Sight) =>
    assert.equal(site.place.region.racks.find(REGISTERED.uuid)?.[field], wanted);

const RACKS: readonly Trial[] = [
  {
    of: '1.0 POST nodegroups/{uuid}/interfaces new',
    given: async () => ({ path: { uuid: 'master' } }),
    send: CLUSTER,
    reads: CLUSTER_READS,
  },
  {
    of: '1.0 PUT nodegroups/{uuid}/interfaces/{name}',
    reads: CLUSTER_READS,
    send: { ...CLUSTER, subnet_mask: '255.255.254.0', broadcast_ip: '10.30.1.255' },
    given: async () => ({ path: { uuid: 'master', name: 'lab' } }),
  },
  ...both('POST nodegroups register', {
    by: 'nobody',
    send: REGISTRATION,
    reads: {
      name: rackIs('name', 'rack-2'),
      version: rackIs('version', '0.1.0'),
      uplink: ({ site }) => assert.equal(site.place.region.racks.find(REGISTERED.uuid)?.uplink, 1),
      interfaces: ({ site }) =>
        assert.equal(site.place.region.racks.find(REGISTERED.uuid)?.interfaces[0]?.ip, '10.30.0.1'),
      token: keyIs('token', 'token-of-rack-2'),
      secret_digest: keyIs('secretDigest', 'a'.repeat(64)),
    },
  }),
  ...both('POST nodegroups accept', {
    given: pending,
    send: { ...REGISTERED, share: LAB_NETWORK },
    reads: {
      uuid: rackIs('status_name', 'accepted'),
      share: ({ site }) =>
        assert.deepEqual(site.place.region.racks.find(REGISTERED.uuid)?.agreed, ['10.30.0.0/24', LAB_NETWORK]),
    },
  }),
  ...both('POST nodegroups reject', {
    given: pending,
    send: REGISTERED,
    reads: { uuid: rackIs('status_name', 'rejected') },
  }),
  ...['name', 'cluster_name'].map(
    (field): Trial => ({
      of: '1.0 PUT nodegroups/{uuid}',
      given: async (site) => ({ ...(await pending(site)), path: REGISTERED }),
      send: { [field]: 'rack-2', status: '1' },
    }),
  ),
  {
    of: '2.0 PUT rackcontrollers/{system_id}',
    given: async (site) => {
      await farRack(site);
      return { path: { system_id: REGISTERED.uuid } };
    },
    send: { zone: 'hall', domain: 'maas', description: 'in the hall' },
    reads: { zone: 'zone.name', domain: 'domain.name' },
  },
  {
    of: '2.0 GET rackcontrollers power_parameters',
    given: async (site) => {
      await farRack(site);
      return {};
    },
    send: { id: [REGISTERED.uuid] },
    reads: { id: ({ answer }) => assert.deepEqual(answer.json, { [REGISTERED.uuid]: {} }) },
  },
];

/** 1.0 and 2.0 reserve alike. */
const inBoth = (trials: readonly Trial[]): readonly Trial[] =>
  trials.flatMap((trial) =>
    trial.of.includes('ipaddresses') ? [trial, { ...trial, of: trial.of.replace('2.0', '1.0') }] : [trial],
  );

const MORE: readonly Trial[] = [
  ...both('POST ipaddresses reserve', {
    given: farSubnet,
    send: { network: CIDR },
    reads: { network: inFar },
  }),
  ...both('POST ipaddresses reserve', {
    send: { requested_address: '10.20.0.210' },
    reads: {
      requested_address: ({ answer }) => assert.equal(answer.json.ip, '10.20.0.210'),
    },
  }),
  {
    of: '1.0 GET networks',
    given: async (site) => {
      const kept = await machine(site);
      await oldNetwork(site);
      await site.ask('POST', '1.0/networks/', { name: 'other', ip: '10.7.0.0', netmask: '255.255.255.0' });
      await site.ask('POST', '1.0/networks/old/?op=connect_macs', { macs: FIRST_MAC });
      return { kept };
    },
    send: ({ kept = '' }) => ({ node: kept }),
    reads: {
      node: ({ answer }) =>
        assert.deepEqual(answer.json.map((one: { readonly name: string }) => one.name).toSorted(), ['maas-lab', 'old']),
    },
  },
];

/** The scan for which the rack was asked last. */
let asked: NetworkScan | undefined;
const scan = async (wanted: NetworkScan): Promise<ScanOutcome> => {
  asked = wanted;
  return 'started';
};
const scanned = () => assert.deepEqual(asked?.networks, ['10.20.0.0/24']);
const SCANS: readonly Trial[] = [
  {
    of: '2.0 POST discovery scan',
    options: { scan },
    send: { cidr: '10.20.0.0/24', slow: 'true', threads: '3', always_use_ping: 'false' },
    reads: {
      cidr: scanned,
      slow: () => assert.equal(asked?.isSlow, true),
      threads: () => assert.equal(asked?.atOnce, 3),
      always_use_ping: scanned,
    },
    // Hosts are asked by ARP.
  },
  {
    of: '2.0 POST discovery scan',
    options: { scan },
    send: { force: 'true' },
    given: async ({ ask }) => {
      asked = undefined;
      await assertStatus(ask('POST', '2.0/discovery/?op=scan', {}), 400);
      return {};
    },
    reads: { force: scanned },
  },
];

export const NETWORK_TRIALS: readonly Trial[] = [
  ...OBJECTS,
  ...SUBNETS,
  ...USES,
  ...inBoth(RANGES),
  ...MORE,
  ...ROUTES,
  ...OLD_NETWORKS,
  ...SCANS,
  ...RACKS,
];
