// `rackboot images sources`: the sources of the region.

import { existsSync } from 'node:fs';
import { basename } from 'node:path';
import { z } from 'zod';
import { loadStateDir } from '../../config/config-file.ts';
import { findSourcesProblem, isShippedFile } from '../../config/image-sources.ts';
import { askDaemon } from '../../control/ask-daemon.ts';
import { shellWord } from '../../ground/clean-text.ts';
import { systemClock } from '../../ground/clock.ts';
import { errorText, RackError } from '../../ground/errors.ts';
import { nearestHint } from '../../ground/nearest-name.ts';
import type { ImageSource } from '../../images/sources/source.ts';
import { buildStreamSource, namesIndex } from '../../region/images/region-source.ts';
import { KEYRING_BYTES_MAX } from '../../region/records/boot-store.ts';
import { askRegion, type Fields, printAnswer, requireChange, type Where } from '../terminal/asking.ts';
import { readGivenFile } from '../terminal/given-file.ts';
import { print, printError } from '../terminal/output.ts';
import type { TrustFlags } from './options.ts';

export const PATH = '/MAAS/api/2.0/boot-sources/';

const addedShape = z.looseObject({ id: z.number(), url: z.string() });
/** Null: defined in no file. */
export const pinShape = z
  .object({ file: z.string(), key: z.string(), line: z.number().nullable().default(null) })
  .nullable();
const sourceShape = addedShape.extend({
  name: z.string(),
  pinned_by: pinShape,
  kind: z.string().default(''),
  /** Null: its kind has no index. */
  index: z.string().nullable().default(null),
  unsigned: z.boolean().default(false),
  /** Null: it is signed. */
  why: z.string().nullable().default(null),
  keyring_filename: z.string().default(''),
  keyring_data: z.base64().default(''),
});
export type Source = z.output<typeof sourceShape>;

export const findStateDir = ({ config }: Where): string => loadStateDir(config).stateDir;

export const fetchSources = async (stateDir: string): Promise<readonly Source[]> =>
  z.array(sourceShape).parse(await askDaemon(stateDir, `${PATH}?details=true`));

/** Sources of files and of the running region, in the order of use. */
export interface KnownSources {
  readonly sources: readonly ImageSource[];
  /** Why those of the region are unknown; undefined: they are known. */
  readonly problem?: string;
}

/** Reads the running region's sources after those of files. */
export async function readKnownSources(ofFiles: readonly ImageSource[], stateDir: string): Promise<KnownSources> {
  try {
    const added = (await fetchSources(stateDir)).filter(({ pinned_by: pin }) => pin === null);
    const streams = added.map(({ url, index, why, keyring_filename: keyringFilename, keyring_data: data }) =>
      buildStreamSource({
        url,
        index: index ?? undefined,
        why: why ?? undefined,
        keyringFilename,
        keyring: Buffer.from(data, 'base64'),
      }),
    );
    return { sources: [...ofFiles, ...streams] };
  } catch (error) {
    if (!(error instanceof RackError)) throw error;
    return { sources: ofFiles, problem: errorText(error) };
  }
}

/**
 * As `readKnownSources`, but says in one line if only those of files are known. @param config
 * undefined: no region belongs to it
 */
export async function knownSources(
  ofFiles: readonly ImageSource[],
  config: { readonly stateDir: string } | undefined,
): Promise<readonly ImageSource[]> {
  if (config === undefined) return ofFiles;
  const { sources, problem } = await readKnownSources(ofFiles, config.stateDir);
  if (problem !== undefined) printError(`Note: sources that people added to the region are not used: ${problem}`);
  return sources;
}

/** The URL as `sources add` sends it: a slash ends that of a site. */
const siteUrl = (url: string): string => (url.endsWith('/') || namesIndex(url) ? url : `${url}/`);

/**
 * Finds a source by number, name or URL. @throws RackError `not-found`, or `bad-argument` for a URL
 * that several sources have
 */
export async function findSource(stateDir: string, wanted: string): Promise<Source> {
  const sources = await fetchSources(stateDir);
  const named = sources.find((source) => String(source.id) === wanted || (isNamed(source) && source.name === wanted));
  if (named !== undefined) return named;
  const placed = sources.filter(({ url }) => url === wanted || url === siteUrl(wanted));
  const [found] = placed;
  if (placed.length > 1) {
    const all = placed.map(numberText).join(', ');
    throw new RackError('bad-argument', `several sources have the URL ${wanted}: name one by its number, ${all}`);
  }
  if (found !== undefined) return found;
  const hint = nearestHint(
    wanted,
    sources.map(({ name }) => name),
  );
  throw new RackError(
    'not-found',
    `there is no source ${JSON.stringify(wanted)}; ${hint}\`rackboot images sources list\` shows all`,
  );
}

/** True for a source of a file, which has its own name. */
export const isNamed = ({ name, url }: Source): boolean => name !== url;

