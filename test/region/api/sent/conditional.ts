// The operations whose change a client may make conditional by `If-Match`, each with requests that it takes: those of its trials, or one of
// an object of a trial on the same path.

import assert from 'node:assert/strict';
import { OPERATIONS } from '../../../../src/region/api/operations.ts';
import type { ListedImage } from '../../../../src/region/life/deployment.ts';
import type { Answered, AskedApi, CallerName } from '../../asked-api.ts';
import { RACK_UUID } from '../../racks/rack-place.ts';
import { EVERY_TRIAL } from './every-trial.ts';
import { both, type Fields, farRack, type Given, machine, onMachine, type Trial, titlesOf, urlOf } from './trial.ts';

type Operation = (typeof OPERATIONS)[number];
type Method = 'GET' | 'POST' | 'PUT' | 'DELETE';

const withoutOp = (title: string): string => title.split(' ').slice(0, 3).join(' ');
const versionOf = (title: string): string => title.split(' ', 1)[0] ?? '';

const isRead = (title: string, { path }: Operation): boolean =>
  OPERATIONS.some(
    (one) =>
      one.path === path &&
      one.method === 'GET' &&
      one.op === undefined &&
      one.versions.some((version) => version === versionOf(title)),
  );

/** True for an operation on one object that the API reads, unless it is a command that waits for something, or is always refused. */
const isConditional = (title: string, operation: Operation): boolean =>
  operation.method !== 'GET' &&
  operation.answers !== 'refusal' &&
  /\}$/.test(operation.path) &&
  !(operation.ownTransaction && operation.op !== undefined) &&
  isRead(title, operation);

/** Every operation that takes the condition, by its name in one version. */
export const CONDITIONAL: ReadonlyMap<string, Operation> = new Map(
  OPERATIONS.flatMap((operation) =>
    titlesOf(operation).flatMap((title) => (isConditional(title, operation) ? [[title, operation] as const] : [])),
  ),
);

const image: ListedImage = {
  ...{ os: 'ubuntu', release: 'noble', architecture: 'amd64', subarchitecture: 'generic', label: 'release' },
  ...{ serial: '20260901', title: 'Noble', bytes: 100, sha256: 'a'.repeat(64), origin: { source: 'ubuntu' } },
};
const withImage = async ({ ask }: AskedApi): Promise<Given> => ({
  path: { id: (await ask('GET', '2.0/boot-resources/')).json[0].id },
});
const ownerData = (path: string, given: NonNullable<Trial['given']>): readonly Trial[] =>
  ['set_owner_data', 'set_workload_annotations'].map((op) => ({
    ...{ of: `2.0 POST ${path}/{system_id} ${op}`, given, send: { colour: 'red' } },
  }));

/** A machine whose network and disks are laid out differently than after commissioning. */
async function laidOut(site: AskedApi): Promise<Given> {
  const id = await machine(site, 'allocated', { owner: 'admin' });
  const [nic] = (await site.ask('GET', `2.0/nodes/${id}/interfaces/`)).json;
  const link = {
    mode: 'STATIC',
    subnet: '10.20.0.0/24',
    ip_address: '10.20.0.50',
    default_gateway: 'true',
    force: 'true',
  };
  const linked = await site.ask('POST', `2.0/nodes/${id}/interfaces/${nic.id}/?op=link_subnet`, link);
  assert.equal(linked.status, 200, linked.text);
  const made = await site.ask('POST', `2.0/nodes/${id}/blockdevices/sdb/partitions/`, { size: '10G' });
  assert.equal(made.status, 200, made.text);
  return { path: { system_id: id } };
}

/** A device with an address that somebody chose. */
async function linkedDevice({ ask }: AskedApi): Promise<Given> {
  const { system_id: id } = (await ask('POST', '2.0/devices/', { mac_addresses: '52:54:00:00:00:09' })).json;
  const linked = await ask('POST', `2.0/nodes/${id}/interfaces/eth0/?op=link_subnet`, {
    ...{ mode: 'STATIC', subnet: '10.20.0.0/24', ip_address: '10.20.0.50', force: 'true' },
  });
  assert.equal(linked.status, 200, linked.text);
  return { path: { system_id: id } };
}

