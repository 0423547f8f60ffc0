// What `rackboot import-maas` reads of a MAAS, and the operation and the parameters that each
// becomes here. Both speak API 2.0: an object there and one here have the same properties.
//
// Sources: the API of MAAS 2.x and 3.x.
//
// 1. A table names a property by its path, `vlan.fabric`. What is missing or of another form is not
//    sent. Only a path that ends with `[]` may lead to a list: elsewhere nothing that is judged
//    here as a text would be seen of it.
// 2. The region judges every value. Only what decides about the import itself is read here.

import { cleanText, shellWord, withoutUser } from '../../ground/clean-text.ts';
import { isFields } from '../../ground/fields.ts';
import { POWER_PARAMETER_NAMES } from '../../region/records/power-parameters.ts';

const NAME_CHARACTERS_MAX = 100;

/** The value at a path; of a list, those of its elements. */
export function valueAt(object: unknown, path: string): unknown {
  let value = object;
  for (const name of path.split('.')) {
    if (Array.isArray(value)) value = value.map((each) => valueAt(each, name));
    else value = isFields(value) && Object.hasOwn(value, name) ? value[name] : undefined;
  }
  return value;
}

const isPlain = (value: unknown): value is string | number | boolean =>
  typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean';

export const listAt = (object: unknown, path: string): readonly unknown[] => {
  const value = valueAt(object, path);
  return Array.isArray(value) ? value : [];
};

/** Empty if there is none. */
export const textAt = (object: unknown, path: string): string => {
  const value = valueAt(object, path);
  return isPlain(value) ? String(value) : '';
};

/** A parameter, or several of one name. */
export type Parameters = Readonly<Record<string, string | readonly string[]>>;

const MANY = '[]';

/** The texts at a path: those of a list, or the single one. */
const textsAt = (object: unknown, path: string): readonly string[] =>
  [valueAt(object, path)].flat().filter(isPlain).map(String);

/** The parameters that have a value. @param from the path of each */
export function parametersFrom(object: unknown, from: Readonly<Record<string, string>>): Parameters {
  const parameters: Record<string, string | readonly string[]> = {};
  for (const [name, path] of Object.entries(from)) {
    const texts = path.endsWith(MANY) ? textsAt(object, path.slice(0, -MANY.length)) : textAt(object, path);
    if (texts.length > 0) parameters[name] = texts;
  }
  return parameters;
}

/** A path of the API with the properties of an object in it: `fabrics/name:{fabric}/vlans/`. */
export const pathFor = (object: unknown, path: string): string =>
  path.replace(/\{([\w.]+)\}/g, (_, name: string) => encodeURIComponent(textAt(object, name)));

/** A command with properties of an object in it, quoted. */
export const commandFor = (object: unknown, command: string): string =>
  command.replace(/\{([\w.]+)\}/g, (_, name: string) => shellWord(textAt(object, name)));

/** Objects of one kind, which one operation adds. */
export interface Kind {
  readonly plural: string;
  /** Its list, there and here. */
  readonly list: string;
  /** The list here; undefined: as there. */
  readonly here?: string;
  /** The property of the listed objects that has them; undefined: they are listed themselves. */
  readonly within?: string;
  /** The properties that tell one from another. */
  readonly key: readonly string[];
  /** Where each parameter of the operation comes from. */
  readonly parameters: Readonly<Record<string, string>>;
  /** The operation; undefined: a POST to the list. */
  readonly add?: string;
  /** The operation that changes one which the region made itself, with a fabric that this import added. */
  readonly change?: string;
  /**
   * The parameters that are not sent, because the source must not rule over what is here, and the
   * command that gives each.
   */
  readonly withheld?: Readonly<Record<string, string>>;
  /** True: a region without machines gets them. */
  readonly isWholeIfEmpty?: boolean;
  /** Each one that is added is named in the report: it gives rights, or answers for names. */
  readonly isNamed?: boolean;
  /** Named with it. */
  placesOf?(object: unknown): readonly string[];
  /** Only these. */
  isMeant?(object: unknown): boolean;
  /** What it would answer for, or route; undefined: nothing. */
  reachOf?(object: unknown): Reach | undefined;
}

