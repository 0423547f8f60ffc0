// What a rack measures of itself, and a day of it.
//
// 1. A sample stands for SAMPLE_MS; of several measures within it the last one counts. A rack has at most SAMPLES_MAX of them.
// 2. A counter that fell began anew with the rack's process: the rate of that sample is unknown. So is one after a silence.

/** Only grow, within one life of the rack's process. */
export const RACK_COUNTERS = ['leases', 'tftpBytes', 'httpBytes', 'dnsQueries'] as const;
export type RackCounter = (typeof RACK_COUNTERS)[number];

export const LISTENER_KINDS = ['dhcp', 'tftp', 'http', 'dns'] as const;
export type ListenerKind = (typeof LISTENER_KINDS)[number];

/** Listeners of one kind that a rack names. */
export const LISTENERS_MAX = 64;

export interface RackMeasures {
  /** The rack's wall time in milliseconds. */
  readonly startedMs: number;
  readonly counts: Readonly<Record<RackCounter, number>>;
  /** Addresses of all dynamic ranges: taken, and all. */
  readonly taken: number;
  readonly usable: number;
  /** `10.20.0.1:69`; of DHCP the names of its sockets. */
  readonly listening: Readonly<Record<ListenerKind, readonly string[]>>;
}

export const SAMPLE_MS = 300_000;
/** One day. */
export const SAMPLES_MAX = 288;

export interface RackSample {
  readonly atMs: number;
  readonly measures: RackMeasures;
}

/** The samples with one more measure. */
export function withMeasure(
  samples: readonly RackSample[],
  measures: RackMeasures,
  atMs: number,
): readonly RackSample[] {
  const last = samples.at(-1);
  const isSame = last !== undefined && Math.floor(last.atMs / SAMPLE_MS) === Math.floor(atMs / SAMPLE_MS);
  return [...(isSame ? samples.slice(0, -1) : samples), { atMs, measures }].slice(-SAMPLES_MAX);
}

/** A value at a moment; `undefined`: unknown. */
export interface Point {
  readonly atMs: number;
  readonly value: number | undefined;
}

/** How much a counter grew in a second. */
export function ratesOf(samples: readonly RackSample[], counter: RackCounter): readonly Point[] {
  return samples.flatMap(({ atMs, measures }, index) => {
    const before = samples[index - 1];
    if (before === undefined) return [];
    const grown = measures.counts[counter] - before.measures.counts[counter];
    const spanMs = atMs - before.atMs;
    const isKnown = grown >= 0 && spanMs > 0 && spanMs <= 2 * SAMPLE_MS;
    return [{ atMs, value: isKnown ? (grown * 1000) / spanMs : undefined }];
  });
}

/** How many of the addresses of the dynamic ranges were taken. */
export const fillsOf = (samples: readonly RackSample[]): readonly Point[] =>
  samples.map(({ atMs, measures }) => ({ atMs, value: measures.taken }));
