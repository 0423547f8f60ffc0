// A region's process whose PostgreSQL refuses it for a moment: it answers 503 until the database takes it again, and never ends. Further
// refusals are in the long suite.
// @host waits, 30 s

import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { sleep, systemClock } from '../../src/ground/clock.ts';
import { RackError } from '../../src/ground/errors.ts';
import type { RegionStore } from '../../src/region/records/store.ts';
import { RegionConfiguration } from '../../src/region-host/configuration.ts';
import { createRegionAnswers } from '../../src/region-host/status.ts';
import { openPostgresRegion } from '../../src/store/postgres/region-postgres.ts';
import { eventuallyWithin } from '../support/eventually.ts';
import { missing } from '../support/needs.ts';
import { LOOKS_MS, type Refusal, RefusedRegion, WAIT_MS_MAX } from './refused-region.ts';

const REFUSALS: readonly Refusal[] = [
  [
    'takes no connections',
    'outside',
    ['ALTER DATABASE $name ALLOW_CONNECTIONS false'],
    ['ALTER DATABASE $name ALLOW_CONNECTIONS true'],
  ],
  ['does not let its user in', 'outside', ['ALTER ROLE guarded NOLOGIN'], ['ALTER ROLE guarded LOGIN']],
  [
    'a newer Rackboot changed',
    'inside',
    ['UPDATE rackboot SET version = version + 97'],
    ['UPDATE rackboot SET version = version - 97'],
  ],
];

let on: RefusedRegion;

