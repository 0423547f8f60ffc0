// The page that offers the images of all sources to be ticked. What is ticked is what the
// selections of the API name.
//
//   sources asked ─▶ "asking", live, without a form ─▶ all have answered, or some are late ─▶ the list with its form
//
// 1. A form sends what was ticked before and what is ticked now, and only the difference counts:
//    rows that a filter hides stay as they are, and so does what another person changed meanwhile.
// 2. A tick stands for all kernels and labels of a release and an architecture. Selections that
//    name less, or more, are changed on the page of their source; so are those of a file, which can
//    be changed only there.
// 3. A row that has no selection of its own, but is covered by one for all, is ticked and cannot be
//    changed here.

import { type Html, html, nothing } from '../../../ground/html.ts';
import { formatSize } from '../../../ground/quantity.ts';
import type { OfferedImage } from '../../../images/engine/asking.ts';
import type { ListedResource } from '../../images/boot-images.ts';
import type { OfferedBySource } from '../../images/offered-images.ts';
import { getSourceTitle, type RegionSelection, type RegionSource } from '../../images/region-source.ts';
import { hiddenField, renderForm } from '../frame/forms.ts';
import { cell, renderFullPage } from '../frame/parts.ts';
import { codeIn, pathBelow, timeAgo } from '../frame/values.ts';
import {
  buildOutcome,
  fieldValue,
  type Outcome,
  operate,
  type PageDefinition,
  queryValue,
  type View,
  type WantedOperation,
} from '../frame/view.ts';
import { words } from '../frame/words.ts';
import { IMAGES_PATH } from './image-page.ts';
import { CHOOSE_PATH, IMPORT, SELECT, SOURCES_PATH, selectionText, UNSELECT } from './images-page.ts';

const CHANGE = 'PUT boot-sources/{boot_source_id}/selections/{id}';

/**
 * How long the page waits for sources that have never answered, before it says that it asks them,
 * in milliseconds.
 */
const WAIT_MS = 1500;
/**
 * After this time the page shows what has come, and names the sources that are still asked, in
 * milliseconds.
 */
const LATE_MS = 10_000;
/** Of an import request's form, at most 1000 fields are read: two of each row may be sent. */
const ROWS_MAX = 300;
/** With at most so many rows, all systems are open. */
const OPEN_ROWS_MAX = 40;

/** An offer of a source, and what selects it. */
interface Row extends OfferedImage {
  readonly source: RegionSource;
  readonly key: string;
  readonly isTicked: boolean;
  /** True for the tick that the page proposes while nothing is selected. */
  readonly isProposed?: boolean;
  /**
   * The selection for which it cannot be changed here; undefined: a tick changes a selection of its
   * own, or makes one.
   */
  readonly fixedBy: RegionSelection | undefined;
  /** The image that the region has of it, or imports. */
  readonly resource: ListedResource | undefined;
}

const has = (wanted: readonly string[], text: string) => wanted.includes('*') || wanted.includes(text);
const isWholeSelection = ({ subarches, labels }: RegionSelection) => subarches.includes('*') && labels.includes('*');

function covers({ os, release, arches }: RegionSelection, image: OfferedImage): boolean {
  return (
    has([os], image.os) &&
    [image.release, ...image.aliases].some((name) => has([release], name)) &&
    has(arches, image.architecture)
  );
}

interface Offered {
  readonly source: RegionSource;
  readonly found: OfferedBySource;
}

function buildOfferRows(
  offered: readonly Offered[],
  selections: readonly RegionSelection[],
  resources: readonly ListedResource[],
): readonly Row[] {
  const byImage = Map.groupBy(resources, ({ name }) => name.split('/').slice(0, 3).join('/'));
  return offered.flatMap(({ source, found }) => {
    const own = selections.filter(({ sourceId }) => sourceId === source.id);
    return (found.answer?.images ?? []).map((image) => {
      const { os, release, architecture } = image;
      const same = own.find((selection) => selection.os === os && selection.release === release);
      const isFixed = same !== undefined && (same.definingFile !== undefined || !isWholeSelection(same));
      return {
        ...image,
        source,
        key: [source.id, os, release, architecture].join('/'),
        isTicked: own.some((selection) => covers(selection, image)),
        fixedBy: isFixed ? same : own.find((selection) => selection !== same && covers(selection, image)),
        resource: byImage.get([os, release, architecture].join('/'))?.find((resource) => isFrom(resource, source)),
      };
    });
  });
}

