// Does one work at a time that takes much memory, or a program of the host that serves one caller.

import { setImmediate as nextTurn } from 'node:timers/promises';
import { RackError } from '../../ground/errors.ts';

/** Does works in the order of their arrival. */
export class OneAtATime {
  #last: Promise<unknown> = Promise.resolve();

  /**
   * Does a piece after all earlier ones. The caller may use the result until the next turn of the
   * event loop, before the next work begins.
   * @param signal takes a waiting piece out of the queue
   */
  do<T>(work: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    const leave = (): void => reject(new RackError('cancelled', 'the import was stopped'));
    if (signal?.aborted === true) leave();
    signal?.addEventListener('abort', leave, { once: true });
    this.#last = this.#last.then(async () => {
      signal?.removeEventListener('abort', leave);
      if (signal?.aborted === true) return;
      await new Promise<T>((begin) => begin(work())).then(resolve, reject);
      await nextTurn();
    });
    return promise;
  }
}
