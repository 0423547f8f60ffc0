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

import { createHash } from 'node:crypto';
import { readdir, rename, rm, rmdir } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { Clock } from '../../clock.ts';
import { counted } from '../../counted.ts';
import { osErrorCode, RackError } from '../../errors.ts';
import { ownershipRemedy } from '../../files/ownership.ts';
import { seenEntry } from '../../files/seen-stats.ts';
import { AttemptFailure, prospectOf } from '../download/fault.ts';
import { describeLastFault } from '../download/fault-words.ts';
import type { Downloads } from '../download/queue.ts';
import type { Download } from '../download/request.ts';
import { tryLock } from '../file-lock.ts';
import { fetchFile as fetchWhole } from '../import/file-fetch.ts';
import { makeDirectories, publishFile, syncDirectory } from '../publication.ts';
import { type MirrorFile, type MirrorPlan, type MirrorRequest, planMirror, stopped } from './mirror-plan.ts';
import { checkWay, hasRecord, MirrorRecord, workDirectory } from './mirror-record.ts';

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
    checkWay(directory, join(basename(own), 'record.json'));
    await makeDirectories(own);
    const lock = lockMirror(directory);
    try {
      const plan = await planMirror(request, downloads, clock, signal);
      terms.onPlan(plan);
      return await fulfil(plan, MirrorRecord.read(directory), terms);
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

/** @throws RackError `already-running`, `store-unwritable` */
function lockMirror(directory: string): { release(): void } {
  const lock = tryLock(join(workDirectory(directory), 'lock'), LOCK_WAIT_MS);
  if (lock !== undefined) return lock;
  throw new RackError('already-running', `another process is importing into ${directory}: wait for it, or stop it`);
}

/** @param isMirror true if the directory has a mirror */
function nothingChosen({ unmatched }: MirrorPlan, isMirror: boolean): string {
  const what = 'no image of the site matches all filters';
  const remedy = isMirror
    ? `${what}, so the mirror stays as it is: correct the filters, or remove the directory of the mirror`
    : `${what}: correct the filters`;
  return [remedy, ...unmatched].join('\n  ');
}

async function fulfil(plan: MirrorPlan, record: MirrorRecord, terms: MirrorTerms): Promise<MirrorResult> {
  const { directory, signal } = terms;
  const documents = plan.documents.map(({ path, bytes }) => {
    const hex = createHash('sha256').update(bytes).digest('hex');
    return { path, bytes, digest: { algorithm: 'sha256', hex } as const };
  });
  if (plan.images === 0) {
    await record.findMissing(plan.files, documents, signal);
    throw new RackError('not-found', nothingChosen(plan, hasRecord(directory)));
  }
  const missing = new Set((await record.expect(plan.files, documents, signal)).map(({ path }) => path));
  const files = plan.files.filter(({ path }) => missing.has(path));
  try {
    const late = await fetchFiles(files, record, terms);
    for (const file of late) await place(file, directory, record, signal);
    for (const document of documents.filter(({ path }) => missing.has(path))) {
      await record.makeWay(document.path, signal);
      await publishFile(join(directory, document.path), document.bytes);
      record.wrote(document);
    }
  } finally {
    await record.save();
  }
  const removed = await record.removeOthers(new Set([...plan.files, ...documents].map(({ path }) => path)), signal);
  await removeParts(directory);
  const { images, problems } = plan;
  return { images, files: plan.files.length, fetched: files.length, removed, problems };
}

/**
 * Fetches all files that can be fetched, and puts those at their paths whose paths are free.
 * @returns the others
 * @throws RackError `source-failed` with those that cannot be fetched, and as `fetchFile`
 */
async function fetchFiles(
  files: readonly MirrorFile[],
  record: MirrorRecord,
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
      if (failure === undefined && record.isFree(file.path)) await place(file, terms.directory, record, signal);
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

/** Puts a fetched file at its path. @throws RackError `already-exists`, `cancelled` */
async function place(file: MirrorFile, directory: string, record: MirrorRecord, signal: AbortSignal): Promise<void> {
  const at = join(directory, file.path);
  await record.makeWay(file.path, signal);
  await makeDirectories(dirname(at));
  await rename(join(workDirectory(directory), downloadName(file)), at);
  await syncDirectory(dirname(at));
  record.wrote(file);
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
