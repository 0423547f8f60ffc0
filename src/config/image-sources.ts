// The sources of images that files name: those that Rackboot ships, and those of the site.
//
// 1. The site's file is `image-sources.yaml` next to the configuration; it may be missing. Its
//    sources come first, and replace shipped ones of the same name. Its `releases` are added to
//    sources of installers, its own or shipped ones, and replace releases of the same name. Its
//    `selections` are those of the region, of its own or shipped sources.
// 2. For a region, a file with an error changes nothing: its last good version stays in force.
//    Without one, no source of a file counts, not even a shipped one, because the site's file may
//    replace it. An error in `selections` leaves the file's sources in force.

import { existsSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { toFileFault } from '../files/read-fault.ts';
import { errorText, osErrorCode, RackError } from '../ground/errors.ts';
import { decodeSources, type FindLine } from '../images/sources/decode-sources.ts';
import type { AddedRelease, AddedSelection, ImageSource, SourceProblem } from '../images/sources/source.ts';
import { type FileSource, type FileSources, SITE_SOURCES } from '../region/images/region-source.ts';
import { decodeSelections, findLostSelections } from './file-selections.ts';
import type { ConfigProblem } from './rack-config.ts';

const SHIPPED_FILE = fileURLToPath(new URL(`../../config/${SITE_SOURCES}`, import.meta.url));

/** True for the file of sources that Rackboot ships. */
export const isShippedFile = (path: string): boolean => path === SHIPPED_FILE;

/** The options with which a command names the site's file. */
interface SourceFlags {
  readonly config: string;
  /** `undefined` for the file next to the configuration, if it exists. */
  readonly sources?: string | undefined;
}

/**
 * Reads all sources. Call it before this process switches users.
 * @throws RackError `config-invalid`, `config-unreadable`, or `not-found`
 */
export const readImageSources = (flags: SourceFlags): readonly ImageSource[] =>
  readFileSources(flags).sources.map(({ source }) => source);

/** The site's file of sources; `undefined` if it does not exist. @param config the configuration file */
export function findSiteSourcesFile(config: string): string | undefined {
  const path = join(dirname(config), SITE_SOURCES);
  return existsSync(path) ? path : undefined;
}

/**
 * Why the site's file of sources cannot be used as a whole; `undefined` if it can, or does not
 * exist.
 * @param config the configuration file
 */
export function findSourcesProblem(config: string): string | undefined {
  if (findSiteSourcesFile(config) === undefined) return undefined;
  try {
    return readFileSources({ config }).problem;
  } catch (error) {
    if (error instanceof RackError) return error.message;
    throw error;
  }
}

/** The problem of the site's file, as one of the configuration next to it. */
export function findSourcesProblems(config: string): readonly ConfigProblem[] {
  const message = findSourcesProblem(config);
  return message === undefined ? [] : [{ path: SITE_SOURCES, line: undefined, message }];
}

/** @returns `problem`: the problem of the selections, which are then left out */
function readFileSources({ config, sources }: SourceFlags): Pick<FileSources, 'sources' | 'selections' | 'problem'> {
  const { sources: shippedSources } = decode(SHIPPED_FILE, readFileSync(SHIPPED_FILE, 'utf8'));
  // People read the path in another directory than that of this process.
  const path = sources ?? resolve(dirname(config), SITE_SOURCES);
  const text = path === SHIPPED_FILE ? undefined : readSourceFile(path, sources === undefined);
  if (text === undefined) return { sources: shippedSources, selections: [], problem: undefined };
  const { sources: siteSources, releases, selections, findLine, problems } = decode(path, text);
  const names = new Set(siteSources.map(({ source }) => source.name));
  const allSources = [...siteSources, ...shippedSources.filter(({ source }) => !names.has(source.name))];
  const imageSources = allSources.map(({ source }) => source);
  const lostReleases = findLostReleases(imageSources, releases);
  const otherProblems = [...problems, ...findLostSelections(imageSources, selections)];
  if (lostReleases.length > 0) throw unusableFileError(path, [...lostReleases, ...otherProblems], findLine);
  const merged = { sources: addReleases(allSources, releases) };
  if (otherProblems.length > 0)
    return { ...merged, selections: [], problem: unusableFileError(path, otherProblems, findLine).message };
  return {
    ...merged,
    selections: selections.map(({ source, ...selection }, index) => {
      const key = `selections[${index}]`;
      return { source, selection, file: path, key, line: findLine(key) };
    }),
    problem: undefined,
  };
}

/** The problem of the first release that names no source of installers. */
function findLostReleases(
  sources: readonly ImageSource[],
  releases: readonly AddedRelease[],
): readonly SourceProblem[] {
  const installers = sources.flatMap(({ kind, name }) => (kind === 'installer' ? [name] : []));
  const lostRelease = releases.find(({ source }) => !installers.includes(source));
  if (lostRelease === undefined) return [];
  const message = `${lostRelease.source} is not a source of installers; there are ${installers.join(', ')}`;
  return [{ path: `releases.${lostRelease.name}.source`, message }];
}

function addReleases(sources: readonly FileSource[], releases: readonly AddedRelease[]): readonly FileSource[] {
  return sources.map((entry) => {
    const { source } = entry;
    if (source.kind !== 'installer') return entry;
    const addedReleases = releases.filter((release) => release.source === source.name);
    const otherReleases = source.releases.filter(({ name }) => addedReleases.every((release) => release.name !== name));
    return { ...entry, source: { ...source, releases: [...addedReleases, ...otherReleases] } };
  });
}

/**
 * Returns a function that reads the sources and selections for a region, again whenever the site's
 * file has changed. If the file cannot be used, the function returns its last good version and the
 * problem. Without a good version it returns the shipped sources, from which nothing is then
 * imported.
 * @param config the configuration file; `undefined` if there is none
 */
export function openFileSources(config: string | undefined): () => Promise<FileSources> {
  let cached: { readonly fingerprint: string; readonly sources: FileSources } | undefined;
  let lastGood: FileSources | undefined;
  return async () => {
    const fingerprint = readFingerprint(config);
    if (cached?.fingerprint === fingerprint) return cached.sources;
    try {
      cached = { fingerprint, sources: readOrExplain(config, lastGood) };
      if (cached.sources.problem === undefined) lastGood = cached.sources;
      return cached.sources;
    } catch (error) {
      // The file cannot be read at the moment, such as when the process has no file descriptor
      // left. The next call tries again.
      const problem = errorText(error);
      if (cached !== undefined)
        return {
          ...cached.sources,
          inForce: cached.sources.inForce === 'all' ? 'last' : cached.sources.inForce,
          problem,
        };
      return { sources: [], selections: [], inForce: 'none', problem };
    }
  };
}

/**
 * @throws if a file cannot be read
 * @param lastGood what stays in force while the file cannot be used; `undefined` if nothing does
 */
function readOrExplain(config: string | undefined, lastGood: FileSources | undefined): FileSources {
  try {
    const sources = readFileSources({ config: config ?? SHIPPED_FILE });
    if (sources.problem === undefined) return { ...sources, inForce: 'all' };
    return lastGood === undefined
      ? { ...sources, inForce: 'sources' }
      : { ...sources, selections: lastGood.selections, inForce: 'last' };
  } catch (error) {
    if (!(error instanceof RackError && error.code === 'config-invalid')) throw error;
    const problem = error.message;
    if (lastGood !== undefined) return { ...lastGood, inForce: 'last', problem };
    return { ...readFileSources({ config: SHIPPED_FILE }), inForce: 'none', problem };
  }
}

/** Differs after each change of the site's file. */
function readFingerprint(config: string | undefined): string {
  if (config === undefined) return '';
  try {
    const { ino, size, mtimeMs } = statSync(join(dirname(config), SITE_SOURCES));
    return `${ino} ${size} ${mtimeMs}`;
  } catch (error) {
    return osErrorCode(error) ?? 'unknown';
  }
}

function readSourceFile(path: string, mayBeMissing: boolean): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (cause) {
    if (mayBeMissing && osErrorCode(cause) === 'ENOENT') return undefined;
    throw toFileFault(path, cause);
  }
}

