// A region's data moves between SQLite and PostgreSQL, and into backups and back: what is refused and says why, databases and files of
// others, and what a kill leaves. `store/copying/region-copy.test.ts` has the copies themselves.
// @host alone

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chmodSync, chownSync, mkdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import pg from 'pg';
import { readFromPostgres, writeToPostgres } from '../../src/store/copying/copy-postgres.ts';
import { SqliteSource } from '../../src/store/copying/copy-sqlite.ts';
import { copyRegion } from '../../src/store/copying/region-copy.ts';
import { POSTGRES_MIGRATIONS } from '../../src/store/postgres/postgres-form.ts';
import { createPoolConfig } from '../../src/store/postgres/postgres-place.ts';
import { openPostgresRegion } from '../../src/store/postgres/region-postgres.ts';
import { REGION_FILE } from '../../src/store/region/region-schema.ts';
import { openRegionStore } from '../../src/store/sqlite/region-sqlite.ts';
import { NOBODY } from '../support/another-user.ts';
import { configOf, makeRegionData, readStore, runRegion } from '../support/copied-region.ts';
import { missing } from '../support/needs.ts';
import { PostgresServer } from '../support/postgres-server.ts';
import { runRackboot, well } from '../support/running-rack.ts';

/** Ends of copies that are looked at: the server may notice one in time by chance. */
const ROUNDS = 10;

let server: PostgresServer;
let directory: string;
/** A state directory with a region's data. */
let stateDir: string;

