// The page at /MAAS/machines/: the list of machines, and that of devices, chosen by the index, read
// from the store a few at a time; and the form of actions on many.
//
// 1. A page costs statements for the machines that it shows, and those of the index
//    (`machine-index.ts`), not for all that match.

import { setImmediate as nextTurn } from 'node:timers/promises';
import { type Html, html, nothing } from '../../../ground/html.ts';
import { parseTargetQuery } from '../../api/call/form-body.ts';
import { readPlacement } from '../../life/machine-placement.ts';
import type { Machine } from '../../records/machine.ts';
import { hiddenField, renderForm } from '../frame/forms.ts';
import { renderFullPage } from '../frame/parts.ts';
import { fieldValue, mayCall, type Outcome, type PageDefinition, submit, type View } from '../frame/view.ts';
import { words } from '../frame/words.ts';
import { ADD_DEVICE_PATH, ADD_MACHINE_PATH } from './adding-pages.ts';
import { findFailedBoots, isBooting } from './last-boot.ts';
import { MANY_PATH, offeredActions } from './machine-actions.ts';
import { columnsForm, renderMachineFilters, renderPager, renderStatusCounts } from './machine-filters.ts';
import { getMachineIndex } from './machine-index.ts';
import {
  type Chosen,
  type Column,
  choose,
  chooseColumns,
  formatMachinesPath,
  LIST_PATH,
  linkToAll,
  type MachineQuery,
  parseColumns,
  parseQuery,
  queryText,
  type Sort,
  writtenColumns,
} from './machine-query.ts';
import { deviceRow, MANY_FORM, machineRow, type RowContext } from './machine-row.ts';

/** Machines read or rendered in one turn of the event loop, so that large records delay no other request. */
export const TURN_MACHINES = 20;

/** Those that a click on a heading sorts by. */
const SORT_OF: Readonly<Partial<Record<Column, Sort>>> = {
  state: 'state',
  owner: 'owner',
  network: 'address',
  power: 'power',
};

/** A further click reverses the order. */
function sortLink(query: MachineQuery, sort: Sort, text: string) {
  const isCurrent = query.sort === sort;
  const to = formatMachinesPath(query, { sort, isDescending: isCurrent && !query.isDescending });
  const mark = isCurrent ? html`<span aria-hidden="true">${query.isDescending ? ' ▼' : ' ▲'}</span>` : nothing;
  return html`<a href="${to}" title="${words.machines.sortBy(text)}"${isCurrent ? html` aria-current="true"` : nothing}>${text}${mark}</a>`;
}

function renderColumnHeading(query: MachineQuery, column: Column) {
  const { columns, hardwareSorts } = words.machines;
  const sort = SORT_OF[column];
  if (column === 'hardware') {
    const sorts = (['cores', 'memory', 'storage'] as const).map((sort) => sortLink(query, sort, hardwareSorts[sort]));
    return html`<th class="hardware" aria-label="${columns.hardware}"><div class="sorts">${sorts}</div></th>`;
  }
  const text = columns[column];
  return html`<th class="${column}">${sort === undefined ? text : sortLink(query, sort, text)}</th>`;
}

/** Ticks all of the page; without its script it would do nothing, so only the script shows it. */
const tickAll = ({ viewer }: View) =>
  viewer.csrf === ''
    ? nothing
    : html`<input type="checkbox" class="tick" data-ticks="machine" aria-label="${words.many.tickAll}" hidden>`;

function renderTableHead(view: View, query: MachineQuery, columns: readonly Column[]) {
  const { devices, columns: names } = words.machines;
  if (query.isDevices) {
    const others = Object.values(devices.columns).map((text) => html`<th>${text}</th>`);
    return html`<tr><th class="first">${tickAll(view)}${sortLink(query, 'name', devices.first)}</th>${others}</tr>`;
  }
  const others = columns.map((column) => renderColumnHeading(query, column));
  return html`<tr><th class="first">${tickAll(view)}${sortLink(query, 'name', names.first)}</th>${others}</tr>`;
}