interface DecodedFile {
  readonly sources: readonly FileSource[];
  readonly releases: readonly AddedRelease[];
  readonly selections: readonly AddedSelection[];
  readonly findLine: FindLine;
  /** The problems of the selections, which are then left out. */
  readonly problems: readonly SourceProblem[];
}

function decode(path: string, text: string): DecodedFile {
  const allSources = decodeSources(text, decodeSelections);
  const problems = allSources.ok ? [] : allSources.problems;
  const decoded = allSources.ok ? allSources : decodeSources(text, () => []);
  if (!decoded.ok) throw unusableFileError(path, problems, allSources.findLine);
  const { sources, releases, selections, findLine } = decoded;
  return {
    sources: sources.map((source, index) => {
      const key = `sources[${index}]`;
      return { source, file: path, key, line: findLine(key), isShipped: isShippedFile(path) };
    }),
    releases,
    selections,
    findLine,
    problems,
  };
}

/** Lists the problems, one a line, each with the line of the file: the numbers in its path count from 0. */
function unusableFileError(path: string, problems: readonly SourceProblem[], findLine: FindLine): RackError {
  const lines = problems.map(({ path: key, message }) => {
    const line = key === '' ? undefined : findLine(key);
    return `  ${line === undefined ? '' : `line ${line}: `}${key === '' ? '' : `${key}: `}${message}`;
  });
  return new RackError('config-invalid', `${path} cannot be used:\n${lines.join('\n')}`);
}