/** What an object would answer for, or route. */
export interface Reach {
  readonly domains?: readonly string[];
  readonly names?: readonly string[];
  /** As CIDR. */
  readonly networks?: readonly string[];
  readonly addresses?: readonly string[];
  readonly macs?: readonly string[];
}

const noted = { name: 'name', description: 'description' };
const USER_RESERVED = 4;

/**
 * The addresses and clients of a reserved address; undefined without a client, because it is then
 * only reserved.
 */
const reservedReach = (object: unknown, macs: readonly string[]): Reach | undefined =>
  macs.length === 0 ? undefined : { addresses: [textAt(object, 'ip')], macs };

/** The kinds in the order of their import: later ones name earlier ones. */
export const KINDS: readonly Kind[] = [
  { plural: 'zones', list: 'zones/', key: ['name'], parameters: noted },
  { plural: 'pools', list: 'resourcepools/', key: ['name'], parameters: noted },
  {
    plural: 'domains',
    list: 'domains/',
    key: ['name'],
    parameters: { name: 'name', authoritative: 'authoritative', ttl: 'ttl' },
    isNamed: true,
    reachOf: (object) => ({ domains: [textAt(object, 'name')] }),
  },
  { plural: 'spaces', list: 'spaces/', key: ['name'], parameters: noted },
  { plural: 'fabrics', list: 'fabrics/', key: ['name'], parameters: { ...noted, class_type: 'class_type' } },
  {
    plural: 'VLANs',
    list: 'fabrics/',
    within: 'vlans',
    key: ['fabric', 'vid'],
    parameters: { ...noted, vid: 'vid', mtu: 'mtu', space: 'space' },
    add: 'fabrics/name:{fabric}/vlans/',
    change: 'fabrics/name:{fabric}/vlans/{vid}/',
  },
  {
    plural: 'subnets',
    list: 'subnets/',
    key: ['cidr'],
    parameters: {
      ...noted,
      cidr: 'cidr',
      fabric: 'vlan.fabric',
      vid: 'vlan.vid',
      gateway_ip: 'gateway_ip',
      dns_servers: 'dns_servers[]',
      allow_dns: 'allow_dns',
      allow_proxy: 'allow_proxy',
      managed: 'managed',
      disabled_boot_architectures: 'disabled_boot_architectures[]',
    },
  },
  {
    plural: 'ranges',
    list: 'ipranges/',
    key: ['start_ip', 'end_ip', 'subnet.cidr'],
    parameters: { type: 'type', start_ip: 'start_ip', end_ip: 'end_ip', comment: 'comment', subnet: 'subnet.cidr' },
    reachOf: (object) =>
      textAt(object, 'type') === 'reserved'
        ? undefined
        : {
            networks: [textAt(object, 'subnet.cidr')],
            addresses: [textAt(object, 'start_ip'), textAt(object, 'end_ip')],
          },
  },
  {
    plural: 'static routes',
    list: 'static-routes/',
    key: ['source.cidr', 'destination.cidr', 'gateway_ip'],
    parameters: {
      source: 'source.cidr',
      destination: 'destination.cidr',
      gateway_ip: 'gateway_ip',
      metric: 'metric',
    },
    reachOf: (object) => ({ networks: [textAt(object, 'source.cidr')] }),
  },
  {
    plural: 'users',
    list: 'users/',
    key: ['username'],
    parameters: { username: 'username', email: 'email', is_superuser: 'is_superuser', password: 'password' },
    withheld: { is_superuser: 'rackboot user update {username} is_superuser=true' },
    isNamed: true,
    // Those of MAAS itself.
    isMeant: (object) => !['MAAS', 'maas-init-node'].includes(textAt(object, 'username')),
  },
  {
    plural: 'SSH keys',
    list: 'account/prefs/sshkeys/',
    key: ['key'],
    parameters: { key: 'key', username: 'username' },
    isNamed: true,
  },
  {
    plural: 'tags',
    list: 'tags/',
    key: ['name'],
    parameters: { name: 'name', comment: 'comment', definition: 'definition', kernel_opts: 'kernel_opts' },
    withheld: {
      definition: 'rackboot tags set {name} --definition={definition}',
      kernel_opts: 'rackboot tags set {name} --kernel-opts={kernel_opts}',
    },
    isWholeIfEmpty: true,
  },
];

