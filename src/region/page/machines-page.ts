// The page at /MAAS/machines/: the machines with their states, racks, and the latest events.

import { setImmediate as nextTurn } from 'node:timers/promises';
import { noneFitsText } from '../../counted.ts';
import { type Html, html, nothing } from '../../html.ts';
import { formatMac } from '../../net/address.ts';
import { formatAge } from '../../quantity.ts';
import { readEvents } from '../api/site/event-pieces.ts';
import { whereabouts } from '../life/whereabouts.ts';
import { eventSentence, shownTo } from '../records/events.ts';
import type { Machine } from '../records/machine.ts';
import type { MachineEvent } from '../records/machine-event.ts';
import { formOf } from './forms.ts';
import { machinePath } from './machine-actions.ts';
import {
  acceptedRacks,
  countsOf,
  filtersOf,
  machinesShown,
  PAGE_MACHINES_MAX,
  searchOf,
  TURN_MACHINES,
} from './machine-filters.ts';
import { machineRow, type Shown } from './machine-row.ts';
import { pageOf } from './parts.ts';
import { renderRacks } from './racks-part.ts';
import { isTakenReport } from './timeline.ts';
import { eventText, logLine, none } from './values.ts';
import { mayCall, type PageDefinition, submit, type View } from './view.ts';
import { words } from './words.ts';

const PAGE_EVENTS = 40;
/** How many of the newest events are read; the page shows PAGE_EVENTS of them. */
const PAGE_EVENTS_READ = 400;
/** Hosts shown as seen but not enlisted, if they were seen within the last day. */
const PAGE_STRANGERS = 12;
const STRANGER_AGE_MS = 86_400_000;

/**
 * Splits an event into its subject and its text. The subject is a link to the machine, or to the hardware address at the start of the text.
 * A remote rack's name is the subject of its own events, and follows the text of events about machines.
 */
function subjectOf(event: MachineEvent): {
  readonly who: Html;
  readonly what: string;
} {
  const { systemId, hostname, username } = event;
  const rack = event.rack === '' ? words.machines.removedRack : event.rack;
  const from = rack === undefined ? '' : ` (${rack})`;
  const by = username === '' ? from : ` (${username})`;
  if (systemId !== undefined) return { who: linkTo(systemId, hostname ?? systemId), what: `${eventText(event)}${by}` };
  if (event.stranger !== undefined) {
    const mac = formatMac(event.stranger);
    return { who: linkTo(mac, mac), what: `${eventSentence(event)}${from}` };
  }
  if (event.code === 'enlistment-refused' && event.params.mac !== undefined) {
    const { mac, ...rest } = event.params;
    return { who: linkTo(mac, mac), what: `${eventSentence({ code: event.code, params: rest })}${from}` };
  }
  const who = username === '' ? rack : username;
  return { who: who === undefined ? none : html`${who}`, what: eventText(event) };
}

const linkTo = (machine: string, text: string) => html`<a href="${machinePath(machine)}">${text}</a>`;

function eventItem(event: MachineEvent, nowMs: number) {
  const { who, what } = subjectOf(event);
  return html`
    <li><time datetime="${new Date(event.atMs).toISOString()}">${formatAge(nowMs - event.atMs)}</time>
    <span class="who">${who}</span>
    <span class="kind soft">${words.values.eventType(event.type)}</span>
    ${logLine(what, `what ${event.level}`)}</li>`;
}

/** Hosts that boot from the network and have not enlisted, with their last event, for an operator who waits for one. */
async function strangers({ region, nowMs }: View) {
  const seen = await region.store.listStrangers(nowMs - STRANGER_AGE_MS, PAGE_STRANGERS);
  if (seen.length === 0) return nothing;
  const items = seen.map(({ mac, event }) => eventItem({ ...event, stranger: mac }, nowMs));
  return html`<h2>${words.machines.strangers}</h2><div class="sheet"><ol class="events">${items}</ol></div>`;
}

export const ACCEPT_ALL = 'POST machines accept_all';

