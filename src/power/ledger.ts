// The book of commands: what was begun, and how it ended. It is what keeps a command from being carried out twice.
//
// 1. A command is in the book, on disk, before its driver is asked anything.
// 2. One that was begun and has no end was under way when the process died: its end is `unknown`, and it is not repeated.

import type { PowerCommand } from './command.ts';
import type { PowerOutcome } from './outcome.ts';

/** One command of the book. */
export interface LedgerEntry {
  /** Given by whoever commands; the same command has the same one for ever. */
  readonly id: string;
  readonly machine: string;
  readonly command: Exclude<PowerCommand, { readonly kind: 'query' }>;
  /** Wall time, milliseconds since 1970. */
  readonly begunAtMs: number;
  /** Undefined: it is under way, or nobody knows how it ended. */
  readonly end?: { readonly atMs: number; readonly outcome: PowerOutcome } | undefined;
}

/** Where the book is kept. Each method throws when the store fails. */
export interface PowerLedger {
  find(id: string): LedgerEntry | undefined;
  /** The entry is on disk when this returns. */
  begin(entry: Omit<LedgerEntry, 'end'>): void;
  end(id: string, outcome: PowerOutcome, atMs: number): void;
  listUnended(): readonly LedgerEntry[];
}
