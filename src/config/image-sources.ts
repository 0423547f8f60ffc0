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
import { fileFault } from '../files/read-fault.ts';
import { errorText, osErrorCode, RackError } from '../ground/errors.ts';
import { decodeSources, type FindLine } from '../images/sources/decode-sources.ts';
import type { AddedRelease, AddedSelection, ImageSource, SourceProblem } from '../images/sources/source.ts';
import { type FileSource, type FileSources, SITE_SOURCES } from '../region/images/region-source.ts';
import { decodeSelections, lostSelections } from './file-selections.ts';
import type { ConfigProblem } from './rack-config.ts';

const SHIPPED = fileURLToPath(new URL(`../../config/${SITE_SOURCES}`, import.meta.url));

/** True for the file of sources that Rackboot ships. */
export const isShippedFile = (path: string): boolean => path === SHIPPED;

/** The options with which a command names the site's file. */
interface SourceFlags {
  readonly config: string;
  /** Undefined: next to the configuration, if it is there. */
  readonly sources?: string | undefined;
}

/**
 * Reads all sources. Call it before this process switches users. @throws RackError
 * `config-invalid`, `config-unreadable`, or `not-found`
 */
export const readImageSources = (flags: SourceFlags): readonly ImageSource[] =>
  readFileSources(flags).sources.map(({ source }) => source);

/** The site's file of sources; undefined: it does not exist. @param config the configuration file */
export function siteSourcesFile(config: string): string | undefined {
  const path = join(dirname(config), SITE_SOURCES);
  return existsSync(path) ? path : undefined;
}

/**
 * Why the site's file of sources cannot be used as a whole; undefined if it can, or does not exist.
 * @param config the configuration file
 */
export function findSourcesProblem(config: string): string | undefined {
  if (siteSourcesFile(config) === undefined) return undefined;
  try {
    return readFileSources({ config }).problem;
  } catch (error) {
    if (error instanceof RackError) return error.message;
    throw error;
  }
}

/** The problem of the site's file, as one of the configuration next to it. */
export function sourcesProblems(config: string): readonly ConfigProblem[] {
  const message = findSourcesProblem(config);
  return message === undefined ? [] : [{ path: SITE_SOURCES, line: undefined, message }];
}

/** @returns `problem`: that of the selections, which are left out then */
function readFileSources({ config, sources }: SourceFlags): Pick<FileSources, 'sources' | 'selections' | 'problem'> {
  const { sources: shipped } = decode(SHIPPED, readFileSync(SHIPPED, 'utf8'));
  // People read the path in another directory than that of this process.
  const path = sources ?? resolve(dirname(config), SITE_SOURCES);
  const text = path === SHIPPED ? undefined : readSourceFile(path, sources === undefined);
  if (text === undefined) return { sources: shipped, selections: [], problem: undefined };
  const { sources: own, releases, selections, lineOf, problems } = decode(path, text);
  const names = new Set(own.map(({ source }) => source.name));
  const all = [...own, ...shipped.filter(({ source }) => !names.has(source.name))];
  const images = all.map(({ source }) => source);
  const lost = lostReleases(images, releases);
  const unfit = [...problems, ...lostSelections(images, selections)];
  if (lost.length > 0) throw unusable(path, [...lost, ...unfit], lineOf);
  const read = { sources: addReleases(all, releases) };
  if (unfit.length > 0) return { ...read, selections: [], problem: unusable(path, unfit, lineOf).message };
  return {
    ...read,
    selections: selections.map(({ source, ...selection }, index) => {
      const key = `selections[${index}]`;
      return { source, selection, file: path, key, line: lineOf(key) };
    }),
    problem: undefined,
  };
}

