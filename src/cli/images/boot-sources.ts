// `rackboot images sources`: the sources of the region.

import { existsSync } from 'node:fs';
import { basename } from 'node:path';
import { z } from 'zod';
import { shellWord } from '../../clean-text.ts';
import { systemClock } from '../../clock.ts';
import { loadPlace } from '../../config/config-file.ts';
import { findSourcesProblem, isShippedFile } from '../../config/image-sources.ts';
import { askDaemon } from '../../control/ask-daemon.ts';
import { errorText, RackError } from '../../errors.ts';
import type { ImageSource } from '../../images/sources/source.ts';
import { nearestHint } from '../../nearest-name.ts';
import { namesIndex, streamOf } from '../../region/images/region-source.ts';
import { KEYRING_BYTES_MAX } from '../../region/records/boot-store.ts';
import { readGivenFile } from '../terminal/given-file.ts';
import { print, printError, printJson } from '../terminal/output.ts';

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

export interface Shared {
  readonly config: string;
  readonly json: boolean;
}

interface TrustFlags {
  /** Null or undefined: unchanged, or that of the URL. */
  readonly index?: string | undefined;
  readonly unsigned?: boolean | undefined;
  readonly why?: string | undefined;
  /** On the region's host. */
  readonly keyring?: string | undefined;
  /** On this host. */
  readonly keys?: string | undefined;
}

export const stateDirOf = ({ config }: Shared): string => loadPlace(config).stateDir;

export const listOf = async (stateDir: string): Promise<readonly Source[]> =>
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
    const added = (await listOf(stateDir)).filter(({ pinned_by: pin }) => pin === null);
    const streams = added.map(({ url, index, why, keyring_filename: keyringFilename, keyring_data: data }) =>
      streamOf({
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
 * As `readKnownSources`, but says in one line if only those of files are known. @param config undefined: no region
 * belongs to it
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

/** Finds a source by number, name or URL. @throws RackError `not-found`, or `bad-argument` for a URL that several sources have */
export async function findSource(stateDir: string, wanted: string): Promise<Source> {
  const sources = await listOf(stateDir);
  const named = sources.find((one) => String(one.id) === wanted || (isNamed(one) && one.name === wanted));
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
  const found = await judgeKeyring(bytes, systemClock.wallTimeMs());
  if (found === undefined) return bytes;
  if (found === 'large-keyring') {
    const remedy = `name a file with the keys of the site alone: gpg --export --export-options export-minimal KEY`;
    throw new RackError('bad-argument', `${path} has more keys and signatures than are read: ${remedy}`);
  }
  throw new RackError('bad-argument', `${path} has no OpenPGP keys: name the file with the public keys of the site`);
}

async function trustForm({ keyring, keys, index, unsigned, why }: TrustFlags): Promise<URLSearchParams> {
  if (keyring !== undefined && keyring !== '' && !existsSync(keyring)) {
    const text = `there is no file ${keyring} on this host: install the package that has it, or copy the keys of the site there`;
    throw new RackError('bad-argument', text);
  }
  const form = new URLSearchParams();
  if (index !== undefined) form.set('index', index);
  if (unsigned !== undefined) form.set('unsigned', String(unsigned));
  if (why !== undefined) form.set('why', why);
  if (keyring !== undefined) form.set('keyring_filename', keyring);
  if (keys !== undefined) form.set('keyring_data', (await readKeys(keys)).toString('base64'));
  return form;
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

/** Where a source or a selection is written: `image-sources.yaml:12`. */
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

/** Adds a source. @returns 0 @throws RackError `bad-argument` */
export async function addSource(flags: Shared & TrustFlags & { readonly url: string }): Promise<number> {
  const { keyring } = flags;
  if (keyring === undefined && flags.keys === undefined && flags.unsigned !== true) {
    const text =
      'name the keys of the site: add --keyring FILE, which is read at each import, or --keys FILE; without signatures: --unsigned --why TEXT';
    throw new RackError('bad-argument', text);
  }
  const form = await trustForm(flags);
  form.set('url', siteUrl(flags.url));
  const stateDir = stateDirOf(flags);
  const raw = await askDaemon(stateDir, PATH, 'POST', form.toString());
  if (flags.json) printJson(raw);
  else {
    const { id, url } = addedShape.parse(raw);
    print(`Source ${id} is ${url}`);
    print(`See whether it answers, and what it has: sudo rackboot images available --source ${shellWord(url)}`);
    print(`Then select images from it: sudo rackboot images selections add ${id} ubuntu/noble`);
    print('The next import of the region then fetches them. To import at once: sudo rackboot images import');
    const others = (await listOf(stateDir)).filter((one) => one.url === url && one.id !== id);
    if (others.length > 0)
      printError(`Note: this URL is also that of ${others.map(numberText).join(', ')}. Name each by its number.`);
  }
  return 0;
}

/** Changes a source. @returns 0 @throws RackError `not-found`, `bad-argument` */
export async function setSource(
  flags: Shared & TrustFlags & { readonly source: string; readonly url?: string | undefined },
): Promise<number> {
  const form = await trustForm(flags);
  if (flags.url !== undefined) form.set('url', flags.url);
  if (form.size === 0)
    throw new RackError('bad-argument', 'name a change: add --keyring, --keys, --unsigned, --why, --index or --url');
  const stateDir = stateDirOf(flags);
  const { id } = await findSource(stateDir, flags.source);
  const raw = await askDaemon(stateDir, `${PATH}${id}/`, 'PUT', form.toString());
  if (flags.json) printJson(raw);
  else
    print(
      `The source ${addedShape.parse(raw).url} is changed; the next import uses it. \`rackboot images sources list\` shows it.`,
    );
  return 0;
}

/** Removes a source with its selections. @returns 0 @throws RackError `not-found` */
export async function removeSource(flags: Shared & { readonly source: string }): Promise<number> {
  const stateDir = stateDirOf(flags);
  const { id, url } = await findSource(stateDir, flags.source);
  await askDaemon(stateDir, `${PATH}${id}/`, 'DELETE');
  if (flags.json) printJson({ id, url });
  else print(`The source ${url} is removed, with its selections. Imported images stay.`);
  return 0;
}
