// How much of a machine's own description is kept. Every list of machines shows each disk several times over, so that a description within
// the bounds of its single values could still be a megabyte in an answer.
//
// 1. What is kept is at most FACTS_BYTES_MAX of JSON, with at most DISKS_KEPT_MAX disks: the first ones of each list, in their order.
// 2. What fits is kept as it is.

import { counted } from '../counted.ts';
import type { HardwareFacts } from './hardware-facts.ts';

/**
 * What is kept of one description, in bytes of JSON. A server with 96 memory modules, 24 disks and 8 interfaces needs 28 KiB.
 * Whoever may report a machine fills it with theirs; others notice nothing. It goes with the machine.
 */
export const FACTS_BYTES_MAX = 32 * 1024;
/** Disks that are kept of one machine, by the same. Further ones are left out. */
export const DISKS_KEPT_MAX = 64;

/** What a list's elements are called; the order decides nothing. */
const LISTS = {
  disks: ['disk', 'disks'],
  nics: ['interface', 'interfaces'],
  memory_banks: ['memory module', 'memory modules'],
  processors: ['processor', 'processors'],
} as const;
type ListName = keyof typeof LISTS;

/** Facts as they are kept. */
export interface BoundedFacts {
  readonly facts: HardwareFacts;
  /** What was left out, for a person: `the last 192 of 256 disks`; empty: nothing. */
  readonly leftOut: string;
}

const bytesOf = (value: unknown): number => Buffer.byteLength(JSON.stringify(value)) + 1;

/** One list while elements are taken from its end. */
class Kept {
  readonly name: ListName;
  readonly given: readonly unknown[];
  readonly #sizes: number[];
  bytes = 0;

  constructor(name: ListName, given: readonly unknown[]) {
    this.name = name;
    this.given = given;
    this.#sizes = given.slice(0, name === 'disks' ? DISKS_KEPT_MAX : given.length).map(bytesOf);
    for (const size of this.#sizes) this.bytes += size;
  }

  get count(): number {
    return this.#sizes.length;
  }

  shorten(): void {
    this.bytes -= this.#sizes.pop() ?? 0;
  }
}

/** Facts within the bounds: elements go from the end of whichever list takes the most. */
export function boundFacts(facts: HardwareFacts): BoundedFacts {
  if (facts.disks.length <= DISKS_KEPT_MAX && bytesOf(facts) <= FACTS_BYTES_MAX) return { facts, leftOut: '' };
  const { disks, nics, memory_banks, processors, ...rest } = facts;
  const lists = [
    new Kept('disks', disks),
    new Kept('nics', nics),
    new Kept('memory_banks', memory_banks ?? []),
    new Kept('processors', processors ?? []),
  ] as const;
  const [keptDisks, keptNics, keptBanks, keptProcessors] = lists;
  const room = FACTS_BYTES_MAX - bytesOf({ ...rest, disks: [], nics: [], memory_banks: [], processors: [] });
  while (lists.reduce((sum, { bytes }) => sum + bytes, 0) > room) {
    const largest = lists.reduce((one, other) => (other.bytes > one.bytes ? other : one));
    // All lists are empty: texts alone never take so much.
    if (largest.count === 0) break;
    largest.shorten();
  }
  const kept: HardwareFacts = {
    ...rest,
    disks: disks.slice(0, keptDisks.count),
    nics: nics.slice(0, keptNics.count),
    ...(memory_banks === undefined ? {} : { memory_banks: memory_banks.slice(0, keptBanks.count) }),
    ...(processors === undefined ? {} : { processors: processors.slice(0, keptProcessors.count) }),
  };
  const leftOut = lists
    .filter(({ count, given }) => count < given.length)
    .map(({ name, count, given }) => {
      const [one, many] = LISTS[name];
      return `the last ${given.length - count} of ${counted(given.length, one, many)}`;
    });
  return { facts: kept, leftOut: leftOut.join(', ') };
}
