// Values by whole numbers of up to 53 bits, for tables whose look-ups miss the processor's cache. A
// `Map` reads three places a look-up, because a number above 31 bits is an object; this table reads
// one.
//
// 1. Open addressing: an entry takes the first free slot from its hash on; at least half are free.
// 2. A removed entry leaves REMOVED; a table with too many is rebuilt.

/** No hardware address is negative. */
const FREE = -1;
const REMOVED = -2;
const SLOTS_MIN = 64;

export class NumberTable<Value> {
  #keys = createKeyTable(SLOTS_MIN);
  #values: (Value | undefined)[] = new Array<Value | undefined>(SLOTS_MIN).fill(undefined);
  /** Entries, and occupied slots including REMOVED. */
  #size = 0;
  #used = 0;

  get(key: number): Value | undefined {
    const slot = this.#find(key);
    return slot === -1 ? undefined : this.#values[slot];
  }

  set(key: number, value: Value): void {
    const slot = this.#find(key);
    if (slot !== -1) {
      this.#values[slot] = value;
      return;
    }
    if (2 * (this.#used + 1) > this.#keys.length) this.#remake();
    this.#insert(key, value);
    this.#size += 1;
    this.#used += 1;
  }

  delete(key: number): void {
    const slot = this.#find(key);
    if (slot === -1) return;
    this.#keys[slot] = REMOVED;
    this.#values[slot] = undefined;
    this.#size -= 1;
  }

  clear(): void {
    this.#keys = createKeyTable(SLOTS_MIN);
    this.#values = new Array<Value | undefined>(SLOTS_MIN).fill(undefined);
    this.#size = 0;
    this.#used = 0;
  }

  #find(key: number): number {
    const keys = this.#keys;
    const mask = keys.length - 1;
    for (let slot = hashNumber(key) & mask; ; slot = (slot + 1) & mask) {
      const there = keys[slot];
      if (there === key) return slot;
      if (there === FREE) return -1;
    }
  }

  #insert(key: number, value: Value | undefined): void {
    const keys = this.#keys;
    const mask = keys.length - 1;
    let slot = hashNumber(key) & mask;
    while (keys[slot] !== FREE) slot = (slot + 1) & mask;
    keys[slot] = key;
    this.#values[slot] = value;
  }

  /** Rebuilds the table with room for as many again. */
  #remake(): void {
    const [keys, values] = [this.#keys, this.#values];
    let slots = SLOTS_MIN;
    while (slots < 4 * this.#size) slots *= 2;
    this.#keys = createKeyTable(slots);
    this.#values = new Array<Value | undefined>(slots).fill(undefined);
    for (const [slot, key] of keys.entries()) if (key >= 0) this.#insert(key, values[slot]);
    this.#used = this.#size;
  }
}

const createKeyTable = (slots: number): Float64Array => new Float64Array(slots).fill(FREE);

/** Mixes both halves: one vendor's addresses differ in their last bits, invented ones anywhere. */
function hashNumber(key: number): number {
  const high = Math.floor(key / 0x1_0000_0000);
  let hash = Math.imul((key >>> 0) ^ Math.imul(high, 0x9e37_79b1), 0x85eb_ca6b);
  hash ^= hash >>> 15;
  hash = Math.imul(hash, 0xc2b2_ae35);
  return hash ^ (hash >>> 16);
}
