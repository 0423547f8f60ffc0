// Steps of a machine from the region's log: those from before the daemon started, and those of other racks.
//
// 1. The log repeats the timeline of this host's rack: only its older steps are used.
// 2. Steps of other racks are in no timeline here.

import { z } from 'zod';

export const stepShape = z.looseObject({
  number: z.number(),
  boot: z.number(),
  at: z.string(),
  lastAt: z.string(),
  times: z.number(),
  kind: z.string(),
  level: z.string(),
  text: z.string(),
  fields: z.record(z.string(), z.unknown()),
});

export type Step = z.infer<typeof stepShape> & {
  /** Undefined: this host's. */
  readonly rack?: string | undefined;
};

export const loggedEventShape = z.looseObject({
  level: z.string(),
  description: z.string(),
  time: z.string(),
  /** Null: the region's own event. */
  kind: z.string().nullish(),
  /** Null: none, or a removed rack. */
  rack: z.string().nullish(),
});

/** The boot of steps from the region's log that are older than the rack's start. */
const BEFORE_START = -1;
/**
 * The boot of later steps that this network card's timeline lacks: they may come from another card
 * of the machine.
 */
const SINCE_START = -2;

/**
 * First those of this rack, then those of each other.
 *
 * @param events newest first
 * @param firstMs wall time of the timeline's first step
 * @param startedMs wall time of the rack's start; undefined: the rack does not report it
 */
export function loggedSteps(
  events: readonly z.infer<typeof loggedEventShape>[],
  ownRack: string,
  firstMs: number | undefined,
  startedMs?: number | undefined,
): readonly Step[] {
  const byRack = new Map<string | undefined, Step[]>([[undefined, []]]);
  for (const { time, kind, level, description, rack } of events.toReversed()) {
    if (typeof kind !== 'string') continue;
    const other = rack === ownRack ? undefined : (rack ?? undefined);
    if (other === undefined && firstMs !== undefined && Date.parse(time) >= firstMs) continue;
    const boot = startedMs !== undefined && Date.parse(time) >= startedMs ? SINCE_START : BEFORE_START;
    const step: Step = {
      number: 0,
      boot,
      at: time,
      lastAt: time,
      times: 1,
      kind,
      level: level.toLowerCase(),
      text: description,
      fields: {},
      ...(other === undefined ? {} : { rack: other }),
    };
    byRack.set(other, [...(byRack.get(other) ?? []), step]);
  }
  return [...byRack.values()].flat();
}

/** @param isElsewhere the machine's home is another rack */
export function formatHeading({ boot, rack }: Pick<Step, 'boot' | 'rack'>, isElsewhere: boolean): string {
  if (rack !== undefined) return `reported by rack ${rack}`;
  if (boot === BEFORE_START) return 'before the rack started';
  if (boot === SINCE_START) return "from the region's log of the machine";
  if (boot > 0) return `boot ${boot}`;
  return isElsewhere ? 'seen by this rack' : 'before its first boot';
}
