// What a rack measures of itself, and a day of it.
//
// 1. A sample stands for SAMPLE_MS; of several measures within it the last one counts. A rack has at most SAMPLES_MAX of them.
// 2. A counter that fell began anew with the rack's process: the rate of that sample is unknown. So is one after a silence.

/** Only grow, within one life of the rack's process. */
type RackCounter = 'leases' | 'tftpBytes' | 'httpBytes' | 'dnsQueries';

export const LISTENER_KINDS = ['dhcp', 'tftp', 'http', 'dns'] as const;
type ListenerKind = (typeof LISTENER_KINDS)[number];

/** Listeners of one kind that a rack names. */
export const LISTENERS_MAX = 64;

/** What `rackboot status` says on the rack's host about a problem. */
export interface HostFinding {
  /** Such as `DHCP on eth1`. */
  readonly check: string;
  /** The observation, often with its remedy. */
  readonly text: string;
  /** Nothing is broken. */
  readonly isNote: boolean;
  /** A command that helps; `undefined`: the text says what to do. */
  readonly fix?: string | undefined;
}

/** The finding of a rack that has no boot files, from which the page leads to the remedy. */
export const BOOT_FILES_CHECK = 'boot files';

/** Findings that a rack reports; further ones are left out. */
export const FINDINGS_MAX = 64;
export const FINDING_LENGTH_MAX = 1000;

/** Threads that a rack names. */
export const THREADS_MAX = 32;

/** The threads of a rack's process, since the measure before. */
export interface HostThreads {
  /** `busy` is the share of the time in which it worked, from 0 to 1. */
  readonly threads: readonly { readonly name: string; readonly busy: number }[];
  /** How long the rack's event loop made a task wait, at most, in milliseconds. */
  readonly delayMs: number;
}

export interface HostState {
  /** The rack's wall time in milliseconds when this was sent. */
  readonly atMs: number;
  readonly memoryBytes: number;
  /** Of the disk of the state directory; `undefined`: the system does not say. */
  readonly disk?: { readonly freeBytes: number; readonly totalBytes: number } | undefined;
  readonly findings: readonly HostFinding[];
  /** `undefined`: the rack is older. */
  readonly running?: HostThreads | undefined;
}

export interface RackMeasures {
  /** `undefined`: the rack still starts, or is older. */
  readonly host?: HostState | undefined;
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

/** The samples with one more measure; only the newest one keeps the state of the host. */
export function withMeasure(
  samples: readonly RackSample[],
  measures: RackMeasures,
  atMs: number,
): readonly RackSample[] {
  const last = samples.at(-1);
  const isSame = last !== undefined && Math.floor(last.atMs / SAMPLE_MS) === Math.floor(atMs / SAMPLE_MS);
  const before = (isSame ? samples.slice(0, -1) : samples).map((one) =>
    one.measures.host === undefined ? one : { ...one, measures: { ...one.measures, host: undefined } },
  );
  return [...before, { atMs, measures }].slice(-SAMPLES_MAX);
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
