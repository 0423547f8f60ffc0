// Mirrors a simplestreams site into a directory, as `sstream-mirror` does. A web server can then serve the directory as a simplestreams
// site, with the signatures of the original.
//
//   documents ─▶ plan ─▶ record ─▶ files, several at a time ─▶ changed files ─▶ documents, the index last ─▶ remove unwanted files
//
// 1. A document is published after all its files, and a file is removed only after all documents that named it. So readers find every file
//    that a document names.
// 2. A file appears at its path only after its checksum was verified. The next run continues the partial downloads of an interrupted one.
// 3. If a file cannot be fetched, the others are, but the previous documents stay, and so do all files that they name. A file whose path is
//    taken by an earlier one is kept apart until every file has been fetched.
// 4. A long run stops at a signal of the process at any time.
// 5. Every path is recorded before the mirror writes there. It replaces and removes no other file, and nothing through a link. A file with the
//    right content is used, whoever put it there.
//
//   DIR/.rackboot-mirror/record.json   the paths, with the checksums of their files; and next to it the downloads, and the lock of a run

import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readdir, rename, rm, rmdir } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { z } from 'zod';
import type { Clock } from '../../clock.ts';
import { counted } from '../../counted.ts';
import { osErrorCode, RackError } from '../../errors.ts';
import { ownershipRemedy } from '../../files/ownership.ts';
import { readRegularFile } from '../../files/regular-file.ts';
import { seenEntry } from '../../files/seen-stats.ts';
import type { Digest, DigestAlgorithm } from '../download/digest.ts';
import { AttemptFailure, prospectOf } from '../download/fault.ts';
import { describeLastFault } from '../download/fault-words.ts';
import type { Downloads } from '../download/queue.ts';
import type { Download } from '../download/request.ts';
import { tryLock } from '../file-lock.ts';
import { makeDirectories, publishFile, syncDirectory } from '../publication.ts';
import { fetchFile as fetchWhole } from '../run/file-fetch.ts';
import { isContainedPath } from '../sources/contained-path.ts';
import { heedStop, type MirrorFile, type MirrorPlan, type MirrorRequest, planMirror, stopped } from './mirror-plan.ts';

const WORK = '.rackboot-mirror';
/** Bound on the files of a mirror. */
const FILES_MAX = 200_000;
/** The longest record that is read, in bytes. */
const RECORD_BYTES_MAX = 128 * 1024 * 1024;
const PIECE_BYTES = 1024 * 1024;
/** How many files are requested at a time; the downloads also have their own bound. */
const FILES_AT_A_TIME = 4;
/** The faults of a file alone: its server works. */
const OF_FILE: ReadonlySet<string> = new Set(['http-refused', 'size-wrong', 'too-large', 'digest-wrong']);
/** The failures in a row, other than those of a file alone, after which the server is given up. */
const FAILURES_IN_A_ROW_MAX = FILES_AT_A_TIME;
/** How many of the failures a message has; further ones are counted. */
const SHOWN_FAILURES_MAX = 100;
/** The largest file, in bytes. */
const FILE_BYTES_MAX = 64 * 1024 ** 3;

/** How long to wait for the lock of a mirror, in milliseconds: two processes that start together may block each other briefly. */
const LOCK_WAIT_MS = 250;

/** The progress of a mirror, in bytes of the files that were missing. */
interface MirrorProgress {
  readonly bytes: number;
  /** Undefined if the site does not give the size of every file. */
  readonly total: number | undefined;
  readonly bytesPerSecond: number;
}

interface MirrorTerms {
  /** An existing directory. */
  readonly directory: string;
  readonly downloads: Downloads;
  readonly clock: Pick<Clock, 'wallTimeMs'>;
  readonly onPlan: (plan: MirrorPlan) => void;
  readonly onProgress: (progress: MirrorProgress) => void;
  /** Called after each change of a download. */
  readonly onDownload: (download: Download) => void;
  readonly signal: AbortSignal;
}

