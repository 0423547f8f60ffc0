// What each view says of the networks of a scene (network-scenes.ts), and what it answers to each change (network-writes.ts): the APIs, the
// settings, the commands on the hosts of racks, the configuration with which these serve, and the network of a machine. Written for people who
// compare two versions of them, so an object that was shown whole before is then named by its URI.
//
// 1. A change that is tried is rolled back, so each is judged with the scene as it is.
// 2. Racks report as real ones do: what their configuration resolves to, with the settings that the region sends them.

import assert from 'node:assert/strict';
import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { mock } from 'node:test';
import { listHosts } from '../../src/cli/config/hosts.ts';
import { exportConfig, showConfig } from '../../src/cli/config/store.ts';
import { readConfigFile } from '../../src/config/config-file.ts';
import { parseConfig } from '../../src/config/load.ts';
import { listPinnedKeys } from '../../src/config/merge.ts';
import { describeRack } from '../../src/daemon/rack/description.ts';
import { formatIpv4, formatMac, ipv4, mac } from '../../src/ground/address.ts';
import type { DesiredState } from '../../src/machines/machine.ts';
import { NO_SETTINGS, type Settings } from '../../src/machines/settings.ts';
import { type Answer, isRefusal, type Refusal, renderRefusalBody } from '../../src/region/api/call/answer.ts';
import { operationsByPath, runOperation } from '../../src/region/api/operations.ts';
import { networkFiles } from '../../src/region/layout/deployable.ts';
import { PAGES } from '../../src/region/page/routes.ts';
import type { HostAddress } from '../../src/region/records/rack-description.ts';
import { REGION_FILE } from '../../src/store/region/region-schema.ts';
import { openRegionStore } from '../../src/store/sqlite/region-sqlite.ts';
import { writeDesiredState } from '../../src/uplink/desired-state-cache.ts';
import { type AskedApi, type CallerName, type Fields, type Method, withAskedApi } from '../region/asked-api.ts';
import { viewOf } from '../region/page/view.ts';
import { hearRack, register, registration } from '../region/racks/rack-place.ts';

const STATES = join(import.meta.dirname, '..', '..', 'fixtures', 'state');

/** A rack of a scene. */
export interface SceneRack {
  readonly uuid: string;
  readonly name: string;
  /** The text of its configuration file. */
  readonly file: string;
  /** What its host has; undefined: it does not report that. */
  readonly host?: readonly HostAddress[];
}

/** One request: who asks, how, and with what. `{NAME}` is the id of an object by its name (`idsOf`). */
export type Request = readonly [by: CallerName, method: Method | 'page', path: string, fields?: Fields];

/** Requests, of which each finds what those before it did, and their name in the answers. */
export interface Change {
  readonly name: string;
  readonly requests: readonly Request[];
}

export interface Scene {
  readonly name: string;
  /** The rack in the region's process; undefined: the region is apart. */
  readonly own?: SceneRack;
  readonly remote?: readonly SceneRack[];
  /** Builds it, before the racks report for the last time; a file of fixtures/state has it already. */
  readonly build: string | ((site: Site) => Promise<void>);
  /** What happens after that. */
  readonly after?: (site: Site) => Promise<void>;
  /** Where its machine `web` booted. */
  readonly bootedAt: string;
}

export interface Site extends AskedApi {
  /** Sends a request that must succeed. */
  readonly done: (...request: Request) => Promise<ReturnType<typeof JSON.parse>>;
  /** The administrator accepts a rack, with these of its networks that are in doubt. */
  readonly agree: (rack: Pick<SceneRack, 'uuid'>, shared?: readonly string[]) => Promise<void>;
  /** All racks take what the region has for them, and report. */
  readonly report: () => Promise<void>;
}