async function renderMachineTable(view: View, query: MachineQuery, { machines }: Chosen, context: RowContext) {
  const { store } = view.region;
  const wanted = machines.slice((query.page - 1) * query.size, query.page * query.size);
  const rows: Html[] = [];
  for (let from = 0; from < wanted.length; from += TURN_MACHINES) {
    await nextTurn();
    if (view.hasLeft?.() === true) break;
    const systemIds = wanted.slice(from, from + TURN_MACHINES).map(({ systemId }) => systemId);
    const filter = { systemIds, isDevice: query.isDevices };
    const read = new Map<string, Machine>();
    for (const machine of await store.listMachines(filter, 0, TURN_MACHINES)) read.set(machine.systemId, machine);
    const events = context.columns.includes('event') ? await store.newestEvents(systemIds, true) : undefined;
    const boots = await findFailedBoots(view, [...read.values()].filter(isBooting));
    for (const systemId of systemIds) {
      const machine = read.get(systemId);
      // Undefined: it was removed meanwhile.
      if (machine === undefined) continue;
      const findings = { event: events?.get(systemId), boot: boots.get(systemId) };
      rows.push(query.isDevices ? deviceRow(view, machine, context) : machineRow(view, machine, findings, context));
    }
  }
  const head = renderTableHead(view, query, context.columns);
  const style = query.isDevices ? 'devices' : context.isPicked ? 'machines picked' : 'machines';
  return html`<div class="sheet"><table class="${style}"><thead>${head}</thead><tbody>${rows}</tbody></table></div>`;
}

/** The form to which the ticks belong. What it asks for is shown before anything happens. */
function manyForm(view: View, query: MachineQuery, { machines }: Chosen) {
  const actions = offeredActions(view.viewer, query.isDevices);
  if (view.viewer.csrf === '' || actions.length === 0 || machines.length === 0) return nothing;
  const { fold, which, action, chooseAction, proceed } = words.many;
  const onPage = Math.min(query.size, machines.length - (query.page - 1) * query.size);
  const scopes = [
    ['ticked', which.ticked],
    ...(onPage === machines.length ? [] : [['page', which.page(onPage)] as const]),
    ['all', which.all(machines.length)],
  ] as const;
  const option = ([value, text]: readonly [string, string]) => html`<option value="${value}">${text}</option>`;
  return html`
    <details class="fold" id="many-fold"><summary class="button plain">${fold}</summary></details>
    <form class="many folded" id="${MANY_FORM}" method="get" action="${MANY_PATH}">${hiddenField('query', queryText(query))}
    <select name="which" aria-label="${which.label}">${scopes.map(option)}</select>
    <select name="action" aria-label="${action}" required><option value="">${chooseAction}</option>${actions.map(({ name, texts }) => option([name, texts().label]))}</select>
    <button class="button plain">${proceed}</button></form>`;
}

function kindTabs(query: MachineQuery, machines: number, devices: number) {
  if (devices === 0 && !query.isDevices) return nothing;
  const { kinds } = words.machines;
  const tab = (isDevices: boolean, text: string) =>
    html`<a href="${linkToAll({ ...query, isDevices, sort: undefined })}"${query.isDevices === isDevices ? html` aria-current="true"` : nothing}>${text}</a>`;
  return html`<nav class="tabs" aria-label="${kinds.heading}">${tab(false, kinds.machines(machines))}${tab(true, kinds.devices(devices))}</nav>`;
}

const emptySheet = ({ title, hint }: { readonly title: string; readonly hint: string }, more: Html = nothing) =>
  html`<div class="sheet empty"><b>${title}</b><span class="soft">${hint}</span>${more}</div>`;

function nothingToShow(query: MachineQuery, { total }: Chosen) {
  const { empty, devices, noneFits, filters } = words.machines;
  if (total === 0) return emptySheet(query.isDevices ? devices.empty : empty);
  const clear = html`<div class="buttons centred"><a class="button plain" href="${linkToAll(query)}">${filters.all}</a></div>`;
  return emptySheet({ title: noneFits.title, hint: noneFits.hint(total) }, clear);
}

