// All events at /MAAS/events/: by level, kind, machine, rack, user, time and text; in pages, at a
// moment, live, and as a file.
//
// 1. A page searches at most PIECES_MAX pieces of the log, as one of the region's bounded searches;
//    a link searches on from there.
// 2. The newest page is live if its search was short. A page in the past never changes.
// 3. The text of an event may come from any host: a cell of the CSV never begins a formula.

import { parseMac } from '../../../ground/address.ts';
import { type Html, html, nothing } from '../../../ground/html.ts';
import { eventJson } from '../../api/site/event-operations.ts';
import { EXAMINED_IDS, type FoundEvents, searchEvents } from '../../api/site/event-pieces.ts';
import { shownTo } from '../../records/events.ts';
import type { EventFilter, MachineFilter } from '../../records/filters.ts';
import { EVENT_TYPES, isEventType, type MachineEvent } from '../../records/machine-event.ts';
import {
  type EventChoice,
  eventChoiceIn,
  formatEventQuery,
  hasText,
  LEVELS,
  levelSelect,
  logLink,
  SHOWN_MAX,
} from '../frame/event-choice.ts';
import { filterSelect } from '../frame/forms.ts';
import { renderFullPage } from '../frame/parts.ts';
import { type DownloadDefinition, type PageDefinition, queryValue, type View } from '../frame/view.ts';
import { words } from '../frame/words.ts';
import { EVENTS_PATH, eventItem, getEventRack } from '../machines/events-part.ts';

const EXPORTED_MAX = 10_000;
/** The pieces that one page searches. */
const PIECES_MAX = 100;
/** After so many ids that were examined in vain, a page that refreshes itself would cost too much. */
const LIVE_IDS_MAX = 10 * EXAMINED_IDS;
/** The fields of the form besides the level and the text; empty: any. */
const FIELDS = ['kind', 'machine', 'rack', 'user', 'since', 'until'] as const;
type Field = (typeof FIELDS)[number];

interface Choice extends EventChoice, Readonly<Record<Field, string>> {}

function choiceIn(view: View): Choice {
  const of = (name: Field) => queryValue(view, name).trim();
  return {
    ...eventChoiceIn(view),
    kind: isEventType(of('kind')) ? of('kind') : '',
    machine: of('machine'),
    rack: of('rack'),
    user: of('user'),
    since: parseWallTimeMs(of('since')) === undefined ? '' : of('since'),
    until: parseWallTimeMs(of('until')) === undefined ? '' : of('until'),
  };
}

/** The wall time of `2026-01-31T23:59`, in UTC; `undefined`: the text is none. */
function parseWallTimeMs(text: string): number | undefined {
  const at = /^\d{4}-\d\d-\d\dT\d\d:\d\d/.test(text) ? Date.parse(`${text.replace(/Z$/, '')}Z`) : Number.NaN;
  return Number.isNaN(at) ? undefined : at;
}

const hasMore = (choice: Choice) => FIELDS.some((name) => choice[name] !== '');
const isNarrowed = (choice: Choice) => choice.level !== 'important' || choice.q !== '' || hasMore(choice);

const formatEventsPath = (choice: Choice, more = {}) =>
  formatEventQuery(choice, { ...Object.fromEntries(FIELDS.map((name) => [name, choice[name]])), ...more });

/** A machine by its system id, its hardware address, or its name with or without a domain. */
async function machinesCalled(view: View, name: string): Promise<MachineFilter | undefined> {
  if (name === '') return undefined;
  const mac = parseMac(name);
  if (mac !== undefined) return { macs: [mac] };
  const machine = await view.region.store.findMachine(name);
  if (machine !== undefined) return { systemIds: [machine.systemId] };
  return { hostnames: [name.split('.')[0] ?? name], isDevice: 'either' };
}

