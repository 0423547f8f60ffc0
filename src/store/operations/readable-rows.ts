// For lists that leave out unreadable rows and keep their errors. Each error names its row. A list fails if its table lacks a column: none of its
// rows can be read then.

import { isStoreUnavailable, type RackError } from '../../errors.ts';
import { outageOf } from '../../region/words/outage.ts';
import type { StoredRow } from '../rows.ts';

/** Bound on the errors that one list keeps: those of its first unreadable rows. */
const ERRORS_MAX = 8;

/** The rows that can be read, and the errors of the others. */
export interface Readable<T> {
  readonly found: T;
  readonly errors: readonly RackError[];
}

/** Reads rows, and collects the errors of those that it cannot read. */
export class RowReader {
  readonly errors: RackError[] = [];

  /** @returns undefined if a row cannot be read */
  read<T>(read: () => T): T | undefined {
    try {
      return read();
    } catch (error) {
      if (!isStoreUnavailable(error) || outageOf(error).note === 'column-missing') throw error;
      if (this.errors.length < ERRORS_MAX) this.errors.push(error);
      return undefined;
    }
  }

  /** Reads the rows that can be read. */
  readEach<T>(rows: readonly StoredRow[], read: (row: StoredRow) => T): readonly T[] {
    return rows.flatMap((row) => this.read(() => read(row)) ?? []);
  }
}
