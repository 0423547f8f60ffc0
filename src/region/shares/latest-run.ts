// Runs a piece of work again and again, one run at a time, so that a slow run never overwrites what a later one has found.

export class LatestRun {
  readonly #work: () => Promise<void>;
  #running: Promise<void> = Promise.resolve();
  /** The run that begins when the running one ends; undefined: none is wanted. */
  #next: Promise<void> | undefined;

  constructor(work: () => Promise<void>) {
    this.#work = work;
  }

  /** Waits for a run that begins after this call. Callers at the same time share one. */
  run(): Promise<void> {
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