/** The outcome of a run. */
interface MirrorResult {
  readonly images: number;
  readonly files: number;
  /** Files that were fetched. */
  readonly fetched: number;
  readonly removed: readonly string[];
  readonly problems: readonly string[];
}

/**
 * Mirrors a site.
 * @throws RackError `not-found` if the filters choose no image: then nothing changes; `source-failed` if a document or a file cannot be fetched, `already-exists` for a file or a link that no mirror wrote,
 * `already-running`, `store-unwritable`, `cancelled`
 */
export async function mirrorSite(request: MirrorRequest, terms: MirrorTerms): Promise<MirrorResult> {
  const { directory, downloads, clock, signal } = terms;
  const own = workDirectory(directory);
  const missing = missingAbove(own);
  try {
    if (findObstacle(directory, `${WORK}/record.json`) !== undefined) throw inTheWay(own);
    await makeDirectories(own);
    const lock = tryLock(join(own, 'lock'), LOCK_WAIT_MS);
    if (lock === undefined)
      throw new RackError('already-running', `another process is importing into ${directory}: wait for it, or stop it`);
    try {
      const plan = await planMirror(request, downloads, clock, signal);
      terms.onPlan(plan);
      return await fulfil(plan, terms);
    } finally {
      lock.release();
    }
  } catch (error) {
    const isOthers = error instanceof RackError && error.code === 'already-running';
    if (!isOthers && !hasRecord(directory)) await removeMade(missing);
    const code = osErrorCode(error);
    if (error instanceof RackError || code === undefined) throw error;
    const remedy = code === 'ENOSPC' ? 'free space on its disk' : ownershipRemedy(directory, directory);
    throw new RackError('store-unwritable', `${directory} cannot be written (${code}): ${remedy}`, { cause: error });
  }
}

/** A directory and those above it, as far as they are missing; the lowest one comes first. */
function missingAbove(directory: string): readonly string[] {
  return seenEntry(directory) === undefined ? [directory, ...missingAbove(dirname(directory))] : [];
}

/** Removes the directories that a run made before it failed, and which have nothing of a mirror. */
async function removeMade([own, ...above]: readonly string[]): Promise<void> {
  if (own === undefined) return;
  await rm(own, { recursive: true, force: true });
  // One that has other entries stays.
  for (const path of above) await rmdir(path).catch(() => undefined);
}

/** By the path of a file that a mirror wrote, or is about to write: the checksum of what it wrote last; empty: nothing yet. */
type Record = Map<string, string>;

const recordShape = z.object({
  schema: z.literal(2),
  files: z.array(z.tuple([z.string().refine(isContainedPath), z.string()])).max(FILES_MAX),
});

const workDirectory = (directory: string): string => join(directory, WORK);
const recordPath = (directory: string): string => join(workDirectory(directory), 'record.json');
const hasRecord = (directory: string): boolean => seenEntry(recordPath(directory)) !== undefined;

/** @throws RackError `store-broken` for a record that cannot be read */
function readRecord(directory: string): Record {
  const path = recordPath(directory);
  try {
    return new Map(recordShape.parse(JSON.parse(readRegularFile(path, RECORD_BYTES_MAX))).files);
  } catch (cause) {
    if (osErrorCode(cause) === 'ENOENT') return new Map();
    const remedy = 'remove it, and mirror into an empty directory';
    throw new RackError('store-broken', `${path} is not a record of a mirror: ${remedy}`, { cause });
  }
}

const saveRecord = (directory: string, record: Record): Promise<void> =>
  publishFile(recordPath(directory), Buffer.from(`${JSON.stringify({ schema: 2, files: [...record] })}\n`));

/** What has the place of a directory above a path, or is a directory, or no plain file, at the path itself; undefined: there is nothing such. */
function findObstacle(directory: string, path: string): string | undefined {
  for (let end = path.indexOf('/'); end !== -1; end = path.indexOf('/', end + 1)) {
    const facts = seenEntry(join(directory, path.slice(0, end)));
    if (facts === undefined) return undefined;
    if (!facts.isDirectory()) return path.slice(0, end);
  }
  return (seenEntry(join(directory, path))?.isFile() ?? true) ? undefined : path;
}

