// A region whose database is damaged takes no lease, file or name with it: the rack starts with the machines it knew, reports the damage, and
// the region is back without a restart once its database is. Real sockets on loopback, by any user. Other damage is in the long suite.
// @host waits

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { test } from 'node:test';
import { machinesShape } from '../../src/cli/terminal/shapes.ts';
import { type LabPlace, labPlace } from '../../src/lab/safe-lab.ts';
import { missing } from '../support/needs.ts';
import { askName, DhcpProbes, loadByTftp } from '../support/probes.ts';
import { RunningRack } from '../support/running-rack.ts';
import { bootSimulatedMachine } from '../support/simulated-boot.ts';

/** Runs the work with a rack that has started, and has a whole region. */
async function withWholeRack(
  place: LabPlace,
  work: (rack: RunningRack, openProbes: () => Promise<DhcpProbes>) => Promise<void>,
): Promise<void> {
  const rack = new RunningRack(place);
  let probes: DhcpProbes | undefined;
  try {
    await rack.startWhole();
    await work(rack, async () => {
      probes ??= await DhcpProbes.open(place);
      return probes;
    });
  } finally {
    await probes?.close();
    await rack.remove();
  }
}

/** Boots a machine of the place, which the region then knows. */
async function enlistMachine(place: LabPlace): Promise<void> {
  const outcome = await bootSimulatedMachine(place, 300, () => undefined);
  assert.equal(outcome.kind, 'enlisted', JSON.stringify(outcome));
}

const shown = (rack: RunningRack, words: string) => rack.rackboot(words);

/** `status` and `doctor` show that the region cannot run, and the remedy. */
async function assertShownAsDown(rack: RunningRack): Promise<void> {
  for (const words of ['status', 'doctor']) {
    const { code, output } = await shown(rack, words);
    assert.equal(code, 1);
    assert.match(output.join('\n'), /^BAD .*region.*region\.db .*restore a backup/m, words);
  }
}

async function machineNames(rack: RunningRack): Promise<readonly string[]> {
  const machines = machinesShape.parse(await rack.ask('/MAAS/api/2.0/machines/'));
  return machines.map(({ hostname }) => hostname);
}

const PLACE = labPlace(38);
const ADDRESS = `${PLACE.octets}.1`;

/** Meanwhile another program of this host takes the region's port: it gets no machine's request, and so no secret of the rack. */
async function assertNobodyStandsIn(): Promise<void> {
  let passedOn = 0;
  const stranger = createServer((_request, response) => {
    passedOn += 1;
    response.end('2.0');
  });
  await once(stranger.listen(PLACE.regionPort, ADDRESS), 'listening');
  try {
    const { status } = await fetch(`http://${ADDRESS}:${PLACE.httpPort}/MAAS/api/version/`);
    assert.deepEqual([status, passedOn], [503, 0]);
  } finally {
    stranger.closeAllConnections();
    stranger.close();
    await once(stranger, 'close');
  }
}

test(
  'a damaged region.db stops no leases, files or names, and can be restored while the rack runs',
  {
    skip: missing('linux'),
  },
  () =>
    withWholeRack(PLACE, async (rack, openProbes) => {
      await enlistMachine(PLACE);
      const before = await machineNames(rack);
      const { region } = await rack.status();
      assert.equal(before.length, 1);
      await rack.stop();

      const database = join(rack.stateDir, 'region.db');
      const whole = readFileSync(database);
      // The page that holds the schema.
      writeFileSync(database, Buffer.from(whole).fill(0xa5, 100, 4000));
      for (const end of ['-wal', '-shm']) rmSync(`${database}${end}`, { force: true });

      const from = rack.lines.length;
      await rack.start();
      const down = await rack.reported('region.down', { from });
      assert.match(String(down.reason), /region\.db .*restore a backup/);
      const damaged = await rack.status();
      assert.notEqual(damaged.region?.state, 'up');
      assert.match(damaged.region?.problem ?? '', /region\.db .*restore a backup/);
      await assertShownAsDown(rack);
      assert.equal(damaged.region?.desiredVersion, region?.desiredVersion, 'the machines it knew are in force');
      assert.ok(await (await openProbes()).leaseWithin(5000));
      await loadByTftp(ADDRESS, PLACE.tftpPort, 'lpxelinux.0');
      await askName(ADDRESS, PLACE.dnsPort, 'lab.maas');
      await assertNobodyStandsIn();

      writeFileSync(database, whole);
      await rack.reported('region.up', { from, limitMs: 60_000 });
      assert.deepEqual(await machineNames(rack), before);
      assert.equal((await rack.status()).region?.problem, undefined);
    }),
);