describe('a running region whose database refuses', { skip: missing('linux', '/usr/lib/postgresql') }, () => {
  before(async () => {
    on = await RefusedRegion.start();
  });
  after(() => on?.close());

  for (const refusal of REFUSALS)
    test(`a database that ${refusal[0]} costs answers, and the region continues when that is over`, () =>
      on.outlives(refusal));

  test('a new password of the database needs the new content of password_file, and no restart', async () => {
    const { origin, authorization, region } = on.region;
    const ends: number[] = [];
    region.store.availability?.watchRefusals((refusedMs) => ends.push(refusedMs));
    await on.server.query("ALTER ROLE guarded PASSWORD 'new'");
    const from = systemClock.now();
    await on.endConnections();
    const answer = await fetch(`${origin}/MAAS/api/2.0/machines/`, { headers: { authorization } });
    const said = await answer.text();
    writeFileSync(on.passwordFile, 'new\n');
    assert.equal(answer.status, 503);
    assert.match(said, /password_file, which is read again for each connection, without a restart$/);
    assert.deepEqual(ends, []);
    await eventuallyWithin(WAIT_MS_MAX, 'it answers again', async () => (await on.status()) === 200);
    await eventuallyWithin(WAIT_MS_MAX, 'it has the duties', () => on.duties.areHeld);
    await eventuallyWithin(WAIT_MS_MAX, 'the end of the refusals is reported', () => ends.length > 0);
    const passedMs = systemClock.now() - from;
    await sleep(LOOKS_MS);
    assert.equal(ends.length, 1);
    const [refusedMs = 0] = ends;
    assert.ok(0 < refusedMs && refusedMs <= passedMs, `${refusedMs} of ${passedMs} ms`);
  });

  test('the sign-in page says that the database refuses, and reloads', async () => {
    const signIn = () => fetch(`${on.region.origin}/MAAS/login/`, { headers: { accept: 'text/html' } });
    await on.server.query('ALTER ROLE guarded NOLOGIN');
    await on.endConnections();
    const refused = await signIn();
    const page = await refused.text();
    await on.server.query('ALTER ROLE guarded LOGIN');
    assert.equal(refused.status, 503);
    assert.match(page, /<meta http-equiv="refresh".*database refuses/s);
    await eventuallyWithin(WAIT_MS_MAX, 'it is back', async () => (await signIn()).status === 200);
  });

  test('a newer Rackboot changes the tables while two processes run: neither reads or writes, and each says so once', async () => {
    const stores: RegionStore[] = [];
    try {
      const name = await on.server.makeDatabase();
      for (const _ of [1, 2]) stores.push(await openPostgresRegion(on.server.placeOf(name)));
      const said = stores.map((store) => {
        const changes: string[] = [];
        store.availability?.watch((problem) => changes.push(problem?.note ?? 'back'));
        return changes;
      });
      const add = (store: RegionStore, username: string) =>
        store.accounts.addUser({ username, email: '', passwordHash: 'x', isAdmin: false, createdMs: 1 });
      for (const [index, store] of stores.entries()) await add(store, `before${index}`);
      await on.server.query('UPDATE rackboot SET version = 99', name);
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
      assert.deepEqual(await on.server.query('SELECT username FROM account ORDER BY 1', name), [
        { username: 'before0' },
        { username: 'before1' },
      ]);
      assert.deepEqual(said, [['database-newer'], ['database-newer']]);
    } finally {
      for (const store of stores) await store.close();
    }
  });

  test('rackboot status says since when a full disk of the database refuses changes, until one is stored', async () => {
    const { region, origin, authorization } = on.region;
    const problem = async (): Promise<string | undefined> => {
      const answers = createRegionAnswers({
        version: '0',
        startedWallMs: 0,
        clock: systemClock,
        configuration: new RegionConfiguration(file),
        region: () => region,
        dutyHolder: () => undefined,
        addresses: () => [],
        unopened: () => [],
        notes: () => [],
        metricsProblems: () => [],
      });
      const answer = await answers['/status']?.({ query: new URLSearchParams(), body: async () => '' });
      const { diskProblem } = JSON.parse(JSON.stringify(answer));
      return diskProblem;
    };
    const file = join(on.server.directory, 'region.yaml');
    const store = `{ kind: postgresql, url: "${on.server.urlOf(on.database)}" }`;
    writeFileSync(file, `name: hall\nstate_dir: ${on.server.directory}\nregion: { store: ${store} }\n`);
    const add = async (): Promise<number> => {
      const body = new URLSearchParams({ name: `pool${Date.now()}` });
      const answer = await fetch(`${origin}/MAAS/api/2.0/resourcepools/`, {
        method: 'POST',
        body,
        headers: { authorization },
      });
      await answer.text();
      return answer.status;
    };
    await on.server.query(
      `CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
         RAISE EXCEPTION 'could not extend file "x": No space left on device' USING ERRCODE = '53100'; END $$;
       CREATE TRIGGER full_disk BEFORE INSERT ON area EXECUTE FUNCTION full_disk()`,
      on.database,
    );
    const from = Date.now();
    assert.equal(await add(), 503);
    const said = await problem();
    const since = /\(could not extend file .*\): make room .*; changes have been refused since (\S+)$/.exec(
      said ?? '',
    )?.[1];
    assert.ok(Date.parse(since ?? '') >= from, said);
    assert.equal(await add(), 503);
    assert.equal(await problem(), said, 'the time is that of the first');
    await on.server.query('DROP TRIGGER full_disk ON area', on.database);
    assert.equal(await add(), 200);
    assert.equal(await problem(), undefined);
  });

  test('a request for which no connection of the pool is left gets 503 and when to ask again', async () => {
    const { store } = on.region.region;
    const over = Promise.withResolvers<void>();
    const hold = () =>
      store.transact(async () => {
        // The database ends a transaction in which nothing happens.
        for (let isOver = false; !isOver; ) {
          await store.accounts.listUsers();
          isOver = await Promise.race([over.promise.then(() => true), sleep(500).then(() => false)]);
        }
      });
    const holders = Array.from({ length: on.server.placeOf(on.database).pool }, hold);
    try {
      await sleep(500);
      const { origin, authorization } = on.region;
      const answer = await fetch(`${origin}/MAAS/api/2.0/machines/`, { headers: { authorization } });
      assert.equal(answer.status, 503);
      assert.match(answer.headers.get('retry-after') ?? '', /^[1-9]\d*$/);
      assert.match(await answer.text(), /all connections of region\.store\.pool are in use/);
    } finally {
      over.resolve();
      await Promise.all(holders);
    }
    assert.equal(await on.status(), 200);
  });
});
