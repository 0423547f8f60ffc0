// What a rack measures of itself, and a day of it.
//
// 1. A sample stands for SAMPLE_MS; of several measures within it the last one counts. A rack has
//    at most SAMPLES_MAX of them.
// 2. A counter that fell began anew with the rack's process: the rate of that sample is unknown. So
//    is one after a silence.

import type { Heartbeat } from './heartbeat.ts';

export type RackMeasures = NonNullable<Heartbeat['measures']>;
export type HostState = NonNullable<RackMeasures['host']>;
export type HostFinding = HostState['findings'][number];
export type HostThreads = NonNullable<HostState['running']>;

type RackCounter = keyof RackMeasures['counts'];

export const LISTENER_KINDS = ['dhcp', 'tftp', 'http', 'dns'] as const;

/** The finding of a rack that has no boot files, from which the page leads to the remedy. */
export const BOOT_FILES_CHECK = 'boot files';

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
  const before = (isSame ? samples.slice(0, -1) : samples).map((sample) =>
    sample.measures.host === undefined ? sample : { ...sample, measures: { ...sample.measures, host: undefined } },
  );
  return [...before, { atMs, measures }].slice(-SAMPLES_MAX);
}

/** A value at a moment; `undefined`: unknown. */
export interface Point {
  readonly atMs: number;
  readonly value: number | undefined;
}

/** How much a counter grew in a second. */
export function computeRates(samples: readonly RackSample[], counter: RackCounter): readonly Point[] {
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
export const computeFills = (samples: readonly RackSample[]): readonly Point[] =>
  samples.map(({ atMs, measures }) => ({ atMs, value: measures.taken }));
