// A network without TLS damages an answer of PostgreSQL: that connection ends, and the transaction runs again, or its result is looked up.
// @host waits, 30 s
// @disk

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { RegionStore } from '../../../src/region/records/store.ts';
import { openPostgresRegion } from '../../../src/store/postgres/region-postgres.ts';
import { eventuallyWithin } from '../../support/eventually.ts';
import { missing } from '../../support/needs.ts';
import { PostgresCutter } from '../../support/postgres-cutter.ts';
import { RegionDatabases } from '../../support/postgres-server.ts';

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

/** The message that is damaged, and how, given where it begins. */
type Damage = readonly [
  what: string,
  message: readonly [type: string, text: string],
  change: (answer: Buffer, at: number) => void,
];
const set =
  (offset: number, value: number) =>
  (answer: Buffer, at: number): void => {
    answer[at + offset] = value;
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
  [
    'the end of an error',
    ERROR,
    (answer, at) => {
      answer[at + answer.readUInt32BE(at + 1)] = 0x41;
    },
  ],
  ['the type of an error, which becomes a notice', ERROR, set(0, 0x4e)],
];

describe('damaged answers of PostgreSQL', { skip: missing('linux', '/usr/lib/postgresql') }, () => {
  let databases: RegionDatabases;
  let cutter: PostgresCutter;
  let store: RegionStore;
  const uncaught: unknown[] = [];
  const note = (error: unknown): void => void uncaught.push(error);

  before(async () => {
    process.on('uncaughtException', note);
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
  });

  const addUser = (username: string) =>
    store.accounts.addUser({ username, email: '', passwordHash: 'x', isAdmin: false, createdMs: 1 });

  for (const [index, [what, [type, text], change]] of DAMAGES.entries())
    test(`${what}: the process continues, and each change is made once`, async () => {
      const username = `${text === 'collides' ? 'colliding' : 'user'}${index}`;
      cutter.damageNext((answer) => {
        const at = findMessage(answer, type, text);
        if (at !== undefined) change(answer, at);
        return at !== undefined;
      });
      assert.ok((await addUser(username)) !== undefined, 'it was added twice');
      const users = (await store.accounts.listUsers()).map((user) => user.username);
      assert.ok(cutter.isDamageDone);
      assert.deepEqual(users.filter((one) => one === username || one === 'victim').sort(), [username, 'victim'].sort());
      await eventuallyWithin(BACK_MS_MAX, 'it is there', () => store.availability?.problem === undefined);
      assert.deepEqual(uncaught, []);
    });
});
