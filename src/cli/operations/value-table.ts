// Any answer of the API as text for people: lists as tables, objects as fields.
//
// 1. A table has as many columns as fit into the width, those that name an entry first. `--json`
//    shows everything.
// 2. An object around one list, such as a page of events, is shown as the table of the list, then
//    as the fields that it has besides.

import { isFields } from '../../ground/fields.ts';

/** What a person looks for first, in this order. */
const FIRST = [
  'id',
  'system_id',
  'uuid',
  'name',
  'hostname',
  'username',
  'title',
  'status_name',
  'status',
  'cidr',
  'ip',
  'created',
  'level',
  'type',
];
/** Links for programs. */
const LEFT_OUT: ReadonlySet<string> = new Set(['resource_uri']);
const CELL_CHARACTERS_MAX = 40;
const GAP = 2;
/** An object inside a cell is shown by the first of these fields that has a value. */
const NAMES = ['name', 'hostname', 'fqdn', 'title', 'id'];
/** The same for an object that has further fields, such as the address of a name. */
const NAMES_OF_SEVERAL = ['ip', 'cidr', 'mac_address'];

interface Table {
  readonly headings: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

/** Empty if it contains nothing to show. */
export function formatValue(value: unknown): string {
  if (value === null || value === undefined) return '';
  if (Array.isArray(value))
    return value
      .map(formatValue)
      .filter((text) => text !== '')
      .join(', ');
  if (!isFields(value)) return String(value);
  const name = NAMES.find((key) => Object.hasOwn(value, key) && formatValue(value[key]) !== '');
  if (name !== undefined) return formatValue(value[name]);
  const parts = Object.entries(value)
    .map(([key, field]): [string, string] => [key, formatValue(field)])
    .filter(([, text]) => text !== '');
  const named = parts.length > 1 ? parts.find(([key]) => NAMES_OF_SEVERAL.includes(key)) : undefined;
  return named?.[1] ?? parts.map(([key, text]) => `${key}=${text}`).join(' ');
}

const formatCell = (value: unknown): string => {
  const text = formatValue(value).replaceAll('\n', ' ');
  return text.length <= CELL_CHARACTERS_MAX ? text : `${text.slice(0, CELL_CHARACTERS_MAX - 1)}…`;
};

const columnRank = (key: string): number => (FIRST.includes(key) ? FIRST.indexOf(key) : FIRST.length);

/** @param width columns of the terminal */
export function buildTable(list: readonly unknown[], width: number): Table {
  if (!list.every(isFields)) return { headings: ['VALUE'], rows: list.map((value) => [formatCell(value)]) };
  const keys = [...new Set(list.flatMap((entry) => Object.keys(entry)))].filter((key) => !LEFT_OUT.has(key));
  const columns = keys
    .map((key) => ({ key, cells: list.map((entry) => formatCell(entry[key])) }))
    .filter(({ cells }) => cells.some((text) => text !== ''))
    .toSorted((a, b) => columnRank(a.key) - columnRank(b.key));
  const fitting: typeof columns = [];
  let used = 0;
  for (const column of columns) {
    const wide = Math.max(column.key.length, ...column.cells.map(({ length }) => length)) + GAP;
    if (fitting.length > 0 && used + wide > width) continue;
    fitting.push(column);
    used += wide;
  }
  return {
    headings: fitting.map(({ key }) => key.toUpperCase().replaceAll('_', ' ')),
    rows: list.map((_, index) => fitting.map(({ cells }) => cells[index] ?? '')),
  };
}

/** The one list of objects in an object, and its other fields; undefined: it has none, or several. */
export function listIn(
  value: object,
): { readonly list: readonly unknown[]; readonly others: Readonly<Record<string, unknown>> } | undefined {
  const entries = Object.entries(value);
  const lists = entries.filter(([, field]) => Array.isArray(field));
  const [[name, list] = ['', []]] = lists;
  const isPage = lists.length === 1 && Object.hasOwn(value, 'count') && list.every(isFields);
  return isPage ? { list, others: Object.fromEntries(entries.filter(([key]) => key !== name)) } : undefined;
}

/** Nested objects and lists are in a few words. */
export const listFields = (value: object): readonly (readonly [string, string])[] =>
  Object.entries(value).flatMap(([key, field]): readonly (readonly [string, string])[] => {
    const text = formatValue(field);
    return LEFT_OUT.has(key) || text === '' ? [] : [[key.replaceAll('_', ' '), text]];
  });