/** The parts of the page, each refreshed separately. */
async function listParts(view: View): Promise<{ readonly title: string; readonly parts: Html }> {
  const { region } = view;
  const all = await getMachineIndex(region).list();
  const requested = parseQuery(view.query);
  const chosen = choose(all, requested, region);
  const { machines, total } = chosen;
  const query = {
    ...requested,
    page: Math.min(requested.page, Math.max(1, Math.ceil(machines.length / requested.size))),
  };
  const remembered = view.remembered?.('columns');
  const columns = chooseColumns(query, remembered);
  const isPicked = (query.columns ?? remembered) !== undefined;
  const hasOwners = machines.some(({ owner }) => owner !== undefined);
  const context: RowContext = {
    where: readPlacement(region),
    hasRacks: region.racks.accepted().length > 1,
    isPicked,
    // Nobody misses the owners of machines that have none.
    columns: !isPicked && !hasOwners ? columns.filter((column) => column !== 'owner') : columns,
  };
  const ofKind = all.filter(({ isDevice }) => isDevice === query.isDevices);
  const others = all.length - ofKind.length;
  const table =
    machines.length === 0 ? nothingToShow(query, chosen) : await renderMachineTable(view, query, chosen, context);
  return {
    title: query.isDevices ? words.machines.devices.title(total) : words.machines.title(total),
    parts: html`
      <div id="kinds">${query.isDevices ? kindTabs(query, others, total) : kindTabs(query, total, others)}</div>
      <div id="counts">${query.isDevices ? nothing : renderStatusCounts(chosen.counts, query)}</div>
      <div id="filters">${total === 0 ? nothing : renderMachineFilters(view, query, chosen, ofKind)}</div>
      <div id="list-bar" class="list-bar">${total === 0 ? nothing : html`${manyForm(view, query, chosen)}${renderPager(query, machines.length, false)}${columnsForm(view, query, columns)}`}</div>
      <div id="machines">${table}</div>
      <div id="list-end" class="list-bar">${renderPager(query, machines.length, true)}</div>`,
  };
}

export const ACCEPT_ALL = 'POST machines accept_all';

export async function acceptAll(view: View): Promise<Html> {
  const count = await view.region.store.countMachines({ statuses: ['new'] });
  if (count === 0 || !mayCall(view.viewer, ACCEPT_ALL)) return nothing;
  return renderForm(view, { body: nothing, submit: words.machines.acceptAll(count), tone: 'plain', isInline: true });
}

/** Only who may send a form is led to one. */
const addLinks = ({ viewer, query }: View): Html =>
  viewer.csrf === ''
    ? nothing
    : query.get('kind')?.at(-1) === 'devices'
      ? html`<a class="button plain" href="${ADD_DEVICE_PATH}">${words.adding.device.title}</a>`
      : html`<a class="button plain" href="${ADD_MACHINE_PATH}">${words.adding.machine.title}</a>`;

export async function renderPage(view: View): Promise<Html> {
  const { title, parts } = await listParts(view);
  return renderFullPage(view, {
    title,
    place: 'machines',
    isLive: true,
    main: html`<div id="bar" class="bar"><h1>${words.machines.heading}</h1>${await acceptAll(view)}${addLinks(view)}</div>${parts}`,
  });
}

/**
 * The form of columns, which the browser then remembers, or else the button that accepts all New
 * machines.
 */
async function actOnMachines(view: View): Promise<Outcome> {
  if (!view.form.has('query')) return submit(view, ACCEPT_ALL, {}, {}, LIST_PATH, words.machines.accepted);
  const columns = parseColumns(view.form.get('columns') ?? []) ?? [];
  const to = formatMachinesPath(parseQuery(parseTargetQuery(fieldValue(view, 'query'))));
  return { kind: 'done', to, text: '', remember: { name: 'columns', value: writtenColumns(columns) } };
}

export const MACHINES_PAGE: PageDefinition = {
  path: LIST_PATH,
  access: 'user',
  render: renderPage,
  act: actOnMachines,
  operations: [ACCEPT_ALL],
};
