// The commands that are made of the table of operations, and the completion of all commands in a shell.
// @host waits

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';
import { runCommandLine } from '../../../src/cli/command-line.ts';
import { dropProgram, proposalsFor } from '../../../src/cli/completion/proposals.ts';
import { findOperationNoun, mayBeOperation, untaken, withOwnNoun } from '../../../src/cli/operations/commands.ts';
import { ownNouns } from '../../../src/cli/operations/own-nouns.ts';
import { NAMED_COMMANDS } from '../../../src/cli/terminal/named-commands.ts';
import { systemClock } from '../../../src/ground/clock.ts';
import { CONTROL_SOCKET } from '../../../src/http/config.ts';
import { createApiKey } from '../../../src/region/accounts/accounts.ts';
import { parseBody } from '../../../src/region/api/call/form-body.ts';
import { OPERATIONS } from '../../../src/region/api/operations.ts';
import { type LiveRegion, startRegion } from '../../region/live.ts';
import { installMaasWrapper } from '../../support/maas-wrapper.ts';
import { missing } from '../../support/needs.ts';
import { printedBy } from '../../support/printed.ts';

const MAIN = join(import.meta.dirname, '../../../bin/rackboot.js');
const home = mkdtempSync(join(tmpdir(), 'rackboot-operations-'));
const config = join(home, 'rackboot.yaml');
process.env.XDG_CONFIG_HOME = home;
const run = (...words: readonly string[]) => printedBy(() => runCommandLine(words));

/** The requests that reached the daemon's socket, and its next answer. */
const asked: { method: string; url: string; fields: object }[] = [];
let answer = { status: 200, type: 'application/json', body: '[]' };
const daemon = createServer(async (request, response) => {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk);
  const body = parseBody(request.headers['content-type'] ?? '', Buffer.concat(chunks));
  const fields = body.kind === 'fields' ? Object.fromEntries(body.fields) : {};
  asked.push({ method: request.method ?? '', url: request.url ?? '', fields });
  response.writeHead(answer.status, { 'Content-Type': answer.type }).end(answer.body);
});

let live: LiveRegion;
before(async () => {
  writeFileSync(config, `state_dir: ${home}\n`);
  daemon.listen(join(home, CONTROL_SOCKET));
  await once(daemon, 'listening');
  live = await startRegion();
  const key = await createApiKey(live.region.store, systemClock, 'admin');
  assert.equal((await run('login', 'far', live.origin, key)).result, 0);
});
after(async () => {
  daemon.close();
  await live.close();
  rmSync(home, { recursive: true });
});

test('every operation of the table is a command, but for those whose noun or name is taken', () => {
  const nouns = ownNouns();
  const reached = new Set(nouns.flatMap(({ name, actions }) => actions.map((action) => `${name} ${action.name}`)));
  assert.ok(reached.size > 100, `${reached.size}`);
  assert.ok(nouns.length > 25 && OPERATIONS.length > reached.size);
  const shadowed = nouns.flatMap((noun) => {
    const words = untaken(noun).map((action) => [noun.name, action.name]);
    return words.filter((one) => !mayBeOperation(one) || findOperationNoun(nouns, one) === undefined);
  });
  // `rackboot maas` is a client of its own, with all operations.
  assert.deepEqual(
    shadowed.map((words) => words.join(' ')),
    ['maas get-config', 'maas set-config'],
  );
});

test("Rackboot's own commands keep their meaning", () => {
  for (const [command, words] of Object.entries(NAMED_COMMANDS))
    for (const word of words.split(' ').filter((one) => one !== ''))
      assert.ok(!mayBeOperation([command, word]), `${command} ${word}`);
  assert.ok(!mayBeOperation(['machines', '--json']));
  assert.deepEqual(withOwnNoun(['ssh-keys', 'list']), ['sshkeys', 'list']);
  assert.deepEqual(withOwnNoun(['node-groups', 'list']), ['node-groups', 'list']);
});

