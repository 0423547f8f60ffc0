// Further settings that an administrator of the database may give the region's user, and a table that somebody altered.
// @host alone
// @disk

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { openPostgresRegion } from '../../src/store/postgres/region-postgres.ts';
import { assertWorksWith, emptyPlace, startHampered } from '../support/hampered-database.ts';
import { missing } from '../support/needs.ts';
import type { PostgresServer } from '../support/postgres-server.ts';

const SETTINGS: readonly (readonly [name: string, value: string])[] = [
  ['default_transaction_isolation', 'repeatable read'],
  ['default_transaction_deferrable', 'on'],
  ['statement_timeout', '1'],
  ['lock_timeout', '1'],
  ['idle_in_transaction_session_timeout', '1'],
  ['standard_conforming_strings', 'off'],
  ['bytea_output', 'escape'],
];

describe('a user of the database with further settings of its own', {
  skip: missing('linux', '/usr/lib/postgresql'),
}, () => {
  let server: PostgresServer;

  before(async () => {
    server = await startHampered();
  });
  after(() => server.close());

  for (const [name, value] of SETTINGS)
    test(`${name} = ${value}: processes start together, count together, and hear each other`, () =>
      assertWorksWith(server, name, value));

  test('a table that somebody altered costs a connection whose plans no longer fit, and no request', async () => {
    const place = await emptyPlace(server);
    const store = await openPostgresRegion({ ...place, pool: 1 }, 'one');
    try {
      assert.deepEqual(await store.accounts.listUsers(), []);
      await server.query('ALTER TABLE account ALTER COLUMN email TYPE varchar', new URL(place.url).pathname.slice(1));
      assert.deepEqual(await store.accounts.listUsers(), []);
    } finally {
      await store.close();
    }
  });
});
