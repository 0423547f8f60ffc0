// The version of the tables, which each transaction of a running process reads as it begins.
//
// 1. A newer process brings the tables up to date while older ones run. These then neither read nor write them: they know another form.
// 2. The newer one takes the lock of `ALONE_SQL` first. So it waits for writing transactions that have begun, and later ones see its version.

import type pg from 'pg';
import type { Outage } from '../../region/records/store-outage.ts';
import { POSTGRES_MIGRATIONS } from './postgres-form.ts';

/** Every writing transaction shares the lock on this table. */
export const TOGETHER_SQL = 'LOCK TABLE rackboot IN ROW SHARE MODE';
export const ALONE_SQL = 'LOCK TABLE rackboot IN EXCLUSIVE MODE';

const KNOWN = POSTGRES_MIGRATIONS.length;

/** Begins a transaction in one round trip. @param sql its other statements @returns the version of the tables that it sees */
export async function beginWithVersion(client: pg.ClientBase, sql: string): Promise<number> {
  // Several statements have one answer each, which the types do not say.
  const answers: unknown = await client.query(`${sql}; SELECT version FROM rackboot`);
  const last: pg.QueryResult<{ readonly version: number | string }> | undefined = Array.isArray(answers)
    ? answers.at(-1)
    : undefined;
  // A bigint, which only connections of the store read as a number.
  return Number(last?.rows[0]?.version ?? 0);
}

/** Why a running process must not use tables of this version; undefined: it may. */
export function versionProblem(version: number): Outage | undefined {
  if (version === KNOWN) return undefined;
  return { note: version > KNOWN ? 'database-newer' : 'database-older', ownVersion: KNOWN, otherVersion: version };
}
