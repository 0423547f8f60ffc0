// Adds entries to a list of the settings, or removes some. The list may be written as one text, as
// in `dns.upstream`. Pure.
//
// 1. An entry that is there already is not added again.
// 2. An entry to remove is named by its whole value, by some of its fields, or by the value of one
//    field: `10.20.0.10` names the reservation of that address. A name that fits several different
//    entries is refused: nothing is removed by accident.

import { isDeepStrictEqual } from 'node:util';
import { parseMac } from '../ground/address.ts';
import { isSettings, type SettingValue } from '../machines/settings.ts';

/** Entries to add to a list, or to remove from it. */
export interface EntriesEdit {
  readonly kind: 'add' | 'remove';
  readonly entries: readonly SettingValue[];
}

/** The entries of a value that a key of a list has; `undefined`: it is no list. */
export function parseListEntries(value: SettingValue | undefined): readonly SettingValue[] | undefined {
  if (value === undefined || value === null) return [];
  if (typeof value === 'string') return value.split(/[\s,]+/).filter((word) => word !== '');
  return Array.isArray(value) ? value : undefined;
}

/** The list after the edit, or why it cannot be edited. */
export function editEntries(
  before: SettingValue | undefined,
  { kind, entries }: EntriesEdit,
): { readonly list: readonly SettingValue[] } | { readonly fault: string } {
  let list = parseListEntries(before);
  if (list === undefined) return { fault: 'its value is no list, so it has no entries to add or remove' };
  for (const entry of entries) {
    if (kind === 'add') {
      if (!list.some((item) => isSameEntry(item, entry))) list = [...list, entry];
      continue;
    }
    const [match, other] = list.filter((item) => isNamedBy(item, entry));
    const name = JSON.stringify(entry);
    if (match === undefined) return { fault: `no entry is ${name}: nothing to remove` };
    if (other !== undefined && !isDeepStrictEqual(match, other))
      return {
        fault: `several entries fit ${name}, such as ${JSON.stringify(match)} and ${JSON.stringify(other)}: name more fields`,
      };
    list = list.filter((item) => !isNamedBy(item, entry));
  }
  return { list };
}

/** True if `name` names the entry (rule 2). */
export function isNamedBy(entry: SettingValue, name: SettingValue): boolean {
  if (!isSettings(entry)) return isSameEntry(entry, name);
  if (!isSettings(name)) return Object.values(entry).some((value) => isSameEntry(value, name));
  return Object.entries(name).every(
    ([field, value]) => Object.hasOwn(entry, field) && isSameEntry(entry[field], value),
  );
}

const isSameEntry = (first: SettingValue | undefined, other: SettingValue): boolean =>
  isDeepStrictEqual(first, other) || (isScalar(first) && isScalar(other) && comparable(first) === comparable(other));

const isScalar = (value: SettingValue | undefined): value is string | number | boolean | null =>
  value === null || (typeof value !== 'object' && value !== undefined);

/** Hardware addresses have several spellings; names and numbers in quotes are the same, too. */
function comparable(value: string | number | boolean | null): string {
  const text = String(value);
  return String(parseMac(text) ?? text.toLowerCase());
}
