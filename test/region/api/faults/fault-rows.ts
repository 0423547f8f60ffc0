// Requests whose parameters fit their schemas and are wrong all the same: by what the store has, or by each other.
//
// 1. Every operation with two parameters or more has a row, or a reason in SCHEMA_ONLY.
// 2. Texts with `<name>` have the id of an object of the site (`fault-site.ts`) there.

type Texts = Readonly<Record<string, string>>;

export interface FaultRow {
  /** `POST machines/{system_id} deploy`, in every version that has it. */
  readonly of: string;
  /** The objects in the path; `system_id`: the machine, unless it says otherwise. */
  readonly at?: Texts;
  /** Values that fit, which the faults need. */
  readonly right?: Texts;
  readonly faults: Texts;
  /** The parameters without which a fault cannot be judged. */
  readonly needs?: Readonly<Record<string, readonly string[]>>;
}

const row = (of: string, faults: Texts, rest: Omit<FaultRow, 'of' | 'faults'> = {}): FaultRow => ({
  of,
  faults,
  ...rest,
});

/** The same of several operations. */
const rows = (all: readonly string[], faults: Texts, rest: Omit<FaultRow, 'of' | 'faults'> = {}): readonly FaultRow[] =>
  all.map((of) => row(of, faults, rest));

const AREAS = { zone: 'x', pool: 'y' };
const TAKEN_MAC = '52:54:00:00:00:03';
const GROUP_MAC = '01:00:5e:00:00:01';
const UUID = '9c5a5c5e-2f0b-4b8e-9d56-1d6c3a3f0b22';

const COMMISSIONED = {
  commissioning_scripts: 'x',
  testing_scripts: 'y',
  skip_networking: 'false',
  skip_storage: 'false',
  skip_bmc_config: 'false',
};
const LAID_OUT = { at: { system_id: 'laid' } };
const IN_USE = { at: { system_id: 'used' } };

