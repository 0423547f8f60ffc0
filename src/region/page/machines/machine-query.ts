// What a person asks of the list of machines, as its URL has it: filters, order, page and columns;
// and the machines that it chooses.
//
//   /MAAS/machines/?status=ready&zone=hall-2&sort=-memory&page=3&size=100
//
// 1. Everything is in the URL, so a list can be sent to somebody; only the columns are also
//    remembered by the browser.
// 2. A value that the list does not know counts as none: an old link shows more, never an error.
// 3. Filters have the names that they have in the API and in commands.

import { type MachinePlacement, readPlacement } from '../../life/machine-placement.ts';
import { DEFAULT_AREA } from '../../records/area.ts';
import { type MachineStatus, STATUSES } from '../../records/lifecycle.ts';
import { parseSearchText, parseStatuses, STATUS_GROUPS } from '../../records/machine-search.ts';
import type { Region } from '../../region.ts';
import type { IndexedMachine } from './machine-index.ts';

export const LIST_PATH = '/MAAS/machines/';
export const DEVICES_LIST = `${LIST_PATH}?kind=devices`;

export const SIZES = [50, 100, 200] as const;
type Size = (typeof SIZES)[number];

export const SORTS = ['name', 'state', 'address', 'owner', 'power', 'cores', 'memory', 'storage', 'age'] as const;
export type Sort = (typeof SORTS)[number];

/** Each name is also the class that sets the width. */
export const COLUMNS = ['state', 'owner', 'network', 'power', 'hardware', 'zone', 'pool', 'event'] as const;
export type Column = (typeof COLUMNS)[number];
const USUAL_COLUMNS: readonly Column[] = ['state', 'owner', 'network', 'power', 'hardware', 'event'];

/** They narrow the list to machines of one value. */
export const FACETS = ['rack', 'zone', 'pool', 'tags', 'owner', 'arch'] as const;
export type Facet = (typeof FACETS)[number];

export interface MachineQuery extends Readonly<Record<Facet, string>> {
  readonly isDevices: boolean;
  /** As the person wrote it. */
  readonly text: string;
  /** A state, a group of states, or empty. */
  readonly status: string;
  /** Undefined: those that need a person first. */
  readonly sort: Sort | undefined;
  readonly isDescending: boolean;
  /** From 1. */
  readonly page: number;
  readonly size: Size;
  /** Undefined: those that the browser remembers, or the usual ones. */
  readonly columns: readonly Column[] | undefined;
}

type Fields = ReadonlyMap<string, readonly string[]>;

const isInList = <T>(list: readonly T[], value: unknown): value is T => list.some((entry) => entry === value);

export function parseColumns(names: readonly string[] | undefined): readonly Column[] | undefined {
  const wanted = names?.flatMap((name) => name.split('_'));
  return wanted === undefined ? undefined : COLUMNS.filter((column) => wanted.includes(column));
}

/** For a URL and a cookie. */
export const writtenColumns = (columns: readonly Column[]): string => columns.join('_') || 'none';

export function parseQuery(fields: Fields): MachineQuery {
  const textOf = (name: string): string => fields.get(name)?.at(-1)?.trim() ?? '';
  const order = textOf('sort');
  const sort = order.replace(/^-/, '');
  const size = Number(textOf('size'));
  const status = textOf('status');
  return {
    isDevices: textOf('kind') === 'devices',
    text: textOf('q'),
    status: parseStatuses(status) === undefined ? '' : status,
    rack: textOf('rack'),
    zone: textOf('zone'),
    pool: textOf('pool'),
    tags: textOf('tags'),
    owner: textOf('owner'),
    arch: textOf('arch'),
    sort: isInList(SORTS, sort) ? sort : undefined,
    isDescending: order.startsWith('-'),
    page: Math.max(1, Math.trunc(Number(textOf('page'))) || 1),
    size: isInList(SIZES, size) ? size : SIZES[0],
    columns: parseColumns(fields.get('columns')),
  };
}

/** The query of a URL, without what goes without saying; with its question mark. */
export function queryText(query: MachineQuery): string {
  const fields = new URLSearchParams();
  const add = (name: string, value: string, usual = ''): void => {
    if (value !== usual) fields.set(name, value);
  };
  add('kind', query.isDevices ? 'devices' : '');
  add('q', query.text);
  add('status', query.status);
  for (const facet of FACETS) add(facet, query[facet]);
  add('sort', query.sort === undefined ? '' : `${query.isDescending ? '-' : ''}${query.sort}`);
  add('page', String(query.page), '1');
  add('size', String(query.size), String(SIZES[0]));
  if (query.columns !== undefined) fields.set('columns', writtenColumns(query.columns));
  return fields.size === 0 ? '' : `?${fields}`;
}