/** What a query of the store cannot choose; `undefined`: nothing. */
function buildEventFilter(view: View, { q, kind, rack }: Choice) {
  if (q === '' && kind === '' && rack === '') return undefined;
  const ownRack = view.region.racks.own?.name;
  const title = isEventType(kind) ? EVENT_TYPES[kind].title : undefined;
  const isWanted = (event: MachineEvent) =>
    (title === undefined || EVENT_TYPES[event.type].title === title) &&
    (rack === '' || getEventRack(event, ownRack) === rack) &&
    (q === '' || hasText(shownTo(view.viewer)(event), q));
  return { isWanted };
}

/** `undefined`: too many searches are running. */
async function search(view: View, choice: Choice, limit: number): Promise<FoundEvents | undefined> {
  const { region, viewer, peer } = view;
  const filter: EventFilter = {
    ...LEVELS[choice.level],
    machines: await machinesCalled(view, choice.machine),
    usernames: choice.user === '' ? undefined : [choice.user],
    sinceMs: parseWallTimeMs(choice.since),
    untilMs: parseWallTimeMs(choice.until),
    before: choice.before,
    limit,
  };
  const range = await region.store.eventRange();
  const steps = searchEvents(region.store, filter, range, buildEventFilter(view, choice), PIECES_MAX);
  const refused: { found?: FoundEvents } = {};
  const run = async function* (): AsyncGenerator<undefined, { readonly found?: FoundEvents }> {
    return { found: yield* steps };
  };
  const { found } = await region.searches.run(`${viewer.username} ${peer.share}`, run(), () => refused, view.hasLeft);
  return found && { ...found, events: found.events.map(shownTo(viewer)) };
}

/** Each title once: several types share one. */
const KINDS = [...new Map(Object.entries(EVENT_TYPES).map(([type, { title }]) => [title, type])).values()].filter(
  isEventType,
);

function renderEventFilters(view: View, choice: Choice): Html {
  const { filters } = words.events;
  const field = (name: Field | 'q', label: string, hint: string) =>
    html`<input type="search" name="${name}" value="${choice[name]}" placeholder="${hint}" aria-label="${label}">`;
  const time = (name: Field, label: string) =>
    html`<label class="small">${label} <input type="datetime-local" name="${name}" value="${choice[name].slice(0, 16)}"></label>`;
  const kinds = KINDS.map((type) => [type, words.values.eventType(type)] as const);
  const racks = view.region.racks.list().map(({ name }) => [name, name] as const);
  return html`
    <form id="filters" class="filters" method="get" action="${EVENTS_PATH}" role="search">
    ${field('q', filters.text, filters.textHint)}${levelSelect(choice.level)}
    <button class="button plain">${filters.show}</button>
    ${isNarrowed(choice) ? html`<a href="${EVENTS_PATH}">${filters.clear}</a>` : nothing}
    <details id="more-filters" class="more"${hasMore(choice) ? html` open` : nothing}><summary>${filters.more}</summary><div class="filters">
    ${filterSelect('kind', filters.kind, [['', filters.anyKind], ...kinds.toSorted(([, a], [, b]) => a.localeCompare(b, words.frame.language))], choice.kind)}
    ${filterSelect('rack', filters.rack, [['', filters.anyRack], ...racks], choice.rack)}
    ${field('machine', filters.machine, filters.machineHint)}${field('user', filters.user, filters.userHint)}
    ${time('since', filters.since)}${time('until', filters.until)}</div></details></form>`;
}

function renderEventList(view: View, choice: Choice, result: FoundEvents | undefined): Html {
  const { empty, noMatch, notYet, busy } = words.events;
  if (result === undefined) return html`<div class="sheet empty soft" role="alert">${busy}</div>`;
  if (result.events.length > 0) {
    const ownRack = view.region.racks.own?.name;
    const items = result.events.map((event) => eventItem(event, view.nowMs, ownRack));
    return html`<div class="sheet"><ol class="events">${items}</ol></div>`;
  }
  if (result.next !== undefined) return html`<div class="sheet empty soft">${notYet(PIECES_MAX * EXAMINED_IDS)}</div>`;
  return isNarrowed(choice) || choice.before !== undefined
    ? html`<div class="sheet empty soft">${noMatch}</div>`
    : html`<div class="sheet empty"><b>${empty.title}</b><span class="soft">${empty.hint}</span></div>`;
}

