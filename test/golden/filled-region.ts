// What a region with something of everything in it answers and shows: the bodies of every GET of both APIs, the controls of every form of the
// page in all languages, and what each state answers to each command.
//
// 1. Its time stands still. What chance chose (system ids, keys) has a name in its place, because work before it in the same process draws, too.
// 2. Every GET of the table of operations is asked: a new one needs the parts of its path in PLACES, or fails.

import assert from 'node:assert/strict';
import { mock } from 'node:test';
import { systemClock } from '../../src/ground/clock.ts';
import { POWER_DRIVERS } from '../../src/power/drivers.ts';
import type { Operation } from '../../src/region/api/call/operation.ts';
import { API_VERSIONS, OPERATIONS } from '../../src/region/api/operations.ts';
import { buildApp, makeContext } from '../../src/region/http/server.ts';
import { keyOfMachine } from '../../src/region/metadata/machine-keys.ts';
import { LANGUAGES } from '../../src/region/page/frame/languages.ts';
import { cookieName } from '../../src/region/page/frame/login.ts';
import { MANY_PATH, offeredActions } from '../../src/region/page/machines/machine-actions.ts';
import { PAGES } from '../../src/region/page/routes.ts';
import { STATUSES } from '../../src/region/records/lifecycle.ts';
import { FURNISHED, furnish, walkPages } from '../page/furnished-region.ts';
import { addMachine, macText } from '../region/api/rights/bobs-objects.ts';
import { IMAGE, sshKey } from '../region/api/sent/trial.ts';
import { type AskedApi, withAskedApi } from '../region/asked-api.ts';
import { ADMIN } from '../region/page/view.ts';
import { OTHER_UUID } from '../region/racks/rack-place.ts';
import { filled, idsOf, pretty, type Request, tried, whole, withNames } from './networks.ts';

/** A machine in each of these states, of this name. */
const MACHINES = ['new', 'ready', 'allocated', 'deployed', 'broken', 'rescue-mode'] as const;
const OWNERS: Readonly<Record<string, string>> = { allocated: 'admin', deployed: 'alice', 'rescue-mode': 'alice' };
/** The one that has everything. */
const RICH = 'allocated';
const RICH_MAC = macText(MACHINES.indexOf(RICH));

