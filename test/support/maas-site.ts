// A MAAS that answers what `rackboot import-maas` reads.
//
// Provenance: the paths, properties and types are those of the API 2.0 of MAAS 2.9 and of MAAS 3.6, as their clients see them; every value is
// invented. Where the two differ, `version` chooses.

import type { IncomingMessage, ServerResponse } from 'node:http';
import { BodyServer } from './body-server.ts';
import { answerJson } from './json-answer.ts';

export const MAAS_KEY = 'aBcDeFgHiJkLmNoPqR:sTuVwXyZaBcDeFgHiJ:kLmNoPqRsTuVwXyZaBcDeFgHiJkLmNoP';
const SSH_KEY = `ssh-ed25519 ${Buffer.concat([
  Buffer.from([0, 0, 0, 11]),
  Buffer.from('ssh-ed25519'),
  Buffer.from([0, 0, 0, 32]),
  Buffer.alloc(32, 7),
]).toString('base64')} carol@desk`;

export type MaasVersion = '2.9' | '3.6';
/** By path below the API, with `?op=` if it has one. */
export type MaasAnswers = Readonly<Record<string, unknown>>;

const vlan = (id: number, fabric: string, vid: number, version: MaasVersion) => ({
  vid,
  mtu: vid === 0 ? 9000 : 1500,
  dhcp_on: vid === 0,
  external_dhcp: null,
  relay_vlan: null,
  fabric,
  fabric_id: id,
  name: vid === 0 ? 'untagged' : String(vid),
  id: 5000 + id * 10 + vid,
  primary_rack: vid === 0 ? 'xy7abc' : null,
  secondary_rack: null,
  space: 'undefined',
  resource_uri: `/MAAS/api/2.0/vlans/${5000 + id * 10 + vid}/`,
  ...(version === '3.6' ? { description: '' } : {}),
});

function subnetsOf(version: MaasVersion) {
  const common = {
    rdns_mode: 2,
    allow_dns: true,
    dns_servers: [],
    allow_proxy: true,
    active_discovery: false,
    managed: true,
    space: 'undefined',
    description: '',
    ...(version === '3.6' ? { disabled_boot_architectures: [] } : {}),
  };
  const lan = { ...common, name: 'lan', cidr: '172.30.0.0/24', gateway_ip: '172.30.0.1', dns_servers: ['172.30.0.2'] };
  return [
    { ...lan, id: 1, vlan: vlan(1, 'hall', 0, version) },
    {
      ...common,
      id: 2,
      name: 'far',
      cidr: '172.30.1.0/24',
      gateway_ip: null,
      managed: false,
      vlan: vlan(1, 'hall', 30, version),
    },
    { ...common, id: 3, name: 'v6', cidr: 'fd00:1::/64', gateway_ip: null, vlan: vlan(1, 'hall', 0, version) },
  ];
}

interface Sample {
  readonly id: string;
  readonly hostname: string;
  readonly status: readonly [number, string];
  readonly power: string;
  readonly address?: string;
  readonly tags?: readonly string[];
  readonly isBonded?: boolean;
}

