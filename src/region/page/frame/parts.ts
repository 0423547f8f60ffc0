// Common to all pages: the document's frame with the navigation bar, table cells, and the pages for
// errors and signing in.

import { asSentence } from '../../../ground/counted.ts';
import { type Html, html, nothing, type Part, verbatim } from '../../../ground/html.ts';
import { RACK_CONFIG, type RegionConfig } from '../../config.ts';
import { quoteShell } from '../../preseed/quoting.ts';
import { noteText, type Outage } from '../../reports/notes.ts';
import { assetPath, PAGE_SCRIPT, PAGE_STYLE } from './assets.ts';
import { faultId } from './forms.ts';
import { LANGUAGES } from './languages.ts';
import { remedyLink } from './remedies.ts';
import { codeIn } from './values.ts';
import type { View, Viewer } from './view.ts';
import { words } from './words.ts';

/** The entry of the navigation that is marked as current; `account` and '' mark none of the list. */
export type Place = (typeof PLACES)[number][0] | 'account' | '';

interface PageParts {
  readonly title: string;
  readonly place: Place;
  /** Child elements with ids are refreshed separately. */
  readonly main: Html;
  readonly footer?: Html;
  /** True if it refreshes itself; it must then contain no form with fields. */
  readonly isLive?: boolean;
}

/**
 * The entries of the navigation, in order. An entry is shown if `PAGES` has its page, to those who
 * may open it.
 */
const PLACES = [
  ['overview', '/MAAS/'],
  ['machines', '/MAAS/machines/'],
  ['networks', '/MAAS/networks/'],
  ['dns', '/MAAS/dns/'],
  ['images', '/MAAS/images/'],
  ['racks', '/MAAS/racks/'],
  ['events', '/MAAS/events/'],
  ['scripts', '/MAAS/scripts/'],
  ['tags', '/MAAS/tags/'],
  ['profiles', '/MAAS/profiles/'],
  ['zones', '/MAAS/zones/'],
  ['pools', '/MAAS/pools/'],
  ['settings', '/MAAS/settings/'],
  ['people', '/MAAS/people/'],
  ['health', '/MAAS/health/'],
] as const;

export const mayOpen = (viewer: Viewer, access: 'user' | 'admin'): boolean => access === 'user' || viewer.isAdmin;

const CURRENT = html` aria-current="page"`;

function renderNavigation({ viewer, pages }: Frame, place: Place) {
  const open = new Set(pages.filter(({ access }) => mayOpen(viewer, access)).map(({ path }) => path));
  const links = PLACES.filter(([, path]) => open.has(path)).map(
    ([own, path]) => html`<a href="${path}"${own === place ? CURRENT : nothing}>${words.frame.pages[own]}</a>`,
  );
  return html`<nav aria-label="${words.frame.navigation}">${links}</nav>`;
}

function accountLinks(viewer: Viewer, place: Place) {
  const own = html`<a href="/MAAS/account/"${place === 'account' ? CURRENT : nothing}>${viewer.username}</a>`;
  if (viewer.csrf === '') return own;
  return html`
    ${own}<form method="post" action="/MAAS/logout/" class="inline"><input type="hidden" name="csrf" value="${viewer.csrf}">
    <button class="button plain small-button">${words.frame.signOut}</button></form>`;
}

type Frame = Pick<View, 'viewer' | 'pages' | 'notice' | 'refusal' | 'refusedAs' | 'faults'> & {
  readonly region: Pick<View['region'], 'settings'>;
};

/** As people named it; empty: nobody did. */
const regionName = ({ region }: Frame): string => String(region.settings.valueOf('region.name') ?? '');

export const seeFaults = (count: number): string => (count === 1 ? words.frame.seeField : words.frame.seeFields);

/** The refusal; if the faulty fields show all of it, only a reference to them. */
function refusedText(frame: Frame, main: Html) {
  const { refusal, faults } = frame;
  if (refusal === undefined || refusal === '') return nothing;
  const names = [...(faults?.keys() ?? [])];
  const text = main.toString();
  const isSaid = names.length > 0 && names.every((name) => text.includes(`id="${faultId(name)}"`));
  const message = isSaid ? seeFaults(names.length) : codeIn(refusal);
  return html`<div class="alert red notice" role="alert">${message}${remedyLink(frame)}</div>`;
}

/** Says that something has happened, not what: the page then loads itself. */
export const STREAM_PATH = '/MAAS/events/stream/';

