// `rackboot backup` and `rackboot restore` without a daemon: what is refused, and what a killed command leaves.

import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  closeSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { after, before, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { digestContent, writeArchive } from '../../../src/cli/rack/backup-archive.ts';
import { lockState } from '../../../src/store/state-lock.ts';
import { runRackboot } from '../../support/running-rack.ts';

const MAIN = join(import.meta.dirname, '../../../bin/rackboot.js');
const place = mkdtempSync(join(tmpdir(), 'rackboot-backup-'));
const [file, other] = [join(place, 'one.yaml'), join(place, 'two.yaml')];
const backup = join(place, 'backup.tar');
const NETWORK =
  '{ relayed: true, management: 1, network: 10.20.0.0/24, dns_servers: [10.20.0.2], ip_range_low: 10.20.0.100, ip_range_high: 10.20.0.199 }';

const rackboot = (config: string, ...words: readonly string[]) => runRackboot([...words, '--config', config]);
async function fine(config: string, ...words: readonly string[]): Promise<string> {
  const { code, output, complaints } = await rackboot(config, ...words);
  assert.equal(code, 0, complaints.join('\n'));
  return output.join('\n');
}
/** The reserved addresses, which tell the two states apart. */
const reserved = async (config: string): Promise<readonly string[]> =>
  [...(await fine(config, 'hosts', 'list')).matchAll(/^10\.20\.0\.\d+/gm)].map(([address]) => address);

before(async () => {
  for (const [config, name] of [
    [file, 'one'],
    [other, 'two'],
  ] as const)
    writeFileSync(
      config,
      `name: ${name}\nstate_dir: ${join(place, name)}\npreseeds: { directory: ${place}/preseeds }\n`,
    );
  await fine(file, 'config', 'set', 'cluster_interfaces.lab', NETWORK);
  await fine(file, 'hosts', 'add', '52:54:00:aa:00:01', '10.20.0.10');
  await fine(file, 'backup', backup);
});
after(() => rmSync(place, { recursive: true }));

test('a backup is one new file for its owner alone, and leaves nothing else', async () => {
  assert.equal(statSync(backup).mode & 0o777, 0o600);
  const again = await rackboot(file, 'backup', backup);
  assert.match(again.complaints.join(), /exists/);
  assert.deepEqual(
    [readdirSync(place), readdirSync(join(place, 'one'))].flat().filter((name) => name.includes('unfinished')),
    [],
  );
});

test('a restore gives what was there, and refuses to replace anything without --force', async () => {
  await fine(other, 'restore', backup, '--state-only');
  assert.deepEqual(await reserved(other), ['10.20.0.10']);
  await fine(other, 'hosts', 'add', '52:54:00:aa:00:02', '10.20.0.11');
  const refused = await rackboot(other, 'restore', backup, '--state-only');
  assert.equal(refused.code, 2);
  assert.deepEqual(await reserved(other), ['10.20.0.10', '10.20.0.11']);
  await fine(other, 'restore', backup, '--state-only', '--force');
  assert.deepEqual(await reserved(other), ['10.20.0.10']);
});

test('the configuration comes back with the state to which it belongs', async () => {
  const text = readFileSync(file, 'utf8');
  rmSync(join(place, 'one'), { recursive: true });
  rmSync(file);
  assert.equal((await rackboot(file, 'restore', backup)).code, 2, 'the state directory is the default one here');
  writeFileSync(file, `state_dir: ${place}/one\n`, { mode: 0o600 });
  await fine(file, 'restore', backup, '--force');
  assert.equal(readFileSync(file, 'utf8'), text);
  assert.equal(statSync(file).mode & 0o7777, 0o600, 'the mode of this host');
  assert.deepEqual(await reserved(file), ['10.20.0.10']);
  writeFileSync(file, `${text}# mine\n`);
  assert.match(
    (await rackboot(file, 'restore', backup)).complaints.join(),
    /would replace \S+region\.db, .*one\.yaml: add --force/,
  );
  writeFileSync(file, text);
});

test('a backup that is cut, changed or of a newer Rackboot changes nothing', async () => {
  const bytes = readFileSync(backup);
  const bad = join(place, 'bad.tar');
  const flipped = Buffer.from(bytes);
  flipped[Math.floor(bytes.length / 2)] = (flipped[Math.floor(bytes.length / 2)] ?? 0) ^ 1;
  const newer = Buffer.from(bytes.toString('latin1').replace('"format": 1', '"format": 2'), 'latin1');
  // As tar(1) writes 4 TB of nothing.
  spawnSync('truncate', ['--size=4T', join(place, 'region.db')]);
  const sparse = spawnSync('tar', ['--create', '--sparse', '--directory', place, 'region.db']).stdout;
  rmSync(join(place, 'region.db'));
  for (const [content, problem] of [
    [bytes.subarray(0, 0), /damaged/],
    [bytes.subarray(0, 1500), /damaged/],
    [bytes.subarray(0, bytes.length / 2), /damaged/],
    [flipped, /damaged/],
    [newer, /newer/],
    [sparse, /damaged/],
  ] as const) {
    writeFileSync(bad, content);
    const { code, complaints } = await rackboot(other, 'restore', bad, '--state-only', '--force');
    assert.notEqual(code, 0);
    assert.match(complaints.join(), problem);
  }
  assert.deepEqual(await reserved(other), ['10.20.0.10']);
});

/** A backup whose digests are right. */
function craft(files: Readonly<Record<string, string | Buffer>>): string {
  const path = join(place, 'crafted.tar');
  const archive = openSync(path, 'w');
  const parts = Object.entries(files).map(([name, content]) => {
    const bytes = Buffer.from(content);
    return { path: name, content: bytes, ...digestContent(bytes) };
  });
  const made = '2026-11-30T00:00:00Z';
  const about = {
    format: 1,
    version: '1',
    made,
    configFile: file,
    stateDir: join(place, 'elsewhere'),
    files: parts.map(({ content: _, ...part }) => part),
  };
  const content = Buffer.from(JSON.stringify(about));
  const first = { path: 'manifest.json', bytes: content.length, content };
  writeArchive(archive, Date.parse(made) / 1000, [first, ...parts]);
  closeSync(archive);
  return path;
}

test('a backup gives nothing but the state and the configuration of a rack', async () => {
  const before = [readdirSync(place), readdirSync(join(place, 'two'))];
  const own = readFileSync(file, 'utf8');
  const named = `${own}region: { certificate: ${place}/evil }\n`;
  for (const [files, problem] of [
    [{ 'state/override.conf': '' }, /damaged/],
    [{ 'state/cache/cli.code': '' }, /damaged/],
    [{ 'state/boot/ipxe.efi': '' }, /damaged/],
    [{ 'state/.ssh/config': '' }, /damaged/],
    [{ 'state/ssh/rc': '' }, /damaged/],
    [{ 'state/ssh/../rack.json': '' }, /damaged/],
    [{ 'config/one.yaml': own, 'config/../evil': '' }, /damaged/],
    [{ 'config/one.yaml': own, 'config/x\ny': '' }, /damaged/],
    [{ 'config/one.yaml': own, 'state/rack.json': Buffer.alloc(17_000_000) }, /damaged/],
    [{ 'config/one.yaml': own, 'config/cron.d/evil': '' }, /does not name/],
    [{ 'config/one.yaml': named, 'config/other': '' }, /does not name/],
    [{ 'config/one.yaml': `state_dir: ${place}/elsewhere\n` }, /state_dir/],
  ] as const) {
    const { code, complaints } = await rackboot(file, 'restore', craft(files), '--force');
    assert.notEqual(code, 0, Object.keys(files).join());
    assert.match(complaints.join(), problem);
  }
  // The second name has more octets than one in a header of tar.
  for (const name of ['evil', '設定'.repeat(16)]) {
    const naming = named.replace('evil', name);
    const { complaints } = await rackboot(
      file,
      'restore',
      craft({ 'config/one.yaml': naming, [`config/${name}`]: '' }),
    );
    assert.match(complaints.join(), new RegExp(`would replace .*${name}: add --force`));
  }
  rmSync(join(place, 'crafted.tar'));
  assert.deepEqual([readdirSync(place), readdirSync(join(place, 'two'))], before);
});

test('a database has no triggers of somebody else', async () => {
  const path = join(place, 'trigger.db');
  cpSync(join(place, 'one', 'region.db'), path);
  const database = new DatabaseSync(path);
  database.exec('CREATE TRIGGER evil AFTER INSERT ON setting BEGIN SELECT 1; END; PRAGMA journal_mode = DELETE');
  database.close();
  const crafted = craft({ 'state/region.db': readFileSync(path) });
  const { code, complaints } = await rackboot(other, 'restore', crafted, '--state-only', '--force');
  assert.equal(code, 1);
  assert.match(complaints.join(), /evil/);
});

test('compiled code that lies in the cache does not outlive a restore', async () => {
  mkdirSync(join(place, 'two', 'cache'));
  writeFileSync(join(place, 'two', 'cache', 'cli.code'), '');
  await fine(other, 'restore', backup, '--state-only', '--force');
  assert.equal(existsSync(join(place, 'two', 'cache', 'cli.code')), false);
});

test('a backup with a database of a newer Rackboot is refused', async () => {
  const state = join(place, 'one');
  cpSync(state, join(place, 'kept'), { recursive: true });
  const database = new DatabaseSync(join(state, 'region.db'));
  database.exec('PRAGMA user_version = 9999');
  database.close();
  const { code, complaints } = await rackboot(file, 'backup', join(place, 'newer.tar'));
  assert.notEqual(code, 0);
  assert.match(complaints.join(), /has version 9999/);
  assert.equal(existsSync(join(place, 'newer.tar')), false);
  rmSync(state, { recursive: true });
  cpSync(join(place, 'kept'), state, { recursive: true });
});

test('a killed restore leaves the former state or the whole new one', { timeout: 300_000 }, async () => {
  await fine(other, 'hosts', 'add', '52:54:00:aa:00:02', '10.20.0.11');
  const two = join(place, 'two');
  const former = join(place, 'former');
  cpSync(two, former, { recursive: true });
  const seen = new Set<string>();
  let delay = 200;
  for (let turn = 0; turn < 16; turn += 1) {
    const words = ['restore', backup, '--state-only', '--force', '--config', other];
    const child = spawn(process.execPath, [MAIN, ...words], { stdio: 'ignore' });
    const ended = once(child, 'exit');
    await Promise.race([pause(delay), ended]);
    child.kill('SIGKILL');
    const [code] = await ended;
    lockState(two).release();
    const names = await reserved(other).catch(() => []);
    assert.ok(['10.20.0.10', '10.20.0.10 10.20.0.11', ''].includes(names.join(' ')), names.join(' '));
    const database = new DatabaseSync(join(two, 'region.db'), { readOnly: true });
    const rows = database.prepare('SELECT entry FROM subnet_host').all();
    database.close();
    const isFormer = JSON.stringify(rows).includes('10.20.0.11');
    seen.add(isFormer ? 'former' : 'restored');
    // Later and later, until a command ends by itself.
    delay = code === 0 ? 200 : delay + 60;
    if (code === 0 && seen.size === 2) break;
    if (!isFormer) {
      rmSync(two, { recursive: true });
      cpSync(former, two, { recursive: true });
    }
  }
  assert.ok(seen.has('former'));
  mkdirSync(join(two, 'restore.999999999.unfinished'), { recursive: true });
  await fine(other, 'restore', backup, '--state-only', '--force');
  assert.deepEqual(
    readdirSync(two).filter((name) => /unfinished|ready/.test(name)),
    [],
  );
});

test('the newest backups stay, and one that cannot be restored is not among them', async () => {
  const directory = join(place, 'nights');
  mkdirSync(directory);
  // Of a night to come, by the clock of a host that was wrong, and of a command that was killed.
  for (const name of ['rackboot-2200-01-01T00-00-00Z.tar', 'rackboot-2026-01-01T00-00-00Z.tar.999999999.unfinished'])
    writeFileSync(join(directory, name), '');
  await fine(file, 'backup', '--keep', '1', '--check', directory);
  assert.deepEqual(
    readdirSync(directory).map((name) => /^rackboot-20\d\d-[\d-]+T[\d-]+Z\.tar$/.test(name)),
    [true],
  );
  const before = readdirSync(directory);
  const database = join(place, 'one', 'region.db');
  const whole = readFileSync(database);
  const damaged = Buffer.from(whole);
  damaged.fill(0xff, 4096, damaged.length);
  writeFileSync(database, damaged);
  for (const name of ['region.db-wal', 'region.db-shm']) rmSync(join(place, 'one', name), { force: true });
  try {
    // A backup is named by its second.
    await pause(1000);
    const ended = await rackboot(file, 'backup', '--keep', '2', '--check', directory);
    assert.equal(ended.code, 1, ended.out);
    assert.deepEqual(readdirSync(directory), before);
  } finally {
    writeFileSync(database, whole);
  }
  assert.equal((await rackboot(file, 'backup', '--keep', '0', directory)).code, 2);
});