/** Trials of operations without parameters, whose objects no other trial has, or not in the state that they need. */
const MORE: readonly Trial[] = [
  ...ownerData('machines', onMachine('allocated', { owner: 'admin' })),
  ...ownerData('devices', async ({ ask }) => ({
    path: { system_id: (await ask('POST', '2.0/devices/', { mac_addresses: '52:54:00:00:00:09' })).json.system_id },
  })),
  {
    of: '2.0 POST machines/{system_id} unlock',
    given: onMachine('deployed', { owner: 'admin', isLocked: true }),
    send: {},
  },
  ...['restore_networking_configuration', 'restore_storage_configuration', 'restore_default_configuration'].map(
    (op): Trial => ({ of: `2.0 POST machines/{system_id} ${op}`, given: laidOut, send: {} }),
  ),
  ...['restore_networking_configuration', 'restore_default_configuration'].map(
    (op): Trial => ({ of: `2.0 POST devices/{system_id} ${op}`, given: linkedDevice, send: {} }),
  ),
  { of: '2.0 POST machines/{system_id} clear_default_gateways', given: laidOut, send: {} },
  {
    of: '2.0 DELETE nodegroups/{uuid}',
    given: async (site) => {
      await farRack(site);
      return { path: { uuid: RACK_UUID } };
    },
    send: {},
  },
  {
    of: '1.0 DELETE nodes/{system_id}/macs/{mac_address}',
    given: async (site) => ({ path: { system_id: await machine(site), mac_address: '52:54:00:00:00:02' } }),
    send: {},
  },
  ...['DELETE', 'POST pause', 'POST resume', 'POST cancel'].flatMap((what) => {
    const [method, op] = what.split(' ');
    const of = `${method} boot-resources/{id}${op === undefined ? '' : ` ${op}`}`;
    return both(of, { given: withImage, send: {}, options: { listImages: async () => [image] } });
  }),
  ...both('DELETE files/{filename}', {
    given: async ({ ask }) => {
      await ask('POST', '2.0/files/', { filename: 'state', file: 'x' });
      return { path: { filename: 'state' } };
    },
    send: {},
  }),
];

/** The trials of an operation. One without parameters gets the objects of other trials on its path. */
export function trialsOf(title: string): readonly Trial[] {
  const all = [...MORE, ...EVERY_TRIAL];
  const own = [MORE, EVERY_TRIAL].map((trials) => trials.filter(({ of }) => of === title));
  const found = own.find((trials) => trials.length > 0);
  if (found !== undefined) return found;
  const [version, , path] = title.split(' ');
  const like = all.find(({ of }) => {
    const [otherVersion, , otherPath] = of.split(' ');
    return otherVersion === version && otherPath === path;
  });
  return like === undefined ? [] : [{ ...like, of: title, send: {}, reads: {} }];
}

const FORM = { 'content-type': 'application/x-www-form-urlencoded' };

/** Asks as a trial does, with an entity tag. @param tag `undefined`: without the condition */
export function askIf(
  { ask, send }: AskedApi,
  method: Method,
  url: string,
  fields: Fields,
  tag: string | undefined,
  by?: CallerName,
): Promise<Answered> {
  if (tag === undefined) return ask(method, url, fields, by);
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(fields)) for (const one of [value].flat()) search.append(name, one);
  if (method !== 'DELETE') return send(url, search.toString(), { ...FORM, 'if-match': tag }, by, method);
  return send(`${url}${url.includes('?') ? '&' : '?'}${search.toString()}`, '', { 'if-match': tag }, by, method);
}

/** The entity tag of the object of an operation; `undefined`: it has none. @param fields those that choose the object, too */
export async function tagOf(
  site: AskedApi,
  title: string,
  { path }: Given,
  fields: Fields,
  by?: CallerName,
): Promise<string | undefined> {
  const { headers } = await site.ask('GET', urlOf(`${withoutOp(title)}`, path), fields, by);
  return typeof headers.etag === 'string' ? headers.etag : undefined;
}

/** Operations that leave the object of their path as it is, each with the object of its change. */
const STEADY: Readonly<Record<string, string>> = {
  'POST machines/{system_id} debug_login': 'the logins of the machine',
  'POST nodes/{system_id} debug_login': 'the logins of the machine',
  'POST machines/{system_id} keep_apart': 'the doubts about two machines',
  'POST nodegroups/{uuid} update_leases': 'the machines that have the leases',
  'POST nodegroups/{uuid} import_boot_images': 'nothing yet: the import begins',
  'POST nodegroups/{uuid} details': 'nothing: it reads',
  'POST boot-resources/{id} pause': 'an import of the image: there is none',
  'POST boot-resources/{id} resume': 'an import of the image: there is none',
  'POST boot-resources/{id} cancel': 'an import of the image: there is none',
  'POST tags/{name} update_nodes': 'the machines that have the tag',
};

/** True if two people may do it with one tag. */
export const isSteady = ({ of }: Trial): boolean => STEADY[of.split(' ').slice(1).join(' ')] !== undefined;

/** Another value for a parameter than its trial has, for a change of it alone; with others that it needs; or why nothing changes. */
type Alone =
  | string
  | { readonly value: string; readonly needs: Fields; readonly same?: undefined }
  | { readonly same: string };

