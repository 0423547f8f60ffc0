// Changes that PostgreSQL has acknowledged survive its crash, even where synchronous_commit is off.
// @host waits, 30 s
// @disk

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { sleep } from '../../../src/ground/clock.ts';
import { openPostgresRegion } from '../../../src/store/postgres/region-postgres.ts';
import { missing } from '../../support/needs.ts';
import { PostgresServer } from '../../support/postgres-server.ts';

/** Long, so that what a crash may lose is not written by chance. */
const SETTINGS = ['fsync = off', 'wal_writer_delay = 10s'];

describe('a PostgreSQL with synchronous_commit = off', { skip: missing('linux', '/usr/lib/postgresql') }, () => {
  let server: PostgresServer;
  before(async () => {
    server = await PostgresServer.start({ settings: SETTINGS });
  });
  after(() => server.close());

  const set = async (value: string): Promise<void> => {
    await server.query(`ALTER SYSTEM SET synchronous_commit = ${value}`);
    await server.query('SELECT pg_reload_conf()');
    await sleep(300);
  };

  /** The users that are there after a crash; `turnOff` runs while the store is open. */
  async function survivors(turnOff: (database: string) => Promise<void>): Promise<readonly string[]> {
    const name = await server.makeDatabase();
    const store = await openPostgresRegion(server.placeOf(name));
    await turnOff(name);
    for (const username of ['ann', 'bob', 'cyd'])
      await store.accounts.addUser({ username, email: '', passwordHash: 'x', isAdmin: true, createdMs: 1 });
    await server.end('SIGKILL');
    await store.close();
    await sleep(500);
    await server.run();
    const again = await openPostgresRegion(server.placeOf(name));
    const users = await again.accounts.listUsers();
    await again.close();
    return users.map(({ username }) => username);
  }

  test('acknowledged changes survive a crash if a reload turns it off', async () => {
    assert.deepEqual(await survivors(() => set('off')), ['ann', 'bob', 'cyd']);
    await set('on');
  });

  test('acknowledged changes survive a crash if the role has it off', async () => {
    const found = await survivors(async () => {
      await server.query('ALTER ROLE rackboot SET synchronous_commit = off');
      await server.query(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'rackboot' AND pid <> pg_backend_pid()",
      );
      await sleep(300);
    });
    assert.deepEqual(found, ['ann', 'bob', 'cyd']);
  });
});