const numberText = (source: Source): string => `${source.id} (${isNamed(source) ? source.name : 'added'})`;

async function readKeys(path: string): Promise<Buffer> {
  const bytes = readGivenFile(path, KEYRING_BYTES_MAX);
  const { judgeKeyring } = await import('../../images/sources/keyring.ts');
  const fault = await judgeKeyring(bytes, systemClock.wallTimeMs());
  if (fault === undefined) return bytes;
  if (fault === 'large-keyring') {
    const remedy = `name a file with the keys of the site alone: gpg --export --export-options export-minimal KEY`;
    throw new RackError('bad-argument', `${path} has more keys and signatures than are read: ${remedy}`);
  }
  throw new RackError('bad-argument', `${path} has no OpenPGP keys: name the file with the public keys of the site`);
}

async function trustFields({ keyring, keys, index, unsigned, why }: TrustFlags): Promise<Fields> {
  if (keyring !== undefined && keyring !== '' && !existsSync(keyring)) {
    const text = `there is no file ${keyring} on this host: install the package that has it, or copy the keys of the site there`;
    throw new RackError('bad-argument', text);
  }
  return {
    index,
    unsigned: unsigned?.toString(),
    why,
    keyring_filename: keyring,
    keyring_data: keys && (await readKeys(keys)).toString('base64'),
  };
}

/**
 * Warns of an error in the site's file, whose changes the list then lacks.
 * @returns 1 if there is such an error
 */
export function warnOfFile(config: string): number {
  const problem = findSourcesProblem(config);
  if (problem === undefined) return 0;
  printError(
    `${problem}\nAs long as it has this error, the list above is not that of the file. Correct the file; \`rackboot check\` then finds no error.`,
  );
  return 1;
}

type Pin = z.output<typeof pinShape>;

/** The place where a source or a selection is written: `image-sources.yaml:12`. */
export const pinText = (pin: Pin): string =>
  pin === null
    ? 'store'
    : isShippedFile(pin.file)
      ? 'shipped file'
      : `${basename(pin.file)}${pin.line === null ? ` ${pin.key}` : `:${pin.line}`}`;

/** Says where the files in the list's pins are. */
export function namePinFiles(pins: readonly Pin[]): void {
  const files = pins.flatMap((pin) => (pin === null || isShippedFile(pin.file) ? [] : [pin.file]));
  for (const file of new Set(files)) print(`${basename(file)} is ${file}; only that file changes what it has.`);
}

/** @throws RackError `bad-argument` */
export async function addSource(flags: Where & TrustFlags & { readonly url: string }): Promise<number> {
  if (flags.keyring === undefined && flags.keys === undefined && flags.unsigned !== true) {
    const text =
      'name the keys of the site: add --keyring FILE, which is read at each import, or --keys FILE; without signatures: --unsigned --why TEXT';
    throw new RackError('bad-argument', text);
  }
  const raw = await askRegion(flags, PATH, 'POST', { ...(await trustFields(flags)), url: siteUrl(flags.url) });
  const { id, url } = addedShape.parse(raw);
  const next = [
    `Source ${id} is ${url}`,
    `See whether it answers, and what it has: sudo rackboot images available --source ${shellWord(url)}`,
    `Then select images from it: sudo rackboot images selections add ${id} ubuntu/noble`,
    'The next import of the region then fetches them. To import at once: sudo rackboot images import',
  ];
  printAnswer(flags, raw, next.join('\n'));
  const others = flags.json
    ? []
    : (await fetchSources(findStateDir(flags))).filter((other) => other.url === url && other.id !== id);
  if (others.length > 0)
    printError(`Note: this URL is also that of ${others.map(numberText).join(', ')}. Name each by its number.`);
  return 0;
}

type OnSource = Where & { readonly source: string };

/** @throws RackError `not-found`, `bad-argument` */
export async function setSource(flags: OnSource & TrustFlags & { readonly url?: string | undefined }): Promise<number> {
  const fields = { ...(await trustFields(flags)), url: flags.url };
  requireChange(fields, '--keyring, --keys, --unsigned, --why, --index or --url');
  const { id } = await findSource(findStateDir(flags), flags.source);
  const raw = await askRegion(flags, `${PATH}${id}/`, 'PUT', fields);
  const { url } = addedShape.parse(raw);
  const changed = `The source ${url} is changed; the next import uses it.`;
  return printAnswer(flags, raw, `${changed} \`rackboot images sources list\` shows it.`);
}

/** Removes a source with its selections. @throws RackError `not-found` */
export async function removeSource(flags: OnSource): Promise<number> {
  const { id, url } = await findSource(findStateDir(flags), flags.source);
  await askRegion(flags, `${PATH}${id}/`, 'DELETE');
  return printAnswer(flags, { id, url }, `The source ${url} is removed, with its selections. Imported images stay.`);
}
