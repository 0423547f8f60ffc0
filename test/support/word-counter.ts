// Counts the words that code reads from the `Uint32Array`s that it makes: a measure of its cost that no load of the host changes.

export class WordCounter {
  /** Words read since the start. */
  reads = 0;

  /** Calls `make`; each read of a word of an array made by it counts, now and later. */
  watch<T>(make: () => T): T {
    const native = globalThis.Uint32Array;
    globalThis.Uint32Array = new Proxy(native, {
      construct: (target, given) => this.#counted(Reflect.construct(target, given)),
    });
    try {
      return make();
    } finally {
      globalThis.Uint32Array = native;
    }
  }

  #counted(words: Uint32Array): Uint32Array {
    return new Proxy(words, {
      get: (target, name) => {
        if (typeof name === 'string' && /^\d+$/.test(name)) this.reads += 1;
        const value: unknown = Reflect.get(target, name);
        return typeof value === 'function' ? value.bind(target) : value;
      },
      set: (target, name, value) => Reflect.set(target, name, value),
    });
  }
}
