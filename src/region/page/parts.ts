// What the pages share: the frame of a document with the bar of links, and what is shown instead of one.
//
import { assetPath, PAGE_SCRIPT, PAGE_STYLE } from './assets.ts';
import { faultId } from './forms.ts';
import { type Html, held, html, nothing, type Part } from './html.ts';
import type { View, Viewer } from './view.ts';

/** Where a page belongs in the bar of links. */
export type Place = 'machines' | 'images' | 'tags' | 'scripts' | 'settings' | 'account' | 'people' | '';

/** What a page consists of. */
export interface PageParts {
  readonly title: string;
  readonly place: Place;
  /** Its own elements are kept fresh each by itself when they have ids. */
  readonly main: Html;
  readonly footer?: Html;
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

function linksOf(viewer: Viewer, place: Place): Html {
  const links = LINKS.filter(([, , , access]) => mayOpen(viewer, access)).map(
    ([own, path, text]) => html`<a href="${path}"${own === place ? html` aria-current="page"` : nothing}>${text}</a>`,
  );
  return html`<nav aria-label="Pages">${links}</nav>`;
}

function whoOf(viewer: Viewer, place: Place): Html {
  if (viewer.kind === 'visitor') return html`<a class="button plain small-button" href="/MAAS/login/">Sign in</a>`;
  const current = place === 'account' ? html` aria-current="page"` : nothing;
  const own = html`<a href="/MAAS/account/"${current}>${viewer.username}</a>`;
  if (viewer.csrf === '') return own;
  return html`
    ${own}<form method="post" action="/MAAS/logout/" class="inline"><input type="hidden" name="csrf" value="${viewer.csrf}">
    <button class="button plain small-button">Sign out</button></form>`;
}

/** What every page shows beside its own content. */
type Frame = Pick<View, 'viewer' | 'told' | 'refusal' | 'faults'>;

/** What was refused, unless the fields that are at fault say all of it. */
function refusedText({ refusal, faults }: Frame, main: Html): Html {
  if (refusal === undefined) return nothing;
  const names = [...(faults?.keys() ?? [])];
  const text = main.toString();
  const isSaid = names.length > 0 && names.every((name) => text.includes(`id="${faultId(name)}"`));
  const words = !isSaid
    ? refusal
    : names.length === 1
      ? 'Not done: see the marked field.'
      : 'Not done: see the marked fields.';
  return html`<div class="alert red told" role="alert">${words}</div>`;
}

/** A whole page, with the bar of links, what was done just now, and what was refused. */
export function pageOf(frame: Frame, parts: PageParts): Html {
  const { viewer, told } = frame;
  const { title, place, main, footer = nothing, isLive = false } = parts;
  const live = isLive ? html`<span class="fresh" role="status">live</span>` : nothing;
  const done = told === '' ? nothing : html`<div id="told" class="alert green told" role="status">${told}</div>`;
  const problem = refusedText(frame, main);
  return documentOf(
    `${title} · Rackboot`,
    html`<a class="skip" href="#main">Skip to the content</a>
      <header><a class="brand" href="/MAAS/">Rackboot</a>${linksOf(viewer, place)}<div class="who-bar">${live}${whoOf(viewer, place)}</div></header>
      <div class="page">${done}${problem}<main id="main">${main}</main></div><footer>${footer}</footer>${SCRIPT}`,
    isLive ? html`<noscript><meta http-equiv="refresh" content="5"></noscript>` : nothing,
  );
}

const STYLE = html`<link rel="stylesheet" href="${assetPath(PAGE_STYLE)}">`;
const SCRIPT = html`<script type="module" src="${assetPath(PAGE_SCRIPT)}"></script>`;
const LINE_END = '\n';

function documentOf(title: string, body: Html, head: Html = nothing): Html {
  return html`
    <!doctype html><html lang="en"><head><meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <title>${title}</title>${STYLE}${head}</head><body>${body}</body></html>${LINE_END}`;
}

/** How a cell is set: what is `nearer` on the page of its thing is left out on a telephone. */
type CellStyle = 'nearer' | 'nearer hardware' | 'nearer event' | 'state' | 'owner' | 'power' | '';

/** One cell of a table; on a telephone its label stands beside it. */
export const cell = (label: string, content: Part, style: CellStyle = ''): Html =>
  html`<td data-label="${label}"${style === '' ? nothing : html` class="${style}"`}><div>${content}</div></td>`;

/** What somebody sees who looks for something that is not there. */
export function renderGone(view: Frame): Html {
  return pageOf(view, {
    title: 'Not here',
    place: '',
    main: html`
      <div class="sheet card"><h1>Nothing is here</h1><p>No machine has this name, and nothing was heard of such a hardware address. It may
      have been deleted.</p><p><a href="/MAAS/">All machines</a></p></div>`,
  });
}

/** What a browser shows where there is no page: the same for everybody, so that nobody has to say who they are. */
export const renderUnknown = (): Html =>
  documentOf(
    'Not here · Rackboot',
    html`<main><div class="sheet card"><h1>Nothing is here</h1><p>There is no page of this name.</p><p><a href="/MAAS/">All machines</a></p></div></main>`,
  );

/** What somebody sees who may not do what they asked for. */
export function renderRefused(view: Frame, text: string, back?: string): Html {
  const way = back === undefined ? html`<a href="/MAAS/">All machines</a>` : html`<a href="${back}">Back</a>`;
  return pageOf(view, {
    title: 'Not done',
    place: '',
    main: html`<div class="sheet card"><h1>This was not done</h1><p>${text}</p><p>${way}</p></div>`,
  });
}

const MISMATCH = html`<div class="alert red" role="alert">This user name and this password do not belong together.</div>`;
const FOCUS = html` autofocus`;

/** Where people say who they are. @param to where to go on afterwards @param username of who gave a wrong password; undefined: nobody did */
export function renderSignIn(to: string, username?: string): Html {
  const alert = username === undefined ? nothing : MISMATCH;
  const [first, second] = username === undefined || username === '' ? [FOCUS, nothing] : [nothing, FOCUS];
  return documentOf(
    'Sign in · Rackboot',
    html`<main><div class="sheet card"><h1>Sign in to Rackboot</h1><p class="soft">The machines of this region are for people with an account.</p>
      ${alert}<form method="post" action="/MAAS/login/" class="form bare"><input type="hidden" name="to" value="${to}">
      <div class="field"><label for="username">User name</label><input id="username" name="username" type="text" value="${held(username ?? '')}"
      autocomplete="username" autocapitalize="off" spellcheck="false" required${first}></div><div class="field"><label for="password">Password</label>
      <input id="password" name="password" type="password" autocomplete="current-password" required${second}></div>
      <div class="buttons"><button class="button primary">Sign in</button></div></form>
      <p class="small">No account yet? On the rack, <code>rackboot createadmin</code> makes one. A browser on the rack shows the machines
      without one, at <code>http://127.0.0.1:5240/MAAS/</code>.</p></div></main>`,
  );
}