describe('a region whose data is moved', { skip: missing('linux', '/usr/lib/postgresql') }, () => {
  before(async () => {
    server = await PostgresServer.start();
    ({ directory, stateDir } = await makeRegionData());
  });
  after(async () => {
    await server.close();
    rmSync(directory, { recursive: true, force: true });
  });

  test('a backup made while others write has the contents of one moment: whole changes, and all that were stored before it began', async () => {
    const name = await server.makeDatabase();
    const kinds = [
      [
        'moment-postgres',
        `{ kind: postgresql, url: "${server.urlOf(name)}" }`,
        () => openPostgresRegion(server.placeOf(name)),
      ],
      ['moment-sqlite', '{ kind: sqlite }', () => openRegionStore({ stateDir: join(directory, 'moment-sqlite') })],
    ] as const;
    for (const [kind, place, open] of kinds) {
      const config = configOf(directory, kind, place);
      const store = await open();
      let isOver = false;
      let stored = 0;
      const writing = (async () => {
        for (; !isOver; stored += 1) {
          const username = `w${stored}`;
          await store.transact(async () => {
            await store.accounts.addUser({ username, email: '', passwordHash: 'x', isAdmin: false, createdMs: 1 });
            await store.accounts.addUser({
              username: `${username}-too`,
              email: '',
              passwordHash: 'x',
              isAdmin: false,
              createdMs: 1,
            });
          });
          await new Promise((resolve) => setImmediate(resolve));
        }
      })();
      while (stored < 20) await new Promise((resolve) => setTimeout(resolve, 5));
      const before = stored;
      const file = join(directory, `${kind}.backup`);
      await runRegion('backup', file, '--config', config);
      const after = stored;
      isOver = true;
      await writing;
      await store.close();
      assert.ok(after > before, `${kind}: changes were stored meanwhile`);
      await runRegion('restore', file, '--config', configOf(directory, `${kind}-restored`, '{ kind: sqlite }'));
      const restored = openRegionStore({ stateDir: join(directory, `${kind}-restored`) });
      const users = new Set((await restored.accounts.listUsers()).map(({ username }) => username));
      await restored.close();
      const pairs = users.size / 2;
      assert.ok(pairs >= before && pairs <= after + 1, `${kind}: ${before} ≤ ${pairs} ≤ ${after}`);
      for (let index = 0; index < pairs; index += 1)
        assert.ok(users.has(`w${index}`) && users.has(`w${index}-too`), `${kind}: w${index}`);
    }
  });

  test('the database is free as soon as a copy has ended, even if it failed', async () => {
    const place = server.placeOf(await server.makeDatabase());
    await (await openPostgresRegion(place)).close();
    const onlooker = new pg.Client(createPoolConfig(place));
    onlooker.on('error', () => undefined);
    await onlooker.connect();
    const locks = async (): Promise<unknown> =>
      (await onlooker.query("SELECT mode FROM pg_locks WHERE locktype = 'advisory' AND objid = $1", [0x5242_5255]))
        .rows;
    for (let round = 0; round < ROUNDS; round += 1) {
      const cut = writeToPostgres(place, async () => {
        assert.deepEqual(await locks(), [{ mode: 'ExclusiveLock' }]);
        throw new Error('cut');
      });
      await assert.rejects(cut, /^Error: cut$/);
      assert.deepEqual(await locks(), []);
      await readFromPostgres(place, true, async () => undefined);
      assert.deepEqual(await locks(), []);
    }
    await onlooker.end();
  });

  test('a database that cannot hold every text is refused as a target, and its region can move away', async () => {
    const url = server.urlOf('latin');
    await server.query("CREATE DATABASE latin TEMPLATE template0 ENCODING 'LATIN1' LOCALE 'C'");
    const to = ['copy', '--from', `sqlite:${stateDir}`, '--to', url];
    const { code, complaints } = await runRackboot(['region', ...to]);
    assert.notEqual(code, 0);
    assert.match(complaints.join('\n'), /^[^\n]*database latin has the encoding LATIN1, [^\n]* ENCODING 'UTF8'[^\n]*$/);
    const name = await server.makeDatabase();
    const wanted = await readStore(openRegionStore({ stateDir }));
    await runRegion('copy', '--from', `sqlite:${stateDir}`, '--to', server.urlOf(name));
    execFileSync('sh', ['-c', 'pg_dump "$0" | psql --quiet --output=/dev/null "$1"', server.urlOf(name), url]);
    const away = join(directory, 'away');
    await runRegion('copy', '--from', url, '--to', `sqlite:${away}`);
    assert.deepEqual(await readStore(openRegionStore({ stateDir: away })), wanted);
  });

  test('a command of a newer release leaves the tables as the processes that run know them', async () => {
    const name = await server.makeDatabase();
    const older = POSTGRES_MIGRATIONS.length - 1;
    const mark = 'CREATE TABLE rackboot (version BIGINT NOT NULL, the_only BOOLEAN PRIMARY KEY DEFAULT true)';
    await server.query([...POSTGRES_MIGRATIONS.slice(0, older), mark].join(';'), name);
    const config = ['--config', configOf(directory, name, `{ kind: postgresql, url: "${server.urlOf(name)}" }`)];
    const commands = [
      ['region', 'backup', join(directory, `${name}.backup`), ...config],
      ['region', 'copy', '--from', server.urlOf(name), '--to', `sqlite:${join(directory, `${name}-to`)}`],
      ['apikey', '--username', 'ann', ...config],
    ];
    const unfinished = ['region', 'copy', '--from', `sqlite:${stateDir}`, '--to', server.urlOf(name)];
    for (const [version, words, remedy] of [
      ...commands.map((words) => [older, words, 'start the region once with this one'] as const),
      [-older, unfinished, 'empty the database'] as const,
    ]) {
      await server.query(`DELETE FROM rackboot; INSERT INTO rackboot (version) VALUES (${version})`, name);
      const { code, complaints } = await runRackboot(words);
      assert.equal(code, 1, words.join(' '));
      const text = `has version ${older}, this Rackboot ${older + 1}: run the command with the Rackboot that made it, or ${remedy}`;
      assert.ok(complaints.join('\n').includes(text), complaints.join('\n'));
      assert.deepEqual(await server.query('SELECT version FROM rackboot', name), [{ version: String(version) }]);
    }
    await server.query(`UPDATE rackboot SET version = ${older}`, name);
    await (await openPostgresRegion(server.placeOf(name), 'hall')).close();
    assert.match(await runRegion('backup', join(directory, `${name}.backup`), ...config), /^Wrote /);
  });

  test('files that root copies, saves or restores belong to the owner of the directory', {
    skip: missing('root'),
  }, async () => {
    const name = await server.makeDatabase();
    await (await openPostgresRegion(server.placeOf(name))).close();
    chmodSync(directory, 0o711);
    const to = join(directory, 'of-another');
    mkdirSync(to);
    chownSync(to, NOBODY, NOBODY);
    const owned = async (file: string, ...args: string[]): Promise<void> => {
      await well(runRackboot(['region', ...args]));
      assert.equal(statSync(join(to, file)).uid, NOBODY);
    };
    await owned(REGION_FILE, 'copy', '--from', server.urlOf(name), '--to', `sqlite:${to}`);
    const config = join(directory, 'of-another.yaml');
    const store = `{ kind: postgresql, url: "${server.urlOf(name)}" }`;
    writeFileSync(config, `state_dir: ${JSON.stringify(to)}\nregion: { store: ${store} }\n`);
    await owned('today.backup', 'backup', join(to, 'today.backup'), '--config', config);
    const closed = join(directory, 'closed');
    mkdirSync(closed, { mode: 0o700 });
    const secret = join(closed, 'y.backup');
    await well(runRackboot(['region', 'backup', secret, '--config', config]));
    assert.deepEqual([statSync(secret).uid, statSync(secret).mode & 0o777], [0, 0o600]);
    rmSync(join(to, REGION_FILE));
    writeFileSync(config, `state_dir: ${JSON.stringify(to)}\nregion: { store: { kind: sqlite } }\n`);
    await owned(REGION_FILE, 'restore', secret, '--config', config);
  });

  test('of two copies into one database at once, one is refused, and the other is whole', async () => {
    const place = server.placeOf(await server.makeDatabase());
    const source = new SqliteSource(join(stateDir, REGION_FILE));
    const copy = (to = place) => writeToPostgres(to, (target) => copyRegion(source, target, () => undefined));
    await writeToPostgres(place, async (target) => {
      await assert.rejects(openPostgresRegion(place), /^RackError: the region's database is being copied: wait/);
      await assert.rejects(copy(), /^RackError: another copy from or into this database is under way/);
      await copyRegion(source, target, () => undefined);
    });
    const other = server.placeOf(await server.makeDatabase());
    const together = await Promise.allSettled([copy(other), copy(other)]);
    assert.ok(together.some(({ status }) => status === 'fulfilled'));
    source.close();
    const wanted = await readStore(openRegionStore({ stateDir }));
    for (const filled of [place, other]) assert.deepEqual(await readStore(openPostgresRegion(filled)), wanted);
  });
});