const SOURCE: Readonly<Record<string, Alone>> = {
  unsigned: { value: 'true', needs: { why: 'a mirror', url: 'https://mirror.example.org/', keyring_filename: '' } },
  why: {
    value: 'another reason',
    needs: { unsigned: 'true', url: 'https://mirror.example.org/', keyring_filename: '' },
  },
};
const ONE_VALUE = { same: 'there is one value' };
const VLAN: Readonly<Record<string, Alone>> = {
  dhcp_on: { value: 'true', needs: { primary_rack: 'maas' } },
  primary_rack: { same: 'the rack that it has' },
  secondary_rack: { same: 'there is one rack' },
  relay_vlan: ONE_VALUE,
};
const FANS = { content: '#!/bin/sh\necho fans\n' };
const UNSUPPORTED: Readonly<Record<string, Alone>> = {
  ...{ for_hardware: ONE_VALUE, apply_configured_networking: ONE_VALUE, comment: ONE_VALUE, recommission: ONE_VALUE },
  ...{ packages: ONE_VALUE, may_reboot: ONE_VALUE },
};
const HARDWARE: Readonly<Record<string, Alone>> = {
  ...{ cpu_count: ONE_VALUE, memory: ONE_VALUE, swap_size: ONE_VALUE, disable_ipv4: ONE_VALUE },
  license_key: ONE_VALUE,
};

/** By the operation without its version. */
export const ALONE: Readonly<Record<string, Readonly<Record<string, Alone>>>> = {
  'PUT machines/{system_id}': {
    ...HARDWARE,
    power_type: { value: 'webhook', needs: { power_parameters_skip_check: 'true' } },
    power_parameters_skip_check: { same: 'how the others are checked' },
  },
  'PUT nodes/{system_id}': {
    ...HARDWARE,
    ...{ boot_type: ONE_VALUE, nodegroup: ONE_VALUE },
    power_type: { value: 'webhook', needs: { power_parameters_skip_check: 'true' } },
    power_parameters_skip_check: { same: 'how the others are checked' },
  },
  'PUT nodegroups/{uuid}': {
    name: { same: 'its own configuration has it' },
    cluster_name: { same: 'its own configuration has it' },
  },
  'PUT rackcontrollers/{system_id}': {
    ...{ domain: { same: 'that of the site' }, power_type: ONE_VALUE },
  },
  'PUT nodegroups/{uuid}/interfaces/{name}': {
    ...{ ip: '10.20.0.2', router_ip: '10.20.0.253', ip_range_low: '10.20.0.101', ip_range_high: '10.20.0.198' },
    ...{ static_ip_range_low: '10.20.0.11', static_ip_range_high: '10.20.0.98' },
    broadcast_ip: { same: 'that of the network' },
    subnet_mask: { same: 'that of the network' },
  },
  'PUT vlans/{id}': VLAN,
  'PUT fabrics/{fabric_id}/vlans/{vid}': VLAN,
  'PUT subnets/{id}': {
    active_discovery: ONE_VALUE,
    disabled_boot_architectures: ONE_VALUE,
    allow_proxy: ONE_VALUE,
    managed: ONE_VALUE,
    rdns_mode: { same: 'a setting has it' },
    vid: { same: 'another name of vlan' },
    fabric: { same: 'another name of vlan' },
  },
  'PUT ipranges/{id}': { start_ip: '10.20.0.201', type: ONE_VALUE, subnet: ONE_VALUE },
  'PUT static-routes/{id}': {
    source: { value: '10.9.0.0/24', needs: { destination: '10.8.0.0/24', gateway_ip: '10.9.0.1' } },
    destination: { value: '10.7.0.0/24', needs: {} },
    gateway_ip: '10.9.0.2',
  },
  'PUT networks/{name}': { netmask: '255.255.255.128', default_gateway: '10.10.0.2' },
  'PUT nodes/{system_id}/interfaces/{id}': {
    bridge_type: ONE_VALUE,
    link_connected: { value: 'false', needs: { link_speed: '0' } },
    link_speed: { value: '100', needs: { link_connected: 'true' } },
  },
  'PUT domains/{id}': { authoritative: ONE_VALUE, ttl: ONE_VALUE },
  'PUT boot-sources/{id}': SOURCE,
  'PUT nodegroups/{uuid}/boot-sources/{id}': SOURCE,
  'PUT scripts/{name}': {
    ...{ type: 'testing', hardware_type: 'cpu', parallel: 'any', destructive: 'true', tags: 'x' },
    ...UNSUPPORTED,
  },
  'PUT commissioning-scripts/{name}': {
    timeout: { value: '120', needs: FANS },
    hardware_type: { value: 'cpu', needs: FANS },
    parallel: { value: 'any', needs: FANS },
    destructive: { value: 'true', needs: FANS },
    tags: { value: 'x', needs: FANS },
    ...UNSUPPORTED,
  },
  'PUT users/{username}': { email: ONE_VALUE },
};
