// The number of queries does not grow with the number of entries (statement-counts.ts), and an allocation takes few. Both stores run the same
// statements; the long suite counts those of PostgreSQL.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { countStatements, sumOf, takeTexts } from '../support/counted-statements.ts';
import { machine, withSite } from './api/sent/trial.ts';
import { MANY_CHANGED, testStatements } from './statement-counts.ts';

testStatements('SQLite', MANY_CHANGED);

test('an allocation takes at most 23 statements', () =>
  withSite(async (site) => {
    await machine(site, 'ready');
    await site.ask('GET', '2.0/subnets/', undefined, 'alice');
    const end = countStatements();
    try {
      takeTexts();
      const { status } = await site.ask('POST', '2.0/machines/?op=allocate', {}, 'alice');
      const statements = sumOf(takeTexts());
      assert.equal(status, 200);
      assert.ok(statements > 0 && statements <= 23, `${statements}`);
    } finally {
      end();
    }
  }));
