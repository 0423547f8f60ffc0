// A state's power task, as opposed to a person's, which is carried out unless the task of a new
// state replaces it. Pure.

import type { PowerDetail } from '../../power/detail.ts';
import { statusRow } from '../records/lifecycle.ts';
import type { Machine } from '../records/machine.ts';
import type { PowerTask } from '../records/power-task.ts';

/** Any other task comes from a person, and no state waits for it. */
export function taskOfState({ status, restingStatus }: Machine): PowerTask | undefined {
  const leavesOff = status === 'exiting-rescue-mode' && restingStatus !== 'deployed';
  if (status === 'releasing' || leavesOff) return 'off';
  return statusRow(status).failed === undefined ? undefined : 'cycle';
}

export const lastingTask = (machine: Machine): PowerTask | undefined =>
  machine.powerTask === taskOfState(machine) ? undefined : machine.powerTask;

/** True if the task was interrupted because its process ended or lost the duties. */
export const isOwnInterruption = (detail: PowerDetail | undefined): boolean =>
  detail?.code === 'interrupted' ||
  detail?.code === 'not-ours' ||
  (detail?.code === 'no-network-boot' && isOwnInterruption(detail.params.started));

/** Interrupted by us, with no sign of life of the machine since. */
export const isInterrupted = (machine: Machine): boolean =>
  taskOfState(machine) === 'cycle' &&
  machine.work?.interruptedEndsMs !== undefined &&
  machine.work.interruptedEndsMs === machine.statusDeadlineMs;
