// The queries of an enlistment are cheap, however many machines are New and however many interfaces they have.

import assert from 'node:assert/strict';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import { NEW_MACHINES_SQL, UNBOOTED_SQL, UNTOUCHED_SQL } from '../../../src/store/operations/region-decisions.ts';
import { withRegion } from '../../region/place.ts';

const QUERIES: readonly (readonly [name: string, sql: string, order: RegExp])[] = [
  ['counting the New machines', NEW_MACHINES_SQL, /SCAN machine USING COVERING INDEX machine_untouched/],
  ['finding a machine that gives way', UNTOUCHED_SQL, /SCAN machine USING COVERING INDEX machine_untouched/],
  [
    'counting what a user added',
    UNBOOTED_SQL,
    /SEARCH machine USING INDEX machine_unbooted \(added_by=\? AND vouched_mac=\?\)/,
  ],
];

for (const [name, sql, machines] of QUERIES) {
  test(`${name} reads by an index, without reported interfaces and without sorting`, () =>
    withRegion(({ stateDir }) => {
      const database = new DatabaseSync(join(stateDir, 'region.db'), { readOnly: true });
      const plan = database
        .prepare(`EXPLAIN QUERY PLAN ${sql}`)
        .all()
        .map(({ detail }) => String(detail))
        .join('\n');
      database.close();
      assert.match(plan, machines);
      assert.doesNotMatch(plan, /TEMP B-TREE/);
    }));
}
