// Values as people read them: states as pills, ages, sizes.

import { asSentence, plainWords } from '../records/event-words.ts';
import { type MachineStatus, statusRow } from '../records/lifecycle.ts';
import type { Machine } from '../records/machine.ts';
import type { MachineEvent } from '../records/machine-event.ts';
import { type Html, html, nothing } from './html.ts';

/** A number and its unit stay on one line. */
export const SPACE = '\u00a0';

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

function colourOf(status: MachineStatus): string {
  if (status.startsWith('failed')) return 'red';
  return COLOURS[status] ?? (statusRow(status).failed === undefined ? 'grey' : 'amber');
}

/** An event's words. What a rack tells begins as it should, be it with the name of an interface; the region's own words do not. */
export const eventText = ({ kind, type, description }: Pick<MachineEvent, 'kind' | 'type' | 'description'>): string =>
  kind !== undefined || type === 'SETTINGS' ? description : asSentence(description);

/** The longest text that stands whole in a cell, in characters: about two lines. */
const CELL_CHARACTERS_MAX = 72;

/** A good answer of HTTP without words of its own: nobody needs to open it. */
const BARE_ANSWER = /: HTTP 2\d\d(?:: OK)?$/;
const withoutBareAnswer = (text: string): string => text.replace(BARE_ANSWER, '');

/**
 * A text for a cell, in plain words: what is longer than a line, or was said by a power controller, is opened by a click. @param tone a class
 * @param clickedFrom characters beyond which it is opened by a click: fewer than a line where the style cuts it
 */
export function oneLine(text: string, tone = '', clickedFrom = CELL_CHARACTERS_MAX): Html {
  const words = plainWords(text);
  const [first = '', ...more] = words.split('\n').map((line) => line.trim());
  const isShort = more.length === 0 && first.length <= CELL_CHARACTERS_MAX;
  const isPlain = isShort && words === withoutBareAnswer(text);
  if (isPlain && first.length <= clickedFrom) return html`<div class="${tone}">${first}</div>`;
  const cut = isShort ? `${first}${SPACE}…` : `${first.slice(0, CELL_CHARACTERS_MAX - 1).trimEnd()}…`;
  const shown = isPlain ? first : cut;
  return html`<details class="words ${tone}"><summary>${asSentence(shown)}</summary>${text}</details>`;
}

/** A text for a line of a log, in plain words, whole; what a power controller answered is opened by a click. @param more markup behind it */
export function logLine(text: string, tone: string, more: Html = nothing): Html {
  const words = plainWords(text);
  if (words === withoutBareAnswer(text)) return html`<span class="${tone}">${words}${more}</span>`;
  return html`<details class="words ${tone}"><summary>${words}${SPACE}…${more}</summary>${text}</details>`;
}

/** The state of a machine as a coloured pill, with what stands before its name. */
export const statusPill = (status: MachineStatus): Html =>
  html`<span class="pill ${colourOf(status)}">${statusRow(status).name}</span>`;

/** What an account may do. */
export const rolePill = ({ isAdmin }: { readonly isAdmin: boolean }): Html =>
  isAdmin ? html`<span class="pill violet">administrator</span>` : html`<span class="pill grey">user</span>`;

/** `3 s ago`, `5 min ago`, `2 h ago`, `4 d ago`. */
export function formatAge(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000));
  if (seconds < 5) return 'just now';
  if (seconds < 60) return `${seconds} s ago`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ago`;
  return seconds < 172_800 ? `${Math.floor(seconds / 3600)} h ago` : `${Math.floor(seconds / 86_400)} d ago`;
}

/** Memory: powers of two. */
export function formatMemory(mib: number): string {
  if (mib === 0) return '';
  return mib < 1024 ? `${mib}${SPACE}MiB` : `${Math.round((mib / 1024) * 10) / 10}${SPACE}GiB`;
}

/** Disks and images: powers of two, as commands print them. */
export function formatDisk(bytes: number): string {
  const [unit, size] = bytes >= 2 ** 40 ? ['TiB', 2 ** 40] : bytes >= 2 ** 30 ? ['GiB', 2 ** 30] : ['MiB', 2 ** 20];
  return `${Math.round((bytes / size) * 10) / 10}${SPACE}${unit}`;
}

/** The sizes of a machine's disks, like ones together. */
export function disksText(machine: Machine): string {
  const sizes = new Map<string, number>();
  for (const disk of machine.facts?.disks ?? []) {
    const size = formatDisk(disk.bytes);
    sizes.set(size, (sizes.get(size) ?? 0) + 1);
  }
  return [...sizes].map(([size, count]) => (count === 1 ? size : `${count}${SPACE}×${SPACE}${size}`)).join(', ');
}

/** Nothing, as it stands in a table. */
export const none = html`<span class="soft">–</span>`;
/** The text, or what stands for nothing. */
export const orNone = (text: string): Html => (text === '' ? none : html`${text}`);
