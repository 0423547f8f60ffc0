// The backup of docs/upgrade.md, taken by its script from a rack that gives leases meanwhile, and restored by its commands into an empty state
// directory: accounts, machines and every lease that was acknowledged before are there, and the rack says that the leases were put back.
// @host waits

import assert from 'node:assert/strict';
import { execFile, execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { promisify } from 'node:util';
import { askDaemon } from '../../src/control/ask-daemon.ts';
import { labPlace } from '../../src/lab/safe-lab.ts';
import { commandsOf, partsOf, readDocument } from '../documents/markdown.ts';
import { leasesShape } from '../support/answer-shapes.ts';
import { missing } from '../support/needs.ts';
import { addressOf, DhcpProbes } from '../support/probes.ts';
import { RunningRack, runRackboot } from '../support/running-rack.ts';

const PAGE = 'docs/upgrade.md';
const PLACE = labPlace(41);
const MAC = '52:54:00:97:00:01';

/** The directories of the page, and those of the test in their place. */
type Places = Readonly<Record<string, string>>;

function inPlace(text: string, places: Places): string {
  return Object.entries(places).reduce((done, [shown, own]) => done.replaceAll(shown, own), text);
}

/** Runs the page's script. @returns the directory that it printed */
async function runBackup(script: string, places: Places): Promise<string> {
  const blocks = partsOf(readDocument(PAGE)).flatMap((part) => (part.kind === 'block' ? [part.lines.join('\n')] : []));
  const shown = blocks.find((block) => block.startsWith('#!/bin/sh\n')) ?? assert.fail(`${PAGE} shows no script`);
  writeFileSync(script, `${inPlace(shown, places)}\n`, { mode: 0o755 });
  const { stdout } = await promisify(execFile)(script);
  return stdout.trim();
}

/** Runs the commands of the page's section that restore. */
function restoreShown(places: Places): void {
  const section = /^## Restore\n(.*?)^## /ms.exec(readDocument(PAGE))?.[1] ?? assert.fail(`${PAGE} restores nothing`);
  const commands = partsOf(section)
    .flatMap((part) => (part.kind === 'block' && part.language === 'sh' ? commandsOf(part) : []))
    .flatMap(({ command }) => /^sudo (sh -c '.*')$/.exec(command)?.[1] ?? []);
  assert.equal(commands.length, 3);
  for (const command of commands) execFileSync('sh', ['-c', inPlace(command, places)], { stdio: 'pipe' });
}

test('a backup of a running rack is restored into an empty state directory', {
  skip: missing('linux', 'sqlite3'),
  timeout: 180_000,
}, async () => {
  const rack = new RunningRack(PLACE);
  after(() => rack.remove());
  const config = readFileSync(rack.configFile, 'utf8');
  const [script, etc] = [join(rack.directory, 'rackboot-backup'), join(rack.directory, 'etc')];
  mkdirSync(etc);
  writeFileSync(join(etc, 'rackboot.yaml'), config);
  const password = join(rack.directory, 'password');
  writeFileSync(password, 'correct horse battery\n', { mode: 0o600 });
  await rack.startWhole();
  const made = await runRackboot([
    ...['createadmin', '--username', 'ann', '--password-file', password],
    ...['--config', rack.configFile],
  ]);
  assert.equal(made.code, 0, made.complaints.join('\n'));
  const form = new URLSearchParams({ hostname: 'm1', mac_addresses: MAC, architecture: 'amd64' });
  await askDaemon(rack.stateDir, '/MAAS/api/2.0/machines/', 'POST', form.toString());

  const probes = await DhcpProbes.open(PLACE);
  const leased: string[] = [];
  const takeLease = async (): Promise<void> => {
    const lease = await probes.lease(probes.newMac(), 'system');
    leased.push(addressOf(lease));
  };
  let backup = '';
  try {
    for (let count = 0; count < 20; count += 1) await takeLease();
    const places = {
      '/var/lib/rackboot': rack.stateDir,
      '/etc/rackboot': etc,
      '/var/backups/rackboot': join(rack.directory, 'backups'),
    };
    let isDone = false;
    const taken = runBackup(script, places).finally(() => {
      isDone = true;
    });
    const before = leased.length;
    do await takeLease();
    while (!isDone && leased.length < 90);
    backup = await taken;
    leased.length = before;
  } finally {
    await probes.close();
  }
  assert.deepEqual(readdirSync(backup).sort(), ['etc', 'leases.db', 'rack.json', 'region.db']);
  for (const name of readdirSync(backup).filter((one) => one !== 'etc'))
    assert.equal(statSync(join(backup, name)).mode & 0o077, 0, `${name} is for its owner only`);
  const uuid = readFileSync(join(rack.stateDir, 'rack.json'), 'utf8');
  await rack.stop();

  const [second, secondEtc] = [join(rack.directory, 'second'), join(rack.directory, 'second-etc')];
  mkdirSync(second);
  // As a former life left them.
  for (const name of ['leases.db-wal', 'region.db-wal', 'desired-state.json', 'lease-mark.json'])
    writeFileSync(join(second, name), 'of another file');
  restoreShown({ '/var/lib/rackboot': second, '/etc/rackboot': secondEtc, BACKUP: backup });
  assert.equal(readFileSync(join(secondEtc, 'rackboot.yaml'), 'utf8'), config);
  rack.configure(config.replaceAll(rack.stateDir, second));
  const from = rack.lines.length;
  await rack.startWhole();
  assert.equal(rack.events('daemon.leases-restored', from).length, 1);
  assert.equal(readFileSync(join(second, 'rack.json'), 'utf8'), uuid);
  assert.match(JSON.stringify(await askDaemon(second, '/MAAS/api/2.0/users/')), /"username":"ann"/);
  assert.match(JSON.stringify(await askDaemon(second, '/MAAS/api/2.0/machines/')), /"hostname":"m1"/);
  const leases = leasesShape.parse(await askDaemon(second, '/leases'));
  const known = new Set(leases.map(({ address }) => address));
  assert.deepEqual(
    leased.filter((address) => !known.has(address)),
    [],
    'every lease from before the backup is there',
  );
});
