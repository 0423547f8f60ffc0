// Whatever a server says, a connection reports it: each question is answered, or fails with an error of the database or of the connection, and
// nothing is thrown past it.

import assert from 'node:assert/strict';
import { Duplex } from 'node:stream';
import { after, before, describe, test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import pg from 'pg';
import { RackError } from '../../../src/errors.ts';
import { answersTo, PostgresClient } from '../../../src/store/postgres/postgres-client.ts';
import { explainWhileRunning, isLost, isUnderstood } from '../../../src/store/postgres/postgres-faults.ts';
import { column, did, fields, message, number, row } from './server-says.ts';

const INT8 = 20;
const types = {
  getTypeParser: (id: number): unknown => (id === INT8 ? BigInt : pg.types.getTypeParser(id, 'text')),
};

/** The turns of the event loop in which a client asks its next question. */
const TURNS_MAX = 5;

/** A stream from a server that says the next of its answers to each question. */
class Script extends Duplex {
  readonly #answers: Buffer[];
  #asked = 0;
  constructor(answers: readonly Buffer[]) {
    super();
    this.#answers = [...answers];
  }

  connect(): void {
    process.nextTick(() => this.emit('connect'));
  }

  setNoDelay(): void {}

  override _read(): void {}

  override _write(_question: Buffer, _encoding: string, done: () => void): void {
    done();
    this.#asked += 1;
    void this.#answer(this.#asked, this.#answers.shift());
  }

  /** Ends if the client takes the answer for the begin of a longer one, and so asks nothing more. */
  async #answer(asked: number, answer: Buffer | undefined): Promise<void> {
    await turn();
    if (!this.destroyed) this.push(answer ?? null);
    for (let turns = 0; turns < TURNS_MAX; turns += 1) await turn();
    if (asked === this.#asked && answer !== undefined && !this.destroyed) this.push(null);
  }
}

const columns = (...names: readonly string[]): Buffer =>
  message('T', number(2, names.length), ...names.map((name) => column(name, INT8)));
const READY = message('Z', 'I');
const LOG_IN = [message('R', number(4, 0)), message('S', 'TimeZone\0UTC\0'), message('K', number(4, 1), number(4, 2))];
const ROWS = [columns('id', 'version'), row('1', undefined), row('2', '12')];
const ANSWERS: readonly Buffer[] = [
  Buffer.concat([...LOG_IN, READY]),
  Buffer.concat([did('BEGIN'), ...ROWS, did('SELECT 2'), READY]),
  Buffer.concat([message('1'), message('2'), ...ROWS, did('SELECT 2'), READY]),
  Buffer.concat([message('1'), message('E', fields('ERROR')), READY]),
  Buffer.concat([
    message('1'),
    message('2'),
    message('n'),
    did('UPDATE 2'),
    message('A', number(4, 7), 'a\0x\0'),
    READY,
  ]),
];

/** The outcomes of the log-in and of the questions of a client, of which each is asked once the one before is answered. */
async function outcomes(
  answers: readonly Buffer[],
  password?: string,
): Promise<readonly PromiseSettledResult<unknown>[]> {
  const client = new PostgresClient({ stream: () => new Script(answers), types, password });
  const settled = await Promise.allSettled<unknown>([client.connect()]);
  if (settled.some(({ status }) => status === 'rejected')) return settled;
  for (const ask of [
    () => answersTo(client, ['BEGIN', 'SELECT id, version FROM one']),
    () => client.query('SELECT id, version FROM one WHERE id > $1', [0]),
    () => client.query('INSERT INTO one VALUES ($1)', [1]),
    () => client.query('UPDATE one SET version = $1', [1]),
  ])
    settled.push(...(await Promise.allSettled([ask()])));
  await client.end();
  return settled;
}

describe('a connection to PostgreSQL', () => {
  const uncaught: unknown[] = [];
  const note = (error: unknown): void => void uncaught.push(error);
  before(() => {
    process.on('uncaughtException', note);
    process.on('unhandledRejection', note);
  });
  after(() => {
    process.off('uncaughtException', note);
    process.off('unhandledRejection', note);
  });

  /** The errors, after all of them are seen to be of the database or of the connection. */
  async function errorsOf(answers: readonly Buffer[], about: string): Promise<readonly unknown[]> {
    const errors = (await outcomes(answers)).flatMap((one) => (one.status === 'rejected' ? [one.reason] : []));
    for (const error of errors) {
      assert.ok(isUnderstood(error), `${about}: ${String(error)}`);
      assert.ok(explainWhileRunning(error) instanceof RackError, `${about}: ${String(error)}`);
    }
    await turn();
    assert.deepEqual(uncaught, [], about);
    return errors;
  }

  test('a whole conversation is answered, and an error of the database leaves the connection open', async () => {
    const [error, ...others] = await errorsOf(ANSWERS, 'whole');
    assert.deepEqual(others, []);
    assert.ok(error instanceof pg.DatabaseError && error.code === '40001');
  });

  for (const [index, bytes] of ANSWERS.entries())
    test(`each flipped bit of answer ${index} costs the connection at most`, async () => {
      for (let at = 0; at < bytes.length; at += 1)
        for (let bit = 0; bit < 8; bit += 1) {
          const broken = Buffer.from(bytes);
          broken[at] = (broken[at] ?? 0) ^ (1 << bit);
          await errorsOf(ANSWERS.with(index, broken), `bit ${bit} of byte ${at}`);
        }
    });

  const second = (...messages: readonly Buffer[]): readonly Buffer[] =>
    ANSWERS.with(1, Buffer.concat([...messages, READY]));
  const third = (...messages: readonly Buffer[]): readonly Buffer[] =>
    ANSWERS.with(2, Buffer.concat([message('1'), message('2'), ...messages, READY]));
  for (const [what, answers] of [
    ['a value that is not a number', third(columns('id', 'version'), row('q', '1'), did('SELECT 1'))],
    ['one answer to two statements', second(...ROWS, did('SELECT 2'))],
    ['three answers to two statements', second(did('BEGIN'), did('BEGIN'), ...ROWS, did('SELECT 2'))],
    ['two answers to one statement', third(...ROWS, did('SELECT 2'), did('SELECT 2'))],
    ['readiness alone', second()],
    ['readiness twice', ANSWERS.with(1, Buffer.concat([ANSWERS[1] ?? READY, READY]))],
    ['a row that nothing describes', third(row('1', '2'), did('SELECT 1'))],
    ['a row after the readiness', ANSWERS.with(1, Buffer.concat([ANSWERS[1] ?? READY, row('1', '2')]))],
    ['an error without an SQLSTATE', second(message('E', 'SERROR\0Mno\0\0'))],
  ] as const)
    test(`${what}: the connection is lost`, async () => {
      const errors = await errorsOf(answers, what);
      const lost = errors.filter(isLost);
      assert.equal(lost.length, errors.length, String(errors));
      assert.ok(lost.length > 0);
    });

  for (const [what, answer] of [
    ['another mechanism of SASL', message('R', number(4, 10), 'FOO\0\0')],
    ['a step of SASL without its begin', message('R', number(4, 11), 'r=x')],
    ['an end of SASL without its begin', message('R', number(4, 12), 'v=x')],
    ['a damaged answer after a whole one', Buffer.concat([message('R', number(4, 3)), message('Z', 'I')])],
  ] as const)
    test(`a log-in with ${what} is a lost connection`, async () => {
      const [first, ...others] = await outcomes([answer], 'secret');
      assert.ok(first?.status === 'rejected' && isLost(first.reason), String(first));
      assert.deepEqual(others, []);
      assert.deepEqual(uncaught, []);
    });
});
