// A PostgreSQL database as an end of a copy (`region-copy.ts`).
//
// 1. The source is read in one transaction, so it is as it was at one moment, while processes write to it.
// 2. The version of an unfinished target is negative, so no process starts on it. A copy is refused while a region runs on either end, and
//    no region can start on either end meanwhile; only a backup may be made of a running region.
// 3. One copy at a time writes into a database, in one transaction.

import { randomInt } from 'node:crypto';
import type pg from 'pg';
import { cleanText } from '../../clean-text.ts';
import { RackError } from '../../errors.ts';
import { holdStopped, PostgresConnections } from '../postgres/postgres-connections.ts';
import { explainPostgres, isOfData } from '../postgres/postgres-faults.ts';
import type { PostgresPlace } from '../postgres/postgres-place.ts';
import { makeTables } from '../postgres/region-postgres.ts';
import { CHUNK_BYTES, type CopiedRow, type CopiedTable, type CopySource, type CopyTarget } from './region-copy.ts';

/** The most parameters of a statement (the protocol counts them in 16 bits). */
const PARAMETERS_MAX = 60_000;

/** The class of the advisory locks by which a target recognises a source in the same database, whatever URLs name them. */
const SOURCE_LOCK = 0x5242_534f;
/** This process's own lock of that class. */
const OWN_LOCK = randomInt(2 ** 31);
const IS_SOURCE_SQL =
  "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND classid = $1 AND objid = $2 AND objsubid = 2 " +
  'AND database = (SELECT oid FROM pg_database WHERE datname = current_database())';

/** How much of a key a message shows, in characters. */
const KEY_SHOWN_MAX = 80;

const hasNul = (value: CopiedRow[number]): boolean => typeof value === 'string' && value.includes('\0');

class PostgresEnd {
  readonly name = "the region's database";
  /** The size of the largest row of the table that is being read. */
  #largest: { readonly table: string; readonly bytes: number } | undefined;
  protected readonly client: pg.ClientBase;

  constructor(client: pg.ClientBase) {
    this.client = client;
  }

