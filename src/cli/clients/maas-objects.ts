// What `rackboot import-maas` reads of a MAAS, and the operation and the parameters that each
// becomes here. Both speak API 2.0: an object there and one here have the same properties.
//
// Sources: the API of MAAS 2.x and 3.x.
//
// 1. A table names a property by its path, `vlan.fabric`. A value that is missing or of another
//    type is not sent. Only a path that ends with `[]` may lead to a list, because all other values
//    are judged here as single texts.
// 2. The region judges every value. Only what decides about the import itself is read here.

import { cleanText, shellWord, withoutUser } from '../../ground/clean-text.ts';
import { isFields } from '../../ground/fields.ts';
import { POWER_PARAMETER_NAMES } from '../../region/records/power-parameters.ts';

const NAME_CHARACTERS_MAX = 100;

/** The value at a path. For a list on the path, the values of its elements. */
export function valueAt(object: unknown, path: string): unknown {
  let value = object;
  for (const name of path.split('.')) {
    if (Array.isArray(value)) value = value.map((element) => valueAt(element, name));
    else value = isFields(value) && Object.hasOwn(value, name) ? value[name] : undefined;
  }
  return value;
}

const isPlainValue = (value: unknown): value is string | number | boolean =>
  typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean';

export const listAt = (object: unknown, path: string): readonly unknown[] => {
  const value = valueAt(object, path);
  return Array.isArray(value) ? value : [];
};

/** The text at a path; empty if there is none. */
export const textAt = (object: unknown, path: string): string => {
  const value = valueAt(object, path);
  return isPlainValue(value) ? String(value) : '';
};

/** A parameter, or several of one name. */
export type Parameters = Readonly<Record<string, string | readonly string[]>>;

const LIST_SUFFIX = '[]';

/** The texts at a path, of a list or of a single value. */
const textsAt = (object: unknown, path: string): readonly string[] =>
  [valueAt(object, path)].flat().filter(isPlainValue).map(String);

