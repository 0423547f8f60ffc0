// The page at /MAAS/: the machines with their states, pending decisions, racks, and the latest events.
//
// 1. At most PAGE_MACHINES_MAX machines are shown, those with a problem first. A search covers all machines, some in each turn.

import { setImmediate as nextTurn } from 'node:timers/promises';
import { formatIpv4, formatMac } from '../../net/address.ts';
import { readEvents } from '../api/event-pieces.ts';
import { type Whereabouts, whereabouts } from '../life/whereabouts.ts';
import { type MachineStatus, STATUSES } from '../records/lifecycle.ts';
import { type Machine, machineFqdn } from '../records/machine.ts';
import { EVENT_TYPES, type MachineEvent } from '../records/machine-event.ts';
import {
  hasText,
  isProblem,
  isWith,
  isWork,
  parseSearchText,
  parseStatuses,
  SEARCH_CHARACTERS_MAX,
  STATUS_GROUPS,
} from '../records/machine-search.ts';
import type { MachineFilter } from '../records/store.ts';
import type { Region } from '../region.ts';
import { eventSentence, remarkSentence } from '../words/event.ts';
import { type Html, html, nothing } from '../words/html.ts';
import { asSentence, texts, words } from '../words/text.ts';
import { formOf } from './forms.ts';
import { machinePath } from './machine-actions.ts';
import { renderNotices } from './notices.ts';
import { cell, pageOf } from './parts.ts';
import { driverName, powerOf, powerPill, powerTaskText } from './power-part.ts';
import { renderRacks } from './racks-part.ts';
import { isTakenReport } from './timeline.ts';
import {
  cellText,
  disksText,
  eventText,
  formatAge,
  formatMemory,
  logLine,
  none,
  orNone,
  SPACE,
  statusPill,
} from './values.ts';
import { mayCall, type Outcome, operate, outcomeOf, type PageDefinition, queryValue, type View } from './view.ts';
import { isWaiting, progressBar, workText } from './work-part.ts';

/** Machines on the page; the API lists all. */
export const PAGE_MACHINES_MAX = 200;
/** Machines read or rendered in one turn of the event loop, so large machines delay no other request. */
const TURN_MACHINES = 20;
const PAGE_EVENTS = 40;
/** The newest events, from which those on the page are chosen. */
const PAGE_EVENTS_READ = 400;
const PAGE_MACS = 2;
/** Hosts shown as seen but not enlisted, if they were seen within the last day. */
const PAGE_STRANGERS = 12;
const STRANGER_AGE_MS = 86_400_000;

/** The display order. */
const ORDER: readonly (readonly MachineStatus[])[] = Object.values(STATUS_GROUPS);

function stateCell(machine: Machine): Html {
  const { status } = machine;
  const reason = asSentence(remarkSentence(machine.statusReason));
  const text = isProblem(status)
    ? cellText(reason, 'why')
    : isWork(status) && !isWaiting(machine)
      ? html`${progressBar(machine)}${cellText(workText(machine), 'small')}`
      : isWaiting(machine)
        ? html`<div class="small waits">${words.machines.waiting}</div>`
        : status === 'deployed'
          ? nothing // How it became Deployed is on its own page.
          : cellText(reason, 'small');
  return html`${statusPill(status)}${text}`;
}

function networkCell(machine: Machine, where: Whereabouts): Html {
  const addresses = where.addressesOf(machine).slice(0, PAGE_MACS).map(formatIpv4);
  const macs = machine.interfaces.slice(0, PAGE_MACS).map((nic) => html`<span>${formatMac(nic.mac)}</span>`);
  const more = machine.interfaces.length - macs.length;
  if (more > 0) macs.push(html`<span class="soft">${words.values.andMore(more)}</span>`);
  const own = addresses.map((address) => html`<div>${address}</div>`);
  return html`${own}<div class="mono">${macs}</div>`;
}

