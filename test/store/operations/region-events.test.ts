// Queries for events.

import assert from 'node:assert/strict';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import { REGION_FILE } from '../../../src/store/region/region-schema.ts';
import { createRegionTables } from '../../../src/store/region/stored-region.ts';
import { toSqliteForm } from '../../../src/store/rows.ts';
import { EVENT_BOUNDS } from '../../../src/store/sqlite/region-sqlite.ts';
import { withRegion } from '../../region/place.ts';

for (const [isQuiet, index] of [
  [true, 'event_said'],
  [false, 'event_machine'],
] as const) {
  test(`the newest event of each machine${isQuiet ? ' above DEBUG' : ''} is the first entry of an index, past any number of others`, () =>
    withRegion(({ stateDir }) => {
      const { value } = createRegionTables(EVENT_BOUNDS).events.newestEvents(['aaaaaa'], isQuiet).next();
      assert.ok(value !== undefined && 'sql' in value);
      const database = new DatabaseSync(join(stateDir, REGION_FILE), { readOnly: true });
      try {
        const plan = database.prepare(`EXPLAIN QUERY PLAN ${toSqliteForm(value.sql)}`).all(...value.values);
        const ofEvents = plan.map(({ detail }) => String(detail)).filter((detail) => detail.includes('newest'));
        const used = ofEvents.map((detail) => detail.replace('COVERING ', ''));
        assert.deepEqual(used, [`SEARCH newest USING INDEX ${index} (machine_id=?)`]);
      } finally {
        database.close();
      }
    }));
}
