// Steps of a machine that the region's log tells: those from before this life of the daemon, and those of other racks.
//
// 1. Of this host's rack the log has what the timeline has, too: only what is older than the first step of the timeline is taken.
// 2. What other racks told is in no timeline here, and is taken whole.

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

/** One step of a machine. */
export type Step = z.infer<typeof stepShape> & {
  /** The rack elsewhere that told it; undefined: this host's. */
  readonly rack?: string | undefined;
};

/** An event of the region's log. */
export const toldEventShape = z.looseObject({
  level: z.string(),
  description: z.string(),
  time: z.string(),
  /** Null: the region itself noted it. */
  kind: z.string().nullish(),
  /** Null: no rack told it, or one that was removed. */
  rack: z.string().nullish(),
});

/** In the place of the number of a boot: a step that the region's log tells. */
export const FROM_LOG = -1;

/**
 * The steps that the log adds to those of the timeline: first those of this rack, then those of each other one.
 *
 * @param events the newest first
 * @param firstMs wall time of the first step of the timeline; undefined: it has none
 */
export function toldSteps(
  events: readonly z.infer<typeof toldEventShape>[],
  ownRack: string,
  firstMs: number | undefined,
): readonly Step[] {
  const byRack = new Map<string | undefined, Step[]>([[undefined, []]]);
  for (const { time, kind, level, description, rack } of events.toReversed()) {
    if (typeof kind !== 'string') continue;
    const other = rack === ownRack ? undefined : (rack ?? undefined);
    if (other === undefined && firstMs !== undefined && Date.parse(time) >= firstMs) continue;
    const step: Step = {
      ...{ number: 0, boot: FROM_LOG, at: time, lastAt: time, times: 1 },
      ...{ kind, level: level.toLowerCase(), text: description, fields: {} },
      ...(other === undefined ? {} : { rack: other }),
    };
    byRack.set(other, [...(byRack.get(other) ?? []), step]);
  }
  return [...byRack.values()].flat();
}

/** What stands above the steps of one boot, or of one teller. @param isElsewhere the machine is at home with another rack */
export function headOf({ boot, rack }: Pick<Step, 'boot' | 'rack'>, isElsewhere: boolean): string {
  if (rack !== undefined) return `told by rack ${rack}`;
  if (boot === FROM_LOG) return 'before the rack was started';
  if (boot > 0) return `boot ${boot}`;
  return isElsewhere ? 'what this rack knows of it' : 'before its first boot';
}
