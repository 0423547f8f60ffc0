// The API as its clients see it, through Fastify's own injection: no port, virtual time.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createApiKey, KEYS_PER_USER_MAX } from '../../../src/region/accounts/accounts.ts';
import { buildApp, makeContext } from '../../../src/region/http/server.ts';
import { assertStatus } from '../../support/answered.ts';
import { changeStatus } from '../../support/change-status.ts';
import { authorizationOf } from '../../support/oauth.ts';
import { addAdmin } from '../accounts/administrator.ts';
import { CONTROL_SECRET, makeRegion, type RegionPlace, report, SECRET } from '../place.ts';

const MANAGED = '10.20.0.50';
const ELSEWHERE = '192.0.2.7';

interface Asked {
  readonly method?: 'GET' | 'POST' | 'PUT' | 'DELETE' | 'PATCH' | 'OPTIONS' | 'HEAD';
  readonly url: string;
  readonly body?: string | Buffer;
  readonly type?: string;
  readonly from?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

interface Answered {
  readonly status: number;
  readonly text: string;
  readonly headers: Readonly<Record<string, unknown>>;
  json(): unknown;
}

class Client {
  readonly place: RegionPlace;
  readonly #app;
  constructor(place: RegionPlace) {
    this.place = place;
    this.#app = buildApp(makeContext(place.region));
  }

  async ask({ method = 'GET', url, body, type, from = MANAGED, headers = {} }: Asked): Promise<Answered> {
    const answer = await this.#app.inject({
      method,
      url,
      remoteAddress: from,
      headers: { ...(type === undefined ? {} : { 'content-type': type }), ...headers },
      ...(body === undefined ? {} : { payload: body }),
    });
    return { status: answer.statusCode, text: answer.body, headers: answer.headers, json: () => answer.json() };
  }

  form(url: string, fields: Readonly<Record<string, string>>, more: Partial<Asked> = {}): Promise<Answered> {
    const body = new URLSearchParams(fields).toString();
    return this.ask({ method: 'POST', url, body, type: 'application/x-www-form-urlencoded', ...more });
  }
}

async function withApi(
  work: (client: Client, admin: Readonly<Record<string, string>>) => Promise<void>,
  overrides: Parameters<typeof makeRegion>[0] = {},
) {
  const place = await makeRegion(overrides);
  try {
    await addAdmin(place.store, place.clock, {
      username: 'admin',
      email: 'admin@example.org',
      password: 'long enough',
    });
    await work(new Client(place), keyHeader(await createApiKey(place.store, place.clock, 'admin')));
  } finally {
    await place.remove();
  }
}

const keyHeader = (key: string): Readonly<Record<string, string>> => ({ authorization: authorizationOf(key) });

const MACHINE = {
  architecture: 'amd64',
  subarchitecture: 'generic',
  mac_addresses: '52:54:00:00:00:01,52:54:00:00:00:02',
};

test('a machine enlists as our agent does, and is listed with every key that strict clients demand', () =>
  withApi(async (client, admin) => {
    const facts = {
      version: 1,
      boot_mac: '52:54:00:00:00:01',
      nics: [{ name: 'eth0', mac: '52:54:00:00:00:01', driver: 'e1000', carrier: true, operstate: 'up', speed: 1000 }],
      cpu: { count: 4, model: 'A CPU' },
      memory_mib: 2048,
      disks: [{ name: 'sda', bytes: 1e12, model: 'M', serial: 'S', rotational: false }],
      dmi: { vendor: 'QEMU', serial: 'SN100' },
      uefi: true,
    };
    const fields = { ...MACHINE, power_type: '', hardware_facts: JSON.stringify(facts) };
    const made = await assertStatus(client.form('/MAAS/api/2.0/machines/', fields), 200);
    const keys = ['system_id', 'hostname', 'fqdn', 'status', 'status_name', 'architecture', 'resource_uri'];
    assert.deepEqual(Object.keys(Object(made.json())), keys);
    const listed = await client.ask({ url: '/MAAS/api/2.0/machines/', headers: admin });
    const [machine] = JSON.parse(listed.text);
    const expected: Readonly<Record<string, string>> = {
      string:
        'resource_uri system_id hostname fqdn osystem distro_series architecture power_state status_name status_message status_message_code',
      number: 'memory cpu_count status storage',
      object:
        'tag_names owner_data hardware_info ip_addresses boot_interface interface_set zone pool physicalblockdevice_set blockdevice_set',
    };
    for (const [kind, names] of Object.entries(expected)) {
      for (const name of names.split(' ')) assert.equal(typeof machine[name], kind, name);
    }
    assert.equal(machine.memory, 2048);
    assert.equal(machine.cpu_count, 4);
    assert.equal(machine.bios_boot_method, 'uefi');
    assert.equal(machine.physicalblockdevice_set[0].size, 1e12);
    assert.equal(machine.boot_interface.mac_address, '52:54:00:00:00:01');
    const nicKeys = 'id name type enabled tags vlan links mac_address effective_mtu parents children resource_uri';
    for (const name of nicKeys.split(' ')) assert.ok(name in machine.interface_set[1], name);
    assert.equal(JSON.stringify(machine).includes('power_parameters'), false);
  }));