test('an operation asks the daemon of this host, and prints a table for people and JSON for programs', async () => {
  answer = { status: 200, type: 'application/json', body: '[{"uuid":"u1","name":"far","images":[]}]' };
  asked.length = 0;
  const shown = await run('node-groups', 'list', '--config', config);
  assert.deepEqual([shown.result, shown.text], [0, 'UUID  NAME\nu1    far\n'], shown.complaint);
  const json = await run('node-groups', 'list', '--json', '--config', config);
  assert.deepEqual(JSON.parse(json.text), JSON.parse(answer.body));
  answer = { status: 200, type: 'application/json', body: '{"name":"eth0","management":2,"ip":null}' };
  const words = ['node-group-interface', 'update', 'u1', 'eth0', 'management=2', 'router_ip=10.0.0.1'];
  const updated = await run(...words, '--config', config);
  assert.deepEqual([updated.result, updated.text], [0, 'name        eth0\nmanagement  2\n'], updated.complaint);
  answer = { status: 204, type: '', body: '' };
  assert.equal((await run('boot-source', 'delete', '3', '--config', config)).text, 'Done.\n');
  const [list, , update, remove] = asked;
  assert.deepEqual([list?.method, list?.url], ['GET', '/MAAS/api/2.0/nodegroups/?op=list']);
  assert.deepEqual(update, {
    method: 'PUT',
    url: '/MAAS/api/1.0/nodegroups/u1/interfaces/eth0/',
    fields: { management: ['2'], router_ip: ['10.0.0.1'] },
  });
  assert.deepEqual([remove?.method, remove?.url], ['DELETE', '/MAAS/api/2.0/boot-sources/3/']);
  await run('boot-source', 'read', '3', '--api', '1.0', '--config', config);
  assert.equal(asked.at(-1)?.url, '/MAAS/api/1.0/boot-sources/3/');
});

test('the exit codes are those of the document: 2 for what the region refuses, 1 for what is missing or fails', async () => {
  const document = readFileSync(join(import.meta.dirname, '../../../docs/maas-clients.md'), 'utf8');
  assert.match(document, /\| exit code \| `rackboot maas` \| any other command \|/);
  const codes = { 200: 0, 400: 2, 401: 1, 403: 2, 404: 1, 409: 2, 429: 1, 500: 1, 503: 1 };
  for (const [status, code] of Object.entries(codes)) {
    answer = { status: Number(status), type: 'text/plain', body: 'Because.' };
    const { result, complaint } = await run('zones', 'read', '--config', config);
    assert.deepEqual([status, result], [status, code], complaint);
  }
  const profile = (...words: readonly string[]) => run(...words, '--profile', 'far');
  for (const [words, code, inMaas] of [
    [['zone', 'read', 'default'], 0, 0],
    [['zone', 'read', 'nosuch'], 1, 2],
    [['zone', 'delete', 'default'], 2, 2],
    [['tags', 'create', 'name=no/name'], 2, 2],
  ] as const) {
    assert.equal((await profile(...words)).result, code, words.join(' '));
    assert.equal((await run('maas', 'far', ...words)).result, inMaas, words.join(' '));
  }
});

test('an operation that takes parameters of any name gets them', async () => {
  asked.length = 0;
  await run('machine', 'set-owner-data', 'abc123', 'colour=red', '--config', config);
  assert.deepEqual(
    asked.map(({ url, fields }) => [url, fields]),
    [['/MAAS/api/2.0/machines/abc123/?op=set_owner_data', { colour: ['red'] }]],
  );
});

test('an operation asks the region of a profile', async () => {
  const listed = await run('users', 'whoami', '--profile', 'far');
  assert.match(listed.text, /^username +admin$/m, listed.complaint);
  const read = await run('account', 'list-authorisation-tokens', '--profile', 'far', '--json');
  assert.ok(Array.isArray(JSON.parse(read.text)));
  assert.match((await run('tags', 'create', 'name=virtual', '--profile', 'far')).text, /^name +virtual$/m);
  const again = await run('tags', 'create', 'name=virtual', '--profile', 'far');
  assert.notEqual(again.result, 0);
  assert.match(again.complaint, /already exists/);
});