const MACHINES: readonly FaultRow[] = [
  row('GET machines', {
    ...AREAS,
    mac_address: 'x',
    status: 'z',
    rack: 'r',
    not_in_zone: 'x',
    not_in_pool: 'y',
    subnets: 'nowhere',
    not_vlans: 'nowhere',
    fabrics: 'nowhere',
  }),
  row('GET machines', {
    storage: 'x',
    interfaces: 'x',
    pod: 'x',
    pod_type: 'x',
    devices: 'x',
    connected_to: 'x',
    not_connected_to: 'x',
  }),
  row('GET machines', { ...AREAS, not_zone: 'x', not_pool: 'y', not_in_zone: 'x' }),
  row('GET nodes list', { ...AREAS, mac_address: 'x', status: 'z', rack: 'r' }),
  ...rows(['GET nodes', 'GET devices', 'GET devices list', 'GET rackcontrollers', 'GET regioncontrollers'], {
    ...AREAS,
    mac_address: 'x',
  }),
  ...rows(['PUT machines/{system_id}', 'PUT nodes/{system_id}'], {
    ...AREAS,
    hostname: 'taken',
    domain: 'x.y',
    architecture: 'a/b/c',
    kernel_params: 'a || b',
    min_hwe_kernel: 'x',
    power_parameters: '{',
  }),
  row('POST machines/{system_id} deploy', {
    distro_series: '-/-',
    user_data: '%',
    disk: 'nvme9',
    ip_address: 'x',
    bridge_all: 'true',
    ephemeral_deploy: 'true',
    install_kvm: 'true',
    enable_hw_sync: 'true',
    register_vmhost: 'true',
    install_rackd: 'true',
    vcenter_registration: 'true',
    agent_name: '\u0007',
  }),
  row('POST nodes/{system_id} start', { distro_series: '-/-', user_data: '%', disk: 'nvme9', ip_address: 'x' }),
  ...rows(['POST machines/{system_id} deploy', 'POST nodes/{system_id} start'], {
    disk: 'nvme9',
    ip_address: '203.0.113.9',
  }),
  ...rows(
    ['POST machines/{system_id} deploy', 'POST nodes/{system_id} start'],
    { distro_series: 'debian/nosuch', user_data: '%', disk: 'nvme9', ip_address: 'x' },
    { needs: { distro_series: ['deploy_by', 'osystem'] } },
  ),
  ...rows(
    ['POST machines/{system_id} deploy', 'POST nodes/{system_id} start'],
    { hwe_kernel: 'hwe-99.04', user_data: '%', disk: 'nvme9', ip_address: 'x' },
    { right: { distro_series: 'debian/trixie' }, needs: { hwe_kernel: ['deploy_by', 'osystem'] } },
  ),
  row('POST machines allocate', {
    ...AREAS,
    not_in_zone: 'x',
    not_in_pool: 'y',
    storage: 'z',
    interfaces: 'a:b',
    ip_address: 'c',
    subnets: 'nowhere',
    pod: 'p',
    devices: 'd',
    bridge_all: 'true',
  }),
  row('POST nodes acquire', {
    ...AREAS,
    not_in_zone: 'x',
    not_in_pool: 'y',
    storage: 'z',
    interfaces: 'a:b',
    ip_address: 'c',
    subnets: 'nowhere',
    networks: 'nowhere',
    routers: 'r',
    connected_to: 'r',
  }),
  ...rows(['POST machines/{system_id} debug_login', 'POST nodes/{system_id} debug_login'], { seconds: '0' }),
  ...rows(['POST machines/{system_id} power_off', 'POST nodes/{system_id} stop'], { stop_mode: 'x' }),
  row('POST machines/{system_id} move', { rack: 'nowhere' }),
  row('PUT nodes/{system_id}', {
    ...AREAS,
    hostname: 'taken',
    distro_series: 'no such release',
    power_parameters: '{',
  }),
  row('PUT nodes/{system_id}', { ...AREAS, hostname: 'taken', osystem: 'debian' }, IN_USE),
  row('PUT nodes/{system_id}', { ...AREAS, hostname: 'taken', distro_series: 'noble' }, IN_USE),
  row('POST machines/{system_id} commission', COMMISSIONED, LAID_OUT),
  row('POST nodes/{system_id} commission', { ...COMMISSIONED, block_poweroff: 'true' }, LAID_OUT),
  row('POST machines/{system_id} test', { testing_scripts: 'y' }),
  ...rows(
    ['POST nodes set_zone', 'POST machines set_zone', 'POST devices set_zone'],
    { zone: 'x' },
    { right: { nodes: 'abc' } },
  ),
  row('PUT rackcontrollers/{system_id}', { zone: 'x', domain: 'x.y' }, { at: { system_id: 'rack' } }),
];

const ENLISTED = {
  ...AREAS,
  architecture: 'a/b/c',
  mac_addresses: 'x',
  hostname: '-',
  domain: '-',
  power_parameters: '{',
  hardware_facts: '{"version":1,"cpu":7}',
  min_hwe_kernel: 'x',
};
const ADDED: readonly FaultRow[] = [
  row(
    'POST machines',
    {
      ...ENLISTED,
      deployed: 'true',
      is_dpu: 'true',
      skip_bmc_config: 'false',
      enable_ssh: 'true',
      commissioning_scripts: 'x',
      testing_scripts: 'y',
    },
    { right: { subarchitecture: 'generic', power_type: 'ipmi' }, needs: { enable_ssh: ['commission'] } },
  ),
  row(
    'POST machines',
    { ...ENLISTED, is_dpu: 'true', commissioning_scripts: 'x', testing_scripts: 'y' },
    { right: { subarchitecture: 'generic', commission: 'true' } },
  ),
  row('POST nodes new', ENLISTED, { right: { subarchitecture: 'generic' } }),
  ...rows(
    ['POST machines', 'POST nodes new'],
    { ...AREAS, hostname: 'taken', mac_addresses: TAKEN_MAC },
    { right: { architecture: 'amd64' } },
  ),
  row('POST devices', { ...AREAS, hostname: '-', domain: 'x.y', parent: 'zzz', mac_addresses: 'x' }),
  row('POST devices', { ...AREAS, hostname: 'taken', parent: 'zzz', mac_addresses: TAKEN_MAC }),
  row(
    'PUT devices/{system_id}',
    { ...AREAS, hostname: 'taken', domain: 'x.y', parent: 'zzz' },
    { at: { system_id: 'device' } },
  ),
];

