// A queue of live values for one reader of the control socket.
//
// 1. At most FEED_WAITING_MAX values wait; beyond that the oldest is dropped and counted.
// 2. An array, not a `BoundedMap`: values have no key, and the next one is taken far more often
//    than the oldest is dropped.
// 3. The feed ends as soon as its reader leaves, even while the reader waits for the next value.

/** The most values that wait for one reader. */
export const FEED_WAITING_MAX = 1024;

/** An asynchronous iterable that values are pushed into. */
export class Feed<T> implements AsyncIterableIterator<T> {
  readonly #waitingValues: T[] = [];
  readonly #onEnd: () => void;
  #resolveNext: ((result: IteratorResult<T>) => void) | undefined;
  #droppedCount = 0;
  #isEnded = false;

  /** @param onEnd called once, when the reader leaves */
  constructor(onEnd: () => void) {
    this.#onEnd = onEnd;
  }

  takeDropped(): number {
    const droppedCount = this.#droppedCount;
    this.#droppedCount = 0;
    return droppedCount;
  }

  push(value: T): void {
    if (this.#isEnded) return;
    const resolveNext = this.#resolveNext;
    if (resolveNext !== undefined) {
      this.#resolveNext = undefined;
      resolveNext({ done: false, value });
      return;
    }
    this.#waitingValues.push(value);
    if (this.#waitingValues.length <= FEED_WAITING_MAX) return;
    this.#waitingValues.shift();
    this.#droppedCount += 1;
  }

  next(): Promise<IteratorResult<T>> {
    if (this.#isEnded) return Promise.resolve({ done: true, value: undefined });
    const [value] = this.#waitingValues.splice(0, 1);
    if (value !== undefined) return Promise.resolve({ done: false, value });
    return new Promise((resolve) => {
      this.#resolveNext = resolve;
    });
  }

  return(): Promise<IteratorResult<T>> {
    if (!this.#isEnded) {
      this.#isEnded = true;
      this.#waitingValues.length = 0;
      this.#onEnd();
    }
    this.#resolveNext?.({ done: true, value: undefined });
    this.#resolveNext = undefined;
    return Promise.resolve({ done: true, value: undefined });
  }

  [Symbol.asyncIterator](): AsyncIterableIterator<T> {
    return this;
  }
}
