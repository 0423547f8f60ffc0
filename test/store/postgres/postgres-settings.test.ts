// Settings that an administrator of the database may give the region's user, which its processes must work with.
// @host waits, 50 s
// @disk

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { sleep } from '../../../src/clock.ts';
import type { RegionStore } from '../../../src/region/records/store.ts';
import type { PostgresPlace } from '../../../src/store/postgres/postgres-place.ts';
import { PostgresRates } from '../../../src/store/postgres/postgres-rates.ts';
import { PostgresWatch } from '../../../src/store/postgres/postgres-watch.ts';
import { openPostgresRegion } from '../../../src/store/postgres/region-postgres.ts';
import { eventuallyWithin } from '../../support/eventually.ts';
import { missing } from '../../support/needs.ts';
import { PostgresServer } from '../../support/postgres-server.ts';

const PROCESSES = 3;
/** How long a connection may do nothing, in milliseconds. */
const IDLE_MS = 300;
const SETTINGS: readonly (readonly [name: string, value: string])[] = [
  ['default_transaction_isolation', 'serializable'],
  ['default_transaction_isolation', 'repeatable read'],
  ['default_transaction_deferrable', 'on'],
  ['statement_timeout', '1'],
  ['lock_timeout', '1'],
  ['idle_in_transaction_session_timeout', '1'],
  ['idle_session_timeout', String(IDLE_MS)],
  ['standard_conforming_strings', 'off'],
  ['bytea_output', 'escape'],
  ['client_encoding', 'LATIN1'],
];
const SLOW = { perSecond: 0.001, burst: 20 };
/** Longer than a lost connection takes to come back, in milliseconds. */
const QUIET_MS = 1700;
/** How soon a process hears of a change by another, in milliseconds. */
const HEARD_MS_MAX = 1000;

describe('a user of the database with settings of its own', { skip: missing('linux', '/usr/lib/postgresql') }, () => {
  let server: PostgresServer;

  before(async () => {
    server = await PostgresServer.start();
    await server.query('CREATE ROLE hampered LOGIN');
  });
  after(() => server.close());

  async function emptyPlace(): Promise<PostgresPlace> {
    const name = await server.makeDatabase();
    await server.query(`ALTER DATABASE ${name} OWNER TO hampered`);
    return { url: server.urlOf(name).replace('user=rackboot', 'user=hampered'), pool: 4 };
  }

  for (const [name, value] of SETTINGS) {
    test(`${name} = ${value}: processes start together, count together, and hear each other`, async () => {
      await server.query('ALTER ROLE hampered RESET ALL');
      await server.query(`ALTER ROLE hampered SET ${name} = '${value}'`);
      const place = await emptyPlace();
      const names = Array.from({ length: PROCESSES }, (_, index) => `process ${index}`);
      const opened = await Promise.allSettled(names.map((one) => openPostgresRegion(place, one)));
      const stores = opened.flatMap((one): RegionStore[] => (one.status === 'fulfilled' ? [one.value] : []));
      const rates = names.map(() => new PostgresRates(place, new PostgresWatch(place)));
      try {
        assert.deepEqual(
          opened.map((one) => (one.status === 'rejected' ? String(one.reason) : 'open')),
          names.map(() => 'open'),
        );
        const takes = Array.from({ length: 60 }, (_, index) => rates[index % PROCESSES]?.take('one', SLOW));
        assert.equal((await Promise.all(takes)).filter((isTaken) => isTaken === true).length, SLOW.burst);
        await areHeard(stores);
      } finally {
        for (const one of rates) await one.close();
        for (const store of stores) await store.close();
      }
    });
  }

  test('a table that somebody altered costs a connection whose plans no longer fit, and no request', async () => {
    const place = await emptyPlace();
    const store = await openPostgresRegion({ ...place, pool: 1 }, 'one');
    try {
      assert.deepEqual(await store.accounts.listUsers(), []);
      await server.query('ALTER TABLE account ALTER COLUMN email TYPE varchar', new URL(place.url).pathname.slice(1));
      assert.deepEqual(await store.accounts.listUsers(), []);
    } finally {
      await store.close();
    }
  });

  /** After a pause, the processes still hear a change of one of them. */
  async function areHeard(stores: readonly RegionStore[]): Promise<void> {
    const heard = stores.map(() => 0);
    for (const [index, store] of stores.entries()) {
      store.neighbours?.listen(() => {
        heard[index] = (heard[index] ?? 0) + 1;
      });
    }
    // Each says once that it listens.
    await eventuallyWithin(5000, 'all listen', () => heard.every((count) => count > 0));
    const before = [...heard];
    await sleep(QUIET_MS);
    assert.deepEqual(heard, before, 'nobody lost the connection that listens');
    stores[0]?.neighbours?.announce();
    await eventuallyWithin(HEARD_MS_MAX, 'the others hear it', () =>
      heard.every((count, index) => index === 0 || count > (before[index] ?? 0)),
    );
  }
});
