// A region's process whose PostgreSQL refuses it for further reasons: another name or password, lost tables and rights, an older backup,
// and tables that somebody changed.
// @host alone

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import pg from 'pg';
import { sleep } from '../../src/clock.ts';
import { openPostgresRegion } from '../../src/store/postgres/region-postgres.ts';
import { LOOKS_MS, type Refusal, RefusedRegion, SECRET, WAIT_MS_MAX } from '../region/refused-region.ts';
import { eventuallyWithin } from '../support/eventually.ts';
import { missing } from '../support/needs.ts';

const REFUSALS: readonly Refusal[] = [
  [
    'wants another password',
    'outside',
    ["ALTER ROLE guarded PASSWORD 'other'"],
    [`ALTER ROLE guarded PASSWORD '${SECRET}'`],
  ],
  [
    'has another name',
    'outside',
    ['ALTER DATABASE $name ALLOW_CONNECTIONS false', 'END', 'ALTER DATABASE $name RENAME TO elsewhere'],
    ['ALTER DATABASE elsewhere RENAME TO $name', 'ALTER DATABASE $name ALLOW_CONNECTIONS true'],
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
    'is an older backup now',
    'inside',
    ['UPDATE rackboot SET version = version - 1'],
    ['UPDATE rackboot SET version = version + 1'],
  ],
];

let on: RefusedRegion;

describe('a running region whose database refuses for further reasons', {
  skip: missing('linux', '/usr/lib/postgresql'),
}, () => {
  before(async () => {
    on = await RefusedRegion.start();
  });
  after(() => on?.close());

  for (const refusal of REFUSALS)
    test(`a database that ${refusal[0]} costs answers, and the region continues when that is over`, () =>
      on.outlives(refusal));

  test('a rule that somebody added to a table costs the changes that break it, and ends no work in the background', async () => {
    const { origin, authorization } = on.region;
    const add = async (): Promise<readonly [number, string]> => {
      const body = new URLSearchParams({ mac_addresses: '52:54:00:00:77:01', architecture: 'amd64/generic' });
      const url = `${origin}/MAAS/api/2.0/machines/`;
      const answer = await fetch(url, { method: 'POST', body, headers: { authorization } });
      return [answer.status, await answer.text()];
    };
    const tables = ['machine', 'duty', 'commit_mark'];
    for (const table of tables)
      await on.server.query(`ALTER TABLE ${table} ADD CONSTRAINT strange CHECK (false) NOT VALID`, on.database);
    const [refused, why] = await add();
    // The duties are renewed meanwhile.
    await sleep(2 * LOOKS_MS);
    const read = await on.status();
    for (const table of tables) await on.server.query(`ALTER TABLE ${table} DROP CONSTRAINT strange`, on.database);
    assert.deepEqual([refused, read], [503, 200]);
    assert.match(
      why,
      /refuses a statement.*: has somebody changed its tables, triggers, sequences, rights or search_path\?/,
    );
    assert.deepEqual([on.unhandled, on.region.problems], [[], []]);
    assert.equal((await add())[0], 200);
    await eventuallyWithin(WAIT_MS_MAX, 'it has the duties', () => on.duties.areHeld);
  });

  test('a process that changes the tables first waits for what others write', async () => {
    const name = await on.server.makeDatabase();
    await on.server.query(
      'CREATE TABLE rackboot (version BIGINT NOT NULL, the_only BOOLEAN PRIMARY KEY DEFAULT true)',
      name,
    );
    await on.server.query('INSERT INTO rackboot (version) VALUES (0)', name);
    const other = new pg.Client({ connectionString: on.server.urlOf(name) });
    other.on('error', () => undefined);
    await other.connect();
    await other.query('BEGIN; LOCK TABLE rackboot IN ROW SHARE MODE');
    let isOpen = false;
    const opened = openPostgresRegion(on.server.placeOf(name), 'hall').then((store) => {
      isOpen = true;
      return store;
    });
    const waits =
      "SELECT 1 FROM pg_locks WHERE NOT granted AND relation = 'rackboot'::regclass AND mode = 'ExclusiveLock'";
    await eventuallyWithin(WAIT_MS_MAX, 'it waits', async () => (await on.server.query(waits, name)).length === 1);
    assert.equal(isOpen, false);
    await other.query('COMMIT');
    await other.end();
    await (await opened).close();
  });

  test('a table whose columns get another type costs no answer', async () => {
    for (const type of ['varchar(300)', 'text']) {
      assert.equal(await on.status(), 200);
      await on.server.query(`ALTER TABLE account ALTER COLUMN email TYPE ${type}`, on.database);
      await on.server.query(`ALTER TABLE machine ALTER COLUMN hostname TYPE ${type}`, on.database);
      const answers = await Promise.all(Array.from({ length: 20 }, () => on.status()));
      assert.deepEqual(new Set(answers), new Set([200]));
    }
    assert.deepEqual(on.unhandled, []);
    assert.deepEqual(on.region.problems, []);
  });
});
