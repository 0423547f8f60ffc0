// The version of the tables. Each transaction of a running process reads it when it begins.
//
// 1. A newer process migrates the tables while older ones run, which then neither read nor write them.
// 2. It first takes the lock of `ALONE_SQL`: it waits for writing transactions that have begun, and
//    later ones see its version.

import type pg from 'pg';
import { type Outage, StoreOutage } from '../../region/reports/notes.ts';
import { POSTGRES_MIGRATIONS } from './postgres-form.ts';
import { queryAll } from './postgres-place.ts';

/** Every writing transaction shares the lock on this table. */
export const TOGETHER_SQL = 'LOCK TABLE rackboot IN ROW SHARE MODE';
export const ALONE_SQL = 'LOCK TABLE rackboot IN EXCLUSIVE MODE';

const KNOWN_VERSION = POSTGRES_MIGRATIONS.length;

const VERSION_SQL = 'SELECT version, pg_backend_pid() AS process FROM rackboot';

interface VersionRow {
  readonly version: number | string;
  readonly process: number;
}

/** The server's process of each connection. */
const serverProcesses = new WeakMap<pg.ClientBase, number>();

/**
 * Begins a transaction and reads the version in one round trip.
 * @returns the version of the tables that the transaction sees; `undefined` if somebody deleted it
 * @throws StoreOutage if the server process of the connection has changed, because then there is a
 * pooler in between
 */
export async function beginWithVersion(
  client: pg.ClientBase,
  statements: readonly string[],
): Promise<number | undefined> {
  const results = await queryAll<VersionRow>(client, [...statements, VERSION_SQL]);
  const [row] = results.at(-1)?.rows ?? [];
  if (row === undefined) return undefined;
  // Only connections of the store read a bigint as a number.
  const version = Number(row.version);
  const { process } = row;
  if ((serverProcesses.get(client) ?? process) !== process) throw new StoreOutage({ note: 'database-pooled' });
  serverProcesses.set(client, process);
  return version;
}

/** Why a running process must not use tables of this version. */
export function findVersionProblem(version = 0): Outage | undefined {
  if (version === KNOWN_VERSION) return undefined;
  return {
    note: version > KNOWN_VERSION ? 'database-newer' : 'database-older',
    ownVersion: KNOWN_VERSION,
    otherVersion: version,
  };
}
