// A region whose database is damaged in other ways takes no lease, file or name with it: one that is not a database, or is gone, one with
// a damaged page, one that was emptied, and one whose write-ahead log lost its end. Real sockets on loopback, by any user.
// @host alone

import assert from 'node:assert/strict';
import { existsSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import { labPlace } from '../../src/lab/safe-lab.ts';
import {
  assertShownAsDamage,
  assertShownAsDown,
  cachedMachines,
  enlistMachine,
  withWholeRack,
} from '../support/damaged-region.ts';
import { machineNames } from '../support/machine-names.ts';
import { missing } from '../support/needs.ts';
import { askName } from '../support/probes.ts';
import { runRackboot } from '../support/running-rack.ts';

const PLACE = labPlace(15);
const ADDRESS = `${PLACE.octets}.1`;

test(
  'a region.db that is not a database, and one that is gone, are named; an empty one is begun only where none held data',
  {
    skip: missing('linux'),
    timeout: 120_000,
  },
  () =>
    withWholeRack(PLACE, async (rack) => {
      await enlistMachine(PLACE);
      await rack.stop();
      const database = join(rack.stateDir, 'region.db');
      for (const end of ['-wal', '-shm']) rmSync(`${database}${end}`, { force: true });
      writeFileSync(database, 'this is not a database, it is a letter. '.repeat(300));
      const second = rack.lines.length;
      await rack.start();
      assert.match(String((await rack.reported('region.down', { from: second })).reason), /region\.db .*move it/);
      rmSync(database);
      const lost = /region\.db is empty or missing, but .*desired-state\.json.* once held data: restore a backup/;
      await rack.reported('region.down', { from: second, match: ({ reason }) => lost.test(String(reason)) });
      assert.equal(existsSync(database), false);
      assert.equal((await rack.status()).machinesKnown, 1);
      rmSync(join(rack.stateDir, 'desired-state.json'));
      await rack.reported('region.up', { from: second, limitMs: 60_000 });
      assert.deepEqual(await machineNames(rack), [], 'an empty one was begun');
    }),
);

/** Zeroes the first page of a table in a file that no process has open. */
function zeroTable(database: string, table: string): void {
  const reader = new DatabaseSync(database, { readOnly: true });
  const page = Number(reader.prepare('SELECT rootpage FROM sqlite_schema WHERE name = ?').get(table)?.rootpage);
  const size = Number(reader.prepare('PRAGMA page_size').get()?.page_size);
  reader.close();
  assert.ok(page > 1 && size > 0);
  writeFileSync(database, readFileSync(database).fill(0, (page - 1) * size, page * size));
}

test(
  'a damaged page that the region reads only at its start does not end the rack either',
  {
    skip: missing('linux'),
    timeout: 120_000,
  },
  () =>
    withWholeRack(PLACE, async (rack, openProbes) => {
      await rack.stop();
      const database = join(rack.stateDir, 'region.db');
      const whole = readFileSync(database);
      const from = rack.lines.length;
      zeroTable(database, 'machine');
      await rack.start();
      for (let retries = 0, seen = from; retries < 2; retries += 1) {
        const down = await rack.reported('region.down', { from: seen });
        assert.match(String(down.reason), /region\.db is damaged .*restore a backup/);
        seen = rack.lines.indexOf(down) + 1;
      }
      assert.ok(await (await openProbes()).leaseWithin(5000));
      await askName(ADDRESS, PLACE.dnsPort, 'lab.maas');
      await assertShownAsDown(rack);
      writeFileSync(database, whole);
      await rack.reported('region.up', { from, limitMs: 60_000 });
    }),
);

test(
  'an emptied region.db with a write-ahead log costs neither the log nor the networks',
  {
    skip: missing('linux'),
    timeout: 120_000,
  },
  () =>
    withWholeRack(PLACE, async (rack, openProbes) => {
      await enlistMachine(PLACE);
      const database = join(rack.stateDir, 'region.db');
      const cache = await cachedMachines(rack);
      await rack.kill();
      const [whole, wal, before] = [database, `${database}-wal`, cache].map((path) => readFileSync(path));
      assert.ok(whole !== undefined && wal !== undefined && wal.length > 0);
      truncateSync(database);
      const from = rack.lines.length;
      await rack.start();
      const { reason } = await rack.reported('region.down', { from });
      assert.match(String(reason), /region\.db is empty or missing, but its write-ahead log is not.*restore a backup/);
      const status = await runRackboot(['status', '--config', rack.configFile]);
      assert.match(status.output.join('\n'), /^BAD .*region\.db is empty .*restore a backup/m);
      assert.equal((await rack.status()).machinesKnown, 1);
      assert.ok(await (await openProbes()).leaseWithin(5000));
      assert.deepEqual(readFileSync(cache), before);
      assert.deepEqual(readFileSync(`${database}-wal`), wal);
      writeFileSync(database, whole);
      await rack.reported('region.up', { from, limitMs: 60_000 });
      assert.equal((await machineNames(rack)).length, 1);
    }),
);

test(
  'the rack, status and doctor report a region.db whose write-ahead log lost its end without an error',
  {
    skip: missing('linux'),
    timeout: 120_000,
  },
  () =>
    withWholeRack(PLACE, async (rack) => {
      await enlistMachine(PLACE);
      await cachedMachines(rack);
      await rack.kill();
      const wal = join(rack.stateDir, 'region.db-wal');
      const bytes = readFileSync(wal);
      // In the header of the first frame: SQLite then ignores the whole log.
      bytes[40] = (bytes[40] ?? 0) ^ 1;
      writeFileSync(wal, bytes);
      const from = rack.lines.length;
      await rack.start();
      await rack.reported('region.up', { from });
      const reported = /region\.db holds version \d+ .* but .*desired-state\.json is of version/;
      await assertShownAsDamage(rack, from, reported, 'region\\.db holds version');
    }),
);