export async function acceptAll(view: View) {
  const count = await view.region.store.countMachines({ statuses: ['new'] });
  if (count === 0 || !mayCall(view.viewer, ACCEPT_ALL)) return nothing;
  return formOf(view, { body: nothing, submit: words.machines.acceptAll(count), tone: 'plain', isInline: true });
}

/** The columns. Each name is also the class that sets the width. */
const COLUMNS = ['first', 'state', 'owner', 'network', 'power', 'hardware', 'event'] as const;

async function tableOf(view: View, machines: readonly Machine[]) {
  const shown: Shown = {
    where: whereabouts(view.region),
    hasRacks: acceptedRacks(view.region).length > 1,
    hasOwners: machines.some(({ owner }) => owner !== undefined),
  };
  const head = COLUMNS.filter((name) => name !== 'owner' || shown.hasOwners).map(
    (name) => html`<th class="${name}">${words.machines.columns[name]}</th>`,
  );
  const rows: Html[] = [];
  for (let from = 0; from < machines.length; from += TURN_MACHINES) {
    await nextTurn();
    if (view.hasLeft?.() === true) break;
    const some = machines.slice(from, from + TURN_MACHINES);
    const systemIds = some.map(({ systemId }) => systemId);
    const newest = await view.region.store.newestEvents(systemIds, true);
    for (const machine of some) rows.push(machineRow(view, machine, newest.get(machine.systemId), shown));
  }
  return html`<div class="sheet"><table class="machines"><thead><tr>${head}</tr></thead><tbody>${rows}</tbody></table></div>`;
}

export async function renderPage(view: View): Promise<Html> {
  const { region, nowMs } = view;
  const wanted = searchOf(view);
  const machines = await machinesShown(region, wanted);
  const counts = await region.store.countStatuses();
  const total = [...counts.values()].reduce((sum, count) => sum + count, 0);
  const holder = `${view.viewer.username} ${view.peer.share}`;
  const steps = readEvents(region.store, { limit: PAGE_EVENTS_READ, isQuiet: true }, await region.store.eventRange());
  const newest = await region.searches.run<readonly MachineEvent[]>(holder, steps, () => [], view.hasLeft);
  const events = newest
    .filter((event) => !isTakenReport(event))
    .slice(0, PAGE_EVENTS)
    .map(shownTo(view.viewer));
  const table =
    total === 0
      ? html`<div class="sheet empty"><b>${words.machines.empty.title}</b><span class="soft">${words.machines.empty.hint}</span></div>`
      : machines.length === 0
        ? html`<div class="sheet empty soft">${noneFitsText(total)}</div>`
        : await tableOf(view, machines);
  const cut =
    machines.length < PAGE_MACHINES_MAX
      ? nothing
      : html`<p class="small">${words.machines.cut(machines.length, total)}</p>`;
  const log =
    events.length === 0
      ? html`<div class="sheet empty soft">${words.values.noEvents}</div>`
      : html`<div class="sheet"><ol class="events">${events.map((event) => eventItem(event, nowMs))}</ol></div>`;
  return pageOf(view, {
    title: words.machines.title(total),
    place: 'machines',
    isLive: true,
    main: html`
      <div id="counts">${countsOf(counts, wanted)}</div>
      <div id="bar" class="bar"><h1>${words.machines.heading}</h1>${await acceptAll(view)}</div>
      <div id="filters">${total === 0 ? '' : filtersOf(view, wanted)}</div>
      <div id="machines">${table}${cut}</div>
      <div id="strangers">${await strangers(view)}</div>
      <div id="racks">${renderRacks(region, nowMs)}</div>
      <div id="log"><h2>${words.values.events}</h2>${log}</div>`,
  });
}

async function act(view: View) {
  return submit(view, ACCEPT_ALL, {}, {}, '/MAAS/machines/', words.machines.accepted);
}

export const MACHINES_PAGE: PageDefinition = {
  path: '/MAAS/machines/',
  access: 'user',
  render: renderPage,
  act,
  operations: [ACCEPT_ALL],
};
