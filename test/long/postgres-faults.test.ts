// A region whose PostgreSQL has no room on a disk, or gets log-ins without a password: the reason is named, nothing that was stored is
// lost, and no connection is left over.
// @host alone
// @disk

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chmodSync, chownSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { RackError } from '../../src/ground/errors.ts';
import type { RegionStore } from '../../src/region/records/store.ts';
import type { PostgresPlace } from '../../src/store/postgres/postgres-place.ts';
import { openPostgresRegion } from '../../src/store/postgres/region-postgres.ts';
import { NOBODY } from '../support/another-user.ts';
import { fillDisk } from '../support/full-disk.ts';
import { addLargeUser } from '../support/large-user.ts';
import { missing } from '../support/needs.ts';
import { PostgresServer } from '../support/postgres-server.ts';

describe('a PostgreSQL without room', { skip: missing('linux', '/usr/lib/postgresql') }, () => {
  let server: PostgresServer;
  before(async () => {
    server = await PostgresServer.start({ access: ['local all guarded scram-sha-256'] });
    await server.query("CREATE ROLE guarded LOGIN PASSWORD 'right'");
  });
  after(() => server.close());

  async function refusalOf(place: PostgresPlace): Promise<string> {
    try {
      await (await openPostgresRegion(place)).close();
    } catch (error) {
      assert.ok(error instanceof RackError, String(error));
      return `${error.code}: ${error.message}`;
    }
    return 'opened';
  }

  test('log-ins without the password that the database asks for take none of its connections', async () => {
    const [setting] = await server.query('SHOW max_connections');
    const place = server.placeOf('postgres');
    const guarded = { ...place, url: place.url.replace('user=rackboot', 'user=guarded') };
    for (let tries = 0; tries <= Number(setting?.max_connections); tries += 1)
      assert.match(await refusalOf(guarded), /^store-refused: .* asks for a password/);
    assert.match(await refusalOf({ ...guarded, password: () => 'wrong' }), /: the password is wrong/);
  });

  test('a full disk at the database costs a pause, and nothing that was stored', {
    skip: missing('root', 'mount'),
  }, async () => {
    const directory = mkdtempSync(join(tmpdir(), 'rackboot-small-'));
    const small = join(directory, 'disk');
    mkdirSync(small);
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=24m', 'none', small]);
    try {
      chownSync(small, NOBODY, NOBODY);
      chmodSync(directory, 0o755);
      await server.query(`CREATE TABLESPACE small LOCATION '${small}'`);
      const name = await server.makeDatabase();
      await server.query(`ALTER DATABASE ${name} SET TABLESPACE small`);
      const store = await openPostgresRegion(server.placeOf(name));
      const filler = join(small, 'filler');
      try {
        fillDisk(filler);
        let stored = 0;
        const failed = (async () => {
          for (; stored < 2000; stored += 1) await addLargeUser(store, `user${stored}`);
        })();
        await assert.rejects(failed, (error) => {
          assert.ok(error instanceof RackError);
          assert.match(`${error.code}: ${error.message}`, /^store-unavailable: .*: make room on the database's disk$/);
          return true;
        });
        assert.equal((await store.accounts.listUsers()).length, stored);
        assert.ok(store.confirmation?.refused !== undefined);
        rmSync(filler);
        assert.equal(await addLargeUser(store, 'last'), true);
        assert.equal(store.confirmation.refused, undefined);
        assert.equal((await store.accounts.listUsers()).length, stored + 1);
      } finally {
        await store.close();
        await server.removeDatabase(name);
        await server.query('DROP TABLESPACE small');
      }
    } finally {
      execFileSync('umount', ['-l', small]);
      rmSync(directory, { recursive: true, force: true });
    }
  });

  test('a full disk for pg_wal ends the database, and costs nothing that was stored once it has room and runs', {
    skip: missing('root', 'mount'),
  }, async () => {
    const ended = await PostgresServer.start({ settings: ['min_wal_size = 32MB', 'max_wal_size = 32MB'] });
    const directory = mkdtempSync(join(tmpdir(), 'rackboot-wal-'));
    let store: RegionStore | undefined;
    try {
      chmodSync(directory, 0o755);
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=96m', 'none', directory]);
      await ended.end('SIGINT');
      const log = join(ended.directory, 'data', 'pg_wal');
      execFileSync('cp', ['-a', `${log}/.`, directory]);
      rmSync(log, { recursive: true });
      symlinkSync(directory, log);
      await ended.run();
      const name = await ended.makeDatabase();
      store = await openPostgresRegion(ended.placeOf(name));
      const filler = join(directory, 'filler');
      fillDisk(filler);
      const stored: string[] = [];
      const add = async (username: string): Promise<void> => {
        const passwordHash = randomBytes(200_000).toString('hex');
        await store?.accounts.addUser({ username, email: '', passwordHash, isAdmin: false, createdMs: 1 });
        stored.push(username);
      };
      const unavailable = (error: unknown): boolean =>
        error instanceof RackError &&
        error.code === 'store-unavailable' &&
        /make room on the database's disk|disk has room|was lost while it stored/.test(error.message);
      const failed = (async () => {
        for (let count = 0; count < 1000; count += 1) await add(`user${count}`);
      })();
      await assert.rejects(failed, unavailable);
      assert.ok(stored.length > 0);
      await assert.rejects(
        store.accounts.listUsers(),
        (error) => error instanceof RackError && /disk has room/.test(error.message),
      );
      await ended.ownEnd();
      rmSync(filler);
      await ended.run();
      await add('last');
      const users = new Set((await store.accounts.listUsers()).map(({ username }) => username));
      assert.deepEqual(
        stored.filter((username) => !users.has(username)),
        [],
      );
      assert.ok(users.size <= stored.length + 1, 'only the change that failed has an unknown result');
    } finally {
      await store?.close();
      await ended.close();
      execFileSync('umount', ['-l', directory]);
      rmSync(directory, { recursive: true, force: true });
    }
  });
});
