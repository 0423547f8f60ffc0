// The moment at which the terminal has said that the lab's machine is enlisted. The machine and the region's event log are followed
// separately: the machine may be off before its event arrives, and the closing lines come last.

import type { Clock } from '../clock.ts';
import { ENLISTED_WORDS } from './lab-words.ts';

/** How long the closing lines wait for it, in milliseconds: a stream that was interrupted begins behind the event. */
export const TOLD_MS_MAX = 5000;

export class Enlistment {
  readonly #told = Promise.withResolvers<boolean>();

  /** Records a report about a machine. */
  note(words: string): void {
    if (words === ENLISTED_WORDS) this.#told.resolve(true);
  }

  /** Waits until it was said. @returns false after TOLD_MS_MAX, or when the lab ends */
  async told(clock: Clock, signal: AbortSignal): Promise<boolean> {
    const end = (): void => this.#told.resolve(false);
    const late = clock.schedule(TOLD_MS_MAX, end);
    if (signal.aborted) end();
    signal.addEventListener('abort', end, { once: true });
    try {
      return await this.#told.promise;
    } finally {
      late.cancel();
      signal.removeEventListener('abort', end);
    }
  }
}