/** Each list of the API, and for each of its entries what is read by its key. */
const READS: readonly (readonly [list: string, key?: string, each?: readonly string[]])[] = [
  ['2.0/spaces/'],
  ['2.0/fabrics/'],
  [
    '2.0/subnets/',
    'id',
    [
      '?op=ip_addresses',
      '?op=reserved_ip_ranges',
      '?op=unreserved_ip_ranges',
      '?op=statistics&include_ranges=true&include_suggestions=true',
    ],
  ],
  ['2.0/ipranges/'],
  ['2.0/ipranges/?type=static'],
  ['2.0/static-routes/'],
  ['2.0/ipaddresses/?all=true'],
  ['2.0/dnsresources/'],
  ['2.0/settings/'],
  ['2.0/rackcontrollers/'],
  ['1.0/nodegroups/?op=list', 'uuid', ['interfaces/?op=list']],
  ['1.0/networks/', 'name', ['?op=list_connected_macs']],
  ['1.0/ipaddresses/'],
];
const EVENTS = '2.0/events/?op=query&limit=1000&level=AUDIT';
/** On the host of a rack, without its daemon. */
const COMMANDS = {
  'config show cluster_interfaces --json': (config: string) =>
    showConfig({ config, key: 'cluster_interfaces', json: true }),
  'config export': (config: string) => exportConfig({ config }),
  'hosts list --json': (config: string) => listHosts({ config, json: true }),
} as const;
const CONFIG_FILE = '/etc/rackboot/rackboot.yaml';

/** Runs the work on the region of a scene. */
export async function withScene(scene: Scene, work: (site: Site) => Promise<void>): Promise<void> {
  const { own, remote = [], build } = scene;
  const stateDir = mkdtempSync(join(tmpdir(), 'rackboot-networks-'));
  if (typeof build === 'string') copyFileSync(join(STATES, build), join(stateDir, REGION_FILE));
  const ownRack = own && { uuid: own.uuid, name: own.name, file: CONFIG_FILE, values: valuesOf(own) };
  await withAskedApi(
    async (api) => {
      const { region } = api.place;
      const site: Site = {
        ...api,
        done: async (by, method, path, fields) => {
          assert.ok(method !== 'page');
          const [at, sent] = filled(await idsOf(api), path, fields);
          const answer = await api.ask(method, at, sent, by);
          assert.ok(answer.status < 300, `${scene.name}: ${path}: ${answer.status} ${answer.text}`);
          return answer.json;
        },
        async agree({ uuid }, shared = []) {
          assert.equal(await region.racks.judge([uuid], 'accept', 'admin', shared), undefined);
        },
        async report() {
          if (own !== undefined) await region.racks.putOwn(await described(api, own));
          for (const rack of remote) {
            const { interfaces, ...said } = await described(api, rack);
            if (region.racks.find(rack.uuid) === undefined) {
              const key = { kind: 'own', token: `token of ${rack.name}`, secretDigest: rack.uuid } as const;
              await register(region, registration({ uuid: rack.uuid, name: rack.name, interfaces, key }));
              await site.agree(rack);
            }
            await hearRack(region, rack.uuid, interfaces, said);
          }
        },
      };
      await site.report();
      if (typeof build === 'function') {
        await build(site);
        await site.report();
        await addMachine(site, scene);
        await scene.after?.(site);
      }
      await work(site);
    },
    {},
    ownRack === undefined ? { managedNetworks: [] } : { ownRack },
    openRegionStore({ stateDir }),
  );
  rmSync(stateDir, { recursive: true });
}

function valuesOf({ file }: SceneRack): Settings {
  const read = readConfigFile(file);
  return read.ok ? read.file.values : assert.fail(JSON.stringify(read.problems));
}

/** A rack's configuration with the region's settings, or without them if they do not fit. */
async function configOf({ place }: AskedApi, rack: SceneRack) {
  const stored = (await place.region.desiredState(rack.uuid)).settings ?? NO_SETTINGS;
  const [merged, alone] = [parseConfig(rack.file, stored), parseConfig(rack.file)];
  assert.ok(alone.ok, rack.name);
  const refused = merged.ok ? undefined : merged.problems.map(({ path, message }) => `${path}: ${message}`).join('\n');
  return { stored, refused, config: merged.ok ? merged.config : alone.config };
}

async function described(api: AskedApi, rack: SceneRack) {
  const { config, refused } = await configOf(api, rack);
  const description = describeRack(config, rack.uuid, '0.1.0', listPinnedKeys(valuesOf(rack)), refused);
  return { ...description, ...(rack.host === undefined ? {} : { addresses: rack.host }) };
}

