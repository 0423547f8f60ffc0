// One process's connections to the region's PostgreSQL: a pool in which each connection has its own
// row of commit marks.
//
// Sources: node-postgres.com/apis/pool, /apis/client;
// postgresql.org/docs/15/runtime-config-client.html (timeouts), /functions-admin.html
// (pg_is_in_recovery), /runtime-config-wal.html (synchronous_commit).
//
// 1. A connection is closed if it is lost, its server process changes, its prepared statements no
//    longer fit the schema, its COMMIT is not confirmed, or its rollback fails. After any other
//    failure it is rolled back and reused.
// 2. Each connection of a region's process shares an advisory lock. A copy takes the lock
//    exclusively (`holdStopped`): only while no process runs, and none can start.
// 3. Every wait is bounded. The server bounds its own wait for a process that hangs within a transaction.
// 4. A process uses no standby, not even to read: its horizon knows nothing of the primary's
//    transactions (`postgres-horizon.ts`). A server becomes a standby only by a restart, which ends
//    its connections.
// 5. A connection through a pooler is refused: a pooler spreads its transactions over several
//    connections, which loses locks and LISTEN, and keeps them open when the server ends. Settings
//    that do not reach the server, or a server process that changes (`postgres-version.ts`), show a
//    pooler.

import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import pg from 'pg';
import { joinNames } from '../../ground/counted.ts';
import { RackError } from '../../ground/errors.ts';
import { StoreOutage } from '../../region/reports/notes.ts';
import { endsConnection } from './postgres-faults.ts';
import { createPoolConfig, LOCK_MS_MAX, PostgresClient, type PostgresPlace } from './postgres-place.ts';
import { findVersionProblem } from './postgres-version.ts';
import type { PostgresWatch } from './postgres-watch.ts';

/** Marks unused for this long are removed. */
const MARK_DAYS = 7;

/** Shared by the connections of running processes. */
const RUNNING_LOCK = 0x5242_5255;
/** How many times `holdStopped` tries: the server notices the end of a process late. */
const STOPPED_TRIES = 20;
const STOPPED_PAUSE_MS = 100;
const HOSTS_NAMED_MAX = 4;
const INT8 = 20;
const NUMERIC = 1700;
const PARSERS: ReadonlyMap<number, unknown> = new Map<number, unknown>([
  [INT8, Number],
  [NUMERIC, Number],
]);
const types = {
  getTypeParser: (id: number): unknown => PARSERS.get(id) ?? pg.types.getTypeParser(id, 'text'),
};

/**
 * Makes each COMMIT wait for the server's disk. With `off`, the possible default of a role,
 * database or server, a crash loses acknowledged changes. Other values stay, as the operator chose.
 */
const composeDurableSql = (scope: 'transaction' | 'session'): string =>
  `SELECT set_config('synchronous_commit', 'on', ${scope === 'transaction'}) WHERE current_setting('synchronous_commit') = 'off'`;

/** @throws StoreOutage if settings have not reached the server: a pooler is in between */
async function checkDirectConnection(client: pg.ClientBase): Promise<void> {
  const { rows } = await client.query<{ readonly direct: boolean }>(
    `SELECT current_setting('lock_timeout')::interval = interval '${LOCK_MS_MAX} milliseconds' AS direct`,
  );
  if (rows[0]?.direct !== true) throw new StoreOutage({ note: 'database-pooled' });
}

/** @throws StoreOutage if the server only reads, a copy holds the lock, or through a pooler */
async function beginUse(client: pg.ClientBase): Promise<void> {
  await checkDirectConnection(client);
  const { rows } = await client.query<{ readonly standby: boolean; readonly reading: string }>(
    "SELECT pg_is_in_recovery() AS standby, current_setting('default_transaction_read_only') AS reading",
  );
  if (rows[0]?.standby === true) throw new StoreOutage({ note: 'database-standby' });
  if (rows[0]?.reading === 'on') throw new StoreOutage({ note: 'database-read-only' });
  if (await tryLock(client, 'pg_try_advisory_lock_shared')) return;
  throw new StoreOutage({ note: 'database-copied' });
}

async function beginCopy(client: pg.ClientBase): Promise<void> {
  await checkDirectConnection(client);
  await client.query(composeDurableSql('session'));
}

/**
 * Until the connection ends, no process of a region and no other copy can start.
 * @throws RackError `already-running`
 */
export async function holdStopped(client: pg.ClientBase): Promise<void> {
  for (let tries = 0; tries < STOPPED_TRIES; tries += 1) {
    if (tries > 0) await pause(STOPPED_PAUSE_MS);
    if (await tryLock(client, 'pg_try_advisory_lock')) return;
  }
  const { rows } = await client.query<{ readonly mode: string; readonly host: string }>(
    "SELECT DISTINCT mode, coalesce(host(client_addr), 'its own host') AS host FROM pg_locks JOIN pg_stat_activity USING (pid) " +
      "WHERE locktype = 'advisory' AND classid = 0 AND objid = $1 AND datname = current_database()",
    [RUNNING_LOCK],
  );
  const hosts = rows.flatMap(({ mode, host }) => (mode === 'ShareLock' ? [host] : []));
  const reason =
    hosts.length === 0
      ? 'another copy from or into this database is under way: wait until it has ended'
      : `processes of a region run on this database (on ${joinNames(hosts, HOSTS_NAMED_MAX)}): stop them first`;
  throw new RackError('already-running', reason);
}