function machineOf(version: MaasVersion, { id, hostname, status, power, address, tags = [], isBonded }: Sample) {
  const mac = (last: number) => `52:54:00:3${id.charCodeAt(0) % 10}:0${id.charCodeAt(1) % 10}:0${last}`;
  const [lan] = subnetsOf(version);
  const links = address === undefined ? [] : [{ id: 71, mode: 'auto', ip_address: address, subnet: lan }];
  const physical = (number: number) => ({
    id: number,
    name: `ens${number}`,
    type: 'physical',
    mac_address: mac(number).toUpperCase(),
    vlan: vlan(1, 'hall', 0, version),
    enabled: true,
    effective_mtu: 9000,
    interface_speed: 10_000,
    tags: [],
    parents: [],
    children: isBonded === true ? ['bond0'] : [],
    params: '',
    discovered: null,
    links: isBonded === true ? [] : number === 1 ? links : [],
    resource_uri: `/MAAS/api/2.0/nodes/${id}/interfaces/${number}/`,
  });
  const bond = {
    ...physical(1),
    id: 9,
    name: 'bond0',
    type: 'bond',
    parents: ['ens1', 'ens2'],
    children: [],
    params: { bond_mode: 'active-backup', bond_miimon: 100 },
    links,
  };
  const nics = [physical(1), physical(2), ...(isBonded === true ? [bond] : [])];
  return {
    system_id: id,
    hostname,
    fqdn: `${hostname}.example.com`,
    domain: { id: 1, name: 'example.com', authoritative: true, ttl: null, is_default: false, resource_record_count: 3 },
    architecture: 'amd64/generic',
    cpu_count: 16,
    cpu_speed: 2400,
    memory: 65_536,
    storage: 480_103.98,
    min_hwe_kernel: '',
    hwe_kernel: null,
    osystem: status[0] === 6 ? 'ubuntu' : '',
    distro_series: status[0] === 6 ? 'jammy' : '',
    status: status[0],
    status_name: status[1],
    status_message: '',
    description: '',
    owner: status[0] === 6 ? 'carol' : null,
    owner_data: {},
    power_type: power,
    power_state: 'on',
    pool: { id: 3, name: 'blue', description: '' },
    zone: { id: 2, name: 'north', description: 'the north hall' },
    tag_names: tags,
    locked: false,
    netboot: status[0] !== 6,
    hardware_uuid: `4c4c4544-0000-1000-8000-0000000000${id.charCodeAt(0).toString(16)}`,
    hardware_info: {
      system_vendor: 'Vendor',
      system_product: 'Server 1U',
      system_serial: `SN-${id}`,
      cpu_model: 'CPU',
      mainboard_vendor: 'Unknown',
    },
    bios_boot_method: 'uefi',
    boot_interface: physical(1),
    interface_set: nics,
    physicalblockdevice_set: [
      {
        id: 11,
        name: 'sda',
        size: 480_103_981_056,
        block_size: 512,
        model: 'Disk',
        serial: `D-${id}`,
        type: 'physical',
      },
    ],
    default_gateways: { ipv4: { gateway_ip: '172.30.0.1', link_id: address === undefined ? null : 71 }, ipv6: {} },
    resource_uri: `/MAAS/api/2.0/machines/${id}/`,
    ...(version === '3.6' ? { parent: null, is_dpu: false, workload_annotations: {}, ephemeral_deploy: false } : {}),
  };
}

const SAMPLES: readonly Sample[] = [
  { id: 'abc', hostname: 'ready1', status: [4, 'Ready'], power: 'ipmi', tags: ['big'] },
  { id: 'bcd', hostname: 'web1', status: [6, 'Deployed'], power: 'virsh', address: '172.30.0.40', tags: ['big'] },
  { id: 'cde', hostname: 'db1', status: [6, 'Deployed'], power: 'hmc', address: '172.30.0.41', isBonded: true },
  { id: 'def', hostname: 'fresh1', status: [0, 'New'], power: '' },
  { id: 'efg', hostname: 'busy1', status: [12, 'Releasing'], power: 'ipmi' },
];

const POWER: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
  ipmi: {
    power_driver: 'LAN_2_0',
    power_boot_type: 'efi',
    power_address: '172.31.0.9',
    power_user: 'maas',
    power_pass: 'Bmc-Secret-1',
    cipher_suite_id: '3',
    privilege_level: 'OPERATOR',
    k_g: '',
    mac_address: '',
  },
  virsh: { power_address: 'qemu+ssh://virt@172.31.0.8/system', power_id: 'web1', power_pass: '' },
  hmc: {
    power_address: '172.31.0.7',
    power_user: 'root',
    power_pass: 'Bmc-Secret-2',
    server_name: 'frame',
    lpar: 'db1',
  },
};