/** The kinds imported after the machines, which may have some of these addresses. */
export const ADDRESS_KINDS: readonly Kind[] = [
  {
    plural: 'reserved addresses',
    list: 'ipaddresses/?all=true',
    key: ['ip'],
    parameters: { ip: 'ip', mac: 'interface_set.mac_address[]' },
    add: 'ipaddresses/?op=reserve',
    isMeant: (object) => valueAt(object, 'alloc_type') === USER_RESERVED,
    reachOf: (object) => reservedReach(object, textsAt(object, 'interface_set.mac_address')),
  },
  {
    plural: 'reserved addresses of hosts',
    list: 'reservedips/',
    here: 'ipaddresses/?all=true',
    key: ['ip'],
    parameters: { ip: 'ip', mac: 'mac_address' },
    add: 'ipaddresses/?op=reserve',
    reachOf: (object) => reservedReach(object, textsAt(object, 'mac_address')),
  },
  {
    plural: 'names in DNS',
    list: 'dnsresources/',
    key: ['fqdn'],
    parameters: { fqdn: 'fqdn', ip_addresses: 'ip_addresses.ip[]', address_ttl: 'address_ttl' },
    isNamed: true,
    placesOf: (object) => textsAt(object, 'ip_addresses.ip').map((address) => cleanText(address, NAME_CHARACTERS_MAX)),
    reachOf: (object) => ({ names: [textAt(object, 'fqdn')] }),
    // The others have only records.
    isMeant: (object) => listAt(object, 'ip_addresses').length > 0,
  },
  {
    plural: 'records of DNS',
    list: 'dnsresourcerecords/',
    key: ['fqdn', 'rrtype', 'rrdata'],
    parameters: { fqdn: 'fqdn', rrtype: 'rrtype', rrdata: 'rrdata', ttl: 'ttl' },
    isNamed: true,
    reachOf: (object) => ({ names: [textAt(object, 'fqdn')] }),
  },
];

/** Objects of MAAS without an operation here, and what a person does instead. */
export interface Absent {
  readonly plural: string;
  readonly list: string;
  readonly remedy: string;
  isMeant?(object: unknown): boolean;
}

export const ABSENT: readonly Absent[] = [
  {
    plural: 'DHCP snippets',
    list: 'dhcp-snippets/',
    remedy: 'write their options as dhcp.options or as options of a cluster interface (`rackboot config set`)',
  },
  {
    plural: 'scripts',
    list: 'scripts/',
    remedy: 'download each there, and add it here (`rackboot scripts add`)',
    isMeant: (object) => valueAt(object, 'default') === false,
  },
  { plural: 'hosts of virtual machines', list: 'vm-hosts/', remedy: 'their machines are imported as others' },
  {
    plural: 'package repositories',
    list: 'package-repositories/',
    remedy: 'name mirrors in the settings under preseeds (`rackboot config set`)',
    isMeant: (object) => !['main_archive', 'ports_archive'].includes(textAt(object, 'name')),
  },
  { plural: 'licence keys', list: 'license-keys/', remedy: 'give license_key when you deploy' },
];

const DEVICE = {
  hostname: 'hostname',
  domain: 'domain.name',
  zone: 'zone.name',
  description: 'description',
} as const;

const MACHINE = {
  ...DEVICE,
  pool: 'pool.name',
  architecture: 'architecture',
  min_hwe_kernel: 'min_hwe_kernel',
  power_type: 'power_type',
} as const;

/**
 * What a machine without a system becomes here, and the operation that makes a New one so. In every
 * other state it may have a system.
 */
