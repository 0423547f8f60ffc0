// Settings that an administrator of the database may give the region's user, which its processes must work with. More are in the long
// suite.
// @host waits, 50 s
// @disk

import { after, before, describe, test } from 'node:test';
import { assertWorksWith, IDLE_MS, startHampered } from '../../support/hampered-database.ts';
import { missing } from '../../support/needs.ts';
import type { PostgresServer } from '../../support/postgres-server.ts';

const SETTINGS: readonly (readonly [name: string, value: string])[] = [
  ['default_transaction_isolation', 'serializable'],
  ['idle_session_timeout', String(IDLE_MS)],
  ['client_encoding', 'LATIN1'],
];

describe('a user of the database with settings of its own', { skip: missing('linux', '/usr/lib/postgresql') }, () => {
  let server: PostgresServer;

  before(async () => {
    server = await startHampered();
  });
  after(() => server.close());

  for (const [name, value] of SETTINGS)
    test(`${name} = ${value}: processes start together, count together, and hear each other`, () =>
      assertWorksWith(server, name, value));
});
