// What the journal's thread has its disk do, as the rack loop sees it without asking: one number in shared memory.
//
// 1. Odd while a call of the database is under way, and the same number for as long as it is the same call; even while none is.

/** Memory of the number. */
const NUMBER_BYTES = 4;

export class DiskWork {
  readonly memory: SharedArrayBuffer;
  readonly #number: Int32Array;

  /** @param memory that of another thread's view; by default its own */
  constructor(memory: SharedArrayBuffer = new SharedArrayBuffer(NUMBER_BYTES)) {
    this.memory = memory;
    this.#number = new Int32Array(memory);
  }

  /** The call that is under way; undefined: none is. */
  get call(): number | undefined {
    const number = Atomics.load(this.#number, 0);
    return (number & 1) === 1 ? number : undefined;
  }

  /** Runs a call of the database. */
  run<T>(call: () => T): T {
    Atomics.add(this.#number, 0, 1);
    try {
      return call();
    } finally {
      Atomics.add(this.#number, 0, 1);
    }
  }
}