/** True if the region has an image from a source, or imports it from there. */
const isFrom = ({ images: [newest], progress }: ListedResource, { images }: RegionSource) =>
  (newest?.origin?.source ?? progress?.source) === images.name;

interface Filter {
  readonly text: string;
  readonly architecture: string;
  readonly source: string;
  /** True: also releases whose support has ended. */
  readonly isAll: boolean;
}

const parseOfferFilter = (view: View): Filter => ({
  text: queryValue(view, 'q').trim().toLowerCase(),
  architecture: queryValue(view, 'arch'),
  source: queryValue(view, 'source'),
  isAll: queryValue(view, 'all') === 'true',
});

function isWanted(row: Row, { text, architecture, source, isAll }: Filter, today: string): boolean {
  const words = `${row.os}/${row.release} ${row.title} ${row.aliases.join(' ')}`.toLowerCase();
  return (
    text.split(' ').every((word) => words.includes(word)) &&
    (architecture === '' || row.architecture === architecture) &&
    (source === '' || String(row.source.id) === source) &&
    (isAll || row.isTicked || row.supportEnds === undefined || row.supportEnds >= today)
  );
}

const byNewest = new Intl.Collator('en', { numeric: true });

/** The newest releases first; the systems as their sources, and boot loaders last. */
function sortRows(rows: readonly Row[]): readonly Row[] {
  const systems = [...new Set(rows.map(({ os }) => os))];
  const compare = (left: Row, right: Row): number =>
    Number(left.kind === 'loader') - Number(right.kind === 'loader') ||
    systems.indexOf(left.os) - systems.indexOf(right.os) ||
    (right.supportEnds ?? '').localeCompare(left.supportEnds ?? '') ||
    byNewest.compare(right.title, left.title) ||
    left.source.id - right.source.id ||
    byNewest.compare(left.architecture, right.architecture);
  return rows.toSorted(compare);
}

/** What a tick downloads: nothing of an image that is there. Undefined: unknown. */
const missingBytes = ({ resource, bytes }: Row) => ((resource?.images.length ?? 0) > 0 ? 0 : bytes);

function formatRowState({ resource }: Row): Html {
  const { states } = words.images;
  if (resource === undefined) return nothing;
  if (resource.images.length > 0) return html`<span class="pill green">${states.done}</span>`;
  const state = resource.progress?.state ?? 'queued';
  return html`<span class="pill ${state === 'failed' ? 'red' : 'blue'}">${states[state]}</span>`;
}

function whyFixed(rows: readonly Row[]): Html {
  const row = rows.find(({ fixedBy }) => fixedBy !== undefined);
  if (row?.fixedBy === undefined) return nothing;
  const { fixedBy, isTicked, source } = row;
  const { definingFile: pin } = fixedBy;
  const text =
    pin === undefined
      ? html`${words.choose.fixed(isTicked)} <a href="${pathBelow(SOURCES_PATH, String(source.id))}">${selectionText(fixedBy)}</a>`
      : html`${words.sources.pinnedSelection(pin.file, pin.line)}`;
  return html`<div class="small">${text}</div>`;
}

function renderOfferTick(row: Row): Html {
  const { key, os, release, architecture, bytes, isTicked, isProposed = false, fixedBy } = row;
  const before = isTicked && !isProposed && fixedBy === undefined ? hiddenField('was', key) : nothing;
  const state = [isTicked ? html` checked` : nothing, fixedBy === undefined ? nothing : html` disabled`];
  const size = bytes === undefined ? nothing : html` <span class="small">${formatSize(bytes)}</span>`;
  return html`
    <label class="pick"><input type="checkbox" name="tick" value="${key}" aria-label="${`${os}/${release} ${architecture}`}"
    data-bytes="${missingBytes(row) ?? 0}"${state}><span>${architecture}</span>${size}${formatRowState(row)}</label>${before}`;
}

