// A region's process on a PostgreSQL that refuses it for a moment: what `refusing-database.test.ts` and the long suite share.

import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { sleep, systemClock } from '../../src/ground/clock.ts';
import { Duties } from '../../src/region-host/duties.ts';
import { readDatabaseAccess } from '../../src/region-host/open-store.ts';
import { openPostgresRegion } from '../../src/store/postgres/region-postgres.ts';
import { eventuallyWithin } from '../support/eventually.ts';
import { PostgresServer } from '../support/postgres-server.ts';
import { type LiveRegion, startRegion } from './live.ts';

/** The password of that account, as the database has it. */
export const SECRET = 'right';
export const WAIT_MS_MAX = 20_000;
/** The region looks for changes, and keeps the duties, more often than this. */
export const LOOKS_MS = 1500;
/** How often it is asked meanwhile. */
const ASKED_MS = 50;

/** A cause for which the database refuses, and its end. `$name` is the database; statements run in another database, or in it. */
export type Refusal = readonly [
  what: string,
  where: 'outside' | 'inside',
  begin: readonly string[],
  end: readonly string[],
];

/** A region with the duties, whose database has an account of its own. */
export class RefusedRegion {
  readonly server: PostgresServer;
  readonly database: string;
  readonly passwordFile: string;
  readonly region: LiveRegion;
  readonly duties: Duties;
  /** Rejections that nobody handled. */
  readonly unhandled: unknown[] = [];
  readonly #note = (error: unknown): void => void this.unhandled.push(error);

  private constructor(
    server: PostgresServer,
    database: string,
    passwordFile: string,
    region: LiveRegion,
    duties: Duties,
  ) {
    this.server = server;
    this.database = database;
    this.passwordFile = passwordFile;
    this.region = region;
    this.duties = duties;
    process.on('unhandledRejection', this.#note);
  }

  static async start(): Promise<RefusedRegion> {
    const server = await PostgresServer.start({ access: ['local all guarded scram-sha-256'] });
    await server.query(`CREATE ROLE guarded LOGIN PASSWORD '${SECRET}'`);
    const database = await server.makeDatabase();
    await server.query(`ALTER DATABASE ${database} OWNER TO guarded`);
    const place = server.placeOf(database);
    const url = place.url.replace('user=rackboot', 'user=guarded');
    const passwordFile = join(server.directory, 'password');
    writeFileSync(passwordFile, SECRET);
    const guarded = readDatabaseAccess({ kind: 'postgresql', url, passwordFile, caFile: undefined, pool: place.pool });
    const store = await openPostgresRegion(guarded);
    assert.ok(store.duties !== undefined);
    const nothing = (): void => undefined;
    const duties = new Duties({ store: store.duties, clock: systemClock, onTaken: nothing, onLost: nothing });
    const region = await startRegion({}, { store, isOnDuty: () => duties.areHeld });
    duties.begin();
    return new RefusedRegion(server, database, passwordFile, region, duties);
  }

  async close(): Promise<void> {
    await this.duties.close();
    await this.region.close();
    await this.server.close();
    process.off('unhandledRejection', this.#note);
  }

  async status(): Promise<number> {
    const { origin, authorization } = this.region;
    const answer = await fetch(`${origin}/MAAS/api/2.0/machines/`, { headers: { authorization } });
    await answer.arrayBuffer();
    return answer.status;
  }

  async #run(where: 'outside' | 'inside', statements: readonly string[]): Promise<void> {
    for (const one of statements) {
      if (one === 'END') await this.endConnections();
      else {
        const database = where === 'outside' ? 'postgres' : this.database;
        await this.server.query(one.replaceAll('$name', this.database), database);
      }
    }
  }

  async endConnections(): Promise<void> {
    await this.server.query(
      "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()",
    );
  }

  /** The refusal costs answers, and the region continues when it is over. */
  async outlives([, where, begin, end]: Refusal): Promise<void> {
    assert.equal(await this.status(), 200);
    await this.#run(where, begin);
    await this.endConnections();
    const from = Date.now();
    const answers = new Set<number>();
    while (Date.now() - from < LOOKS_MS) {
      answers.add(await this.status());
      await sleep(ASKED_MS);
    }
    await this.#run(where, end);
    assert.deepEqual([...answers], [503]);
    await eventuallyWithin(WAIT_MS_MAX, 'it answers again', async () => (await this.status()) === 200);
    await eventuallyWithin(WAIT_MS_MAX, 'it has the duties', () => this.duties.areHeld);
    assert.deepEqual(this.unhandled, []);
    assert.deepEqual(this.region.problems, []);
  }
}