function renderPageLinks(choice: Choice, result: FoundEvents | undefined): readonly Html[] {
  const labels = words.events;
  const link = (before: number | undefined, text: string) =>
    logLink(`${EVENTS_PATH}${formatEventsPath({ ...choice, before })}`, text);
  return [
    ...(choice.before === undefined ? [] : [link(undefined, labels.newest)]),
    ...(result?.next === undefined
      ? []
      : [link(result.next, result.events.length < SHOWN_MAX ? labels.further : labels.older)]),
  ];
}

/** True if the search of the newest page ended soon. */
function isShort(choice: Choice, result: FoundEvents | undefined, newest: number): boolean {
  if (choice.before !== undefined || result === undefined) return false;
  return newest - (result.next ?? 0) <= LIVE_IDS_MAX;
}

async function renderEventsPage(view: View): Promise<Html> {
  const choice = choiceIn(view);
  const result = await search(view, choice, SHOWN_MAX);
  const newest = (await view.region.store.eventRange()).newest;
  const files = (['csv', 'json'] as const).map(
    (format) =>
      html`<a class="button plain small-button" href="${EXPORT_PATH}${formatEventsPath(choice, { format })}">${words.events.export[format]}</a>`,
  );
  return renderFullPage(view, {
    title: words.events.title,
    place: 'events',
    isLive: isShort(choice, result, newest),
    main: html`
      <div id="bar" class="bar"><h1>${words.events.title}</h1><div class="row" title="${words.events.export.hint(EXPORTED_MAX)}">${files}</div></div>
      ${renderEventFilters(view, choice)}<div id="log">${renderEventList(view, choice, result)}</div>
      <div id="pages" class="buttons">${renderPageLinks(choice, result)}</div>`,
  });
}

export const EVENTS_PAGE: PageDefinition = { path: EVENTS_PATH, access: 'user', render: renderEventsPage };

// The events as a file.

const EXPORT_PATH = `${EVENTS_PATH}export/`;
const COLUMNS = ['time', 'level', 'type', 'kind', 'rack', 'hostname', 'node', 'username', 'description'] as const;

/**
 * A cell of RFC 4180. A spreadsheet takes a text that begins like a formula for one, so such a text
 * gets an apostrophe. In many countries it begins a cell at each semicolon, too.
 */
function csvCell(value: unknown): string {
  const text = value === null || value === undefined ? '' : String(value);
  const inert = text.replaceAll(/(^|;)(?=["\s]*[=+\-@＝＋－＠\t\r])/g, "$1'");
  return /[",\r\n]/.test(inert) ? `"${inert.replaceAll('"', '""')}"` : inert;
}

const csvLine = (cells: readonly unknown[]) => `${cells.map(csvCell).join(',')}\r\n`;

/** The events that match, as the API writes them; newest first. */
export const EVENTS_EXPORT: DownloadDefinition = {
  path: EXPORT_PATH,
  access: 'user',
  async download(view) {
    const result = await search(view, choiceIn(view), EXPORTED_MAX);
    if (result === undefined) return undefined;
    const ownRack = view.region.racks.own?.name;
    const events = result.events.map((event) => eventJson(event, ownRack));
    const name = events.length < EXPORTED_MAX ? 'events' : `events-newest-${EXPORTED_MAX}`;
    if (queryValue(view, 'format') === 'json')
      return { text: JSON.stringify(events, null, 2), contentType: 'application/json', name: `${name}.json` };
    const lines = events.map((event) => csvLine(COLUMNS.map((name) => event[name])));
    return {
      text: `${csvLine(COLUMNS)}${lines.join('')}`,
      contentType: 'text/csv; charset=utf-8',
      name: `${name}.csv`,
    };
  },
};