/** The list with other wishes, from its first page. */
export const formatMachinesPath = (query: MachineQuery, changes: Partial<MachineQuery> = {}): string =>
  `${LIST_PATH}${queryText({ ...query, page: 1, ...changes })}`;

export const isNarrowed = ({ text, status, ...query }: MachineQuery): boolean =>
  text !== '' || status !== '' || FACETS.some((facet) => query[facet] !== '');

/** The list without its filters. */
export const linkToAll = (query: MachineQuery): string =>
  formatMachinesPath(query, { text: '', status: '', rack: '', zone: '', pool: '', tags: '', owner: '', arch: '' });

export const chooseColumns = (query: MachineQuery, remembered: string | undefined): readonly Column[] =>
  query.columns ?? parseColumns(remembered === undefined ? undefined : [remembered]) ?? USUAL_COLUMNS;

/** What a machine has of a facet. */
export function listFacetValues(machine: IndexedMachine, facet: Facet, where: MachinePlacement): readonly string[] {
  switch (facet) {
    case 'rack':
      return where.racksOf(machine).map(({ name }) => name);
    case 'zone':
      return [machine.zone ?? DEFAULT_AREA];
    case 'pool':
      return [machine.pool ?? DEFAULT_AREA];
    case 'tags':
      return machine.tags;
    case 'owner':
      return machine.owner === undefined ? [] : [machine.owner];
    case 'arch':
      return [machine.architecture];
  }
}

export interface Chosen {
  /** All that match, in order. */
  readonly machines: readonly IndexedMachine[];
  /** Of those that match but for their state. */
  readonly counts: ReadonlyMap<MachineStatus, number>;
  /** Of this kind, before any filter. */
  readonly total: number;
}

const RANKS = new Map(
  Object.values(STATUS_GROUPS).flatMap((statuses, rank) => statuses.map((status) => [status, rank] as const)),
);
const STATUS_PLACES = new Map(STATUSES.map(({ status }, place) => [status, place]));

/** What an order compares; undefined: unknown. */
function getSortKey(machine: IndexedMachine, sort: Sort | undefined, region: Region, where: MachinePlacement) {
  switch (sort) {
    case undefined:
      return RANKS.get(machine.status);
    case 'name':
      return machine.nameKey;
    case 'state':
      return STATUS_PLACES.get(machine.status);
    case 'address':
      return where.addressesOf(machine)[0];
    case 'owner':
      return machine.owner;
    case 'power':
      return region.power?.reading(machine.systemId)?.state ?? machine.powerState;
    case 'cores':
      return machine.cores || undefined;
    case 'memory':
      return machine.memoryMib || undefined;
    case 'storage':
      return machine.storageBytes || undefined;
    case 'age':
      return -machine.createdMs;
  }
}

/** Those of which the key is unknown come last. Equal ones stay in the order of their ids. */
function sortMachines(
  machines: readonly IndexedMachine[],
  query: MachineQuery,
  region: Region,
  where: MachinePlacement,
) {
  const sign = query.isDescending ? -1 : 1;
  return machines
    .map((machine) => ({ machine, key: getSortKey(machine, query.sort, region, where) }))
    .sort(({ key: one }, { key: other }) => {
      if (one === undefined || other === undefined) return Number(one === undefined) - Number(other === undefined);
      return one < other ? -sign : one > other ? sign : 0;
    })
    .map(({ machine }) => machine);
}

export function choose(all: readonly IndexedMachine[], query: MachineQuery, region: Region): Chosen {
  const where = readPlacement(region);
  const text = parseSearchText(query.text);
  const facets = FACETS.filter((facet) => query[facet] !== '');
  const ofKind = all.filter(({ isDevice }) => isDevice === query.isDevices);
  const matching = ofKind.filter(
    (machine) =>
      machine.words.includes(text) &&
      facets.every((facet) => listFacetValues(machine, facet, where).includes(query[facet])),
  );
  const counts = new Map<MachineStatus, number>();
  for (const { status } of matching) counts.set(status, (counts.get(status) ?? 0) + 1);
  const statuses = parseStatuses(query.status);
  const chosen = statuses === undefined ? matching : matching.filter(({ status }) => statuses.includes(status));
  return { machines: sortMachines(chosen, query, region, where), counts, total: ofKind.length };
}
