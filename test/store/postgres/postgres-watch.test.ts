// A PostgreSQL that hangs, as behind a network that drops everything: connections stay open, and nothing answers. Every use of the store ends
// in seconds, then at once, and continues when it answers again. Nothing is stored that was said to have failed.
// @host waits, 60 s
// @disk

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { sleep } from '../../../src/ground/clock.ts';
import { RackError } from '../../../src/ground/errors.ts';
import type { RegionStore } from '../../../src/region/records/store.ts';
import type { Outage } from '../../../src/region/reports/notes.ts';
import { openPostgresRegion } from '../../../src/store/postgres/region-postgres.ts';
import { eventuallyWithin } from '../../support/eventually.ts';
import { missing } from '../../support/needs.ts';
import { RegionDatabases } from '../../support/postgres-server.ts';

const WAIT_MS_MAX = 60_000;
const WRITERS = 12;

describe('a PostgreSQL that hangs', { skip: missing('linux', '/usr/lib/postgresql') }, () => {
  let databases: RegionDatabases;
  let store: RegionStore;

  before(async () => {
    databases = await RegionDatabases.start();
    store = await openPostgresRegion(databases.server.placeOf(await databases.make()));
  });
  after(async () => {
    databases.server.goOn();
    await store.close();
    await databases.close();
  });

  const addUser = async (username: string): Promise<boolean> => {
    const user = { username, email: '', passwordHash: 'x', isAdmin: false, createdMs: 1 };
    return (await store.accounts.addUser(user)) !== undefined;
  };

  test('a use of the store ends within seconds, later ones at once, and the answers agree with the stored rows', async () => {
    const changes: (Outage | 'back')[] = [];
    store.availability?.watch((problem) => changes.push(problem ?? 'back'));
    const stored = new Set<string>();
    const unknown = new Set<string>();
    const failed = new Set<number>();
    let isOver = false;
    const write = async (writer: number): Promise<void> => {
      for (let turn = 0; !isOver; turn += 1) {
        const username = `u${writer}-${turn}`;
        try {
          assert.ok(await addUser(username), 'it was added twice');
          stored.add(username);
        } catch (error) {
          if (!(error instanceof RackError && error.code === 'store-unavailable')) throw error;
          failed.add(writer);
          if (/whether the change was stored is unknown/.test(error.message)) unknown.add(username);
          await sleep(20);
        }
      }
    };
    const writing = Array.from({ length: WRITERS }, (_, writer) => write(writer));
    await eventuallyWithin(WAIT_MS_MAX, 'users are stored', () => stored.size > 100);
    databases.server.hang();
    await eventuallyWithin(WAIT_MS_MAX, 'each use under way ends', () => failed.size === WRITERS);
    await assert.rejects(store.accounts.listUsers(), /it has not answered for 3 s/);
    databases.server.goOn();
    await eventuallyWithin(WAIT_MS_MAX, 'it is back', () => store.availability?.problem === undefined);
    const before = stored.size;
    await eventuallyWithin(WAIT_MS_MAX, 'further users are stored', () => stored.size > before + 50);
    isOver = true;
    await Promise.all(writing);
    const found = (await store.accounts.listUsers()).map(({ username }) => username);
    assert.deepEqual(
      [...stored].filter((username) => !found.includes(username)),
      [],
    );
    assert.deepEqual(
      found.filter((username) => !stored.has(username) && !unknown.has(username)),
      [],
    );
    assert.equal(changes.length, 2, 'it goes and comes back once');
  });

  test('a server that only reads counts as away, with the reason, until it writes again', async () => {
    const { server } = databases;
    const set = async (sql: string): Promise<void> => {
      await server.query(sql);
      await server.query('SELECT pg_reload_conf()');
    };
    await set('ALTER SYSTEM SET default_transaction_read_only = on');
    const isReadOnly = (): boolean => store.availability?.problem?.note === 'database-read-only';
    await eventuallyWithin(WAIT_MS_MAX, 'it says so', isReadOnly);
    await assert.rejects(addUser('reader'), /default_transaction_read_only/);
    await set('ALTER SYSTEM RESET default_transaction_read_only');
    await eventuallyWithin(WAIT_MS_MAX, 'it is back', () => store.availability?.problem === undefined);
    assert.ok(await addUser('writer'));
  });
});