/** A release of a source, with a tick for each architecture. */
function releaseRow(rows: readonly Row[]): Html {
  const [first] = rows;
  if (first === undefined) return nothing;
  const { columns } = words.choose;
  const { os, release, title, kind, source } = first;
  const tag = kind === 'installer' ? html` <span class="tag">${words.images.kinds.installer}</span>` : nothing;
  const days = rows.flatMap(({ day }) => day ?? []).toSorted();
  return html`
    <tr><td class="first"><div><b class="break">${os}/${release}</b>${tag}<div class="small">${title}</div>${whyFixed(rows)}</div></td>
    ${cell(columns.date, days.at(-1) ?? '', 'fact')}
    ${cell(columns.source, html`<span class="break">${getSourceTitle(source)}</span>`, 'fact')}
    ${cell(columns.architecture, html`<div class="picks">${rows.map(renderOfferTick)}</div>`, 'way')}</tr>`;
}

function renderOfferGroup(os: string, rows: readonly Row[], isOpen: boolean): Html {
  const { architecture, date, source, release } = words.choose.columns;
  const head = [release, date, source, architecture].map((text) => html`<th>${text}</th>`);
  const ticked = rows.filter(({ isTicked }) => isTicked).length;
  const count = ticked === 0 ? nothing : html`<span class="tag">${words.choose.ticked(ticked)}</span>`;
  const releases = Map.groupBy(rows, (row) => `${row.source.id} ${row.release}`);
  return html`
    <details id="system-${os}"${isOpen || ticked > 0 ? html` open` : nothing}><summary><span class="name">${os}</span>
    <span class="soft">${words.choose.offers(rows.length)}</span>${count}</summary>
    <table class="offers"><thead><tr>${head}</tr></thead><tbody>${[...releases.values()].map(releaseRow)}</tbody></table></details>`;
}

function filterForm(
  view: View,
  { path, all, sources }: { path: string; all: readonly Row[]; sources: readonly RegionSource[] },
  filter: Filter,
): Html {
  const { choose } = words;
  const options = (texts: readonly (readonly [string, string])[], chosen: string) =>
    texts.map(
      ([value, text]) => html`<option value="${value}"${value === chosen ? html` selected` : nothing}>${text}</option>`,
    );
  const architectures = [...new Set(all.map(({ architecture }) => architecture))].toSorted();
  const arches = [['', choose.anyArchitecture] as const, ...architectures.map((name) => [name, name] as const)];
  const names = sources.map((source) => [String(source.id), getSourceTitle(source)] as const);
  const isFiltered = filter.text !== '' || filter.architecture !== '' || filter.source !== '' || filter.isAll;
  return html`
    <form class="filters" method="get" action="${path}" role="search"><input type="search" name="q" value="${queryValue(view, 'q')}"
    placeholder="${choose.placeholder}" aria-label="${choose.filter}" maxlength="64">
    <select name="arch" aria-label="${choose.columns.architecture}">${options(arches, filter.architecture)}</select>
    <select name="source" aria-label="${choose.columns.source}">${options([['', choose.anySource], ...names], filter.source)}</select>
    <label class="pick"><input type="checkbox" name="all" value="true"${filter.isAll ? html` checked` : nothing}>
    <span>${choose.old}</span></label>
    <button class="button plain">${choose.filter}</button>${isFiltered ? html`<a href="${path}">${choose.clear}</a>` : nothing}</form>`;
}

function sourceLine({ source, found: { answer, isPending: isAsking } }: Offered, nowMs: number): Html {
  const { choose } = words;
  const name = html`<a class="name break" href="${pathBelow(SOURCES_PATH, String(source.id))}">${getSourceTitle(source)}</a>`;
  const asking = html`<span class="pill blue">${choose.asking}</span>`;
  if (answer === undefined) return html`<div class="list-item"><div>${name} ${asking}</div></div>`;
  const why = answer.problems.map((text) => html`<div class="why">${codeIn(text)}</div>`);
  const count = html`<span class="soft">${choose.offers(answer.images.length)}, ${timeAgo(answer.atMs, nowMs)}</span>`;
  return html`<div class="list-item"><div>${name} ${isAsking ? asking : count}${why}</div></div>`;
}