/** True for a file that a mirror wrote, and for a directory with no others. */
async function isOwn(directory: string, path: string, record: Record): Promise<boolean> {
  const at = join(directory, path);
  if (seenEntry(at)?.isDirectory() !== true) return record.has(path) && seenEntry(at)?.isFile() === true;
  const below = [...record.keys()].filter((one) => one.startsWith(`${path}/`));
  // A killed run may have left a directory without the file that belongs there.
  const made = new Set(
    below.flatMap((one) => one.split('/').map((_, index, parts) => parts.slice(0, index).join('/'))),
  );
  const entries = await readdir(at, { recursive: true, withFileTypes: true });
  return (
    made.has(path) &&
    entries.every((one) => {
      const name = relative(directory, join(one.parentPath, one.name));
      return one.isDirectory() ? made.has(name) : one.isFile() && record.has(name);
    })
  );
}

const inTheWay = (path: string): RackError =>
  new RackError(
    'already-exists',
    `${path} is in the way: no mirror wrote it, or it is a link; move it away, or choose another directory`,
  );

/** A path and the content that belongs there. */
interface Wanted {
  readonly path: string;
  readonly bytes: number | undefined;
  readonly digest: Digest;
}

/** @throws RackError `already-exists` if something else has the path of a file, `cancelled` */
async function findMissing(
  files: readonly Wanted[],
  record: Record,
  { directory, signal }: MirrorTerms,
): Promise<ReadonlySet<string>> {
  const missing = new Set<string>();
  for (const { path, bytes, digest } of files) {
    await heedStop(signal);
    const obstacle = findObstacle(directory, path);
    const at = join(directory, path);
    if (obstacle !== undefined && !(await isOwn(directory, obstacle, record)))
      throw inTheWay(join(directory, obstacle));
    const found = obstacle === undefined ? seenEntry(at) : undefined;
    const isSized = found !== undefined && (bytes ?? found.size) === found.size;
    if (isSized && (record.get(path) === digest.hex || (await hashFile(at, digest.algorithm, signal)) === digest.hex))
      continue;
    if (found !== undefined && !record.has(path)) throw inTheWay(at);
    missing.add(path);
  }
  return missing;
}

async function hashFile(path: string, algorithm: DigestAlgorithm, signal: AbortSignal): Promise<string> {
  const hash = createHash(algorithm);
  for await (const piece of createReadStream(path, { highWaterMark: PIECE_BYTES })) {
    hash.update(piece);
    await heedStop(signal);
  }
  return hash.digest('hex');
}

/** @param isMirror true if the directory has a mirror */
function nothingChosen({ unmatched }: MirrorPlan, isMirror: boolean): string {
  const what = 'no image of the site matches all filters';
  const remedy = isMirror
    ? `${what}, so the mirror stays as it is: correct the filters, or remove the directory of the mirror`
    : `${what}: correct the filters`;
  return [remedy, ...unmatched].join('\n  ');
}

async function fulfil(plan: MirrorPlan, terms: MirrorTerms): Promise<MirrorResult> {
  const { directory, signal } = terms;
  if (plan.images === 0) throw new RackError('not-found', nothingChosen(plan, hasRecord(directory)));
  const record = readRecord(directory);
  const documents = plan.documents.map(({ path, bytes }) => {
    const hex = createHash('sha256').update(bytes).digest('hex');
    return { path, content: bytes, bytes: bytes.length, digest: { algorithm: 'sha256', hex } as const };
  });
  const missing = await findMissing([...plan.files, ...documents], record, terms);
  const files = plan.files.filter(({ path }) => missing.has(path));
  for (const { path } of files) record.set(path, record.get(path) ?? '');
  // After every file that it names, so that it is removed before these.
  for (const { path } of documents) {
    const hex = record.get(path) ?? '';
    record.delete(path);
    record.set(path, hex);
  }
  if (record.size > FILES_MAX)
    throw new RackError('limit-reached', `a mirror may have at most ${FILES_MAX} files: choose fewer with filters`);
  await saveRecord(directory, record);
  const removed: string[] = [];
  try {
    const late = await fetchFiles(files, record, terms);
    for (const file of late) await place(file, record, terms);
    for (const { path, content, digest } of documents.filter(({ path }) => missing.has(path))) {
      await makeWay(directory, path, record);
      await publishFile(join(directory, path), content);
      record.set(path, digest.hex);
    }
    const wanted = new Set([...plan.files, ...documents].map(({ path }) => path));
    for (const path of [...record.keys()].filter((one) => !wanted.has(one)).reverse()) {
      await heedStop(signal);
      if (findObstacle(directory, path) === undefined && seenEntry(join(directory, path)) !== undefined) {
        await rm(join(directory, path));
        removed.push(path);
      }
      await removeEmptyAbove(directory, path);
      record.delete(path);
    }
  } finally {
    await saveRecord(directory, record);
  }
  await removeParts(directory);
  const { images, problems } = plan;
  return { images, files: plan.files.length, fetched: files.length, removed, problems };
}

