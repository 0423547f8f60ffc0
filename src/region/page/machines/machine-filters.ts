// Above the list of machines: the counts by state, the filters, the choice of columns, and the way
// to the next page.

import { type Html, html, nothing } from '../../../ground/html.ts';
import { readPlacement } from '../../life/machine-placement.ts';
import { type MachineStatus, STATUSES } from '../../records/lifecycle.ts';
import { SEARCH_CHARACTERS_MAX } from '../../records/machine-search.ts';
import type { Region } from '../../region.ts';
import { filterSelect, hiddenField, renderForm } from '../frame/forms.ts';
import { statusPill } from '../frame/values.ts';
import type { View } from '../frame/view.ts';
import { words } from '../frame/words.ts';
import type { IndexedMachine } from './machine-index.ts';
import {
  type Chosen,
  COLUMNS,
  type Column,
  FACETS,
  type Facet,
  formatMachinesPath,
  isNarrowed,
  LIST_PATH,
  linkToAll,
  listFacetValues,
  type MachineQuery,
  queryText,
  SIZES,
  SORTS,
} from './machine-query.ts';

/** Values of a facet in its list; a search finds the machines of the others. */
const FACET_VALUES_MAX = 200;

const CURRENT = html` aria-current="true"`;

/** A click on the chosen state shows all states again. */
export function renderStatusCounts(counts: ReadonlyMap<MachineStatus, number>, query: MachineQuery): Html {
  const items = STATUSES.filter(({ status }) => counts.has(status)).map(({ status }) => {
    const isChosen = query.status === status;
    const to = formatMachinesPath(query, { status: isChosen ? '' : status });
    return html`<li><a href="${to}"${isChosen ? CURRENT : nothing}><b>${counts.get(status) ?? 0}</b>${statusPill(status)}</a></li>`;
  });
  return html`<ul class="counts">${items}</ul>`;
}

/** How many machines have each value of each facet. */
function countFacets(region: Region, machines: readonly IndexedMachine[]): ReadonlyMap<Facet, Map<string, number>> {
  const where = readPlacement(region);
  const countsByFacet = new Map(FACETS.map((facet) => [facet, new Map<string, number>()]));
  for (const { name } of region.racks.accepted()) countsByFacet.get('rack')?.set(name, 0);
  for (const machine of machines)
    for (const [facet, counts] of countsByFacet)
      for (const value of listFacetValues(machine, facet, where)) counts.set(value, (counts.get(value) ?? 0) + 1);
  return countsByFacet;
}

/** A facet of which all machines have the same value narrows nothing, so it is left out. */
function facetField(view: View, query: MachineQuery, facet: Facet, counts: ReadonlyMap<string, number>) {
  const chosen = query[facet];
  const isUseful = counts.size > (facet === 'tags' || facet === 'owner' ? 0 : 1);
  if (!isUseful && chosen === '') return nothing;
  const { any, facets, mine, ofCount } = words.machines.filters;
  const own = view.viewer.username;
  const names = [...counts.keys()].sort().slice(0, FACET_VALUES_MAX);
  if (chosen !== '' && !names.includes(chosen)) names.push(chosen);
  if (facet === 'owner' && names.includes(own)) names.unshift(...names.splice(names.indexOf(own), 1));
  const textOf = (name: string): string => (facet === 'owner' && name === own ? mine : name);
  const choices = names.map((name) => [name, ofCount(textOf(name), counts.get(name) ?? 0)] as const);
  return filterSelect(facet, facets[facet], [['', any[facet]], ...choices], chosen);
}

function stateField({ status }: MachineQuery, counts: Chosen['counts']) {
  const { anyState, problem, work, state } = words.machines.filters;
  const groups = [
    ['', anyState],
    ['problem', problem],
    ['work', work],
  ] as const;
  const states = STATUSES.filter((row) => counts.has(row.status) || row.status === status);
  const choices = [...groups, ...states.map((row) => [row.status, words.values.state(row.status)] as const)];
  return filterSelect('status', state, choices, status);
}

