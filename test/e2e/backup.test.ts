// `rackboot backup` of a rack that gives leases meanwhile, and `rackboot restore` into an empty state directory: accounts, machines and every lease
// that was acknowledged before are there, and the rack says that the leases were put back.
// @host waits

import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { askDaemon } from '../../src/control/ask-daemon.ts';
import { labPlace } from '../../src/lab/safe-lab.ts';
import { leasesShape } from '../support/answer-shapes.ts';
import { missing } from '../support/needs.ts';
import { addressOf, DhcpProbes } from '../support/probes.ts';
import { RunningRack, well } from '../support/running-rack.ts';

const PLACE = labPlace(41);
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
  const form = new URLSearchParams({ hostname: 'm1', mac_addresses: MAC, architecture: 'amd64' });
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
