// `rackboot images sources list`: what the region really uses on this host.
//
// 1. An installer's packages come from the configured mirror or that of this host's apt, unless its
//    source names one.
// 2. If this host lacks the keys' file, keys are fetched, and only the named fingerprints count.

import { existsSync } from 'node:fs';
import { readImageSources } from '../../config/image-sources.ts';
import { RackError } from '../../ground/errors.ts';
import { readHostMirrors } from '../../images/sources/apt-sources.ts';
import { findMirror } from '../../images/sources/package-mirrors.ts';
import type { ImageSource } from '../../images/sources/source.ts';
import { isIndexUrl } from '../../region/images/region-source.ts';
import { configuredMirrors } from '../../region/preseed/configured-mirrors.ts';
import type { Where } from '../terminal/asking.ts';
import { print, printJson, tableLines } from '../terminal/output.ts';
import {
  fetchSources,
  findStateDir,
  hasOwnName,
  pinText,
  printPinFiles,
  type Source,
  warnOfSourcesFile,
} from './boot-sources.ts';
import { readImageConfig } from './image-tree.ts';

/** The length of a shown key id, as of OpenPGP's long identifiers. */
const KEY_ID_CHARACTERS = 16;

/** @returns 1 if the site's file has an error */
export async function listSources(flags: Where & { readonly json: boolean }): Promise<number> {
  const stateDir = findStateDir(flags);
  const sources = await fetchSources(stateDir);
  if (flags.json) printJson(sources);
  else {
    for await (const line of sourceLines(sources, flags.config)) print(line);
    printPinFiles(sources.map(({ pinned_by: pin }) => pin));
  }
  return warnOfSourcesFile(flags.config);
}

/**
 * Formats the sources as lines. The URL is below each source, because it is too wide for a column.
 * @param config the configuration file
 */
async function* sourceLines(sources: readonly Source[], config: string): AsyncGenerator<string> {
  const writtenByName = new Map(readWrittenSources(config).map((source) => [source.name, source]));
  const findWritten = (source: Source): ImageSource | undefined =>
    source.pinned_by === null ? undefined : writtenByName.get(source.name);
  const rows = sources.map((source) => [
    String(source.id),
    hasOwnName(source) ? source.name : '–',
    keysText(source, findWritten(source)),
    pinText(source.pinned_by),
  ]);
  const empty = 'There are no sources: rackboot images sources add URL';
  const [heading = '', ...lines] = tableLines(['ID', 'NAME', 'KEYS', 'WRITTEN IN'], rows, empty);
  yield heading;
  const findHostMirror = await createMirrorFinder(config);
  for (const [index, source] of sources.entries()) {
    yield lines[index] ?? '';
    const writtenSource = findWritten(source);
    const mirror = findHostMirror(writtenSource);
    yield `    ${mirror === undefined || mirror === ownMirror(writtenSource) ? formatUrl(source) : `${mirror} (the package mirror of this host)`}`;
    if (source.unsigned) yield `    unsigned: ${source.why ?? ''}`;
  }
}

/**
 * Reads the sources of files; empty if the site's file cannot be used. `listSources` reports that.
 */
function readWrittenSources(config: string): readonly ImageSource[] {
  try {
    return readImageSources({ config });
  } catch (error) {
    if (error instanceof RackError) return [];
    throw error;
  }
}

/** Creates a function that finds the mirror for the first architecture of an installer's source. */
async function createMirrorFinder(config: string): Promise<(source: ImageSource | undefined) => string | undefined> {
  const configured = configuredMirrors(await readImageConfig({ config, tree: '' }));
  const host = readHostMirrors();
  return (source) => {
    if (source?.kind !== 'installer') return undefined;
    const [architecture = ''] = source.arches.keys();
    return findMirror(source, architecture, configured, host);
  };
}

const ownMirror = (source: ImageSource | undefined): string | undefined =>
  source?.kind === 'installer' ? (source.mirror ?? source.defaultMirror) : undefined;

/** Formats the URL, and the path of the index if it is not the usual one. */
const formatUrl = ({ url, index }: Source): string =>
  index === null || isIndexUrl(url) || /^streams\/v1\/index\.s?json$/.test(index) ? url : `${url} (index ${index})`;

function keysText(source: Source, writtenSource: ImageSource | undefined): string {
  const { unsigned, keyring_filename: file, keyring_data: data } = source;
  if (unsigned) return 'unsigned';
  if (data !== '') return 'its own';
  const keyrings = writtenSource?.trust.kind === 'signed' ? writtenSource.trust.keyrings : [];
  const present = [...keyrings, ...(file === '' ? [] : [file])].find((path) => existsSync(path));
  if (present !== undefined) return present;
  const [fingerprint, ...others] = listFingerprints(writtenSource);
  const more = others.length === 0 ? '' : ` and ${others.length} more`;
  if (fingerprint !== undefined) return `to be fetched: ${fingerprint.slice(-KEY_ID_CHARACTERS)}${more}`;
  return file === '' ? '–' : `${file} (missing)`;
}

/** Lists the fingerprints of the keys that are fetched; empty if none are. */
function listFingerprints(source: ImageSource | undefined): readonly string[] {
  if (source?.trust.kind !== 'signed' || source.trust.keyUrl === undefined) return [];
  const releases = source.kind === 'files' ? source.releases : [];
  return [
    ...new Set([...(source.trust.fingerprints ?? []), ...releases.flatMap((release) => release.fingerprints ?? [])]),
  ];
}
