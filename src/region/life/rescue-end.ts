// The end of a rescue. If the machine does not leave on its own, its power driver switches it.
//
//   exit-rescue ─┬─ reported lately ─► it fetches its job, unmounts, signals that it leaves, restarts or powers off
//                │                       └─ no sign of life in RESCUE_LEAVES_MS_MAX, and a driver can switch it ─► switched
//                └─ silent ─► switched at once; without a driver it enters its former state at once
//
// 1. A machine that has reported since the exit-rescue command is not switched, because it may be
//    writing to its disks.

import type { Machine } from '../records/machine.ts';
import type { NewMachineEvent } from '../records/machine-event.ts';
import { type Change, computeDeadlineMs } from './status-change.ts';

/** A machine in rescue mode signals every minute; one silent for this long is gone. */
const RESCUE_SILENT_MS_MAX = 150_000;
export const RESCUE_LEAVES_MS_MAX = 60_000;

/** True for a machine that will fetch its new job on its own. */
export const isRescueHeard = ({ status, work }: Machine, atMs: number): boolean =>
  (status === 'rescue-mode' || status === 'entering-rescue-mode') &&
  work?.reportedMs !== undefined &&
  atMs - work.reportedMs < RESCUE_SILENT_MS_MAX;

/** Switches a machine that has been silent since the command; otherwise `undefined`. */
export function switchSilentRescue(machine: Machine, atMs: number): Change | undefined {
  const { status, statusSinceMs, statusDeadlineMs = 0 } = machine;
  // A later deadline means that it showed a sign of life, or was switched already.
  if (status !== 'exiting-rescue-mode' || statusDeadlineMs - statusSinceMs > RESCUE_LEAVES_MS_MAX) return undefined;
  const happening = { code: 'rescue-lasting', params: {} } as const;
  const event: NewMachineEvent = { type: 'NODE_HUNG', ...happening, atMs, username: '' };
  return {
    kind: 'change',
    fields: {
      statusDeadlineMs: computeDeadlineMs(status, atMs),
      statusReason: happening,
      powerTask: machine.restingStatus === 'deployed' ? 'cycle' : 'off',
    },
    events: [event],
  };
}
