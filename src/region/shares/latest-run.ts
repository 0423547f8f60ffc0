// Runs a piece of work again and again, one run at a time, so that a slow run never overwrites what
// a later one has found.

export class LatestRun {
  readonly #work: () => Promise<void>;
  readonly #isAlone: () => boolean;
  #running: Promise<void> = Promise.resolve();
  /** The run that begins when the running one ends; undefined: none is wanted. */
  #next: Promise<void> | undefined;

  /**
   * @param isAlone true if the caller must not wait for a run of others, such as one within a
   * transaction for which that run waits
   */
  constructor(work: () => Promise<void>, isAlone: () => boolean = () => false) {
    this.#work = work;
    this.#isAlone = isAlone;
  }

  run(): Promise<void> {
    if (this.#isAlone()) return this.#work();
    this.#next ??= this.#running
      .catch(() => undefined)
      .then(() => {
        this.#next = undefined;
        this.#running = this.#work();
        return this.#running;
      });
    return this.#next;
  }
}
