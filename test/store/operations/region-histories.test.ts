// Histories of the event log: where a reader of one continues in another.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { makeEmptyTables } from '../../../src/store/database-file.ts';
import {
  beginHistory,
  HISTORIES_MAX,
  historyEnd,
  readNewestHistory,
} from '../../../src/store/operations/region-histories.ts';
import { REGION_DATABASE } from '../../../src/store/region/region-schema.ts';
import { Statements } from '../../../src/store/rows.ts';
import { answerStatementOn, OWN_HISTORY, runSteps, type Steps } from '../../../src/store/steps.ts';

/** A log, by the ids of its events; a run of a process adds them. */
class Log {
  readonly #database = makeEmptyTables(REGION_DATABASE);
  readonly #statements = new Statements(this.#database);

  #do<T>(steps: Steps<T>, name = '', nowMs = 0): T {
    return runSteps(steps, (statement) =>
      statement === OWN_HISTORY
        ? { row: { name, now_ms: nowMs }, rows: [], changes: 0 }
        : answerStatementOn(this.#statements, statement),
    );
  }

  /** A run that adds a number of events. @returns its history */
  run(name: string, nowMs: number, events: number): number {
    this.#do(beginHistory(), name, nowMs);
    const sql =
      "INSERT INTO event (at_ms, type, level, code, params, username) VALUES (1, 'NODE', 20, 'rack', '{}', '')";
    for (let count = 0; count < events; count += 1) this.#database.exec(sql);
    return this.#do(readNewestHistory());
  }

  end(history: number): number | undefined {
    return this.#do(historyEnd(history));
  }

  get count(): number {
    return Number(this.#database.prepare('SELECT count(*) AS count FROM event_history').get()?.count);
  }
}

test('a history ends where the next one begins, and the newest has no end', () => {
  const log = new Log();
  const [first, second] = [log.run('a', 1000, 5), log.run('b', 2000, 3)];
  assert.deepEqual([first, second, log.end(first), log.end(second)], [1000, 2000, 5, undefined]);
  assert.equal(log.run('b', 3000, 3), second, 'a run has one history');
  assert.equal(log.run('c', 500, 1), 2001, 'each is named by a later time, whatever the clock shows');
  assert.deepEqual([log.end(first), log.end(second)], [5, 11]);
});

test('a history that was lost ends where the first one after it begins', () => {
  const log = new Log();
  log.run('a', 1000, 5);
  log.run('b', 3000, 3);
  log.run('c', 4000, 3);
  assert.equal(log.end(2000), 5);
});

test('a history that was lost under a wrong clock ends where the newest one begins', () => {
  const log = new Log();
  log.run('a', 1000, 5);
  log.run('b', 3000, 3);
  assert.equal(log.end(9000), 5);
});

test('the newest histories are remembered; a reader of an older one continues where the oldest of these begins', () => {
  const log = new Log();
  for (let run = 1; run <= HISTORIES_MAX + 20; run += 1) log.run(`run ${run}`, run, 1);
  assert.equal(log.count, HISTORIES_MAX);
  assert.equal(log.end(1), 20);
});
