// Queries for machines.

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import { composeMachineQuery, listMachinesForRacks } from '../../../src/store/operations/region-machine-reads.ts';
import { REGION_FILE } from '../../../src/store/region/region-schema.ts';
import { openRegionStore } from '../../../src/store/sqlite/region-sqlite.ts';

test('the machines of one state are read in the order of their ids, a few at a time, without sorting the rest', async () => {
  const stateDir = mkdtempSync(join(tmpdir(), 'rackboot-machines-'));
  await openRegionStore({ stateDir }).close();
  const database = new DatabaseSync(join(stateDir, REGION_FILE));
  try {
    const { sql, values } = composeMachineQuery({ statuses: ['ready'] }, 'machine.*', ['machine.id > ?'], [0]);
    const plan = database.prepare(`EXPLAIN QUERY PLAN ${sql} ORDER BY machine.id LIMIT ?`).all(...values, 10);
    assert.deepEqual(
      plan.map(({ detail }) => detail),
      ['SEARCH machine USING INDEX machine_status (status=? AND rowid>?)'],
    );
  } finally {
    database.close();
    rmSync(stateDir, { recursive: true });
  }
});

test('the few machines that changed since a version are found by it, and many are read in the order of their ids', async () => {
  const stateDir = mkdtempSync(join(tmpdir(), 'rackboot-machines-'));
  await openRegionStore({ stateDir }).close();
  const database = new DatabaseSync(join(stateDir, REGION_FILE));
  const planOf = (changed: number): readonly unknown[] => {
    const steps = listMachinesForRacks(1, 0, 500);
    const counted = steps.next();
    const listed = steps.next({ row: { changed }, rows: [], changes: 0 });
    return [counted, listed].flatMap((step) => {
      if (step.done === true) return assert.fail('it ended early');
      const { sql, values } = step.value;
      return database
        .prepare(`EXPLAIN QUERY PLAN ${sql}`)
        .all(...values)
        .map(({ detail }) => detail)
        .filter((detail) => /USING|TEMP/.test(String(detail)));
    });
  };
  try {
    const counts = 'SEARCH machine USING COVERING INDEX machine_desired (desired_version>?)';
    assert.deepEqual(planOf(3), [
      counts,
      'SEARCH machine USING INDEX machine_desired (desired_version>?)',
      'USE TEMP B-TREE FOR ORDER BY',
    ]);
    assert.deepEqual(planOf(501), [counts, 'SEARCH machine USING INTEGER PRIMARY KEY (rowid>?)']);
  } finally {
    database.close();
    rmSync(stateDir, { recursive: true });
  }
});
