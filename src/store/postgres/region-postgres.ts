// The region's store in PostgreSQL, version 15 or later.
//
// 1. The database belongs to Rackboot: a mark says so, and which version of the tables it has; 0:
//    it has none yet. A database with other tables is refused.
// 2. Of processes that start together one makes the tables, under a lock.

import type pg from 'pg';
import { newUuid } from '../../ground/clock.ts';
import { RackError } from '../../ground/errors.ts';
import type { RegionStore } from '../../region/records/store.ts';
import { type Migration, readMigration } from '../database-file.ts';
import { createStoredRegion } from '../region/stored-region.ts';
import { EVENT_BOUNDS } from '../sqlite/region-sqlite.ts';
import { PostgresConfirmation } from './postgres-confirmation.ts';
import { PostgresConnections } from './postgres-connections.ts';
import { explainPostgres } from './postgres-faults.ts';
import { POSTGRES_MIGRATIONS, PreparedForms } from './postgres-form.ts';
import { PostgresNeighbours } from './postgres-neighbours.ts';
import { createPoolConfig, endConnection, PostgresClient, type PostgresPlace } from './postgres-place.ts';
import { PostgresRates } from './postgres-rates.ts';
import { answerStatement, PostgresTransactions } from './postgres-transactions.ts';
import { ALONE_SQL } from './postgres-version.ts';
import { PostgresWatch } from './postgres-watch.ts';

/** The oldest supported server, as `server_version_num`. */
const OLDEST_SERVER = 150_000;
const SCHEMA_LOCK = 0x5242_5342;
/** How long the tables may take, and a second process waits for them, in milliseconds. */
const TABLES_MS_MAX = 120_000;

const MARK_SQL =
  'CREATE TABLE rackboot (version BIGINT NOT NULL, the_only BOOLEAN PRIMARY KEY DEFAULT true CHECK (the_only)); ' +
  'INSERT INTO rackboot (version) VALUES (0)';

/** The source of a copy must hold a region, its target may be unfinished. */
type TablesUse = 'region' | 'command' | 'source' | 'target';

/**
 * Opens the region's database, with its tables.
 * @param name of this process in the duties; `undefined` for a command, which leaves older tables
 * as they are
 * @throws RackError `store-unavailable`, `store-refused`, `store-newer`, `store-broken`
 */
export async function openPostgresRegion(place: PostgresPlace, name?: string): Promise<RegionStore> {
  const watch = new PostgresWatch(place);
  const connections = new PostgresConnections(place, 'region', watch);
  try {
    await connections.use(({ client }) => makeTables(client, name === undefined ? 'command' : 'region'));
    await connections.forgetOldMarks();
  } catch (error) {
    await connections.close();
    throw explainPostgres(error);
  }
  const confirmation = new PostgresConfirmation(place);
  const driver = new PostgresTransactions(connections, confirmation);
  const dutyConnections = new PostgresConnections({ ...place, pool: 1 }, 'region', watch);
  watch.begin();
  return createStoredRegion(driver, EVENT_BOUNDS, {
    holder: `${name ?? 'command'} ${newUuid()}`,
    availability: watch,
    neighbours: new PostgresNeighbours(place, watch),
    confirmation,
    rates: new PostgresRates(place, watch),
    dutyDriver: new PostgresTransactions(dutyConnections, confirmation, true),
  });
}

/**
 * Makes the tables of an empty database; unfinished ones for the target of a copy. Only a process
 * of the region brings older ones up to date, and then their processes end.
 */
export async function makeTables(client: pg.ClientBase, use: TablesUse): Promise<void> {
  const readNumber = createNumberReader(client);
  await checkServer(client, use);
  await client.query(
    `BEGIN; SET LOCAL lock_timeout = ${TABLES_MS_MAX}; SET LOCAL statement_timeout = ${TABLES_MS_MAX}`,
  );
  await runMigration(client, `SELECT pg_advisory_xact_lock(${SCHEMA_LOCK})`);
  if ((await readNumber('SELECT count(current_schema())')) === 0) {
    const text = `the region's database has no schema for its tables: make one with CREATE SCHEMA, or set the search_path of its user`;
    throw new RackError('store-broken', text);
  }
  const hasMark = (await readNumber(MARK_COUNT_SQL)) > 0;
  if (!hasMark && use === 'source')
    throw new RackError('not-found', 'the database holds no region: check the name in its URL');
  const version = await readTablesVersion(readNumber, hasMark);
  if (!hasMark) await client.query(MARK_SQL);
  checkVersion(version, use, hasMark);
  // Older processes write nothing afterwards.
  if (version !== POSTGRES_MIGRATIONS.length) await runMigration(client, ALONE_SQL);
  for (const migration of POSTGRES_MIGRATIONS.slice(Math.abs(version))) await runMigration(client, migration);
  if (Math.abs(version) < POSTGRES_MIGRATIONS.length) {
    // No region may start on the target, even if the copy ends early.
    const newVersion = use === 'target' ? -POSTGRES_MIGRATIONS.length : POSTGRES_MIGRATIONS.length;
    await client.query('UPDATE rackboot SET version = $1', [newVersion]);
  }
  await client.query('COMMIT');
}

