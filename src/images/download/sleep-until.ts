// A pause that a signal can end.

import type { Clock, Instant } from '../../ground/clock.ts';

/** Waits until a time, or until the signal aborts. The pause does not keep the process alive. */
export function sleepUntil(until: Instant, clock: Clock, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const wake = (): void => {
      timer.cancel();
      signal.removeEventListener('abort', wake);
      resolve();
    };
    const timer = clock.schedule(Math.max(0, until - clock.now()), wake);
    signal.addEventListener('abort', wake, { once: true });
    if (signal.aborted) wake();
  });
}
