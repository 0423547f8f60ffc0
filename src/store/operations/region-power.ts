// Operations on the ledger of power commands in region.db (`steps.ts`).
//
// 1. When the transaction of `begin` ends, the command is on disk.
// 2. About ENDED_MAX ended commands are kept, the newest ones, for at most ENDED_DAYS_MAX days. A
//    command that a machine's record still names is never deleted, because it would be carried out
//    again.

import { type LedgerEntry, NotOnDuty } from '../../power/ledger.ts';
import type { PowerOutcome } from '../../power/outcome.ts';
import { codec, json, number, type Row, text } from '../rows.ts';
import { all, one, run, type Steps } from '../steps.ts';
import { checkDuties } from './region-duties.ts';

export const ENDED_MAX = 10_000;
const ENDED_DAYS_MAX = 30;
const DAY_MS = 86_400_000;
/** Old commands are deleted with the first command of a process, and then with every FORGET_EVERY-th. */
const FORGET_EVERY = 100;

export class PowerTable {
  readonly #holder: string | undefined;
  readonly #endedMax: number;
  #begunCount = 0;

  /**
   * @param holder begins commands only while it has the duties; `undefined` if no other process can
   * have them
   */
  constructor(holder?: string, endedMax = ENDED_MAX) {
    this.#holder = holder;
    this.#endedMax = endedMax;
  }

  *begin({ id, machine, command, begunAtMs }: Omit<LedgerEntry, 'end'>): Steps<LedgerEntry | undefined> {
    if (this.#holder !== undefined && !(yield* checkDuties(this.#holder)))
      throw new NotOnDuty('store-unavailable', "another process of the region has this one's duties now");
    const { row } = yield one('SELECT * FROM power_command WHERE id = ?', id);
    if (row !== undefined) return readLedgerEntry(row);
    const sql = 'INSERT INTO power_command (id, system_id, command, begun_ms) VALUES (?, ?, ?, ?)';
    yield run(sql, id, machine, JSON.stringify(command), begunAtMs);
    if (this.#begunCount % FORGET_EVERY === 0) yield* this.#forget(begunAtMs);
    this.#begunCount += 1;
    return undefined;
  }

  /** @returns false if the command had another end already */
  *end(id: string, outcome: PowerOutcome, atMs: number): Steps<boolean> {
    const outcomeJson = JSON.stringify(outcome);
    const sql = 'UPDATE power_command SET ended_ms = ?, outcome = ? WHERE id = ? AND ended_ms IS NULL';
    if ((yield run(sql, atMs, outcomeJson, id)).changes > 0) return true;
    const { row } = yield one('SELECT 1 AS found FROM power_command WHERE id = ? AND outcome <> ?', id, outcomeJson);
    return row === undefined;
  }

  *listUnended(): Steps<readonly LedgerEntry[]> {
    const sql = 'SELECT * FROM power_command WHERE ended_ms IS NULL ORDER BY begun_ms, id';
    return (yield all(sql)).rows.map(readLedgerEntry);
  }

  *#forget(nowMs: number): Steps<void> {
    const stillNamedSql = 'SELECT power_task_id FROM machine WHERE power_task_id IS NOT NULL';
    const newestSql = 'SELECT id FROM power_command WHERE ended_ms IS NOT NULL ORDER BY ended_ms DESC, id LIMIT ?2';
    yield run(
      `DELETE FROM power_command WHERE ended_ms IS NOT NULL AND id NOT IN (${stillNamedSql})
       AND (ended_ms < ?1 OR id NOT IN (${newestSql}))`,
      nowMs - ENDED_DAYS_MAX * DAY_MS,
      this.#endedMax,
    );
  }
}

const ENTRY = codec<Omit<LedgerEntry, 'end'>>({
  id: text('id'),
  machine: text('system_id'),
  command: json<LedgerEntry['command']>('command'),
  begunAtMs: number('begun_ms'),
});
const END = codec<NonNullable<LedgerEntry['end']>>({
  atMs: number('ended_ms'),
  outcome: json<PowerOutcome>('outcome'),
});
const readLedgerEntry = (row: Row): LedgerEntry => ({
  ...ENTRY.read(row),
  end: row.ended_ms === null ? undefined : END.read(row),
});
