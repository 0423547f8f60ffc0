// Shows the rack loop which database call the journal's thread is in, without asking it: one number in shared memory.
//
// 1. The number is odd during a database call and even otherwise; it stays the same for the whole call.

/** The size of the number. */
const NUMBER_BYTES = 4;

export class DiskWork {
  readonly memory: SharedArrayBuffer;
  readonly #number: Int32Array;

  /** @param memory from another thread's `DiskWork`; by default new memory */
  constructor(memory: SharedArrayBuffer = new SharedArrayBuffer(NUMBER_BYTES)) {
    this.memory = memory;
    this.#number = new Int32Array(memory);
  }

  /** The number of the current call; undefined if there is none. */
  get call(): number | undefined {
    const number = Atomics.load(this.#number, 0);
    return (number & 1) === 1 ? number : undefined;
  }

  /** Runs a database call. */
  run<T>(call: () => T): T {
    Atomics.add(this.#number, 0, 1);
    try {
      return call();
    } finally {
      Atomics.add(this.#number, 0, 1);
    }
  }
}
