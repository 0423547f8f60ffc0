// A 400 names every field that is wrong, whichever form the parameters have: a form, a multipart form with Base64, JSON, or the query.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Operation } from '../../../src/region/api/call/operation.ts';
import { OPERATIONS } from '../../../src/region/api/operations.ts';
import type { Answered, AskedApi } from '../asked-api.ts';
import { machine, titlesOf, withSite } from './sent/trial.ts';
import { unfitFields } from './unfit.ts';

/** Bytes of a file, and texts that are checked together. */
const TAKEN = ['file', 'content', 'dns_servers'];

const BOUNDARY = 'b-1';
/** The body of the maas command line: every part is in Base64. */
const multipart = (fields: Readonly<Record<string, string>>): string => {
  const parts = Object.entries(fields).map(([name, text]) =>
    [
      `--${BOUNDARY}`,
      `Content-Disposition: form-data; name="${name}"`,
      'MIME-Version: 1.0',
      'Content-Transfer-Encoding: base64',
      '',
      Buffer.from(text).toString('base64'),
    ].join('\r\n'),
  );
  return `${parts.join('\r\n')}\r\n--${BOUNDARY}--\r\n`;
};

/** One request in each form. */
function inEachForm(
  { send, ask }: AskedApi,
  operation: Operation,
  url: string,
  fields: Readonly<Record<string, string>>,
) {
  const { method } = operation;
  const search = new URLSearchParams(fields).toString();
  const inQuery = (): Promise<Answered> => ask(method, `${url}${url.includes('?') ? '&' : '?'}${search}`);
  if (method === 'GET' || method === 'DELETE') return [inQuery];
  const inBody = (body: string, type: string) => (): Promise<Answered> =>
    send(url, body, { 'content-type': type }, 'admin', method);
  return [
    inBody(search, 'application/x-www-form-urlencoded'),
    inBody(multipart(fields), `multipart/form-data; boundary=${BOUNDARY}`),
    inBody(JSON.stringify(fields), 'application/json'),
    ...(search.length < 8000 ? [inQuery] : []),
  ];
}

test('each operation names all its wrong parameters at once, in every form of a request', () =>
  withSite(async (site) => {
    const faults: string[] = [];
    for (const operation of OPERATIONS.filter(({ op }) => op !== 'follow')) {
      const fields = unfitFields(operation);
      const names = Object.keys(fields).toSorted();
      const left = Object.keys(operation.parameters).filter((name) => !names.includes(name) && !TAKEN.includes(name));
      if (left.length > 0) faults.push(`${titlesOf(operation)[0]}: no text is unfit for ${left}`);
      if (names.length === 0) continue;
      const op = operation.op === undefined ? '' : `?op=${operation.op}`;
      const url = `${operation.versions[0]}/${operation.path.replace(/\{\w+\}/g, 'absent-1')}/${op}`;
      const bodies = new Set<string>();
      const right = Object.keys(operation.parameters).filter((name) => name === 'file');
      const sent = { ...Object.fromEntries(right.map((name) => [name, 'x'])), ...fields };
      for (const request of inEachForm(site, operation, url, sent)) {
        const answer = await request();
        bodies.add(answer.text);
        if (answer.text.includes('"Invalid input"'))
          faults.push(`${titlesOf(operation)[0]}: says neither what nor why`);
        const named = answer.status === 400 && answer.json !== undefined ? Object.keys(answer.json).toSorted() : [];
        if (named.join() !== names.join())
          faults.push(`${titlesOf(operation)[0]}: ${answer.status} names ${named} of ${names}`);
      }
      if (bodies.size > 1) faults.push(`${titlesOf(operation)[0]}: the forms of a request are answered differently`);
    }
    assert.deepEqual(faults, []);
  }));