/** A whole page with the navigation bar, the notice about the last action, and the refusal. */
export function renderFullPage(frame: Frame, parts: PageParts): Html {
  const { viewer, notice } = frame;
  const { title, place, main, footer = nothing, isLive = false } = parts;
  const live = isLive
    ? html`<span class="fresh" role="status" data-events="${STREAM_PATH}" data-deleted="${words.frame.deleted}" data-silent="${words.frame.silent}" hidden>${words.frame.live}</span>`
    : nothing;
  const done =
    notice === '' ? nothing : html`<div id="notice" class="alert green notice" role="status">${notice}</div>`;
  const problem = refusedText(frame, main);
  const name = regionName(frame);
  return renderDocument(
    name === '' ? title : words.frame.of(title, name),
    html`<a class="skip" href="#main">${words.frame.skip}</a>
      <header><a class="brand" href="/MAAS/">Rackboot${name === '' ? nothing : html`<span class="region">${name}</span>`}</a>${live}
      <details class="menu"><summary>${words.frame.menu}</summary>${renderNavigation(frame, place)}<div class="who-bar">${accountLinks(viewer, place)}</div></details></header>
      <div class="page">${done}${problem}<main id="main">${main}</main><footer>${footer}</footer></div>${SCRIPT}`,
    isLive && !FIELD.test(main.toString()) ? REPEATED : nothing,
  );
}

/** Without scripts the browser loads the whole page again, which would empty what a person has filled in. */
const REPEATED = html`<noscript><meta http-equiv="refresh" content="5"></noscript>`;
const FIELD = /<(?:select|textarea|input (?!type="hidden"))/;

const STYLE = html`<link rel="stylesheet" href="${assetPath(PAGE_STYLE)}">`;
const SCRIPT = html`<script type="module" src="${assetPath(PAGE_SCRIPT)}"></script>`;
const LINE_END = '\n';

function renderDocument(title: string, body: Html, head: Html = nothing) {
  return html`
    <!doctype html><html lang="${words.frame.language}"><head><meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <title>${words.frame.title(title)}</title>${STYLE}${head}</head><body>${body}</body></html>${LINE_END}`;
}

/** The only part of a page without the frame. */
const renderCard = (content: Html) =>
  html`<div class="page"><main><div class="sheet card">${content}</div></main></div>`;

/** A URL or a path, which breaks after a slash if it is too long for its line. */
export const breakable = (text: string): readonly Html[] =>
  text.split(/(?<=[^/:]\/)(?=.)/).map((part, index) => (index === 0 ? html`${part}` : html`<wbr>${part}`));

/**
 * A cell's class; `nearer` cells are hidden on a phone, because the linked page shows them. There,
 * adjacent `fact` cells share a line, and a `way` has the whole width, both without their labels.
 */
type CellStyle =
  | 'nearer'
  | 'nearer hardware'
  | 'nearer event'
  | 'state'
  | 'owner'
  | 'power'
  | 'fact'
  | 'fact used'
  | 'way'
  | '';

export const cell = (label: string, content: Part, style: CellStyle = ''): Html =>
  html`<td data-label="${label}"${style === '' ? nothing : html` class="${style}"`}><div>${content}</div></td>`;

/** A term with its value, in a `dl`. */
export const pair = (term: string, value: Part): Html => html`<dt>${term}</dt><dd>${value}</dd>`;

export const LANGUAGE_PATH = '/MAAS/language/';

/** The languages of the page, one button each. @param to the page to show then */
export function languageForm(to: string): Html {
  const buttons = LANGUAGES.map(({ tags, name, words: { frame } }) => {
    const current = frame.language === words.frame.language ? html` aria-current="true"` : nothing;
    return html`<button class="button plain small-button" name="language" value="${tags[0]}" lang="${frame.language}"${current}>${name}</button>`;
  });
  return html`
    <form method="post" action="${LANGUAGE_PATH}" class="languages" aria-label="${words.frame.languages}"><input type="hidden" name="to" value="${to}">${buttons}</form>`;
}

const toMachines = () => html`<a href="/MAAS/machines/">${words.frame.allMachines}</a>`;
const toOverview = () => html`<a href="/MAAS/">${words.frame.pages.overview}</a>`;

export function renderGone(view: Frame, list: string): Html {
  const { notFound, gone, goneOther, toList } = words.frame;
  const isMachine = list === '/MAAS/machines/';
  const back = isMachine ? toMachines() : html`<a href="${list}">${toList}</a>`;
  return renderFullPage(view, {
    title: notFound,
    place: '',
    main: html`<div class="sheet card"><h1>${notFound}</h1><p>${isMachine ? gone : goneOther}</p><p>${back}</p></div>`,
  });
}

