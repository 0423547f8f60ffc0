// In a region with many machines and events, PostgreSQL plans no statement that reads a whole table for each entry of a request. The costs
// are the planner's (https://www.postgresql.org/docs/15/using-explain.html), so that they depend on the rows and not on this host's speed.
// @host waits, 10 s
// @disk

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { PostgresConfirmation } from '../../../src/store/postgres/postgres-confirmation.ts';
import { PostgresConnections } from '../../../src/store/postgres/postgres-connections.ts';
import { PostgresTransactions } from '../../../src/store/postgres/postgres-transactions.ts';
import { openPostgresRegion } from '../../../src/store/postgres/region-postgres.ts';
import { createRegionTables } from '../../../src/store/region/stored-region.ts';
import type { Row } from '../../../src/store/rows.ts';
import { EVENT_BOUNDS } from '../../../src/store/sqlite/region-sqlite.ts';
import { all, type Steps } from '../../../src/store/steps.ts';
import { fillRegion, OPERATIONS } from '../../contract/region-operations.ts';
import { missing } from '../../support/needs.ts';
import { RegionDatabases } from '../../support/postgres-server.ts';

/** The machines that a request names, out of all machines. */
const NAMED = 12;
const MACHINES = 10_000;
const EVENTS = 200_000;
/** Above what a list of all machines costs (533 here), and far below one pass over all events (5 800). */
const COST_MAX = 1000;
/** A process counts the events once, then keeps the counts. */
const COUNTS = /^SELECT (?:machine_id, )?count\(\*\)[^(]* FROM event WHERE /;

const planIn = (row: Row): string => String(row['QUERY PLAN']);

/** Runs an operation, and tells the planner's cost of each statement before it runs. */
function* explained(steps: Steps<unknown>, tell: (sql: string, cost: number) => void): Steps<unknown> {
  let step = steps.next();
  while (step.done !== true) {
    const { sql, values } = step.value;
    const { rows } = yield all(`EXPLAIN ${sql}`, ...values);
    tell(sql, Number(/\.\.([\d.]+) rows=/.exec(planIn(rows[0] ?? {}))?.[1]));
    step = steps.next(yield step.value);
  }
  return step.value;
}

describe('a large region in PostgreSQL', { skip: missing('linux', '/usr/lib/postgresql') }, () => {
  let databases: RegionDatabases;
  let name: string;

  before(async () => {
    databases = await RegionDatabases.start();
    name = await databases.make();
    const store = await openPostgresRegion(databases.server.placeOf(name));
    await fillRegion(store, NAMED);
    await store.close();
    const { server } = databases;
    const columns = (await server.query(
      `SELECT string_agg(quote_ident(column_name), ', ') AS names FROM information_schema.columns
       WHERE table_name = 'machine' AND column_name NOT IN ('id', 'system_id', 'hostname')`,
      name,
    )) as { names: string }[];
    const others = columns[0]?.names;
    await server.query(
      `INSERT INTO machine (system_id, hostname, ${others}) SELECT 'f' || number, 'further' || number, ${others}
       FROM machine, generate_series(1, ${MACHINES}) AS number WHERE system_id = 'm00000'`,
      name,
    );
    await server.query(
      `INSERT INTO event (machine_id, at_ms, type, level, code, params, username)
       SELECT 1 + number % ${MACHINES}, at_ms, type, level, code, params, '' FROM
         (SELECT * FROM event ORDER BY id LIMIT 1) AS first, generate_series(1, ${EVENTS}) AS number`,
      name,
    );
    await server.query('ANALYZE', name);
  });
  after(() => databases.close());

  test('no statement of any operation costs more than a list of all machines', async () => {
    const place = databases.server.placeOf(name);
    const driver = new PostgresTransactions(new PostgresConnections(place), new PostgresConfirmation(place));
    const region = { tables: createRegionTables(EVENT_BOUNDS), machines: NAMED };
    const dear: string[] = [];
    let seen = 0;
    try {
      for (const [title, operation] of Object.entries(OPERATIONS)) {
        const tell = (sql: string, cost: number): void => {
          seen += 1;
          assert.ok(cost >= 0, `${title}: no cost of ${sql}`);
          if (cost > COST_MAX && !COUNTS.test(sql)) dear.push(`${title}: ${Math.round(cost)}: ${sql}`);
        };
        await driver.write(() => explained(operation(region), tell));
      }
    } finally {
      await driver.close();
    }
    assert.deepEqual(dear, []);
    assert.ok(seen > Object.keys(OPERATIONS).length, `${seen} statements`);
  });
});