const DISK = 'nodes/{system_id}/blockdevices';
const MEMBERS = { block_devices: '999', partitions: '998' };
const CHANGED = {
  name: 'sda',
  add_block_devices: '999',
  add_partitions: '998',
  remove_block_devices: '997',
  remove_partitions: '996',
};
const STORAGE: readonly FaultRow[] = [
  row(`POST ${DISK}/{device_id}/partitions`, { size: '9T' }, { at: { device_id: 'sdb' } }),
  row(`POST ${DISK}/{device_id}/partition/{id} format`, { fstype: 'ntfs' }, { at: { device_id: 'sda', id: 'bare' } }),
  row(
    `POST ${DISK}/{device_id}/partition/{id} mount`,
    { mount_point: '/srv' },
    { at: { device_id: 'sda', id: 'bare' } },
  ),
  row(`POST ${DISK}/{id} format`, { fstype: 'ntfs' }, { at: { id: 'sdb' } }),
  row(`POST ${DISK}/{id} mount`, { mount_point: '/srv' }, { at: { id: 'sdg' } }),
  row(`POST ${DISK}`, { name: 'sda', serial: 'S-sdb' }, { right: { size: '1G' } }),
  row(`POST ${DISK}`, { name: 'vg7', id_path: '/dev/sda' }, { right: { size: '1G' }, needs: { id_path: ['serial'] } }),
  row(`PUT ${DISK}/{id}`, { name: 'sda', serial: 'S-sda', uuid: UUID }, { at: { id: 'sdb' } }),
  row(`PUT ${DISK}/{id}`, { name: 'sda', model: 'x', size: '1G' }, { at: { id: 'raid' } }),
  row(`PUT ${DISK}/{id}`, { name: '-', model: 'x', size: '9T' }, { at: { id: 'volume' } }),
  row('POST machines/{system_id} set_storage_layout', { storage_layout: 'x', root_device: 'nowhere' }),
  row(
    'POST machines/{system_id} set_storage_layout',
    { root_device: 'nowhere', root_size: '9T', lv_size: '8T' },
    { right: { storage_layout: 'lvm' } },
  ),
  row(
    'POST machines/{system_id} set_storage_layout',
    { boot_size: '9T' },
    { right: { storage_layout: 'flat' }, needs: { boot_size: ['root_size'] } },
  ),
  row(
    'POST nodes/{system_id}/raids',
    { name: 'sda', ...MEMBERS, spare_devices: '997', spare_partitions: '996' },
    { right: { level: 'raid-1' } },
  ),
  row(
    'PUT nodes/{system_id}/raid/{id}',
    {
      ...CHANGED,
      add_spare_devices: '995',
      add_spare_partitions: '994',
      remove_spare_devices: '993',
      remove_spare_partitions: '992',
    },
    { at: { id: 'raid' } },
  ),
  row('POST nodes/{system_id}/volume-groups', { name: 'sda', ...MEMBERS }),
  row('PUT nodes/{system_id}/volume-group/{id}', CHANGED, { at: { id: 'group' } }),
  row(
    'POST nodes/{system_id}/volume-group/{id} create_logical_volume',
    { name: 'lv7', size: '9T' },
    { at: { id: 'group' } },
  ),
];