/** The machine `web`, which a rack booted, is ready and has the address that the region gives it. */
async function addMachine(site: Site, { bootedAt, own, remote = [] }: Scene): Promise<void> {
  const { region, store, clock } = site.place;
  await site.done('admin', 'POST', '2.0/machines/', {
    hostname: 'web',
    architecture: 'amd64/generic',
    mac_addresses: '52:54:00:00:00:01',
    power_type: 'manual',
    commission: 'false',
  });
  const [systemId] = [(await idsOf(site)).get('web') ?? assert.fail('no machine')];
  await store.changeMachine(systemId, 1, () => ({ kind: 'change', fields: { status: 'ready' }, events: [] }));
  const from = own?.uuid ?? remote[0]?.uuid ?? '';
  const at = clock.wallTimeMs();
  const ack = {
    kind: 'dhcp.ack',
    mac: '52:54:00:00:00:01',
    address: bootedAt,
    params: { leaseSeconds: 600 },
    text: '',
  };
  await region.observe([{ ...ack, sequence: 1_000_000, at }], from, own === undefined ? from : undefined);
  await site.done('admin', 'POST', '2.0/machines/?op=allocate', { system_id: systemId });
}

/** The ids of objects by the names that people know: a machine's, its interfaces', the first address of a range, the router of a route, a VLAN's, a fabric's. */
export async function idsOf({ ask }: AskedApi): Promise<ReadonlyMap<string, string>> {
  const rows = async (path: string) => (await ask('GET', path)).json;
  const ids = new Map<string, string>();
  for (const { hostname, system_id, interface_set } of [
    ...(await rows('2.0/machines/')),
    ...(await rows('2.0/devices/')),
  ]) {
    ids.set(hostname, system_id);
    ids.set(`${hostname} nic`, String(interface_set[0]?.id));
    for (const { id, name } of interface_set) ids.set(`${hostname} ${name}`, String(id));
  }
  for (const range of [...(await rows('2.0/ipranges/')), ...(await rows('2.0/ipranges/?type=static'))])
    ids.set(range.start_ip, String(range.id));
  for (const route of await rows('2.0/static-routes/')) ids.set(`via ${route.gateway_ip}`, String(route.id));
  for (const subnet of await rows('2.0/subnets/')) ids.set(subnet.cidr, String(subnet.id));
  for (const { id, name, vlans } of await rows('2.0/fabrics/')) {
    ids.set(name, String(id));
    for (const vlan of vlans) ids.set(`${name} ${vlan.vid}`, String(vlan.id));
  }
  for (const { id, name } of await rows('2.0/spaces/')) ids.set(name, String(id));
  for (const { id, fqdn } of await rows('2.0/dnsresources/')) ids.set(fqdn, String(id));
  return ids;
}

/** A text with names in place of the ids that chance chose. */
export const withNames = (text: string, ids: ReadonlyMap<string, string>): string =>
  [...ids].reduce((all, [name, id]) => (/[a-z]/i.test(id) ? all.replaceAll(id, `id-of-${name}`) : all), text);