test('a node enlists as MAAS 1.x did: op in the body, base64 parts, repeated addresses; its status is folded', () =>
  withApi(async (client, admin) => {
    const part = (name: string, value: string) =>
      `--b\r\nContent-Disposition: form-data; name="${name}"\r\nContent-Transfer-Encoding: base64\r\n\r\n` +
      `${Buffer.from(value).toString('base64')}\r\n`;
    const fields: [string, string][] = [
      ['op', 'new'],
      ['autodetect_nodegroup', '1'],
      ['hostname', 'node7.example.com'],
      ['architecture', 'amd64/generic'],
      ['power_type', 'ipmi'],
      ['power_parameters', '{"power_address":"10.20.0.9","power_pass":"geheim"}'],
      ['mac_addresses', '52-54-00-00-00-09'],
      ['mac_addresses', '52:54:00:00:00:0A'],
    ];
    const body = `${fields.map(([name, value]) => part(name, value)).join('')}--b--\r\n`;
    const made = await assertStatus(
      client.ask({
        method: 'POST',
        url: '/MAAS/api/1.0/nodes/',
        body,
        type: 'multipart/form-data; boundary=b',
      }),
      200,
    );
    const { system_id: id } = JSON.parse(made.text);
    await changeStatus(client.place.region, id, 'ready', { username: 'x' });
    await changeStatus(client.place.region, id, 'allocated', { username: 'x' });
    const [node] = JSON.parse((await client.ask({ url: '/MAAS/api/1.0/nodes/?op=list', headers: admin })).text);
    assert.equal(node.hostname, 'node7.maas');
    assert.equal(node.status, 6);
    assert.equal(node.substatus, 10);
    assert.deepEqual(
      node.macaddress_set.map((entry: { mac_address: string }) => entry.mac_address),
      ['52:54:00:00:00:09', '52:54:00:00:00:0a'],
    );
    const power = await client.ask({ url: `/MAAS/api/2.0/machines/${id}/?op=power_parameters`, headers: admin });
    assert.deepEqual(power.json(), { power_address: '10.20.0.9', power_pass: 'geheim' });
    const events = await client.place.store.listEvents({ limit: 100 });
    assert.equal(JSON.stringify(events).includes('geheim'), false);
  }));

test('is_registered accepts all addresses of a machine', () =>
  withApi(async (client) => {
    await client.form('/MAAS/api/2.0/machines/', MACHINE);
    const cases: [string, string][] = [
      ['mac_address=52:54:00:00:00:02', 'true'],
      ['mac_address=52:54:00:00:00:07,52:54:00:00:00:02', 'true'],
      ['mac_address=52%3a54%3a00%3a00%3a00%3a07', 'false'],
    ];
    for (const [query, expected] of cases) {
      for (const path of ['2.0/machines', '1.0/nodes']) {
        const answer = await client.ask({ url: `/MAAS/api/${path}/?op=is_registered&${query}` });
        assert.equal(answer.text, expected, query);
      }
    }
    await assertStatus(client.ask({ url: '/MAAS/api/2.0/machines/?op=is_registered&mac_address=x' }), 400);
  }));