const NIC = `2.0/nodes/{${RICH}}/interfaces/`;
const DISK = `2.0/nodes/{${RICH}}/blockdevices/`;
/** What fills the region besides `furnish`. */
const FILLING: readonly Request[] = [
  ['admin', 'POST', '2.0/zones/', { name: 'hall', description: 'Facing north' }],
  ['admin', 'POST', '2.0/resourcepools/', { name: 'lab', description: 'For trials' }],
  ['admin', 'POST', '2.0/domains/', { name: 'example.org', authoritative: 'true' }],
  ['admin', 'POST', '2.0/dnsresources/', { fqdn: 'www.maas', ip_addresses: '10.20.0.5' }],
  ['admin', 'POST', '2.0/dnsresources/', { fqdn: 'www.example.org', ip_addresses: '10.20.0.5', address_ttl: '60' }],
  ['admin', 'POST', '2.0/dnsresourcerecords/', { fqdn: 'www.example.org', rrtype: 'TXT', rrdata: 'words', ttl: '90' }],
  ['admin', 'POST', '2.0/spaces/', { name: 'dmz', description: 'For everybody' }],
  ['admin', 'POST', '2.0/fabrics/', { name: 'core', description: 'Of the core', class_type: '10g' }],
  ['admin', 'POST', '2.0/fabrics/{core}/vlans/', { name: 'storage', vid: '7', mtu: '9000', space: 'dmz' }],
  ['admin', 'POST', '2.0/fabrics/{fabric-0}/vlans/', { vid: '9' }],
  [
    'admin',
    'POST',
    '2.0/subnets/',
    { cidr: '10.9.0.0/24', name: 'far', vlan: '{core 7}', gateway_ip: '10.9.0.1', dns_servers: '10.9.0.2 10.9.0.3' },
  ],
  ['admin', 'POST', '2.0/subnets/', { cidr: '10.8.0.0/24' }],
  [
    'admin',
    'POST',
    '2.0/ipranges/',
    { type: 'reserved', start_ip: '10.9.0.30', end_ip: '10.9.0.40', comment: 'Desks' },
  ],
  [
    'admin',
    'POST',
    '2.0/static-routes/',
    { source: '10.9.0.0/24', destination: '10.8.0.0/24', gateway_ip: '10.9.0.1', metric: '5' },
  ],
  ['alice', 'POST', '2.0/ipaddresses/?op=reserve', { subnet: '10.9.0.0/24' }],
  ['admin', 'POST', '2.0/ipaddresses/?op=reserve', { ip: '10.9.0.50', mac: '52:54:00:00:00:77', hostname: 'scanner' }],
  ['admin', 'POST', '2.0/devices/', { hostname: 'camera', mac_addresses: '52:54:00:00:00:90', parent: `{${RICH}}` }],
  ['admin', 'POST', '2.0/tags/gpu/?op=update_nodes', { add: [`{${RICH}}`, '{ready}'] }],
  ['admin', 'PUT', `2.0/machines/{${RICH}}/`, { zone: 'hall', pool: 'lab', description: 'Has everything' }],
  ['admin', 'POST', `2.0/machines/{${RICH}}/?op=debug_login`],
  ['admin', 'POST', '2.0/files/', { filename: 'state', file: 'the content' }],
  ['admin', 'POST', '2.0/account/prefs/sshkeys/', { key: sshKey(1) }],
  ['admin', 'POST', '2.0/scripts/', { name: 'wipe', script: '#!/bin/sh\nwipe\n', tags: 'noauto', destructive: 'true' }],
  ['admin', 'POST', '2.0/profiles/', { name: 'shell', kind: 'ipxe', script: 'shell', tags: 'gpu', offered: 'true' }],
  ['admin', 'POST', '2.0/settings/?op=set', { key: 'dns.upstream', value: '["192.0.2.9"]' }],
  [
    'admin',
    'POST',
    `${NIC}?op=create_bond`,
    { name: 'bond0', parents: `{${RICH} eno1},{${RICH} eno2}`, bond_mode: '802.3ad' },
  ],
  ['admin', 'POST', `${NIC}?op=create_vlan`, { parent: `{${RICH} bond0}`, vlan: '{fabric-0 9}' }],
  ['admin', 'POST', `${NIC}bond0/?op=add_tag`, { tag: 'fast' }],
  ['admin', 'POST', `${DISK}sda/partitions/`, { size: '10G' }],
  ['admin', 'POST', DISK, { name: 'sdc', size: '64G', serial: 'S-c' }],
  ['admin', 'POST', DISK, { name: 'sdd', size: '64G', serial: 'S-d' }],
  ['admin', 'POST', `2.0/nodes/{${RICH}}/raids/`, { name: 'md0', level: 'raid-1', block_devices: ['sdb', 'sdc'] }],
  ['admin', 'POST', `2.0/nodes/{${RICH}}/volume-groups/`, { name: 'vg0', block_devices: 'sdd' }],
];