const FACTS = '{"version":1,"cpu":7}';
/** Values of the right form that nothing fits, all of which the answer names. `{id}`: a machine; `{nic}`: its first interface. */
const SENSELESS: readonly (readonly [
  method: 'GET' | 'POST' | 'PUT',
  path: string,
  fields: Readonly<Record<string, string>>,
])[] = [
  [
    ...(['PUT', '2.0/machines/{id}/'] as const),
    { hostname: '-', architecture: 'a/b/c', kernel_params: 'a || b', zone: 'x', pool: 'y', power_parameters: '{' },
  ],
  [
    ...(['POST', '2.0/machines/'] as const),
    {
      architecture: 'a/b/c',
      mac_addresses: 'x',
      hostname: '-',
      domain: '-',
      power_parameters: '{',
      hardware_facts: FACTS,
      zone: 'x',
      pool: 'y',
    },
  ],
  ['GET', '2.0/machines/', { mac_address: 'x', zone: 'x', pool: 'y', status: 'z', rack: 'r' }],
  ['GET', '2.0/events/?op=query', { mac_address: 'x', zone: 'x', pool: 'y', level: 'z', limit: '9999' }],
  [
    ...(['POST', '2.0/machines/?op=allocate'] as const),
    {
      zone: 'x',
      pool: 'y',
      not_in_zone: 'x',
      not_in_pool: 'y',
      storage: 'z',
      interfaces: 'a:b',
      ip_address: 'c',
      tags: 'x',
      not_tags: 'y',
    },
  ],
  ['POST', '2.0/machines/{id}/?op=deploy', { distro_series: '-/-', user_data: '%', ip_address: 'x', disk: 'nvme9' }],
  [
    ...(['POST', '2.0/devices/'] as const),
    { hostname: '-', domain: 'x.y', parent: 'zzz', mac_addresses: 'x', zone: 'x', pool: 'y' },
  ],
  ['POST', '2.0/tags/', { name: 'a b', definition: '//node[', kernel_opts: 'a || b' }],
  [
    'POST',
    '2.0/scripts/',
    {
      name: 'fan',
      script: 'x',
      type: 'x',
      timeout: 'x',
      packages: '{"apt":["x"]}',
      may_reboot: 'true',
      tags: 'none',
      hardware_type: 'x',
      parallel: '3',
    },
  ],
  ['POST', '2.0/dnsresources/', { fqdn: 'www.elsewhere', ip_addresses: 'x' }],
  ['POST', '2.0/dnsresourcerecords/', { fqdn: 'www.elsewhere', rrtype: 'HINFO', rrdata: 'x' }],
  ['POST', '2.0/boot-sources/', { url: 'ftp://x', keyring_filename: 'relative' }],
  [
    ...(['POST', '2.0/subnets/'] as const),
    {
      cidr: 'x',
      vlan: '99',
      gateway_ip: 'x',
      dns_servers: 'x',
      rdns_mode: '0',
      allow_proxy: 'false',
      managed: 'false',
    },
  ],
  ['POST', '2.0/ipranges/', { type: 'reserved', start_ip: 'x', end_ip: 'y' }],
  ['POST', '2.0/static-routes/', { source: 'x', destination: 'y', gateway_ip: 'z' }],
  ['POST', '1.0/networks/', { name: 'far', ip: 'x', netmask: 'y', vlan_tag: 'z' }],
];
/** Right values among them, and what is only named with another wrong one. */
const RIGHT: ReadonlySet<string> = new Set(['type reserved', 'name far', 'name fan', 'rrdata x']);

test('values that nothing fits are all named, too, and nothing is changed', () =>
  withSite(async (site) => {
    const id = await machine(site, 'allocated', { owner: 'admin' });
    const before = (await site.ask('GET', '2.0/machines/')).text;
    for (const [method, path, fields] of SENSELESS) {
      const answer = await site.ask(method, path.replace('{id}', id), fields);
      const wanted = Object.entries(fields).flatMap(([name, text]) => (RIGHT.has(`${name} ${text}`) ? [] : [name]));
      assert.equal(answer.status, 400, `${path}: ${answer.text}`);
      assert.deepEqual(Object.keys(answer.json).toSorted(), wanted.toSorted(), `${method} ${path}`);
    }
    assert.equal((await site.ask('GET', '2.0/machines/')).text, before);
  }));

