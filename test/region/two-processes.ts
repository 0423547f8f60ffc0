// Two processes of one region on a PostgreSQL server of their own.

import { sleep } from '../../src/ground/clock.ts';
import { openPostgresRegion } from '../../src/store/postgres/region-postgres.ts';
import { RegionDatabases } from '../support/postgres-server.ts';
import { type LiveRegion, startRegion } from './live.ts';

/** How long a lock keeps transactions from their beginning. */
const LOCKED_MS = 400;

/** Sends a request. @param authorization default: that of an administrator */
export const ask = (
  { origin, authorization: own }: LiveRegion,
  method: string,
  path: string,
  fields: Readonly<Record<string, string>> = {},
  authorization = own,
): Promise<Response> =>
  fetch(`${origin}/MAAS/api/${/^\d/.test(path) ? '' : '2.0/'}${path}`, {
    method,
    headers: { authorization },
    ...(method === 'GET' ? {} : { body: new URLSearchParams(fields) }),
  });

export class TwoProcesses {
  readonly databases: RegionDatabases;
  readonly database: string;
  readonly first: LiveRegion;
  readonly second: LiveRegion;

  private constructor(databases: RegionDatabases, database: string, [first, second]: [LiveRegion, LiveRegion]) {
    this.databases = databases;
    this.database = database;
    this.first = first;
    this.second = second;
  }

  static async start(): Promise<TwoProcesses> {
    const databases = await RegionDatabases.start();
    const database = await databases.make();
    const start = async (): Promise<LiveRegion> =>
      startRegion({}, { store: await openPostgresRegion(databases.server.placeOf(database)) });
    return new TwoProcesses(databases, database, [await start(), await start()]);
  }

  /** Sends requests whose transactions wait for a lock, and then begin together. @returns the status of each answer */
  async atOnce(...requests: readonly (() => Promise<Response>)[]): Promise<readonly number[]> {
    const lock = 'LOCK TABLE rackboot IN EXCLUSIVE MODE';
    const wait = `SELECT pg_sleep(${LOCKED_MS / 1000})`;
    const held = this.databases.server.query(`BEGIN; ${lock}; ${wait}; COMMIT`, this.database);
    await sleep(LOCKED_MS / 4);
    const answers = await Promise.all(requests.map((request) => request()));
    await held;
    return answers.map(({ status }) => status);
  }

  async close(): Promise<void> {
    await this.first.close();
    await this.second.close();
    await this.databases.close();
  }
}
