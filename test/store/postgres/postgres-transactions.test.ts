// Transactions on PostgreSQL that only a database with several processes shows: what they do to one another, and what a lost connection
// does to them.
// @host waits, 60 s
// @disk

import assert from 'node:assert/strict';
import { syncBuiltinESMExports } from 'node:module';
import { after, before, describe, test } from 'node:test';
import timers from 'node:timers/promises';
import { mac } from '../../../src/ground/address.ts';
import { sleep } from '../../../src/ground/clock.ts';
import { outcome } from '../../../src/power/outcome.ts';
import type { NewMachineEvent } from '../../../src/region/records/machine-event.ts';
import type { RegionStore } from '../../../src/region/records/store.ts';
import { openPostgresRegion } from '../../../src/store/postgres/region-postgres.ts';
import { FIELDS } from '../../contract/machines.ts';
import { eventuallyWithin } from '../../support/eventually.ts';
import { missing } from '../../support/needs.ts';
import { type Cut, PostgresCutter } from '../../support/postgres-cutter.ts';
import { RegionDatabases } from '../../support/postgres-server.ts';
import { spoken } from '../../support/sentences.ts';

const WAIT_MS_MAX = 30_000;
/** How long a transaction is run again and again. */
const REPEATED_MS_MAX = 10_000;
/** Each writes one to three events. */
const TRANSACTIONS_OF_WRITER = 30;

let databases: RegionDatabases;

