// Waits until the terminal has reported that the lab's machine is enlisted. The lab follows the
// machine and the region's event log separately: the machine may be off before its event arrives,
// but the closing lines must come last.

import type { Clock } from '../ground/clock.ts';
import { ENLISTED_WORDS } from './lab-words.ts';

/** How long the closing lines wait, in milliseconds. An interrupted event stream reports late. */
export const REPORT_MS_MAX = 15_000;

export class Enlistment {
  readonly #reported = Promise.withResolvers<boolean>();

  /** Call it with each line that was printed about a machine. */
  observeLine(text: string): void {
    if (text === ENLISTED_WORDS) this.#reported.resolve(true);
  }

  /**
   * Resolves with true once the enlistment is reported, with false after REPORT_MS_MAX or when the
   * lab ends.
   */
  async whenReported(clock: Clock, signal: AbortSignal): Promise<boolean> {
    const end = (): void => this.#reported.resolve(false);
    const timer = clock.schedule(REPORT_MS_MAX, end);
    if (signal.aborted) end();
    signal.addEventListener('abort', end, { once: true });
    try {
      return await this.#reported.promise;
    } finally {
      timer.cancel();
      signal.removeEventListener('abort', end);
    }
  }
}
