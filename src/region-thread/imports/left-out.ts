// The items and sources that a run leaves out, with the reasons: at most SKIPPED_MAX are listed, further ones counted.

import { isDeepStrictEqual } from 'node:util';
import { SKIPPED_MAX } from '../../region/records/boot-store.ts';
import type { SkippedList } from './message.ts';
import type { Skipped } from './plan.ts';

export class LeftOut {
  /** Those that the plan leaves out; they come first. */
  #planned: readonly Skipped[] = [];
  #plannedMore = 0;
  readonly #skipped: Skipped[] = [];
  #more = 0;
  /** The list that was reported last. */
  #reported: SkippedList | undefined;

  /** Replaces those that the plan leaves out. */
  plan(planned: readonly Skipped[]): void {
    this.#planned = planned.slice(0, SKIPPED_MAX);
    this.#plannedMore = planned.length - this.#planned.length;
  }

  add(skipped: Skipped): void {
    if (this.#skipped.length < SKIPPED_MAX) this.#skipped.push(skipped);
    else this.#more += 1;
  }

  list(): SkippedList {
    const all = [...this.#planned, ...this.#skipped];
    const skipped = all.slice(0, SKIPPED_MAX);
    return { skipped, more: all.length - skipped.length + this.#plannedMore + this.#more };
  }

  /** The list, if it has changed since it was reported last. */
  change(): SkippedList | undefined {
    const list = this.list();
    if (isDeepStrictEqual(list, this.#reported)) return undefined;
    this.#reported = list;
    return list;
  }
}
