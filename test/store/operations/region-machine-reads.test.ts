// Queries for machines.

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import { machineQuery } from '../../../src/store/operations/region-machine-reads.ts';
import { REGION_FILE } from '../../../src/store/sqlite/region-schema.ts';
import { openRegionStore } from '../../../src/store/sqlite/region-sqlite.ts';

test('the machines of one state are read in the order of their ids, a few at a time, without sorting the rest', async () => {
  const stateDir = mkdtempSync(join(tmpdir(), 'rackboot-machines-'));
  await openRegionStore({ stateDir }).close();
  const database = new DatabaseSync(join(stateDir, REGION_FILE));
  try {
    const { sql, values } = machineQuery({ statuses: ['ready'] }, 'machine.*', ['machine.id > ?'], [0]);
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
