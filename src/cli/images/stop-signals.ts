// The signals with which a person stops a command; repeating the command continues its work.

import { setTimeout as wait } from 'node:timers/promises';

export const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** Listens until it is closed. */
export class StopSignals {
  readonly #stop = new AbortController();
  readonly #onSignal = (): void => this.#stop.abort();

  constructor() {
    for (const signal of SIGNALS) process.once(signal, this.#onSignal);
  }

  /** Aborted by the first signal. */
  get signal(): AbortSignal {
    return this.#stop.signal;
  }

  close(): void {
    for (const signal of SIGNALS) process.removeListener(signal, this.#onSignal);
  }
}

/** Waits for a time, or until the signal is aborted. */
export const pauseUnlessStopped = (ms: number, signal: AbortSignal): Promise<void> =>
  wait(ms, undefined, { signal }).catch((error: unknown) => {
    if (!signal.aborted) throw error;
  });
