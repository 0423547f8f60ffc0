// Mirrors a simplestreams site into a directory, as `sstream-mirror` does. A web server can then
// serve it, with the original signatures.
//
//   documents ─▶ plan ─▶ record ─▶ files, several at a time ─▶ changed files ─▶ documents, the index last ─▶ remove unwanted files
//
// 1. A document is published after all its files, and a file is removed after all documents that named it.
// 2. A file appears at its path only after its checksum was verified. The next run continues the
//    partial downloads of an interrupted one.
// 3. If a file cannot be fetched, the others are fetched nevertheless, but the previous documents
//    and their files stay. A changed file replaces the previous one only after all files have been
//    fetched.
// 4. A signal stops a run at any time.
// 5. Every path is recorded before the mirror writes there. No other file is replaced or removed. A
//    file with the right content is used, whoever put it there.
//
//   DIR/.rackboot-mirror/record.json   the paths, with the checksums of their files. The downloads and the lock of a run are in the same directory

import { createHash } from 'node:crypto';
import { createReadStream, existsSync, readFileSync } from 'node:fs';
import { readdir, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import { statLinkIfVisible } from '../../files/seen-stats.ts';
import type { Clock } from '../../ground/clock.ts';
import { counted } from '../../ground/counted.ts';
import { RackError } from '../../ground/errors.ts';
import { DownloadError, decideProspect } from '../download/fault.ts';
import type { Downloads } from '../download/queue.ts';
import type { Digest, DownloadRequest, DownloadState, OnState } from '../download/request.ts';
import { tryLock } from '../store/file-lock.ts';
import { makeDirectories, publishFile, removeEmpty, syncDirectory } from '../store/publication.ts';
import { asStoreError } from '../store/store-error.ts';
import {
  buildStoppedError,
  type MirrorFile,
  type MirrorPlan,
  type MirrorRequest,
  planMirror,
  throwIfStopped,
} from './mirror-plan.ts';

const WORK_DIRECTORY = '.rackboot-mirror';
const FILES_MAX = 200_000;
const PIECE_BYTES = 1024 * 1024;
const FILES_AT_A_TIME = 4;
/** Faults that concern only one file. Its server works. */
const FILE_FAULTS: ReadonlySet<string> = new Set(['http-refused', 'size-wrong', 'too-large', 'digest-wrong']);
const FAILURES_IN_A_ROW_MAX = FILES_AT_A_TIME;
/** The failures that a message names. It only counts the others. */
const SHOWN_FAILURES_MAX = 100;
const FILE_BYTES_MAX = 64 * 1024 ** 3;

/** Two processes that start together may block each other briefly. */
const LOCK_WAIT_MS = 250;

/** The progress, in bytes of the files that were missing. */
interface MirrorProgress {
  readonly bytes: number;
  /** Undefined if the site does not give every size. */
  readonly total: number | undefined;
  readonly bytesPerSecond: number;
}

interface MirrorOptions {
  readonly directory: string;
  readonly downloads: Downloads;
  readonly clock: Pick<Clock, 'wallTimeMs'>;
  readonly onPlan: (plan: MirrorPlan) => void;
  readonly onProgress: (progress: MirrorProgress) => void;
  readonly onState: OnState;
  readonly signal: AbortSignal;
}

interface MirrorResult {
  readonly images: number;
  readonly files: number;
  readonly fetched: number;
  readonly removed: readonly string[];
  readonly problems: readonly string[];
}

/**
 * Mirrors a site.
 * @throws RackError `not-found` if the filters choose no image: then nothing changes;
 * `source-failed`, `already-exists` for a file or a link that no mirror wrote, `already-running`,
 * `store-unwritable`, `cancelled`
 */
export async function mirrorSite(request: MirrorRequest, options: MirrorOptions): Promise<MirrorResult> {
  const { directory, downloads, clock, signal } = options;
  const plan = await planMirror(request, downloads, clock, signal);
  options.onPlan(plan);
  if (plan.images === 0)
    throw new RackError('not-found', describeEmptyChoice(plan, existsSync(mirrorRecordPath(directory))));
  try {
    const workDirectory = join(directory, WORK_DIRECTORY);
    await makeDirectories(workDirectory);
    const lock = tryLock(join(workDirectory, 'lock'), LOCK_WAIT_MS);
    if (lock === undefined)
      throw new RackError('already-running', `another process is importing into ${directory}: wait for it, or stop it`);
    try {
      return await carryOut(plan, options);
    } finally {
      lock.release();
    }
  } catch (error) {
    throw asStoreError(error, directory);
  }
}

/** Maps a path to the checksum of what a mirror wrote there last. Empty if the mirror is about to write. */
type Record = Map<string, string>;

const recordShape = z.object({ schema: z.literal(2), files: z.array(z.tuple([z.string(), z.string()])) });

const mirrorRecordPath = (directory: string): string => join(directory, WORK_DIRECTORY, 'record.json');

function readMirrorRecord(directory: string): Record {
  const path = mirrorRecordPath(directory);
  return existsSync(path) ? new Map(recordShape.parse(JSON.parse(readFileSync(path, 'utf8'))).files) : new Map();
}

const saveRecord = (directory: string, record: Record): Promise<void> =>
  publishFile(mirrorRecordPath(directory), Buffer.from(`${JSON.stringify({ schema: 2, files: [...record] })}\n`));

interface MirrorTarget {
  readonly path: string;
  readonly bytes: number | undefined;
  readonly digest: Digest;
}

async function findMissing(
  files: readonly MirrorTarget[],
  record: Record,
  { directory, signal }: MirrorOptions,
): Promise<ReadonlySet<string>> {
  const missing = new Set<string>();
  for (const file of files) {
    await throwIfStopped(signal);
    const { path, digest } = file;
    const target = join(directory, path);
    const stats = statLinkIfVisible(target);
    const isRecorded = record.has(path) && stats?.isFile() === true;
    const hasRightContent =
      stats?.isFile() === true &&
      (file.bytes ?? stats.size) === stats.size &&
      (record.get(path) === digest.hex || (await hashMirrored(target, digest, signal)) === digest.hex);
    if (hasRightContent) continue;
    if (stats !== undefined && !isRecorded) {
      const remedy = 'no mirror wrote it, or it is a link; move it away, or choose another directory';
      throw new RackError('already-exists', `${target} is in the way: ${remedy}`);
    }
    missing.add(path);
  }
  return missing;
}

async function hashMirrored(path: string, { algorithm }: Digest, signal: AbortSignal): Promise<string> {
  const hash = createHash(algorithm);
  for await (const piece of createReadStream(path, { highWaterMark: PIECE_BYTES })) {
    hash.update(piece);
    await throwIfStopped(signal);
  }
  return hash.digest('hex');
}

function describeEmptyChoice({ unmatched }: MirrorPlan, isMirror: boolean): string {
  const what = 'no image of the site matches all filters';
  const remedy = isMirror
    ? `${what}, so the mirror stays as it is: correct the filters, or remove the directory of the mirror`
    : `${what}: correct the filters`;
  return [remedy, ...unmatched].join('\n  ');
}

async function carryOut(plan: MirrorPlan, options: MirrorOptions): Promise<MirrorResult> {
  const { directory, signal } = options;
  const record = readMirrorRecord(directory);
  const documents = plan.documents.map(({ path, bytes }) => {
    const hex = createHash('sha256').update(bytes).digest('hex');
    return { path, content: bytes, bytes: bytes.length, digest: { algorithm: 'sha256', hex } as const };
  });
  const missing = await findMissing([...plan.files, ...documents], record, options);
  const files = plan.files.filter(({ path }) => missing.has(path));
  for (const { path } of files) record.set(path, record.get(path) ?? '');
  // In the record, a document stands after every file that it names. Removal goes backwards, so the
  // document is removed before them.
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
    const changedFiles = await fetchFiles(files, record, options);
    for (const file of changedFiles) await moveIntoPlace(file, record, options);
    for (const { path, content, digest } of documents.filter(({ path }) => missing.has(path))) {
      await publishFile(join(directory, path), content);
      record.set(path, digest.hex);
    }
    const plannedPaths = new Set([...plan.files, ...documents].map(({ path }) => path));
    for (const path of [...record.keys()].filter((recordedPath) => !plannedPaths.has(recordedPath)).reverse()) {
      await throwIfStopped(signal);
      if (statLinkIfVisible(join(directory, path))?.isFile() === true) {
        await rm(join(directory, path));
        removed.push(path);
      }
      await removeEmpty(listParents(path).map((parent) => join(directory, parent)));
      record.delete(path);
    }
  } finally {
    await saveRecord(directory, record);
  }
  await removeDownloads(directory);
  const { images, problems } = plan;
  return { images, files: plan.files.length, fetched: files.length, removed, problems };
}

