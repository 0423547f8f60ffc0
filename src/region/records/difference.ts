// What differs between a row before and after a change: the store puts it into the event of the
// change (`store/operations/region-events.ts`).
//
// 1. A value that may be secret, or is too long for a sentence, is left out: only its field is
//    named.
// 2. Where nothing differs there is no difference, whatever was sent: a change of nothing has no event.

import { isDeepStrictEqual } from 'node:util';
import { formatIpv4, ipv4 } from '../../ground/address.ts';
import { withoutUsers } from '../../ground/clean-text.ts';
import { type Fields, isFields } from '../../ground/fields.ts';

export interface Difference {
  /** `dns.upstream`, `kernelParams`. */
  readonly field: string;
  /** Empty: it had no value; `undefined`: the value is not shown. */
  readonly from?: string | undefined;
  readonly to?: string | undefined;
}

const VALUE_CHARACTERS_MAX = 80;

/** Names of fields whose values may be secret. A script may contain a password. */
const SECRET = /pass|secret|token|key(?!ringFilename)|hash|k_g|content/i;
/** Fields that people do not change. */
const INTERNAL = /^(?:id|isTouched|revision)$|Ms$/;

/** The fields of networks' rows that hold addresses. */
const ADDRESSES = /^(?:gateway|low|high|address)$/;

const isNone = (value: unknown): boolean =>
  value === undefined ||
  value === null ||
  value === '' ||
  (typeof value === 'object' && Object.keys(value).length === 0);

/** An entry of a list, or a whole object: its values, each after the one before. */
function formatDifferingValue(value: unknown): string {
  if (Array.isArray(value)) return value.map(formatDifferingValue).join(', ');
  if (!isFields(value)) return isNone(value) ? '' : withoutUsers(String(value));
  return Object.entries(value)
    .flatMap(([name, part]) => (SECRET.test(name) || isNone(part) ? [] : formatDifferingValue(part)))
    .join(' ');
}

function shownValue(field: string, value: unknown): string | undefined {
  if (isNone(value)) return '';
  if (SECRET.test(field)) return undefined;
  const isAddress = typeof value === 'number' && ADDRESSES.test(field);
  const words = isAddress ? formatIpv4(ipv4(value)) : formatDifferingValue(value);
  return words.length > VALUE_CHARACTERS_MAX ? undefined : words;
}

/** The same text for equal values: a list may have 65 536, too many to compare each with each. */
const sortedJson = (value: unknown): string | undefined =>
  JSON.stringify(value, (_, part: unknown) =>
    isFields(part) ? Object.fromEntries(Object.entries(part).sort(([a], [b]) => (a < b ? -1 : 1))) : part,
  );

function differencesAt(field: string, from: unknown, to: unknown): readonly Difference[] {
  if (isDeepStrictEqual(from, to) || (isNone(from) && isNone(to))) return [];
  if (!SECRET.test(field) && isFields(from) && isFields(to)) return differencesIn(from, to, `${field}.`);
  if (!Array.isArray(from) || !Array.isArray(to))
    return [{ field, from: shownValue(field, from), to: shownValue(field, to) }];
  const without = (list: readonly unknown[], other: readonly unknown[]) => {
    const present = new Set(other.map(sortedJson));
    return list.filter((entry) => !present.has(sortedJson(entry)));
  };
  const [gone, added] = [without(from, to), without(to, from)];
  const isReordered = gone.length === 0 && added.length === 0;
  return [isReordered ? { field } : { field, from: shownValue(field, gone), to: shownValue(field, added) }];
}

function differencesIn(before: Fields, after: Fields, path: string): readonly Difference[] {
  const names = new Set([...Object.keys(before), ...Object.keys(after)]);
  return [...names]
    .filter((name) => !INTERNAL.test(name))
    .flatMap((name) => differencesAt(path + name, before[name], after[name]));
}

/** The differences of two rows, in the order of their fields. */
export const listDifferences = (before: object, after: object): readonly Difference[] =>
  differencesIn({ ...before }, { ...after }, '');

/** `hostname: calm-ibis → brave-owl; kernel params: none → quiet`. */
export const differencesText = (
  differs: readonly Difference[],
  wordsFor: (field: string) => string,
  none: string,
): string =>
  differs
    .map(({ field, from, to }) => {
      const formatValue = (value: string | undefined) => (value === undefined ? '…' : value === '' ? none : value);
      const isNamed = from === undefined && to === undefined;
      return isNamed ? wordsFor(field) : `${wordsFor(field)}: ${formatValue(from)} → ${formatValue(to)}`;
    })
    .join('; ');