function orderField({ sort, isDescending }: MachineQuery) {
  const { order, sorts, descending } = words.machines.filters;
  const both = SORTS.flatMap((name) => [[name, sorts[name]] as const, [`-${name}`, descending(sorts[name])] as const]);
  const chosen = sort === undefined ? '' : `${isDescending ? '-' : ''}${sort}`;
  return filterSelect('sort', order, [['', sorts.urgency], ...both], chosen);
}

/** @param all of this kind */
export function renderMachineFilters(
  view: View,
  query: MachineQuery,
  chosen: Chosen,
  all: readonly IndexedMachine[],
): Html {
  const { filters } = words.machines;
  const facets = countFacets(view.region, all);
  const isFiltered = isNarrowed(query);
  const hiddenFields = [
    query.isDevices ? hiddenField('kind', 'devices') : nothing,
    query.size === SIZES[0] ? nothing : hiddenField('size', String(query.size)),
  ];
  return html`
    <form class="filters" method="get" action="${LIST_PATH}" role="search">${hiddenFields}
    <input type="search" name="q" value="${query.text}" placeholder="${filters.placeholder}" aria-label="${filters.search}" maxlength="${SEARCH_CHARACTERS_MAX}">
    <details class="fold" id="filter-fold"${isFiltered ? html` open` : nothing}><summary class="button plain">${filters.fold}</summary></details>
    <div class="folded">${query.isDevices ? nothing : stateField(query, chosen.counts)}
    ${[...facets].map(([facet, counts]) => facetField(view, query, facet, counts))}${orderField(query)}</div>
    <button class="button plain">${filters.search}</button>${isFiltered ? html`<a href="${linkToAll(query)}">${filters.all}</a>` : nothing}</form>`;
}

/** @param columns those shown now */
export function columnsForm(view: View, query: MachineQuery, columns: readonly Column[]): Html {
  if (view.viewer.csrf === '' || query.isDevices) return nothing;
  const { choose, show } = words.machines.columnsForm;
  const boxes = COLUMNS.map(
    (column) =>
      html`<label class="choice"><input type="checkbox" name="columns" value="${column}"${columns.includes(column) ? html` checked` : nothing}><span>${words.machines.columns[column]}</span></label>`,
  );
  const body = [
    hiddenField('query', queryText({ ...query, columns: undefined })),
    html`<div class="boxes">${boxes}</div>`,
  ];
  return html`<details class="drop" id="columns"><summary class="button plain small-button">${choose}</summary>${renderForm(view, { to: LIST_PATH, body, submit: show, tone: 'plain' })}</details>`;
}

/**
 * Which machines are shown, and links to the others. @param isEnd true below the list, where there
 * are more of them
 */
export function renderPager(query: MachineQuery, count: number, isEnd: boolean): Html {
  const { pager } = words.machines;
  const pages = Math.max(1, Math.ceil(count / query.size));
  const from = (query.page - 1) * query.size;
  const range = html`<span class="small">${pager.range(from + 1, Math.min(from + query.size, count), count)}</span>`;
  if (count <= SIZES[0]) return isEnd ? nothing : range;
  const link = (page: number, text: string, isOffered: boolean) =>
    isOffered
      ? html`<a class="button plain small-button" href="${formatMachinesPath(query, { page })}">${text}</a>`
      : html`<span class="button plain small-button off">${text}</span>`;
  const steps = [
    isEnd ? link(1, pager.first, query.page > 1) : nothing,
    link(query.page - 1, pager.previous, query.page > 1),
    link(query.page + 1, pager.next, query.page < pages),
    isEnd ? link(pages, pager.last, query.page < pages) : nothing,
  ];
  const turn = pages === 1 ? nothing : html`<nav class="pager" aria-label="${pager.pages}">${steps}</nav>`;
  if (!isEnd) return html`${range}${turn}`;
  const sizes = SIZES.map(
    (size) =>
      html`<a href="${formatMachinesPath(query, { size })}"${size === query.size ? CURRENT : nothing}>${size}</a>`,
  );
  return html`<span class="sizes small">${pager.sizes} ${sizes}</span>${turn}`;
}