const OWN_SOURCES = ['', 'nodegroups/{uuid}/'].map((prefix) => `${prefix}boot-sources`);
const IMAGES: readonly FaultRow[] = [
  ...OWN_SOURCES.flatMap((path) => [
    row(
      `POST ${path}`,
      { url: 'ftp://x', index: '/x', keyring_filename: 'relative', why: 'x' },
      { needs: { why: ['unsigned'] } },
    ),
    row(
      `POST ${path}`,
      { url: 'http://x', keyring_data: '%', index: '/x', unsigned: 'true' },
      { right: { why: 'x' }, needs: { url: ['unsigned'], unsigned: ['keyring_data', 'keyring_filename'] } },
    ),
    row(`POST ${path}`, { url: 'https://two.example/' }, { right: { unsigned: 'true', why: 'x' } }),
    row(`PUT ${path}/{id}`, { url: 'ftp://x', index: '/x', keyring_filename: 'relative' }, { at: { id: 'source' } }),
    row(`PUT ${path}/{id}`, { url: 'https://two.example/', index: '/x' }, { at: { id: 'source' } }),
    row(
      `POST ${path}/{boot_source_id}/selections`,
      { release: 'noble' },
      { at: { boot_source_id: 'source' }, right: { os: 'ubuntu' } },
    ),
    row(
      `PUT ${path}/{boot_source_id}/selections/{id}`,
      { release: 'jammy' },
      { at: { boot_source_id: 'source', id: 'selection' }, right: { os: 'ubuntu' } },
    ),
  ]),
  row(
    'POST boot-resources',
    { size: '0' },
    { right: { name: 'custom/site', architecture: 'amd64', sha256: 'a'.repeat(64) } },
  ),
];

const MARKS = { tags: 'a b', hardware_type: 'x', parallel: 'x' };
const SCRIPT = { script: 'x', type: 'x', timeout: 'x', packages: '{"apt":["x"]}', may_reboot: 'true', ...MARKS };
const TEXTS: readonly FaultRow[] = [
  row('GET scripts', { type: 'x', hardware_type: 'x' }),
  row('POST scripts', { name: 'burn', ...SCRIPT }),
  row('PUT scripts/{name}', { name: 'burn', ...SCRIPT }, { at: { name: '=spin' } }),
  row('POST commissioning-scripts', { name: 'burn', content: 'x', timeout: 'x', ...MARKS }),
  row(
    'PUT commissioning-scripts/{name}',
    { content: 'x', timeout: 'x', may_reboot: 'true', ...MARKS },
    { at: { name: '=spin' } },
  ),
  ...rows(['POST tags', 'POST tags new'], { name: 'fast', definition: '//node[', kernel_opts: 'a || b' }),
  row('PUT tags/{name}', { name: 'fast', definition: '//node[', kernel_opts: 'a || b' }, { at: { name: '=slow' } }),
  row('POST zones', { name: 'attic' }),
  row('PUT zones/{name}', { name: 'attic' }, { at: { name: '=cellar' } }),
  ...rows(['POST resourcepools', 'POST pools'], { name: 'lab' }),
  ...rows(['PUT resourcepool/{id}', 'PUT pools/{id}'], { name: 'lab' }, { at: { id: 'pool' } }),
  ...rows(['POST files', 'POST files add'], { filename: '\u0001' }, { right: { file: 'x' } }),
  row('POST maas set_config', { name: 'nosuch' }, { right: { value: 'x' } }),
  row('POST settings change', { changes: '{' }),
  row('POST settings set', { value: '{' }, { right: { key: 'dns.upstream' } }),
  row('POST account update_token_name', { token: ':' }, { right: { name: 'x' } }),
  row('POST users', { username: 'alice', email: 'x', password: 'short' }),
  row('PUT users/{username}', { email: 'x' }, { at: { username: '=alice' }, right: { is_superuser: 'false' } }),
  ...rows(['POST account/prefs/sshkeys', 'POST account/prefs/sshkeys new'], { key: 'x' }),
  row('POST account/prefs/sshkeys import', { keysource: 'x' }),
  row('GET events query', { ...AREAS, mac_address: 'x', level: 'z', limit: '9999' }),
  row('GET events follow', { ...AREAS, mac_address: 'x', level: 'z' }),
  row('PUT nodegroups/{uuid}', { name: 'x', cluster_name: 'y', status: '0' }),
];

