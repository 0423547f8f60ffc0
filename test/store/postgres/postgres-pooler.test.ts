// A pooler of connections in front of PostgreSQL is refused: locks of a connection, LISTEN and the order of changes would be lost.
// @host waits, 10 s
// @disk

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { emptyPostgres } from '../../../src/store/copying/copy-postgres.ts';
import type { PostgresPlace } from '../../../src/store/postgres/postgres-place.ts';
import { openPostgresRegion } from '../../../src/store/postgres/region-postgres.ts';
import { missing } from '../../support/needs.ts';
import { type Pooling, PostgresPooler } from '../../support/postgres-pooler.ts';
import { PostgresServer } from '../../support/postgres-server.ts';

const POOLED = /a connection pooler is in front of it, .*: name the server itself in region\.store\.url/;

describe('a pooler in front of the database', { skip: missing('linux', '/usr/lib/postgresql') }, () => {
  let server: PostgresServer;
  before(async () => {
    server = await PostgresServer.start();
  });
  after(() => server.close());

  /** @param work with the database by way of a pooler */
  async function through(pooling: Pooling, work: (place: PostgresPlace) => Promise<void>): Promise<void> {
    const pooler = await PostgresPooler.open(server.directory, pooling);
    try {
      await work(pooler.placeOf(server.placeOf(await server.makeDatabase())));
    } finally {
      await pooler.close();
    }
  }

  for (const [pooling, code] of [
    ['refuses', 'store-refused'],
    ['ignores', 'store-unavailable'],
  ] as const) {
    test(`one that ${pooling} the settings of a connection: neither a process nor a copy starts, and both say why`, () =>
      through(pooling, async (place) => {
        await assert.rejects(openPostgresRegion(place, 'one'), { code, message: POOLED });
        await assert.rejects(emptyPostgres(place), { code, message: POOLED });
      }));
  }

  test('one that gives each transaction another connection of the server: requests get 503 with the cause', () =>
    through('switches', async (place) => {
      const store = await openPostgresRegion({ ...place, pool: 1 });
      try {
        await store.accounts.listUsers();
        await assert.rejects(store.accounts.listUsers(), { code: 'store-unavailable', message: POOLED });
      } finally {
        await store.close();
      }
    }));
});
