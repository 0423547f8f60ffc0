// Operations on the ledger of power commands in region.db (`region-steps.ts`).
//
// 1. When the transaction of `begin` ends, the command is on disk.
// 2. About ENDED_MAX ended commands are kept, the newest ones, for at most ENDED_DAYS_MAX days. A command that a machine's record still
//    names is never deleted, because it would be carried out again.
// 3. While an entry of a machine is unreadable, that machine gets no power command. Other machines are not affected.

import { z } from 'zod';
import { errorText } from '../../errors.ts';
import { type LedgerEntry, UnreadableEntry } from '../../power/ledger.ts';
import type { PowerOutcome } from '../../power/outcome.ts';
import { powerText } from '../../region/words/text.ts';
import { converted, number, optionalNumber, optionalText, readsRow, type StoredRow, text } from '../rows.ts';
import { type Readable, RowReader } from './readable-rows.ts';
import { all, one, run, type Steps } from './region-steps.ts';

/** Bound on the remembered ended commands. */
export const ENDED_MAX = 10_000;
const ENDED_DAYS_MAX = 30;
const DAY_MS = 86_400_000;
/** Old commands are deleted with the first command of a process, and then with every FORGET_EVERY-th. */
const FORGET_EVERY = 100;

const COMMAND: z.ZodType<LedgerEntry['command']> = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal(['on', 'cycle']), netboot: z.boolean() }),
  z.object({ kind: z.literal('off'), manner: z.literal(['soft', 'hard']) }),
]);
const OUTCOME = z.object({
  kind: z.literal(['done', 'refused', 'unreachable', 'wrong-credentials', 'unknown']),
  detail: z.looseObject({ code: z.string() }),
  said: z.string().optional(),
  state: z.literal(['on', 'off', 'unknown']),
});
const OTHER_FORM = 'a value has another form';

/** @throws Error if it is not a command */
export function parsePowerCommand(written: string): LedgerEntry['command'] {
  const checked = COMMAND.safeParse(JSON.parse(written));
  if (!checked.success) throw new Error(OTHER_FORM);
  return checked.data;
}

/** @throws Error if it is not an outcome, or its detail has no sentence */
export function parsePowerOutcome(written: string): PowerOutcome {
  const value = JSON.parse(written);
  if (!OUTCOME.safeParse(value).success) throw new Error(OTHER_FORM);
  powerText(value.detail);
  return value;
}

/** The table `power_command`. */
export class PowerTable {
  readonly #endedMax: number;
  #begun = 0;

  constructor(endedMax = ENDED_MAX) {
    this.#endedMax = endedMax;
  }

  *begin({ id, machine, command, begunAtMs }: Omit<LedgerEntry, 'end'>): Steps<LedgerEntry | undefined> {
    const { row } = yield one('SELECT * FROM power_command WHERE id = ?', id);
    if (row !== undefined) return readKnown(row);
    const unended = 'SELECT * FROM power_command WHERE ended_ms IS NULL AND system_id = ?';
    for (const other of (yield all(unended, machine)).rows) readKnown(other);
    const sql = 'INSERT INTO power_command (id, system_id, command, begun_ms) VALUES (?, ?, ?, ?)';
    yield run(sql, id, machine, JSON.stringify(command), begunAtMs);
    if (this.#begun % FORGET_EVERY === 0) yield* this.#forget(begunAtMs);
    this.#begun += 1;
    return undefined;
  }

  /** @returns false if the command had another end already */
  *end(id: string, outcome: PowerOutcome, atMs: number): Steps<boolean> {
    const written = JSON.stringify(outcome);
    const sql = 'UPDATE power_command SET ended_ms = ?, outcome = ? WHERE id = ? AND ended_ms IS NULL';
    if ((yield run(sql, atMs, written, id)).changes > 0) return true;
    const { row } = yield one('SELECT 1 AS found FROM power_command WHERE id = ? AND outcome <> ?', id, written);
    return row === undefined;
  }

  *listUnended(): Steps<Readable<readonly LedgerEntry[]>> {
    const sql = 'SELECT * FROM power_command WHERE ended_ms IS NULL ORDER BY begun_ms, id';
    const { rows } = yield all(sql);
    const reader = new RowReader();
    return { found: reader.readEach(rows, readEntry), errors: reader.errors };
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
    command: converted('command', text(row, 'command'), parsePowerCommand),
    begunAtMs: number(row, 'begun_ms'),
    end:
      atMs === undefined || ended === undefined
        ? undefined
        : { atMs, outcome: converted('outcome', ended, parsePowerOutcome) },
  };
});

/** @throws UnreadableEntry */
function readKnown(row: StoredRow): LedgerEntry {
  try {
    return readEntry(row);
  } catch (error) {
    throw new UnreadableEntry('store-unavailable', errorText(error), { cause: error });
  }
}
