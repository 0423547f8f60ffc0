// Splits long work over turns of the event loop: one part a turn, so that other requests run
// between two parts. Holders take turns in rotation, however much work each has.

/** The turns. The caller bounds the work in progress, and with it the queue. */
export class LoopTurns {
  readonly #waiting = new Map<string, (() => void)[]>();
  #isGoing = false;

  next(holder: string): Promise<void> {
    return new Promise((resolve) => {
      const own = this.#waiting.get(holder);
      if (own === undefined) this.#waiting.set(holder, [resolve]);
      else own.push(resolve);
      if (this.#isGoing) return;
      this.#isGoing = true;
      setImmediate(() => this.#go());
    });
  }

  #go() {
    const [first] = this.#waiting;
    if (first === undefined) {
      this.#isGoing = false;
      return;
    }
    const [holder, own] = first;
    this.#waiting.delete(holder);
    const resolve = own.shift();
    if (own.length > 0) this.#waiting.set(holder, own);
    resolve?.();
    setImmediate(() => this.#go());
  }
}