const NICS = 'nodes/{system_id}/interfaces';
const BOND = { name: 'eno1', mac_address: GROUP_MAC, vlan: '99' };
const INTERFACES: readonly FaultRow[] = [
  row('POST nodes/{system_id} claim_sticky_ip_address', {
    mac_address: '52:54:00:00:00:99',
    requested_address: '203.0.113.9',
  }),
  row(
    `POST ${NICS} create_physical`,
    { mac_address: TAKEN_MAC, name: 'eth0', vlan: '99' },
    { at: { system_id: 'device' } },
  ),
  row(`POST ${NICS} create_bond`, { ...BOND, parents: '999' }),
  row(`POST ${NICS} create_bridge`, { ...BOND, parent: '999' }),
  row(`POST ${NICS} create_vlan`, { vlan: '99', parent: '999' }),
  row(
    `PUT ${NICS}/{id}`,
    { name: 'eno2', mac_address: '52:54:00:00:00:aa', vlan: '99', parent: '999', bond_mode: '802.3ad', bridge_fd: '3' },
    { at: { id: 'nic' }, needs: { parent: ['parents'] } },
  ),
  row(`POST ${NICS}/{id} link_subnet`, { subnet: '99' }, { at: { id: 'nic' }, right: { mode: 'auto' } }),
  row(
    `POST ${NICS}/{id} link_subnet`,
    { ip_address: '10.20.0.7', default_gateway: 'true' },
    { at: { id: 'nic' }, right: { mode: 'dhcp', subnet: '<near>' } },
  ),
];

const ADDRESSES = {
  router_ip: 'y',
  broadcast_ip: 'z',
  ip_range_low: 'a',
  ip_range_high: 'b',
  static_ip_range_low: 'c',
  static_ip_range_high: 'd',
};
const HOME = { interface: 'eth3', ip: '10.30.0.1', subnet_mask: '255.255.255.0' };
const SUBNET = {
  cidr: '10.20.0.0/25',
  vlan: '99',
  rdns_mode: '0',
  allow_proxy: 'false',
  managed: 'false',
};
const VLAN = { vid: '10', space: 'nowhere', primary_rack: 'nowhere', secondary_rack: 'elsewhere' };
const NETWORKS: readonly FaultRow[] = [
  row('POST nodegroups/{uuid}/interfaces new', { ...ADDRESSES, name: 'lab' }, { right: HOME }),
  row('PUT nodegroups/{uuid}/interfaces/{name}', { ...ADDRESSES, name: 'lab' }, { at: { name: '=lab2' }, right: HOME }),
  row('POST fabrics', { name: 'fab1' }),
  row('PUT fabrics/{id}', { name: 'fab1' }, { at: { id: 'fab2' } }),
  row('POST fabrics/{fabric_id}/vlans', VLAN, { at: { fabric_id: 'fab1' } }),
  row('PUT fabrics/{fabric_id}/vlans/{vid}', VLAN, { at: { fabric_id: 'fab1', vid: '=20' } }),
  row('PUT vlans/{id}', VLAN, { at: { id: 'vlan20' } }),
  row('POST spaces', { name: 'space1' }),
  row('PUT spaces/{id}', { name: 'space1' }, { at: { id: 'space2' } }),
  row('POST subnets', SUBNET),
  row('POST subnets', { gateway_ip: '9.9.9.9', rdns_mode: '0' }, { right: { cidr: '10.77.0.0/24' } }),
  row(
    'POST subnets',
    { fabric: 'nowhere', rdns_mode: '0' },
    { right: { cidr: '10.77.0.0/24' }, needs: { fabric: ['vlan'] } },
  ),
  row('PUT subnets/{id}', SUBNET, { at: { id: 'far' } }),
  row('PUT subnets/{id}', { gateway_ip: '9.9.9.9', vlan: '99' }, { at: { id: 'far' } }),
  row(
    'POST ipranges',
    { end_ip: '10.99.0.1', subnet: 'nowhere' },
    { right: { type: 'reserved', start_ip: '10.99.0.9' } },
  ),
  row('POST ipranges', { start_ip: '10.99.0.9' }, { right: { type: 'reserved', end_ip: '10.99.0.12' } }),
  row('PUT ipranges/{id}', { end_ip: '10.99.0.2' }, { at: { id: 'range' } }),
  row('GET ipaddresses', { ip: 'x' }),
  row('POST ipaddresses reserve', { mac: 'x', hostname: '-y', ip: 'x', subnet: 'nowhere' }),
  row(
    'POST ipaddresses reserve',
    { requested_address: 'x', network: 'nowhere' },
    { needs: { requested_address: ['ip', 'ip_address'], network: ['subnet'] } },
  ),
  row('POST ipaddresses release', { ip: 'x' }),
  row('POST static-routes', { source: 'x', destination: 'y' }, { right: { gateway_ip: '10.99.0.5' } }),
  row('PUT static-routes/{id}', { source: 'x', destination: 'y' }, { at: { id: 'route' } }),
  row('POST static-routes', { gateway_ip: '9.9.9.9' }, { right: { source: '<far>', destination: '<near>' } }),
  row(
    'POST networks',
    { name: 'far', default_gateway: '9.9.9.9' },
    { right: { ip: '10.78.0.0', netmask: '255.255.255.0' } },
  ),
  row('PUT networks/{name}', { name: 'near', default_gateway: '9.9.9.9' }, { at: { name: '=far' } }),
  row('POST discovery scan', { cidr: 'x', threads: '99', always_use_ping: 'true' }),
  row('POST domains', { name: 'b.example' }),
  row('PUT domains/{id}', { name: 'c.example' }, { at: { id: 'b.example' } }),
  ...rows(['GET dnsresources', 'GET dnsresourcerecords'], { domain: 'x.y', rrtype: 'ZZ' }),
  row(
    'POST dnsresources',
    { name: 'www' },
    { right: { ip_addresses: '10.20.0.7' }, needs: { name: ['fqdn', 'domain'] } },
  ),
  row('POST dnsresources', { fqdn: 'www.elsewhere' }, { right: { ip_addresses: '10.20.0.7' } }),
  row('PUT dnsresources/{id}', { fqdn: 'www.elsewhere' }, { at: { id: 'ftp' } }),
  row('POST dnsresourcerecords', { fqdn: 'www.elsewhere', rrtype: 'HINFO' }, { right: { rrdata: 'x' } }),
  row('POST dnsresourcerecords', { fqdn: 'www.elsewhere', rrdata: 'x' }, { right: { rrtype: 'MX' } }),
  row('PUT dnsresourcerecords/{id}', { rrdata: 'x' }, { at: { id: 'record' } }),
];