const REFUSED: readonly (readonly [string, Asked, number, string])[] = [
  ['an unknown version', { url: '/MAAS/api/3.0/machines/' }, 410, 'unknown-version'],
  ['an unknown path', { url: '/MAAS/api/2.0/nonsense/' }, 404, 'not-found'],
  ['a path outside', { url: '/elsewhere' }, 404, 'not-found'],
  ['a list without a key', { url: '/MAAS/api/2.0/machines/' }, 401, 'not-authenticated'],
  ['a machine without a key', { url: '/MAAS/api/2.0/machines/abcdef/' }, 401, 'not-authenticated'],
  ['a wrong key', { url: '/MAAS/api/2.0/version/', headers: keyHeader('a:b:c') }, 401, 'not-authenticated'],
  [
    'an unknown scheme',
    { url: '/MAAS/api/2.0/version/', headers: { authorization: 'Bearer x' } },
    401,
    'not-authenticated',
  ],
  ['an unknown op', { url: '/MAAS/api/2.0/machines/?op=explode' }, 400, 'unknown-operation'],
  ['a method without operation', { method: 'DELETE', url: '/MAAS/api/2.0/machines/' }, 405, 'method-not-allowed'],
  ['PATCH', { method: 'PATCH', url: '/MAAS/api/2.0/machines/' }, 405, 'method-not-allowed'],
  ['OPTIONS', { method: 'OPTIONS', url: '/MAAS/api/2.0/machines/' }, 405, 'method-not-allowed'],
  ['PATCH instead of PUT', { method: 'PATCH', url: '/MAAS/api/2.0/machines/abcdef/' }, 405, 'method-not-allowed'],
  ['a target that cannot be decoded', { url: '/MAAS/api/2.0/machines/%zz/' }, 400, 'bad-request'],
  ['a foreign network', { method: 'POST', url: '/MAAS/api/2.0/machines/', from: ELSEWHERE }, 403, 'not-from-here'],
  ['loopback', { method: 'POST', url: '/MAAS/api/2.0/machines/', from: '127.0.0.1' }, 403, 'not-from-here'],
  ['the jobs of the agent elsewhere', { url: '/MAAS/rackboot/job.sh', from: ELSEWHERE }, 403, 'not-from-here'],
  ['the agent elsewhere', { url: '/MAAS/rackboot/agent.sh', from: ELSEWHERE }, 403, 'not-from-here'],
  [
    'a forwarded address without the secret',
    { method: 'POST', url: '/MAAS/api/2.0/machines/', from: ELSEWHERE, headers: { 'x-forwarded-for': MANAGED } },
    403,
    'not-from-here',
  ],
  [
    'a forwarded address with a wrong secret',
    {
      method: 'POST',
      url: '/MAAS/api/2.0/machines/',
      from: ELSEWHERE,
      headers: { 'x-forwarded-for': MANAGED, 'x-rackboot-rack': 'wrong' },
    },
    403,
    'not-from-here',
  ],
  [
    'a body of an unknown type',
    { method: 'POST', url: '/MAAS/api/2.0/machines/', body: '<x/>', type: 'text/xml' },
    415,
    'unknown-body',
  ],
  [
    'a body beyond the bound',
    {
      method: 'POST',
      url: '/MAAS/api/2.0/machines/',
      body: 'x'.repeat(3_000_000),
      type: 'application/x-www-form-urlencoded',
    },
    413,
    'body-too-large',
  ],
  [
    'JSON that nests too deep',
    { method: 'POST', url: '/MAAS/api/2.0/machines/', body: '['.repeat(100_000), type: 'application/json' },
    400,
    'bad-request',
  ],
];

for (const [name, asked, status, refusal] of REFUSED) {
  test(`${name} is refused as ${refusal}`, () =>
    withApi(async (client) => {
      const answer = await client.ask(asked);
      assert.equal(answer.status, status, answer.text);
      assert.equal(answer.headers['x-rackboot-refusal'], refusal);
      assert.match(String(answer.headers['content-type']), /^text\/plain/);
      assert.ok(answer.text.length > 5);
    }));
}