async function tryLock(client: pg.ClientBase, lockFunction: string): Promise<boolean> {
  const { rows } = await client.query<{ readonly held: boolean }>(`SELECT ${lockFunction}($1) AS held`, [RUNNING_LOCK]);
  return rows[0]?.held === true;
}

/** Shows later whether a transaction was stored. */
export interface CommitMark {
  readonly connection: string;
  readonly transactions: number;
  readonly statements: readonly string[];
}

export class StoreConnection {
  readonly client: pg.PoolClient;
  readonly #id = randomUUID();
  #transactions = 0;
  /** True once the event log has this connection's history. */
  hasHistory = false;

  constructor(client: pg.PoolClient) {
    this.client = client;
  }

  /** The mark of the next transaction; also makes the COMMIT wait for the disk. */
  drawMark(): CommitMark {
    this.#transactions += 1;
    const sql =
      `INSERT INTO commit_mark (connection, transactions) VALUES ('${this.#id}', ${this.#transactions}) ` +
      'ON CONFLICT (connection) DO UPDATE SET transactions = excluded.transactions, seen_at = now()';
    return {
      connection: this.#id,
      transactions: this.#transactions,
      statements: [composeDurableSql('transaction'), sql],
    };
  }
}

export class PostgresConnections {
  readonly #openPool: () => pg.Pool;
  #pool: pg.Pool;
  readonly #lentClients = new Set<pg.PoolClient>();
  readonly #knownConnections = new WeakMap<pg.PoolClient, StoreConnection>();
  readonly #watch: PostgresWatch | undefined;

  /**
   * @param watch if `undefined`, each use finds out for itself whether the server is silent
   * @param bounds other timeouts than usual
   */
  constructor(place: PostgresPlace, use: 'region' | 'copy' = 'region', watch?: PostgresWatch, bounds?: pg.PoolConfig) {
    this.#openPool = () => openPool({ ...createPoolConfig(place), ...bounds, max: place.pool }, use);
    this.#pool = this.#openPool();
    this.#watch = watch;
    watch?.onSilent(() => this.#replacePool());
  }

  /** Lends a connection; whatever `work` leaves open is rolled back. */
  async use<T>(work: (connection: StoreConnection) => Promise<T>): Promise<T> {
    const client = await this.#connect();
    this.#lentClients.add(client);
    try {
      return await this.#useClient(client, work);
    } finally {
      this.#lentClients.delete(client);
    }
  }

  /** @throws StoreOutage */
  checkVersion(version: number | undefined): void {
    const problem = findVersionProblem(version);
    this.#watch?.noteTables(problem);
    if (problem !== undefined) throw new StoreOutage(problem);
  }

  async #connect(): Promise<pg.PoolClient> {
    const watch = this.#watch;
    if (watch === undefined) return await this.#pool.connect();
    try {
      // A connection that arrives later has no user: close it.
      return await watch.unlessSilent(
        () => this.#pool.connect(),
        (lateClient) => lateClient.release(true),
      );
    } catch (error) {
      watch.noteFailure(error);
      throw error;
    }
  }

  /** Replaces idle connections too, because they may be dead. */
  #replacePool(): void {
    const formerPool = this.#pool;
    this.#pool = this.#openPool();
    for (const client of this.#lentClients) client.end().catch(() => undefined);
    formerPool.end().catch(() => undefined);
  }

  async #useClient<T>(client: pg.PoolClient, work: (connection: StoreConnection) => Promise<T>): Promise<T> {
    let connection = this.#knownConnections.get(client);
    if (connection === undefined) {
      connection = new StoreConnection(client);
      this.#knownConnections.set(client, connection);
    }
    let result: T;
    try {
      result = await work(connection);
    } catch (error) {
      await releaseFailedClient(client, error);
      throw error;
    }
    client.release();
    return result;
  }

  /** Does not wait for a synchronous standby: a missing one must not keep a process from starting. */
  async forgetOldMarks(): Promise<void> {
    const sql = `DELETE FROM commit_mark WHERE seen_at < now() - interval '${MARK_DAYS} days'`;
    await this.use(({ client }) => client.query(`BEGIN; SET LOCAL synchronous_commit = local; ${sql}; COMMIT`));
  }

  async close(): Promise<void> {
    await this.#pool.end();
  }
}

function openPool(settings: pg.PoolConfig, use: 'region' | 'copy'): pg.Pool {
  const pool = new pg.Pool({
    ...settings,
    types,
    Client: PostgresClient,
    onConnect: use === 'region' ? beginUse : beginCopy,
  });
  // The user of a connection in use gets its error.
  pool.on('error', () => undefined);
  return pool;
}

async function releaseFailedClient(client: pg.PoolClient, error: unknown): Promise<void> {
  if (endsConnection(error)) {
    client.release(true);
    return;
  }
  await client.query('ROLLBACK').then(
    () => client.release(),
    () => client.release(true),
  );
}