/** The parameters that have a value. @param paths the path of each parameter */
export function parametersFrom(object: unknown, paths: Readonly<Record<string, string>>): Parameters {
  const parameters: Record<string, string | readonly string[]> = {};
  for (const [name, path] of Object.entries(paths)) {
    const texts = path.endsWith(LIST_SUFFIX)
      ? textsAt(object, path.slice(0, -LIST_SUFFIX.length))
      : textAt(object, path);
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
  /** The API's list of these objects, at the source and here. */
  readonly list: string;
  /** The list here; undefined if it is the same as at the source. */
  readonly hereList?: string;
  /**
   * The property of the listed objects that contains these objects; undefined if the list contains
   * them directly.
   */
  readonly listProperty?: string;
  /** The properties that identify an object. */
  readonly key: readonly string[];
  /** The path from which each parameter of the operation comes. */
  readonly parameters: Readonly<Record<string, string>>;
  /** The operation that adds an object; undefined for a POST to the list. */
  readonly addOperation?: string;
  /**
   * The operation that changes an object which the region created itself with a fabric of this
   * import.
   */
  readonly changeOperation?: string;
  /**
   * The parameters that are not sent, because the source must not rule over what is here, and the
   * command that gives each.
   */
  readonly withheld?: Readonly<Record<string, string>>;
  /** True if a region without machines gets the withheld parameters, too. */
  readonly sendsWithheldIfEmpty?: boolean;
  /** True if the report names every added object, because it gives rights or answers for names. */
  readonly isNamed?: boolean;
  /** Lists the addresses that the report names with an object. */
  listPlaces?(object: unknown): readonly string[];
  /** False for an object that is not imported. */
  isImported?(object: unknown): boolean;
  /** Finds what an object would answer for, or route; undefined if nothing. */
  findReach?(object: unknown): Reach | undefined;
}

/** What an object would answer for, or route. */
export interface Reach {
  readonly domains?: readonly string[];
  readonly names?: readonly string[];
  /** Networks in CIDR notation. */
  readonly networks?: readonly string[];
  readonly addresses?: readonly string[];
  readonly macs?: readonly string[];
}

const NAME_AND_DESCRIPTION = { name: 'name', description: 'description' };
const USER_RESERVED = 4;

/**
 * The addresses and clients of a reserved address; undefined without a client, because it is then
 * only reserved.
 */
const reservedReach = (object: unknown, macs: readonly string[]): Reach | undefined =>
  macs.length === 0 ? undefined : { addresses: [textAt(object, 'ip')], macs };

/**
 * The kinds in the order of their import: objects of later kinds refer to objects of earlier ones.
 */
export const KINDS: readonly Kind[] = [
  { plural: 'zones', list: 'zones/', key: ['name'], parameters: NAME_AND_DESCRIPTION },
  { plural: 'pools', list: 'resourcepools/', key: ['name'], parameters: NAME_AND_DESCRIPTION },
  {
    plural: 'domains',
    list: 'domains/',
    key: ['name'],
    parameters: { name: 'name', authoritative: 'authoritative', ttl: 'ttl' },
    isNamed: true,
    findReach: (object) => ({ domains: [textAt(object, 'name')] }),
  },
  { plural: 'spaces', list: 'spaces/', key: ['name'], parameters: NAME_AND_DESCRIPTION },
  {
    plural: 'fabrics',
    list: 'fabrics/',
    key: ['name'],
    parameters: { ...NAME_AND_DESCRIPTION, class_type: 'class_type' },
  },
  {
    plural: 'VLANs',
    list: 'fabrics/',
    listProperty: 'vlans',
    key: ['fabric', 'vid'],
    parameters: { ...NAME_AND_DESCRIPTION, vid: 'vid', mtu: 'mtu', space: 'space' },
    addOperation: 'fabrics/name:{fabric}/vlans/',
    changeOperation: 'fabrics/name:{fabric}/vlans/{vid}/',
  },
  {
    plural: 'subnets',
    list: 'subnets/',
    key: ['cidr'],
    parameters: {
      ...NAME_AND_DESCRIPTION,
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
    findReach: (object) =>
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
    findReach: (object) => ({ networks: [textAt(object, 'source.cidr')] }),
  },
  {
    plural: 'users',
    list: 'users/',
    key: ['username'],
    parameters: { username: 'username', email: 'email', is_superuser: 'is_superuser', password: 'password' },
    withheld: { is_superuser: 'rackboot user update {username} is_superuser=true' },
    isNamed: true,
    // These two are users of MAAS itself.
    isImported: (object) => !['MAAS', 'maas-init-node'].includes(textAt(object, 'username')),
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
    sendsWithheldIfEmpty: true,
  },
];

/** The kinds imported after the machines, which may have some of these addresses. */
export const ADDRESS_KINDS: readonly Kind[] = [
  {
    plural: 'reserved addresses',
    list: 'ipaddresses/?all=true',
    key: ['ip'],
    parameters: { ip: 'ip', mac: 'interface_set.mac_address[]' },
    addOperation: 'ipaddresses/?op=reserve',
    isImported: (object) => valueAt(object, 'alloc_type') === USER_RESERVED,
    findReach: (object) => reservedReach(object, textsAt(object, 'interface_set.mac_address')),
  },
  {
    plural: 'reserved addresses of hosts',
    list: 'reservedips/',
    hereList: 'ipaddresses/?all=true',
    key: ['ip'],
    parameters: { ip: 'ip', mac: 'mac_address' },
    addOperation: 'ipaddresses/?op=reserve',
    findReach: (object) => reservedReach(object, textsAt(object, 'mac_address')),
  },
  {
    plural: 'names in DNS',
    list: 'dnsresources/',
    key: ['fqdn'],
    parameters: { fqdn: 'fqdn', ip_addresses: 'ip_addresses.ip[]', address_ttl: 'address_ttl' },
    isNamed: true,
    listPlaces: (object) =>
      textsAt(object, 'ip_addresses.ip').map((address) => cleanText(address, NAME_CHARACTERS_MAX)),
    findReach: (object) => ({ names: [textAt(object, 'fqdn')] }),
    // Names without addresses have only records.
    isImported: (object) => listAt(object, 'ip_addresses').length > 0,
  },
  {
    plural: 'records of DNS',
    list: 'dnsresourcerecords/',
    key: ['fqdn', 'rrtype', 'rrdata'],
    parameters: { fqdn: 'fqdn', rrtype: 'rrtype', rrdata: 'rrdata', ttl: 'ttl' },
    isNamed: true,
    findReach: (object) => ({ names: [textAt(object, 'fqdn')] }),
  },
];

/** Objects of MAAS without an operation here, and what a person does instead. */
export interface Absent {
  readonly plural: string;
  readonly list: string;
  readonly remedy: string;
  isReported?(object: unknown): boolean;
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
    isReported: (object) => valueAt(object, 'default') === false,
  },
  { plural: 'hosts of virtual machines', list: 'vm-hosts/', remedy: 'their machines are imported as others' },
  {
    plural: 'package repositories',
    list: 'package-repositories/',
    remedy: 'name mirrors in the settings under preseeds (`rackboot config set`)',
    isReported: (object) => !['main_archive', 'ports_archive'].includes(textAt(object, 'name')),
  },
  { plural: 'licence keys', list: 'license-keys/', remedy: 'give license_key when you deploy' },
];

const DEVICE_PATHS = {
  hostname: 'hostname',
  domain: 'domain.name',
  zone: 'zone.name',
  description: 'description',
} as const;

const MACHINE_PATHS = {
  ...DEVICE_PATHS,
  pool: 'pool.name',
  architecture: 'architecture',
  min_hwe_kernel: 'min_hwe_kernel',
  power_type: 'power_type',
} as const;

/**
 * The state that a machine without a system gets here, and the operation that brings a New machine
 * into it. In every other state, a machine may have a system.
 */
const STATES_HERE: Readonly<Record<string, readonly [state: string, operation?: string]>> = {
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
 * True if a machine has a deployed system, even in a state such as Broken or Failed testing. Only a
 * release removes the system.
 */
const hasSystem = (machine: unknown): boolean =>
  valueAt(machine, 'netboot') === false || textAt(machine, 'osystem') !== '';

/**
 * A machine's state here, and the operation that leads to it. Deployed machines are added in that
 * state.
 */
export const stateHere = (machine: unknown): readonly [state: string, operation?: string] => {
  const status = textAt(machine, 'status_name');
  return (Object.hasOwn(STATES_HERE, status) && !hasSystem(machine) ? STATES_HERE[status] : undefined) ?? DEPLOYED;
};

export const isDeployedHere = (machine: unknown): boolean => stateHere(machine) === DEPLOYED;

/** The properties of MAAS's machines from which `hardware_facts` come. */
const FACT_PATHS: Readonly<Record<string, string>> = {
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
const DISK_PATHS = { name: 'name', bytes: 'size', model: 'model', serial: 'serial', block_size: 'block_size' };
const NIC_PATHS = { name: 'name', mac: 'mac_address', speed: 'interface_speed' };

const listScalars = (
  object: unknown,
  paths: Readonly<Record<string, string>>,
): readonly (readonly [string, unknown])[] =>
  Object.entries(paths).flatMap(([name, path]) => {
    const value = valueAt(object, path);
    return isPlainValue(value) && value !== 'Unknown' ? [[name, value] as const] : [];
  });

/** A machine's hardware as its agent would report it, so that a Ready machine can be deployed. */
function hardwareFactsJson(machine: unknown): string {
  const facts: Record<string, unknown> = {
    uefi: valueAt(machine, 'bios_boot_method') === 'uefi',
    disks: listAt(machine, 'physicalblockdevice_set').map((disk) => Object.fromEntries(listScalars(disk, DISK_PATHS))),
    nics: listPhysicalInterfaces(machine).map((nic) => Object.fromEntries(listScalars(nic, NIC_PATHS))),
  };
  const sections: Record<string, Record<string, unknown>> = { cpu: {}, dmi: {} };
  for (const [name, value] of listScalars(machine, FACT_PATHS)) {
    const [section = '', property] = name.split('.');
    if (property === undefined) facts[section] = value;
    else (sections[section] ?? {})[property] = value;
  }
  return JSON.stringify({ ...facts, ...sections });
}

const listPhysicalInterfaces = (node: unknown): readonly unknown[] =>
  listAt(node, 'interface_set').filter((nic) => valueAt(nic, 'type') === 'physical');

/** The boot interface first. */
export function listMacs(node: unknown): readonly string[] {
  const macs = listPhysicalInterfaces(node).map((nic) => textAt(nic, 'mac_address'));
  return [...new Set([textAt(node, 'boot_interface.mac_address'), ...macs])].filter((mac) => mac !== '');
}

const POWER_NAMES: ReadonlySet<string> = new Set(POWER_PARAMETER_NAMES);

/** The parameters with single values. A list becomes one text, as the drivers here expect it. */
const flatValues = (parameters: unknown): readonly (readonly [string, string | number | boolean])[] =>
  Object.entries(isFields(parameters) ? parameters : {}).flatMap(([name, value]) => {
    const flat = Array.isArray(value) ? value.filter(isPlainValue).join(' ') : value;
    return isPlainValue(flat) && flat !== '' ? [[name, flat] as const] : [];
  });

const powerParametersJson = (parameters: unknown): string =>
  JSON.stringify(Object.fromEntries(flatValues(parameters).filter(([name]) => POWER_NAMES.has(name))));

/**
 * The names of the parameters that no driver here has. One such parameter would make the others
 * unusable.
 */
export const unknownPowerNames = (parameters: unknown): readonly string[] =>
  flatValues(parameters)
    .map(([name]) => name)
    .filter((name) => !POWER_NAMES.has(name));

const POWER_ADDRESS_NAMES: ReadonlySet<string> = new Set([
  'power_address',
  'power_on_uri',
  'power_off_uri',
  'power_query_uri',
]);

/** The hosts that switch a machine, without the rest of a URL, which may be secret. */
export const powerHosts = (parameters: unknown): readonly string[] => {
  const addresses = flatValues(parameters).filter(([name]) => POWER_ADDRESS_NAMES.has(name));
  const hosts = addresses.map(([, address]) => URL.parse(String(address))?.host || withoutUser(String(address)));
  return [...new Set(hosts)].map((host) => cleanText(host, NAME_CHARACTERS_MAX));
};

/** The owner data that clients stored with a node. */
export const ownerData = (node: unknown): Parameters =>
  Object.fromEntries(flatValues(valueAt(node, 'owner_data')).map(([key, value]) => [key, String(value)]));

export const deviceParameters = (device: unknown): Parameters => ({
  ...parametersFrom(device, DEVICE_PATHS),
  mac_addresses: listMacs(device),
});

/** @param power the parameters of its driver */
export const machineParameters = (machine: unknown, power: unknown): Parameters => ({
  ...parametersFrom(machine, MACHINE_PATHS),
  mac_addresses: listMacs(machine),
  power_parameters: powerParametersJson(power),
  hardware_facts: hardwareFactsJson(machine),
  ...(isDeployedHere(machine) ? { deployed: 'true' } : { commission: 'false' }),
});

/** The operations that create an interface from others. */
export const CREATE_OPERATIONS: Readonly<Record<string, string>> = {
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

/** The identity by which an object at the source and one here are the same. */
export const objectIdentity = (object: unknown, key: readonly string[]): string =>
  key.map((path) => textAt(object, path)).join(' ');

/** The identifying properties of an object that are no text: they cannot identify it. */
export const listUnusableKeys = (object: unknown, key: readonly string[]): readonly string[] =>
  key.filter((path) => !isPlainValue(valueAt(object, path)));

/** An object's name for people. */
export const formatObjectTitle = (object: unknown, key: readonly string[]): string =>
  cleanText(key.flatMap((path) => textsAt(object, path)).join(' '), NAME_CHARACTERS_MAX);
