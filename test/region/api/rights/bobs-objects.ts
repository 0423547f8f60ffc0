// A site on which bob, an ordinary user, has one object of every kind, and the makers of further ones: an operation that succeeds uses them up.
//
// 1. Bob's secrets are texts that no other object has, so that an answer that holds one is found.

import assert from 'node:assert/strict';
import { keyOfMachine } from '../../../../src/region/metadata/machine-keys.ts';
import type { MachineStatus } from '../../../../src/region/records/lifecycle.ts';
import type { MachineFields } from '../../../../src/region/records/machine.ts';
import { authorizationOf } from '../../../support/oauth.ts';
import type { AskedApi, CallerName } from '../../asked-api.ts';
import { bootReport, enlist, facts } from '../../place.ts';
import { type Fields, type Given, sshKey } from '../sent/trial.ts';

export const RIGHTS_CALLERS = ['nobody', 'outsider', 'machine', 'other-machine', 'alice', 'bob', 'admin'] as const;
export type RightsCaller = (typeof RIGHTS_CALLERS)[number];

const SECRET_FILE = 'the content of a file of bob';
const SECRET_POWER = 'the BMC password of a machine of bob';

/** Another object of bob for one request, or more than one. @param count differs each time */
export type Maker = (bobs: Bobs, count: number) => Promise<Given>;

export interface Bobs {
  readonly site: AskedApi;
  /** Values of the segments of paths, by the beginning of the path; the first that fits counts. */
  readonly places: readonly (readonly [path: RegExp, parts: Readonly<Record<string, string | number>>])[];
  readonly secrets: readonly string[];
  /** The credentials of the two machines. */
  readonly machineKeys: Readonly<Record<'machine' | 'other-machine', string>>;
  /** The ids of the objects that all requests leave as they are. */
  readonly lasting: Readonly<Record<'machine' | 'device', string>>;
}

/** Asks as a user, and fails unless that succeeds. @returns the JSON of the answer */
export async function done(
  { ask }: AskedApi,
  by: CallerName,
  method: 'GET' | 'POST' | 'PUT',
  path: string,
  fields?: Fields,
): Promise<ReturnType<typeof JSON.parse>> {
  const answer = await ask(method, `2.0/${path}`, fields, by);
  assert.ok(answer.status < 300, `${method} ${path}: ${answer.status} ${answer.text}`);
  return answer.json;
}

const macOf = (count: number, last = 0) => 0x525400100000 + count * 16 + last;
export const macText = (count: number, last = 0): string =>
  (macOf(count, last).toString(16).match(/../g) ?? []).join(':');

/** A machine of bob in a state, which a person can switch, with two interfaces and two disks. */
export async function addMachine(
  { place }: AskedApi,
  count: number,
  status: MachineStatus,
  fields: Partial<MachineFields> = {},
): Promise<string> {
  const hardware = {
    boot_mac: macText(count),
    cpu: { count: 4, model: 'x' },
    memory_mib: 4096,
    nics: ['eno1', 'eno2'].map((name, index) => ({
      name,
      mac: macText(count, index),
      driver: 'e1000',
      carrier: true,
      operstate: 'up',
      speed: 1000,
    })),
    disks: ['sda', 'sdb'].map((name) => ({
      name,
      bytes: 64e9,
      model: 'M',
      serial: `${count}-${name}`,
      rotational: false,
    })),
  };
  const found = facts({ serial: `SN-${count}` }, hardware);
  const { systemId } = await enlist(place.region, bootReport([macOf(count), macOf(count, 1)], { facts: found }));
  const power = { powerType: 'webhook', powerParameters: { power_pass: SECRET_POWER } };
  await place.store.changeMachine(systemId, 1, () => ({
    kind: 'change',
    fields: { status, owner: 'bob', ...power, ...fields },
    events: [],
  }));
  return systemId;
}

/** Another machine of bob. */
export const machineIn =
  (status: MachineStatus, fields: Partial<MachineFields> = {}): Maker =>
  async ({ site }, count) => {
    const id = await addMachine(site, count, status, fields);
    return { path: { system_id: id, id: 'eno1', device_id: 'sdb' }, kept: id };
  };

/** Another device of bob. */
export const device: Maker = async ({ site }, count) => {
  const { system_id: id } = await done(site, 'bob', 'POST', 'devices/', { mac_addresses: macText(count) });
  return { path: { system_id: id, id: 'eth0', mac_address: macText(count) }, kept: id };
};