const STATES: Readonly<Record<string, readonly [state: string, operation?: string]>> = {
  New: ['New'],
  Commissioning: ['New'],
  'Failed commissioning': ['New'],
  Testing: ['New'],
  'Failed testing': ['New'],
  Ready: ['Ready', 'accept'],
  Allocated: ['Ready', 'accept'],
  Reserved: ['Ready', 'accept'],
  Broken: ['Broken', 'mark_broken'],
  Missing: ['Missing', 'mark_missing'],
  Retired: ['Retired', 'retire'],
};
const DEPLOYED = ['Deployed'] as const;

/**
 * True if a machine has a deployed system, even in a state such as Broken or Failed testing: only a
 * release ends it.
 */
const hasSystem = (machine: unknown): boolean =>
  valueAt(machine, 'netboot') === false || textAt(machine, 'osystem') !== '';

/**
 * A machine's state here, and the operation that leads to it; Deployed machines are added as such.
 */
export const stateHere = (machine: unknown): readonly [state: string, operation?: string] => {
  const status = textAt(machine, 'status_name');
  return (Object.hasOwn(STATES, status) && !hasSystem(machine) ? STATES[status] : undefined) ?? DEPLOYED;
};

export const isDeployedHere = (machine: unknown): boolean => stateHere(machine) === DEPLOYED;

/** The properties of MAAS's machines from which `hardware_facts` come. */
const FACTS: Readonly<Record<string, string>> = {
  'cpu.count': 'cpu_count',
  'cpu.model': 'hardware_info.cpu_model',
  memory_mib: 'memory',
  'dmi.uuid': 'hardware_uuid',
  'dmi.vendor': 'hardware_info.system_vendor',
  'dmi.product': 'hardware_info.system_product',
  'dmi.version': 'hardware_info.system_version',
  'dmi.family': 'hardware_info.system_family',
  'dmi.sku': 'hardware_info.system_sku',
  'dmi.serial': 'hardware_info.system_serial',
  'dmi.board_vendor': 'hardware_info.mainboard_vendor',
  'dmi.board_name': 'hardware_info.mainboard_product',
  'dmi.board_version': 'hardware_info.mainboard_version',
  'dmi.board_serial': 'hardware_info.mainboard_serial',
  'dmi.bios_vendor': 'hardware_info.mainboard_firmware_vendor',
  'dmi.bios_version': 'hardware_info.mainboard_firmware_version',
  'dmi.bios_date': 'hardware_info.mainboard_firmware_date',
  'dmi.chassis_vendor': 'hardware_info.chassis_vendor',
  'dmi.chassis_type': 'hardware_info.chassis_type',
  'dmi.chassis_serial': 'hardware_info.chassis_serial',
};
const DISK = { name: 'name', bytes: 'size', model: 'model', serial: 'serial', block_size: 'block_size' };
const NIC = { name: 'name', mac: 'mac_address', speed: 'interface_speed' };

const plainFrom = (object: unknown, from: Readonly<Record<string, string>>): readonly (readonly [string, unknown])[] =>
  Object.entries(from).flatMap(([name, path]) => {
    const value = valueAt(object, path);
    return isPlain(value) && value !== 'Unknown' ? [[name, value] as const] : [];
  });

/** A machine's hardware as its agent would report it, so that a Ready machine can be deployed. */
function hardwareFactsJson(machine: unknown): string {
  const facts: Record<string, unknown> = {
    uefi: valueAt(machine, 'bios_boot_method') === 'uefi',
    disks: listAt(machine, 'physicalblockdevice_set').map((disk) => Object.fromEntries(plainFrom(disk, DISK))),
    nics: listPhysicalInterfaces(machine).map((nic) => Object.fromEntries(plainFrom(nic, NIC))),
  };
  const parts: Record<string, Record<string, unknown>> = { cpu: {}, dmi: {} };
  for (const [name, value] of plainFrom(machine, FACTS)) {
    const [part = '', own] = name.split('.');
    if (own === undefined) facts[part] = value;
    else (parts[part] ?? {})[own] = value;
  }
  return JSON.stringify({ ...facts, ...parts });
}

const listPhysicalInterfaces = (node: unknown): readonly unknown[] =>
  listAt(node, 'interface_set').filter((nic) => valueAt(nic, 'type') === 'physical');

