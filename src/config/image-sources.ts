// The sources of images that files name: those that Rackboot ships, and those of the site.
//
// 1. The site's file is `image-sources.yaml` next to the configuration; it may be missing. Its sources come first, and replace shipped ones
//    of the same name. Its `releases` are added to sources of installers, its own or shipped ones, and replace releases of the same name.

import { statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { errorText, osErrorCode, RackError } from '../errors.ts';
import { fileFault } from '../files/read-fault.ts';
import { readRegularFile, UnfitFile } from '../files/regular-file.ts';
import { decodeSources } from '../images/sources/decode-sources.ts';
import type { AddedRelease, ImageSource } from '../images/sources/source.ts';
import type { FileSource, FileSources } from '../region/images/region-source.ts';

const NAME = 'image-sources.yaml';
/** The largest file, in bytes. */
const FILE_BYTES_MAX = 4 * 1024 * 1024;
const SHIPPED = fileURLToPath(new URL(`../../config/${NAME}`, import.meta.url));

/** The options with which a command names the site's file. */
export interface SourceFlags {
  readonly config: string;
  /** Undefined: next to the configuration, if it is there. */
  readonly sources?: string | undefined;
}

/** Reads all sources. Call it before this process switches users. @throws RackError `config-invalid`, `config-unreadable`, or `not-found` */
export const readImageSources = (flags: SourceFlags): readonly ImageSource[] =>
  readFileSources(flags).map(({ source }) => source);

function readFileSources({ config, sources }: SourceFlags): readonly FileSource[] {
  const { sources: shipped } = decode(SHIPPED, readRegularFile(SHIPPED, FILE_BYTES_MAX));
  const path = sources ?? join(dirname(config), NAME);
  const text = path === SHIPPED ? undefined : readText(path, sources === undefined);
  if (text === undefined) return shipped;
  const { sources: own, releases } = decode(path, text);
  const names = new Set(own.map(({ source }) => source.name));
  return addReleases([...own, ...shipped.filter(({ source }) => !names.has(source.name))], releases, path);
}

/** @throws RackError `config-invalid` if a release names no source of installers */
function addReleases(
  sources: readonly FileSource[],
  releases: readonly AddedRelease[],
  path: string,
): readonly FileSource[] {
  const installers = sources.flatMap(({ source }) => (source.kind === 'installer' ? [source.name] : []));
  const lost = releases.find(({ source }) => !installers.includes(source));
  if (lost !== undefined) {
    const why = `${lost.source} is not a source of installers; there are ${installers.join(', ')}`;
    throw new RackError('config-invalid', `${path} cannot be used:\n  releases.${lost.name}.source: ${why}`);
  }
  return sources.map((one) => {
    const { source } = one;
    if (source.kind !== 'installer') return one;
    const added = releases.filter((release) => release.source === source.name);
    const kept = source.releases.filter(({ name }) => added.every((release) => release.name !== name));
    return { ...one, source: { ...source, releases: [...added, ...kept] } };
  });
}

/**
 * Reads the sources for a region, again whenever the site's file has changed. If that file cannot be used, returns the shipped sources and
 * the problem.
 * @param config the configuration file; undefined: there is none
 */
export function fileSourcesReader(config: string | undefined): () => Promise<FileSources> {
  let known: { readonly mark: string; readonly sources: FileSources } | undefined;
  return async () => {
    const mark = markOf(config);
    if (known?.mark !== mark) known = { mark, sources: readOrExplain(config) };
    return known.sources;
  };
}

function readOrExplain(config: string | undefined): FileSources {
  try {
    return { sources: readFileSources({ config: config ?? SHIPPED }), problem: undefined };
  } catch (error) {
    return { sources: readFileSources({ config: SHIPPED }), problem: errorText(error) };
  }
}

/** Differs after each change of the site's file. */
function markOf(config: string | undefined): string {
  if (config === undefined) return '';
  try {
    const { ino, size, mtimeMs } = statSync(join(dirname(config), NAME));
    return `${ino} ${size} ${mtimeMs}`;
  } catch (error) {
    return osErrorCode(error) ?? 'unknown';
  }
}

function readText(path: string, mayBeMissing: boolean): string | undefined {
  try {
    return readRegularFile(path, FILE_BYTES_MAX);
  } catch (cause) {
    if (cause instanceof UnfitFile) {
      throw new RackError('config-unreadable', `${path} has no sources of images: ${cause.message}`, { cause });
    }
    if (mayBeMissing && osErrorCode(cause) === 'ENOENT') return undefined;
    throw fileFault(path, cause);
  }
}

function decode(
  path: string,
  text: string,
): { readonly sources: readonly FileSource[]; readonly releases: readonly AddedRelease[] } {
  const decoded = decodeSources(text);
  if (decoded.ok) {
    const sources = decoded.sources.map((source, index) => ({ source, file: path, key: `sources[${index}]` }));
    return { sources, releases: decoded.releases };
  }
  const lines = decoded.problems.map(
    (problem) => `  ${problem.path === '' ? '' : `${problem.path}: `}${problem.message}`,
  );
  throw new RackError('config-invalid', `${path} cannot be used:\n${lines.join('\n')}`);
}