export const FAULT_ROWS: readonly FaultRow[] = [
  ...MACHINES,
  ...ADDED,
  ...STORAGE,
  ...IMAGES,
  ...TEXTS,
  ...INTERFACES,
  ...NETWORKS,
];

const FLAGS = 'its other parameters are flags and notes';
const LISTS = 'machines or racks that do not exist are refused together, in one sentence';
/** The operations that refuse parameters only by their schemas, each with the reason. */
export const SCHEMA_ONLY: Readonly<Record<string, string>> = {
  'POST machines/{system_id} accept': FLAGS,
  'POST nodes/{system_id} accept': FLAGS,
  'POST machines/{system_id} mark_broken': FLAGS,
  'POST nodes/{system_id} mark_broken': FLAGS,
  'POST machines/{system_id} release': FLAGS,
  'POST nodes/{system_id} release': FLAGS,
  'POST discovery clear': FLAGS,
  'GET subnets/{id} ip_addresses': FLAGS,
  'GET subnets/{id} statistics': FLAGS,
  'GET nodes/{system_id}/results': 'its parameters are refused by their values alone, all at once',
  'GET nodes/{system_id}/results/{id}': FLAGS,
  'GET nodes/{system_id}/results/{id} download': 'its parameters are refused by their values alone, all at once',
  'POST machines release': LISTS,
  'POST machines accept': LISTS,
  'POST nodes release': LISTS,
  'POST nodes accept': LISTS,
  'POST nodegroups accept': LISTS,
  'POST tags/{name} update_nodes': LISTS,
  'POST nodegroups register':
    'reading the interfaces counts against the rate of strangers, which a wrong request must not use up',
  'POST machines/{system_id} power_on': 'user_data is refused with every value',
  'POST machines/{system_id} mount_special': 'it is always refused',
  'POST discovery clear_by_mac_and_ip': 'both name one host: if there is none, the answer is 404',
  'POST settings unset': 'a key or a rack that does not exist is refused in a sentence',
  'POST nodegroups/{uuid} report_download_progress': 'every file may be reported',
};