/** The sources that have never answered. */
const listUnansweredSources = (offered: readonly Offered[]) =>
  offered.filter(({ found: { answer, isPending: isAsking } }) => answer === undefined && isAsking);

/** The sources, those with a problem first and in sight. */
/** The sources with what they said, behind how many of them have which fate. */
function foldedSources(offered: readonly Offered[], nowMs: number, foot: Html = nothing): Html {
  const failed = offered.filter(({ found }) => (found.answer?.problems.length ?? 0) > 0);
  const others = offered.filter((entry) => !failed.includes(entry));
  const lines = [...failed, ...others].map((entry) => sourceLine(entry, nowMs));
  const waiting = listUnansweredSources(offered).length;
  const texts = [
    failed.length === 0 ? words.choose.sources(offered.length) : words.choose.failed(failed.length, offered.length),
    ...(waiting === 0 ? [] : [words.choose.waiting(waiting)]),
  ];
  return html`
    <div class="sheet stacked" id="asked"><details id="asked-sources"><summary><span>${texts.join('. ')}</span></summary>${lines}${foot}</details></div>`;
}

function sourcesPart(view: View, offered: readonly Offered[]): Html {
  const again = renderForm(view, {
    body: hiddenField('do', 'ask'),
    submit: words.choose.askAgain,
    tone: 'plain',
    isInline: true,
  });
  return foldedSources(offered, view.nowMs, html`<div class="note">${again}</div>`);
}

/**
 * While sources are asked for the first time: no form, so that nobody's ticks are lost when the
 * list comes.
 */
function renderAsking(view: View, path: string, offered: readonly Offered[]) {
  const { choose } = words;
  return html`
    <p class="soft run" id="run" data-at-work>${choose.askingAll}</p>
    ${foldedSources(offered, view.nowMs)}
    <p><a href="${path}?now=true">${choose.showNow}</a></p>`;
}

/** An image that most people want: the newest of the first system. @param rows sorted */
const exampleIn = (rows: readonly Row[]): Row | undefined =>
  rows.find(({ kind, architecture }) => kind === 'image' && architecture === 'amd64');

function leadText(rows: readonly Row[], hasSelections: boolean): Html {
  const { first: none, proposed, how } = words.choose;
  if (hasSelections) return html`<p class="soft run">${words.choose.lead}</p>`;
  const first = exampleIn(rows);
  const example =
    first === undefined ? nothing : html` ${words.choose.example(first.title, first.architecture, first.bytes)}`;
  return html`<div class="alert blue" id="teach"><b>${rows.some(({ isProposed }) => isProposed) ? proposed : none}</b>${how}${example}</div>`;
}

/**
 * How many are ticked, what they download, and the room for it. The script of the page counts again
 * with each tick.
 */
function sumPart(all: readonly Row[], rows: readonly Row[], free: number | undefined): Html {
  const { sum, free: freeText, noRoom } = words.choose;
  const ticked = all.filter(({ isTicked }) => isTicked);
  const bytesIn = (some: readonly Row[]) => some.reduce((bytes, row) => bytes + (missingBytes(row) ?? 0), 0);
  const hidden = ticked.filter((row) => !rows.includes(row));
  const bytes = bytesIn(ticked);
  const room = free === undefined ? nothing : html`<span class="soft">${freeText(formatSize(free))}</span>`;
  const isFull = free !== undefined && bytes > free;
  return html`
    <div class="sum"><output id="sum" data-words="${sum('COUNT', 'SIZE')}" data-count="${hidden.length}" data-bytes="${bytesIn(hidden)}"
    data-free="${free ?? ''}">${sum(String(ticked.length), formatSize(bytes))}</output>${room}
    <b class="why" id="no-room"${isFull ? nothing : html` hidden`}>${noRoom}</b></div>`;
}

