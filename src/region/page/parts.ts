// What the pages share: the frame of a document with the bar of links, and what is shown instead of one.
//
// 1. Every text that was not written in the code goes through `escapeHtml`, also inside attributes.

import { faultId } from './forms.ts';
import { escapeHeld, escapeHtml } from './html.ts';
import { PAGE_SCRIPT } from './script.ts';
import { PAGE_STYLE } from './style.ts';
import type { View, Viewer } from './view.ts';

/** Where a page belongs in the bar of links. */
export type Place = 'machines' | 'images' | 'tags' | 'scripts' | 'settings' | 'account' | 'people' | '';

/** What a page consists of. */
export interface PageParts {
  readonly title: string;
  readonly place: Place;
  /** HTML. Its own elements are kept fresh each by itself when they have ids. */
  readonly main: string;
  readonly footer?: string;
  /** It fetches itself again and again; what it holds must then be no form that is filled in. */
  readonly isLive?: boolean;
}

const LINKS: readonly (readonly [place: Place, path: string, text: string, access: 'look' | 'user' | 'admin'])[] = [
  ['machines', '/MAAS/', 'Machines', 'look'],
  ['images', '/MAAS/images/', 'Images', 'look'],
  ['tags', '/MAAS/tags/', 'Tags', 'look'],
  ['scripts', '/MAAS/scripts/', 'Scripts', 'user'],
  ['settings', '/MAAS/settings/', 'Settings', 'admin'],
  ['people', '/MAAS/people/', 'People', 'user'],
];

/** True when somebody may open a page of this access. */
export function mayOpen(viewer: Viewer, access: 'look' | 'user' | 'admin'): boolean {
  if (access === 'look') return true;
  return viewer.kind === 'person' && (access === 'user' || viewer.isAdmin);
}

function linksOf(viewer: Viewer, place: Place): string {
  const links = LINKS.filter(([, , , access]) => mayOpen(viewer, access)).map(
    ([own, path, text]) => `<a href="${path}"${own === place ? ' aria-current="page"' : ''}>${text}</a>`,
  );
  return `<nav aria-label="Pages">${links.join('')}</nav>`;
}

function whoOf(viewer: Viewer, place: Place): string {
  if (viewer.kind === 'visitor') return '<a class="button plain small-button" href="/MAAS/login/">Sign in</a>';
  const current = place === 'account' ? ' aria-current="page"' : '';
  const own = `<a href="/MAAS/account/"${current}>${escapeHtml(viewer.username)}</a>`;
  if (viewer.csrf === '') return own;
  return (
    `${own}<form method="post" action="/MAAS/logout/" class="inline"><input type="hidden" name="csrf" value="${escapeHtml(viewer.csrf)}">` +
    '<button class="button plain small-button">Sign out</button></form>'
  );
}

/** What every page shows beside its own content. */
type Frame = Pick<View, 'viewer' | 'told' | 'refusal' | 'faults'>;

/** What was refused, unless the fields that are at fault say all of it. @param main HTML */
function refusedText({ refusal, faults }: Frame, main: string): string {
  if (refusal === undefined) return '';
  const names = [...(faults?.keys() ?? [])];
  const isSaid = names.length > 0 && names.every((name) => main.includes(`id="${faultId(name)}"`));
  const text = !isSaid
    ? refusal
    : names.length === 1
      ? 'Not done: see the marked field.'
      : 'Not done: see the marked fields.';
  return `<div class="alert red told" role="alert">${escapeHtml(text)}</div>`;
}

/** A whole page, with the bar of links, what was done just now, and what was refused. */
export function pageOf(frame: Frame, parts: PageParts): string {
  const { viewer, told } = frame;
  const { title, place, main, footer = '', isLive = false } = parts;
  const live = isLive ? '<span class="fresh" role="status">live</span>' : '';
  const done = told === '' ? '' : `<div id="told" class="alert green told" role="status">${escapeHtml(told)}</div>`;
  const problem = refusedText(frame, main);
  return documentOf(
    `${title} · Rackboot`,
    '<a class="skip" href="#main">Skip to the content</a>' +
      `<header><a class="brand" href="/MAAS/">Rackboot</a>${linksOf(viewer, place)}<div class="who-bar">${live}${whoOf(viewer, place)}</div></header>` +
      `<div class="page">${done}${problem}<main id="main">${main}</main></div><footer>${footer}</footer><script>${PAGE_SCRIPT}</script>`,
    isLive ? '<noscript><meta http-equiv="refresh" content="5"></noscript>' : '',
  );
}

