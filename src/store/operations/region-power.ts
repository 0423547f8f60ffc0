// Operations on the ledger of power commands in region.db (`region-steps.ts`).
//
// 1. When the transaction of `begin` ends, the command is on disk.
// 2. About ENDED_MAX ended commands are kept, the newest ones, for at most ENDED_DAYS_MAX days. A command that a machine's record still names is
//    never deleted, because it would be carried out again.

import type { LedgerEntry } from '../../power/ledger.ts';
import type { PowerOutcome } from '../../power/outcome.ts';
import { number, optionalNumber, optionalText, readsRow, text } from '../rows.ts';
import { all, one, run, type Steps } from './region-steps.ts';

/** Ended commands that are remembered. */
export const ENDED_MAX = 10_000;
const ENDED_DAYS_MAX = 30;
const DAY_MS = 86_400_000;
/** Old commands are deleted with the first command of a process, and with every further FORGET_EVERY. */
const FORGET_EVERY = 100;

/** The table `power_command`. */
export class PowerTable {
  readonly #endedMax: number;
  #begun = 0;

  constructor(endedMax = ENDED_MAX) {
    this.#endedMax = endedMax;
  }

  *begin({ id, machine, command, begunAtMs }: Omit<LedgerEntry, 'end'>): Steps<LedgerEntry | undefined> {
    const { row } = yield one('SELECT * FROM power_command WHERE id = ?', id);
    if (row !== undefined) return readEntry(row);
    const sql = 'INSERT INTO power_command (id, system_id, command, begun_ms) VALUES (?, ?, ?, ?)';
    yield run(sql, id, machine, JSON.stringify(command), begunAtMs);
    if (this.#begun % FORGET_EVERY === 0) yield* this.#forget(begunAtMs);
    this.#begun += 1;
    return undefined;
  }

  *end(id: string, outcome: PowerOutcome, atMs: number): Steps<void> {
    const sql = 'UPDATE power_command SET ended_ms = ?, outcome = ? WHERE id = ? AND ended_ms IS NULL';
    yield run(sql, atMs, JSON.stringify(outcome), id);
  }

  *listUnended(): Steps<readonly LedgerEntry[]> {
    const sql = 'SELECT * FROM power_command WHERE ended_ms IS NULL ORDER BY begun_ms, id';
    return (yield all(sql)).rows.map(readEntry);
  }

  *#forget(nowMs: number): Steps<void> {
    const stillNamed = 'SELECT power_task_id FROM machine WHERE power_task_id IS NOT NULL';
    const newest = 'SELECT id FROM power_command WHERE ended_ms IS NOT NULL ORDER BY ended_ms DESC, id LIMIT ?2';
    yield run(
      `DELETE FROM power_command WHERE ended_ms IS NOT NULL AND id NOT IN (${stillNamed})
       AND (ended_ms < ?1 OR id NOT IN (${newest}))`,
      nowMs - ENDED_DAYS_MAX * DAY_MS,
      this.#endedMax,
    );
  }
}

const readEntry = readsRow('power_command', (row): LedgerEntry => {
  const atMs = optionalNumber(row, 'ended_ms');
  const ended = optionalText(row, 'outcome');
  return {
    id: text(row, 'id'),
    machine: text(row, 'system_id'),
    command: JSON.parse(text(row, 'command')),
    begunAtMs: number(row, 'begun_ms'),
    end: atMs === undefined || ended === undefined ? undefined : { atMs, outcome: JSON.parse(ended) },
  };
});