/** Removes what a mirror wrote in the place of a directory above a path, or below the path. */
async function makeWay(directory: string, path: string, record: Record): Promise<void> {
  const obstacle = findObstacle(directory, path);
  if (obstacle === undefined) return;
  if (!(await isOwn(directory, obstacle, record))) throw inTheWay(join(directory, obstacle));
  await rm(join(directory, obstacle), { recursive: true });
  for (const other of [...record.keys()])
    if (other !== path && (other === obstacle || other.startsWith(`${obstacle}/`))) record.delete(other);
}

async function removeEmptyAbove(directory: string, path: string): Promise<void> {
  for (let at = dirname(path); at !== '.'; at = dirname(at)) {
    try {
      await rmdir(join(directory, at));
    } catch (error) {
      // The directory has other files.
      if (osErrorCode(error) !== 'ENOENT') return;
    }
  }
}

/**
 * Fetches all files that can be fetched, and puts those at their paths whose paths are free.
 * @returns the others
 * @throws RackError `source-failed` with those that cannot be fetched, and as `fetchFile`
 */
async function fetchFiles(
  files: readonly MirrorFile[],
  record: Record,
  terms: MirrorTerms,
): Promise<readonly MirrorFile[]> {
  const stop = new AbortController();
  const signal = AbortSignal.any([terms.signal, stop.signal]);
  const counter = new ProgressCounter(files, terms.onProgress);
  const left = files.values();
  const failures: string[] = [];
  const late: MirrorFile[] = [];
  let failuresInARow = 0;
  let fetched = 0;
  const work = async (): Promise<void> => {
    for (const file of left) {
      const failure = await fetchFile(file, { ...terms, signal }, counter);
      if (failure === undefined) fetched += 1;
      else failures.push(failure.text);
      if (failure === undefined && isFree(terms.directory, file.path)) await place(file, record, terms);
      else if (failure === undefined) late.push(file);
      failuresInARow = failure === undefined || failure.isOfFile ? 0 : failuresInARow + 1;
      if (failuresInARow >= FAILURES_IN_A_ROW_MAX) return;
    }
  };
  // The first error stops the other workers, and is the one that is reported. All have ended before it is thrown.
  const errors: unknown[] = [];
  const note = (error: unknown): void => {
    errors.push(error);
    stop.abort();
  };
  await Promise.all(Array.from({ length: FILES_AT_A_TIME }, () => work().catch(note)));
  if (errors.length > 0) throw errors[0];
  if (failures.length === 0) return late;
  const more = failures.length - SHOWN_FAILURES_MAX;
  const rest = more > 0 ? [`${counted(more, 'further file')} could not be mirrored`] : [];
  const end = `fetched ${fetched} of ${counted(files.length, 'new file')}; the documents of the mirror stay as they were: repeat the command, or leave the files out with filters`;
  throw new RackError('source-failed', [...failures.slice(0, SHOWN_FAILURES_MAX), ...rest, end].join('\n'));
}

