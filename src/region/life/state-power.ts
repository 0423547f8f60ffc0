// What a state asks of a machine's power, told apart from what a person asks of it. Pure.
//
// 1. A person's task that still waits is not dropped by what asks nothing of the power: it is carried out, or replaced by a state's own.

import { statusRow } from '../records/lifecycle.ts';
import type { Machine, PowerTask } from '../records/machine.ts';

/** What a state in progress itself asks of the power; another task is a person's, of which nothing hangs. */
export function taskOfState({ status, restingStatus }: Machine): PowerTask | undefined {
  const leavesOff = status === 'exiting-rescue-mode' && restingStatus !== 'deployed';
  if (status === 'releasing' || leavesOff) return 'off';
  return statusRow(status).failed === undefined ? undefined : 'cycle';
}

/** The task that still waits, and is none of the present state; undefined: there is none, or it ends with the state. */
export const lastingTask = (machine: Machine): PowerTask | undefined =>
  machine.powerTask === taskOfState(machine) ? undefined : machine.powerTask;
