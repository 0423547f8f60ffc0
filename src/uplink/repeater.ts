// Repeats a task: at once when poked, after a rest when it succeeded, and after a growing pause
// when it failed.
//
//   resting ──poke, rest over──▶ running ──well──▶ resting
//                                   └──failed──▶ pausing ──back-off──▶ running
//
// 1. Runs never overlap. A poke during a run causes another run after it.
// 2. A poke does not shorten a pause; `hasten` does.
// 3. Pauses grow from BACK_OFF_MS_MIN to BACK_OFF_MS_MAX, each random within its upper half, so
//    that many racks do not retry together.
// 4. After `stop`, the outcome of a run under way is ignored.

import type { Clock, Timer } from '../ground/clock.ts';

export const BACK_OFF_MS_MIN = 500;
export const BACK_OFF_MS_MAX = 60_000;

export type RunOutcome =
  /** There is more to do. */
  | { readonly kind: 'again' }
  | { readonly kind: 'rest'; readonly ms: number }
  /** @param retryAfterMs the wait that the other side requests; capped at BACK_OFF_MS_MAX */
  | { readonly kind: 'failed'; readonly retryAfterMs?: number | undefined };

export class Repeater {
  readonly #clock: Clock;
  readonly #run: () => Promise<RunOutcome>;
  #failures = 0;
  #timer: Timer | undefined;
  #state: 'stopped' | 'running' | 'resting' | 'pausing' = 'stopped';
  #isPoked = false;
  #epoch = 0;

  /** @param run must not reject */
  constructor(clock: Clock, run: () => Promise<RunOutcome>) {
    this.#clock = clock;
    this.#run = run;
  }

  /** Starts a run at once; no effect if already started. */
  start(): void {
    if (this.#state !== 'stopped') return;
    this.#failures = 0;
    this.#begin();
  }

  stop(): void {
    this.#epoch += 1;
    this.#state = 'stopped';
    this.#isPoked = false;
    this.#timer?.cancel();
  }

  /** Call when there is something to do. */
  poke(): void {
    if (this.#state === 'running') this.#isPoked = true;
    else if (this.#state === 'resting') this.#begin();
  }

  /** Call when the cause of failures may be over. */
  hasten(): void {
    this.#failures = 0;
    if (this.#state === 'pausing') this.#begin();
  }

  #begin(): void {
    this.#timer?.cancel();
    this.#state = 'running';
    this.#isPoked = false;
    const epoch = this.#epoch;
    void this.#run().then((outcome) => {
      if (epoch === this.#epoch) this.#end(outcome);
    });
  }

  #end(outcome: RunOutcome): void {
    if (outcome.kind === 'failed') {
      this.#state = 'pausing';
      this.#wait(Math.max(this.#pauseMs(), Math.min(outcome.retryAfterMs ?? 0, BACK_OFF_MS_MAX)));
      return;
    }
    this.#failures = 0;
    this.#state = 'resting';
    // Let a turn of the event loop pass between two runs, so that other work is not delayed.
    this.#wait(outcome.kind === 'again' || this.#isPoked ? 0 : outcome.ms);
  }

  #pauseMs(): number {
    const fullMs = Math.min(BACK_OFF_MS_MAX, BACK_OFF_MS_MIN * 2 ** this.#failures);
    this.#failures = Math.min(this.#failures + 1, 30);
    const [high = 0, low = 0] = this.#clock.randomBytes(2);
    return fullMs * (0.5 + (high * 256 + low) / 131_072);
  }

  #wait(ms: number): void {
    this.#timer = this.#clock.schedule(ms, () => this.#begin());
  }
}
