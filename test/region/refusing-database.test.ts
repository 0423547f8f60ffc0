// A region's process whose PostgreSQL refuses it for a moment: it answers 503 until the database takes it again, and never ends.
// @host waits, 30 s

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { systemClock } from '../../src/clock.ts';
import { Duties } from '../../src/region-thread/duties.ts';
import { openPostgresRegion } from '../../src/store/postgres/region-postgres.ts';
import { eventuallyWithin } from '../support/eventually.ts';
import { missing } from '../support/needs.ts';
import { PostgresServer } from '../support/postgres-server.ts';
import { type LiveRegion, startRegion } from './live.ts';

const SECRET = 'right';
const WAIT_MS_MAX = 20_000;
/** The region looks for changes, and keeps the duties, more often than this. */
const LOOKS_MS = 1500;

let server: PostgresServer;
let database: string;
let region: LiveRegion;
let duties: Duties;
const unhandled: unknown[] = [];
const note = (error: unknown): void => void unhandled.push(error);

/** The causes for which the database refuses, and the end of each. `$name` is the database; statements run in another database, or in it. */
const REFUSALS: readonly (readonly [
  what: string,
  where: 'outside' | 'inside',
  begin: readonly string[],
  end: readonly string[],
])[] = [
  [
    'takes no connections',
    'outside',
    ['ALTER DATABASE $name ALLOW_CONNECTIONS false'],
    ['ALTER DATABASE $name ALLOW_CONNECTIONS true'],
  ],
  [
    'has another name',
    'outside',
    ['ALTER DATABASE $name ALLOW_CONNECTIONS false', 'END', 'ALTER DATABASE $name RENAME TO elsewhere'],
    ['ALTER DATABASE elsewhere RENAME TO $name', 'ALTER DATABASE $name ALLOW_CONNECTIONS true'],
  ],
  ['does not let its user in', 'outside', ['ALTER ROLE guarded NOLOGIN'], ['ALTER ROLE guarded LOGIN']],
  [
    'wants another password',
    'outside',
    ["ALTER ROLE guarded PASSWORD 'other'"],
    [`ALTER ROLE guarded PASSWORD '${SECRET}'`],
  ],
  [
    'has lost a table',
    'inside',
    ['ALTER TABLE machine RENAME TO lost', 'ALTER TABLE duty RENAME TO lost_too'],
    ['ALTER TABLE lost RENAME TO machine', 'ALTER TABLE lost_too RENAME TO duty'],
  ],
  [
    'gives its user no right',
    'inside',
    ['REVOKE ALL ON ALL TABLES IN SCHEMA public FROM guarded'],
    ['GRANT ALL ON ALL TABLES IN SCHEMA public TO guarded'],
  ],
];

describe('a running region whose database refuses', { skip: missing('linux', '/usr/lib/postgresql') }, () => {
  before(async () => {
    process.on('unhandledRejection', note);
    server = await PostgresServer.start({ access: ['local all guarded scram-sha-256'] });
    await server.query(`CREATE ROLE guarded LOGIN PASSWORD '${SECRET}'`);
    database = await server.makeDatabase();
    await server.query(`ALTER DATABASE ${database} OWNER TO guarded`);
    const place = server.placeOf(database);
    const url = place.url.replace('user=rackboot', 'user=guarded');
    const store = await openPostgresRegion({ ...place, url, password: SECRET });
    assert.ok(store.duties !== undefined);
    const nothing = (): void => undefined;
    duties = new Duties({ store: store.duties, clock: systemClock, onTaken: nothing, onLost: nothing });
    region = await startRegion({}, { store, isOnDuty: () => duties.areHeld });
    duties.begin();
  });
  after(async () => {
    await duties?.close();
    await region?.close();
    await server?.close();
    process.off('unhandledRejection', note);
  });

  async function status(): Promise<number> {
    const { origin, authorization } = region;
    const answer = await fetch(`${origin}/MAAS/api/2.0/machines/`, { headers: { authorization } });
    await answer.arrayBuffer();
    return answer.status;
  }

  async function run(where: 'outside' | 'inside', statements: readonly string[]): Promise<void> {
    for (const one of statements) {
      if (one === 'END') await endConnections();
      else await server.query(one.replaceAll('$name', database), where === 'outside' ? 'postgres' : database);
    }
  }

  const endConnections = async (): Promise<void> =>
    void (await server.query(
      "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()",
    ));

  for (const [what, where, begin, end] of REFUSALS) {
    test(`a database that ${what} costs answers, and the region continues when that is over`, async () => {
      assert.equal(await status(), 200);
      await run(where, begin);
      await endConnections();
      const from = Date.now();
      const answers = new Set<number>();
      while (Date.now() - from < LOOKS_MS) answers.add(await status());
      await run(where, end);
      assert.deepEqual([...answers], [503]);
      await eventuallyWithin(WAIT_MS_MAX, 'it answers again', async () => (await status()) === 200);
      await eventuallyWithin(WAIT_MS_MAX, 'it has the duties', () => duties.areHeld);
      assert.deepEqual(unhandled, []);
      assert.deepEqual(region.problems, []);
    });
  }

  test('a table whose columns get another type costs no answer', async () => {
    for (const type of ['varchar(300)', 'text']) {
      assert.equal(await status(), 200);
      await server.query(`ALTER TABLE account ALTER COLUMN email TYPE ${type}`, database);
      await server.query(`ALTER TABLE machine ALTER COLUMN hostname TYPE ${type}`, database);
      const answers = await Promise.all(Array.from({ length: 20 }, status));
      assert.deepEqual(new Set(answers), new Set([200]));
    }
    assert.deepEqual(unhandled, []);
    assert.deepEqual(region.problems, []);
  });
});
