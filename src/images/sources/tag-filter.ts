// Filters on the tags of an item, as `sstream-mirror` accepts them: `arch=amd64`,
// `subarch~(generic|hwe-t)`, `label!=daily`, `release!~^x`.
//
// Sources: filters.py of simplestreams 0.1 (the form of a filter. A missing tag counts as empty,
// and `~` finds its expression anywhere in the value).
//
// 1. Values come from strangers, so expressions run in linear time: RE2 (`re2js`) never backtracks.
//    Errors name features of Python that it lacks, such as back references.
// 2. Only a filter with an expression loads the package.

import { cleanText } from '../../ground/clean-text.ts';
import { errorText } from '../../ground/errors.ts';
import { getTag, type Tags } from './tags.ts';

export interface TagFilter {
  readonly text: string;
  readonly tag: string;
  readonly matches: (tags: Tags) => boolean;
}

type ParsedFilters =
  | { readonly ok: true; readonly filters: readonly TagFilter[] }
  | { readonly ok: false; readonly problem: string };

const FILTERS_MAX = 64;
/** Longer expressions or values are refused. */
const FILTER_CHARACTERS_MAX = 512;
/** Bound on the results that a filter remembers. Most items share their values. */
const RESULTS_MAX = 1024;
const FILTER = /^([\w-]+) *(!?[=~]) *(.*)$/s;

/** Parses filters. An item must match all of them. */
export async function parseTagFilters(texts: readonly string[]): Promise<ParsedFilters> {
  if (texts.length > FILTERS_MAX) return { ok: false, problem: `use at most ${FILTERS_MAX} filters` };
  const filters: TagFilter[] = [];
  for (const text of texts) {
    const parsed = await parseFilter(text);
    if (typeof parsed === 'string') return { ok: false, problem: `${cleanText(text)} is not a filter: ${parsed}` };
    filters.push(parsed);
  }
  return { ok: true, filters };
}

/** Parses a filter. @returns the filter, or a text with the problem */
async function parseFilter(text: string): Promise<TagFilter | string> {
  if (text.length > FILTER_CHARACTERS_MAX) return `use at most ${FILTER_CHARACTERS_MAX} characters`;
  const [, name, operator = '', padded = ''] = FILTER.exec(text) ?? [];
  if (name === undefined) return 'write TAG=VALUE, TAG!=VALUE, TAG~EXPRESSION or TAG!~EXPRESSION';
  const value = padded.trimEnd();
  const findsValue = operator.endsWith('=') ? (tag: string): boolean => tag === value : await compileExpression(value);
  if (typeof findsValue === 'string') return findsValue;
  const shouldFind = !operator.startsWith('!');
  return { text, tag: name, matches: (tags) => findsValue(getTag(tags, name)) === shouldFind };
}

/** Compiles an expression. @returns a function that searches for it, or a text with the problem */
async function compileExpression(source: string): Promise<((text: string) => boolean) | string> {
  const { RE2JS } = await import('re2js');
  try {
    const expression = RE2JS.compile(source);
    const results = new Map<string, boolean>();
    return (text) => {
      const knownResult = results.get(text);
      if (knownResult !== undefined) return knownResult;
      const isMatch = expression.matcher(text).find();
      if (results.size < RESULTS_MAX) results.set(text, isMatch);
      return isMatch;
    };
  } catch (error) {
    return errorText(error);
  }
}