/** The answer to an unknown path. @param view `undefined`: nobody is signed in, and there is no navigation */
export function renderUnknown(view: Frame | undefined): Html {
  const { notFound, noSuchPage } = words.frame;
  const content = html`<h1>${notFound}</h1><p>${noSuchPage}</p><p>${toOverview()}</p>`;
  if (view === undefined) return renderDocument(notFound, renderCard(content));
  return renderFullPage(view, { title: notFound, place: '', main: html`<div class="sheet card">${content}</div>` });
}

/** The seconds after which a browser reloads a page because the store was away. */
export const AWAY_SECONDS = 5;

/**
 * The page while the store cannot be used. It needs nothing from the store, not even the viewer.
 * @param isForm true for the answer to a form, which is not sent again
 */
export function renderAway(outage: Outage, isForm: boolean): Html {
  const { away } = words;
  const form = isForm ? html`<p>${away.form}</p>` : nothing;
  const way = isForm
    ? html`<a class="button primary" href="/MAAS/">${away.to}</a>`
    : html`<a class="button primary" href="">${away.again}</a>`;
  return renderDocument(
    away.title,
    renderCard(html`<h1>${away.heading}</h1><div class="alert red" role="alert">${asSentence(noteText(outage))}.</div>
      <p>${away.lead}</p>${form}<p class="soft">${away.next(!isForm)}</p><div class="buttons">${way}</div>`),
    isForm ? nothing : html`<meta http-equiv="refresh" content="${AWAY_SECONDS}">`,
  );
}

export function renderRefused(view: Frame, text: string, back?: string): Html {
  const way = back === undefined ? toOverview() : html`<a href="${back}">${words.frame.back}</a>`;
  return renderFullPage(view, {
    title: words.frame.notDone,
    place: '',
    main: html`<div class="sheet card"><h1>${words.frame.notDone}</h1><p>${codeIn(text)}${remedyLink(view)}</p><p>${way}</p></div>`,
  });
}

const FOCUS = html` autofocus`;

/** Says how a person gets in without a password, and gets an account. */
function accountHelp({ ownRack, ownFile }: SignInConfig) {
  const file = ownRack?.file ?? ownFile?.file ?? RACK_CONFIG;
  const word = quoteShell(file);
  const option = file === RACK_CONFIG || !word.ok ? '' : ` --config ${word.text}`;
  return words.signIn.noAccount(ownFile !== undefined, option);
}

type SignInConfig = Pick<RegionConfig, 'ownRack' | 'ownFile'>;

interface FailedSignIn {
  readonly why: 'wrong' | 'spent-link';
  readonly username?: string | undefined;
}

/**
 * The sign-in page. @param to the page to open afterwards @param failed the last attempt;
 * `undefined` before the first
 */
export function renderSignIn(config: SignInConfig, to: string, failed?: FailedSignIn): Html {
  const { username } = failed ?? {};
  const alert =
    failed === undefined ? nothing : html`<div class="alert red" role="alert">${words.signIn.failed[failed.why]}</div>`;
  const [first, second] = username === undefined || username === '' ? [FOCUS, nothing] : [nothing, FOCUS];
  return renderDocument(
    words.frame.signIn,
    renderCard(html`<h1>${words.signIn.heading}</h1><p class="soft">${words.signIn.lead}</p>
      ${alert}<form method="post" action="/MAAS/login/" class="form bare"><input type="hidden" name="to" value="${to}">
      <div class="field"><label for="username">${words.signIn.username}</label><input id="username" name="username" type="text" value="${verbatim(username ?? '')}"
      autocomplete="username" autocapitalize="off" spellcheck="false" required${first}></div><div class="field"><label for="password">${words.signIn.password}</label>
      <input id="password" name="password" type="password" autocomplete="current-password" required${second}></div>
      <div class="buttons"><button class="button primary">${words.frame.signIn}</button></div></form>
      <p class="small">${accountHelp(config)}</p>${languageForm(`/MAAS/login/?to=${encodeURIComponent(to)}`)}`),
  );
}

/** The page of a link that signs a user in: its form uses the link up. */
export const renderLink = (username: string, token: string, to: string): Html =>
  renderDocument(
    words.frame.signIn,
    renderCard(html`<h1>${words.signIn.heading}</h1><p class="soft">${words.signIn.link(username)}</p>
      <form method="post" action="/MAAS/login/" class="form bare"><input type="hidden" name="to" value="${to}">
      <input type="hidden" name="link" value="${verbatim(token)}"><div class="buttons"><button class="button primary"${FOCUS}>${words.signIn.as(username)}</button></div></form>`),
  );
