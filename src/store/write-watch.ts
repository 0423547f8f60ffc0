// Whether a write takes too long, and whether that is the disk's doing. Time in which the rack loop itself was away does not count: its
// answer may have come long ago, and waits for the loop.
//
//   begin ─ #look, every LOOK_MS ─┬─ one call of the disk for `slowMs` ───────▶ onSlow('disk')
//                                 ├─ not done after STARVED_FACTOR × `slowMs` ▶ onSlow('host')
//                                 └─ end ─▶ nothing
//
// 1. A look counts LOOK_MS at the most, however late it comes, and one that comes late decides nothing: the answers that came meanwhile are
//    heard before the next one.
// 2. Of one write there is one verdict.

import type { Clock, Instant, Timer } from '../clock.ts';

/** How often it is looked, in milliseconds: by so much a verdict may come late. */
const LOOK_MS = 250;
/** How much longer a write may take that the disk does not hold. */
export const STARVED_FACTOR = 2;

/** Who lets a write wait: the disk, or the host, of which the journal's thread gets too little. */
export type SlowCause = 'disk' | 'host';

export interface WriteWatchOptions {
  readonly clock: Pick<Clock, 'now' | 'schedule'>;
  /** The call of the disk that is under way, another number for another call; undefined: none is. */
  readonly findCall: () => number | undefined;
  readonly slowMs: number;
  readonly onSlow: (cause: SlowCause) => void;
}

/** Watches one write at a time. */
export class WriteWatch {
  readonly #options: WriteWatchOptions;
  #timer: Timer | undefined;
  #isUnderWay = false;
  #lookedAt: Instant | undefined;
  #waitedMs = 0;
  /** The call that the last look saw, and for how long it was seen. */
  #call: number | undefined;
  #heldMs = 0;

  constructor(options: WriteWatchOptions) {
    this.#options = options;
  }

  /** A write begins. */
  begin(): void {
    this.#isUnderWay = true;
    this.#lookedAt = this.#options.clock.now();
    this.#waitedMs = 0;
    this.#call = undefined;
    this.#heldMs = 0;
    this.#lookLater();
  }

  /** It is over. The timer is left for the next one. */
  end(): void {
    this.#isUnderWay = false;
  }

  /** Nothing is watched any more. */
  close(): void {
    this.#isUnderWay = false;
    this.#timer?.cancel();
  }

  #lookLater(): void {
    this.#timer ??= this.#options.clock.schedule(LOOK_MS, () => this.#look());
  }

  #look(): void {
    this.#timer = undefined;
    if (!this.#isUnderWay) return;
    const { clock, findCall, slowMs, onSlow } = this.#options;
    const now = clock.now();
    const passedMs = now - (this.#lookedAt ?? now);
    const countedMs = Math.min(passedMs, LOOK_MS);
    this.#lookedAt = now;
    const call = findCall();
    this.#waitedMs += countedMs;
    if (call === undefined) this.#heldMs = 0;
    else this.#heldMs = call === this.#call ? this.#heldMs + countedMs : countedMs;
    this.#call = call;
    const isHeld = this.#heldMs >= slowMs;
    if (passedMs <= 2 * LOOK_MS && (isHeld || this.#waitedMs >= STARVED_FACTOR * slowMs)) {
      this.#isUnderWay = false;
      onSlow(isHeld ? 'disk' : 'host');
    } else this.#lookLater();
  }
}