/** The images of all sources with their ticks. */
interface Offer {
  /** True while sources are asked for the first time: the page must be live, and has no form. */
  readonly isAsking: boolean;
  readonly content: Html;
}

/**
 * @param path of the page that has it @param isProposing true to tick an example while nothing is
 * selected
 */
export async function offerImages(view: View, path: string, isProposing = false): Promise<Offer> {
  const { choose } = words;
  const { bootImages } = view.region;
  const sources = await bootImages.listImportable();
  const [selections, resources] = [await bootImages.listSelections(), await bootImages.listResources()];
  const answers = await bootImages.offered.find(sources, { waitMs: WAIT_MS });
  const offered = sources.flatMap((source, at): readonly Offered[] => {
    const answer = answers[at];
    return answer === undefined ? [] : [{ source, found: answer }];
  });
  const isAwaited = listUnansweredSources(offered).some(({ found: { askedMs } }) => view.nowMs - askedMs < LATE_MS);
  if (isAwaited && queryValue(view, 'now') === '') {
    return { isAsking: true, content: renderAsking(view, path, offered) };
  }
  const filter = parseOfferFilter(view);
  const today = new Date(view.nowMs).toISOString().slice(0, 10);
  const offeredRows = buildOfferRows(offered, selections, resources);
  const example = isProposing && selections.length === 0 ? exampleIn(sortRows(offeredRows)) : undefined;
  const all = offeredRows.map((row) => (row === example ? { ...row, isTicked: true, isProposed: true } : row));
  const wanted = sortRows(all.filter((row) => isWanted(row, filter, today)));
  const rows = wanted.slice(0, ROWS_MAX);
  const more = wanted.length - rows.length;
  const bySystem = [...Map.groupBy(rows, ({ os }) => os)];
  const isOpen = rows.length <= OPEN_ROWS_MAX || filter.text !== '';
  const groups = bySystem.map(([os, own]) => renderOfferGroup(os, own, isOpen));
  const list =
    rows.length > 0
      ? html`<div class="sheet stacked offers" id="offers">${groups}</div>`
      : html`<div class="sheet empty" id="offers"><b>${all.length === 0 ? choose.nothing : choose.noneFits}</b>
          <span class="soft">${all.length === 0 ? choose.nothingHint : choose.noneFitsHint}</span></div>`;
  const cut = more <= 0 ? nothing : html`<p class="note soft">${choose.cut(more)}</p>`;
  const buttons = html`
    <div class="buttons"><button class="button primary" name="do" value="import">${choose.saveAndImport}</button>
    <button class="button plain" name="do" value="save">${choose.save}</button></div>`;
  const form =
    rows.length === 0
      ? list
      : html`<form method="post" class="choose">${hiddenField('csrf', view.viewer.csrf)}${list}${cut}
          <div class="sheet foot">${sumPart(all, rows, await bootImages.freeBytes())}${view.viewer.csrf === '' ? nothing : buttons}</div></form>`;
  return {
    isAsking: false,
    content: html`
      ${leadText(sortRows(all), selections.length > 0)}
      ${all.length === 0 ? nothing : filterForm(view, { path, all, sources }, filter)}
      ${form}
      ${sourcesPart(view, offered)}
      <p class="small">${words.images.byHand}</p>`,
  };
}

async function renderChoosePage(view: View) {
  const { title } = words.choose;
  const { isAsking, content } = await offerImages(view, CHOOSE_PATH);
  return renderFullPage(view, {
    title,
    place: 'images',
    isLive: isAsking,
    main: html`
      <div class="bar" id="bar"><h1>${title}</h1><div class="row"><a class="button plain" href="${SOURCES_PATH}">${words.images.sourcesLink}</a></div></div>
      ${content}
      <p><a href="${IMAGES_PATH}">${words.images.all}</a></p>`,
  });
}

/**
 * The architectures of a release of a source that were ticked and are not any more, and the other
 * way round.
 */
interface Change {
  readonly sourceId: string;
  readonly os: string;
  readonly release: string;
  readonly added: readonly string[];
  readonly removed: readonly string[];
}

