// The progress of a machine's work, as commands print it: `Deploying: writing sda, 41 %`.

import type { z } from 'zod';
import { formatDuration } from '../terminal/output.ts';
import type { progressShape } from '../terminal/shapes.ts';
import { statusText } from './switched-by-hand.ts';

/** After this silence of a machine, in seconds, its percentage is shown with an age. */
const SILENT_SECONDS = 60;

/** The states of which a person wants to know the reason, as they are called for people. */
const PROBLEM = /^(?:Failed|Broken|Missing)/;

/**
 * A machine's state, whether it is locked, and the step of its work with the percentage done and its age, or why its work failed.
 * @param charactersMax of step or reason; default: no limit
 */
export function progressText(machine: z.infer<typeof progressShape>, charactersMax = Number.POSITIVE_INFINITY): string {
  const { work_text: step, work_percent: percent, work_age: age, locked } = machine;
  const status = statusText(locked ? { ...machine, status_name: `${machine.status_name} (locked)` } : machine);
  const what = step === '' && PROBLEM.test(machine.status_name) ? machine.status_message : step;
  if (what === '') return status;
  const short = what.length > charactersMax ? `${what.slice(0, charactersMax - 1).trimEnd()}…` : what;
  const isOld = age !== null && (percent === null || age >= SILENT_SECONDS);
  return [
    `${status}: ${short}`,
    ...(percent === null ? [] : [`${percent} %`]),
    ...(isOld ? [`${formatDuration(age * 1000).replace(/ min \d+ s$/, ' min')} ago`] : []),
  ].join(', ');
}