/** The segments of paths that no address in an answer tells, by the beginning of the path; what else is known comes from `idsOf`. */
const PLACES: readonly (readonly [path: RegExp, parts: Readonly<Record<string, string>>])[] = [
  [/^machines.*interfaces/, { system_id: `{${RICH}}`, id: 'bond0' }],
  [/partition\//, { system_id: `{${RICH}}`, device_id: 'sda', id: 'sda-part1' }],
  [/^(?:nodes|machines)/, { system_id: `{${RICH}}`, mac_address: RICH_MAC, device_id: 'sda' }],
  [/^devices/, { system_id: '{camera}' }],
  [/^tags/, { name: 'gpu' }],
  [/^spaces/, { id: '{dmz}' }],
  [/^pools/, { id: 'lab' }],
  [/^rackcontrollers/, { system_id: OTHER_UUID }],
  [/^nodegroups/, { uuid: OTHER_UUID, name: 'lab' }],
  [/^fabrics/, { fabric_id: '{core}', vid: '7' }],
  [/^commissioning-scripts/, { name: 'wipe' }],
  [/^license-key/, { osystem: 'windows', distro_series: 'win2012' }],
];
/** What some operations need. */
const QUERIES: Readonly<Record<string, string>> = {
  get_config: 'name=upstream_dns',
  get: 'filename=state',
  get_by_key: 'key={file}',
  deployment_status: `nodes={${RICH}}`,
  is_registered: `mac_address=${RICH_MAC}`,
};

interface FilledSite extends AskedApi {
  /** Of the machine of `furnish`. */
  readonly systemId: string;
}

async function withFilledRegion(work: (site: FilledSite) => Promise<void>): Promise<void> {
  await withAskedApi(
    async (site) => {
      const { region, store } = site.place;
      const systemId = await furnish({ region });
      for (const [index, status] of MACHINES.entries())
        await addMachine(site, index, status, { hostname: status, owner: OWNERS[status] });
      for (const [by, method, path, fields] of FILLING) {
        assert.ok(method !== 'page');
        const [at, sent] = filled(await idsOf(site), path, fields);
        const answer = await site.ask(method, at, sent, by);
        assert.ok(answer.status < 300, `${method} ${path}: ${answer.status} ${answer.text}`);
      }
      const rich = (await idsOf(site)).get(RICH) ?? assert.fail('no machine');
      await keyOfMachine(store, site.place.clock, rich);
      const planned = await store.scripts.listScripts();
      const [first] = (await store.scripts.beginRun(rich, 'testing', planned, 1)) ?? assert.fail('no run');
      await store.scripts.changeResult(rich, first?.id ?? 0, () => ({
        status: 'failed',
        exitStatus: 4,
        startedMs: 2,
        endedMs: 3,
        tail: Buffer.from('it stands still\n'),
        outputBytes: 16,
      }));
      await work({ ...site, systemId });
    },
    { ...FURNISHED.parts, findImage: () => IMAGE },
    FURNISHED.config,
  );
}

/** As `idsOf`, with what else chance chose. */
async function idsIn(site: AskedApi): Promise<ReadonlyMap<string, string>> {
  const known = await idsOf(site);
  const read = async (path: string) => (await site.ask('GET', `2.0/${path}`)).json;
  const [file] = await read('files/');
  const tokens = await read('account/?op=list_authorisation_tokens');
  const key = Object.entries<string>(await read(`machines/${known.get(RICH)}/?op=get_token`));
  const login: readonly string[] = tokens[0].token.split(':');
  const parts = login.map((part, index) => [`login ${index}`, part] as const);
  return new Map([...known, ...key, ...parts, ['file', file.key]]);
}

const ANY = '[^/]+';

/** The body of each GET of a version, by its path. */
async function answersOf(
  site: FilledSite,
  version: (typeof API_VERSIONS)[number],
  ids: ReadonlyMap<string, string>,
): Promise<string> {
  const uris = new Set<string>();
  const show = whole();
  const answers: Record<string, unknown> = {};
  const depthOf = ({ path }: Operation): number => path.split('{').length;
  const operations = OPERATIONS.filter(
    ({ method, versions, answers: kind }) => method === 'GET' && versions.includes(version) && kind !== 'stream',
  );
  for (const operation of operations.toSorted((one, other) => depthOf(one) - depthOf(other))) {
    const { path, op = '' } = operation;
    const [, parts = {}] = PLACES.find(([start]) => start.test(path)) ?? [];
    const pattern = `/MAAS/api/${version}/${path.replace(/\{(\w+)\}/g, (_all, part: string) => filled(ids, parts[part] ?? ANY)[0])}/`;
    const at = [...uris].find((uri) => new RegExp(`^${pattern}$`).test(uri)) ?? pattern.replaceAll(ANY, '1');
    const [query] = filled(ids, [...(op === '' ? [] : [`op=${op}`]), QUERIES[op] ?? []].flat().join('&'));
    const url = query === '' ? at : `${at}?${query}`;
    for (const by of operation.access === 'anyone' ? (['admin', 'nobody'] as const) : (['admin'] as const)) {
      const answer = await site.ask('GET', url, undefined, by);
      assert.ok(operation.answers === 'refusal' || answer.status < 300, `${url}: ${answer.status} ${answer.text}`);
      for (const [, uri = ''] of answer.text.matchAll(/"resource_uri":\s*"([^"]+)"/g)) uris.add(uri);
      const body = answer.json === undefined ? answer.text.split('\n') : show(answer.json);
      const name = `GET ${url}${by === 'admin' ? '' : ', nobody'}`;
      answers[name] = answer.status === 200 ? body : { status: answer.status, body };
    }
  }
  return `${pretty(answers)}\n`;
}

const CONTROLS = new Set('input select option textarea label legend button summary p'.split(' '));
const FOR_THE_EYE =
  / (?:class|id|for|style|aria-describedby|autocomplete|autocapitalize|spellcheck|autofocus|data-[\w-]+)(?:="[^"]*")?|(?<=name="shown\.[^"]*") value="[^"]*"/g;

