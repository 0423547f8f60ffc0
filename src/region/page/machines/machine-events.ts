// The log of one machine at /MAAS/machines/SYSTEM-ID/events/: by level, searched, in pages, and at a moment.
//
// 1. A page reads at most SEARCHED_MAX events in one statement, also to search: a sentence exists
//    only once it is written.

import { type Html, html, nothing } from '../../../ground/html.ts';
import { shownTo } from '../../records/events.ts';
import type { Machine } from '../../records/machine.ts';
import type { MachineEvent } from '../../records/machine-event.ts';
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
import type { PageDefinition, View } from '../frame/view.ts';
import { words } from '../frame/words.ts';
import { findAddressed, renderMachineSection, sectionPath } from './machine-frame.ts';
import { eventLine, renderTimeline } from './timeline.ts';

const SEARCHED_MAX = 1000;

const formatMachineEventsPath = ({ systemId }: Machine, choice: EventChoice) =>
  `${sectionPath(systemId, 'events')}${formatEventQuery(choice)}`;

/** The newest events below an id, and whether there are older ones. */
async function readPage(view: View, machine: Machine, { level, q, before }: EventChoice) {
  const limit = q === '' ? SHOWN_MAX : SEARCHED_MAX;
  const machines = { systemIds: [machine.systemId] };
  const read = await view.region.store.listEvents({ ...LEVELS[level], machines, before, limit });
  const matching = read.map(shownTo(view.viewer)).filter((event) => q === '' || hasText(event, q));
  const events = matching.slice(0, SHOWN_MAX);
  const last = matching.length > events.length ? events.at(-1) : read.at(-1);
  return { events, older: read.length < limit && matching.length === events.length ? undefined : last?.id };
}

function renderLevelFilters({ q, level }: EventChoice) {
  const { search } = words.machineEvents;
  return html`
    <form id="filters" class="filters" method="get">
    <input type="search" name="q" value="${q}" placeholder="${search}" aria-label="${search}">
    ${levelSelect(level)}<button class="button plain">${words.events.filters.show}</button></form>`;
}

function renderMachineEvents(view: View, machine: Machine, events: readonly MachineEvent[], { level, q }: EventChoice) {
  if (events.length === 0) {
    const isNarrowed = q !== '' || level !== 'important';
    return html`<div class="sheet empty soft">${isNarrowed ? words.events.noMatch : words.values.noEvents}</div>`;
  }
  if (level === 'all' && q === '') return renderTimeline(events, view.nowMs);
  const path = sectionPath(machine.systemId, 'events');
  return html`<div class="sheet"><ol class="steps">${events.map((event) => eventLine(event, view.nowMs, path))}</ol></div>`;
}

async function renderEvents(view: View): Promise<Html | undefined> {
  const machine = await findAddressed(view);
  if (machine === undefined) return undefined;
  const choice = eventChoiceIn(view);
  const { events, older } = await readPage(view, machine, choice);
  const link = (to: Partial<EventChoice>, text: string) =>
    logLink(formatMachineEventsPath(machine, { ...choice, ...to }), text);
  const isFirst = choice.before === undefined;
  const links = [
    isFirst ? nothing : link({ before: undefined }, words.events.newest),
    older === undefined ? nothing : link({ before: older }, words.events.older),
    choice.level === 'all' ? nothing : link({ level: 'all', before: undefined }, words.events.levels.all),
  ];
  return renderMachineSection(view, machine, {
    section: 'events',
    isLive: isFirst,
    main: html`
      ${renderLevelFilters(choice)}<div id="timeline">${renderMachineEvents(view, machine, events, choice)}</div>
      <div id="pages" class="buttons">${links}</div>`,
  });
}

export const MACHINE_EVENTS_PAGE: PageDefinition = {
  path: '/MAAS/machines/:machine/events/',
  access: 'user',
  render: renderEvents,
};