const LONG = 'x'.repeat(5000);
/** Requests in which the schema refuses some parameters, and others are wrong in what only the store knows. `{nic}`: an interface. */
const MIXED: typeof SENSELESS = [
  ['POST', '2.0/ipranges/', { type: 'x', start_ip: 'x', end_ip: 'y', subnet: 'z' }],
  ['POST', '2.0/ipranges/', { type: 'reserved', start_ip: '10.20.0.9', end_ip: '10.20.0.8', subnet: 'z' }],
  ['POST', '2.0/static-routes/', { source: 'x', destination: 'y', gateway_ip: 'z', metric: 'w' }],
  [
    ...(['POST', '2.0/subnets/'] as const),
    {
      cidr: 'x',
      name: 'a b',
      vlan: '99',
      gateway_ip: 'x',
      dns_servers: 'x',
      rdns_mode: '0',
      allow_proxy: 'maybe',
      managed: 'false',
      allow_dns: 'maybe',
    },
  ],
  ['POST', '1.0/networks/', { name: 'a b', ip: 'x', netmask: 'y', vlan_tag: 'z', default_gateway: 'w' }],
  [
    ...(['POST', '2.0/machines/?op=allocate'] as const),
    {
      cpu_count: 'x',
      mem: 'y',
      storage: 'z',
      zone: 'x',
      pool: 'y',
      ip_address: 'c',
      pod: 'p',
      dry_run: 'maybe',
      interfaces: 'a:b',
      subnets: 'nowhere',
    },
  ],
  [
    ...(['POST', '2.0/nodes/{id}/interfaces/?op=create_bond'] as const),
    { name: '-', mac_address: 'x', parents: '999', vlan: '99', mtu: 'x', bond_mode: 'y' },
  ],
  [
    ...(['POST', '2.0/nodes/{id}/interfaces/{nic}/?op=link_subnet'] as const),
    { mode: 'x', subnet: '99', ip_address: 'y', force: 'maybe' },
  ],
  [
    ...(['POST', '2.0/devices/'] as const),
    { hostname: '-', domain: 'x.y', parent: 'zzz', mac_addresses: 'x', zone: 'x', description: LONG },
  ],
  ['PUT', '2.0/machines/{id}/', { hostname: '-', kernel_params: 'a || b', zone: 'x', description: LONG }],
  ['POST', '2.0/zones/', { name: '-', description: LONG }],
  ['POST', '2.0/tags/', { name: 'a b', definition: '//node[', kernel_opts: 'a || b', comment: LONG }],
  ['POST', '2.0/dnsresources/', { fqdn: 'www.elsewhere', ip_addresses: 'x', address_ttl: 'y' }],
  ['POST', '2.0/dnsresourcerecords/', { fqdn: 'www.elsewhere', rrtype: LONG, rrdata: '', ttl: 'x' }],
  ['GET', '2.0/events/?op=query', { mac_address: 'x', zone: 'x', level: 'z', limit: '9999', before: 'x' }],
];

test('parameters that the store refuses are named together with those that the schema refuses, each once', () =>
  withSite(async (site) => {
    const id = await machine(site, 'allocated', { owner: 'admin' });
    const [{ id: nic }] = (await site.ask('GET', `2.0/nodes/${id}/interfaces/`)).json;
    for (const [method, path, fields] of MIXED) {
      const answer = await site.ask(method, path.replace('{id}', id).replace('{nic}', nic), fields);
      const wanted = Object.entries(fields).flatMap(([name, text]) => (RIGHT.has(`${name} ${text}`) ? [] : [name]));
      assert.equal(answer.status, 400, `${path}: ${answer.text}`);
      const right = path.includes('ipranges') && fields.type === 'reserved' ? ['start_ip'] : [];
      const named = wanted.filter((name) => !right.includes(name)).toSorted();
      assert.deepEqual(Object.keys(answer.json).toSorted(), named, `${method} ${path}`);
      for (const words of Object.values<readonly string[]>(answer.json))
        assert.equal(new Set(words).size, words.length, `${path}: ${answer.text}`);
    }
  }));

