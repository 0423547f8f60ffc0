// A region's processes whose user of the database has settings of its own: what `store/postgres/postgres-settings.test.ts` and the long
// suite share.

import assert from 'node:assert/strict';
import { sleep } from '../../src/ground/clock.ts';
import type { RegionStore } from '../../src/region/records/store.ts';
import type { PostgresPlace } from '../../src/store/postgres/postgres-place.ts';
import { PostgresRates } from '../../src/store/postgres/postgres-rates.ts';
import { PostgresWatch } from '../../src/store/postgres/postgres-watch.ts';
import { openPostgresRegion } from '../../src/store/postgres/region-postgres.ts';
import { eventuallyWithin } from './eventually.ts';
import { PostgresServer } from './postgres-server.ts';

const PROCESSES = 3;
/** How long a connection may do nothing, in milliseconds. */
export const IDLE_MS = 300;
const SLOW = { perSecond: 0.001, burst: 20 };
/** Longer than a lost connection takes to come back, in milliseconds. */
const QUIET_MS = 1700;
/** How soon a process hears of a change by another, in milliseconds. */
const HEARD_MS_MAX = 1000;

/** Starts a server with the user `hampered`. */
export async function startHampered(): Promise<PostgresServer> {
  const server = await PostgresServer.start();
  await server.query('CREATE ROLE hampered LOGIN');
  return server;
}

/** An empty database of that user. */
async function emptyPlace(server: PostgresServer): Promise<PostgresPlace> {
  const name = await server.makeDatabase();
  await server.query(`ALTER DATABASE ${name} OWNER TO hampered`);
  return { url: server.urlOf(name).replace('user=rackboot', 'user=hampered'), pool: 4 };
}

/** With the setting, processes start together, count together, and hear each other. */
export async function assertWorksWith(server: PostgresServer, name: string, value: string): Promise<void> {
  await server.query('ALTER ROLE hampered RESET ALL');
  await server.query(`ALTER ROLE hampered SET ${name} = '${value}'`);
  const place = await emptyPlace(server);
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
}

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