/** Lists the parent directories, innermost first. */
const listParents = (path: string): readonly string[] => {
  const parent = dirname(path);
  return parent === '.' ? [] : [parent, ...listParents(parent)];
};

/**
 * Fetches files, and moves each to its path if that path is free.
 * @returns the fetched files whose paths are not free
 */
async function fetchFiles(
  files: readonly MirrorFile[],
  record: Record,
  options: MirrorOptions,
): Promise<readonly MirrorFile[]> {
  const stop = new AbortController();
  const signal = AbortSignal.any([options.signal, stop.signal]);
  const counter = new ProgressCounter(files, options.onProgress);
  const remaining = files.values();
  const failures: string[] = [];
  const changedFiles: MirrorFile[] = [];
  let failuresInARow = 0;
  let fetched = 0;
  const fetchRemaining = async (): Promise<void> => {
    for (const file of remaining) {
      const failure = await fetchFile(file, { ...options, signal }, counter);
      if (failure === undefined) fetched += 1;
      else failures.push(failure.text);
      const isFree = statLinkIfVisible(join(options.directory, file.path)) === undefined;
      if (failure === undefined && isFree) await moveIntoPlace(file, record, options);
      else if (failure === undefined) changedFiles.push(file);
      failuresInARow = failure === undefined || failure.isOfFile ? 0 : failuresInARow + 1;
      if (failuresInARow >= FAILURES_IN_A_ROW_MAX) return;
    }
  };
  // The first error stops the other fetches, and is thrown after they have ended.
  const errors: unknown[] = [];
  const recordError = (error: unknown): void => {
    errors.push(error);
    stop.abort();
  };
  await Promise.all(Array.from({ length: FILES_AT_A_TIME }, () => fetchRemaining().catch(recordError)));
  if (errors.length > 0) throw errors[0];
  if (failures.length === 0) return changedFiles;
  const furtherFailures = failures.length - SHOWN_FAILURES_MAX;
  const furtherLine =
    furtherFailures > 0 ? [`${counted(furtherFailures, 'further file')} could not be downloaded`] : [];
  const summary = `fetched ${fetched} of ${counted(files.length, 'new file')}; the documents of the mirror stay as they were: repeat the command, or leave the files out with filters`;
  throw new RackError('source-failed', [...failures.slice(0, SHOWN_FAILURES_MAX), ...furtherLine, summary].join('\n'));
}

