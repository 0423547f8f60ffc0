// How far the work of a machine is: what it does, in bytes where it counts them, and what it waits for.

import { counted } from '../../counted.ts';
import { asSentence } from '../records/event-words.ts';
import { statusRow } from '../records/lifecycle.ts';
import type { Machine } from '../records/machine.ts';
import { type Html, html, nothing } from './html.ts';
import { formatAge, formatDisk } from './values.ts';

const MINUTE_MS = 60_000;

/** True while nobody but a person can switch on a machine that has something to do. */
export const isWaiting = ({ work }: Machine): boolean => work?.waitsForBoot === true;

/** `<progress>`; without a length it shows that something goes on. Empty: nothing is under way, or it waits. */
export function progressBar(machine: Machine): Html {
  if (statusRow(machine.status).failed === undefined || isWaiting(machine)) return nothing;
  const { doneBytes, totalBytes } = machine.work ?? {};
  const label = statusRow(machine.status).name;
  if (doneBytes === undefined || totalBytes === undefined || totalBytes === 0) {
    return html`<progress aria-label="${label}"></progress>`;
  }
  const done = Math.min(doneBytes, totalBytes);
  return html`<progress aria-label="${label}" max="${totalBytes}" value="${done}"></progress>`;
}

/** What it said last of how far it is; empty: nothing yet. */
export function workText({ work, statusMessage }: Machine): string {
  const { stage = '', message = '', doneBytes, totalBytes } = work ?? {};
  const said = message !== '' ? message : stage;
  const bytes =
    doneBytes === undefined || totalBytes === undefined || totalBytes === 0
      ? ''
      : `${formatDisk(doneBytes)} of ${formatDisk(totalBytes)} (${Math.floor((Math.min(doneBytes, totalBytes) / totalBytes) * 100)} %)`;
  return [asSentence(said === '' ? statusMessage : said), bytes].filter((text) => text !== '').join(' · ');
}

function deadlineText({ statusDeadlineMs }: Machine, nowMs: number): string {
  if (statusDeadlineMs === undefined) return '';
  const minutes = Math.ceil((statusDeadlineMs - nowMs) / MINUTE_MS);
  return minutes <= 0 ? 'its time is over' : `fails after ${minutes} min without a sign`;
}

/** The bar with its texts; empty: nothing is under way. */
export function renderWork(machine: Machine, nowMs: number): Html {
  const bar = progressBar(machine);
  if (bar === nothing) return nothing;
  const { attempts = 0, toldMs } = machine.work ?? {};
  const notes = [
    attempts > 0 ? `started again ${attempts === 1 ? 'once' : counted(attempts, 'time')}` : '',
    toldMs === undefined ? '' : `said ${formatAge(nowMs - toldMs)}`,
    deadlineText(machine, nowMs),
  ].filter((text) => text !== '');
  const text = workText(machine);
  return html`
    <div class="sheet work"><div class="line"><b>${text === '' ? `${statusRow(machine.status).name} …` : text}</b>
    <span class="soft">${notes.join(' · ')}</span></div>${bar}</div>`;
}