/** The problem of the first release that names no source of installers. */
function lostReleases(sources: readonly ImageSource[], releases: readonly AddedRelease[]): readonly SourceProblem[] {
  const installers = sources.flatMap(({ kind, name }) => (kind === 'installer' ? [name] : []));
  const lost = releases.find(({ source }) => !installers.includes(source));
  if (lost === undefined) return [];
  const message = `${lost.source} is not a source of installers; there are ${installers.join(', ')}`;
  return [{ path: `releases.${lost.name}.source`, message }];
}

function addReleases(sources: readonly FileSource[], releases: readonly AddedRelease[]): readonly FileSource[] {
  return sources.map((listed) => {
    const { source } = listed;
    if (source.kind !== 'installer') return listed;
    const added = releases.filter((release) => release.source === source.name);
    const others = source.releases.filter(({ name }) => added.every((release) => release.name !== name));
    return { ...listed, source: { ...source, releases: [...added, ...others] } };
  });
}

/**
 * Reads the sources and selections for a region, again whenever the site's file has changed. If
 * that cannot be used, returns its last good version and the problem, or else the shipped sources,
 * from which nothing is imported then.
 * @param config the configuration file; undefined: there is none
 */
export function fileSourcesReader(config: string | undefined): () => Promise<FileSources> {
  let cached: { readonly mark: string; readonly sources: FileSources } | undefined;
  let good: FileSources | undefined;
  return async () => {
    const mark = readFileMark(config);
    if (cached?.mark === mark) return cached.sources;
    try {
      cached = { mark, sources: readOrExplain(config, good) };
      if (cached.sources.problem === undefined) good = cached.sources;
      return cached.sources;
    } catch (error) {
      // It cannot be read at the moment, such as when the process has no file descriptor left: the
      // next call tries again.
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
 * @throws if a file cannot be read @param good what is in force as long as the file cannot be used;
 * undefined: nothing
 */
function readOrExplain(config: string | undefined, good: FileSources | undefined): FileSources {
  try {
    const read = readFileSources({ config: config ?? SHIPPED });
    if (read.problem === undefined) return { ...read, inForce: 'all' };
    return good === undefined
      ? { ...read, inForce: 'sources' }
      : { ...read, selections: good.selections, inForce: 'last' };
  } catch (error) {
    if (!(error instanceof RackError && error.code === 'config-invalid')) throw error;
    const problem = error.message;
    if (good !== undefined) return { ...good, inForce: 'last', problem };
    return { ...readFileSources({ config: SHIPPED }), inForce: 'none', problem };
  }
}

/** Differs after each change of the site's file. */
function readFileMark(config: string | undefined): string {
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
    throw fileFault(path, cause);
  }
}

interface DecodedFile {
  readonly sources: readonly FileSource[];
  readonly releases: readonly AddedRelease[];
  readonly selections: readonly AddedSelection[];
  readonly lineOf: FindLine;
  /** Those of the selections, which are left out then. */
  readonly problems: readonly SourceProblem[];
}

function decode(path: string, text: string): DecodedFile {
  const whole = decodeSources(text, decodeSelections);
  const problems = whole.ok ? [] : whole.problems;
  const decoded = whole.ok ? whole : decodeSources(text, () => []);
  if (!decoded.ok) throw unusable(path, problems, whole.findLine);
  const { sources, releases, selections, findLine } = decoded;
  return {
    sources: sources.map((source, index) => {
      const key = `sources[${index}]`;
      return { source, file: path, key, line: findLine(key), isShipped: isShippedFile(path) };
    }),
    releases,
    selections,
    lineOf: findLine,
    problems,
  };
}

/** Lists the problems, one a line, each with the line of the file: the numbers in its path count from 0. */
function unusable(path: string, problems: readonly SourceProblem[], lineOf: FindLine): RackError {
  const lines = problems.map(({ path: place, message }) => {
    const line = place === '' ? undefined : lineOf(place);
    return `  ${line === undefined ? '' : `line ${line}: `}${place === '' ? '' : `${place}: `}${message}`;
  });
  return new RackError('config-invalid', `${path} cannot be used:\n${lines.join('\n')}`);
}
