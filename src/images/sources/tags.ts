// The tags of a document of products. Each level passes its tags down, unless a lower level has the same tag:
//
//   document ─▶ product ─▶ version ─▶ item
//
// Source: simplestreams 0.1, which merges the levels in this order, and adds product_name,
// version_name and item_name.
//
// 1. Numbers and booleans become the text that simplestreams, a Python program, makes, so that filters match.
// 2. An object or a list is the level below, not a tag. In place of a tag of READ it is a fault.
// 3. `_aliases` abbreviates repeated tags: `{ crsn: { ne1: { region: … } } }` adds the tags of
//    `ne1` to every level with `crsn: ne1` that lacks them.

import { type Fields, isFields } from '../../ground/fields.ts';
import { memberPath } from './document-fault.ts';
import type { FieldReader } from './field-reader.ts';

type TagMap = ReadonlyMap<string, string>;

/** The levels, the innermost first. */
export type Tags = readonly TagMap[];

/** Fields of `_aliases`, by tag and by value. */
type TagAliases = ReadonlyMap<string, ReadonlyMap<string, TagMap>>;

/** The longest known one, `subarches` of MAAS, has some 350. */
const TAG_CHARACTERS_MAX = 4096;
const TAGS_MAX = 200;
/** Bounds the tags of all levels, with all that aliases offer. Ubuntu's largest document has some 300 000. */
const ALL_TAGS_MAX = 1_000_000;
/** An object or a list in place of these is a fault. */
const READ: ReadonlySet<string> = new Set(
  'path size sha256 sha512 ftype os release version aliases release_title arch subarch subarches label support_eol'.split(
    ' ',
  ),
);
const ALIASES_MAX = 10_000;

/** Finds a tag at the innermost level that has it; undefined: none has. */
export function findTag(tags: Tags, name: string): string | undefined {
  for (const level of tags) {
    const value = level.get(name);
    if (value !== undefined) return value;
  }
  return undefined;
}

/** The value of a tag; empty: no level has it. */
export const getTag = (tags: Tags, name: string): string => findTag(tags, name) ?? '';

export class TagReader {
  readonly #reader: FieldReader;
  readonly #aliases: TagAliases;
  #tags = 0;

  constructor(reader: FieldReader, document: Fields) {
    this.#reader = reader;
    this.#aliases = readAliases(reader, document);
  }

  /** @param named the name of the level, as a tag */
  level(fields: Fields, path: string, named: readonly (readonly [string, string])[] = []): TagMap {
    const level = readTags(this.#reader, fields, path);
    for (const [name, value] of [...level]) {
      const implied = this.#aliases.get(name)?.get(value);
      this.#tags += 1 + (implied?.size ?? 0);
      for (const [other, text] of implied ?? []) if (!level.has(other)) level.set(other, text);
    }
    checkCount(this.#reader, path, level.size);
    if (this.#tags > ALL_TAGS_MAX)
      this.#reader.fail('too-large', path, `at most ${ALL_TAGS_MAX} tags in all levels`, this.#tags);
    for (const [name, value] of named) level.set(name, value);
    return level;
  }
}

function checkCount(reader: FieldReader, path: string, tags: number): void {
  if (tags > TAGS_MAX) reader.fail('too-large', path, `at most ${TAGS_MAX} tags`, tags);
}

function readTags(reader: FieldReader, fields: Fields, path: string): Map<string, string> {
  const tags = new Map<string, string>();
  for (const [name, value] of Object.entries(fields)) {
    const text = tagText(value);
    if (text === undefined) {
      if (READ.has(name) && value !== null) reader.fail('wrong-type', memberPath(path, name), 'a text', value);
      continue;
    }
    if (text.length > TAG_CHARACTERS_MAX)
      reader.fail('too-large', memberPath(path, name), `at most ${TAG_CHARACTERS_MAX} characters`, text);
    tags.set(name, text);
  }
  checkCount(reader, path, tags.size);
  return tags;
}

/** The value as text; undefined: it is not text, a number or a boolean. */
function tagText(value: unknown): string | undefined {
  if (typeof value === 'string') return value;
  if (typeof value === 'number') return String(value);
  return typeof value === 'boolean' ? (value ? 'True' : 'False') : undefined;
}

function readAliases(reader: FieldReader, document: Fields): TagAliases {
  const key = '_aliases';
  if (!Object.hasOwn(document, key)) return new Map();
  const byTag = reader.members(document, key, '', 'tags', TAGS_MAX);
  const values = (name: string, of: unknown): ReadonlyMap<string, TagMap> => {
    const at = memberPath(key, name);
    const members = Object.entries(reader.object(of, at));
    if (members.length > ALIASES_MAX) reader.fail('too-large', at, `at most ${ALIASES_MAX} values`, members.length);
    return new Map(
      members.flatMap(([value, tags]) =>
        isFields(tags) ? [[value, readTags(reader, tags, memberPath(at, value))]] : [],
      ),
    );
  };
  return new Map(byTag.map(([name, of]) => [name, values(name, of)]));
}
