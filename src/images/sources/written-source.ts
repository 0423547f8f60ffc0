// A source as written in a file, checked one value at a time. `decode-sources.ts` checks the values together.
//
// 1. An unknown key is a problem, never ignored.

import { z } from 'zod';
import { cleanText, withoutUsersIn } from '../../ground/clean-text.ts';
import { isFields } from '../../ground/fields.ts';
import { TITLE_CHARACTERS_MAX } from '../store/image-store.ts';
import { isContainedPath } from './contained-path.ts';
import { fillPlaceholders, listPlaceholders, PLACEHOLDERS } from './placeholders.ts';

const RELEASES_MAX = 256;
const ARCHES_MAX = 32;
const ENTRIES_MAX = 64;
const TEXT_CHARACTERS_MAX = 1024;
const FOUND_SHOWN_MAX = 60;

/**
 * Returns a schema for a string that `parse` accepts. If it does not, the problem names the
 * `expected` form.
 */
function textSchema<T>(expected: string, parse: (text: string) => T | undefined) {
  return z
    .string({
      error: ({ input }) =>
        input === undefined
          ? `is missing: expected ${expected}`
          : `expected ${expected}${typeof input === 'number' ? `, found the number ${input}` : ''}`,
    })
    .transform((text, context): T => {
      const value = text.length > TEXT_CHARACTERS_MAX ? undefined : parse(text.trim());
      if (value !== undefined) return value;
      const shortText = JSON.stringify(cleanText(withoutUsersIn(text, expected), FOUND_SHOWN_MAX));
      context.issues.push({ code: 'custom', message: `expected ${expected}, found ${shortText}`, input: text });
      return z.NEVER;
    });
}

export const patternSchema = (expected: string, form: RegExp) =>
  textSchema(expected, (text) => (form.test(text) ? text : undefined));

export const listSchema = <T extends z.ZodType>(entry: T) =>
  z
    .array(entry, { error: 'expected a list, such as [one, two]' })
    .min(1, { error: 'expected at least one entry' })
    .max(ENTRIES_MAX, { error: `expected at most ${ENTRIES_MAX} entries` });

export const name = patternSchema(
  'a name of lower-case letters and digits, with . _ + - inside',
  /^[a-z0-9][a-z0-9._+-]{0,62}$/,
);
const lineSchema = (expected: string, charactersMax: number) =>
  textSchema(expected, (text) => (text !== '' && cleanText(text, charactersMax) === text ? text : undefined));
const title = lineSchema(`a text of one line, of at most ${TITLE_CHARACTERS_MAX} characters`, TITLE_CHARACTERS_MAX);
const word = patternSchema('letters and digits, with . _ + ~ - inside', /^[A-Za-z0-9][A-Za-z0-9._+~-]{0,62}$/);

const hasOnlyKnownPlaceholders = (text: string): boolean =>
  listPlaceholders(text).every((placeholder) => PLACEHOLDERS.some((name) => name === placeholder));

const fillWithSamples = (text: string): string =>
  fillPlaceholders(text, { release: 'x', version: 'x', serial: 'x', arch: 'x' });

const PLACEHOLDER_LIST = PLACEHOLDERS.map((name) => `{${name}}`).join(', ');

/**
 * Parses a URL with known placeholders, without user name, password and fragment. Undefined if the
 * text is no such URL.
 */
function parseUrl(text: string): URL | undefined {
  const url = URL.canParse(fillWithSamples(text)) ? new URL(fillWithSamples(text)) : undefined;
  const isAllowed =
    url !== undefined && /^https?:$/.test(url.protocol) && url.username + url.password === '' && !text.includes('#');
  return isAllowed && hasOnlyKnownPlaceholders(text) && !/[\s\\]/.test(text) ? url : undefined;
}

const url = textSchema(`an http or https URL, whose only placeholders are ${PLACEHOLDER_LIST}`, (text) =>
  parseUrl(text) === undefined ? undefined : text,
);
const directory = textSchema(
  `the URL of a directory, which ends in /, whose only placeholders are ${PLACEHOLDER_LIST}`,
  (text) => {
    const parsed = parseUrl(text);
    return parsed === undefined || text.includes('?') || !text.endsWith('/') ? undefined : text;
  },
);
const pathSchema = (isPattern: boolean) =>
  textSchema(`a relative path, whose only placeholders are ${PLACEHOLDER_LIST}`, (text) => {
    const filledPath = isPattern ? fillWithSamples(text).replaceAll('*', 'x') : fillWithSamples(text);
    return isContainedPath(filledPath) && hasOnlyKnownPlaceholders(text) ? text : undefined;
  });

const fingerprint = textSchema('a fingerprint of 40 or 64 hexadecimal digits', (text) => {
  const digits = text.replaceAll(' ', '').toUpperCase();
  return /^(?:[0-9A-F]{40}|[0-9A-F]{64})$/.test(digits) ? digits : undefined;
});

