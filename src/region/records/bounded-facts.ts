// Limits the stored size of a machine's hardware facts: machine lists show each disk several times,
// so one machine's facts could enlarge an answer by a megabyte.
//
// 1. At most FACTS_BYTES_MAX of JSON with at most DISKS_KEPT_MAX disks are kept: the first elements
//    of each list, in order.
// 2. Facts within the limits are kept unchanged.

/**
 * Bound on the stored facts of one machine, in bytes of JSON. A server with 96 memory modules, 24
 * disks and 8 interfaces needs 28 KiB.
 */
export const FACTS_BYTES_MAX = 32 * 1024;
/** Further disks are left out. */
export const DISKS_KEPT_MAX = 64;

type ListName = 'disks' | 'nics' | 'memory_banks' | 'processors';

/** The last `left` of the `reported` elements of a list. */
export type LeftOut = { readonly list: ListName; readonly left: number; readonly given: number };

interface FactLists {
  readonly disks: readonly unknown[];
  readonly nics: readonly unknown[];
  readonly memory_banks?: readonly unknown[] | undefined;
  readonly processors?: readonly unknown[] | undefined;
}

interface KeptCounts extends Readonly<Record<ListName, number>> {
  readonly leftOut: readonly LeftOut[];
}

const countJsonBytes = (value: unknown): number => Buffer.byteLength(JSON.stringify(value)) + 1;

/** One list while elements are removed from its end. */
class TruncatedList {
  readonly name: ListName;
  readonly given: readonly unknown[];
  readonly #sizes: number[];
  bytes = 0;

  constructor(name: ListName, reported: readonly unknown[]) {
    this.name = name;
    this.given = reported;
    this.#sizes = reported.slice(0, name === 'disks' ? DISKS_KEPT_MAX : reported.length).map(countJsonBytes);
    for (const size of this.#sizes) this.bytes += size;
  }

  get count(): number {
    return this.#sizes.length;
  }

  shorten(): void {
    this.bytes -= this.#sizes.pop() ?? 0;
  }
}

/**
 * Chooses what to keep of the facts: while they are too large, the largest list loses its last
 * element. `undefined`: all fit.
 */
export function chooseKept(facts: FactLists): KeptCounts | undefined {
  if (facts.disks.length <= DISKS_KEPT_MAX && countJsonBytes(facts) <= FACTS_BYTES_MAX) return undefined;
  const disks = new TruncatedList('disks', facts.disks);
  const nics = new TruncatedList('nics', facts.nics);
  const banks = new TruncatedList('memory_banks', facts.memory_banks ?? []);
  const processors = new TruncatedList('processors', facts.processors ?? []);
  const lists = [disks, nics, banks, processors];
  const room = FACTS_BYTES_MAX - countJsonBytes({ ...facts, disks: [], nics: [], memory_banks: [], processors: [] });
  while (lists.reduce((sum, { bytes }) => sum + bytes, 0) > room) {
    const largest = lists.reduce((list, other) => (other.bytes > list.bytes ? other : list));
    // All lists are empty; the texts alone never exceed the bound.
    if (largest.count === 0) break;
    largest.shorten();
  }
  const leftOut = lists
    .filter(({ count, given }) => count < given.length)
    .map(({ name, count, given }): LeftOut => ({ list: name, left: given.length - count, given: given.length }));
  return {
    disks: disks.count,
    nics: nics.count,
    memory_banks: banks.count,
    processors: processors.count,
    leftOut,
  };
}
