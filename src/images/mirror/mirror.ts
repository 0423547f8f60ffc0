// Mirrors a simplestreams site into a directory, as `sstream-mirror` does. A web server can then serve the directory as a simplestreams
// site, with the signatures of the original.
//
//   documents ─▶ plan ─▶ record ─▶ files, several at a time ─▶ documents, the index last ─▶ remove unwanted files
//
// 1. A document is published after all its files, and a file is removed only after all documents that named it. So readers find every file
//    that a document names.
// 2. A file appears at its path only after its checksum was verified. The next run continues the partial downloads of an interrupted one.
// 3. If a file cannot be fetched, the others are, but the previous documents stay, and only files of earlier runs that are in the way of new
//    ones are removed.

import { createHash } from 'node:crypto';
import { readdir, rename, rm, rmdir } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { Clock } from '../../clock.ts';
import { counted } from '../../counted.ts';
import { osErrorCode, RackError } from '../../errors.ts';
import { ownershipRemedy } from '../../files/ownership.ts';
import { seenEntry } from '../../files/seen-stats.ts';
import { prospectOf } from '../download/fault.ts';
import { describeLastFault } from '../download/fault-words.ts';
import type { Downloads } from '../download/queue.ts';
import { type Download, isAtRest } from '../download/request.ts';
import { tryLock } from '../file-lock.ts';
import { makeDirectories, publishFile, syncDirectory } from '../publication.ts';
import { type MirrorFile, type MirrorPlan, type MirrorRequest, planMirror } from './mirror-plan.ts';
import { checkWay, hasRecord, MirrorRecord, workDirectory } from './mirror-record.ts';

/** How many files are requested at a time; the downloads also have their own bound. */
const FILES_AT_A_TIME = 4;
/** The failures in a row, other than refusals of a file, after which the server is given up. */
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
const NOTHING_CHOSEN =
  'no image of the site matches all filters, so the mirror stays as it is: correct the filters, or remove the directory of the mirror';

async function fulfil(plan: MirrorPlan, record: MirrorRecord, terms: MirrorTerms): Promise<MirrorResult> {
  const { directory } = terms;
  const documents = plan.documents.map(({ path, bytes }) => {
    const hex = createHash('sha256').update(bytes).digest('hex');
    return { path, bytes, digest: { algorithm: 'sha256', hex } as const };
  });
  if (plan.images === 0) {
    await record.findMissing(plan.files, documents);
    throw new RackError('not-found', NOTHING_CHOSEN);
  }
  const missing = new Set((await record.expect(plan.files, documents)).map(({ path }) => path));
  const files = plan.files.filter(({ path }) => missing.has(path));
  try {
    await fetchFiles(files, record, terms);
    for (const document of documents.filter(({ path }) => missing.has(path))) {
      await record.makeWay(document.path);
      await publishFile(join(directory, document.path), document.bytes);
      record.wrote(document);
    }
  } finally {
    await record.save();
  }
  const removed = await record.removeOthers(new Set([...plan.files, ...documents].map(({ path }) => path)));
  await removeParts(directory);
  const { images, problems } = plan;
  return { images, files: plan.files.length, fetched: files.length, removed, problems };
}

/** Fetches all files that can be fetched. @throws RackError `source-failed` with those that cannot, and as `fetchFile` */
async function fetchFiles(files: readonly MirrorFile[], record: MirrorRecord, terms: MirrorTerms): Promise<void> {
  const stop = new AbortController();
  const signal = AbortSignal.any([terms.signal, stop.signal]);
  const counter = new ProgressCounter(files, terms.onProgress);
  const left = files.values();
  const failures: string[] = [];
  let failuresInARow = 0;
  let fetched = 0;
  const work = async (): Promise<void> => {
    for (const file of left) {
      const failure = await fetchFile(file, { ...terms, signal }, counter, record);
      if (failure === undefined) fetched += 1;
      else failures.push(failure.text);
      failuresInARow = failure === undefined || failure.isRefused ? 0 : failuresInARow + 1;
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
  if (failures.length === 0) return;
  const more = failures.length - SHOWN_FAILURES_MAX;
  const rest = more > 0 ? [`${counted(more, 'further file')} could not be mirrored`] : [];
  const end = `fetched ${fetched} of ${counted(files.length, 'new file')}; the documents of the mirror stay as they were: repeat the command, or leave the files out with filters`;
  throw new RackError('source-failed', [...failures.slice(0, SHOWN_FAILURES_MAX), ...rest, end].join('\n'));
}

/** A file that no attempt delivered. */
interface Failure {
  /** For people, with the path and the reason. */
  readonly text: string;
  /** True: the server answered that it does not send this file. */
  readonly isRefused: boolean;
}

/**
 * Fetches a file, and puts it at its path.
 * @returns undefined if it is there
 * @throws RackError `source-failed` if this host cannot store it, `cancelled`, `already-exists`
 */
async function fetchFile(
  file: MirrorFile,
  { directory, downloads, signal, onDownload }: MirrorTerms,
  counter: ProgressCounter,
  record: MirrorRecord,
): Promise<Failure | undefined> {
  const { path, url, bytes, digest } = file;
  if (signal.aborted) throw new RackError('cancelled', 'the mirror was stopped');
  const own = workDirectory(directory);
  // Two files may have the same content, so the name includes a hash of the path.
  const name = `${digest.hex}-${createHash('sha256').update(path).digest('hex').slice(0, 16)}`;
  const request = { urls: [url], bytes, digest, bytesMax: FILE_BYTES_MAX, directory: own, name };
  const download = downloads.add(request);
  const stop = (): void => download.cancel();
  signal.addEventListener('abort', stop, { once: true });
  try {
    await new Promise<void>((resolve) => {
      const check = (): void => {
        onDownload(download);
        counter.note(download);
        if (isAtRest(download.state)) resolve();
      };
      download.watch(check);
      check();
    });
  } finally {
    signal.removeEventListener('abort', stop);
    // The lock of the mirror may be released only then.
    await download.settled();
  }
  const { state } = download;
  if (state.kind === 'failed') {
    const text = `${path} could not be mirrored: ${describeLastFault(state.reason, download)}`;
    if (prospectOf(state.reason) === 'never') throw new RackError('source-failed', text);
    return { text, isRefused: state.reason.code === 'http-refused' };
  }
  if (state.kind !== 'done') throw new RackError('cancelled', 'the mirror was stopped');
  const at = join(directory, path);
  await record.makeWay(path);
  await makeDirectories(dirname(at));
  await rename(join(own, name), at);
  await syncDirectory(dirname(at));
  record.wrote(file);
  return undefined;
}

/** Adds up the progress of all downloads. */
class ProgressCounter {
  readonly #onProgress: (progress: MirrorProgress) => void;
  readonly #total: number | undefined;
  readonly #bytes = new Map<string, number>();
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
    this.#bytes.set(name, state.bytes);
    const sum = (values: Iterable<number>): number => [...values].reduce((all, one) => all + one, 0);
    this.#onProgress({
      bytes: sum(this.#bytes.values()),
      total: this.#total,
      bytesPerSecond: sum(this.#rates.values()),
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
