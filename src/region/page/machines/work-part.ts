// The progress of a machine's work: its current step, the bytes done where it counts them, and its deadline.

import { asSentence } from '../../../ground/counted.ts';
import { type Html, html, nothing } from '../../../ground/html.ts';
import { formatSize } from '../../../ground/quantity.ts';
import { statusRow } from '../../records/lifecycle.ts';
import type { Machine } from '../../records/machine.ts';
import { getWorkStep } from '../../records/work.ts';
import { dotted, remarkText, renderTime, timeAgo } from '../frame/values.ts';
import { words } from '../frame/words.ts';

const MINUTE_MS = 60_000;

export const isWorkWaiting = ({ work }: Machine): boolean => work?.waitsForBoot === true;

/** `<progress>`, animated if the total is unknown; empty without work, or while it waits for its boot. */
export function progressBar(machine: Machine): Html {
  if (statusRow(machine.status).failed === undefined || isWorkWaiting(machine)) return nothing;
  const bytes = machine.work === undefined ? undefined : getWorkStep(machine.work).bytes;
  const label = words.values.state(machine.status);
  return bytes === undefined
    ? html`<progress aria-label="${label}"></progress>`
    : html`<progress aria-label="${label}" max="${bytes.total}" value="${bytes.done}"></progress>`;
}

export function workText({ work, statusReason }: Machine): string {
  const step = work === undefined ? undefined : getWorkStep(work);
  const { done, total } = step?.bytes ?? { done: 0, total: 0 };
  const bytes =
    total === 0 ? '' : words.work.bytes(formatSize(done), formatSize(total), Math.floor((done / total) * 100));
  return [asSentence(remarkText(step?.what ?? statusReason)), bytes].filter((text) => text !== '').join(' · ');
}

function deadlineText({ statusDeadlineMs }: Machine, nowMs: number) {
  if (statusDeadlineMs === undefined) return nothing;
  const minutes = Math.ceil((statusDeadlineMs - nowMs) / MINUTE_MS);
  return renderTime(statusDeadlineMs, minutes <= 0 ? words.work.timedOut : words.work.failsAfter(minutes));
}

/**
 * How often it was restarted, when it reported last, and when it fails without a report; empty:
 * none is known.
 */
export function workNotes(machine: Machine, nowMs: number): Html {
  const { attempts = 0, reportedMs } = machine.work ?? {};
  return dotted([
    attempts > 0 ? words.work.restarted(attempts) : '',
    reportedMs === undefined ? nothing : timeAgo(reportedMs, nowMs, words.work.reported),
    deadlineText(machine, nowMs),
  ]);
}

export function renderWork(machine: Machine, nowMs: number): Html {
  const bar = progressBar(machine);
  if (bar === nothing) return nothing;
  const text = workText(machine);
  return html`
    <div class="sheet work"><div class="line"><b>${text === '' ? words.work.begins(words.values.state(machine.status)) : text}</b>
    <span class="soft">${workNotes(machine, nowMs)}</span></div>${bar}</div>`;
}
