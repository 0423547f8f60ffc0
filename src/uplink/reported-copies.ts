// Decides which copies of images a rack reports to its region with a heartbeat: those that have advanced since the region heard of them.
//
// 1. After a new link all are reported again: the region may have lost them.

import type { CopyProgress } from '../images/carry/region-copy.ts';

/** Copies of one report; the others follow with the next. */
const COPIES_MAX = 16;

export class ReportedCopies {
  readonly #list: () => readonly CopyProgress[];
  /** The last reported state of each, as JSON. */
  readonly #known = new Map<string, string>();

  constructor(list: () => readonly CopyProgress[]) {
    this.#list = list;
  }

  /** The copies to report with the next heartbeat; undefined if there is nothing to report. */
  next(): readonly CopyProgress[] | undefined {
    const all = this.#list();
    const files = new Set(all.map(({ file }) => file));
    for (const file of this.#known.keys()) if (!files.has(file)) this.#known.delete(file);
    const changed = all.filter((copy) => this.#known.get(copy.file) !== JSON.stringify(copy)).slice(0, COPIES_MAX);
    return changed.length === 0 ? undefined : changed;
  }

  /** Call when the region has received a report. */
  acknowledge(copies: readonly CopyProgress[]): void {
    for (const copy of copies) this.#known.set(copy.file, JSON.stringify(copy));
  }

  /** Call when the region may have lost the reports. */
  forget(): void {
    this.#known.clear();
  }
}
