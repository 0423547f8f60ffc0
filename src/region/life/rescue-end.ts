// How a machine leaves its rescue: by itself, so that what people have mounted is unmounted; by its power driver when it does not.
//
//   exit-rescue ─┬─ heard of lately ─► it asks for its job, unmounts, tells that it leaves, restarts or powers off
//                │                       └─ nothing in RESCUE_LEAVES_MS_MAX, and it can be switched ─► switched
//                └─ not heard of ─► switched at once; where nobody can, it is where it was at once
//
// 1. A machine that was heard of since it was told to leave is not switched: it may be writing to its disks.

import type { Machine } from '../records/machine.ts';
import type { NewMachineEvent } from '../records/machine-event.ts';
import { type Change, deadlineOf } from './status-change.ts';

/** A machine in rescue mode that was not heard of for so long is not there: it tells that it is, every minute. */
const RESCUE_SILENT_MS_MAX = 150_000;
/** It asks what it is to do every few seconds. */
export const RESCUE_LEAVES_MS_MAX = 60_000;

/** True for a machine that has told of its rescue lately, and will learn by itself that its rescue is over. */
export const isRescueHeard = ({ status, work }: Machine, atMs: number): boolean =>
  (status === 'rescue-mode' || status === 'entering-rescue-mode') &&
  work?.toldMs !== undefined &&
  atMs - work.toldMs < RESCUE_SILENT_MS_MAX;

/** What becomes of a machine whose time to leave its rescue is over: it is switched when it gave no sign since; undefined: it has failed. */
export function switchSilentRescue(machine: Machine, atMs: number): Change | undefined {
  const { status, statusSinceMs, statusDeadlineMs = 0 } = machine;
  // Every sign of life, and the switching itself, gives it a later deadline.
  if (status !== 'exiting-rescue-mode' || statusDeadlineMs - statusSinceMs > RESCUE_LEAVES_MS_MAX) return undefined;
  const description = 'it does not leave its rescue by itself: it is switched';
  const event: NewMachineEvent = { type: 'NODE_HUNG', description, atMs, username: '' };
  return {
    kind: 'change',
    fields: {
      statusDeadlineMs: deadlineOf(status, atMs),
      statusMessage: description,
      powerTask: machine.restingStatus === 'deployed' ? 'cycle' : 'off',
    },
    events: [event],
  };
}