  async read(table: CopiedTable, offset: number, limit: number): Promise<readonly CopiedRow[]> {
    const { name, columns, order } = table;
    if (offset === 0 || this.#largest?.table !== name)
      this.#largest = { table: name, bytes: await this.#largestRow(table) };
    const most = Math.max(1, Math.min(limit, Math.floor(CHUNK_BYTES / Math.max(1, this.#largest.bytes))));
    // Sort as SQLite does, whatever the database's locale.
    const by = order.map((column) => (column.type === 'TEXT' ? `${column.name} COLLATE "C"` : column.name)).join(', ');
    const { rows } = await this.client.query<(string | number | Buffer | null)[]>({
      text: `SELECT ${columns.map((column) => column.name).join(', ')} FROM ${name} ORDER BY ${by} LIMIT $1 OFFSET $2`,
      values: [most, offset],
      rowMode: 'array',
    });
    return rows;
  }

  /** The size of a table's largest row, in bytes. The server knows the sizes of values without reading them. */
  async #largestRow({ name, columns }: CopiedTable): Promise<number> {
    const sizes = columns.flatMap((column) =>
      column.type === 'INTEGER' ? [] : [`coalesce(octet_length(${column.name}), 0)`],
    );
    return sizes.length === 0 ? 0 : await this.number(`SELECT max(${sizes.join(' + ')}) FROM ${name}`);
  }

  protected async number(sql: string, ...values: readonly unknown[]): Promise<number> {
    const { rows } = await this.client.query<unknown[]>({ text: sql, values: [...values], rowMode: 'array' });
    return Number(rows[0]?.[0] ?? 0);
  }
}

class PostgresSource extends PostgresEnd implements CopySource {
  lastId({ name }: CopiedTable): Promise<number> {
    return name === 'event'
      ? this.number('SELECT last_value FROM change_number')
      : this.number(`SELECT pg_sequence_last_value(pg_get_serial_sequence('${name}', 'id'))`);
  }
}

class PostgresTarget extends PostgresEnd implements CopyTarget {
  async isEmpty({ name }: CopiedTable): Promise<boolean> {
    return (await this.number(`SELECT count(*) FROM (SELECT 1 FROM ${name} LIMIT 1) AS one`)) === 0;
  }

  async write(table: CopiedTable, rows: readonly CopiedRow[]): Promise<void> {
    try {
      await this.#insert(table, rows);
    } catch (error) {
      const nul = isOfData(error) ? rows.find((row) => row.some(hasNul)) : undefined;
      if (nul === undefined) throw error;
      const key = table.order.map(({ name }) => {
        const value = nul[table.columns.findIndex((column) => column.name === name)];
        return `${name} = ${cleanText(String(value), KEY_SHOWN_MAX)}`;
      });
      const text = `the row of the table ${table.name} with ${key.join(', ')} has the character NUL, which ${this.name} cannot hold: correct or remove it at the source, and copy again`;
      throw new RackError('store-broken', text, { cause: error });
    }
  }

  async #insert({ name, columns }: CopiedTable, rows: readonly CopiedRow[]): Promise<void> {
    const rowsMax = Math.floor(PARAMETERS_MAX / columns.length);
    for (let from = 0; from < rows.length; from += rowsMax) {
      const part = rows.slice(from, from + rowsMax);
      const places = part.map(
        (_, row) => `(${columns.map((__, column) => `$${row * columns.length + column + 1}`).join(', ')})`,
      );
      await this.client.query(
        `INSERT INTO ${name} (${columns.map((column) => column.name).join(', ')}) VALUES ${places.join(', ')}`,
        part.flat().map((value) => (value instanceof Uint8Array ? bufferOf(value) : value)),
      );
    }
  }

  async finish(lastIds: ReadonlyMap<string, number>): Promise<void> {
    for (const [name, last] of lastIds) {
      if (name === 'event' || last === 0) continue;
      await this.client.query(`SELECT setval(pg_get_serial_sequence('${name}', 'id'), $1)`, [last]);
    }
    // Events and versions take their numbers from one sequence.
    const newest =
      'SELECT max(value) FROM (SELECT $1::bigint AS value UNION ALL SELECT max(id) FROM event UNION ALL SELECT max(desired_version) FROM machine ' +
      "UNION ALL SELECT max(version) FROM gone_machine UNION ALL SELECT value FROM counter WHERE name IN ('desired-version', 'desired-rest')) AS numbers";
    const last = Math.max(1, await this.number(newest, lastIds.get('event') ?? 0));
    await this.client.query("SELECT setval('change_number', $1)", [last]);
    await this.client.query('UPDATE rackboot SET version = abs(version); COMMIT');
  }
}

/** A Buffer over the same memory, not a copy of it: a file may have 64 MiB. */
const bufferOf = ({ buffer, byteOffset, byteLength }: Uint8Array): Buffer =>
  Buffer.from(buffer, byteOffset, byteLength);

/** Lends a database as the source of a copy. @param isStopped true: refuse while a region runs on it */
export function fromPostgres<T>(
  place: PostgresPlace,
  isStopped: boolean,
  work: (source: CopySource) => Promise<T>,
): Promise<T> {
  return using(place, async (client) => {
    if (isStopped) await holdStopped(client);
    await client.query('SELECT pg_advisory_lock_shared($1, $2)', [SOURCE_LOCK, OWN_LOCK]);
    await makeTables(client, 'source');
    // While the other end works, this one waits within its transaction.
    await client.query('SET idle_in_transaction_session_timeout = 0');
    await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY');
    return await work(new PostgresSource(client));
  });
}

/** Lends a database as the target of a copy. It refuses while a region runs on the database, or another copy reads or writes it. */
export function toPostgres<T>(place: PostgresPlace, work: (target: CopyTarget) => Promise<T>): Promise<T> {
  return using(place, async (client) => {
    const { rows } = await client.query<{ readonly count: unknown }>(IS_SOURCE_SQL, [SOURCE_LOCK, OWN_LOCK]);
    if (Number(rows[0]?.count) > 0)
      throw new RackError(
        'bad-argument',
        'the source and the target of the copy are the same database: name another one',
      );
    await holdStopped(client);
    await makeTables(client, 'target');
    await client.query('SET idle_in_transaction_session_timeout = 0; BEGIN');
    return await work(new PostgresTarget(client));
  });
}

/** Removes a region from its database. It refuses while the region runs, and leaves a database without a region as it is. */
export function emptyPostgres(place: PostgresPlace): Promise<void> {
  return using(place, async (client) => {
    await holdStopped(client);
    await client.query('BEGIN');
    const { rows } = await client.query<{ readonly statement: string }>(OWN_OBJECTS_SQL);
    for (const { statement } of rows) await client.query(statement);
    await client.query('COMMIT');
  });
}

/** The statements that remove the objects of a region from its schema, which has no others: its start refuses such a database. */
const OWN_OBJECTS_SQL = `WITH region AS (SELECT 1 WHERE to_regclass(format('%I.rackboot', current_schema())) IS NOT NULL)
  SELECT format('DROP TABLE IF EXISTS %s CASCADE', oid::regclass) AS statement FROM pg_class, region
    WHERE relnamespace = current_schema()::regnamespace AND relkind IN ('r', 'p')
  UNION ALL SELECT format('DROP SEQUENCE IF EXISTS %s CASCADE', oid::regclass) FROM pg_class, region
    WHERE relnamespace = current_schema()::regnamespace AND relkind = 'S'
  UNION ALL SELECT format('DROP ROUTINE IF EXISTS %s CASCADE', oid::regprocedure) FROM pg_proc, region
    WHERE pronamespace = current_schema()::regnamespace
    AND NOT EXISTS (SELECT 1 FROM pg_depend WHERE classid = 'pg_proc'::regclass AND objid = pg_proc.oid AND deptype = 'e')`;

async function using<T>(place: PostgresPlace, work: (client: pg.ClientBase) => Promise<T>): Promise<T> {
  const connections = new PostgresConnections({ ...place, pool: 1 }, 'copy');
  try {
    return await connections.use(({ client }) => unlocking(client, work));
  } catch (error) {
    throw explainPostgres(error);
  } finally {
    await connections.close();
  }
}

/** Releases the locks before the connection ends: the server may notice that end only after the next command has begun. */
async function unlocking<T>(client: pg.ClientBase, work: (client: pg.ClientBase) => Promise<T>): Promise<T> {
  try {
    return await work(client);
  } finally {
    // A lost connection has no locks.
    await client.query('ROLLBACK; SELECT pg_advisory_unlock_all()').catch(() => undefined);
  }
}
