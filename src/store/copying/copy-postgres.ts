// A PostgreSQL database as an end of a copy (`region-copy.ts`).
//
// 1. The source is read in one transaction, as of one moment.
// 2. An unfinished target's version is negative, so no process starts on it. No region may run on
//    either end or start meanwhile; only a backup may be made of a running region.
// 3. One copy at a time writes into a database, in one transaction.

import { randomInt } from 'node:crypto';
import type pg from 'pg';
import { RackError } from '../../ground/errors.ts';
import { holdStopped, PostgresConnections } from '../postgres/postgres-connections.ts';
import { explainPostgres } from '../postgres/postgres-faults.ts';
import type { PostgresPlace } from '../postgres/postgres-place.ts';
import { makeTables } from '../postgres/region-postgres.ts';
import { composeUsedVersions } from '../steps.ts';
import { type CopiedRow, type CopiedTable, type CopySource, type CopyTarget, listSchemaTables } from './region-copy.ts';

/** Advisory locks that reveal a source in the target's own database, whatever the URLs. */
const SOURCE_LOCK = 0x5242_534f;
const OWN_LOCK = randomInt(2 ** 31);
const IS_SOURCE_SQL =
  "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND classid = $1 AND objid = $2 AND objsubid = 2 " +
  'AND database = (SELECT oid FROM pg_database WHERE datname = current_database())';

class PostgresSource implements CopySource {
  readonly #client: pg.ClientBase;

  constructor(client: pg.ClientBase) {
    this.#client = client;
  }

  async *read({ name, columns, rowsAtOnce }: CopiedTable): AsyncGenerator<readonly CopiedRow[]> {
    const client = this.#client;
    const names = columns.map((column) => column.name).join(', ');
    await client.query(`DECLARE copied NO SCROLL CURSOR FOR SELECT ${names} FROM ${name}`);
    for (;;) {
      const fetchQuery = { text: `FETCH ${rowsAtOnce} FROM copied`, rowMode: 'array' } as const;
      const { rows } = await client.query<(string | number | Buffer | null)[]>(fetchQuery);
      if (rows.length === 0) break;
      yield rows;
    }
    await client.query('CLOSE copied');
  }

  readLastId({ name }: CopiedTable): Promise<number> {
    const sequence = `SELECT pg_sequence_last_value(pg_get_serial_sequence('${name}', 'id'))`;
    return queryNumber(this.#client, name === 'event' ? 'SELECT last_value FROM change_number' : sequence);
  }
}

async function queryNumber(client: pg.ClientBase, sql: string, ...values: readonly unknown[]): Promise<number> {
  const { rows } = await client.query<unknown[]>({ text: sql, values: [...values], rowMode: 'array' });
  return Number(rows[0]?.[0] ?? 0);
}

class PostgresTarget implements CopyTarget {
  readonly #client: pg.ClientBase;

  constructor(client: pg.ClientBase) {
    this.#client = client;
  }

  async write({ name, columns }: CopiedTable, rows: readonly CopiedRow[]): Promise<void> {
    const placeholders = rows.map(
      (_, row) => `(${columns.map((__, column) => `$${row * columns.length + column + 1}`).join(', ')})`,
    );
    const names = columns.map((column) => column.name).join(', ');
    await this.#client.query(
      `INSERT INTO ${name} (${names}) VALUES ${placeholders.join(', ')}`,
      rows.flat().map((value) => (value instanceof Uint8Array ? viewAsBuffer(value) : value)),
    );
  }

  async finish(lastIds: ReadonlyMap<string, number>): Promise<void> {
    const client = this.#client;
    for (const [name, lastId] of lastIds) {
      if (name === 'event' || lastId === 0) continue;
      await client.query(`SELECT setval(pg_get_serial_sequence('${name}', 'id'), $1)`, [lastId]);
    }
    // Events and versions take their numbers from one sequence.
    const newestSql = `SELECT max(value) FROM (${composeUsedVersions()} UNION ALL SELECT max(id) FROM event UNION ALL SELECT $1::bigint) AS numbers`;
    const lastNumber = Math.max(1, await queryNumber(client, newestSql, lastIds.get('event') ?? 0));
    await client.query("SELECT setval('change_number', $1)", [lastNumber]);
    await client.query('UPDATE rackboot SET version = abs(version); COMMIT');
  }
}