function listSelectionChanges(view: View): readonly Change[] {
  const [was, ticked] = [view.form.get('was') ?? [], view.form.get('tick') ?? []];
  const partsOf = (key: string) => {
    const [sourceId = '', os = '', release = '', architecture = ''] = key.split('/');
    return { sourceId, os, release, architecture };
  };
  const changed = [
    ...ticked.filter((key) => !was.includes(key)).map((key) => ({ ...partsOf(key), isAdded: true })),
    ...was.filter((key) => !ticked.includes(key)).map((key) => ({ ...partsOf(key), isAdded: false })),
  ];
  const byRelease = Map.groupBy(changed, ({ sourceId, os, release }) => [sourceId, os, release].join('/'));
  return [...byRelease.values()].flatMap(([first, ...others]) => {
    if (first === undefined) return [];
    const all = [first, ...others];
    const of = (isAdded: boolean) =>
      all.filter((change) => change.isAdded === isAdded).map(({ architecture }) => architecture);
    return [{ sourceId: first.sourceId, os: first.os, release: first.release, added: of(true), removed: of(false) }];
  });
}

/** Changes, makes or removes the selection of one release. */
async function applyChange(view: View, change: Change, selections: readonly RegionSelection[]) {
  const { sourceId, os, release, added, removed } = change;
  const before = selections.find(
    (selection) => String(selection.sourceId) === sourceId && selection.os === os && selection.release === release,
  );
  const path = { boot_source_id: sourceId };
  if (before === undefined)
    return added.length === 0 ? undefined : await operate(view, SELECT, path, { os, release, arches: added });
  const named = before.arches.includes('*') ? await offeredArches(view, sourceId, { os, release }) : before.arches;
  const arches = [...new Set([...named, ...added])].filter((name) => !removed.includes(name));
  const own = { ...path, id: String(before.id) };
  return arches.length === 0 ? await operate(view, UNSELECT, own, {}) : await operate(view, CHANGE, own, { arches });
}

/** The architectures of a release that its source offers, as far as that is known. */
async function offeredArches(view: View, sourceId: string, { os, release }: Pick<Change, 'os' | 'release'>) {
  const { bootImages } = view.region;
  const sources = (await bootImages.listSources()).filter(({ id }) => String(id) === sourceId);
  const answers = await bootImages.offered.find(sources, { waitMs: WAIT_MS });
  const images = answers.flatMap(({ answer }) => answer?.images ?? []);
  return images.filter((image) => image.os === os && image.release === release).map(({ architecture }) => architecture);
}

/**
 * Does what the form of an offer asks for. @param path of its page @param next the pages after
 * saving, and after beginning an import
 */
export async function chooseImages(
  view: View,
  path: string,
  next: { readonly saved: string; readonly importing: string },
): Promise<Outcome> {
  const wanted = fieldValue(view, 'do');
  if (wanted === 'ask') {
    const { bootImages } = view.region;
    await bootImages.offered.find(await bootImages.listImportable(), { waitMs: WAIT_MS, mustAskAgain: true });
    return { kind: 'done', to: path, text: words.choose.askedAgain };
  }
  const changes = listSelectionChanges(view).slice(0, ROWS_MAX);
  const selections = await view.region.bootImages.listSelections();
  for (const change of changes) {
    const answer = await applyChange(view, change, selections);
    if (answer?.kind === 'refusal') return answer;
  }
  if (wanted !== 'import') return { kind: 'done', to: next.saved, text: words.choose.saved(changes.length) };
  return buildOutcome(await operate(view, IMPORT, {}, {}), next.importing, words.choose.importing);
}

/** The operations behind the form of an offer. */
export const CHOICE_OPERATIONS: readonly WantedOperation[] = [SELECT, CHANGE, UNSELECT, IMPORT];

export const CHOOSE_PAGE: PageDefinition = {
  path: CHOOSE_PATH,
  access: 'admin',
  render: renderChoosePage,
  act: (view) => chooseImages(view, CHOOSE_PATH, { saved: CHOOSE_PATH, importing: IMAGES_PATH }),
  operations: CHOICE_OPERATIONS,
};
