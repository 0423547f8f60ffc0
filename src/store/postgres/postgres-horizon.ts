// The number up to which changes can be read in order, and the history of the numbers.
//
//   transaction   takes a shared lock on the last number given ── takes numbers ── COMMIT releases the lock
//   reader        reads the last number given, then the lowest lock: no change up to the lower of the two can still appear
//
// Sources: postgresql.org/docs/15/functions-admin.html (advisory locks), /view-pg-locks.html,
// /functions-sequence.html; /functions-info.html (pg_postmaster_start_time).
//
// 1. A transaction gets its numbers before it is stored: a higher one can become visible before a
//    lower one, which a reader of the highest would miss.
// 2. A transaction takes its lock before its numbers, so they are higher.
// 3. A reader takes its snapshot after it has read the locks.
// 4. A server that takes over may lack the newest changes, and reuse their numbers. So numbers
//    compare only within one history: one run of one server, on one set of tables. A standby gives
//    no numbers and is not read (`postgres-connections.ts`), so a promotion shows another history.

import type pg from 'pg';
import { queryAll } from './postgres-place.ts';

/** The advisory locks of transactions are this plus a number below 2^48. */
const LOCK_BASE = 0x5242n << 48n;

/** Takes the lock; as a transaction's first query it also fixes the snapshot. */
export const LOCK_SQL = `SELECT pg_advisory_xact_lock_shared(${LOCK_BASE} + last_value) FROM change_number`;

/** A copied database keeps the oids of its tables, but not its own. */
export const HISTORY_SQL =
  "concat(extract(epoch FROM pg_postmaster_start_time()), ' ', " +
  "(SELECT oid FROM pg_database WHERE datname = current_database()), ' ', 'machine'::regclass::oid)";
/** The history of this connection, by the server's clock. */
export const OWN_HISTORY_SQL = `SELECT ${HISTORY_SQL} AS name, floor(extract(epoch FROM clock_timestamp()) * 1000) AS now_ms`;

const LOWEST_SQL = [
  `SELECT last_value, ${HISTORY_SQL} AS history FROM change_number`,
  `SELECT min(((classid::bigint << 32) | objid::bigint) - ${LOCK_BASE}) AS last_value FROM pg_locks ` +
    "WHERE locktype = 'advisory' AND objsubid = 1 AND database = (SELECT oid FROM pg_database WHERE datname = current_database()) " +
    `AND classid::bigint >> 16 = ${LOCK_BASE >> 48n}`,
];

interface LowestRow {
  readonly last_value: number | null;
  readonly history?: string;
}

export interface Horizon {
  readonly number: number;
  readonly history: string;
}

/** Every later query sees all changes up to it. The connection is in no transaction. */
export async function readHorizon(client: pg.ClientBase): Promise<Horizon> {
  const [issuedRow, lowestRow] = (await queryAll<LowestRow>(client, LOWEST_SQL)).map(({ rows }) => rows[0]);
  const lastIssued = issuedRow?.last_value ?? 0;
  return { number: Math.min(lastIssued, lowestRow?.last_value ?? lastIssued), history: issuedRow?.history ?? '' };
}
