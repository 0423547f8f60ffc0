// A region's process whose PostgreSQL refuses it for a moment: it answers 503 until the database takes it again, and never ends.
// @host waits, 30 s

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import pg from 'pg';
import { sleep, systemClock } from '../../src/clock.ts';
import { RackError } from '../../src/errors.ts';
import type { RegionStore } from '../../src/region/records/store.ts';
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
  [
    'a newer Rackboot changed',
    'inside',
    ['UPDATE rackboot SET version = version + 97'],
    ['UPDATE rackboot SET version = version - 97'],
  ],
  [
    'is an older backup now',
    'inside',
    ['UPDATE rackboot SET version = version - 1'],
    ['UPDATE rackboot SET version = version + 1'],
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

  test('a rule that somebody added to a table costs the changes that break it, and ends no work in the background', async () => {
    const { origin, authorization } = region;
    const add = async (): Promise<readonly [number, string]> => {
      const body = new URLSearchParams({ mac_addresses: '52:54:00:00:77:01', architecture: 'amd64/generic' });
      const url = `${origin}/MAAS/api/2.0/machines/`;
      const answer = await fetch(url, { method: 'POST', body, headers: { authorization } });
      return [answer.status, await answer.text()];
    };
    const tables = ['machine', 'duty', 'commit_mark'];
    for (const table of tables)
      await server.query(`ALTER TABLE ${table} ADD CONSTRAINT strange CHECK (false) NOT VALID`, database);
    const [refused, why] = await add();
    // The duties are renewed meanwhile.
    await sleep(2 * LOOKS_MS);
    const read = await status();
    for (const table of tables) await server.query(`ALTER TABLE ${table} DROP CONSTRAINT strange`, database);
    assert.deepEqual([refused, read], [503, 200]);
    assert.match(why, /refuses a statement.*: has somebody changed its tables, rights or search_path\?/);
    assert.deepEqual([unhandled, region.problems], [[], []]);
    assert.equal((await add())[0], 200);
    await eventuallyWithin(WAIT_MS_MAX, 'it has the duties', () => duties.areHeld);
  });

  test('a newer Rackboot changes the tables while two processes run: neither reads or writes, and each says so once', async () => {
    const stores: RegionStore[] = [];
    try {
      const name = await server.makeDatabase();
      for (const _ of [1, 2]) stores.push(await openPostgresRegion(server.placeOf(name)));
      const said = stores.map((store) => {
        const changes: string[] = [];
        store.availability?.watch((problem) => changes.push(problem?.note ?? 'back'));
        return changes;
      });
      const add = (store: RegionStore, username: string) =>
        store.accounts.addUser({ username, email: '', passwordHash: 'x', isAdmin: false, createdMs: 1 });
      for (const [index, store] of stores.entries()) await add(store, `before${index}`);
      await server.query('UPDATE rackboot SET version = 99', name);
      const newer = (error: unknown): boolean =>
        error instanceof RackError &&
        error.code === 'store-unavailable' &&
        /version 99; this process knows \d+\): upgrade this process$/.test(error.message);
      for (const store of stores) {
        await assert.rejects(add(store, 'after'), newer);
        await assert.rejects(store.accounts.listUsers(), newer);
      }
      await eventuallyWithin(WAIT_MS_MAX, 'each says so', () => said.every(({ length }) => length > 0));
      for (const store of stores) await assert.rejects(store.accounts.listUsers(), newer);
      assert.deepEqual(await server.query('SELECT username FROM account ORDER BY 1', name), [
        { username: 'before0' },
        { username: 'before1' },
      ]);
      assert.deepEqual(said, [['database-newer'], ['database-newer']]);
    } finally {
      for (const store of stores) await store.close();
    }
  });

  test('a process that changes the tables first waits for what others write', async () => {
    const name = await server.makeDatabase();
    await server.query(
      'CREATE TABLE rackboot (version BIGINT NOT NULL, the_only BOOLEAN PRIMARY KEY DEFAULT true)',
      name,
    );
    await server.query('INSERT INTO rackboot (version) VALUES (0)', name);
    const other = new pg.Client({ connectionString: server.urlOf(name) });
    other.on('error', () => undefined);
    await other.connect();
    await other.query('BEGIN; LOCK TABLE rackboot IN ROW SHARE MODE');
    let isOpen = false;
    const opened = openPostgresRegion(server.placeOf(name), 'hall').then((store) => {
      isOpen = true;
      return store;
    });
    const waits =
      "SELECT 1 FROM pg_locks WHERE NOT granted AND relation = 'rackboot'::regclass AND mode = 'ExclusiveLock'";
    await eventuallyWithin(WAIT_MS_MAX, 'it waits', async () => (await server.query(waits, name)).length === 1);
    assert.equal(isOpen, false);
    await other.query('COMMIT');
    await other.end();
    await (await opened).close();
  });

  test('a request for which no connection of the pool is left gets 503 and when to ask again', async () => {
    const { store } = region.region;
    const over = Promise.withResolvers<void>();
    const hold = () =>
      store.transact(async () => {
        // The database ends a transaction in which nothing happens.
        for (let isOver = false; !isOver; ) {
          await store.accounts.listUsers();
          isOver = await Promise.race([over.promise.then(() => true), sleep(500).then(() => false)]);
        }
      });
    const holders = Array.from({ length: server.placeOf(database).pool }, hold);
    try {
      await sleep(500);
      const { origin, authorization } = region;
      const answer = await fetch(`${origin}/MAAS/api/2.0/machines/`, { headers: { authorization } });
      assert.equal(answer.status, 503);
      assert.match(answer.headers.get('retry-after') ?? '', /^[1-9]\d*$/);
      assert.match(await answer.text(), /all connections of region\.store\.pool are in use/);
    } finally {
      over.resolve();
      await Promise.all(holders);
    }
    assert.equal(await status(), 200);
  });

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
