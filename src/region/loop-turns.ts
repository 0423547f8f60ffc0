// Turns of the event loop for work that is done a part at a time: one part in each round of the loop, and between two parts everybody
// else's requests. Holders with work under way have turns one after the other, however much work each has.

/** The turns; whoever bounds the work that is under way bounds what waits here. */
export class LoopTurns {
  /** What waits, by holder; the holder whose turn is next is first. */
  readonly #waiting = new Map<string, (() => void)[]>();
  #isGoing = false;

  /** Resolves when this part of the holder's work has its turn. */
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

  #go(): void {
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