test('mistyped words are refused with the nearest right one, before anything is asked', async () => {
  asked.length = 0;
  for (const [words, why] of [
    [['node-groups', 'lits'], /there is no "lits" here\. Did you mean list\?/],
    [['node-grups', 'list'], /there is no "node-grups" here/],
    [['node-group', 'read'], /<uuid> is missing/],
    [['node-groups', 'accept', 'uid=x'], /accept has no parameter uid: did you mean uuid\?/],
    [['node-groups', 'list', 'bogus=1'], /list has no parameter bogus: it has none/],
    [['zones', 'read', 'bogus=1', '--profile', 'far'], /read has no parameter bogus: it has none/],
    [['node-groups', 'list', '--jsno'], /Did you mean --json\?/],
    [['node-groups', 'list', 'x'], /"x" is not a parameter/],
    [['node-groups', 'list', '--profile', 'far', '--profile', 'near'], /--profile only once/],
    [['profiles', 'list', 'bogus=1'], /read has no parameter bogus: it has none/],
  ] as const) {
    const { result, complaint } = await run(...words, '--config', config);
    assert.equal(result, 2, complaint);
    assert.match(complaint, why);
  }
  assert.deepEqual(asked, []);
});

test('a shell gets proposals for profiles, nouns, operations and parameters', async () => {
  for (const [line, word] of [
    ['node', 'node-groups'],
    ['maas ', 'far'],
    ['maas far node-g', 'node-group-interface'],
    ['maas far node-groups ', 'import-boot-images'],
    ['maas far machines ', 'release'],
    ['maas far node-group-interface update u1 eth0 ', 'router_ip='],
    ['machines po', 'power-parameters'],
    ['node-groups ', 'accept'],
    ['boot-sources create ', 'keyring_filename='],
  ] as const) {
    const { words } = await proposalsFor(line.split(' '));
    assert.ok(words.includes(word), `${line}: ${words.join(' ')}`);
  }
  assert.deepEqual(await proposalsFor(['leases', 'l']), { words: [], parserLine: ['leases', 'l'] });
  for (const line of ['zones read --profile ', 'images upload x y --profile f', 'node-groups list --json --profile '])
    assert.deepEqual(await proposalsFor(line.split(' ')), { words: ['far'] }, line);
});

test('a shell gets proposals only for the place of the word', async () => {
  for (const [line, wanted] of [
    ['logout ', ['far']],
    ['maas logout ', ['far']],
    ['logout far ', []],
    ['maas list ', []],
    ['maas login ', []],
    ['node-group-interface update ', []],
    ['node-group-interface update u1 --', ['--api', '--config', '--help', '--json', '--profile']],
    ['maas far subnets read --', ['--debug', '--help', '--insecure']],
    ['subnets ', ['create', 'read']],
    ['subnet read ', []],
    ['nothing-of-this-name ', []],
  ] as const)
    assert.deepEqual(await proposalsFor(line.split(' ')), { words: wanted }, line);
  for (const [line, parserLine] of [
    ['maas config ', ['config', '']],
    ['ssh-keys ', ['sshkeys', '']],
    ['images upload ', ['images', 'upload', '']],
  ] as const)
    assert.deepEqual((await proposalsFor(line.split(' '))).parserLine, parserLine, line);
});

test('a line of a shell names the program or its alias maas', () => {
  assert.deepEqual(dropProgram(['rackboot', 'logout', '']), ['logout', '']);
  assert.deepEqual(dropProgram(['/usr/bin/rackboot', 'maas', '']), ['maas', '']);
  assert.deepEqual(dropProgram(['maas', 'far', '']), ['maas', 'far', '']);
});

/** The environment of a shell that finds this program. */
async function shellEnvironment(shell: string): Promise<NodeJS.ProcessEnv> {
  const bin = join(home, `bin-of-${shell}`);
  const launcher = `#!/bin/sh\nexec "${process.execPath}" "${MAIN}" "$@"\n`;
  await mkdir(bin);
  writeFileSync(join(bin, 'rackboot'), launcher);
  chmodSync(join(bin, 'rackboot'), 0o755);
  return { ...process.env, PATH: `${bin}${delimiter}${process.env.PATH}`, SHELL: `/bin/${shell}` };
}

