// Formats values for people: states, texts and sizes.

import { asSentence } from '../../../ground/counted.ts';
import { type Html, html, nothing, type Part } from '../../../ground/html.ts';
import { formatSize } from '../../../ground/quantity.ts';
import {
  type Doubt,
  doubtWords,
  type Happening,
  loggedSentence,
  type Remark,
  remarkSentence,
} from '../../records/events.ts';
import { type MachineStatus, statusRow } from '../../records/lifecycle.ts';
import type { Machine } from '../../records/machine.ts';
import type { MachineEvent } from '../../records/machine-event.ts';
import { plainWords } from '../../records/power-words.ts';
import { isReported } from '../../reports/reported.ts';
import { words } from './words.ts';

/** A non-breaking space, between a number and its unit. */
export const SPACE = '\u00a0';

/** A command that needs the rights of root, unless it is typed with `sudo` already. */
const OF_ROOT = /^rackboot (?!(?:completion|decode|lab|login|logout|maas|warm)\b)/;

/** Text with commands between backticks, as people type them. */
export const codeIn = (text: string): readonly Html[] =>
  text
    .split('`')
    .map((part, index) => (index % 2 === 0 ? html`${part}` : html`<code>${part.replace(OF_ROOT, 'sudo $&')}</code>`));

export const pathBelow = (folder: string, name: string): string => `${folder}${encodeURIComponent(name)}/`;

const COLOURS: Readonly<Partial<Record<MachineStatus, string>>> = {
  new: 'violet',
  ready: 'green',
  deployed: 'green',
  allocated: 'blue',
  reserved: 'blue',
  retired: 'grey',
  missing: 'amber',
  broken: 'red',
};

function chooseStatusColour(status: MachineStatus) {
  if (status.startsWith('failed')) return 'red';
  return COLOURS[status] ?? (statusRow(status).failed === undefined ? 'grey' : 'amber');
}

/**
 * An event's text. The region's own texts are capitalised here; those of racks already are, unless
 * they begin with a name.
 */
export function eventText(event: Happening & Pick<MachineEvent, 'stranger'>): string {
  const sentence = loggedSentence(event, words.happenings);
  const isReady = event.code === 'rack' || isReported(event);
  return isReady ? sentence : asSentence(sentence);
}

/** Why a machine is in its state, or what it does; empty: none. */
export const remarkText = (remark: Remark | undefined): string => remarkSentence(remark, words.happenings);

/** What a person must decide. */
export const conflictText = (doubt: Doubt | Happening): string =>
  doubtWords(doubt, { ...words.happenings, ...words.doubts });

/** A successful HTTP status without a body. The page does not show it. */
const BARE_ANSWER = /: HTTP 2\d\d(?:: OK)?$/;
const withoutBareAnswer = (text: string) => text.replace(BARE_ANSWER, '');

/** The longest text that fits into two lines of every cell, in characters. */
const SHORT_CHARACTERS_MAX = 40;

/**
 * A text for a cell, in plain words. The style sheet shows two lines of it, or three of a reason. A
 * click shows all of it, or a power controller's raw answer.
 * @param tone a class
 */
export function cellText(text: string, tone = ''): Html {
  const plain = plainWords(text);
  const [first = '', ...others] = plain.split('\n').map((line) => line.trim());
  const isWhole = others.length === 0 && plain === withoutBareAnswer(text);
  if (isWhole && first.length <= SHORT_CHARACTERS_MAX) return html`<div class="${tone}">${first}</div>`;
  const message = isWhole ? first : asSentence(first);
  const rest = isWhole ? nothing : text;
  const more = isWhole ? nothing : html`${SPACE}…`;
  return html`<details class="words ${tone}"><summary title="${message}">${message}${more}</summary>${rest}</details>`;
}

/**
 * A whole text for a log line, in plain words; a click opens a power controller's raw answer.
 * @param more markup after it
 */
export function logLine(text: string, tone: string, more: Html = nothing): Html {
  const plain = plainWords(text);
  if (plain === withoutBareAnswer(text)) return html`<span class="${tone}">${plain}${more}</span>`;
  return html`<details class="words ${tone}"><summary>${plain}${SPACE}…${more}</summary>${text}</details>`;
}

export const statusPill = (status: MachineStatus): Html =>
  html`<span class="pill ${chooseStatusColour(status)}">${words.values.state(status)}</span>`;

export const rolePill = ({ isAdmin }: { readonly isAdmin: boolean }): Html =>
  isAdmin
    ? html`<span class="pill violet">${words.values.administrator}</span>`
    : html`<span class="pill grey">${words.values.user}</span>`;

/** A wall time in UTC, to the second. */
export const momentText = (atMs: number): string =>
  `${new Date(atMs).toISOString().slice(0, 19).replace('T', ' ')} UTC`;

/** A time that is shown relative to now, and its exact moment in a tooltip. */
export const renderTime = (atMs: number, text: Part): Html =>
  html`<time datetime="${new Date(atMs).toISOString()}" title="${momentText(atMs)}">${text}</time>`;

/** How long ago something happened. @param phrase puts that into words */
export const timeAgo = (atMs: number, nowMs: number, phrase: (ago: string) => Part = (ago) => ago): Html =>
  renderTime(atMs, phrase(words.values.ago(nowMs - atMs)));

/** Facts in a row, those that are not empty. */
export const dotted = (facts: readonly Part[]): Html =>
  html`${facts.filter((fact) => fact !== '' && fact !== nothing).map((fact, index) => (index === 0 ? html`${fact}` : html` · ${fact}`))}`;

/** An identifier, with a button that copies it. The script shows the button. */
export const copyable = (text: string): Html =>
  html`<span class="copy">${text}<button type="button" class="copier" title="${words.values.copy}" aria-label="${words.values.copyOf(text)}" hidden></button></span>`;

/** A memory size; empty for 0. */
export const formatMemory = (mib: number): string => (mib === 0 ? '' : formatSize(mib * 2 ** 20));

/** The sizes of a machine's disks, equal ones counted together. */
export function disksText(machine: Machine): string {
  const sizes = new Map<string, number>();
  for (const disk of machine.facts?.disks ?? []) {
    const size = formatSize(disk.bytes);
    sizes.set(size, (sizes.get(size) ?? 0) + 1);
  }
  return [...sizes].map(([size, count]) => (count === 1 ? size : `${count}${SPACE}×${SPACE}${size}`)).join(', ');
}

export const none = html`<span class="soft">–</span>`;
export const orNone = (text: string): Html => (text === '' ? none : html`${text}`);
