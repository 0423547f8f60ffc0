// A network without TLS damages an answer of PostgreSQL: that connection ends, and the transaction runs again, or its result is looked up. If
// it damages all, every use of the store is refused until it damages none.
// @host waits, 30 s
// @disk

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { isStoreUnavailable } from '../../../src/errors.ts';
import type { RegionStore } from '../../../src/region/records/store.ts';
import { openPostgresRegion } from '../../../src/store/postgres/region-postgres.ts';
import { eventuallyWithin } from '../../support/eventually.ts';
import { missing } from '../../support/needs.ts';
import { PostgresCutter } from '../../support/postgres-cutter.ts';
import { RegionDatabases } from '../../support/postgres-server.ts';
import { columns, did, fields, message, number, row } from './server-says.ts';

const HEADER_BYTES = 5;
const BACK_MS_MAX = 10_000;

/** Where a message begins that has this type and this text; undefined: the answer has none. */
function findMessage(answer: Buffer, type: string, text: string): number | undefined {
  for (let at = 0; at + HEADER_BYTES <= answer.length; at += 1 + answer.readUInt32BE(at + 1)) {
    const message = answer.subarray(at, at + 1 + answer.readUInt32BE(at + 1));
    if (String.fromCharCode(answer[at] ?? 0) === type && message.includes(text)) return at;
  }
  return undefined;
}

const ROW = ['D', 'victim'] as const;
const COLUMNS = ['T', 'username'] as const;
const COMMIT = ['C', 'COMMIT'] as const;
const ERROR = ['E', 'collides'] as const;
const BEGIN = ['C', 'BEGIN'] as const;
/** The first number of a row. */
const FIRST_VALUE = 11;

/** The message that is damaged, and what the answer becomes, given where the message begins. */
type Damage = readonly [
  what: string,
  message: readonly [type: string, text: string],
  change: (answer: Buffer, at: number) => Buffer,
];
const endOf = (answer: Buffer, at: number): number => at + 1 + answer.readUInt32BE(at + 1);
const insert =
  (...messages: readonly Buffer[]) =>
  (answer: Buffer, at: number): Buffer =>
    Buffer.concat([answer.subarray(0, at), ...messages, answer.subarray(at)]);
const remove = (answer: Buffer, at: number): Buffer =>
  Buffer.concat([answer.subarray(0, at), answer.subarray(endOf(answer, at))]);
const set =
  (offset: number, value: number) =>
  (answer: Buffer, at: number): Buffer => {
    answer[at + offset] = value;
    return answer;
  };
const DAMAGES: readonly Damage[] = [
  ['the type of a row', ROW, set(0, 0x7f)],
  ['the type of a row, which becomes a demand of a log-in', ROW, set(0, 0x52)],
  ['the type of a row, which becomes an error', ROW, set(0, 0x45)],
  ['the length of a row, longer', ROW, set(3, 0x7f)],
  ['the length of a row, shorter', ROW, set(4, 0x07)],
  ['the number of values of a row', ROW, set(5, 0x7f)],
  ['the length of a value of a row', ROW, set(8, 0x7f)],
  ['the number of columns', COLUMNS, set(6, 0)],
  ['the type of the answer to a COMMIT', COMMIT, set(0, 0x53)],
  ['the length of the answer to a COMMIT', COMMIT, set(1, 0x7f)],
  ['the end of the answer to a COMMIT', COMMIT, set(11, 0x41)],
  ['the end of an error', ERROR, (answer, at) => set(answer.readUInt32BE(at + 1), 0x41)(answer, at)],
  ['the type of an error, which becomes a notice', ERROR, set(0, 0x4e)],
  ['a number, which becomes a letter', ROW, set(FIRST_VALUE, 0x71)],
  ['the word for what a COMMIT did', COMMIT, set(10, 0x55)],
  ['the SQLSTATE of an error', ERROR, (answer, at) => set(answer.indexOf('C40001', at) - at + 5, 0x71)(answer, at)],
  ['an answer of several, which is lost', BEGIN, remove],
  ['an answer of several, which comes twice', BEGIN, insert(did('BEGIN'))],
  ['a description, which is lost', COLUMNS, remove],
  ['a row before its description', COLUMNS, insert(row('1'))],
  ['a row with a value more', ROW, insert(row(...Array.from({ length: 40 }, () => '1')))],
  ['a demand of a log-in among rows', ROW, insert(message('R', number(4, 10), 'FOO\0\0'))],
  ['readiness among rows', ROW, insert(message('Z', 'I'))],
  ['an error without fields', ROW, insert(message('E', '\0'))],
];

const whole =
  (...messages: readonly Buffer[]) =>
  (): Buffer =>
    Buffer.concat([...messages, message('Z', 'I')]);
