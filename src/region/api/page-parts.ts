// What the pages share: the frame of a document, the pills of states, and values as people read them.
//
// 1. Every text that was not written in the code goes through `escapeHtml`, also inside attributes.

import { type MachineStatus, statusRow } from '../lifecycle.ts';
import type { Machine } from '../machine.ts';
import { escapeHtml } from './html.ts';
import { PAGE_SCRIPT, PAGE_STYLE } from './page-style.ts';

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

/** Text that begins with a capital. */
export const asSentence = (text: string): string => `${text.charAt(0).toUpperCase()}${text.slice(1)}`;

/** The state of a machine as a coloured pill, with what stands before its name. */
export const statusPill = (status: MachineStatus): string =>
  `<span class="pill ${colourOf(status)}">${escapeHtml(statusRow(status).name)}</span>`;

/** `3 s ago`, `5 min ago`, `2 h ago`, `4 d ago`. */
export function formatAge(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000));
  if (seconds < 5) return 'just now';
  if (seconds < 60) return `${seconds} s ago`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ago`;
  return seconds < 172_800 ? `${Math.floor(seconds / 3600)} h ago` : `${Math.floor(seconds / 86_400)} d ago`;
}

/** Memory in the unit people buy it in. */
export function formatMemory(mib: number): string {
  if (mib === 0) return '';
  return mib < 1024 ? `${mib}${SPACE}MiB` : `${Math.round((mib / 1024) * 10) / 10}${SPACE}GiB`;
}

/** Disks in the unit people buy them in: powers of ten. */
export function formatDisk(bytes: number): string {
  const [unit, size] = bytes >= 1e12 ? ['TB', 1e12] : bytes >= 1e9 ? ['GB', 1e9] : ['MB', 1e6];
  return `${Math.round((bytes / size) * 10) / 10}${SPACE}${unit}`;
}

export function disksText(machine: Machine): string {
  const sizes = new Map<string, number>();
  for (const disk of machine.facts?.disks ?? []) {
    const size = formatDisk(disk.bytes);
    sizes.set(size, (sizes.get(size) ?? 0) + 1);
  }
  return [...sizes].map(([size, count]) => (count === 1 ? size : `${count}${SPACE}×${SPACE}${size}`)).join(', ');
}

export const none = '<span class="soft">–</span>';
export const orNone = (text: string): string => (text === '' ? none : escapeHtml(text));

/** What a page consists of. */
export interface PageParts {
  readonly title: string;
  /** What stands beside the name of the product. */
  readonly heading: string;
  readonly main: string;
  readonly footer: string;
}

/** A page that keeps itself fresh. */
export function livePage({ title, heading, main, footer }: PageParts): string {
  return documentOf(
    title,
    `<header><h1>Rackboot</h1>${heading}<span class="fresh">live</span></header><main>${main}</main><footer>${footer}</footer>` +
      `<script>${PAGE_SCRIPT}</script>`,
    '<noscript><meta http-equiv="refresh" content="5"></noscript>',
  );
}

function documentOf(title: string, body: string, head = ''): string {
  return [
    '<!doctype html><html lang="en"><head><meta charset="utf-8">',
    '<meta name="viewport" content="width=device-width, initial-scale=1">',
    `<title>${escapeHtml(title)}</title><style>${PAGE_STYLE}</style>${head}</head><body>${body}</body></html>\n`,
  ].join('');
}

/** What somebody sees who has to say who they are first. */
export function renderSignIn(): string {
  return documentOf(
    'Sign in · Rackboot',
    '<div class="sheet card"><h1>Who is there?</h1><p>This page shows the machines of this region to people with an account. ' +
      'Load it again and give your user name and password.</p><p class="soft">There is no account yet? On the rack itself: ' +
      '<code>rackboot createadmin</code>. From the rack itself the page needs no password: <code>http://127.0.0.1:5240/MAAS/</code>.</p></div>',
  );
}

/** What somebody sees who looks for a machine that is not there. */
export function renderGone(): string {
  return documentOf(
    'Not here · Rackboot',
    '<div class="sheet card"><h1>Nothing is here</h1><p>No machine has this name, and nothing was heard of such a hardware address. It may ' +
      'have been deleted.</p><p><a href="/MAAS/">All machines</a></p></div>',
  );
}
