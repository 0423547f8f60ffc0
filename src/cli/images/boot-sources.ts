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
import { composeNearestHint } from '../../ground/nearest-name.ts';
import type { ImageSource } from '../../images/sources/source.ts';
import { buildStreamSource, isIndexUrl } from '../../region/images/region-source.ts';
import { KEYRING_BYTES_MAX } from '../../region/records/boot-store.ts';
import { askRegion, type Fields, printAnswer, requireChange, type Where } from '../terminal/asking.ts';
import { readGivenFile } from '../terminal/given-file.ts';
import { print, printError } from '../terminal/output.ts';
import type { TrustFlags } from './options.ts';

export const PATH = '/MAAS/api/2.0/boot-sources/';

const addedShape = z.looseObject({ id: z.number(), url: z.string() });
/** The file that defines the object; null if no file does. */
export const pinShape = z
  .object({ file: z.string(), key: z.string(), line: z.number().nullable().default(null) })
  .nullable();
const sourceShape = addedShape.extend({
  name: z.string(),
  pinned_by: pinShape,
  kind: z.string().default(''),
  /** Null if its kind has no index. */
  index: z.string().nullable().default(null),
  unsigned: z.boolean().default(false),
  /** Why it is used without signatures; null if it is signed. */
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
  /** Why the region's sources are unknown; undefined if they are known. */
  readonly problem?: string;
}

/** Reads the running region's sources after those of files. */
export async function readKnownSources(fileSources: readonly ImageSource[], stateDir: string): Promise<KnownSources> {
  try {
    const addedSources = (await fetchSources(stateDir)).filter(({ pinned_by: pin }) => pin === null);
    const streams = addedSources.map(({ url, index, why, keyring_filename: keyringFilename, keyring_data: data }) =>
      buildStreamSource({
        url,
        index: index ?? undefined,
        why: why ?? undefined,
        keyringFilename,
        keyring: Buffer.from(data, 'base64'),
      }),
    );
    return { sources: [...fileSources, ...streams] };
  } catch (error) {
    if (!(error instanceof RackError)) throw error;
    return { sources: fileSources, problem: errorText(error) };
  }
}

/**
 * Reads sources like `readKnownSources`, and prints a note if only the sources of files are known.
 * @param config undefined if there is no region to ask
 */
export async function readSourcesOrWarn(
  fileSources: readonly ImageSource[],
  config: { readonly stateDir: string } | undefined,
): Promise<readonly ImageSource[]> {
  if (config === undefined) return fileSources;
  const { sources, problem } = await readKnownSources(fileSources, config.stateDir);
  if (problem !== undefined) printError(`Note: sources that people added to the region are not used: ${problem}`);
  return sources;
}

/** The URL as `sources add` sends it. The URL of a site ends with a slash. */
const siteUrl = (url: string): string => (url.endsWith('/') || isIndexUrl(url) ? url : `${url}/`);

/**
 * Finds a source by number, name or URL. @throws RackError `not-found`, or `bad-argument` for a URL
 * that several sources have
 */
export async function findSource(stateDir: string, nameOrUrl: string): Promise<Source> {
  const sources = await fetchSources(stateDir);
  const namedSource = sources.find(
    (source) => String(source.id) === nameOrUrl || (hasOwnName(source) && source.name === nameOrUrl),
  );
  if (namedSource !== undefined) return namedSource;
  const sourcesByUrl = sources.filter(({ url }) => url === nameOrUrl || url === siteUrl(nameOrUrl));
  const [firstByUrl] = sourcesByUrl;
  if (sourcesByUrl.length > 1) {
    const all = sourcesByUrl.map(numberText).join(', ');
    throw new RackError('bad-argument', `several sources have the URL ${nameOrUrl}: name one by its number, ${all}`);
  }
  if (firstByUrl !== undefined) return firstByUrl;
  const hint = composeNearestHint(
    nameOrUrl,
    sources.map(({ name }) => name),
  );
  throw new RackError(
    'not-found',
    `there is no source ${JSON.stringify(nameOrUrl)}; ${hint}\`rackboot images sources list\` shows all`,
  );
}

/** True for a source of a file, which has its own name. */
export const hasOwnName = ({ name, url }: Source): boolean => name !== url;

const numberText = (source: Source): string => `${source.id} (${hasOwnName(source) ? source.name : 'added'})`;

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
export function warnOfSourcesFile(config: string): number {
  const problem = findSourcesProblem(config);
  if (problem === undefined) return 0;
  printError(
    `${problem}\nAs long as it has this error, the list above is not that of the file. Correct the file; \`rackboot check\` then finds no error.`,
  );
  return 1;
}

type Pin = z.output<typeof pinShape>;

/** Where a source or a selection is written: `image-sources.yaml:12`. */
export const pinText = (pin: Pin): string =>
  pin === null
    ? 'store'
    : isShippedFile(pin.file)
      ? 'shipped file'
      : `${basename(pin.file)}${pin.line === null ? ` ${pin.key}` : `:${pin.line}`}`;

/** Prints where the files are that the list's pins name. */
export function printPinFiles(pins: readonly Pin[]): void {
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
  const nextLines = [
    `Source ${id} is ${url}`,
    `See whether it answers, and what it has: sudo rackboot images available --source ${shellWord(url)}`,
    `Then select images from it: sudo rackboot images selections add ${id} ubuntu/noble`,
    'The next import of the region then fetches them. To import at once: sudo rackboot images import',
  ];
  printAnswer(flags, raw, nextLines.join('\n'));
  const sameUrlSources = flags.json
    ? []
    : (await fetchSources(findStateDir(flags))).filter((other) => other.url === url && other.id !== id);
  if (sameUrlSources.length > 0)
    printError(`Note: this URL is also that of ${sameUrlSources.map(numberText).join(', ')}. Name each by its number.`);
  return 0;
}

type SourceArguments = Where & { readonly source: string };

/** @throws RackError `not-found`, `bad-argument` */
export async function setSource(
  flags: SourceArguments & TrustFlags & { readonly url?: string | undefined },
): Promise<number> {
  const fields = { ...(await trustFields(flags)), url: flags.url };
  requireChange(fields, '--keyring, --keys, --unsigned, --why, --index or --url');
  const { id } = await findSource(findStateDir(flags), flags.source);
  const raw = await askRegion(flags, `${PATH}${id}/`, 'PUT', fields);
  const { url } = addedShape.parse(raw);
  const changed = `The source ${url} is changed; the next import uses it.`;
  return printAnswer(flags, raw, `${changed} \`rackboot images sources list\` shows it.`);
}

/** Removes a source with its selections. @throws RackError `not-found` */
export async function removeSource(flags: SourceArguments): Promise<number> {
  const { id, url } = await findSource(findStateDir(flags), flags.source);
  await askRegion(flags, `${PATH}${id}/`, 'DELETE');
  return printAnswer(flags, { id, url }, `The source ${url} is removed, with its selections. Imported images stay.`);
}
