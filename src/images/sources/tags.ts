// The tags of a document of products. Each level passes its tags down, unless a lower level has the same tag:
//
//   document ─▶ product ─▶ version ─▶ item
//
// Source: simplestreams 0.1, which merges the levels in this order, and adds product_name,
// version_name and item_name.
//
// 1. Numbers and booleans become the texts that simplestreams, a Python program, makes of them, so
//    that filters match.
// 2. An object or a list is the next level, not a tag. As the value of a tag of TAGS_READ it is a fault.
// 3. `_aliases` abbreviates repeated tags: `{ crsn: { ne1: { region: … } } }` adds the tags of
//    `ne1` to every level with `crsn: ne1` that lacks them.

import { type Fields, isFields } from '../../ground/fields.ts';
import { memberPath } from './document-fault.ts';
import type { FieldReader } from './field-reader.ts';

type TagMap = ReadonlyMap<string, string>;

/** The levels, the innermost first. */
export type Tags = readonly TagMap[];

/** The fields of `_aliases`: tags by the name and the value that imply them. */
type TagAliases = ReadonlyMap<string, ReadonlyMap<string, TagMap>>;

/** Bound on the characters of a tag. The longest known tag, `subarches` of MAAS, has some 350. */
const TAG_CHARACTERS_MAX = 4096;
const TAGS_MAX = 200;
/**
 * Bound on the tags of all levels, including those that aliases add. Ubuntu's largest document has
 * some 300 000.
 */
const ALL_TAGS_MAX = 1_000_000;
/** Tags that are read. An object or a list as their value is a fault. */
const TAGS_READ: ReadonlySet<string> = new Set(
  'path size sha256 sha512 ftype os release version aliases release_title arch subarch subarches label support_eol'.split(
    ' ',
  ),
);
const ALIASES_MAX = 10_000;

/** Finds a tag at the innermost level that has it. Undefined if no level has it. */
export function findTag(tags: Tags, name: string): string | undefined {
  for (const level of tags) {
    const value = level.get(name);
    if (value !== undefined) return value;
  }
  return undefined;
}

/** Returns the value of a tag. Empty if no level has it. */
export const getTag = (tags: Tags, name: string): string => findTag(tags, name) ?? '';

export class TagReader {
  readonly #reader: FieldReader;
  readonly #aliases: TagAliases;
  #tags = 0;

  constructor(reader: FieldReader, document: Fields) {
    this.#reader = reader;
    this.#aliases = readAliases(reader, document);
  }

  /** @param levelName name of the level, as a tag */
  readLevel(fields: Fields, path: string, levelName: readonly (readonly [string, string])[] = []): TagMap {
    const level = readTags(this.#reader, fields, path);
    for (const [name, value] of [...level]) {
      const aliasTags = this.#aliases.get(name)?.get(value);
      this.#tags += 1 + (aliasTags?.size ?? 0);
      for (const [aliasTag, text] of aliasTags ?? []) if (!level.has(aliasTag)) level.set(aliasTag, text);
    }
    checkTagCount(this.#reader, path, level.size);
    if (this.#tags > ALL_TAGS_MAX)
      this.#reader.fail('too-large', path, `at most ${ALL_TAGS_MAX} tags in all levels`, this.#tags);
    for (const [name, value] of levelName) level.set(name, value);
    return level;
  }
}

function checkTagCount(reader: FieldReader, path: string, tags: number): void {
  if (tags > TAGS_MAX) reader.fail('too-large', path, `at most ${TAGS_MAX} tags`, tags);
}

function readTags(reader: FieldReader, fields: Fields, path: string): Map<string, string> {
  const tags = new Map<string, string>();
  for (const [name, value] of Object.entries(fields)) {
    const text = formatTagText(value);
    if (text === undefined) {
      if (TAGS_READ.has(name) && value !== null) reader.fail('wrong-type', memberPath(path, name), 'a text', value);
      continue;
    }
    if (text.length > TAG_CHARACTERS_MAX)
      reader.fail('too-large', memberPath(path, name), `at most ${TAG_CHARACTERS_MAX} characters`, text);
    tags.set(name, text);
  }
  checkTagCount(reader, path, tags.size);
  return tags;
}

/** Formats a value as text. Undefined unless it is a text, a number or a boolean. */
function formatTagText(value: unknown): string | undefined {
  if (typeof value === 'string') return value;
  if (typeof value === 'number') return String(value);
  return typeof value === 'boolean' ? (value ? 'True' : 'False') : undefined;
}

function readAliases(reader: FieldReader, document: Fields): TagAliases {
  const key = '_aliases';
  if (!Object.hasOwn(document, key)) return new Map();
  const byTag = reader.members(document, key, '', 'tags', TAGS_MAX);
  const readAliasValues = (name: string, valueFields: unknown): ReadonlyMap<string, TagMap> => {
    const tagPath = memberPath(key, name);
    const members = Object.entries(reader.object(valueFields, tagPath));
    if (members.length > ALIASES_MAX)
      reader.fail('too-large', tagPath, `at most ${ALIASES_MAX} values`, members.length);
    return new Map(
      members.flatMap(([value, tags]) =>
        isFields(tags) ? [[value, readTags(reader, tags, memberPath(tagPath, value))]] : [],
      ),
    );
  };
  return new Map(byTag.map(([name, of]) => [name, readAliasValues(name, of)]));
}