/** A path and fields with ids in place of names. */
export function filled(
  ids: ReadonlyMap<string, string>,
  path: string,
  fields: Fields = {},
): readonly [path: string, Fields] {
  const fill = (text: string): string =>
    text.replace(/\{([^{}":]+)\}/g, (_all, name: string) => ids.get(name) ?? assert.fail(`nothing is called ${name}`));
  const sent = Object.entries(fields).map(([name, value]) => [
    name,
    typeof value === 'string' ? fill(value) : value?.map(fill),
  ]);
  return [fill(path), Object.fromEntries(sent)];
}

/** What all views say of a scene. */
async function answersOf(site: Site, { own, remote = [] }: Scene): Promise<Readonly<Record<string, unknown>>> {
  const answers: Record<string, unknown> = {};
  const show = whole();
  const read = async (path: string) => {
    const { json } = await site.ask('GET', path);
    answers[path] = show(json);
    return json;
  };
  for (const [list, key = '', each = []] of READS) {
    const entries = await read(list);
    for (const entry of each.length === 0 ? [] : entries) {
      const at = list.replace(/\?.*/, '');
      for (const rest of each) await read(`${at}${encodeURIComponent(entry[key])}/${rest}`);
    }
  }
  answers.events = (await site.ask('GET', EVENTS)).json.events.map(
    ({ type, description }: Readonly<Record<string, string>>) => `${type}: ${description}`,
  );
  for (const rack of [...(own === undefined ? [] : [own]), ...remote]) {
    const state = await site.place.region.desiredState(rack.uuid);
    const { config } = await configOf(site, rack);
    answers[`${rack.name}: what the region sends`] = { settings: state.settings, reserved: plain(state.reserved) };
    for (const [command, run] of Object.entries(COMMANDS))
      answers[`${rack.name}: rackboot ${command}`] = await output(rack, run, state);
    answers[`${rack.name}: dhcp`] = plain(config.dhcp);
    answers[`${rack.name}: dns`] = plain(config.dns);
  }
  const { region, store } = site.place;
  const web = (await store.findMachine((await idsOf(site)).get('web') ?? '')) ?? assert.fail('no machine');
  const networks = await region.networks.look();
  for (const isByLease of [false, true])
    answers[`web: netplan${isByLease ? ', addresses by DHCP' : ''}`] = networkFiles(
      web,
      networks,
      'netplan',
      isByLease,
    )?.map(({ text }) => text.split('\n'));
  return answers;
}

/** Shows values whole, but an object that was shown before, at any depth, by its URI. */
export function whole(): (value: unknown) => unknown {
  const known = new Map<string, string>();
  return function show(value: unknown): unknown {
    if (Array.isArray(value)) return value.map(show);
    if (typeof value !== 'object' || value === null) return value;
    const uri = 'resource_uri' in value ? String(value.resource_uri) : '';
    const text = JSON.stringify(value);
    if (uri !== '' && known.get(uri) === text) return uri;
    if (uri !== '' && !known.has(uri)) known.set(uri, text);
    return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, show(one)]));
  };
}

/** Resolved values as people read them. */
function plain(value: unknown, key = ''): unknown {
  if (typeof value === 'function') return undefined;
  if (value instanceof Uint8Array) return Buffer.from(value).toString('hex');
  if (value instanceof Map) return [...value].map(([name, one]) => [name, plain(one)]);
  if (value instanceof Set || Array.isArray(value)) return [...value].map((one) => plain(one));
  if (typeof value === 'number' && key === 'mac') return formatMac(mac(value));
  if (typeof value === 'number' && value >= 2 ** 24) return formatIpv4(ipv4(value));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, plain(one, name)]));
}