/** The labels of links that look like buttons, and the forms of a page, each with a line for each control or text about it. */
function formsIn(page: string): readonly (readonly string[])[] {
  const [main = ''] = /<main.*<\/main>/s.exec(page) ?? [];
  const links = [...main.matchAll(/<a class="button[^>]*>([^<]*)</g)].map(([, label]) => label);
  const forms = [...main.matchAll(/<form\b.*?<\/form>/gs)].map(([form]) => {
    const lines: string[] = [];
    for (const [, tag, attributes = '', text = ''] of form.matchAll(/<(\w+)([^>]*)>|<\/\w+>|([^<]+)/g)) {
      const isControl = tag === 'form' || CONTROLS.has(tag ?? '');
      if (isControl && !attributes.includes('name="csrf"')) lines.push(tag + attributes.replace(FOR_THE_EYE, ''));
      else if (text.trim() !== '') lines.push(`${lines.pop()} ${text.trim()}`);
    }
    return lines;
  });
  return [[`links ${links.join(' · ')}`], ...forms];
}

/** Lines in all languages, which have as many: once, if they are alike. */
const inAll = (texts: readonly (readonly string[])[]): string =>
  (texts.toSorted((one, other) => other.length - one.length)[0] ?? [])
    .map((_line, index) => [...new Set(texts.map((lines) => lines[index]))].join('\n    '))
    .join('\n');

/** The page of this path, by the pattern with the fewest names. */
const pagesByNames = PAGES.toSorted((one, other) => one.path.split(':').length - other.path.split(':').length);
const pageAt = (path: string) =>
  pagesByNames.find((page) => new RegExp(`^${page.path.replace(/:\w+/g, ANY)}$`).test(path));

/** The forms that an administrator is served, each where it is first met: those of the walk, of variants, and of what these link to. */
async function controls({ place, systemId }: FilledSite): Promise<string> {
  const { region, store } = place;
  const context = makeContext(region);
  const app = buildApp(context);
  const admin = (await store.accounts.findUser('admin')) ?? assert.fail('no administrator');
  const cookie = `${cookieName(undefined)}=${await context.sessions.open(admin)}`;
  const found = new Set<string>();
  const lines: string[] = [];
  const links = new Set<string>();
  const left = new Set(PAGES);
  const visit = async (path: string, name = ''): Promise<void> => {
    const pages: (readonly (readonly string[])[])[] = [];
    for (const { tags } of LANGUAGES) {
      const headers = { host: 'rack.example', accept: 'text/html', cookie: `${cookie}; rackboot-language=${tags[0]}` };
      const { statusCode, body } = await app.inject({ url: path, headers });
      assert.equal(statusCode, 200, path);
      for (const [, link = ''] of body.matchAll(/ href="([^"?#]+)"/g)) links.add(link);
      pages.push(formsIn(body));
    }
    const page = pageAt(path.replace(/\?.*/, ''));
    if (page !== undefined) left.delete(page);
    for (const index of (pages[0] ?? []).keys()) {
      const form = inAll(pages.map((forms) => forms[index] ?? []));
      assert.ok(!form.includes('undefined'), form);
      if (!found.has(form)) lines.push(`\n${path} ${name}\n${form}`);
      found.add(form);
    }
  };
  for await (const { path, name } of walkPages({ region, systemId })) await visit(path, name);
  for (const { name } of POWER_DRIVERS) await visit(`/MAAS/machines/${systemId}/power/?driver=${name}`);
  for (const { name } of offeredActions(ADMIN, false)) await visit(`${MANY_PATH}?which=all&action=${name}&query=`);
  for (const link of links) {
    const page = pageAt(link);
    if (page !== undefined && left.has(page)) await visit(link);
  }
  await app.close();
  assert.deepEqual(
    [...left].map(({ path }) => path),
    [LINKED_NOWHERE.path],
  );
  return `${lines.join('\n')}\n`;
}

/** It has a run, which is not begun here, and no form. */
const LINKED_NOWHERE = pageAt(`${MANY_PATH}1/`) ?? assert.fail('no page of runs');

const COMMANDS = [
  ...['accept', 'commission', 'deploy', 'release', 'abort', 'mark_broken', 'mark_fixed', 'mark_missing', 'rescue_mode'],
  ...['exit_rescue_mode', 'retire', 'reinstate', 'override_failed_testing', 'test', 'lock', 'unlock', 'debug_login'],
  ...['power_on', 'power_off', 'power_cycle'],
];
const SYSTEM = { osystem: IMAGE.os, distro_series: IMAGE.release };

/** What a machine in each state answers to each command. */
async function stateAnswers(site: FilledSite): Promise<string> {
  const path = `2.0/machines/${site.systemId}/?op=`;
  const lines: string[] = [];
  for (const { status, name } of STATUSES) {
    lines.push(name);
    await site.place.store.changeMachine<never>(site.systemId, 1, () => ({
      kind: 'change',
      fields: { status, owner: undefined },
      events: [],
    }));
    const requests: readonly Request[] = [
      ['admin', 'POST', '2.0/machines/?op=allocate', { system_id: site.systemId }],
      ...COMMANDS.map((op): Request => ['admin', 'POST', path + op, op === 'deploy' ? SYSTEM : {}]),
    ];
    const groups = new Map<string, string[]>();
    for (const request of requests) {
      const op = request[2].replace(/.*=/, '');
      const [answer = '', possible] = (await tried(site, new Map(), { name: op, requests: [request] })).split(
        ' Possible: ',
      );
      const group = possible === undefined ? answer.replace(/^done.*/, 'done') : `possible: ${possible}`;
      groups.set(group, [...(groups.get(group) ?? []), possible === undefined ? op : `${op}: ${answer}`]);
    }
    for (const [group, answers] of groups) lines.push(`  ${group}`, ...answers.map((answer) => `    ${answer}`));
  }
  return `${lines.join('\n')}\n`;
}

/** Everything, by name of its file. */
export async function takeFilledRegion(): Promise<ReadonlyMap<string, string>> {
  const found = new Map<string, string>();
  // The store's own, which names the history of its events.
  const time = mock.method(systemClock, 'wallTimeMs', () => 1_700_000_000_000);
  await withFilledRegion(async (site) => {
    const ids = await idsIn(site);
    const add = (name: string, text: string) => found.set(name, withNames(text, ids));
    for (const version of API_VERSIONS) add(`api-${version}-answers.json`, await answersOf(site, version, ids));
    add('forms.txt', await controls(site));
    add('states.txt', await stateAnswers(site));
  });
  time.mock.restore();
  return found;
}
