// Runs one job at a time, for jobs that take much memory or use a program of the host that serves one caller.

import { setImmediate as nextTurn } from 'node:timers/promises';
import { RackError } from '../../ground/errors.ts';

/** Runs jobs in the order of their arrival. */
export class SequentialQueue {
  #lastJob: Promise<unknown> = Promise.resolve();

  /**
   * Runs a job after all earlier ones. The next job begins one turn of the event loop after the
   * result, so that the caller can use the result before.
   * @param signal removes a waiting job from the queue
   */
  run<T>(job: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    const cancel = (): void => reject(new RackError('cancelled', 'the import was stopped'));
    if (signal?.aborted === true) cancel();
    signal?.addEventListener('abort', cancel, { once: true });
    this.#lastJob = this.#lastJob.then(async () => {
      signal?.removeEventListener('abort', cancel);
      if (signal?.aborted === true) return;
      await new Promise<T>((begin) => begin(job())).then(resolve, reject);
      await nextTurn();
    });
    return promise;
  }
}
