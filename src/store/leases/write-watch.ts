// Detects that a write takes too long, and whether by the disk. Time in which the rack loop was
// blocked does not count: the answer may have been waiting for it.
//
//   begin ─ #check, every CHECK_MS ─┬─ one disk call lasts `slowMs` ────────────▶ onSlow('disk')
//                                   ├─ not done after STARVED_FACTOR × `slowMs` ▶ onSlow('host')
//                                   └─ end ─▶ nothing
//
// 1. A check counts at most CHECK_MS, and a late one gives no verdict: answers are handled before the next.
// 2. Each write gets at most one verdict.
// 3. A number in shared memory shows the thread's database call (`DiskWork`): odd during a call,
//    and the same for all of it.

import type { Clock, Instant, Timer } from '../../ground/clock.ts';

const NUMBER_BYTES = 4;

export class DiskWork {
  readonly memory: SharedArrayBuffer;
  readonly #callNumber: Int32Array;

  /** @param memory from another thread's `DiskWork` */
  constructor(memory: SharedArrayBuffer = new SharedArrayBuffer(NUMBER_BYTES)) {
    this.memory = memory;
    this.#callNumber = new Int32Array(memory);
  }

  /** The number of the current call; `undefined` between calls. */
  get call(): number | undefined {
    const number = Atomics.load(this.#callNumber, 0);
    return (number & 1) === 1 ? number : undefined;
  }

  run<T>(call: () => T): T {
    Atomics.add(this.#callNumber, 0, 1);
    try {
      return call();
    } finally {
      Atomics.add(this.#callNumber, 0, 1);
    }
  }
}

/** How often writes are checked, in milliseconds; a verdict may be late by as much. */
const CHECK_MS = 250;
/** How much longer a write may take before the host is blamed instead of the disk. */
export const STARVED_FACTOR = 2;

/** `host`: too little processor time. */
export type SlowCause = 'disk' | 'host';

interface WriteWatchOptions {
  readonly clock: Pick<Clock, 'now' | 'schedule'>;
  readonly findCall: () => number | undefined;
  readonly slowMs: number;
  readonly onSlow: (cause: SlowCause) => void;
}

export class WriteWatch {
  readonly #options: WriteWatchOptions;
  #timer: Timer | undefined;
  #isUnderWay = false;
  #checkedAt: Instant | undefined;
  #waitedMs = 0;
  /** The call last seen, and for how long. */
  #lastCall: number | undefined;
  #callMs = 0;

  constructor(options: WriteWatchOptions) {
    this.#options = options;
  }

  begin(): void {
    this.#isUnderWay = true;
    this.#checkedAt = this.#options.clock.now();
    this.#waitedMs = 0;
    this.#lastCall = undefined;
    this.#callMs = 0;
    this.#scheduleCheck();
  }

  /** The timer stays for the next write. */
  end(): void {
    this.#isUnderWay = false;
  }

  close(): void {
    this.#isUnderWay = false;
    this.#timer?.cancel();
  }

  #scheduleCheck(): void {
    this.#timer ??= this.#options.clock.schedule(CHECK_MS, () => this.#check());
  }

  #check(): void {
    this.#timer = undefined;
    if (!this.#isUnderWay) return;
    const { clock, findCall, slowMs, onSlow } = this.#options;
    const now = clock.now();
    const passedMs = now - (this.#checkedAt ?? now);
    const countedMs = Math.min(passedMs, CHECK_MS);
    this.#checkedAt = now;
    const call = findCall();
    this.#waitedMs += countedMs;
    if (call === undefined) this.#callMs = 0;
    else this.#callMs = call === this.#lastCall ? this.#callMs + countedMs : countedMs;
    this.#lastCall = call;
    const isHeld = this.#callMs >= slowMs;
    if (passedMs <= 2 * CHECK_MS && (isHeld || this.#waitedMs >= STARVED_FACTOR * slowMs)) {
      this.#isUnderWay = false;
      onSlow(isHeld ? 'disk' : 'host');
    } else this.#scheduleCheck();
  }
}
