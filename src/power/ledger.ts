// The ledger of power commands: which were started, and how they ended. It keeps a command from being carried out twice.
//
// 1. A command is in the ledger, on disk, before its driver is called.
// 2. A started command without an end was running when the process died: its end is `unknown`, and it is not repeated.
// 3. A command has one end, the first: a process that hung, and then continues, does not replace the end that its successor has found.

import { RackError } from '../errors.ts';
import type { PowerCommand } from './command.ts';
import type { PowerOutcome } from './outcome.ts';

/** One command in the ledger. */
export interface LedgerEntry {
  /** Chosen by the caller; a command keeps its id forever. */
  readonly id: string;
  readonly machine: string;
  readonly command: Exclude<PowerCommand, { readonly kind: 'query' }>;
  /** Wall time, milliseconds since 1970. */
  readonly begunAtMs: number;
  /** Undefined while the command runs, and while its outcome is not known. */
  readonly end?: { readonly atMs: number; readonly outcome: PowerOutcome } | undefined;
}

/** A command that was not begun, because another process of the region has the duties. */
export class NotOnDuty extends RackError {}

/** The store of the ledger. Each method rejects if the store fails. */
export interface PowerLedger {
  /** Begins a command that is not in the ledger; the entry is then on disk. @returns the entry that was there; undefined: it begins now */
  begin(entry: Omit<LedgerEntry, 'end'>): Promise<LedgerEntry | undefined>;
  /** @returns false if the command had another end already, which this one does not replace */
  end(id: string, outcome: PowerOutcome, atMs: number): Promise<boolean>;
  /** Runs `report` unless another process of the region has the duties, or takes them before what `report` changes is stored. */
  whileOnDuty(report: () => Promise<unknown>): Promise<void>;
  listUnended(): Promise<readonly LedgerEntry[]>;
}