describe('transactions in PostgreSQL', { skip: missing('linux', '/usr/lib/postgresql') }, () => {
  before(async () => {
    databases = await RegionDatabases.start();
  });
  after(() => databases.close());

  /** Runs `work` with the stores of several processes of one region. */
  async function withProcesses(
    count: number,
    work: (stores: readonly RegionStore[], database: string) => Promise<void>,
  ): Promise<void> {
    const name = await databases.make();
    const stores = await Promise.all(
      Array.from({ length: count }, () => openPostgresRegion(databases.server.placeOf(name))),
    );
    try {
      await work(stores, name);
    } finally {
      await Promise.all(stores.map((store) => store.close()));
      await databases.server.removeDatabase(name);
    }
  }

  /** Runs `work` with a store whose connections a cutter can lose. */
  async function withCutter(pool: number, work: (store: RegionStore, cutter: PostgresCutter) => Promise<void>) {
    const cutter = await PostgresCutter.open(databases.server.directory);
    const name = await databases.make();
    const store = await openPostgresRegion({ ...cutter.placeOf(databases.server.placeOf(name)), pool });
    try {
      await work(store, cutter);
    } finally {
      await store.close();
      await cutter.close();
      await databases.server.removeDatabase(name);
    }
  }

  const EVENT: NewMachineEvent = { type: 'NODE', code: 'rack', params: { text: 'x' }, atMs: 1, username: '' };
  const countTo = (count: number): readonly number[] => Array.from({ length: count }, (_, index) => index);
  const user = (username: string) => ({ username, email: '', passwordHash: 'x', isAdmin: true, createdMs: 1 });

  async function create(store: RegionStore, systemId: string): Promise<void> {
    await store.enlist({ macs: [], values: [], atMs: 1 }, () => ({
      kind: 'create',
      systemId,
      fields: { ...FIELDS, hostname: systemId },
      interfaces: [],
      events: [],
    }));
  }

  test('no change of a machine is lost to another at the same time', () =>
    withProcesses(2, async (stores) => {
      const [first] = stores;
      assert.ok(first !== undefined);
      await create(first, 'a');
      const changes = stores.flatMap((store) =>
        countTo(20).map(() =>
          store.changeMachine('a', 1, ({ description }) => ({
            kind: 'change',
            events: [EVENT],
            fields: { description: String(Number(description) + 1) },
          })),
        ),
      );
      await Promise.all(changes);
      assert.equal((await first.findMachine('a'))?.description, '40');
      assert.equal((await first.listEvents({ limit: 100 })).length, 40);
    }));

  test('a change of many machines happens while other processes change single ones without a pause', () =>
    withProcesses(2, async ([one, other]) => {
      assert.ok(one !== undefined && other !== undefined);
      const ids = countTo(400).map((index) => `m${index}`);
      await one.transact(async () => {
        for (const id of ids) await create(one, id);
      });
      const describe = (description: string) => () =>
        ({ kind: 'change', events: [EVENT], fields: { description } }) as const;
      let isOver = false;
      const writers = countTo(6).map(async (writer) => {
        for (let count = 0; !isOver; count += 1)
          await other.changeMachine(ids[(writer * 67 + count * 7) % ids.length] ?? '', 1, describe('one'));
      });
      try {
        const outcomes = await one.changeMachines(ids, 1, describe('all'));
        assert.deepEqual(new Set(outcomes.map(({ kind }) => kind)), new Set(['changed']));
      } finally {
        isOver = true;
        await Promise.all(writers);
      }
    }));

  test('a transaction that must run alone does so without a pause', (t) =>
    withProcesses(1, async ([store]) => {
      assert.ok(store !== undefined);
      await store.accounts.addUser(user('ann'));
      let pauses = 0;
      const { setTimeout: pause } = timers;
      const counted = t.mock.method(timers, 'setTimeout', (...words: Parameters<typeof pause>) => {
        // Only the watch of the server gives its pauses options.
        if (words.length === 1) pauses += 1;
        return pause(...words);
      });
      // Changes what modules have imported, too.
      syncBuiltinESMExports();
      try {
        assert.equal(await store.accounts.removeUser('ann', EVENT), true);
      } finally {
        counted.mock.restore();
        syncBuiltinESMExports();
      }
      assert.equal(pauses, 0);
    }));

  test('two processes that enlist one machine by two of its interfaces at the same time make one machine', () =>
    withProcesses(2, async (stores) => {
      for (const round of countTo(10)) {
        const uuid = `00000000-0000-4000-8000-${String(round).padStart(12, '0')}`;
        const values = [`uuid ${uuid}`];
        const outcomes = await Promise.all(
          stores.map((store, index) =>
            store.enlist({ macs: [mac(round * 2 + index)], values, atMs: 1 }, ({ byValue }) => {
              const [known] = byValue;
              const interfaces = [{ mac: mac(round * 2 + index), name: '', source: 'vouched' as const }];
              if (known !== undefined) {
                return {
                  kind: 'amend',
                  systemId: known.systemId,
                  fields: {},
                  interfaces: [...known.interfaces, ...interfaces],
                  events: [],
                };
              }
              const systemId = `m${round}-${index}`;
              const fields = { ...FIELDS, hostname: systemId, uuid };
              return { kind: 'create', systemId, fields, interfaces, events: [] };
            }),
          ),
        );
        assert.deepEqual(outcomes.map(({ kind }) => kind).sort(), ['amend', 'create']);
      }
      assert.equal(await stores[0]?.countMachines({}), 10);
    }));

  test('of the last two administrators, removed at the same time by two processes, one stays', () =>
    withProcesses(2, async (stores) => {
      const [first] = stores;
      for (const round of countTo(10)) {
        const names = [`ann${round}`, `bob${round}`];
        for (const name of names) await first?.accounts.addUser(user(name));
        await Promise.all(
          stores.map((store, index) =>
            store.transact(async () => {
              const admins = (await store.accounts.listUsers()).filter(({ isAdmin }) => isAdmin);
              if (admins.length > 1) await store.accounts.removeUser(names[index] ?? '', EVENT);
            }),
          ),
        );
        const [left, ...more] = await (first?.accounts.listUsers() ?? []);
        assert.deepEqual([left === undefined, more], [false, []]);
        await first?.accounts.removeUser(left?.username ?? '', EVENT);
      }
    }));

  test('a follower of the log, written by several processes, gets each event exactly once', () =>
    withProcesses(3, async (stores) => {
      const [first] = stores;
      assert.ok(first !== undefined);
      await create(first, 'a');
      const write = async (store: RegionStore, writer: number): Promise<readonly string[]> => {
        const texts: string[] = [];
        for (let count = 0; count < TRANSACTIONS_OF_WRITER; count += 1) {
          const mine = countTo(1 + (count % 3)).map((index) => `${writer} ${count} ${index}`);
          await store.transact(async () => {
            for (const text of mine) {
              await store.recordEvent({ ...EVENT, params: { text } }, count % 4 === 0 ? 'a' : undefined);
              // Some transactions take long, so that others overtake them.
              if (count % 5 === writer % 5) await sleep(5);
            }
          });
          texts.push(...mine);
        }
        return texts;
      };
      let isOver = false;
      const writers = Promise.all(countTo(9).map((writer) => write(stores[writer % 3] ?? first, writer))).finally(
        () => {
          isOver = true;
        },
      );
      const seen: string[] = [];
      let place = 0;
      const follow = async (): Promise<void> => {
        const { newest } = await first.eventRange();
        const events = (await first.listEvents({ after: place, upTo: newest, limit: 10_000 })).toReversed();
        for (const { id, params } of events) {
          assert.ok(id > place);
          place = id;
          seen.push('text' in params && typeof params.text === 'string' ? params.text : '');
        }
        place = Math.max(place, newest);
      };
      while (!isOver) await follow();
      const written = (await writers).flat();
      await follow();
      assert.deepEqual([...seen].sort(), [...written].sort());
    }));

  const CUTS: readonly (readonly [cut: Cut, what: string])[] = [
    ['before', 'that the server never got'],
    ['after', 'that the server stored without being able to say so'],
    ['late', 'that reaches the server only after its client is gone'],
  ];

  for (const [cut, what] of CUTS)
    test(`a COMMIT ${what} happens once`, () =>
      // The only connection is lost each time: what became of the transaction must be asked by another.
      withCutter(1, async (store, cutter) => {
        for (const round of countTo(5)) {
          cutter.cutNext(cut);
          let runs = 0;
          const added = store.transact(async () => {
            runs += 1;
            return await store.accounts.addUser(user(`ann${round}`));
          });
          await eventuallyWithin(WAIT_MS_MAX, 'it is cut', () => cutter.cuts === round + 1);
          const released = cut === 'late' ? sleep(300).then(() => cutter.release()) : Promise.resolve();
          assert.equal((await added)?.username, `ann${round}`, 'its name was not taken by an earlier run');
          await released;
          assert.equal(runs, cut === 'after' ? 1 : 2);
        }
        await sleep(300);
        assert.equal((await store.accounts.listUsers()).length, 5);
      }));

  test('a COMMIT that was not stored, too late for another run, is an error that names the lost connection', () =>
    withCutter(4, async (store, cutter) => {
      cutter.cutNext('before');
      const late = store.transact(async () => {
        await store.accounts.addUser(user('ann'));
        // The server ends a transaction in which nothing happens for 5 s.
        for (const _part of countTo(4)) {
          await sleep(REPEATED_MS_MAX / 4 + 100);
          await store.accounts.listUsers();
        }
      });
      await assert.rejects(late, { code: 'store-unavailable', message: /Connection terminated/ });
      assert.equal(cutter.cuts, 1);
      assert.deepEqual(await store.accounts.listUsers(), []);
    }));

  /** How long a term lasts in these tests, in milliseconds. */
  const TERM_MS = 400;
  const command = (id: string) => ({
    id,
    machine: 'a',
    command: { kind: 'off', manner: 'soft' } as const,
    begunAtMs: 1,
  });

  test('a process tells the others, and not itself, that something changed, and all a text; a lost connection listens again', () =>
    withProcesses(3, async (stores) => {
      const hints = [0, 0, 0];
      const texts: string[] = [];
      for (const [index, store] of stores.entries()) {
        store.neighbours?.listen(() => {
          hints[index] = (hints[index] ?? 0) + 1;
        });
        store.neighbours?.hear((text) => texts.push(`${index} ${text}`));
      }
      const heard = (...counts: readonly number[]) =>
        eventuallyWithin(WAIT_MS_MAX, `${counts} hints`, () => hints.join() === counts.join());
      // Each looks once when it begins to listen.
      await heard(1, 1, 1);
      stores[0]?.neighbours?.announce();
      await heard(1, 2, 2);
      const ours = "query LIKE 'LISTEN%' OR query LIKE 'SELECT pg_notify%'";
      await databases.server.query(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE ${ours}`);
      await heard(2, 3, 3);
      stores[1]?.neighbours?.announce();
      await heard(3, 3, 4);
      // A text is not a hint, and one that the server does not take costs nothing.
      stores[0]?.neighbours?.say('x'.repeat(8000));
      stores[0]?.neighbours?.say('hello');
      await eventuallyWithin(WAIT_MS_MAX, 'all hear the text', () => texts.length === 3);
      assert.deepEqual(texts.sort(), ['0 hello', '1 hello', '2 hello']);
      assert.deepEqual(hints, [3, 3, 4]);
    }));

  test('one process at a time has the duties, another takes them when they are left or its term is over', () =>
    withProcesses(3, async (stores) => {
      const [one, two, three] = stores.map(({ duties }) => duties);
      assert.ok(one !== undefined && two !== undefined && three !== undefined);
      const first = await Promise.all([one, two, three].map((duties) => duties.hold(60_000)));
      assert.deepEqual(
        first.map(({ isHere }) => isHere).filter((isHolder) => isHolder),
        [true],
      );
      const holder = [one, two, three][first.findIndex(({ isHere }) => isHere)];
      const others = [one, two, three].filter((duties) => duties !== holder);
      const here = { isHere: true, name: 'command' };
      assert.deepEqual(await holder?.hold(60_000), { ...here, former: undefined }, 'it keeps them');
      await holder?.leave();
      assert.deepEqual(await others[0]?.hold(TERM_MS), { ...here, former: { name: 'command', hasLeft: true } });
      await others[1]?.leave();
      const elsewhere = { isHere: false, name: 'command' };
      assert.deepEqual(await others[1]?.hold(TERM_MS), elsewhere, 'only their holder gives them back');
      await sleep(TERM_MS + 100);
      assert.deepEqual(await others[1]?.hold(60_000), { ...here, former: { name: 'command', hasLeft: false } });
      assert.deepEqual(await others[0]?.hold(60_000), elsewhere);
    }));

  test('a term that the clock of the database has made long ends as a new one does, unless its holder keeps it', () =>
    withProcesses(2, async (stores, database) => {
      const [one, two] = stores.map(({ duties }) => duties);
      assert.ok(one !== undefined && two !== undefined);
      const setBack = () => databases.server.query("UPDATE duty SET ends_at = ends_at + interval '1 hour'", database);
      assert.equal((await one.hold(TERM_MS)).isHere, true);
      await setBack();
      assert.equal((await two.hold(TERM_MS)).isHere, false, 'its holder may live');
      assert.equal((await one.hold(60_000)).isHere, true);
      await sleep(TERM_MS + 100);
      assert.equal((await two.hold(60_000)).isHere, false, 'it kept them meanwhile');
      await setBack();
      assert.equal((await two.hold(TERM_MS)).isHere, false);
      await sleep(TERM_MS + 100);
      assert.equal((await two.hold(60_000)).isHere, true, 'it is dead');
    }));

  test('a process without the duties begins no power command, and one command begins once', () =>
    withProcesses(2, async ([one, two]) => {
      assert.ok(one !== undefined && two !== undefined);
      const refused = (store: RegionStore, id: string) =>
        assert.rejects(store.power.begin(command(id)), /another process of the region has this one's duties now/);
      await refused(one, 'x');
      assert.equal((await one.duties?.hold(TERM_MS))?.isHere, true);
      assert.equal(await one.power.begin(command('x')), undefined);
      await refused(two, 'y');
      await sleep(TERM_MS + 100);
      assert.equal(
        await one.power.begin(command('y')),
        undefined,
        'nobody has taken the duties of a process that is late',
      );
      assert.equal((await two.duties?.hold(60_000))?.isHere, true);
      await refused(one, 'z');
      assert.equal((await two.power.begin(command('x')))?.id, 'x');
      assert.deepEqual(
        (await two.power.listUnended()).map(({ id }) => id),
        ['x', 'y'],
      );
    }));

  test('only the process with the duties reports what it saw of machines, and the first end of a command stays', () =>
    withProcesses(2, async ([one, two]) => {
      assert.ok(one !== undefined && two !== undefined);
      const report = (store: RegionStore, name: string) =>
        store.power.whileOnDuty(() => store.accounts.addUser(user(name)));
      await one.duties?.hold(TERM_MS);
      await one.power.begin(command('x'));
      await report(one, 'ann');
      await sleep(TERM_MS + 100);
      await two.duties?.hold(60_000);
      await report(one, 'bob');
      await report(two, 'cleo');
      const names = (await two.accounts.listUsers()).map(({ username }) => username);
      assert.deepEqual(names, ['ann', 'cleo']);
      const [lost, done] = [outcome('unknown', { code: 'interrupted', params: {} }), outcome('done', spoken('yes'))];
      assert.equal(await two.power.end('x', lost, 1), true);
      assert.equal(await one.power.end('x', done, 2), false);
      assert.equal(await two.power.end('x', lost, 3), true, 'it is the one that is stored');
    }));

  test('a transaction whose only change is an INSERT that answers happens once, although its COMMIT is cut', () =>
    withCutter(4, async (store, cutter) => {
      cutter.cutNext('after');
      assert.equal((await store.duties?.hold(60_000))?.isHere, true);
      assert.equal(cutter.cuts, 1);
    }));
});