const BAD_FIELDS: readonly (readonly [string, Readonly<Record<string, string>>])[] = [
  ['architecture', { mac_addresses: '52:54:00:00:00:01' }],
  ['architecture', { ...MACHINE, architecture: 'amd64/generic', subarchitecture: 'hwe' }],
  ['architecture', { ...MACHINE, architecture: '../../etc' }],
  ['architecture', { ...MACHINE, architecture: 'amd64/..' }],
  ['architecture', { ...MACHINE, architecture: 'amd64\u0000' }],
  ['mac_addresses', { architecture: 'amd64' }],
  ['mac_addresses', { ...MACHINE, mac_addresses: 'zz' }],
  ['mac_addresses', { ...MACHINE, mac_addresses: '00:00:00:00:00:00,ff:ff:ff:ff:ff:ff' }],
  ['mac_addresses', { ...MACHINE, mac_addresses: Array(65).fill('52:54:00:00:00:01').join(',') }],
  ['power_type', { ...MACHINE, power_type: 'x;y' }],
  ['power_parameters', { ...MACHINE, power_parameters: '[1]' }],
  ['hardware_facts', { ...MACHINE, hardware_facts: '{' }],
  ['hardware_facts', { ...MACHINE, hardware_facts: '{"disks":[{"bytes":-1}]}' }],
];

for (const [field, fields] of BAD_FIELDS) {
  test(`an enlistment is refused for its ${field}: ${JSON.stringify(fields[field] ?? null).slice(0, 40)}`, () =>
    withApi(async (client) => {
      const answer = await assertStatus(client.form('/MAAS/api/2.0/machines/', fields), 400);
      assert.deepEqual(Object.keys(Object(answer.json())), [field]);
      assert.equal(await client.place.store.countMachines({}), 0);
    }));
}