test('each round of a trial has a turn of its own, so that others wait for one at most', () =>
  withSite(async (site) => {
    const { ask } = site;
    const { store } = site.place;
    let turn = 0;
    const count = (): void => {
      turn += 1;
      immediate = setImmediate(count);
    };
    let immediate = setImmediate(count);
    const turns: number[] = [];
    const transact = store.transact.bind(store);
    store.transact = (work) => {
      if (!store.isInTransaction()) turns.push(turn);
      return transact(work);
    };
    const id = await machine(site, 'ready');
    turns.length = 0;
    const wrong = { name: '0 bridge', parent: '99', mac_address: '01:00:00:00:00:00', vlan: '7777' };
    const answer = await ask('POST', `2.0/nodes/${id}/interfaces/?op=create_bridge`, wrong);
    clearImmediate(immediate);
    assert.deepEqual(Object.keys(answer.json).toSorted(), Object.keys(wrong).toSorted());
    assert.ok(turns.length >= 2, `${turns.length} transactions`);
    assert.equal(new Set(turns).size, turns.length, `in the turns ${turns.join()}`);
  }));

test('a faulty record is refused by the name of its parameter', () =>
  withSite(async ({ ask }) => {
    const mx = await ask('POST', '2.0/dnsresourcerecords/', { fqdn: 'www.maas', rrtype: 'MX', rrdata: 'x' });
    assert.deepEqual([mx.status, Object.keys(mx.json)], [400, ['rrdata']]);
    assert.doesNotMatch(mx.text, /dns\.records/);
  }));

test('system ids that nobody has are refused by the name of their parameter', () =>
  withSite(async (site) => {
    const known = await machine(site, 'new');
    for (const [method, path, field, more] of [
      ['POST', '2.0/machines/?op=release', 'machines', {}],
      ['POST', '2.0/machines/?op=accept', 'machines', {}],
      ['POST', '1.0/nodes/?op=release', 'nodes', {}],
      ['POST', '1.0/nodes/?op=accept', 'nodes', {}],
      ['POST', '2.0/machines/?op=set_zone', 'nodes', { zone: 'default' }],
      ['POST', '1.0/nodes/?op=set_zone', 'nodes', { zone: 'default' }],
      ['GET', '1.0/nodes/?op=deployment_status', 'nodes', {}],
      ['GET', '1.0/networks/', 'node', {}],
    ] as const) {
      const { status, json } = await site.ask(method, path, { [field]: [known, 'zzz', 'yyy'], ...more });
      assert.deepEqual([status, json], [400, { [field]: ['No machine has the system id zzz, yyy.'] }], path);
    }
  }));

test('404, 405, 409, 410, 412 and 413 are what the documents say', () =>
  withSite(async (site) => {
    const { ask, send } = site;
    const id = await machine(site, 'new');
    const codeOf = (answer: Answered): readonly unknown[] => [answer.status, answer.headers['x-rackboot-refusal']];
    assert.deepEqual(codeOf(await ask('GET', '2.0/machines/zzzzzz/')), [404, 'not-found']);
    assert.deepEqual(codeOf(await ask('GET', '2.0/nothing/')), [404, 'not-found']);
    assert.deepEqual(codeOf(await ask('DELETE', '2.0/version/')), [405, 'method-not-allowed']);
    assert.deepEqual(codeOf(await ask('POST', '2.0/machines/?op=allocate', {})), [409, 'nothing-matches']);
    assert.deepEqual(codeOf(await ask('POST', `2.0/machines/${id}/?op=release`)), [409, 'transition-not-allowed']);
    assert.deepEqual(codeOf(await ask('GET', '3.0/machines/')), [410, 'unknown-version']);
    const form = { 'content-type': 'application/x-www-form-urlencoded' };
    const large = await send('2.0/zones/', `name=${'x'.repeat(3 * 1024 * 1024)}`, form);
    assert.deepEqual(codeOf(large), [413, 'body-too-large']);
    const many = await send('2.0/zones/', Array.from({ length: 5000 }, (_, index) => `a${index}=1`).join('&'), form);
    assert.deepEqual(codeOf(many), [400, 'bad-request']);
    for (const type of ['text/csv', '', ' ', 'form']) {
      const unknown = await send('2.0/zones/', 'name=x', { 'content-type': type });
      assert.deepEqual(codeOf(unknown), [415, 'unknown-body'], type);
      assert.match(unknown.text, /^send parameters as application\/x-www-form-urlencoded, /, type);
    }
    const bodyless = await send(`2.0/machines/${id}/?op=lock`, '', { 'content-type': '' });
    assert.equal(bodyless.status, 200, bodyless.text);
  }));