/** Views bytes as a Buffer without a copy: a file may have 64 MiB. */
const viewAsBuffer = ({ buffer, byteOffset, byteLength }: Uint8Array): Buffer =>
  Buffer.from(buffer, byteOffset, byteLength);

/** @param mustBeStopped refuse while a region runs on it */
export function readFromPostgres<T>(
  place: PostgresPlace,
  mustBeStopped: boolean,
  work: (source: CopySource) => Promise<T>,
): Promise<T> {
  return withConnection(place, async (client) => {
    if (mustBeStopped) await holdStopped(client);
    await client.query('SELECT pg_advisory_lock_shared($1, $2)', [SOURCE_LOCK, OWN_LOCK]);
    await makeTables(client, 'source');
    // The transaction waits for the other end of the copy.
    await client.query('SET idle_in_transaction_session_timeout = 0');
    await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY');
    return await work(new PostgresSource(client));
  });
}

/** Writes into an empty database. Refuses while a region runs, or another copy reads or writes. */
export function writeToPostgres<T>(place: PostgresPlace, work: (target: CopyTarget) => Promise<T>): Promise<T> {
  return withConnection(place, async (client) => {
    const { rows } = await client.query<{ readonly count: unknown }>(IS_SOURCE_SQL, [SOURCE_LOCK, OWN_LOCK]);
    if (Number(rows[0]?.count) > 0)
      throw new RackError(
        'bad-argument',
        'the source and the target of the copy are the same database: name another one',
      );
    await holdStopped(client);
    await makeTables(client, 'target');
    await client.query('SET idle_in_transaction_session_timeout = 0; BEGIN');
    for (const { name } of listSchemaTables()) {
      if ((await queryNumber(client, `SELECT count(*) FROM (SELECT 1 FROM ${name} LIMIT 1) AS one`)) === 0) continue;
      const text = `the region's database is not empty (table ${name}): empty or remove it, or name another`;
      throw new RackError('already-exists', text);
    }
    return await work(new PostgresTarget(client));
  });
}

/** Removes a region, unless it runs. */
export function emptyPostgres(place: PostgresPlace): Promise<void> {
  return withConnection(place, async (client) => {
    await holdStopped(client);
    await client.query('BEGIN');
    const { rows } = await client.query<{ readonly statement: string }>(OWN_OBJECTS_SQL);
    for (const { statement } of rows) await client.query(statement);
    await client.query('COMMIT');
  });
}

/** The schema has no other objects: the start of a region refuses such a database. */
const OWN_OBJECTS_SQL = `WITH region AS (SELECT 1 WHERE to_regclass(format('%I.rackboot', current_schema())) IS NOT NULL)
  SELECT format('DROP TABLE IF EXISTS %s CASCADE', oid::regclass) AS statement FROM pg_class, region
    WHERE relnamespace = current_schema()::regnamespace AND relkind IN ('r', 'p')
  UNION ALL SELECT format('DROP SEQUENCE IF EXISTS %s CASCADE', oid::regclass) FROM pg_class, region
    WHERE relnamespace = current_schema()::regnamespace AND relkind = 'S'
  UNION ALL SELECT format('DROP ROUTINE IF EXISTS %s CASCADE', oid::regprocedure) FROM pg_proc, region
    WHERE pronamespace = current_schema()::regnamespace
    AND NOT EXISTS (SELECT 1 FROM pg_depend WHERE classid = 'pg_proc'::regclass AND objid = pg_proc.oid AND deptype = 'e')`;

async function withConnection<T>(place: PostgresPlace, work: (client: pg.ClientBase) => Promise<T>): Promise<T> {
  const connections = new PostgresConnections({ ...place, pool: 1 }, 'copy');
  try {
    return await connections.use(({ client }) => releaseLocksAfter(client, work));
  } catch (error) {
    throw explainPostgres(error);
  } finally {
    await connections.close();
  }
}

/**
 * Ends the transaction and its locks explicitly, because the server may notice the end of a
 * connection late.
 */
async function releaseLocksAfter<T>(client: pg.ClientBase, work: (client: pg.ClientBase) => Promise<T>): Promise<T> {
  try {
    return await work(client);
  } finally {
    // A lost connection has no locks.
    await client.query('ROLLBACK; SELECT pg_advisory_unlock_all()').catch(() => undefined);
  }
}