function hardwareCell(machine: Machine): Html {
  const { facts } = machine;
  const cpu = facts === undefined || facts.cpu.count === 0 ? '' : words.machines.cpus(facts.cpu.count, SPACE);
  const sizes = [cpu, formatMemory(facts?.memory_mib ?? 0)].filter((text) => text !== '');
  const maker = [facts?.dmi.vendor ?? '', facts?.dmi.product ?? ''].filter((text) => text !== '').join(' ');
  const rest = [disksText(machine), machine.architecture].filter((text) => text !== '');
  const made = maker === '' ? nothing : html`<div class="small clip" title="${maker}">${maker}</div>`;
  return html`${orNone(sizes.join(' · '))}<div class="small">${rest.join(' · ')}</div>${made}`;
}

function powerCell(view: View, machine: Machine): Html {
  const { state, age, problem } = powerOf(view, machine);
  const task = powerTaskText(machine);
  const below =
    task !== ''
      ? task
      : problem !== ''
        ? ''
        : [driverName(machine), age.replaceAll(' ', SPACE)].filter((text) => text !== '').join(' · ');
  const why = problem === '' || task !== '' ? '' : cellText(asSentence(problem), 'why');
  return html`${powerPill(state)}<div class="small">${below}</div>${why}`;
}

/** Its owner and system; the link lists all machines of this owner. */
function ownerCell({ owner, osystem, release }: Machine): Html {
  if (owner === undefined) return none;
  const link = html`<a href="/MAAS/?owner=${encodeURIComponent(owner)}" title="${owner}">${owner}</a>`;
  const system = [osystem, release].filter((text) => text !== '').join(' ');
  return html`<div class="cut">${link}</div><div class="small">${system}</div>`;
}

/** Its racks, if the region has several; each link lists all machines of the rack. */
function rackLinks(machine: Machine, shown: Shown): Html {
  if (!shown.hasRacks) return nothing;
  const links = shown.where
    .racksOf(machine)
    .slice(0, PAGE_MACS)
    .map(
      ({ name }, index) =>
        html`${index === 0 ? ' · ' : ', '}<a href="/MAAS/?rack=${encodeURIComponent(name)}">${name}</a>`,
    );
  return html`${links}`;
}

/** Common to all rows. */
interface Shown {
  readonly where: Whereabouts;
  /** True if there are several racks. */
  readonly hasRacks: boolean;
  /** True if a machine has an owner. */
  readonly hasOwners: boolean;
}

function machineRow(view: View, machine: Machine, event: MachineEvent | undefined, shown: Shown): Html {
  const last =
    event === undefined
      ? none
      : html`${cellText(eventText(event))}<div class="small">${formatAge(view.nowMs - event.atMs)}</div>`;
  const tags = machine.tags.map(({ name }) => html`<span class="tag">${name}</span>`);
  const { columns } = words.machines;
  return html`
    <tr>
    <td class="first"><div><div class="name"><a href="${machinePath(machine.systemId)}">${machineFqdn(machine)}</a></div>
    <div class="small cut"><span class="id">${machine.systemId}</span>${rackLinks(machine, shown)}</div>${tags}</div></td>
    ${cell(columns.state, stateCell(machine), 'state')}
    ${shown.hasOwners ? cell(columns.owner, ownerCell(machine), machine.owner === undefined ? 'nearer' : 'owner') : nothing}
    ${cell(columns.network, networkCell(machine, shown.where))}
    ${cell(columns.power, powerCell(view, machine), 'power')}
    ${cell(columns.hardware, hardwareCell(machine), 'nearer hardware')}
    ${cell(columns.event, last, 'nearer event')}
    </tr>`;
}

/**
 * Splits an event into its subject and its text. The subject is a link to the machine, or to the hardware address at the start of the text.
 * A remote rack's name is the subject of its own events, and follows the text of events about machines.
 */
