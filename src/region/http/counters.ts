// Counters of the region's API: answers by status class, refusals by name, and racks by state. They
// are in shared memory, which the rack's loop reads without a request.

import { Counters, createSharedCounterMemory } from '../../ground/counters.ts';
import { REFUSALS } from '../records/refusal.ts';

const ANSWERS = ['1xx', '2xx', '3xx', '4xx', '5xx'] as const;
const ANSWER_PREFIX = 'answers-';
const REFUSAL_PREFIX = 'refused-';

/** `away` racks are accepted but silent. */
const RACKS = ['pending', 'accepted', 'rejected', 'away'] as const;
const RACK_PREFIX = 'racks-';

type RackCounts = Readonly<Record<(typeof RACKS)[number], number>>;

const NAMES: readonly string[] = [
  ...ANSWERS.map((name) => `${ANSWER_PREFIX}${name}`),
  ...Object.keys(REFUSALS).map((name) => `${REFUSAL_PREFIX}${name}`),
  ...RACKS.map((name) => `${RACK_PREFIX}${name}`),
];
const KNOWN: ReadonlySet<string> = new Set(NAMES);

export const regionCounterMemory = (): SharedArrayBuffer => createSharedCounterMemory(NAMES);

export class RegionCounters {
  readonly #counters: Counters<string>;

  constructor(memory?: SharedArrayBuffer) {
    this.#counters = new Counters(NAMES, memory);
  }

  answered(status: number, refusal: string | undefined): void {
    const name = ANSWERS[Math.floor(status / 100) - 1];
    if (name !== undefined) this.#counters.add(`${ANSWER_PREFIX}${name}`);
    if (refusal !== undefined && KNOWN.has(`${REFUSAL_PREFIX}${refusal}`)) {
      this.#counters.add(`${REFUSAL_PREFIX}${refusal}`);
    }
  }

  setRacks(counts: RackCounts): void {
    const before = this.#counters.read();
    for (const name of RACKS) {
      const key = `${RACK_PREFIX}${name}`;
      this.#counters.add(key, counts[name] - (before[key] ?? 0));
    }
  }

  read(): Readonly<Record<'answers' | 'refusals' | 'racks', Readonly<Record<string, number>>>> {
    const all = Object.entries(this.#counters.read());
    const under = (prefix: string): Record<string, number> =>
      Object.fromEntries(
        all.flatMap(([name, value]) => (name.startsWith(prefix) ? [[name.slice(prefix.length), value]] : [])),
      );
    return { answers: under(ANSWER_PREFIX), refusals: under(REFUSAL_PREFIX), racks: under(RACK_PREFIX) };
  }
}