function documentOf(title: string, body: string, head = ''): string {
  return [
    '<!doctype html><html lang="en"><head><meta charset="utf-8">',
    '<meta name="viewport" content="width=device-width, initial-scale=1">',
    `<title>${escapeHtml(title)}</title><style>${PAGE_STYLE}</style>${head}</head><body>${body}</body></html>\n`,
  ].join('');
}

/** How a cell is set: what is `nearer` on the page of its thing is left out on a telephone. */
type CellStyle = 'nearer' | 'nearer hardware' | 'nearer event' | 'state' | 'owner' | 'power' | '';

/** One cell of a table; on a telephone its label stands beside it. */
export const cell = (label: string, content: string, style: CellStyle = ''): string =>
  `<td data-label="${escapeHtml(label)}"${style === '' ? '' : ` class="${style}"`}><div>${content}</div></td>`;

/** What somebody sees who looks for something that is not there. */
export function renderGone(view: Frame): string {
  return pageOf(view, {
    title: 'Not here',
    place: '',
    main:
      '<div class="sheet card"><h1>Nothing is here</h1><p>No machine has this name, and nothing was heard of such a hardware address. It may ' +
      'have been deleted.</p><p><a href="/MAAS/">All machines</a></p></div>',
  });
}

/** What a browser shows where there is no page: the same for everybody, so that nobody has to say who they are. */
export const renderUnknown = (): string =>
  documentOf(
    'Not here · Rackboot',
    '<main><div class="sheet card"><h1>Nothing is here</h1><p>There is no page of this name.</p><p><a href="/MAAS/">All machines</a></p></div></main>',
  );

/** What somebody sees who may not do what they asked for. */
export function renderRefused(view: Frame, text: string, back?: string): string {
  const way = back === undefined ? '<a href="/MAAS/">All machines</a>' : `<a href="${escapeHtml(back)}">Back</a>`;
  return pageOf(view, {
    title: 'Not done',
    place: '',
    main: `<div class="sheet card"><h1>This was not done</h1><p>${escapeHtml(text)}</p><p>${way}</p></div>`,
  });
}

const MISMATCH = '<div class="alert red" role="alert">This user name and this password do not belong together.</div>';

/** Where people say who they are. @param to where to go on afterwards @param username of who gave a wrong password; undefined: nobody did */
export function renderSignIn(to: string, username?: string): string {
  const alert = username === undefined ? '' : MISMATCH;
  const [first, second] = username === undefined || username === '' ? [' autofocus', ''] : ['', ' autofocus'];
  return documentOf(
    'Sign in · Rackboot',
    '<main><div class="sheet card"><h1>Sign in to Rackboot</h1><p class="soft">The machines of this region are for people with an account.</p>' +
      `${alert}<form method="post" action="/MAAS/login/" class="form bare"><input type="hidden" name="to" value="${escapeHtml(to)}">` +
      `<div class="field"><label for="username">User name</label><input id="username" name="username" type="text" value="${escapeHeld(username ?? '')}" ` +
      `autocomplete="username" autocapitalize="off" spellcheck="false" required${first}></div><div class="field"><label for="password">Password</label>` +
      `<input id="password" name="password" type="password" autocomplete="current-password" required${second}></div>` +
      '<div class="buttons"><button class="button primary">Sign in</button></div></form>' +
      '<p class="small">No account yet? On the rack, <code>rackboot createadmin</code> makes one. A browser on the rack shows the machines ' +
      'without one, at <code>http://127.0.0.1:5240/MAAS/</code>.</p></div></main>',
  );
}
