// `rackboot backup` of a rack that gives leases meanwhile, and `rackboot restore` into an empty state directory: accounts, machines and every lease
// that was acknowledged before are there, and the rack says that the leases were put back.
// The command of rackboot-backup.service, too: what it keeps, and where a failure is shown. Then the commands of docs/moving.md.
// @host waits, 120 s

import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { askDaemon } from '../../src/control/ask-daemon.ts';
import { labPlace } from '../../src/lab/safe-lab.ts';
import { commandsOf, partsOf, readDocument } from '../documents/markdown.ts';
import { leasesShape } from '../support/answer-shapes.ts';
import { missing } from '../support/needs.ts';
import { addressOf, DhcpProbes } from '../support/probes.ts';
import { eventually, PASSWORD, RunningRack, well } from '../support/running-rack.ts';

const PLACE = labPlace(41);
const MOVING = labPlace(141);
const ROOT = join(import.meta.dirname, '../..');
const MAC = '52:54:00:97:00:01';

test('a backup of a running rack is restored into an empty state directory', {
  skip: missing('linux'),
}, async () => {
  const rack = new RunningRack(PLACE);
  after(() => rack.remove());
  const config = readFileSync(rack.configFile, 'utf8');
  const backup = join(rack.directory, 'backup.tar');
  await rack.startWhole();
  await rack.administrator();
  const form = new URLSearchParams({ hostname: 'm1', mac_addresses: MAC, architecture: 'amd64', commission: 'false' });
  await askDaemon(rack.stateDir, '/MAAS/api/2.0/machines/', 'POST', form.toString());

  const probes = await DhcpProbes.open(PLACE);
  const leased: string[] = [];
  const takeLease = async (): Promise<void> => {
    const lease = await probes.lease(probes.newMac(), 'system');
    leased.push(addressOf(lease));
  };
  try {
    for (let count = 0; count < 20; count += 1) await takeLease();
    let isDone = false;
    const taken = rack.rackboot('backup', backup).finally(() => {
      isDone = true;
    });
    const before = leased.length;
    do await takeLease();
    while (!isDone && leased.length < 90);
    await well(taken);
    leased.length = before;
  } finally {
    await probes.close();
  }
  assert.equal(statSync(backup).mode & 0o777, 0o600, 'it has passwords');
  const running = await rack.rackboot('restore', backup, '--force');
  assert.equal(running.code, 1);
  assert.match(running.complaints.join(), /already runs here/);
  const uuid = readFileSync(join(rack.stateDir, 'rack.json'), 'utf8');
  await rack.stop();

  const second = join(rack.directory, 'second');
  mkdirSync(second);
  // As a former life left them.
  for (const name of ['leases.db-wal', 'region.db-wal', 'desired-state.json', 'lease-mark.json', 'rack.lock'])
    writeFileSync(join(second, name), '');
  rack.configure(config.replaceAll(rack.stateDir, second));
  await rack.well('restore', backup, '--state-only');
  assert.equal(existsSync(join(second, 'lease-mark.json')), false, 'the leases are a copy');
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

test('the nightly backup is checked, seven stay, and a failure is on the page of health until one succeeds', {
  skip: missing('linux'),
}, async () => {
  const rack = new RunningRack(PLACE);
  after(() => rack.remove());
  await rack.startWhole();
  const unit = readFileSync(join(ROOT, 'systemd/rackboot-backup.service'), 'utf8');
  const [, line = ''] = /^ExecStart=\/usr\/bin\/env rackboot (.+)$/m.exec(unit) ?? [];
  const directory = join(rack.directory, 'backups');
  const words = line.split(' ').map((word) => (word === '/var/backups/rackboot' ? directory : word));
  const at = words.indexOf('--config');
  const night = () => rack.rackboot(...words.toSpliced(at, 2));
  await rack.administrator();
  const page = `http://127.0.0.1:${PLACE.regionPort}/MAAS`;
  const form = new URLSearchParams({ username: 'ann', password: PASSWORD, to: '/MAAS/' });
  const { headers } = await fetch(`${page}/login/`, { method: 'POST', body: form, redirect: 'manual' });
  const Cookie = (headers.get('set-cookie') ?? '').split(';')[0] ?? '';
  const health = async (): Promise<string> => await (await fetch(`${page}/health/`, { headers: { Cookie } })).text();

  mkdirSync(directory);
  const former = Array.from({ length: 8 }, (_, day) => `rackboot-2026-01-0${day + 1}T00-00-00Z.tar`);
  for (const name of [...former, 'of-a-person.tar']) writeFileSync(join(directory, name), '');
  await well(night());
  const kept = readdirSync(directory).toSorted();
  assert.deepEqual(kept.slice(0, 7), ['of-a-person.tar', ...former.slice(-6)]);
  assert.equal(kept.length, 8);
  assert.equal(statSync(join(directory, kept.at(-1) ?? '')).mode & 0o777, 0o600);
  assert.equal(rack.events('daemon.backed-up').length, 1);

  renameSync(directory, `${directory}.away`);
  writeFileSync(directory, '');
  assert.equal((await night()).code, 1);
  assert.equal(rack.events('daemon.backup-failed').length, 1);
  assert.match((await rack.rackboot('status')).out.replaceAll('\n', ' '), /BAD .*backup .* failed/);
  await eventually('the page of health shows it', async () => (await health()).includes('rackboot-backup'), 75_000);
  rmSync(directory);
  renameSync(`${directory}.away`, directory);
  await well(night());
  assert.doesNotMatch(await rack.well('status'), /backup .* failed/);
  await rack.stop();
  assert.deepEqual(
    readdirSync(rack.stateDir).filter((name) => name.includes('unfinished')),
    [],
  );
});

test('the two commands of the document move a rack to a host on which it never ran', {
  skip: missing('linux'),
}, async () => {
  const [leaving = '', arriving = ''] = partsOf(readDocument('docs/moving.md').split(/^## From/m)[0] ?? '').flatMap(
    (part) => (part.kind === 'block' ? commandsOf(part).map(({ command }) => command) : []),
  );
  const rack = new RunningRack(MOVING);
  after(() => rack.remove());
  await rack.startWhole();
  const key = await rack.administrator();
  const form = new URLSearchParams({ hostname: 'm1', mac_addresses: MAC, architecture: 'amd64', commission: 'false' });
  await askDaemon(rack.stateDir, '/MAAS/api/2.0/machines/', 'POST', form.toString());
  const identity = readFileSync(join(rack.stateDir, 'rack.json'), 'utf8');
  const probes = await DhcpProbes.open(MOVING);
  const leased = addressOf(await probes.lease(probes.newMac(), 'system'));
  await probes.close();

  const file = join(rack.directory, '..', `moved-${process.pid}.tar`);
  after(() => rmSync(file, { force: true }));
  const runAll = async (line: string): Promise<void> => {
    for (const part of line.split(' && ')) {
      if (part === 'sudo systemctl disable --now rackboot') await rack.stop();
      else if (part === 'sudo systemctl enable --now rackboot') await rack.startWhole();
      else await rack.well(...part.replace('/var/backups/rackboot.tar', file).split(' ').slice(2));
    }
  };
  await runAll(leaving);
  // The new host has no state. Its configuration names the directory, as that is not the default one.
  const config = readFileSync(rack.configFile, 'utf8');
  renameSync(rack.directory, `${rack.directory}.former`);
  after(() => rmSync(`${rack.directory}.former`, { recursive: true }));
  mkdirSync(rack.directory);
  rack.configure(config);
  await runAll(arriving);
  assert.equal(readFileSync(join(rack.stateDir, 'rack.json'), 'utf8'), identity);
  assert.match(JSON.stringify(await askDaemon(rack.stateDir, '/MAAS/api/2.0/machines/')), /"hostname":"m1"/);
  assert.match(JSON.stringify(await askDaemon(rack.stateDir, '/leases')), new RegExp(`"${leased}"`));
  const [, token = ''] = key.split(':');
  assert.match(await rack.well('apikey', '--username', 'ann', '--list'), new RegExp(token));
  await rack.stop();
});
