// The requests of the operations that not every user may do, each with an object of bob and with parameters that succeed for him, or for an
// administrator if he has no right to it; and those that have another right with a parameter than without it.

import type { Fields, Given } from '../sent/trial.ts';
import {
  addMachine,
  address,
  device,
  done,
  file,
  type Maker,
  machineIn,
  macText,
  nextKey,
  range,
  sshKeyOf,
  token,
} from './bobs-objects.ts';
import type { Right } from './declared-rights.ts';

export interface RightsRequest {
  readonly make?: Maker;
  readonly fields?: (given: Given, count: number) => Fields;
  /** Another right than that of the operation, because of the parameters. */
  readonly right?: Right;
  /** True if callers without an account do the same without the parameters, which are a user's. */
  readonly isOfUsers?: boolean;
  /** The status of those who may do it: no object of an ordinary user can have it done. */
  readonly status?: number;
}

const deployed = machineIn('deployed');
/** Commands to machines, in both versions, with the state from which they are possible. */
const COMMANDS: Readonly<Record<string, RightsRequest>> = {
  abort: { make: machineIn('disk-erasing') },
  rescue_mode: { make: deployed },
  exit_rescue_mode: { make: machineIn('rescue-mode') },
  mark_broken: { make: deployed },
  mark_fixed: { make: machineIn('broken') },
  mark_missing: { make: deployed },
  override_failed_testing: { make: machineIn('failed-testing') },
  retire: { make: machineIn('new', { owner: undefined }) },
  reinstate: { make: machineIn('missing') },
  accept: { make: machineIn('new') },
  commission: { make: machineIn('failed-testing') },
  test: { make: machineIn('allocated') },
  deploy: { make: machineIn('allocated'), fields: () => ({ distro_series: 'trixie', osystem: 'debian' }) },
  release: { make: deployed },
  debug_login: { make: machineIn('commissioning') },
  set_owner_data: { make: deployed, fields: () => ({ colour: 'blue' }) },
  set_workload_annotations: { make: deployed, fields: () => ({ colour: 'blue' }) },
  lock: { make: deployed },
  unlock: { make: machineIn('deployed', { isLocked: true }) },
  power_off: { make: deployed },
  power_on: { make: deployed },
  power_cycle: { make: deployed },
};
const OLD_NAMES: Readonly<Record<string, string>> = { abort: 'abort_operation', deploy: 'start', power_off: 'stop' };
/** Commands that 1.0 does not have. */
const ONLY_NEW = 'test set_owner_data set_workload_annotations lock unlock power_on power_cycle'.split(' ');
const commands = (): Readonly<Record<string, RightsRequest>> =>
  Object.fromEntries(
    Object.entries(COMMANDS).flatMap(([name, request]) => [
      [`POST machines/{system_id} ${name}`, request],
      ...(ONLY_NEW.includes(name) ? [] : [[`POST nodes/{system_id} ${OLD_NAMES[name] ?? name}`, request]]),
    ]),
  );

const NIC = 'nodes/{system_id}/interfaces';
const SUBNET = '10.20.0.0/24';
/** A device whose interface has a tag, and an address in a subnet, whose link is kept. */
const linked: Maker = async (bobs, count) => {
  const given = await device(bobs, count);
  const path = `${given.path?.system_id}/interfaces/eth0/`;
  await done(bobs.site, 'bob', 'POST', `nodes/${path}?op=add_tag`, { tag: 'fast' });
  const made = await done(bobs.site, 'bob', 'POST', `nodes/${path}?op=link_subnet`, { mode: 'AUTO', subnet: SUBNET });
  return { ...given, fields: { id: String(made.links.at(-1).id) } };
};
/** An interface that the device can lose. */
const second: Maker = async (bobs, count) => {
  const given = await device(bobs, count);
  const mac = macText(count, 1);
  await done(bobs.site, 'bob', 'POST', `nodes/${given.path?.system_id}/interfaces/?op=create_physical`, {
    mac_address: mac,
    name: 'eth9',
  });
  return { ...given, path: { ...given.path, id: 'eth9', mac_address: mac } };
};
const macs = (_given: Given, count: number): Fields => ({ mac_address: macText(count, 2) });