/** Another range, address, key, file or token of bob. */
export const range: Maker = async ({ site }) => {
  const address = `10.20.0.${200 + (await done(site, 'bob', 'GET', 'ipranges/')).length}`;
  const made = await done(site, 'bob', 'POST', 'ipranges/', { type: 'reserved', start_ip: address, end_ip: address });
  return { path: { id: made.id }, fields: {} };
};
export const address: Maker = async ({ site }) => {
  const made = await done(site, 'bob', 'POST', 'ipaddresses/?op=reserve', { subnet: '10.20.0.0/24' });
  return { fields: { ip: made.ip } };
};
let keys = 0;
/** An SSH key that no other request has. */
export const nextKey = (): string => sshKey(++keys);
export const sshKeyOf: Maker = async ({ site }) => {
  const made = await done(site, 'bob', 'POST', 'account/prefs/sshkeys/', { key: nextKey() });
  return { path: { id: made.id } };
};
export const file: Maker = async ({ site }, count) => {
  const filename = `of-bob-${count}`;
  await done(site, 'bob', 'POST', 'files/', { filename, file: SECRET_FILE });
  return { path: { filename }, fields: { filename } };
};
export const token: Maker = async ({ site }, count) => {
  const made = await done(site, 'bob', 'POST', 'account/?op=create_authorisation_token', { name: `n${count}` });
  return { kept: made.token_key };
};

/** Bob's objects as they are shown to himself and to an administrator, and his password. @param given one more of his */
export async function dumpOf({ site, lasting }: Bobs, { path, kept }: Given): Promise<unknown> {
  const { store } = site.place;
  const nodes = [lasting.machine, lasting.device, String(path?.system_id ?? ''), kept ?? ''];
  const shown: unknown[] = [];
  for (const id of new Set(nodes.filter((one) => /^[a-z0-9]{6}$/.test(one)))) {
    shown.push(await store.findMachine(id));
  }
  shown.push(await store.life.listSshKeys('bob'), await store.files.list('bob'), await store.accounts.findUser('bob'));
  shown.push(await done(site, 'bob', 'GET', 'ipaddresses/'));
  const ranges: readonly { readonly user: { readonly username: string } | null }[] = await done(
    ...([site, 'bob', 'GET', 'ipranges/'] as const),
  );
  const tokens = (await store.accounts.listKeys('bob')).map(({ tokenKey, name }) => [tokenKey, name]);
  return [shown, ranges.filter(({ user }) => user?.username === 'bob'), tokens];
}

const NO_ONE = { tokenKey: '', consumerKey: '', tokenSecret: '' };

/** Fills the site with bob's lasting objects. */
export async function bobsObjects(site: AskedApi): Promise<Bobs> {
  const { region, store, clock } = site.place;
  const machine = await addMachine(site, 1, 'deployed', { ownerData: { colour: 'red' } });
  const other = await addMachine(site, 2, 'deployed', { owner: 'admin' });
  const keyOf = async (id: string) => {
    const { consumerKey, tokenKey, tokenSecret } = (await keyOfMachine(store, clock, id)) ?? NO_ONE;
    return `${consumerKey}:${tokenKey}:${tokenSecret}`;
  };
  const ownKey = await keyOf(machine);
  const bobs: Bobs = {
    site,
    places: [],
    lasting: { machine, device: '' },
    secrets: [],
    machineKeys: { machine: authorizationOf(ownKey), 'other-machine': authorizationOf(await keyOf(other)) },
  };
  const of = async (make: Maker, count: number) => (await make(bobs, count)).path ?? {};
  const { system_id: firstDevice = '' } = await of(device, 3);
  const { filename = '' } = await of(file, 4);
  const ipRange = await of(range, 5);
  const ssh = await of(sshKeyOf, 6);
  // Without a key, a command would be refused for this reason, whoever owns the machine.
  for (const by of ['alice', 'admin'] as const)
    await done(site, by, 'POST', 'account/prefs/sshkeys/', { key: nextKey() });
  await address(bobs, 7);
  const firstToken = await done(site, 'bob', 'POST', 'account/?op=create_authorisation_token', { name: 'lasting' });
  const secrets = [SECRET_FILE, SECRET_POWER, ownKey.split(':').at(-1), firstToken.token_secret];
  for (const secret of secrets) assert.match(String(secret), /.{8}/);
  const [fabric] = await done(site, 'bob', 'GET', 'fabrics/');
  const [subnet] = await done(site, 'bob', 'GET', 'subnets/');
  const [rack] = region.racks.list();
  const shared = { system_id: machine, device_id: 'sdb', id: 'eno1' };
  return {
    ...bobs,
    lasting: { machine, device: String(firstDevice) },
    secrets: secrets.map(String),
    places: [
      [/^devices/, { system_id: firstDevice }],
      [/^rackcontrollers/, { system_id: rack?.uuid ?? '' }],
      [/blockdevices/, { ...shared, id: 'sdb' }],
      [/^(?:nodes|machines)/, { ...shared, mac_address: macText(1) }],
      [/^files/, { filename }],
      [/^ipranges/, ipRange],
      [/^account/, ssh],
      [/^users/, { username: 'bob' }],
      [/^(?:fabrics|vlans)/, { id: fabric.id, fabric_id: fabric.id, vid: 0 }],
      [/^subnets/, { id: subnet.id }],
      [/^networks/, { name: subnet.name }],
      [/^nodegroups/, { uuid: rack?.uuid ?? '', name: 'lab', id: 1, boot_source_id: 1 }],
      [/^zones/, { name: 'hall' }],
      [/^/, { id: 1, boot_source_id: 1, name: 'lab', file: 1 }],
    ],
  };
}
