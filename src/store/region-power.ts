// The ledger of power commands in region.db. Each method is a transaction of its own.
//
// 1. When `begin` returns, the command is on disk.
// 2. About the newest ENDED_MAX ended commands are kept, for at most ENDED_DAYS_MAX days. A command that a machine's record still names is
//    never deleted, because it would be carried out again.

import type { LedgerEntry, PowerLedger } from '../power/ledger.ts';
import type { PowerOutcome } from '../power/outcome.ts';
import { number, optionalNumber, optionalText, type Row, type Statements, text } from './region-rows.ts';
import type { Transactions } from './region-transactions.ts';

/** Ended commands that are remembered. */
export const ENDED_MAX = 10_000;
const ENDED_DAYS_MAX = 30;
const DAY_MS = 86_400_000;
/** Old commands are deleted with the first command of a process, and with every further FORGET_EVERY. */
const FORGET_EVERY = 100;

/** The table `power_command`. */
export class PowerTable implements PowerLedger {
  readonly #transactions: Transactions;
  readonly #sql: Statements;
  readonly #endedMax: number;
  #begun = 0;

  constructor(transactions: Transactions, sql: Statements, endedMax = ENDED_MAX) {
    this.#transactions = transactions;
    this.#sql = sql;
    this.#endedMax = endedMax;
  }

  find(id: string): LedgerEntry | undefined {
    const row = this.#transactions.read(() => this.#sql.one('SELECT * FROM power_command WHERE id = ?', id));
    return row === undefined ? undefined : readEntry(row);
  }

  begin({ id, machine, command, begunAtMs }: Omit<LedgerEntry, 'end'>): void {
    const sql = 'INSERT INTO power_command (id, system_id, command, begun_ms) VALUES (?, ?, ?, ?)';
    this.#transactions.write(() => {
      this.#sql.run(sql, id, machine, JSON.stringify(command), begunAtMs);
      if (this.#begun % FORGET_EVERY === 0) this.#forget(begunAtMs);
    });
    this.#begun += 1;
  }

  end(id: string, outcome: PowerOutcome, atMs: number): void {
    const sql = 'UPDATE power_command SET ended_ms = ?, outcome = ? WHERE id = ? AND ended_ms IS NULL';
    this.#transactions.write(() => this.#sql.run(sql, atMs, JSON.stringify(outcome), id));
  }

  listUnended(): readonly LedgerEntry[] {
    const sql = 'SELECT * FROM power_command WHERE ended_ms IS NULL ORDER BY begun_ms, id';
    return this.#transactions.read(() => this.#sql.all(sql)).map(readEntry);
  }

  #forget(nowMs: number): void {
    const stillNamed = 'SELECT power_task_id FROM machine WHERE power_task_id IS NOT NULL';
    const newest = 'SELECT id FROM power_command WHERE ended_ms IS NOT NULL ORDER BY ended_ms DESC, id LIMIT ?2';
    this.#sql.run(
      `DELETE FROM power_command WHERE ended_ms IS NOT NULL AND id NOT IN (${stillNamed})
       AND (ended_ms < ?1 OR id NOT IN (${newest}))`,
      nowMs - ENDED_DAYS_MAX * DAY_MS,
      this.#endedMax,
    );
  }
}

function readEntry(row: Row): LedgerEntry {
  const atMs = optionalNumber(row, 'ended_ms');
  const ended = optionalText(row, 'outcome');
  return {
    id: text(row, 'id'),
    machine: text(row, 'system_id'),
    command: JSON.parse(text(row, 'command')),
    begunAtMs: number(row, 'begun_ms'),
    end: atMs === undefined || ended === undefined ? undefined : { atMs, outcome: JSON.parse(ended) },
  };
}
