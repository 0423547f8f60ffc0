// `rackboot login` and `rackboot maas` against a running region: the command lines that people know from MAAS.
// @host waits

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { runMaas } from '../../../src/cli/clients/maas.ts';
import { writeProfile } from '../../../src/cli/clients/profiles.ts';
import { runCommandLine } from '../../../src/cli/command-line.ts';
import { systemClock } from '../../../src/ground/clock.ts';
import { createApiKey } from '../../../src/region/accounts/accounts.ts';
import { type LiveRegion, startRegion } from '../../region/live.ts';
import { makeAuthority } from '../../support/authority.ts';
import { portOf } from '../../support/listening-port.ts';
import { missing } from '../../support/needs.ts';
import { printedBy } from '../../support/printed.ts';

const MAIN = join(import.meta.dirname, '../../../bin/rackboot.js');
const RACK_UUID = 'b4ec5c4f-7801-4556-b701-bcfcede24019';
const home = mkdtempSync(join(tmpdir(), 'rackboot-maas-'));
process.env.XDG_CONFIG_HOME = home;

let live: LiveRegion;
let key: string;
before(async () => {
  live = await startRegion();
  key = await createApiKey(live.region.store, systemClock, 'admin');
  assert.equal((await run('login', 'root', `${live.origin}/MAAS/api/2.0/`, key)).result, 0);
});
after(async () => {
  await live.close();
  rmSync(home, { recursive: true });
});

const run = (...words: readonly string[]) => printedBy(() => runCommandLine(words));

/** The output of a command that ends well. */
async function said(...words: readonly string[]): Promise<string> {
  const { result, text, complaint } = await run(...words);
  assert.equal(result, 0, complaint);
  return text;
}

/** Runs a line of sh(1) in which `maas` is the command. */
function shell(line: string): Promise<string> {
  const script = `maas() { "${process.execPath}" "${MAIN}" maas "$@"; }\n${line}`;
  return new Promise((resolve, reject) => {
    execFile('sh', ['-c', script], { timeout: 60_000 }, (error, stdout, stderr) =>
      error === null ? resolve(stdout) : reject(new Error(stderr, { cause: error })),
    );
  });
}

/** Runs `work` with the port of a server. */
async function whileServing(server: Server, work: (port: number) => Promise<void>): Promise<void> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  try {
    await work(portOf(server));
  } finally {
    server.close();
  }
}