const named = columns('__proto__');
/** The answers by which each one is replaced. */
const EACH: readonly (readonly [what: string, damage: (answer: Buffer) => Buffer])[] = [
  ['readiness alone', whole()],
  ['an answer without rows', whole(message('1'), message('2'), did('SELECT 0'))],
  ['a row without columns', whole(message('1'), message('2'), row('1'), did('SELECT 1'))],
  ['a row with more values than columns', whole(columns('a'), row('1', '2', '3'), did('SELECT 1'))],
  ['a row of another column', whole(columns('a'), row('1'), did('SELECT 1'))],
  ['a column named __proto__', whole(named, row('{"x":1}'), did('SELECT 1'))],
  ['a tag without an end', whole(did(`INSERT ${'9'.repeat(400)}`))],
  ['an error without an SQLSTATE', whole(message('E', 'SERROR\0Mfoo\0\0'))],
  ['an error of an unknown SQLSTATE', whole(message('E', 'SERROR\0VERROR\0CZZZZZ\0Mfoo\0\0'))],
  ['a row before it', (answer) => Buffer.concat([row('1'), answer])],
  ['a row after it', (answer) => Buffer.concat([answer, row('1')])],
  ['a description after it', (answer) => Buffer.concat([answer, columns('a')])],
  ['an end of a statement after it', (answer) => Buffer.concat([answer, did('SELECT 1')])],
  ['an error after it', (answer) => Buffer.concat([answer, message('E', fields('ERROR'))])],
  ['readiness after it', (answer) => Buffer.concat([answer, message('Z', 'I')])],
  ['a log-in after it', (answer) => Buffer.concat([answer, message('R', number(4, 10), 'FOO\0\0')])],
  ['values of which no digit is left', (answer) => valuesWith(answer, (byte) => (byte < 0x3a ? byte + 0x40 : byte))],
];

/** The answer with other bytes in the values of its rows. */
function valuesWith(answer: Buffer, change: (byte: number) => number): Buffer {
  const made = Buffer.from(answer);
  for (let at = 0; at + HEADER_BYTES <= made.length; at = endOf(made, at)) {
    if (made[at] !== 0x44) continue;
    for (let value = at + HEADER_BYTES + 2; value < Math.min(endOf(made, at), made.length); ) {
      const length = Math.max(0, made.readInt32BE(value));
      value += 4;
      for (const end = value + length; value < end; value += 1) made[value] = change(made[value] ?? 0);
    }
  }
  return made;
}

describe('damaged answers of PostgreSQL', { skip: missing('linux', '/usr/lib/postgresql') }, () => {
  let databases: RegionDatabases;
  let cutter: PostgresCutter;
  let store: RegionStore;
  const uncaught: unknown[] = [];
  const note = (error: unknown): void => void uncaught.push(error);

  before(async () => {
    process.on('uncaughtException', note);
    process.on('unhandledRejection', note);
    databases = await RegionDatabases.start();
    cutter = await PostgresCutter.open(databases.server.directory);
    const name = await databases.make();
    store = await openPostgresRegion(cutter.placeOf(databases.server.placeOf(name)));
    await addUser('victim');
    // An error for which a transaction runs again, at the first of its statements with this account.
    await databases.server.query(
      `CREATE SEQUENCE collisions; CREATE FUNCTION collide() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
         IF nextval('collisions') % 2 = 1 THEN RAISE EXCEPTION 'it collides' USING ERRCODE = '40001'; END IF; RETURN NEW; END $$;
       CREATE TRIGGER collide BEFORE INSERT ON account FOR EACH ROW WHEN (NEW.username LIKE 'colliding%') EXECUTE FUNCTION collide()`,
      name,
    );
  });
  after(async () => {
    await store.close();
    await cutter.close();
    await databases.close();
    process.off('uncaughtException', note);
    process.off('unhandledRejection', note);
  });

  const addUser = (username: string) =>
    store.accounts.addUser({ username, email: '', passwordHash: 'x', isAdmin: false, createdMs: 1 });

  for (const [index, [what, [type, text], change]] of DAMAGES.entries())
    test(`${what}: the process continues, and each change is made once`, async () => {
      const username = `${text === 'collides' ? 'colliding' : 'user'}${index}`;
      cutter.damageNext((answer) => {
        const at = findMessage(answer, type, text);
        return at !== undefined && change(answer, at);
      });
      assert.ok((await addUser(username)) !== undefined, 'it was added twice');
      const users = (await store.accounts.listUsers()).map((user) => user.username);
      assert.ok(cutter.isDamageDone);
      assert.deepEqual(users.filter((one) => one === username || one === 'victim').sort(), [username, 'victim'].sort());
      await eventuallyWithin(BACK_MS_MAX, 'it is there', () => store.availability?.problem === undefined);
      assert.deepEqual(uncaught, []);
    });

  for (const [index, [what, damage]] of EACH.entries())
    test(`each answer becomes ${what}: the store is unavailable, and then it works`, async () => {
      const event = { type: 'NODE', code: 'rack', params: { text: 'x' }, atMs: 1, username: '' } as const;
      const uses: readonly (() => Promise<unknown>)[] = [
        () => store.accounts.listUsers(),
        () => addUser(`each${index}`),
        () => store.settledVersion(),
        () => store.eventRange(),
        () => store.recordEvent(event, undefined),
        () => store.checkCounters(),
        () => store.rates?.take(`each${index}`, { perSecond: 1, burst: 5 }) ?? assert.fail('rates'),
        () => store.duties?.hold(60_000) ?? assert.fail('duties'),
      ];
      store.neighbours?.announce();
      cutter.damageEach(damage);
      for (const outcome of await Promise.allSettled(uses.map((use) => use())))
        if (outcome.status === 'rejected')
          assert.ok(isStoreUnavailable(outcome.reason), `${outcome.reason} ${outcome.reason?.stack}`);
      store.neighbours?.announce();
      cutter.damageEach(undefined);
      await eventuallyWithin(BACK_MS_MAX, 'all works', async () => {
        const outcomes = await Promise.allSettled(uses.map((use) => use()));
        return outcomes.every(({ status }) => status === 'fulfilled');
      });
      const users = (await store.accounts.listUsers()).map(({ username }) => username);
      assert.equal(users.filter((one) => one === `each${index}`).length, 1);
      assert.deepEqual(uncaught, []);
    });
});
