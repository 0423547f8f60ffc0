// Stamps of machines in memory. The changes of them in a region's store are in the contract (`test/contract/machine-stamps.ts`).

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { makeEmptyTables } from '../../../src/store/database-file.ts';
import { REGION_DATABASE } from '../../../src/store/region/region-schema.ts';
import { CHANGED_MAX, MachineStamps } from '../../../src/store/sqlite/machine-stamps.ts';

test('at the bound of remembered changes every machine has another stamp, and none has an earlier one again', () => {
  const database = makeEmptyTables(REGION_DATABASE);
  database.exec('PRAGMA foreign_keys = OFF');
  const max = 3;
  assert.ok(CHANGED_MAX > max);
  const stamps = new MachineStamps(database, max);
  const ids = [1, 2, 3, 4, 5];
  const seen = ids.map(() => new Set<unknown>());
  const stamp = (id: number): unknown => {
    stamps.updateVersion();
    return database.prepare('SELECT machine_stamp(?) AS stamp').get(id)?.stamp;
  };
  for (const [index, id] of ids.entries()) seen[index]?.add(stamp(id));
  for (let round = 0; round < 20; round += 1) {
    const changed = ids[round % ids.length] ?? 0;
    const before = stamp(changed);
    database.exec(`INSERT INTO allocation (address, machine_id, mac) VALUES (${round}, ${changed}, 1)`);
    const after = stamp(changed);
    assert.notEqual(after, before);
    assert.equal(seen[changed - 1]?.has(after), false);
    seen[changed - 1]?.add(after);
  }
  database.close();
});