test('a rack passes a machine on with its secret', () =>
  withApi(async (client) => {
    const headers = { 'x-forwarded-for': MANAGED, 'x-rackboot-rack': SECRET };
    await assertStatus(client.form('/MAAS/api/2.0/machines/', MACHINE, { from: '127.0.0.1', headers }), 200);
    const agent = await assertStatus(client.ask({ url: '/MAAS//rackboot/agent.sh', from: '127.0.0.1', headers }), 200);
    assert.match(agent.text, /^#!\/bin\/sh/);
    const job = await client.ask({ url: '/MAAS/rackboot/job.sh', from: '127.0.0.1', headers });
    assert.match(job.text, /# end of job\n$/);
  }));

for (const [name, secret, isAtSocket, config, status] of [
  ['the control secret at the operator’s listener makes a local administrator', CONTROL_SECRET, true, {}, 200],
  ['the control secret gives no right at any other listener', CONTROL_SECRET, false, {}, 401],
  ['the rack’s secret gives no right at the operator’s listener', SECRET, true, {}, 401],
  ['an empty control secret gives no right', '', true, { controlSecret: '' }, 401],
] as const) {
  test(name, () =>
    withApi(async ({ place }) => {
      const app = buildApp(makeContext(place.region), isAtSocket ? { of: 'operators' } : {});
      const headers = { 'x-rackboot-control': secret };
      const answer = await app.inject({ url: '/MAAS/api/2.0/users/?op=whoami', remoteAddress: '127.0.0.1', headers });
      await app.close();
      assert.equal(answer.statusCode, status, answer.body);
      if (status === 200) assert.equal(answer.json().is_superuser, true);
    }, config),
  );
}

test('redundant and missing slashes are tolerated; every form of the version request is answered', () =>
  withApi(async (client, admin) => {
    for (const url of ['/MAAS/api/2.0/machines', '/MAAS/api/2.0/machines/', '//MAAS//api//2.0//machines//']) {
      assert.equal((await client.ask({ url, headers: admin })).text, '[]', url);
    }
    assert.equal((await client.ask({ url: '/MAAS/api/version/', from: ELSEWHERE })).text, '2.0');
    for (const version of ['1.0', '2.0']) {
      const version20 = JSON.parse((await client.ask({ url: `/MAAS/api/${version}/version/`, from: ELSEWHERE })).text);
      assert.deepEqual(Object.keys(version20), ['version', 'subversion', 'capabilities']);
    }
    assert.equal((await client.ask({ url: '/' })).headers.location, '/MAAS/');
    await assertStatus(client.ask({ method: 'HEAD', url: '/MAAS/api/2.0/version/' }), 200);
  }));

test('a long list is streamed whole and in order, a filter narrows it', () =>
  withApi(
    async (client, admin) => {
      const count = 251;
      for (let index = 0; index < count; index += 1) {
        await client.place.region.enlist(report([0x525400000000 + index], { hostname: `m${index}` }));
      }
      const answer = await client.ask({ url: '/MAAS/api/2.0/machines/', headers: admin });
      const names = JSON.parse(answer.text).map((machine: { hostname: string }) => machine.hostname);
      assert.deepEqual(
        names,
        Array.from({ length: count }, (_, index) => `m${index}`),
      );
      const filters: [string, number][] = [
        ['hostname=m3&hostname=m5', 2],
        ['mac_address=52:54:00:00:00:03', 1],
        ['status=ready', 0],
        ['status=New&hostname=m3', 1],
        ['id=nobody', 0],
      ];
      for (const [query, length] of filters) {
        const found = await client.ask({ url: `/MAAS/api/2.0/machines/?${query}`, headers: admin });
        assert.equal(JSON.parse(found.text).length, length, query);
      }
      const odd = await assertStatus(client.ask({ url: '/MAAS/api/2.0/machines/?status=odd', headers: admin }), 400);
      assert.match(odd.text, /'odd' is not a state\. .*problem, work, new, commissioning, .*, failed-testing/);
      // A part of a long list in which nothing matches is left out.
      for (const [query, found] of [
        ['q=m24', ['m24', ...Array.from({ length: 10 }, (_, index) => `m${240 + index}`)]],
        ['q=M249', ['m249']],
        ['q=m9999', []],
        ['status=problem', []],
        ['owner=nobody', []],
        ['q=52:54:00:00:00:07&status=new', ['m7']],
      ] as const) {
        const { text } = await client.ask({ url: `/MAAS/api/2.0/machines/?${query}`, headers: admin });
        const hostnames = JSON.parse(text).map((machine: { hostname: string }) => machine.hostname);
        assert.deepEqual(hostnames, found, query);
      }
    },
    { newMachinesMax: 1000 },
  ));

test('an administrator changes, moves and deletes a machine; a machine with its key does not', () =>
  withApi(async (client, admin) => {
    const { system_id: id } = JSON.parse((await client.form('/MAAS/api/2.0/machines/', MACHINE)).text);
    const url = `/MAAS/api/2.0/machines/${id}/`;
    const edit = { hostname: 'db1', power_type: 'manual', description: 'the\none' };
    const edited = JSON.parse((await client.form(url, edit, { method: 'PUT', headers: admin })).text);
    assert.equal(edited.fqdn, 'db1.maas');
    assert.equal(edited.description, 'the\none');
    const { text: log } = await client.ask({
      url: `/MAAS/api/2.0/events/?op=query&id=${id}&level=AUDIT`,
      headers: admin,
    });
    const [logged] = JSON.parse(log).events;
    assert.deepEqual([logged.type, logged.level], ['Node', 'AUDIT'], 'an edit is not an event of the machine');
    const moved = await client.form(`${url}?op=commission`, { comment: 'go' }, { headers: admin });
    assert.equal(JSON.parse(moved.text).status_name, 'Commissioning');
    const refused = await assertStatus(client.form(`${url}?op=commission`, {}, { headers: admin }), 409);
    assert.match(refused.text, /is in the state Commissioning: commission is not possible/);
    await assertStatus(client.form(url, { hostname: '10-0-0-1' }, { method: 'PUT', headers: admin }), 400);
    const key = { consumerKey: 'c', name: '', systemId: id, createdMs: 0, usedMs: 0 };
    const digest = '2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b';
    await client.place.store.accounts.addKey({ ...key, tokenKey: 't', secretDigest: digest }, 1);
    const machine = keyHeader('c:t:secret');
    await assertStatus(client.ask({ url, headers: machine }), 200);
    await assertStatus(client.ask({ url: '/MAAS/api/2.0/machines/zzzzzz/', headers: machine }), 404);
    await assertStatus(client.ask({ url: '/MAAS/api/2.0/machines/', headers: machine }), 403);
    await assertStatus(client.ask({ method: 'DELETE', url, headers: machine }), 403);
    await assertStatus(client.ask({ method: 'DELETE', url, headers: admin }), 204, 'its commissioning ends');
    await assertStatus(client.ask({ url, headers: admin }), 404);
    await assertStatus(client.ask({ url, headers: machine }), 401);
  }));

test('the event log is read in pages that link to each other', () =>
  withApi(async (client, admin) => {
    for (let index = 0; index < 5; index += 1) await client.place.region.enlist(report([0x525400000000 + index]));
    const page = async (url: string) => JSON.parse((await client.ask({ url, headers: admin })).text);
    const first = await page('/MAAS/api/2.0/events/?op=query&limit=2');
    assert.deepEqual(Object.keys(first.events[0]), [
      'username',
      'node',
      'hostname',
      'id',
      'level',
      'created',
      'type',
      'description',
      // Rackboot's own fields, besides those that MAAS's clients know.
      'kind',
      'rack',
      'time',
      'code',
      'params',
    ]);
    assert.deepEqual([first.events[0].code, first.events[0].params], ['enlisted', { isUnvouched: false, leftOut: [] }]);
    assert.equal(first.events[0].created, 'Tue, 14 Nov. 2023 22:13:20');
    const older = await page(first.prev_uri);
    assert.equal(older.count, 2);
    assert.equal(older.events[0].id, first.events[1].id - 1);
    const newer = await page(older.next_uri);
    assert.deepEqual(newer.events, first.events);
    const { hostname } = first.events[0];
    assert.equal((await page(`/MAAS/api/2.0/events/?op=query&hostname=${hostname}`)).count, 1);
    for (const query of ['limit=1001', 'level=LOUD', 'after=x', 'after=1&before=2', 'limit=-1']) {
      await assertStatus(client.ask({ url: `/MAAS/api/2.0/events/?op=query&${query}`, headers: admin }), 400, query);
    }
  }));

test('a user creates, lists and deletes keys; the secret is never shown again', () =>
  withApi(async (client, admin) => {
    const url = '/MAAS/api/2.0/account/';
    const made = JSON.parse(
      (await client.form(`${url}?op=create_authorisation_token`, { name: 'ci' }, { headers: admin })).text,
    );
    const fresh = keyHeader(`${made.consumer_key}:${made.token_key}:${made.token_secret}`);
    const whoami = JSON.parse((await client.ask({ url: '/MAAS/api/1.0/users/?op=whoami', headers: fresh })).text);
    assert.equal(whoami.username, 'admin');
    const listed = await client.ask({ url: `${url}?op=list_authorisation_tokens`, headers: admin });
    assert.equal(JSON.parse(listed.text).length, 2);
    assert.equal(listed.text.includes(made.token_secret), false);
    const remove = { token_key: made.token_key };
    await assertStatus(client.form(`${url}?op=delete_authorisation_token`, remove, { headers: admin }), 204);
    await assertStatus(client.ask({ url: '/MAAS/api/2.0/users/?op=whoami', headers: fresh }), 401);
  }));

test('a key beyond the bound of a user is refused with the command that deletes another, and every other key still works', () =>
  withApi(async (client, admin) => {
    const { store, clock } = client.place;
    for (let count = (await store.accounts.listKeys('admin')).length; count < KEYS_PER_USER_MAX; count += 1)
      await createApiKey(store, clock, 'admin');
    const url = '/MAAS/api/2.0/account/?op=create_authorisation_token';
    const refused = await client.form(url, { name: 'one more' }, { headers: admin });
    assert.deepEqual([refused.status, refused.headers['x-rackboot-refusal']], [403, 'api-keys-limit']);
    const [, named = ''] =
      /op=delete_authorisation_token.*rackboot apikey --username admin --remove (\w+)/.exec(refused.text) ?? [];
    assert.equal((await store.accounts.findKey(named))?.username, 'admin', refused.text);
    assert.equal((await store.accounts.listKeys('admin')).length, KEYS_PER_USER_MAX);
    await assertStatus(client.ask({ url: '/MAAS/api/2.0/users/?op=whoami', headers: admin }), 200);
  }));

test('callers without credentials are limited by address, and wrong credentials count as none', () =>
  withApi(async (client, admin) => {
    let status = 200;
    for (let count = 0; count < 40 && status !== 429; count += 1) {
      status = (await client.ask({ url: '/MAAS/api/2.0/version/', headers: keyHeader('a:b:c') })).status;
    }
    assert.equal(status, 429);
    await assertStatus(client.form('/MAAS/api/2.0/machines/', MACHINE), 429);
    await assertStatus(client.form('/MAAS/api/2.0/machines/', MACHINE, { from: '10.20.0.51' }), 200);
    await assertStatus(client.ask({ url: '/MAAS/api/2.0/machines/', headers: admin }), 200);
    const described: number[] = [];
    for (const headers of [{}, keyHeader('a:b:c'), admin]) {
      described.push((await client.ask({ url: '/MAAS/api/2.0/describe/', headers })).status);
    }
    assert.deepEqual(described, [429, 429, 200]);
    await client.place.clock.pass(2000);
    await assertStatus(client.form('/MAAS/api/2.0/machines/', MACHINE), 200);
  }));

test('the description has what the maas command line reads, and its hash is sent with every answer', () =>
  withApi(async (client) => {
    for (const version of ['1.0', '2.0']) {
      const url = `/MAAS/api/${version}/describe/`;
      const answer = await client.ask({ url, headers: { host: 'rack:5240' } });
      await assertStatus(client.ask({ url, headers: keyHeader('a:b:c') }), 200, 'a wrong key is as none');
      assert.equal(answer.headers['content-type'], 'application/json');
      const description = JSON.parse(answer.text);
      assert.deepEqual(Object.keys(description).sort(), ['doc', 'handlers', 'hash', 'resources']);
      const other = await client.ask({ url: `/MAAS/api/${version}/version/` });
      assert.equal(other.headers['x-maas-api-hash'], description.hash);
      const unknown = await client.ask({ url: `/MAAS/api/${version}/nowhere/` });
      assert.deepEqual([unknown.status, unknown.headers['x-maas-api-hash']], [404, description.hash]);
      for (const resource of description.resources) {
        const handlers = [resource.anon, resource.auth].filter((handler) => handler !== null);
        for (const handler of handlers) {
          assert.match(handler.name, /Handler$/);
          assert.ok(handler.uri.startsWith('http://rack:5240/MAAS/api/'));
          for (const name of handler.params) assert.ok(handler.path.includes(`{${name}}`));
          const names = handler.actions.map((action: { name: string }) => action.name);
          assert.equal(new Set(names).size, names.length, `${handler.name}: ${names}`);
        }
      }
    }
    const machines = JSON.parse((await client.ask({ url: '/MAAS/api/2.0/describe/' })).text).resources.find(
      (resource: { name: string }) => resource.name === 'MachinesHandler',
    );
    const create = machines.auth.actions.find((action: { name: string }) => action.name === 'create');
    assert.match(create.doc, /:param mac_addresses: /);
  }));

test('a failing handler gives an answer with an id, and the region continues', async () => {
  const place = await makeRegion();
  const problems: string[] = [];
  const broken = Object.assign(Object.create(Object.getPrototypeOf(place.region)), place.region);
  const store = new Proxy(place.store, {
    get(target, name) {
      if (name === 'countMachines') throw new TypeError('a bug');
      const value = Reflect.get(target, name);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
  const region = { store, clock: place.clock, config: () => place.config };
  const app = buildApp(makeContext({ ...broken, ...region }, { onProblem: (problem) => problems.push(problem.id) }));
  const url = '/MAAS/api/2.0/machines/?op=is_registered&mac_address=52:54:00:00:00:01';
  const answer = await app.inject({ url, remoteAddress: MANAGED });
  assert.equal(answer.statusCode, 500);
  assert.equal(problems.length, 1);
  assert.ok(answer.body.includes(problems[0] ?? '?'));
  assert.equal(answer.body.includes('a bug'), false);
  assert.equal((await app.inject({ url: '/MAAS/api/version/', remoteAddress: MANAGED })).statusCode, 200);
  await place.remove();
});