const DEVICES: Readonly<Record<string, RightsRequest>> = {
  'PUT devices/{system_id}': { make: device, fields: () => ({ description: 'changed' }) },
  'DELETE devices/{system_id}': { make: device },
  'POST devices/{system_id} set_owner_data': { make: device, fields: () => ({ colour: 'blue' }) },
  'POST devices/{system_id} set_workload_annotations': { make: device, fields: () => ({ colour: 'blue' }) },
  'POST devices/{system_id} restore_networking_configuration': { make: linked },
  'POST devices/{system_id} restore_storage_configuration': { make: linked, status: 409 },
  'POST devices/{system_id} restore_default_configuration': { make: linked },
  [`POST ${NIC} create_physical`]: { make: device, fields: macs },
  [`PUT ${NIC}/{id}`]: { make: device, fields: () => ({ name: 'eth5' }) },
  [`DELETE ${NIC}/{id}`]: { make: second },
  [`POST ${NIC}/{id} disconnect`]: { make: linked },
  [`POST ${NIC}/{id} add_tag`]: { make: device, fields: () => ({ tag: 'slow' }) },
  [`POST ${NIC}/{id} remove_tag`]: { make: linked, fields: () => ({ tag: 'fast' }) },
  [`POST ${NIC}/{id} link_subnet`]: { make: device, fields: () => ({ mode: 'AUTO', subnet: SUBNET }) },
  [`POST ${NIC}/{id} unlink_subnet`]: { make: linked },
  'POST nodes/{system_id}/macs': { make: device, fields: macs },
  'DELETE nodes/{system_id}/macs/{mac_address}': { make: second },
  'POST nodes/{system_id} claim_sticky_ip_address': {
    make: device,
    fields: (_given, count) => ({ requested_address: `10.20.0.${210 + (count % 30)}` }),
  },
};

const KEYS = 'account/prefs/sshkeys';
const ofBob = (): Fields => ({ username: 'bob' });
const newKey = (): Fields => ({ username: 'bob', key: nextKey() });
const PEOPLE: Readonly<Record<string, RightsRequest | readonly RightsRequest[]>> = {
  'POST users/{username} change_password': { fields: (_given, count) => ({ password: `another of bob ${count}` }) },
  'POST account delete_authorisation_token': { make: token, fields: ({ kept = '' }) => ({ token_key: kept }) },
  'POST account update_token_name': { make: token, fields: ({ kept = '' }) => ({ token: kept, name: 'changed' }) },
  [`GET ${KEYS}/{id}`]: [{ make: sshKeyOf }, { make: sshKeyOf, fields: ofBob, right: 'own' }],
  [`DELETE ${KEYS}/{id}`]: [{ make: sshKeyOf }, { make: sshKeyOf, fields: ofBob, right: 'own' }],
  [`GET ${KEYS}`]: [{}, { fields: ofBob, right: 'own' }],
  [`GET ${KEYS} list`]: [{}, { fields: ofBob, right: 'own' }],
  [`POST ${KEYS}`]: [{}, { fields: newKey, right: 'own' }],
  [`POST ${KEYS} new`]: [{}, { fields: newKey, right: 'own' }],
  [`POST ${KEYS} import`]: [
    {},
    { fields: (_given, count) => ({ username: 'bob', keysource: `lp:bob${count}` }), right: 'own' },
  ],
  'GET files get': { make: file },
  'DELETE files': { make: file },
  'GET files/{filename}': { make: file },
  'DELETE files/{filename}': { make: file },
};

/** The interface of a machine of bob for which an address is reserved. */
const forMachine: Maker = async ({ site }, count) => {
  await addMachine(site, count, 'deployed');
  return { fields: { subnet: SUBNET, mac: macText(count) } };
};
const NETWORKS: Readonly<Record<string, RightsRequest | readonly RightsRequest[]>> = {
  'PUT ipranges/{id}': { make: range, fields: () => ({ comment: 'changed' }) },
  'DELETE ipranges/{id}': { make: range },
  'GET ipaddresses': [
    {},
    { fields: () => ({ all: 'true' }), right: 'admin' },
    { fields: () => ({ owner: 'bob' }), right: 'own' },
  ],
  'POST ipaddresses reserve': [{}, { make: forMachine, right: 'own' }],
  'POST ipaddresses release': [{ make: address }, { make: address, fields: () => ({ force: 'true' }), right: 'admin' }],
};

const newMachine =
  (fields: Fields) =>
  (_given: Given, count: number): Fields => ({
    architecture: 'amd64',
    mac_addresses: macText(count, 3),
    power_type: 'manual',
    ...fields,
  });
const adding: readonly RightsRequest[] = [
  {},
  { fields: newMachine({ zone: 'hall' }), right: 'admin', isOfUsers: true },
  { fields: newMachine({ pool: 'lab' }), right: 'admin', isOfUsers: true },
];

export const REQUESTS: Readonly<Record<string, RightsRequest | readonly RightsRequest[]>> = {
  ...commands(),
  ...DEVICES,
  ...PEOPLE,
  ...NETWORKS,
  'POST machines': adding,
  'POST nodes new': adding,
  'POST machines release': { make: deployed, fields: ({ kept = '' }) => ({ machines: kept }) },
  'POST nodes release': { make: deployed, fields: ({ kept = '' }) => ({ nodes: kept }) },
};
