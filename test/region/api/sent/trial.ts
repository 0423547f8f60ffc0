// Trials of the API's parameters: each sends parameters of one operation, and says where each is read back.
//
// 1. A parameter is read back in the answer, under its own name, unless the trial says where else: in another field, with another value, or by
//    a function that looks for its effect.

import assert from 'node:assert/strict';
import type { Settings } from '../../../../src/machines/settings.ts';
import type { OPERATIONS } from '../../../../src/region/api/operations.ts';
import type { MachineStatus } from '../../../../src/region/records/lifecycle.ts';
import type { MachineFields } from '../../../../src/region/records/machine.ts';
import type { RegionOptions } from '../../../../src/region/region.ts';
import { type Answered, type AskedApi, type CallerName, withAskedApi } from '../../asked-api.ts';
import { bootReport, enlist, facts } from '../../place.ts';
import { acceptRack } from '../../racks/rack-place.ts';

export type Fields = Readonly<Record<string, string | readonly string[]>>;

/** The parts of an operation's path, and parameters that it needs and another trial reads back. */
export interface Given {
  readonly path?: Readonly<Record<string, string | number>>;
  readonly fields?: Fields;
  /** Anything else that the trial looks for later. */
  readonly kept?: string;
}

/** The answer of the trial, and the site for further questions. */
export interface Sight {
  readonly site: AskedApi;
  readonly given: Given;
  readonly answer: Answered;
  readonly sent: Fields;
}

/** Where a parameter is read: a field of the answer, as `a.b`; that with another value; or a look that finds its effect. */
export type Read = string | { readonly at: string; readonly is: unknown } | ((sight: Sight) => void | Promise<void>);

export interface Trial {
  /** `2.0 POST machines/{system_id} deploy`. */
  readonly of: string;
  /** True for the trial before it, of the same operation in the other version. */
  readonly isAgain?: boolean;
  readonly given?: ((site: AskedApi) => Promise<Given>) | undefined;
  readonly send: Fields | ((given: Given) => Fields);
  readonly reads?: Readonly<Record<string, Read>>;
  readonly by?: CallerName;
  readonly options?: Partial<RegionOptions> | undefined;
}

/** The name of an operation in one version. */
export const titlesOf = ({ versions, method, path, op }: (typeof OPERATIONS)[number]): readonly string[] =>
  versions.map((version) => [version, method, path, ...(op === undefined ? [] : [op])].join(' '));

/** The same trial of an operation in both versions, which call it alike. */
export const both = (of: string, trial: Omit<Trial, 'of'>): readonly Trial[] =>
  ['2.0', '1.0'].map((version, index) => ({ ...trial, of: `${version} ${of}`, isAgain: index > 0 }));

/** The trial of an operation on machines, which 1.0 calls nodes. @param old its name there, if it is another one */
export function onMachines(method: string, path: string, op: string, trial: Omit<Trial, 'of'>, old = op) {
  return [`2.0 ${method} machines${path} ${op}`, `1.0 ${method} nodes${path} ${old}`].map(
    (of, index): Trial => ({ ...trial, of: of.trim(), isAgain: index > 0 }),
  );
}

const OWN_UUID = '11111111-2222-3333-4444-555555555555';
const LAB_TEXTS = {
  interface: 'eth1',
  ip: '10.20.0.1',
  network: '10.20.0.0/24',
  router_ip: '10.20.0.254',
  ip_range_low: '10.20.0.100',
  ip_range_high: '10.20.0.199',
  static_ip_range_low: '10.20.0.10',
  static_ip_range_high: '10.20.0.99',
};
export const LAB: Settings = LAB_TEXTS;
/** The report of the region's own rack. */
export const OWN_RACK = {
  uuid: OWN_UUID,
  name: 'maas',
  version: '0.1.0',
  pinned: [],
  interfaces: [{ ...LAB_TEXTS, name: 'lab', management: 2 } as const],
};
export const FIRST_MAC = '52:54:00:00:00:01';
const HARDWARE = {
  boot_mac: FIRST_MAC,
  cpu: { count: 4, model: 'x' },
  memory_mib: 4096,
  nics: ['eno1', 'eno2'].map((name, index) => ({
    name,
    mac: `52:54:00:00:00:0${index + 1}`,
    driver: 'e1000',
    carrier: true,
    operstate: 'up',
    speed: 1000,
  })),
  disks: ['sda', 'sdb'].map((name) => ({ name, bytes: 64e9, model: 'M', serial: `S-${name}`, rotational: false })),
};
const START = { path: '/images/bb/b.file', sha256: 'b'.repeat(64) };
export const IMAGE = {
  os: 'debian',
  release: 'trixie',
  path: '/images/aa/a.raw',
  sha256: 'a'.repeat(64),
  bytes: 10,
  format: 'squashfs',
  starts: { kernel: START, initrd: START },
  system: { subarch: 'ga-13' },
};

/** A region with a rack of its own, a zone, a pool, and accounts. */
export const withSite = (work: (site: AskedApi) => Promise<void>, options: Partial<RegionOptions> = {}) =>
  withAskedApi(
    async (site) => {
      const { region } = site.place;
      const refused = await region.settings.change(OWN_UUID, [{ key: 'cluster_interfaces.lab', value: LAB }], 'admin');
      assert.equal(refused, undefined);
      await region.racks.putOwn(OWN_RACK);
      await site.ask('POST', '2.0/zones/', { name: 'hall' });
      await site.ask('POST', '2.0/resourcepools/', { name: 'lab' });
      await work(site);
    },
    {
      findImage: ({ os, release, kernel = IMAGE.system.subarch }) =>
        os === IMAGE.os && release === IMAGE.release && kernel === IMAGE.system.subarch ? IMAGE : undefined,
      fetchKeys: async () => ({ kind: 'keys', lines: [sshKey(9)] }),
      ...options,
    },
    { ownRack: { uuid: OWN_UUID, name: 'maas', file: '/etc/rackboot.yaml', values: {} } },
  );