/** The boot interface first. */
export function listMacs(node: unknown): readonly string[] {
  const macs = listPhysicalInterfaces(node).map((nic) => textAt(nic, 'mac_address'));
  return [...new Set([textAt(node, 'boot_interface.mac_address'), ...macs])].filter((mac) => mac !== '');
}

const POWER_NAMES: ReadonlySet<string> = new Set(POWER_PARAMETER_NAMES);

/** A list is one text, as the drivers here take it. */
const flatValues = (parameters: unknown): readonly (readonly [string, string | number | boolean])[] =>
  Object.entries(isFields(parameters) ? parameters : {}).flatMap(([name, value]) => {
    const flat = Array.isArray(value) ? value.filter(isPlain).join(' ') : value;
    return isPlain(flat) && flat !== '' ? [[name, flat] as const] : [];
  });

const powerParametersJson = (parameters: unknown): string =>
  JSON.stringify(Object.fromEntries(flatValues(parameters).filter(([name]) => POWER_NAMES.has(name))));

/** The names of the parameters that no driver here has: one of them would make the others unusable. */
export const foreignPowerNames = (parameters: unknown): readonly string[] =>
  flatValues(parameters)
    .map(([name]) => name)
    .filter((name) => !POWER_NAMES.has(name));

const POWER_PLACES: ReadonlySet<string> = new Set([
  'power_address',
  'power_on_uri',
  'power_off_uri',
  'power_query_uri',
]);

/** The hosts that switch it. The rest of a URL may be secret. */
export const powerHosts = (parameters: unknown): readonly string[] => {
  const places = flatValues(parameters).filter(([name]) => POWER_PLACES.has(name));
  const hosts = places.map(([, place]) => URL.parse(String(place))?.host || withoutUser(String(place)));
  return [...new Set(hosts)].map((host) => cleanText(host, NAME_CHARACTERS_MAX));
};

/** What clients stored with a node, by its keys. */
export const ownerData = (node: unknown): Parameters =>
  Object.fromEntries(flatValues(valueAt(node, 'owner_data')).map(([key, value]) => [key, String(value)]));

export const deviceParameters = (device: unknown): Parameters => ({
  ...parametersFrom(device, DEVICE),
  mac_addresses: listMacs(device),
});

/** @param power the parameters of its driver */
export const machineParameters = (machine: unknown, power: unknown): Parameters => ({
  ...parametersFrom(machine, MACHINE),
  mac_addresses: listMacs(machine),
  power_parameters: powerParametersJson(power),
  hardware_facts: hardwareFactsJson(machine),
  ...(isDeployedHere(machine) ? { deployed: 'true' } : { commission: 'false' }),
});

/** The operations that make an interface of others. */
export const MADE_OF_OTHERS: Readonly<Record<string, string>> = {
  bond: 'create_bond',
  bridge: 'create_bridge',
  vlan: 'create_vlan',
};

/** The parameters of an interface, without its parents and its VLAN, which have other ids here. */
export function interfaceParameters(object: unknown): Parameters {
  const params = valueAt(object, 'params');
  const settings = Object.fromEntries(
    Object.keys(isFields(params) ? params : {}).map((name) => [name, `params.${name}`] as const),
  );
  const isVlan = valueAt(object, 'type') === 'vlan';
  return parametersFrom(object, {
    ...(isVlan ? {} : { ...settings, name: 'name', mac_address: 'mac_address' }),
    mtu: 'effective_mtu',
  });
}

/** The identity by which an object there and one here are the same. */
export const objectIdentity = (object: unknown, key: readonly string[]): string =>
  key.map((path) => textAt(object, path)).join(' ');

/** The identifying properties of an object that are no text: they cannot identify it. */
export const listUnusableKeys = (object: unknown, key: readonly string[]): readonly string[] =>
  key.filter((path) => !isPlain(valueAt(object, path)));

/** An object's name for people, or that of a list in its place. */
export const formatObjectTitle = (object: unknown, key: readonly string[]): string =>
  cleanText(key.flatMap((path) => textsAt(object, path)).join(' '), NAME_CHARACTERS_MAX);