const absolutePath = textSchema('an absolute path', (text) =>
  text.startsWith('/') && cleanText(text, TEXT_CHARACTERS_MAX) === text ? text : undefined,
);

const signed = z.strictObject(
  {
    keyrings: listSchema(absolutePath).optional(),
    key_url: url.optional(),
    fingerprints: listSchema(fingerprint).optional(),
    signature: pathSchema(false).optional(),
  },
  { error: 'expected keys with values: keyrings, key_url, fingerprints, signature' },
);

/** Returns a schema for a map of 1 to `max` entries, whose keys are our names. */
const mapSchema = <T extends z.ZodType>(
  expected: string,
  value: T,
  {
    max,
    entries: [singular, plural],
  }: { readonly max: number; readonly entries: readonly [one: string, many: string] },
) =>
  z.preprocess(
    (map, context) => {
      // zod's `record` silently skips this name.
      if (isFields(map) && Object.hasOwn(map, '__proto__')) {
        const message = `no ${singular} may have this name; remove it`;
        context.issues.push({ code: 'custom', message, input: map, path: ['__proto__'] });
      }
      return map;
    },
    z
      .record(name, value, { error: `expected ${expected}` })
      .refine((map) => Object.keys(map).length <= max, { error: `expected at most ${max} ${plural}` })
      .refine((map) => Object.keys(map).length > 0, { error: `expected at least one ${singular}` }),
  );

const arches = mapSchema('our names of architectures with those of the site: { amd64: x86_64 }', word, {
  max: ARCHES_MAX,
  entries: ['architecture', 'architectures'],
});

const baseFields = {
  name,
  title,
  os: name,
  arches,
  signed: signed.optional(),
  unsigned: z.literal(true, { error: 'expected true; otherwise omit the key' }).optional(),
  why: lineSchema('a text of one line', TEXT_CHARACTERS_MAX).optional(),
};

const release = z.strictObject({
  name,
  version: word.optional(),
  title,
  serial: word.optional(),
  fingerprints: listSchema(fingerprint).optional(),
});

const streams = z.strictObject({
  kind: z.literal('simplestreams'),
  ...baseFields,
  url: directory,
  index: pathSchema(false).optional(),
  content_ids: listSchema(
    patternSchema('a content id such as com.ubuntu.cloud:released:download', /^[\w.:+~-]{1,256}$/),
  ),
  ftypes: listSchema(patternSchema('a type of files such as disk1.img', /^[\w.+-]{1,64}$/)).default([]),
  by_name: z.boolean({ error: 'expected true or false' }).default(false),
});

const files = z.strictObject({
  kind: z.literal('files'),
  ...baseFields,
  directory,
  file: pathSchema(true),
  checksums: pathSchema(false),
  checksums_of: z.enum(['directory', 'file'], { error: 'expected directory or file' }).default('directory'),
  releases: z
    .array(release, { error: 'expected a list of releases' })
    .min(1, { error: 'expected at least one release' })
    .max(RELEASES_MAX, { error: `expected at most ${RELEASES_MAX} releases` }),
});

const mirror = textSchema('the http or https URL of a mirror, which ends in /, without placeholders', (text) =>
  parseUrl(text) !== undefined && /^[^?]*\/$/.test(text) && listPlaceholders(text).length === 0 ? text : undefined,
);

const installerRelease = z.strictObject(
  { title, base: name.optional(), images: name.default('netboot') },
  { error: 'expected keys with values: title, base, images' },
);

/** The default source of releases that a file adds. */
const DEFAULT_INSTALLER = 'ubuntu-installer';

/** Releases that a file adds to sources of installers, by their names in the boot tree. */
export const writtenReleases = mapSchema(
  'our names of releases with their titles: { precise04: { title: Ubuntu 12.04 } }',
  z.strictObject(
    { ...installerRelease.shape, source: name.default(DEFAULT_INSTALLER) },
    { error: 'expected keys with values: title, base, images, source' },
  ),
  { max: RELEASES_MAX, entries: ['release', 'releases'] },
);

const installer = z.strictObject({
  kind: z.literal('installer'),
  ...baseFields,
  mirror: mirror.optional(),
  default_mirror: mirror.optional(),
  default_ports_mirror: mirror.optional(),
  releases: mapSchema('our names of releases with their titles: { bookworm: { title: Debian 12 } }', installerRelease, {
    max: RELEASES_MAX,
    entries: ['release', 'releases'],
  }),
});

export const writtenSource = z.discriminatedUnion('kind', [streams, files, installer], {
  error: 'expected simplestreams, files or installer',
});
export type WrittenSource = z.infer<typeof writtenSource>;

/** The keys of sources, and of the maps inside them. */
export const SOURCE_KEYS: readonly string[] = [
  ...new Set([streams, files, installer, signed, release, installerRelease].flatMap(({ shape }) => Object.keys(shape))),
];