export function sshKey(fill: number): string {
  const head = Buffer.concat([Buffer.from([0, 0, 0, 11]), Buffer.from('ssh-ed25519'), Buffer.from([0, 0, 0, 32])]);
  return `ssh-ed25519 ${Buffer.concat([head, Buffer.alloc(32, fill)]).toString('base64')}`;
}

/** Adds a machine with hardware in a state. @param last of its hardware address; an odd number, because it has the next one, too */
export async function machine(
  { place }: AskedApi,
  status: MachineStatus = 'ready',
  fields: Partial<MachineFields> = {},
  last = 1,
): Promise<string> {
  const { region, store } = place;
  const hardware = last === 1 ? facts({ serial: 'SN1' }, HARDWARE) : facts({ serial: `SN${last}` });
  const macs: [number, number] = [0x525400000000 + last, 0x525400000001 + last];
  const { systemId } = await enlist(region, bootReport(macs, { facts: hardware }));
  await store.changeMachine(systemId, 1, () => ({ kind: 'change', fields: { status, ...fields }, events: [] }));
  return systemId;
}

/** A machine in a state is what the operation needs. */
export const onMachine =
  (status: MachineStatus, fields: Partial<MachineFields> = {}) =>
  async (site: AskedApi): Promise<Given> => ({ path: { system_id: await machine(site, status, fields) } });

/** A rack elsewhere, accepted. */
export const farRack = async ({ place }: AskedApi): Promise<void> => {
  await acceptRack(place.region);
};

/** The comment is what the log says of the command. */
export async function said({ site, sent }: Sight): Promise<void> {
  const { events } = (await site.ask('GET', '2.0/events/?op=query', { level: 'AUDIT' })).json;
  const texts = events.map((event: { readonly description: string }) => event.description);
  assert.ok(
    texts.some((text: string) => text.includes(String(sent.comment))),
    `no event of ${texts} has the comment`,
  );
}

/** The machine of the path afterwards. */
export const machineAfter = async ({ site, given }: Sight) =>
  (await site.ask('GET', `2.0/machines/${given.path?.system_id}/`)).json;

/** Only the entry that the trial prepared is listed, although there is another one. */
export const only =
  (name: string) =>
  ({ answer, given }: Sight) => {
    const names = answer.json.map((one: Readonly<Record<string, unknown>>) => String(one[name]));
    assert.deepEqual(names, [given.kept]);
  };

const valueAt = (value: unknown, at: string): unknown =>
  at
    .split('.')
    .reduce<unknown>(
      (part, key) => (part === null || part === undefined ? part : Reflect.get(Object(part), key)),
      value,
    );

/** The request of a trial on a site. */
export interface TrialRequest {
  readonly given: Given;
  readonly method: ReturnType<typeof methodOf>;
  readonly url: string;
  /** The parameters of the trial, without those that are only given. */
  readonly sent: Fields;
}

/** The path of an operation on a site, below `/MAAS/api/`. */
export function urlOf(of: string, parts: Given['path'] = {}): string {
  const [version = '', , path = '', op] = of.split(' ');
  const filled = path.replace(/\{(\w+)\}/g, (_all, name: string) => encodeURIComponent(parts[name] ?? ''));
  return `${version}/${filled}/${op === undefined ? '' : `?op=${op}`}`;
}

/** Prepares the site for a trial. */
export async function requestOf({ of, ...trial }: Trial, site: AskedApi): Promise<TrialRequest> {
  const given = (await trial.given?.(site)) ?? {};
  const sent = typeof trial.send === 'function' ? trial.send(given) : trial.send;
  return { given, method: methodOf(of.split(' ')[1] ?? ''), url: urlOf(of, given.path), sent };
}

/** Runs a trial. */
export const runTrial = (trial: Trial): Promise<void> =>
  withSite(async (site) => {
    const request = await requestOf(trial, site);
    const answer = await site.ask(request.method, request.url, { ...request.given.fields, ...request.sent }, trial.by);
    assert.ok(answer.status < 300, `${trial.of}: ${answer.status} ${answer.text}`);
    for (const name of Object.keys(request.sent)) await readBack(trial, name, { ...request, site, answer });
  }, trial.options);

/** Reads one parameter back. @throws unless it has its effect */
async function readBack({ of, reads = {} }: Trial, name: string, sight: Sight) {
  const { answer, sent } = sight;
  const text = sent[name];
  const read = reads[name] ?? name;
  if (typeof read === 'function') return await read(sight);
  const { at, is: wanted } = typeof read === 'string' ? { at: read, is: text } : read;
  const found = valueAt(answer.json, at);
  const message = `${of}: ${name} is not read back in ${answer.text}`;
  if (typeof read === 'string' && !Array.isArray(text)) assert.equal(String(found), text, message);
  else assert.deepEqual(found, wanted, message);
}

export function methodOf(text: string): 'GET' | 'POST' | 'PUT' | 'DELETE' {
  assert.ok(text === 'GET' || text === 'POST' || text === 'PUT' || text === 'DELETE', text);
  return text;
}