/** A file that no attempt delivered. */
interface Failure {
  /** For people, with the path and the reason. */
  readonly text: string;
  /** True: another file of the server may be right. */
  readonly isOfFile: boolean;
}

/** The name of a download. Two files may have the same content, so it includes a hash of the path. */
const downloadName = ({ path, digest }: MirrorFile): string =>
  `${digest.hex}-${createHash('sha256').update(path).digest('hex').slice(0, 16)}`;

/**
 * Fetches a file into the mirror's own directory.
 * @returns undefined if it is there
 * @throws RackError `source-failed` if this host cannot store it, `cancelled`
 */
async function fetchFile(
  file: MirrorFile,
  { directory, downloads, signal, onDownload }: MirrorTerms,
  counter: ProgressCounter,
): Promise<Failure | undefined> {
  const { path, url, bytes, digest } = file;
  const own = workDirectory(directory);
  const request = {
    urls: [url],
    bytes,
    digest,
    bytesMax: FILE_BYTES_MAX,
    directory: own,
    name: downloadName(file),
  };
  let fetched: Download | undefined;
  const note = (download: Download): void => {
    fetched = download;
    onDownload(download);
    counter.note(download);
  };
  try {
    await fetchWhole(request, path, { downloads, signal, onDownload: note });
    return undefined;
  } catch (error) {
    if (!(error instanceof RackError)) throw error;
    if (error.code === 'cancelled') throw stopped();
    if (!(error.cause instanceof AttemptFailure)) throw error;
    const { fault } = error.cause;
    const text = `${path} could not be mirrored: ${describeLastFault(fault, fetched)}`;
    if (prospectOf(fault) === 'never') throw new RackError('source-failed', text);
    return { text, isOfFile: OF_FILE.has(fault.code) };
  }
}

const isFree = (directory: string, path: string): boolean =>
  findObstacle(directory, path) === undefined && seenEntry(join(directory, path)) === undefined;

/** Puts a fetched file at its path. @throws RackError `already-exists`, `cancelled` */
async function place(file: MirrorFile, record: Record, { directory, signal }: MirrorTerms): Promise<void> {
  const at = join(directory, file.path);
  await heedStop(signal);
  await makeWay(directory, file.path, record);
  await makeDirectories(dirname(at));
  await rename(join(workDirectory(directory), downloadName(file)), at);
  await syncDirectory(dirname(at));
  record.set(file.path, file.digest.hex);
}

/** Adds up the progress of all downloads. */
class ProgressCounter {
  readonly #onProgress: (progress: MirrorProgress) => void;
  readonly #total: number | undefined;
  readonly #bytes = new Map<string, number>();
  /** Of `#bytes`. */
  #sum = 0;
  /** Only of files that arrive now. */
  readonly #rates = new Map<string, number>();

  constructor(files: readonly Pick<MirrorFile, 'bytes'>[], onProgress: (progress: MirrorProgress) => void) {
    this.#onProgress = onProgress;
    this.#total = files.reduce<number | undefined>(
      (sum, { bytes }) => (sum === undefined || bytes === undefined ? undefined : sum + bytes),
      0,
    );
  }

  note({ request: { name }, state }: Download): void {
    if (state.kind === 'downloading') this.#rates.set(name, state.bytesPerSecond);
    else this.#rates.delete(name);
    if (state.kind !== 'downloading' && state.kind !== 'done') return;
    this.#sum += state.bytes - (this.#bytes.get(name) ?? 0);
    this.#bytes.set(name, state.bytes);
    this.#onProgress({
      bytes: this.#sum,
      total: this.#total,
      bytesPerSecond: [...this.#rates.values()].reduce((all, one) => all + one, 0),
    });
  }
}

/** Removes partial downloads of files that are no longer wanted. */
async function removeParts(directory: string): Promise<void> {
  const own = workDirectory(directory);
  for (const name of await readdir(own)) {
    if (/^[0-9a-f]{64,128}-[0-9a-f]{16}(?:(?:-\d+)?\.part.*)?$/.test(name)) await rm(join(own, name), { force: true });
  }
}
