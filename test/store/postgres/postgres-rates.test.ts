// Rates that hold for all processes of a region on one PostgreSQL, on a real server.
// @host waits, 30 s
// @disk

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { sleep } from '../../../src/ground/clock.ts';
import { PostgresRates } from '../../../src/store/postgres/postgres-rates.ts';
import { PostgresWatch } from '../../../src/store/postgres/postgres-watch.ts';
import { openPostgresRegion } from '../../../src/store/postgres/region-postgres.ts';
import { eventuallyWithin } from '../../support/eventually.ts';
import { missing } from '../../support/needs.ts';
import { PostgresCutter } from '../../support/postgres-cutter.ts';
import { RegionDatabases } from '../../support/postgres-server.ts';

const SLOW = { perSecond: 0.001, burst: 20 };

describe('the rates of several processes', { skip: missing('linux', '/usr/lib/postgresql') }, () => {
  let databases: RegionDatabases;
  let name: string;
  let processes: PostgresRates[];

  before(async () => {
    databases = await RegionDatabases.start();
    name = await databases.make();
    await (await openPostgresRegion(databases.server.placeOf(name))).close();
    const place = databases.server.placeOf(name);
    processes = [0, 1].map(() => new PostgresRates(place, new PostgresWatch(place)));
  });
  after(async () => {
    for (const one of processes) await one.close();
    await databases.close();
  });

  const number = async (sql: string): Promise<number> =>
    Number(Object.values((await databases.server.query(sql, name))[0] ?? {})[0]);

  /** How many takes were allowed, of a number at both processes in turn. */
  async function takes(of: string, count: number): Promise<number> {
    const taken = await Promise.all(Array.from({ length: count }, (_, index) => processes[index % 2]?.take(of, SLOW)));
    return taken.filter((isTaken) => isTaken === true).length;
  }

  test('one bucket: its burst is given once, and a permission given back is given again', async () => {
    assert.equal(await takes('one', 60), SLOW.burst);
    assert.equal(await takes('one', 4), 0);
    await processes[0]?.giveBack('one', SLOW);
    await processes[1]?.giveBack('one', SLOW);
    assert.equal(await takes('one', 4), 2);
  });

  test('a crowd of strangers fails no transaction, and each bucket is right', async () => {
    const rolledBack = 'SELECT xact_rollback FROM pg_stat_database WHERE datname = current_database()';
    const before = await number(rolledBack);
    const names = Array.from({ length: 300 }, (_, index) => `stranger ${(index * 7) % 300}`);
    const taken = await Promise.all(
      names.flatMap((one) =>
        [0, 1, 0, 1].map((process) => processes[process]?.take(one, { perSecond: 0.001, burst: 3 })),
      ),
    );
    assert.equal(taken.filter((isTaken) => isTaken === true).length, 3 * names.length);
    // The server counts a transaction a moment later.
    await sleep(1500);
    assert.equal(await number(rolledBack), before);
  });

  test('more takes than may wait are refused (TAKES_MAX)', async () => {
    const fast = { perSecond: 1e6, burst: 1e6 };
    const taken = await Promise.all(
      Array.from({ length: 5000 }, (_, index) => processes[0]?.take(`many ${index}`, fast)),
    );
    const refused = taken.filter((isTaken) => isTaken === false).length;
    assert.ok(refused >= 2900 && refused <= 3000, `${refused}`);
  });

  test('a database whose clock has gone back holds nobody for longer than an empty bucket', async () => {
    await databases.server.query(
      "INSERT INTO rate (name, full_ms) VALUES ('later', extract(epoch FROM clock_timestamp()) * 1000 + 3600000)",
      name,
    );
    const rate = { perSecond: 50, burst: 2 };
    assert.equal(await processes[0]?.take('later', rate), false);
    await sleep(30);
    assert.equal(await processes[0]?.take('later', rate), true);
  });

  test('tables of another version are not touched', async () => {
    const version = (step: number) => databases.server.query(`UPDATE rackboot SET version = version + ${step}`, name);
    await processes[0]?.take('versioned', SLOW);
    const full = 'SELECT full_ms FROM rate WHERE name = $$versioned$$';
    const before = await number(full);
    await version(97);
    const refused = { code: 'store-unavailable', message: /a newer Rackboot gave it version/ };
    await assert.rejects(async () => processes[0]?.take('versioned', SLOW), refused);
    await assert.rejects(async () => processes[1]?.giveBack('versioned', SLOW), refused);
    assert.equal(await number(full), before);
    await version(-97);
    assert.equal(await processes[0]?.take('versioned', SLOW), true);
  });

  test('full buckets are removed', async () => {
    const gone = { perSecond: 1000, burst: 2 };
    await processes[0]?.take('gone', gone);
    await sleep(5100);
    await processes[0]?.take('one', SLOW);
    await processes[0]?.take('one', SLOW);
    assert.equal(await number("SELECT count(*) FROM rate WHERE name = 'gone'"), 0);
    assert.equal(await number("SELECT count(*) FROM rate WHERE name = 'one'"), 1);
  });

  test('a connection that the server ended while nothing was asked costs no take', async () => {
    assert.equal(await processes[0]?.take('before', SLOW), true);
    const ended = "FROM pg_stat_activity WHERE query LIKE '%rate%' AND pid <> pg_backend_pid()";
    await databases.server.query(`SELECT pg_terminate_backend(pid) ${ended}`);
    await eventuallyWithin(8000, 'it is gone', async () => (await number(`SELECT count(*) ${ended}`)) === 0);
    // The process reads the end of the connection.
    await sleep(100);
    assert.equal(await processes[0]?.take('lost', SLOW), true);
  });

  test('a server that becomes silent costs each take some seconds at most; after it, takes are answered again', async () => {
    const cutter = await PostgresCutter.open(databases.server.directory);
    const store = await openPostgresRegion(cutter.placeOf(databases.server.placeOf(name)));
    const { rates, availability } = store;
    assert.ok(rates !== undefined && availability !== undefined);
    try {
      // Its connection is idle when the server becomes silent, and when the server is known to be silent.
      assert.equal(await rates.take('silent', SLOW), true);
      cutter.silence();
      await eventuallyWithin(8000, 'it is silent', () => availability.problem !== undefined);
      await endsIn(1000, assert.rejects(rates.take('silent', SLOW), { code: 'store-unavailable' }));
      cutter.speak();
      await eventuallyWithin(8000, 'it is back', () => availability.problem === undefined);
      assert.equal(await endsIn(2000, rates.take('silent', SLOW)), true);
    } finally {
      await endsIn(5000, store.close());
      await cutter.close();
    }
  });

  test('a take on a lost connection ends although nobody knows that the server is silent', async () => {
    const cutter = await PostgresCutter.open(databases.server.directory);
    const place = cutter.placeOf(databases.server.placeOf(name));
    const rates = new PostgresRates(place, new PostgresWatch(place));
    try {
      assert.equal(await rates.take('lost', SLOW), true);
      cutter.silence();
      const asked = Array.from({ length: 6 }, () => rates.take('lost', SLOW));
      const ended = await endsIn(6500, Promise.allSettled([...asked, rates.giveBack('lost', SLOW)]));
      const codes = ended.map((one) => (one.status === 'rejected' ? one.reason.code : 'taken'));
      assert.deepEqual(new Set(codes), new Set(['store-unavailable']));
      cutter.speak();
      assert.equal(await endsIn(8000, takenAtLast(rates)), true);
    } finally {
      await endsIn(5000, rates.close());
      await cutter.close();
    }
  });
});

/** The result of `work`, which must end within `ms`. */
async function endsIn<T>(ms: number, work: Promise<T>): Promise<T> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => late.reject(new Error(`it has not ended after ${ms} ms`)), ms);
  try {
    return await Promise.race([work, late.promise]);
  } finally {
    clearTimeout(timer);
  }
}

/** Takes until one is answered: a take of the silent time may still be under way. */
async function takenAtLast(rates: PostgresRates): Promise<boolean> {
  for (;;) {
    const taken = await rates.take('lost', SLOW).catch(() => undefined);
    if (taken !== undefined) return taken;
  }
}