/** Every answer of such a MAAS. */
export function maasAnswers(version: MaasVersion): MaasAnswers {
  const subnets = subnetsOf(version);
  const [lan, far] = subnets;
  const hall = {
    id: 1,
    name: 'hall',
    class_type: null,
    vlans: [vlan(1, 'hall', 0, version), vlan(1, 'hall', 30, version)],
  };
  const carol = { username: 'carol', email: 'carol@example.com', is_superuser: true, is_local: true };
  const reserved = {
    ip: '172.30.0.60',
    alloc_type: 4,
    alloc_type_name: 'User reserved',
    interface_set: [],
    owner: carol,
  };
  const discovered = { ...reserved, ip: '172.30.0.61', alloc_type: 6, alloc_type_name: 'Discovered' };
  const workarounds = version === '3.6' ? { workaround_flags: ['opensesspriv', 'authcap'] } : {};
  return {
    'users/?op=whoami': carol,
    'version/': { version: version === '2.9' ? '2.9.2' : '3.6.1', subversion: '', capabilities: [] },
    'users/': [carol, { username: 'MAAS', email: '', is_superuser: false }],
    'account/prefs/sshkeys/': [{ id: 1, key: SSH_KEY, keysource: null, resource_uri: '' }],
    'zones/': [
      { id: 1, name: 'default', description: '' },
      { id: 2, name: 'north', description: 'the north hall' },
    ],
    'resourcepools/': [
      { id: 0, name: 'default', description: '' },
      { id: 3, name: 'blue', description: '' },
    ],
    'domains/': [
      { id: 0, name: 'maas', authoritative: true, ttl: null, is_default: true },
      { id: 1, name: 'example.com', authoritative: true, ttl: null, is_default: false },
    ],
    'spaces/': [{ id: -1, name: 'undefined', vlans: [], subnets: [] }],
    'fabrics/': [hall],
    'subnets/': subnets,
    'ipranges/': [
      {
        id: 1,
        type: 'dynamic',
        start_ip: '172.30.0.200',
        end_ip: '172.30.0.240',
        comment: 'enlistment',
        user: null,
        subnet: lan,
      },
      {
        id: 2,
        type: 'reserved',
        start_ip: '172.30.0.2',
        end_ip: '172.30.0.9',
        comment: 'routers',
        user: null,
        subnet: lan,
      },
    ],
    'static-routes/': [{ id: 1, source: lan, destination: far, gateway_ip: '172.30.0.3', metric: 100 }],
    'tags/': [
      { name: 'big', definition: '', comment: 'large ones', kernel_opts: 'hugepages=64' },
      { name: 'cores', definition: '//node[@class="processor"]', comment: '', kernel_opts: '' },
      { name: 'odd', definition: 'sum(//node[position() mod 2 = 1])', comment: '', kernel_opts: '' },
    ],
    'machines/?op=power_parameters': Object.fromEntries(
      SAMPLES.map(({ id, power }) => [id, { ...POWER[power], ...(power === 'ipmi' ? workarounds : {}) }]),
    ),
    'machines/': SAMPLES.map((sample) => machineOf(version, sample)),
    'devices/': [
      {
        ...machineOf(version, { id: 'fgh', hostname: 'printer', status: [6, 'Deployed'], power: '' }),
        node_type: 1,
        parent: null,
      },
    ],
    'ipaddresses/': [reserved, discovered],
    ...(version === '3.6'
      ? { 'reservedips/': [{ id: 1, ip: '172.30.0.62', mac_address: '52:54:00:77:00:01', comment: '', subnet: lan }] }
      : {}),
    'dnsresources/': [
      { id: 1, fqdn: 'www.example.com', address_ttl: 60, ip_addresses: [reserved], resource_records: [] },
    ],
    'dnsresourcerecords/': [{ id: 1, fqdn: 'mail.example.com', rrtype: 'MX', rrdata: '10 www.example.com', ttl: null }],
    'dhcp-snippets/': [{ id: 1, name: 'boot-again', value: 'option x 1;', enabled: true, global_snippet: true }],
    'scripts/': [
      { id: 1, name: '00-maas-00-support-info', default: true },
      { id: 90, name: 'own-check', default: false },
    ],
    [version === '2.9' ? 'pods/' : 'vm-hosts/']: [],
    'package-repositories/': [{ id: 1, name: 'main_archive' }],
    'license-keys/': [],
  };
}

/** Serves answers by HTTP to the holder of the key. */
export class MaasSite extends BodyServer {
  readonly #answers: MaasAnswers;
  /** What was asked, with its method. */
  readonly asked: string[] = [];

  constructor(answers: MaasAnswers) {
    super();
    this.#answers = answers;
  }

  protected answer({ url = '', method = '', headers }: IncomingMessage, _body: Buffer, response: ServerResponse): void {
    this.asked.push(`${method} ${url}`);
    const [consumer, token, secret] = MAAS_KEY.split(':');
    const authorization = headers.authorization ?? '';
    const parts = [`oauth_consumer_key="${consumer}"`, `oauth_token="${token}"`, `oauth_signature="%26${secret}"`];
    if (
      !authorization.includes('oauth_signature_method="PLAINTEXT"') ||
      !parts.every((part) => authorization.includes(part))
    )
      return void response.writeHead(401).end('Unrecognised API key');
    const { pathname, searchParams } = new URL(url, 'http://maas');
    const op = searchParams.get('op');
    const path = `${pathname.replace('/MAAS/api/2.0/', '')}${op === null ? '' : `?op=${op}`}`;
    if (!Object.hasOwn(this.#answers, path)) return void response.writeHead(404).end('Not Found');
    const found = this.#answers[path];
    const ids = searchParams.getAll('id');
    const isChosen = (one: unknown): boolean => ids.some((id) => JSON.stringify(one).includes(`"system_id":"${id}"`));
    if (typeof found === 'string') response.writeHead(200, { 'Content-Type': 'application/json' }).end(found);
    else answerJson(response, Array.isArray(found) && ids.length > 0 ? found.filter(isChosen) : found);
  }
}
