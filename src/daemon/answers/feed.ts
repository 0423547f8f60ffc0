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
  readonly #waiting: T[] = [];
  readonly #onEnd: () => void;
  #wake: ((result: IteratorResult<T>) => void) | undefined;
  #dropped = 0;
  #ended = false;

  /** @param onEnd called once, when the reader leaves */
  constructor(onEnd: () => void) {
    this.#onEnd = onEnd;
  }

  takeDropped(): number {
    const dropped = this.#dropped;
    this.#dropped = 0;
    return dropped;
  }

  push(value: T): void {
    if (this.#ended) return;
    const wake = this.#wake;
    if (wake !== undefined) {
      this.#wake = undefined;
      wake({ done: false, value });
      return;
    }
    this.#waiting.push(value);
    if (this.#waiting.length <= FEED_WAITING_MAX) return;
    this.#waiting.shift();
    this.#dropped += 1;
  }

  next(): Promise<IteratorResult<T>> {
    if (this.#ended) return Promise.resolve({ done: true, value: undefined });
    const [value] = this.#waiting.splice(0, 1);
    if (value !== undefined) return Promise.resolve({ done: false, value });
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }

  return(): Promise<IteratorResult<T>> {
    if (!this.#ended) {
      this.#ended = true;
      this.#waiting.length = 0;
      this.#onEnd();
    }
    this.#wake?.({ done: true, value: undefined });
    this.#wake = undefined;
    return Promise.resolve({ done: true, value: undefined });
  }

  [Symbol.asyncIterator](): AsyncIterableIterator<T> {
    return this;
  }
}