export function subjectOf(event: MachineEvent): {
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

const linkTo = (machine: string, text: string): Html => html`<a href="${machinePath(machine)}">${text}</a>`;

function eventItem(event: MachineEvent, nowMs: number): Html {
  const { who, what } = subjectOf(event);
  return html`
    <li><time datetime="${new Date(event.atMs).toISOString()}">${formatAge(nowMs - event.atMs)}</time>
    <span class="who">${who}</span>
    <span class="kind soft">${EVENT_TYPES[event.type].title}</span>
    ${logLine(what, `what ${event.level}`)}</li>`;
}

/** Hosts that boot from the network and have not enlisted, with their last event, for an operator who waits for one. */
async function strangers({ region, nowMs }: View): Promise<Html> {
  const seen = await region.store.listStrangers(nowMs - STRANGER_AGE_MS, PAGE_STRANGERS);
  if (seen.length === 0) return nothing;
  const items = seen.map(({ mac, event }) => eventItem({ ...event, stranger: mac }, nowMs));
  return html`<h2>${words.machines.strangers}</h2><div class="sheet"><ol class="events">${items}</ol></div>`;
}

/** A search. */
interface Search {
  /** Lower case; empty: no search text. */
  readonly text: string;
  readonly status: string;
  readonly owner: string;
  readonly rack: string;
}

const searchOf = (view: View): Search => ({
  text: parseSearchText(queryValue(view, 'q')),
  status: queryValue(view, 'status'),
  owner: queryValue(view, 'owner').trim(),
  rack: queryValue(view, 'rack').trim(),
});

/** The groups of states to show, in order; all of them if the search names an unknown state. */
function groupsOf({ status }: Search): readonly (readonly MachineStatus[])[] {
  const statuses = parseStatuses(status);
  return statuses === undefined ? ORDER : [statuses];
}

/** The machines found, up to the bound. */
async function machinesShown(region: Region, wanted: Search): Promise<readonly Machine[]> {
  const found: Machine[] = [];
  const owners = wanted.owner === '' ? {} : { owners: [wanted.owner] };
  const racks = wanted.rack === '' ? undefined : [wanted.rack];
  for (const statuses of groupsOf(wanted)) {
    const filter: MachineFilter = { statuses, ...owners };
    for (let afterId = 0; found.length < PAGE_MACHINES_MAX; ) {
      const machines = await region.store.listMachines(filter, afterId, TURN_MACHINES);
      const where = whereabouts(region.racks);
      found.push(
        ...machines.filter((machine) => hasText(machine, wanted.text) && isWith(where.racksOf(machine), racks)),
      );
      const last = machines.at(-1);
      if (last === undefined || machines.length < TURN_MACHINES) break;
      afterId = last.id;
      await nextTurn();
    }
  }
  return found.slice(0, PAGE_MACHINES_MAX);
}

function countsOf(machines: ReadonlyMap<MachineStatus, number>, wanted: Search): Html {
  const counts = STATUSES.map((row) => ({ row, count: machines.get(row.status) ?? 0 }))
    .filter(({ count }) => count > 0)
    .map(({ row, count }) => {
      const isChosen = wanted.status === row.status;
      const to = isChosen ? '/MAAS/' : `/MAAS/?status=${row.status}`;
      return html`<li><a href="${to}"${isChosen ? html` aria-current="true"` : nothing}><b>${count}</b>${statusPill(row.status)}</a></li>`;
    });
  return html`<ul class="counts">${counts}</ul>`;
}

/** The accepted racks, by their names. */
const acceptedRacks = (region: Region): readonly string[] =>
  region.racks.list().flatMap(({ state, name }) => (state === 'accepted' ? [name] : []));

function selectOf(
  name: string,
  label: string,
  choices: readonly (readonly [value: string, text: string])[],
  chosen: string,
): Html {
  const options = choices.map(
    ([value, text]) => html`<option value="${value}"${value === chosen ? html` selected` : nothing}>${text}</option>`,
  );
  return html`<select name="${name}" aria-label="${label}">${options}</select>`;
}

function filtersOf(view: View, wanted: Search): Html {
  const { filters } = words.machines;
  const groups = [
    ['', filters.anyState],
    ['problem', filters.problem],
    ['work', filters.work],
  ] as const;
  const states = selectOf(
    'status',
    filters.state,
    [...groups, ...STATUSES.map(({ status, name }) => [status, name] as const)],
    wanted.status,
  );
  const own = view.viewer.kind === 'person' ? view.viewer.username : '';
  const others = wanted.owner === '' || wanted.owner === own ? [] : [[wanted.owner, wanted.owner] as const];
  const mine = own === '' ? [] : [[own, filters.mine] as const];
  const owners = selectOf('owner', filters.owner, [['', filters.anyOwner], ...mine, ...others], wanted.owner);
  const names = acceptedRacks(view.region);
  const racks = selectOf(
    'rack',
    filters.rack,
    [['', filters.anyRack], ...names.map((name) => [name, name] as const)],
    wanted.rack,
  );
  const isAll = Object.values(wanted).every((text) => text === '');
  const all = isAll ? nothing : html`<a href="/MAAS/">${filters.all}</a>`;
  return html`
    <form class="filters" method="get" action="/MAAS/" role="search"><input type="search" name="q" value="${queryValue(view, 'q')}"
    placeholder="${filters.placeholder}" aria-label="${filters.search}" maxlength="${SEARCH_CHARACTERS_MAX}">
    ${states}${mine.length + others.length === 0 ? nothing : owners}${names.length > 1 ? racks : nothing}
    <button class="button plain">${filters.search}</button>${all}</form>`;
}

const ACCEPT_ALL = { method: 'POST', path: 'machines', op: 'accept_all' } as const;

/** The button that accepts all New machines. */
async function acceptAll(view: View): Promise<Html> {
  const count = await view.region.store.countMachines({ statuses: ['new'] });
  if (count === 0 || !mayCall(view.viewer, ACCEPT_ALL)) return nothing;
  return formOf(view, { body: nothing, submit: words.machines.acceptAll(count), tone: 'plain', isInline: true });
}

/** The columns: each name is the class that gives the width. */
const COLUMNS = ['first', 'state', 'owner', 'network', 'power', 'hardware', 'event'] as const;

async function tableOf(view: View, machines: readonly Machine[]): Promise<Html> {
  const shown: Shown = {
    where: whereabouts(view.region.racks),
    hasRacks: acceptedRacks(view.region).length > 1,
    hasOwners: machines.some(({ owner }) => owner !== undefined),
  };
  const head = COLUMNS.filter((name) => name !== 'owner' || shown.hasOwners).map(
    (name) => html`<th class="${name}">${words.machines.columns[name]}</th>`,
  );
  const rows: Html[] = [];
  for (let from = 0; from < machines.length; from += TURN_MACHINES) {
    await nextTurn();
    const some = machines.slice(from, from + TURN_MACHINES);
    const systemIds = some.map(({ systemId }) => systemId);
    const newest = await view.region.store.newestEvents(systemIds, true);
    for (const machine of some) rows.push(machineRow(view, machine, newest.get(machine.systemId), shown));
  }
  return html`<div class="sheet"><table class="machines"><thead><tr>${head}</tr></thead><tbody>${rows}</tbody></table></div>`;
}

/** The current page. */
export async function renderPage(view: View): Promise<Html> {
  const { region, nowMs } = view;
  const wanted = searchOf(view);
  const machines = await machinesShown(region, wanted);
  const counts = await region.store.countStatuses();
  const total = [...counts.values()].reduce((sum, count) => sum + count, 0);
  const holder = `${view.viewer.kind === 'person' ? view.viewer.username : ''} ${view.peer.share}`;
  const steps = readEvents(region.store, { limit: PAGE_EVENTS_READ, isQuiet: true });
  const newest = await region.searches.run<readonly MachineEvent[]>(holder, steps, () => []);
  const events = newest.filter((event) => !isTakenReport(event)).slice(0, PAGE_EVENTS);
  const table =
    total === 0
      ? html`<div class="sheet empty"><b>${words.machines.empty.title}</b><span class="soft">${words.machines.empty.hint}</span></div>`
      : machines.length === 0
        ? html`<div class="sheet empty soft">${texts.noneFits(total)}</div>`
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
      <div id="notices">${await renderNotices(region)}</div>
      <div id="bar" class="bar"><h1>${words.machines.heading}</h1>${await acceptAll(view)}</div>
      <div id="filters">${total === 0 ? '' : filtersOf(view, wanted)}</div>
      <div id="machines">${table}${cut}</div>
      <div id="strangers">${await strangers(view)}</div>
      <div id="racks">${renderRacks(region, nowMs)}</div>
      <div id="log"><h2>${words.values.events}</h2>${log}</div>`,
  });
}

async function act(view: View): Promise<Outcome> {
  const answer = await operate(view, ACCEPT_ALL, {}, {});
  return outcomeOf(answer, '/MAAS/', words.machines.accepted);
}

export const MACHINES_PAGE: PageDefinition = {
  path: '/MAAS/',
  access: 'look',
  render: renderPage,
  act,
  operations: [ACCEPT_ALL],
};
