// Fails or restarts hung work, and logs why. Pure.

import type { EventParams, Happening } from '../records/events.ts';
import type { MachineStatus } from '../records/lifecycle.ts';
import type { Machine } from '../records/machine.ts';
import { happeningOf, type MachineEvent, type NewMachineEvent } from '../records/machine-event.ts';
import type { MachineWork } from '../records/work.ts';
import { type Change, enterStatus, type StatusChangeTerms } from './status-change.ts';

export type WhyHung = EventParams['work-restarted']['why'];

/** Of a machine's newest event; of a restart after an overrun, the last one before the overrun. */
export function seenOf(event: MachineEvent | undefined): Happening | undefined {
  if (event === undefined) return undefined;
  const why = event.code === 'work-restarted' ? event.params.why : undefined;
  return why?.code === 'work-overran' ? why.params.seen : happeningOf(event);
}

/** With the region's own reason. */
export function failStatus(
  machine: Machine,
  to: MachineStatus,
  { why, ...terms }: StatusChangeTerms & { readonly why: WhyHung | Happening<'disk-not-starting'> },
): Change {
  const { atMs, username } = terms;
  const change = enterStatus(machine, to, { ...terms, reason: why });
  const event: NewMachineEvent = { type: 'NODE_STATUS_EVENT', level: 'error', ...why, atMs, username };
  return { ...change, events: [event, ...change.events] };
}

/** @param isCounted false if the machine did not cause the restart */
export function restarted(
  { stage: _stage, message: _message, report: _report, doneBytes: _done, totalBytes: _total, ...work }: MachineWork,
  atMs: number,
  isCounted: boolean,
): MachineWork {
  // `bootMs` makes late reports of earlier starts count as old.
  return { ...work, waitsForBoot: false, attempts: work.attempts + (isCounted ? 1 : 0), boots: 0, bootMs: atMs };
}
