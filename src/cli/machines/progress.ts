// The progress of a machine's work, as commands print it: `Deploying: writing sda, 41 %`.

import type { z } from 'zod';
import { remarkSentence } from '../../region/records/events.ts';
import { formatDuration } from '../terminal/output.ts';
import type { progressShape } from '../terminal/shapes.ts';

/** The remarks on a machine that a person must switch on or restart. */
const WAITING_CODES = ['waits-for-hand', 'waits-for-restart'] as const;

/** A machine as sent by the region. An older region may not send the reason of its state. */
type SentMachine = Readonly<Record<string, unknown>>;

/**
 * True if a machine waits to start its work until a person switches it on, because no power driver
 * can.
 */
export const waitsForHand = (machine: SentMachine): boolean => waitingText(machine) !== '';

function waitingText({ status_message_code: sentCode }: SentMachine): string {
  const code = WAITING_CODES.find((code) => code === sentCode);
  return code === undefined ? '' : remarkSentence({ code, params: {} });
}

/** A machine's state, for a cell or a line. */
const statusText = (machine: SentMachine & { readonly status_name: string }): string =>
  [machine.status_name, waitingText(machine)].filter((text) => text !== '').join(', ');

/** The remark on a machine's power. */
export const handNote = (machine: SentMachine): string => waitingText(machine);

/**
 * After this many seconds without a report of the machine, its percentage is shown with its age.
 */
const SILENT_SECONDS = 60;

/** The names of states of which people want to know the reason. */
const PROBLEM = /^(?:Failed|Broken|Missing)/;
/** Reasons of a machine's state that tell a person what to look at while it waits. */
const DOUBTED_CODES: readonly unknown[] = ['power-uncertain', 'power-failed'];

/**
 * A machine's state, whether it is locked, and the step of its work with the percentage done and
 * its age, or why its work failed.
 * @param charactersMax of step or reason; default: no limit
 */
export function progressText(machine: z.infer<typeof progressShape>, charactersMax = Number.POSITIVE_INFINITY): string {
  const { work_text: step, work_percent: percent, work_age: age, locked } = machine;
  const status = statusText(locked ? { ...machine, status_name: `${machine.status_name} (locked)` } : machine);
  const isProblem = PROBLEM.test(machine.status_name) || DOUBTED_CODES.includes(machine.status_message_code);
  const workText = step === '' && isProblem ? machine.status_message : step;
  if (workText === '') return status;
  const short = workText.length > charactersMax ? `${workText.slice(0, charactersMax - 1).trimEnd()}…` : workText;
  const showsAge = age !== null && (percent === null || age >= SILENT_SECONDS);
  return [
    `${status}: ${short}`,
    ...(percent === null ? [] : [`${percent} %`]),
    ...(showsAge ? [`${formatDuration(age * 1000).replace(/ min \d+ s$/, ' min')} ago`] : []),
  ].join(', ');
}
