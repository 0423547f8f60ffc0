// The log of one machine at /MAAS/machines/SYSTEM-ID/events/: by level, searched, in pages, and at a moment.
//
// 1. A page reads at most SEARCHED_MAX events in one statement, also to search: a sentence exists only once it is written.
// 2. `at` names an event by its id: the page begins with the events shortly after it.

import { type Html, html, nothing } from '../../html.ts';
import { shownTo } from '../records/events.ts';
import type { EventFilter } from '../records/filters.ts';
import type { Machine } from '../records/machine.ts';
import type { MachineEvent } from '../records/machine-event.ts';
import { filterSelect } from './forms.ts';
import { findAddressed, sectionOf, sectionPath } from './machine-frame.ts';
import { eventLine, renderTimeline } from './timeline.ts';
import { eventText } from './values.ts';
import { type PageDefinition, queryNumber, queryValue, type View } from './view.ts';
import { words } from './words.ts';

const SHOWN_MAX = 100;
const SEARCHED_MAX = 1000;
/** Ids after the event that `at` names, of all machines: what followed at once is shown, too, and the event is on the page. */
const AFTER_MOMENT = SHOWN_MAX / 2;

const LEVELS = {
  important: { isQuiet: true },
  all: {},
  warning: { level: 'warning' },
  audit: { level: 'audit' },
} as const satisfies Readonly<Record<string, Pick<EventFilter, 'level' | 'isQuiet'>>>;
type Level = keyof typeof LEVELS;
const isLevel = (name: string): name is Level => Object.hasOwn(LEVELS, name);
const LEVEL_NAMES = Object.keys(LEVELS).filter(isLevel);

interface Choice {
  readonly level: Level;
  readonly search: string;
  readonly before: number | undefined;
}

function choiceIn(view: View): Choice {
  const at = queryNumber(view, 'at');
  const level = queryValue(view, 'level');
  const usual = at === undefined ? 'important' : 'all';
  return {
    level: isLevel(level) ? level : usual,
    search: queryValue(view, 'search').trim(),
    before: queryNumber(view, 'before') ?? (at === undefined ? undefined : at + AFTER_MOMENT),
  };
}

function linkTo(machine: Machine, { level, search, before }: Choice) {
  const query = new URLSearchParams();
  if (level !== 'important') query.set('level', level);
  if (search !== '') query.set('search', search);
  if (before !== undefined) query.set('before', String(before));
  return `${sectionPath(machine.systemId, 'events')}${query.size === 0 ? '' : `?${query}`}`;
}

/** The newest events below an id, and whether there are older ones. */
async function readPage(view: View, machine: Machine, { level, search, before }: Choice) {
  const limit = search === '' ? SHOWN_MAX : SEARCHED_MAX;
  const machines = { systemIds: [machine.systemId] };
  const read = await view.region.store.listEvents({ ...LEVELS[level], machines, before, limit });
  const wanted = search.toLowerCase();
  const isWanted = (event: MachineEvent) =>
    [eventText(event), words.values.eventType(event.type), event.username].some((text) =>
      text.toLowerCase().includes(wanted),
    );
  const found = read.map(shownTo(view.viewer)).filter((event) => wanted === '' || isWanted(event));
  const events = found.slice(0, SHOWN_MAX);
  const last = found.length > events.length ? events.at(-1) : read.at(-1);
  return { events, older: read.length < limit && found.length === events.length ? undefined : last?.id };
}

function filtersOf(choice: Choice) {
  const labels = words.machineEvents;
  const levels = LEVEL_NAMES.map((name) => [name, labels.levels[name]] as const);
  return html`
    <form id="filters" class="filters" method="get">
    <input type="search" name="search" value="${choice.search}" placeholder="${labels.search}" aria-label="${labels.search}">
    ${filterSelect('level', labels.level, levels, choice.level)}<button class="button plain">${labels.show}</button></form>`;
}

function listOf(view: View, machine: Machine, events: readonly MachineEvent[], { level, search }: Choice) {
  if (events.length === 0) {
    const isNarrowed = search !== '' || level !== 'important';
    return html`<div class="sheet empty soft">${isNarrowed ? words.machineEvents.noMatch : words.values.noEvents}</div>`;
  }
  if (level === 'all' && search === '') return renderTimeline(events, view.nowMs);
  const path = sectionPath(machine.systemId, 'events');
  return html`<div class="sheet"><ol class="steps">${events.map((event) => eventLine(event, view.nowMs, path))}</ol></div>`;
}

async function renderEvents(view: View): Promise<Html | undefined> {
  const machine = await findAddressed(view);
  if (machine === undefined) return undefined;
  const choice = choiceIn(view);
  const { events, older } = await readPage(view, machine, choice);
  const labels = words.machineEvents;
  const isFirst = choice.before === undefined;
  const links = [
    isFirst
      ? nothing
      : html`<a class="button plain" href="${linkTo(machine, { ...choice, before: undefined })}">${labels.newest}</a>`,
    older === undefined
      ? nothing
      : html`<a class="button plain" href="${linkTo(machine, { ...choice, before: older })}">${labels.older}</a>`,
    choice.level === 'all'
      ? nothing
      : html`<a class="button plain" href="${linkTo(machine, { ...choice, level: 'all', before: undefined })}">${labels.full}</a>`,
  ].filter((link) => link !== nothing);
  return sectionOf(view, machine, {
    section: 'events',
    isLive: isFirst,
    main: html`
      ${filtersOf(choice)}<div id="timeline">${listOf(view, machine, events, choice)}</div>
      <div id="pages" class="buttons">${links}</div>`,
  });
}

export const MACHINE_EVENTS_PAGE: PageDefinition = {
  path: '/MAAS/machines/:machine/events/',
  access: 'user',
  render: renderEvents,
};
