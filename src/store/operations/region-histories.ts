// Operations on the histories of the event log (`steps.ts`). A history shows whether a reader's
// position belongs to the current log.
//
//   before the first event of a run ─► beginHistory: a row with the id of the newest event so far
//   reader with an event's id and its history ─► historyEnd: the last event that the log shares with that history
//
// 1. A restored backup, or a server that takes over, may lack the newest events and give their ids
//    to others. So an id identifies an event only within its history.
// 2. A history is named by the time at which it began. Each run of a process on region.db begins
//    one, and each run of a PostgreSQL server.
// 3. An unknown history was lost with its events, and the log continues with the first later one.

import { codec, number, optional, text } from '../rows.ts';
import { all, OWN_HISTORY, one, readFirstNumber, run, type Steps } from '../steps.ts';

/** Each restart adds one; the oldest is forgotten. */
export const HISTORIES_MAX = 100;

/** To be called before the first event of a transaction. */
export function* beginHistory(): Steps<void> {
  const { row: ownHistory } = yield OWN_HISTORY;
  if (ownHistory === undefined) return;
  const { name, nowMs } = readOwn(ownHistory);
  const { rows } = yield all('SELECT name FROM event_history WHERE name = ?', name);
  if (rows.length > 0) return;
  const begunMs = Math.max(nowMs, (yield* readNewestHistory()) + 1);
  const afterId = readFirstNumber(yield one('SELECT max(id) FROM event'));
  yield run('INSERT INTO event_history (name, begun_ms, after_id) VALUES (?, ?, ?)', name, begunMs, afterId);
  yield run(
    'DELETE FROM event_history WHERE begun_ms <= (SELECT begun_ms FROM event_history ORDER BY begun_ms DESC LIMIT 1 OFFSET ?)',
    HISTORIES_MAX,
  );
}

/** 0 if none has begun. */
export function* readNewestHistory(): Steps<number> {
  return readFirstNumber(yield one('SELECT max(begun_ms) FROM event_history'));
}

/** The last event shared with a history; `undefined` if the log contains the whole history. */
export function* historyEnd(history: number): Steps<number | undefined> {
  // If the clock went back, a lost history may seem the newest.
  const { row } = yield one(
    'SELECT min(after_id) AS after_id FROM event_history WHERE begun_ms > ?1 OR (begun_ms = (SELECT max(begun_ms) FROM event_history) ' +
      'AND NOT EXISTS (SELECT 1 FROM event_history WHERE begun_ms = ?1))',
    history,
  );
  return row === undefined ? undefined : readEnd(row);
}

const readOwn = codec({ name: text('name'), nowMs: number('now_ms') }).read;
const readEnd = optional(number('after_id')).read;
