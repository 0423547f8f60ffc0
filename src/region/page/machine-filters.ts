// The search of the page at /MAAS/machines/: its form, the machines that it finds, and the counts by state.
//
// 1. A search covers all machines, TURN_MACHINES in each turn, and finds at most PAGE_MACHINES_MAX, machines with a problem first.

import { setImmediate as nextTurn } from 'node:timers/promises';
import { type Html, html, nothing } from '../../html.ts';
import { whereabouts } from '../life/whereabouts.ts';
import type { MachineFilter } from '../records/filters.ts';
import { type MachineStatus, STATUSES } from '../records/lifecycle.ts';
import type { Machine } from '../records/machine.ts';
import {
  hasText,
  isWith,
  parseSearchText,
  parseStatuses,
  SEARCH_CHARACTERS_MAX,
  STATUS_GROUPS,
} from '../records/machine-search.ts';
import type { Region } from '../region.ts';
import { statusPill } from './values.ts';
import { queryValue, type View } from './view.ts';
import { words } from './words.ts';

export const PAGE_MACHINES_MAX = 200;
/** Machines read or rendered in one turn of the event loop, so that large records delay no other request. */
export const TURN_MACHINES = 20;

const ORDER: readonly (readonly MachineStatus[])[] = Object.values(STATUS_GROUPS);

interface Search {
  readonly text: string;
  readonly status: string;
  readonly owner: string;
  readonly rack: string;
}

export const searchOf = (view: View): Search => ({
  text: parseSearchText(queryValue(view, 'q')),
  status: queryValue(view, 'status'),
  owner: queryValue(view, 'owner').trim(),
  rack: queryValue(view, 'rack').trim(),
});

/** The groups of states to show, in order; all of them if the search names an unknown state. */
function groupsOf({ status }: Search) {
  const statuses = parseStatuses(status);
  return statuses === undefined ? ORDER : [statuses];
}

export async function machinesShown(region: Region, wanted: Search): Promise<readonly Machine[]> {
  const found: Machine[] = [];
  const owners = wanted.owner === '' ? {} : { owners: [wanted.owner] };
  const racks = wanted.rack === '' ? undefined : [wanted.rack];
  for (const statuses of groupsOf(wanted)) {
    const filter: MachineFilter = { statuses, ...owners };
    for (let afterId = 0; found.length < PAGE_MACHINES_MAX; ) {
      const machines = await region.store.listMachines(filter, afterId, TURN_MACHINES);
      const where = whereabouts(region);
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

export function countsOf(machines: ReadonlyMap<MachineStatus, number>, wanted: Search): Html {
  const counts = STATUSES.map((row) => ({ row, count: machines.get(row.status) ?? 0 }))
    .filter(({ count }) => count > 0)
    .map(({ row, count }) => {
      const isChosen = wanted.status === row.status;
      const to = isChosen ? '/MAAS/machines/' : `/MAAS/machines/?status=${row.status}`;
      return html`<li><a href="${to}"${isChosen ? html` aria-current="true"` : nothing}><b>${count}</b>${statusPill(row.status)}</a></li>`;
    });
  return html`<ul class="counts">${counts}</ul>`;
}

export const acceptedRacks = (region: Region): readonly string[] =>
  region.racks.list().flatMap(({ state, name }) => (state === 'accepted' ? [name] : []));

function selectOf(
  name: string,
  label: string,
  choices: readonly (readonly [value: string, text: string])[],
  chosen: string,
) {
  const options = choices.map(
    ([value, text]) => html`<option value="${value}"${value === chosen ? html` selected` : nothing}>${text}</option>`,
  );
  return html`<select name="${name}" aria-label="${label}">${options}</select>`;
}

export function filtersOf(view: View, wanted: Search): Html {
  const { filters } = words.machines;
  const groups = [
    ['', filters.anyState],
    ['problem', filters.problem],
    ['work', filters.work],
  ] as const;
  const states = selectOf(
    'status',
    filters.state,
    [...groups, ...STATUSES.map(({ status }) => [status, words.values.state(status)] as const)],
    wanted.status,
  );
  const own = view.viewer.username;
  const others = wanted.owner === '' || wanted.owner === own ? [] : [[wanted.owner, wanted.owner] as const];
  const mine = [own, filters.mine] as const;
  const owners = selectOf('owner', filters.owner, [['', filters.anyOwner], mine, ...others], wanted.owner);
  const names = acceptedRacks(view.region);
  const racks = selectOf(
    'rack',
    filters.rack,
    [['', filters.anyRack], ...names.map((name) => [name, name] as const)],
    wanted.rack,
  );
  const isAll = Object.values(wanted).every((text) => text === '');
  const all = isAll ? nothing : html`<a href="/MAAS/machines/">${filters.all}</a>`;
  return html`
    <form class="filters" method="get" action="/MAAS/machines/" role="search"><input type="search" name="q" value="${queryValue(view, 'q')}"
    placeholder="${filters.placeholder}" aria-label="${filters.search}" maxlength="${SEARCH_CHARACTERS_MAX}">
    ${states}${mine.length + others.length === 0 ? nothing : owners}${names.length > 1 ? racks : nothing}
    <button class="button plain">${filters.search}</button>${all}</form>`;
}
