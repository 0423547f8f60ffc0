// The ledger of power commands keeps each from being carried out twice.
//
// 1. A command is in the ledger, on disk, before its driver is called.
// 2. A started command without an end was running when the process died: its end is `unknown`, and
//    it is not repeated.
// 3. A command has one end, the first: a process that hung and continues does not replace the end
//    that its successor stored.

import { RackError } from '../ground/errors.ts';
import type { PowerCommand } from './command.ts';
import type { PowerOutcome } from './outcome.ts';

export interface LedgerEntry {
  /** Chosen by the caller; a command keeps its id forever. */
  readonly id: string;
  readonly machine: string;
  readonly command: Exclude<PowerCommand, { readonly kind: 'query' }>;
  /** Wall time, milliseconds since 1970. */
  readonly begunAtMs: number;
  /** Undefined until the outcome is known. */
  readonly end?: { readonly atMs: number; readonly outcome: PowerOutcome } | undefined;
}

/** A command was not begun: another process of the region has the duties. */
export class NotOnDuty extends RackError {}

/** Each method rejects if the store fails. */
export interface PowerLedger {
  /**
   * Puts a new command on disk. @returns the entry that was already there; undefined if the command
   * begins now
   */
  begin(entry: Omit<LedgerEntry, 'end'>): Promise<LedgerEntry | undefined>;
  /** @returns false if the command had another end, which stays */
  end(id: string, outcome: PowerOutcome, atMs: number): Promise<boolean>;
  /** Runs `report` unless another process has the duties, or takes them before the change is stored. */
  whileOnDuty(report: () => Promise<unknown>): Promise<void>;
  listUnended(): Promise<readonly LedgerEntry[]>;
}