/** Allows more time than a running process has. */
async function runMigration(client: pg.ClientBase, migration: Migration): Promise<void> {
  const timeouts = { query_timeout: TABLES_MS_MAX };
  const [text, move] = readMigration(migration);
  const statement = { text, ...timeouts };
  await client.query(statement);
  if (move === undefined) return;
  const forms = new PreparedForms();
  const steps = move();
  let result = steps.next();
  while (result.done !== true) {
    const query = { text: forms.prepare(result.value.sql).text, ...timeouts };
    result = steps.next(await answerStatement(client, result.value, query));
  }
}

const createNumberReader =
  (client: pg.ClientBase) =>
  async (sql: string): Promise<number> => {
    const { rows } = await client.query<Record<string, unknown>>(sql);
    return Number(Object.values(rows[0] ?? {})[0] ?? 0);
  };

/** The version of the tables; 0: the database has none. */
const readTablesVersion = async (
  readNumber: ReturnType<typeof createNumberReader>,
  hasMark: boolean,
): Promise<number> => (hasMark ? await readNumber('SELECT version FROM rackboot') : 0);

/**
 * Whether a process can use the tables. An empty database is fine.
 * @throws RackError `store-broken` if a copy into them was interrupted, or they are not ours, `store-newer`
 */
export async function checkPostgresTables(place: PostgresPlace): Promise<void> {
  const client = new PostgresClient(createPoolConfig(place));
  try {
    await client.connect();
    const number = createNumberReader(client);
    const isOurs = (await number(MARK_COUNT_SQL)) > 0;
    checkVersion(await readTablesVersion(number, isOurs), 'region', isOurs);
  } catch (error) {
    throw explainPostgres(error);
  } finally {
    await endConnection(client);
  }
}

/** Our mark, in the schema of our tables. */
const MARK_COUNT_SQL =
  "SELECT count(*) FROM pg_class WHERE relnamespace = current_schema()::regnamespace AND relname = 'rackboot' AND relkind = 'r'";

/** A database of another encoding may be copied out. */
async function checkServer(client: pg.ClientBase, use: TablesUse): Promise<void> {
  const { rows } = await client.query<{ readonly version: number; readonly encoding: string; readonly name: string }>(
    "SELECT current_setting('server_version_num')::int AS version, current_setting('server_encoding') AS encoding, current_database() AS name",
  );
  const [server] = rows;
  if (server === undefined) return;
  const { version, encoding, name } = server;
  if (version < OLDEST_SERVER) {
    const text = `the region's database is PostgreSQL ${Math.floor(version / 10_000)}: Rackboot needs 15 or later`;
    throw new RackError('store-refused', text);
  }
  if (encoding !== 'UTF8' && use !== 'source') {
    const text =
      `the region's database ${name} has the encoding ${encoding}, which cannot hold every text: make another one with ` +
      `CREATE DATABASE … ENCODING 'UTF8' LOCALE 'C.UTF-8' TEMPLATE template0; \`rackboot region copy\` moves its data`;
    throw new RackError('store-refused', text);
  }
}

/** @param version negative if a copy was not finished */
function checkVersion(version: number, use: TablesUse, hasMark: boolean): void {
  if (Math.abs(version) > POSTGRES_MIGRATIONS.length) {
    const text = `the region's database has version ${version}, which a newer Rackboot made; this one knows ${POSTGRES_MIGRATIONS.length}: install the newer one`;
    throw new RackError('store-newer', text);
  }
  if (version < 0 && use !== 'target') {
    const text =
      "a copy into the region's database was not finished: repeat the command (`rackboot region copy` or `rackboot region restore`), or empty the database";
    throw new RackError('store-broken', text);
  }
  if (hasMark && use !== 'region' && Math.abs(version) < POSTGRES_MIGRATIONS.length) {
    const alternative = use === 'target' ? 'empty the database' : 'start the region once with this one';
    const text = `the region's database has version ${Math.abs(version)}, this Rackboot ${POSTGRES_MIGRATIONS.length}: run the command with the Rackboot that made it, or ${alternative}`;
    throw new RackError('store-broken', text);
  }
}