/** What a command prints on the host of a rack that got this state last. */
async function output(
  { file }: SceneRack,
  run: (config: string) => Promise<number>,
  state: DesiredState,
): Promise<unknown> {
  const directory = mkdtempSync(join(tmpdir(), 'rackboot-networks-'));
  const printed: string[] = [];
  const log = mock.method(console, 'log', (text: string) => void printed.push(text));
  const aside = mock.method(console, 'error', () => undefined);
  try {
    const path = join(directory, 'rackboot.yaml');
    writeFileSync(path, `${file}\nstate_dir: ${directory}\n`);
    writeDesiredState(directory, state, ({ reason }) => assert.fail(reason));
    await run(path);
    const text = printed.join('\n').replaceAll(path, CONFIG_FILE);
    return /^[[{]/.test(text) ? JSON.parse(text) : text.split('\n');
  } finally {
    for (const { mock: mocked } of [log, aside]) mocked.restore();
    rmSync(directory, { recursive: true });
  }
}

/** Carries the answer out of a transaction that is rolled back. */
class Tried extends Error {
  readonly line: string;

  constructor(line: string) {
    super('tried');
    this.line = line;
  }
}

/** What a change would be answered. */
export async function tried(site: AskedApi, ids: ReadonlyMap<string, string>, { requests }: Change): Promise<string> {
  const { region, store } = site.place;
  const run = async (): Promise<string> => {
    const lines: string[] = [];
    for (const [by, method, path, fields] of requests) {
      const [at, sent] = filled(ids, path, fields);
      lines.push(await (method === 'page' ? actedOn(site, at, sent) : called(site, by, method, at, sent)));
    }
    return lines.join('; ');
  };
  // An answer shows what memory has after the change.
  const effects = mock.method(store, 'afterCommit', (effect: () => void | Promise<void>) => effect());
  try {
    return await region.transact<never>(async () => {
      throw new Tried(await run());
    });
  } catch (error) {
    if (error instanceof Tried) return error.line;
    throw error;
  } finally {
    effects.mock.restore();
    await region.settings.load();
    await region.racks.refresh();
    await region.networks.look();
  }
}

const fieldsOf = (fields: Fields) =>
  new Map(Object.entries(fields).flatMap(([name, value]) => (value === undefined ? [] : [[name, [value].flat()]])));

/** The row of a table whose path fits, and the parts of the path that it names. */
function found<T>(
  rows: Iterable<readonly [pattern: string, row: T]>,
  path: string,
): readonly [row: T, parts: Readonly<Record<string, string>>] {
  for (const [pattern, row] of rows) {
    const names = [...pattern.matchAll(/\{(\w+)\}|:(\w+)/g)].map(([, one, other]) => one ?? other ?? '');
    const parts = new RegExp(`^${pattern.replace(/\{\w+\}|:\w+/g, '([^/]+)')}/?$`).exec(path);
    if (parts === null) continue;
    return [row, Object.fromEntries(names.map((name, index) => [name, decodeURIComponent(parts[index + 1] ?? '')]))];
  }
  return assert.fail(`no ${path}`);
}

async function called({ place }: AskedApi, by: CallerName, method: Method, at: string, given: Fields): Promise<string> {
  const [, version, path = '', op] = /^([12]\.0)\/([^?]*)(?:\?op=(\w+))?$/.exec(at) ?? assert.fail(at);
  assert.ok(version === '1.0' || version === '2.0');
  const [operations, parts] = found(operationsByPath(version), path);
  const { peer } = viewOf(place.region);
  const caller = { kind: 'user', username: by, email: '', isAdmin: by === 'admin' } as const;
  const call = { region: place.region, version, path: parts, caller, peer, query: new Map() } as const;
  const fields = fieldsOf({ ...given, op });
  return lineOf(await runOperation(operations, method, call, fields));
}

async function actedOn({ place }: AskedApi, at: string, given: Fields): Promise<string> {
  const [path = '', query = ''] = at.split('?');
  const [page, parts] = found(
    PAGES.map((one) => [one.path.replace('/MAAS/', ''), one] as const),
    path,
  );
  const viewer = { username: 'admin', email: '', isAdmin: true, csrf: '' };
  const more = { viewer, path: parts, query: fieldsOf(Object.fromEntries(new URLSearchParams(query))) };
  const outcome = await page.act?.(viewOf(place.region, { ...more, form: fieldsOf(given) }));
  return outcome === undefined || !isRefusal(outcome) ? `done: ${JSON.stringify(outcome)}` : refusalLine(outcome);
}

/** Of an accepted change, the addresses that the region chose. */
function lineOf(answer: Answer): string {
  if (isRefusal(answer)) return refusalLine(answer);
  const { ip, ip_addresses = [], links = [] } = Object(answer.kind === 'json' ? answer.value : undefined);
  const chosen = [ip ?? [], ip_addresses, links.map((link: { readonly ip_address?: string }) => link.ip_address)];
  return ['done', ...new Set(chosen.flat().filter((text) => typeof text === 'string'))].join(' ');
}

function refusalLine(refusal: Refusal): string {
  const body = renderRefusalBody(refusal);
  const texts =
    typeof body === 'string' ? body : Object.entries(body).map(([field, words]) => `${field}: ${words.join(' ')}`);
  return `${refusal.name}: ${[texts].flat().join(' | ')}`;
}

const LINE = 120;

/** JSON in which what is short is on one line. */
export function pretty(value: unknown, indent = ''): string {
  const line = JSON.stringify(value);
  if (typeof value !== 'object' || value === null || indent.length + line.length < LINE) return line;
  const [isList, further] = [Array.isArray(value), `${indent} `];
  const entries = Object.entries(value).filter(([, one]) => one !== undefined);
  const parts = entries.map(
    ([key, one]) => `${further}${isList ? '' : `${JSON.stringify(key)}: `}${pretty(one, further)}`,
  );
  return [isList ? '[' : '{', parts.join(',\n'), `${indent}${isList ? ']' : '}'}`].join('\n');
}

/** A change by one request, named as it is written. */
export function changeBy(request: Request): Change {
  const [by, method, path, fields = {}] = request;
  const sent = Object.entries(fields).flatMap(([name, value]) => (value === undefined ? [] : [`${name}=${value}`]));
  return { name: [by, method, path, ...sent].join(' '), requests: [request] };
}

/** What is said of a scene, and what is answered to changes of it. */
export async function takeScene(scene: Scene, changes: readonly Change[]): Promise<string> {
  let text = '';
  await withScene(scene, async (site) => {
    const answers = await answersOf(site, scene);
    const ids = await idsOf(site);
    const answered: Record<string, string> = {};
    for (const change of changes) {
      assert.ok(!(change.name in answered), change.name);
      answered[change.name] = await tried(site, ids, change);
    }
    text = withNames(`${pretty({ ...answers, changes: answered })}\n`, ids);
  });
  return text;
}
