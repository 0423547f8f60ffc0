// docs/outgrowing.md from its beginning to its end, as printed: its files are written and its commands are run, on hosts' addresses and a
// database's name of its own network: a region on SQLite, moved to PostgreSQL, with two processes behind HAProxy, backed up, restored, moved
// back, and removed. Only systemctl(1) is left out.
// @host alone

import assert from 'node:assert/strict';
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import {
  appendFileSync,
  chmodSync,
  chownSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { parse, stringify } from 'yaml';
import { z } from 'zod';
import { systemClock } from '../../src/clock.ts';
import { askDaemon } from '../../src/control/ask-daemon.ts';
import { isNotRun } from '../documents/commands.ts';
import { commandsOf, partsOf, ROOT, readDocument } from '../documents/markdown.ts';
import { NOBODY } from '../support/another-user.ts';
import { endProgram } from '../support/child.ts';
import { missing } from '../support/needs.ts';
import { enterOwnMounts, removeOwnMounts } from '../support/own-mounts.ts';
import { enterOwnNetwork, ip } from '../support/own-network.ts';
import { PostgresServer } from '../support/postgres-server.ts';
import { eventually } from '../support/running-rack.ts';

const PAGE = 'docs/outgrowing.md';
const REGION = '10.20.0.5';
/** Of the second process. */
const SECOND = '10.20.0.6';
const BALANCER = '10.20.0.4';
/** Of db.example. */
const DATABASE = '10.20.0.9';
const CONFIG = '/etc/rackboot/region.yaml';
const STATE = '/var/lib/rackboot-region';
const RACK_STATE = '/var/lib/rackboot';
const UNIT = '/etc/systemd/system/rackboot-region.service';
const PASSWORD = 'correct horse battery';
const DATABASE_PASSWORD = 'hush-hush';
const PASSWORD_FILE = '/etc/rackboot/database-password';
/** A number that no group of the host is likely to have. */
const GROUP = 64_900;
const COMMAND_MS_MAX = 60_000;
/** They need an init. */
const LEFT_OUT = /^sudo systemctl /;
/** On another host it would be the same file and directory. */
const SECOND_CONFIG = '/etc/rackboot/second.yaml';
const SECOND_STATE = '/var/lib/rackboot-region-two';

const configuration = z.record(z.string(), z.unknown());

const blocks = partsOf(readDocument(PAGE)).flatMap((part) => (part.kind === 'block' ? [part] : []));
const commands = blocks
  .filter(({ language }) => language === 'sh')
  .flatMap((block) => commandsOf(block).map(({ command }) => command));

/** The shown file that has this text. */
function fileWith(text: string): string {
  const found = blocks.map(({ lines }) => `${lines.join('\n')}\n`).filter((file) => file.includes(text));
  assert.equal(found.length, 1, `${found.length} files of ${PAGE} have ${text}`);
  return found[0] ?? '';
}

describe('the page about outgrowing one host', {
  skip: missing('linux', 'root', 'ip', 'mount', 'openssl', 'script', 'haproxy', '/usr/lib/postgresql'),
}, () => {
  const place = mkdtempSync(join(tmpdir(), 'rackboot-outgrowing-'));
  /** Outside the mounts, for the database's user. */
  const certificates = mkdtempSync(join(tmpdir(), 'rackboot-certificates-'));
  const ran = new Set<string>();
  let path = '';
  let server: PostgresServer;
  let region: ChildProcess | undefined;
  let second: ChildProcess | undefined;
  let balancer: ChildProcess | undefined;

  /** Runs a command, as a person types it in a checkout. @param typed the answers to its questions */
  async function run(command: string, typed: readonly string[] = []): Promise<string> {
    const [program, ...words] =
      typed.length === 0 ? ['bash', '-c', command] : ['script', '-qec', command, join(place, 'typescript')];
    // PostgreSQL's own programs find the server by its socket's directory.
    const env = { ...process.env, PATH: path, NO_COLOR: '1', PGHOST: server?.directory };
    const child = spawn(program ?? '', words, { cwd: ROOT, env, stdio: ['pipe', 'pipe', 'pipe'] });
    const answers = [...typed];
    let text = '';
    let asked = 0;
    const onData = (bytes: Buffer): void => {
      text += bytes.toString('utf8');
      const isQuestion = /: $/.test(text.slice(asked));
      const answer = isQuestion ? answers.shift() : undefined;
      if (answer === undefined) return;
      asked = text.length;
      child.stdin.write(`${answer}\r`);
    };
    child.stdout.on('data', onData);
    child.stderr.on('data', onData);
    const late = systemClock.schedule(COMMAND_MS_MAX, () => child.kill('SIGKILL'));
    const code = await new Promise<number | null>((resolve) => child.on('close', resolve));
    late.cancel();
    assert.equal(code, 0, `${command}: ${text}`);
    return text;
  }

  /** Runs the only command of the page that begins so. */
  async function runShown(start: string, typed: readonly string[] = []): Promise<string> {
    const found = commands.filter((command) => command.startsWith(start));
    assert.equal(found.length, 1, `${found.length} commands of ${PAGE} begin with ${start}`);
    const [command = ''] = found;
    ran.add(command);
    return await run(command, typed);
  }

  const succeeds = async (url: string): Promise<boolean> =>
    await fetch(url).then(
      ({ ok }) => ok,
      () => false,
    );

  /** Starts what the unit starts, and waits until it answers. */
  async function startProcess(config: string, address: string): Promise<ChildProcess> {
    const [, line = ''] = /^ExecStart=(.*)$/m.exec(readFileSync(UNIT, 'utf8')) ?? [];
    const [program = '', ...words] = line.replace(CONFIG, config).split(' ');
    const child = spawn(program, words, { cwd: '/', env: { ...process.env, PATH: path }, stdio: 'ignore' });
    await eventually('the region answers', () => succeeds(`http://${address}:5240/MAAS/api/version/`), COMMAND_MS_MAX);
    return child;
  }

  async function startRegion(): Promise<void> {
    region = await startProcess(CONFIG, REGION);
  }

  async function stopRegion(): Promise<void> {
    if (region !== undefined) await endProgram(region, 'SIGTERM');
    region = undefined;
  }

  async function stopSecond(): Promise<void> {
    if (second !== undefined) await endProgram(second, 'SIGTERM');
    second = undefined;
  }

  /** The account of the page is there, and the store in use is the one named in the file. */
  async function isWhole(store: RegExp): Promise<void> {
    assert.match(
      await run(`sudo rackboot apikey --list --username admin --config ${CONFIG}`),
      /^admin has no API keys/,
    );
    assert.match(await run(`sudo rackboot status --config ${CONFIG}`), store);
  }

  function makeCertificate(): void {
    const words = ['-newkey', 'rsa:2048', '-nodes', '-days', '2', '-subj', '/CN=db.example'];
    execFileSync(
      'openssl',
      ['req', '-x509', ...words, '-addext', 'subjectAltName=DNS:db.example', '-keyout', 'key', '-out', 'crt'],
      { cwd: certificates, stdio: 'ignore' },
    );
    chmodSync(certificates, 0o755);
    for (const file of ['key', 'crt']) chownSync(join(certificates, file), NOBODY, NOBODY);
  }

  before(async () => {
    enterOwnNetwork();
    for (const address of [REGION, SECOND, BALANCER, DATABASE]) ip(`address add ${address}/32 dev lo`);
    path = enterOwnMounts(place);
    // The group that the installation makes.
    if (!/^rackboot:/m.test(readFileSync('/etc/group', 'utf8'))) appendFileSync('/etc/group', `rackboot:x:${GROUP}:\n`);
    appendFileSync('/etc/hosts', `${DATABASE} db.example\n`);
    rmSync('/etc/rackboot', { recursive: true, force: true });
    mkdirSync('/etc/rackboot');
    mkdirSync('/etc/systemd/system', { recursive: true });
    makeCertificate();
    server = await PostgresServer.start({
      user: 'postgres',
      settings: [
        `listen_addresses = '${DATABASE}'`,
        'ssl = on',
        'fsync = off',
        `ssl_cert_file = '${join(certificates, 'crt')}'`,
        `ssl_key_file = '${join(certificates, 'key')}'`,
      ],
      access: ['hostssl rackboot rackboot 0.0.0.0/0 scram-sha-256', 'hostnossl all all 0.0.0.0/0 reject'],
    });
    cpSync(join(certificates, 'crt'), '/etc/rackboot/database-ca.pem');
  });
  after(async () => {
    if (balancer !== undefined) await endProgram(balancer, 'SIGTERM');
    await stopSecond();
    await stopRegion();
    await server?.close();
    removeOwnMounts(place);
    rmSync(certificates, { recursive: true, force: true });
  });

  async function makeDatabase(): Promise<void> {
    await runShown('sudo -u postgres createdb');
    await runShown('sudo -u postgres psql');
  }

  async function makePasswordFile(): Promise<void> {
    await runShown('sudo install -g rackboot');
    const shown = await runShown("sudo bash -c 'read", [DATABASE_PASSWORD]);
    assert.doesNotMatch(shown, new RegExp(DATABASE_PASSWORD), 'the password is not shown');
    assert.equal(readFileSync(PASSWORD_FILE, 'utf8'), `${DATABASE_PASSWORD}\n`);
    const { uid, gid, mode } = statSync(PASSWORD_FILE);
    const group = /^rackboot:[^:]*:(\d+):/m.exec(readFileSync('/etc/group', 'utf8'))?.[1];
    assert.deepEqual([uid, String(gid), mode & 0o777], [0, group, 0o640]);
  }

  /** As the page says: the file of the other host differs in addresses. Here the state has a place of its own, too. */
  async function startSecond(): Promise<void> {
    const text = readFileSync(CONFIG, 'utf8').replaceAll(REGION, SECOND);
    writeFileSync(SECOND_CONFIG, text.replace(STATE, SECOND_STATE));
    second = await startProcess(SECOND_CONFIG, SECOND);
  }

  test('a region apart from its rack is checked, installed and gets its first account', async () => {
    writeFileSync(CONFIG, `state_dir: ${STATE}\n`);
    assert.match(
      await run(`sudo rackboot check --config ${CONFIG}`),
      /is fine: the region serves 127\.0\.0\.1:5240/,
      'the default place is enough for a file that names no store',
    );
    writeFileSync(CONFIG, fileWith('kind: sqlite }'));
    assert.match(await runShown('sudo rackboot region check'), /is fine: the region serves 10\.20\.0\.5:5240/);
    await runShown('sudo install -m 644 systemd/rackboot-region.service');
    await startRegion();
    assert.match(await runShown('sudo rackboot createadmin', [PASSWORD, PASSWORD]), /admin is an administrator\./);
    await isWhole(/^Store +region\.db in \/var\/lib\/rackboot-region$/m);
  });

  test("the data of a rack's region moves to PostgreSQL, where the region continues", async () => {
    await stopRegion();
    // The page moves what a rack has.
    mkdirSync(RACK_STATE);
    cpSync(join(STATE, 'region.db'), join(RACK_STATE, 'region.db'));
    rmSync(STATE, { recursive: true });
    await runShown('sudo -u postgres createuser', [DATABASE_PASSWORD, DATABASE_PASSWORD]);
    await makeDatabase();
    await makePasswordFile();
    await server.query('CREATE ROLE stranger LOGIN');
    const [right] = await server.query("SELECT has_database_privilege('stranger', 'rackboot', 'CONNECT') AS is_there");
    assert.equal(right?.is_there, false, 'no other role may connect');
    assert.match(await runShown('sudo rackboot region copy'), /^\d+ rows? in \d+ tables copied\.$/m);
    writeFileSync(CONFIG, fileWith('kind: postgresql'));
    assert.match(await run(`sudo rackboot region check --config ${CONFIG}`), /, on PostgreSQL\.$/m);
    await startRegion();
    await isWhole(/^Store +postgresql:\/\/rackboot@db\.example:5432\/rackboot$/m);
  });

  test('without ca_file the authorities that this host knows count', async () => {
    const file = join(place, 'without-ca.yaml');
    writeFileSync(file, fileWith('kind: postgresql').replace(/^ *ca_file: .*\n/m, ''));
    const command = `sudo rackboot apikey --list --username admin --config ${file}`;
    await assert.rejects(run(command), /cannot be trusted \(self-signed certificate/);
    cpSync(join(certificates, 'crt'), '/etc/ssl/certs/db-example.pem');
    execFileSync('openssl', ['rehash', '/etc/ssl/certs'], { stdio: 'ignore' });
    assert.match(await run(command), /^admin has no API keys/);
  });

  test('two processes answer at the address of the load balancer, even when one of them dies', async () => {
    const own = configuration.parse(parse(readFileSync(CONFIG, 'utf8')));
    const added = configuration.parse(parse(fileWith('proxies:')));
    const both = { ...configuration.parse(own.region), ...configuration.parse(added.region) };
    await stopRegion();
    writeFileSync(CONFIG, stringify({ ...own, ...added, region: both }));
    await startRegion();
    await startSecond();
    for (const address of [REGION, SECOND])
      assert.ok(await succeeds(`http://${address}:5250/readyz`), 'the load balancer can ask whether it is ready');
    const haproxy = '/etc/haproxy/haproxy.cfg';
    mkdirSync('/etc/haproxy', { recursive: true });
    writeFileSync(haproxy, fileWith('frontend region'));
    balancer = spawn('haproxy', ['-db', '-f', haproxy], { stdio: 'ignore' });
    await eventually('the load balancer passes requests on', () =>
      succeeds(`http://${BALANCER}:5240/MAAS/api/version/`),
    );
    const page = await (await fetch(`http://${BALANCER}:5240/MAAS/login/`)).text();
    assert.match(page, /name="password"/);
    await run(`sudo rackboot config set boot.kernel_params quiet --config ${SECOND_CONFIG}`);
    await eventually(
      'one process shows what the other did',
      async () => (await run(`sudo rackboot config get boot.kernel_params --config ${CONFIG}`)) === 'quiet\n',
    );
    if (region !== undefined) await endProgram(region, 'SIGKILL');
    region = undefined;
    await eventually('the other one answers', () => succeeds(`http://${BALANCER}:5240/MAAS/api/version/`));
  });

  test('a rack whose file lists the addresses of its region reaches the process that is left; there, a command for the region names its file', async () => {
    const file = '/etc/rackboot/rackboot.yaml';
    writeFileSync(file, fileWith('mode: remote'));
    assert.match(await run(`sudo rackboot check --config ${file}`), /rackboot\.yaml is fine: it serves no network\.$/m);
    const own = 'name: two-addresses\nstate_dir: /var/lib/rackboot-addresses\ncluster_interfaces: []\n';
    writeFileSync(file, `${own}tftp: { listen: [] }\ndns: { listen: [] }\n${fileWith('mode: remote')}`);
    const racks = async (): Promise<string> =>
      JSON.stringify(await askDaemon(SECOND_STATE, '/MAAS/api/2.0/nodegroups/'));
    assert.doesNotMatch(await racks(), /two-addresses/);
    const rack = spawn('rackboot', ['run'], { cwd: '/', env: { ...process.env, PATH: path }, stdio: 'ignore' });
    try {
      await eventually('the second process lists it', async () => /two-addresses/.test(await racks()));
      const named = /If the region is on this host, add --config \/etc\/rackboot\/region\.yaml to the command/;
      assert.match(await run('sudo rackboot racks || true'), named);
      assert.match(await run('sudo rackboot doctor || true'), /^BAD {2}region: this rack is not accepted yet: /m);
    } finally {
      await endProgram(rack, 'SIGTERM');
    }
  });

  test('a backup of the running region fills an empty database, with which the region continues', async () => {
    assert.match(await runShown('sudo rackboot region backup'), /^Wrote \S+today\.backup: \d+/);
    await stopSecond();
    await stopRegion();
    await server.query('DROP DATABASE rackboot WITH (FORCE)');
    await makeDatabase();
    await runShown('sudo rackboot region restore');
    await startRegion();
    await isWhole(/^Store +postgresql:/m);
  });

  test('the way back is the same with --from and --to exchanged', async () => {
    await stopRegion();
    rmSync(RACK_STATE, { recursive: true });
    const there = commands.find((command) => command.includes('region copy')) ?? '';
    const back = there.replace(/--from (\S+) --to (\S+)/, '--from $2 --to $1');
    assert.notEqual(back, there);
    assert.match(await run(back), /copied\.$/m);
    writeFileSync(CONFIG, fileWith('kind: sqlite }'));
    cpSync(join(RACK_STATE, 'region.db'), join(STATE, 'region.db'));
    await startRegion();
    await isWhole(/^Store +region\.db in /m);
  });

  test('the last commands remove it', async () => {
    await stopRegion();
    await runShown(`sudo rm ${UNIT}`);
    await runShown(`sudo rm -rf ${STATE}`);
    for (const left of [UNIT, CONFIG, STATE]) assert.equal(existsSync(left), false, left);
  });

  test('every other command of the page needs an init, and has a test of its own', () => {
    const left = commands.filter((command) => !ran.has(command));
    for (const command of left) {
      assert.match(command, LEFT_OUT);
      assert.ok(isNotRun(command), command);
    }
    assert.ok(ran.size >= 13, `${[...ran]}`);
  });
});