test('a login takes the key as argument, from a file and from standard input, and shows it nowhere', async () => {
  const file = join(home, 'api-key-file');
  writeFileSync(file, `${key}\n`);
  for (const words of [
    ['login', 'one', `${live.origin}/MAAS`, key],
    ['login', 'two', live.origin, file],
    ['maas', 'login', 'three', `${live.origin}/MAAS/api/1.0`, key],
    ['maas', 'login', 'four', `${live.origin}/MAAS/api/1.0/`, file],
  ]) {
    const text = await said(...words);
    assert.match(text, /http:\S+\/api\/[12]\.0\/ as admin; the profile is called /, words.join(' '));
    assert.ok(!text.includes(key.split(':')[2] ?? ''), text);
  }
  await shell(`maas login five ${live.origin}/MAAS - < ${file}; maas login six ${live.origin}/MAAS < ${file}`);
  assert.match(await shell(`"${process.execPath}" "${MAIN}" login seven ${live.origin}/MAAS - < ${file}`), /as admin/);
  const listed = await said('maas', 'list');
  for (const name of ['one', 'two', 'three', 'four', 'five', 'six', 'seven']) assert.match(listed, new RegExp(name));
  assert.match(listed, /three +http:\S+\/MAAS\/api\/1\.0\//);
  assert.ok(!listed.includes(key.split(':')[2] ?? ''), listed);
  const [, token = ''] = key.split(':');
  const gone = await said('logout', 'one');
  assert.ok(gone.includes(`apikey --username USER --remove ${token}\` removes it`), gone);
  await said('maas', 'logout', 'two');
  assert.doesNotMatch(await said('maas', 'list'), /^(one|two) /m);
});

test('a region that has only API 1.0 does not say whose key it is', async () => {
  const old = createServer((request, response) => {
    const isOld = request.url?.startsWith('/MAAS/api/1.0/nodegroups/') === true;
    response.writeHead(isOld ? 200 : 404, { 'Content-Type': isOld ? 'application/json' : 'text/plain' });
    response.end(isOld ? '[]' : 'Unknown API version: 2.0');
  });
  await whileServing(old, async (port) => {
    const text = await said('login', 'old', `http://127.0.0.1:${port}/MAAS/api/1.0/`, key);
    assert.match(text, /^You are logged in to http:\S+\/MAAS\/api\/1\.0\/; the profile is called old\.$/m);
    await said('logout', 'old');
  });
});

test('the name of a profile that does not exist is a wrong word for maas', async () => {
  for (const [words, code] of [
    [['maas', 'nobody', 'zones', 'read'], 2],
    [['maas', 'logout', 'nobody'], 2],
    [['logout', 'nobody'], 1],
  ] as const) {
    const { result, complaint } = await run(...words);
    assert.equal(result, code, complaint);
    assert.match(complaint, /there is no profile nobody/);
  }
});

test('a wrong key, a text that is not a key, and a server that is not a region leave no profile', async () => {
  for (const [url, given, code, why] of [
    [`${live.origin}/MAAS`, 'a:b:c', 2, /does not accept this API key/],
    [`${live.origin}/MAAS/api/1.0`, 'a:b:c', 2, /does not accept this API key/],
    [`${live.origin}/MAAS`, 'a:b:', 1, /there is no file a:b:/],
    ['http://127.0.0.1:9/MAAS', key, 1, /no region answers at http:\/\/127\.0\.0\.1:9\/MAAS/],
  ] as const) {
    const { result, complaint } = await run('login', 'wrong', url, given);
    assert.equal(result, code, complaint);
    assert.match(complaint, why);
  }
  assert.doesNotMatch(await said('maas', 'list'), /wrong/);
});

for (const status of [302, 401, 403, 503])
  test(`an answer ${status} that repeats the key is shown without it`, async () => {
    const server = createServer(({ headers }, response) =>
      response.writeHead(status, { 'Content-Type': 'text/plain' }).end(`${headers.authorization?.slice(-200)} ${key}`),
    );
    await whileServing(server, async (port) => {
      const url = `http://127.0.0.1:${port}/MAAS`;
      writeProfile('echo', { url, api: '2.0', key });
      for (const words of [
        ['login', 'new', url, key],
        ['maas', 'echo', 'machines', 'read'],
      ]) {
        const printed = await run(...words);
        assert.notEqual(printed.result, 0);
        for (const part of key.split(':')) assert.ok(!JSON.stringify(printed).includes(part), words.join(' '));
      }
    });
  });

for (const [title, fields, body, said] of [
  [
    'a region without its database',
    { 'X-Rackboot-Region': 'yes', 'Retry-After': '5', 'Content-Type': 'text/plain' },
    `the database does not answer \u001b[31m${'x'.repeat(2000)}\nmore`,
    /answers 503: the database does not answer \\x1b\[31mx{100,270}…; try again in 5 s$/m,
  ],
  [
    'a proxy in front of the region',
    { 'Retry-After': '7', 'Content-Type': 'text/plain' },
    'nobody is here',
    /answers 503: nobody is here: .*in 7 s$/m,
  ],
  [
    "a proxy's page",
    { 'Content-Type': 'text/html' },
    '<html>',
    /answers 503: no process of the region may be ready; try again$/m,
  ],
] as const)
  test(`an answer 503 of ${title} is shown with its text, and does not count as another server`, async () => {
    const server = createServer((_request, response) => response.writeHead(503, fields).end(body));
    await whileServing(server, async (port) => {
      const url = `http://127.0.0.1:${port}/MAAS`;
      writeProfile('away', { url, api: '2.0', key });
      for (const words of [
        ['login', 'new', url, key],
        ['maas', 'away', 'machines', 'read'],
      ]) {
        const { result, complaint } = await run(...words);
        assert.equal(result, 1);
        assert.match(complaint, said);
        assert.doesNotMatch(complaint, /not a region/);
      }
    });
  });

test('a false server whose description has a path with line ends is not a region, and gets no further request', async () => {
  const handler = {
    name: 'EvilHandler',
    doc: '',
    params: ['a'],
    path: '/x\r\nX-Evil: 1/{a}/',
    actions: [{ name: 'read', method: 'GET', op: null, doc: '' }],
  };
  const description = JSON.stringify({ resources: [{ name: 'EvilHandler', anon: null, auth: handler }] });
  const asked: string[] = [];
  const server = createServer(({ url = '' }, response) => {
    asked.push(url);
    response.writeHead(200, { 'Content-Type': 'application/json' }).end(description);
  });
  await whileServing(server, async (port) => {
    writeProfile('evil', { url: `http://127.0.0.1:${port}/MAAS`, api: '2.0', key });
    const { result, complaint } = await run('maas', 'evil', 'evil', 'read', 'zz');
    assert.notEqual(result, 0);
    assert.doesNotMatch(complaint, /a bug|TypeError/);
    assert.ok(asked.length > 0 && asked.every((url) => url.endsWith('/describe/')), String(asked));
  });
});

test('--debug shows the head of each answer on standard error, wherever it stands', async () => {
  for (const words of [
    ['-d', 'root', 'version', 'read'],
    ['-k', '--debug', 'root', 'version', 'read'],
    ['root', '-d', 'version', 'read'],
    ['root', 'version', 'read', '--debug'],
  ]) {
    const { result, text, complaint } = await run('maas', ...words);
    assert.equal(result, 0, complaint);
    assert.equal(JSON.parse(text).subversion !== undefined, true);
    assert.match(complaint, /^Status: 200$[\s\S]*^content-type: application\/json$/m);
    assert.ok(!complaint.includes(key.split(':')[2] ?? ''));
  }
});

test('--insecure accepts a certificate that nobody vouches for, in one command only', {
  skip: missing('openssl'),
}, async () => {
  const { cert, key: certKey } = makeAuthority(home, systemClock.wallTimeMs()).issue('region');
  const pair = { cert: readFileSync(cert), key: readFileSync(certKey) };
  const server = createSecureServer(pair, (_request, response) =>
    response.writeHead(200, { 'Content-Type': 'application/json' }).end('{"username":"ann"}'),
  );
  await whileServing(server, async (port) => {
    const url = `https://127.0.0.1:${port}/MAAS`;
    const refused = await run('maas', 'login', 'unsure', url, key);
    assert.equal(refused.result, 1);
    assert.match(refused.complaint, /--cacerts/);
    assert.match(await said('maas', '-k', 'login', 'unsure', url, key), /logged in .* as ann/);
    for (const option of ['-k', '--insecure'])
      assert.match(await said('maas', 'login', option, 'unsure', url, key), /logged in .* as ann/);
    assert.equal((await run('maas', 'unsure', 'users', 'whoami')).result, 1);
    assert.doesNotMatch((await run('maas', 'unsure', 'users', 'whoami', '-k')).complaint, /certificate/);
  });
});

test('the answers are JSON with one key a line, from which scripts cut what they need', async () => {
  const text = await said('maas', 'root', 'boot-sources', 'read');
  assert.equal(text, `${JSON.stringify(JSON.parse(text), null, 4)}\n`);
  const registered = { uuid: RACK_UUID, name: 'far', interfaces: '[]', version: '0.1.0', uplink: '1' };
  const words = Object.entries(registered).map(([name, value]) => `${name}=${value}`);
  await said('maas', 'root', 'node-groups', 'register', ...words);
  const cut = await shell('maas root node-groups list | grep uuid | cut -d\\" -f4');
  assert.equal(cut, `${RACK_UUID}\n`);
});

test('an operation of either version is reached by a profile of the other one', async () => {
  assert.match(await said('maas', 'root', 'node-groups', 'import-boot-images'), /Import of boot resources started/);
  await said('maas', 'login', 'old', `${live.origin}/MAAS/api/1.0`, key);
  assert.match(await said('maas', 'old', 'node-groups', 'import-boot-images'), /Import of boot resources started/);
  assert.deepEqual(
    JSON.parse(await said('maas', 'old', 'rack-controllers', 'read')),
    JSON.parse(await said('maas', 'root', 'rackcontrollers', 'read')),
  );
  assert.match(await said('maas', 'old', 'version', 'read'), /"subversion": "rackboot"/);
});

test('a text answer is printed unchanged, and a refusal, too, with exit code 2', async () => {
  assert.equal(await said('maas', 'root', 'maas', 'set-config', 'name=upstream_dns', 'value=10.0.0.1'), 'OK');
  const refused = await run('maas', 'root', 'maas', 'set-config', 'name=nothing', 'value=x');
  assert.deepEqual([refused.result, refused.complaint], [2, '']);
  assert.match(refused.text, /nothing/);
  const fields = await run('maas', 'root', 'ipranges', 'create', 'type=x', 'start_ip=q');
  assert.deepEqual([fields.result, fields.complaint], [2, '']);
  assert.ok(Object.keys(JSON.parse(fields.text)).includes('start_ip'), fields.text);
  const missing = await run('maas', 'root', 'boot-resource', 'delete', '29');
  assert.equal(missing.result, 2);
});

test('only a terminal is shown that the command succeeded', { skip: missing('script') }, async () => {
  const words = 'maas root version read';
  assert.match(await shell(words), /^\{\n {4}"/);
  const line = `"${process.execPath}" "${MAIN}" ${words}`;
  const shown = await shell(`script --quiet --return --command '${line}' /dev/null </dev/null`);
  assert.match(shown, /^Success\.\r?\nMachine-readable output follows:\r?\n\{\r?\n {4}"/);
});

test('wrong words end with exit code 2 and name the right ones', async () => {
  for (const [words, why] of [
    [['root', 'node-grups', 'list'], /did you mean node-groups\?/],
    [['root', 'node-groups', 'lits'], /did you mean list\?/],
    [['root', 'node-group', 'read'], /UUID is missing/],
    [['root', 'maas', 'get-config', 'name'], /"name" is not a parameter/],
    [['login', 'x'], /login PROFILE URL/],
    [['init', 'region+rack'], /rackboot\.js init|rackboot init/],
  ] as const) {
    const { result, complaint } = await run('maas', ...words);
    assert.equal(result, 2, words.join(' '));
    assert.match(complaint, why);
  }
  assert.equal((await run('maas', 'nobody', 'nodes', 'list')).result, 2);
});

test('help lists the nouns of the region, the operations of a noun, and the parameters of an operation', async () => {
  assert.match(await said('maas', '--help'), /maas login PROFILE URL/);
  assert.match(await said('maas', 'root', '--help'), /^ {2}node-group-interface: delete, read, update$/m);
  assert.match(await said('maas', 'root', 'node-group-interface', '--help'), /update UUID NAME \[KEY=VALUE …\]/);
  assert.match(await said('maas', 'root', 'node-group-interface', 'update', '-h'), /:param router_ip:/);
  assert.equal((await run('maas', 'root')).result, 2);
  await said('maas', 'root', 'tags', 'create', 'name=help');
  assert.match(await said('maas', 'root', 'tag', 'read', 'help'), /"name": "help"/);
});

test("commands that MAAS's client has for its own host are Rackboot's", async () => {
  const ran: string[] = [];
  const runOther = async (words: readonly string[]): Promise<number> => ran.push(words.join(' '));
  for (const words of ['status', 'config', 'createadmin', 'apikey --username=admin'])
    await runMaas(words.split(' '), runOther);
  assert.deepEqual(ran, ['status', 'config show', 'createadmin', 'apikey --username=admin']);
});
