// The progress of a machine's work, as commands print it: `Deploying: writing sda, 41 %`.

import { formatDuration } from '../terminal/output.ts';
import type { MachineShape } from '../terminal/shapes.ts';
import { statusText } from './switched-by-hand.ts';

/** After this silence of a machine, in seconds, its percentage is shown with an age. */
const SILENT_SECONDS = 60;

/** A machine's state, whether it is locked, and the step of its work with the percentage done and its age. @param charactersMax of the step; default: no limit */
export function progressText(machine: MachineShape, charactersMax = Number.POSITIVE_INFINITY): string {
  const { work_text: step, work_percent: percent, work_age: age, locked } = machine;
  const status = statusText(locked ? { ...machine, status_name: `${machine.status_name} (locked)` } : machine);
  if (step === '') return status;
  const short = step.length > charactersMax ? `${step.slice(0, charactersMax - 1).trimEnd()}…` : step;
  const isOld = age !== null && (percent === null || age >= SILENT_SECONDS);
  return [
    `${status}: ${short}`,
    ...(percent === null ? [] : [`${percent} %`]),
    ...(isOld ? [`${formatDuration(age * 1000).replace(/ min \d+ s$/, ' min')} ago`] : []),
  ].join(', ');
}