test('bash completes with the script that rackboot completion prints', { skip: missing('bash') }, async () => {
  const complete = (words: string): string => `COMP_WORDS=(${words}); COMP_CWORD=$((\${#COMP_WORDS[@]} - 1))
    _rackboot_completions; echo "\${COMPREPLY[@]}"`;
  const script = [
    "alias maas='rackboot maas'",
    'eval "$(rackboot completion)"',
    'complete -p rackboot maas',
    `${complete('rackboot ""')} | tr ' ' '\\n' | grep -xE 'why|account|apikey'`,
    complete('rackboot lea'),
    complete('rackboot leases cl'),
    complete('rackboot node-group-i'),
    complete('rackboot maas far commissioning-s'),
    complete('rackboot maas logout ""'),
    complete('rackboot logout ""'),
    complete('rackboot subnets ""'),
    complete('rackboot node-group-interface update ""'),
    complete('maas f'),
    complete('maas far commissioning-s'),
    complete('maas far zones create n'),
  ];
  const env = await shellEnvironment('bash');
  const { stdout } = await promisify(execFile)('bash', ['-c', script.join('\n')], { env, timeout: 240_000 });
  assert.deepEqual(stdout.trimEnd().split('\n'), [
    'complete -o bashdefault -o default -o nosort -F _rackboot_completions rackboot',
    'complete -o bashdefault -o default -o nosort -F _rackboot_completions maas',
    'apikey',
    'why',
    'account',
    'leases',
    'clear',
    'node-group-interface node-group-interfaces',
    'commissioning-script commissioning-scripts',
    'far',
    'far',
    'create read',
    '',
    'far',
    'commissioning-script commissioning-scripts',
    'name=',
  ]);
});

test("bash leaves MAAS's own program its completion", { skip: missing('bash') }, async () => {
  const env = await shellEnvironment('bash-of-maas');
  const bin = env.PATH?.split(delimiter)[0] ?? '';
  writeFileSync(join(bin, 'maas'), '#!/bin/sh\n');
  chmodSync(join(bin, 'maas'), 0o755);
  const script = 'eval "$(rackboot completion)"; complete -p maas || echo none';
  const { stdout } = await promisify(execFile)('bash', ['-c', script], { env, timeout: 120_000 });
  assert.equal(stdout, 'none\n');
});

for (const shell of ['bash', 'zsh'] as const)
  test(`${shell} completes the file maas that the documents make`, { skip: missing(shell) }, async () => {
    const env = await shellEnvironment(`${shell}-of-file`);
    const bin = env.PATH?.split(delimiter)[0] ?? '';
    writeFileSync(join(bin, 'sudo'), '#!/bin/sh\nexec "$@"\n', { mode: 0o755 });
    installMaasWrapper(bin, env.PATH ?? '');
    const question = shell === 'bash' ? 'complete -p maas' : 'true';
    const script = `compdef() { echo "compdef $*"; }; eval "$(rackboot completion)"; ${question}`;
    const settings = { env: { ...env, ZDOTDIR: bin }, timeout: 120_000 };
    const { stdout } = await promisify(execFile)(shell, ['-c', script], settings);
    assert.match(stdout, / _rackboot_completions maas$/m);
  });

test('zsh completes with the script that rackboot completion prints', { skip: missing('zsh') }, async () => {
  const complete = (words: string): string => `words=(${words}); CURRENT=$#words; _rackboot_completions`;
  const script = [
    'compdef() { print -r -- "compdef $*" }',
    '_describe() { local -a shown; shown=("$' + '{(@P)3}"); print -r -- $shown }',
    '_default() { print default }',
    'eval "$(rackboot completion)"',
    complete('rackboot maas logout ""'),
    complete('rackboot subnets ""'),
    complete('rackboot node-group-interface update ""'),
  ];
  const env = await shellEnvironment('zsh');
  const { stdout } = await promisify(execFile)('zsh', ['-f', '-c', script.join('\n')], { env, timeout: 120_000 });
  assert.equal(stdout, 'compdef _rackboot_completions rackboot\nfar\ncreate read\ndefault\n');
});