interface FetchFailure {
  readonly text: string;
  /** True if other files of the server may be right. */
  readonly isOfFile: boolean;
}

/** The name of a download. Two files may have the same content, so it includes a hash of the path. */
const downloadName = ({ path, digest }: MirrorFile): string =>
  `${digest.hex}-${createHash('sha256').update(path).digest('hex').slice(0, 16)}`;

/** @returns undefined if the file was fetched */
async function fetchFile(
  file: MirrorFile,
  { directory, downloads, signal, onState }: MirrorOptions,
  counter: ProgressCounter,
): Promise<FetchFailure | undefined> {
  const { path, url, bytes, digest } = file;
  const workDirectory = join(directory, WORK_DIRECTORY);
  const request = {
    title: path,
    urls: [url],
    bytes,
    digest,
    bytesMax: FILE_BYTES_MAX,
    directory: workDirectory,
    name: downloadName(file),
  };
  const reportState: OnState = (...of) => {
    onState(...of);
    counter.count(...of);
  };
  try {
    await downloads.fetch(request, { signal, onState: reportState });
    return undefined;
  } catch (error) {
    if (!(error instanceof RackError)) throw error;
    if (error.code === 'cancelled') throw buildStoppedError();
    if (!(error instanceof DownloadError) || decideProspect(error.fault) === 'never') throw error;
    return { text: error.message, isOfFile: FILE_FAULTS.has(error.fault.code) };
  }
}

async function moveIntoPlace(file: MirrorFile, record: Record, { directory, signal }: MirrorOptions): Promise<void> {
  const target = join(directory, file.path);
  await throwIfStopped(signal);
  await makeDirectories(dirname(target));
  await rename(join(directory, WORK_DIRECTORY, downloadName(file)), target);
  await syncDirectory(dirname(target));
  record.set(file.path, file.digest.hex);
}

class ProgressCounter {
  readonly #onProgress: (progress: MirrorProgress) => void;
  readonly #total: number | undefined;
  readonly #bytes = new Map<string, number>();
  #sum = 0;
  /** Rates of the files that are arriving now. */
  readonly #rates = new Map<string, number>();

  constructor(files: readonly Pick<MirrorFile, 'bytes'>[], onProgress: (progress: MirrorProgress) => void) {
    this.#onProgress = onProgress;
    this.#total = files.reduce<number | undefined>(
      (sum, { bytes }) => (sum === undefined || bytes === undefined ? undefined : sum + bytes),
      0,
    );
  }

  count(state: DownloadState, { name }: DownloadRequest): void {
    if (state.kind === 'downloading') this.#rates.set(name, state.bytesPerSecond);
    else this.#rates.delete(name);
    if (state.kind !== 'downloading' && state.kind !== 'done') return;
    this.#sum += state.bytes - (this.#bytes.get(name) ?? 0);
    this.#bytes.set(name, state.bytes);
    this.#onProgress({
      bytes: this.#sum,
      total: this.#total,
      bytesPerSecond: [...this.#rates.values()].reduce((all, rate) => all + rate, 0),
    });
  }
}

async function removeDownloads(directory: string): Promise<void> {
  const workDirectory = join(directory, WORK_DIRECTORY);
  for (const name of await readdir(workDirectory)) {
    if (/^[0-9a-f]{64,128}-[0-9a-f]{16}(?:(?:-\d+)?\.part.*)?$/.test(name))
      await rm(join(workDirectory, name), { force: true });
  }
}
