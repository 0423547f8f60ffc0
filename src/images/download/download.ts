// The download of one file: from the kept part of an earlier run to the verified file under its name.
//
//   #run: open the part, hash what is kept ─▶ #tryNext ─┬─ give-up ─▶ failed
//                                                        ├─ wait ─▶ #tryNext
//                                                        └─ ask ─▶ a place ─▶ runAttempt ─┬─ fault ─▶ #tryNext
//                                                                                         └─ whole ─▶ #verify ─┬─ right ─▶ publish ─▶ done
//                                                                                                              └─ wrong ─▶ drop ─▶ #tryNext
//   pause, cancel ─▶ #halt: the signal ends each of these at once; the part is kept.  resume ─▶ #run from the beginning
//
// The states are drawn in request.ts.
//
// 1. The file appears under its name only when its size and digest are right and its bytes are on disk.
// 2. A file with a wrong digest is discarded. If it came from one source alone, the other sources are tried, then this one once more; its
//    second wrong file excludes it. If it came from several, each source must deliver the whole file alone from then on. So the download ends.
// 3. A command changes the state at once. Results of the stopped work are then ignored, unless it had already finished the file.
// 4. Space for the missing bytes is reserved while an attempt runs. For a converted copy, as much as the whole file is reserved in addition:
//    the copy starts over with each run, and its size is unknown in advance. Each written byte of the file also counts as one of the copy.

import type { Instant } from '../../clock.ts';
import { osErrorCode } from '../../errors.ts';
import { UnfitFile } from '../../files/regular-file.ts';
import { RESERVE_BYTES } from '../blob-writing.ts';
import { runAttempt } from './attempt.ts';
import { AttemptLog, type BegunAttempt } from './attempt-log.ts';
import type { AttemptMeans } from './body.ts';
import type { Digest } from './digest.ts';
import { type DiskRoom, FileRoom } from './disk-room.ts';
import { AttemptFailure, type AttemptFault, cleanFault, cleanSaid } from './fault.ts';
import { digestOfFinished, PartFile } from './part-file.ts';
import { partFiles, partPath } from './part-record.ts';
import type { Place, Places } from './places.ts';
import { removeDownload, removeFiles } from './removal.ts';
import {
  type Attempt,
  type Download,
  type DownloadRequest,
  type DownloadState,
  type Growth,
  isAtRest,
} from './request.ts';
import { sleepUntil } from './sleep-until.ts';
import type { SourceHealth } from './source-health.ts';
import { type Source, SourcePlan } from './source-plan.ts';
import { freeUnlockedParts } from './unlocked-parts.ts';
import { WatchedState } from './watched-state.ts';
import { parseWebUrl, shownUrl } from './web-client.ts';

/** The means of all downloads of a queue. */
export interface DownloadMeans extends AttemptMeans {
  readonly room: DiskRoom;
  readonly places: Places;
  readonly health: SourceHealth;
}

/** A download in this thread. */
export class FileDownload implements Download {
  readonly request: DownloadRequest;
  readonly #urls: readonly URL[];
  readonly #means: DownloadMeans;
  readonly #attempts: AttemptLog;
  /** Sources that sent a wrong range. From them the whole file is requested. */
  readonly #rangeless = new Set<string>();
  readonly #state: WatchedState;
  readonly #room: FileRoom;
  /** The open part; undefined: none is open. */
  #part: PartFile | undefined;
  /** The growth while no part is open. */
  #growth: Growth = { generation: 0, bytes: 0, total: undefined };
  #plan: SourcePlan;
  #stop = new AbortController();
  #work: Promise<void>;
  #bytesPerSecond = 0;
  #mayMix: boolean;
  /** The sources that have sent a wrong file, each alone, once. */
  readonly #suspects = new Set<Source>();
  /** The URLs from which the kept bytes came; `an earlier run` stands for those that are no longer known. */
  #contributors = new Set<string>();

  /** @throws RackError `bad-argument` for an invalid URL */
  constructor(request: DownloadRequest, means: DownloadMeans) {
    this.request = request;
    this.#means = means;
    this.#urls = request.urls.map(parseWebUrl);
    this.#plan = this.#newPlan();
    this.#mayMix = request.digest !== undefined;
    this.#room = new FileRoom(means.room, request.directory, (reason) => {
      if (!isAtRest(this.state)) this.#halt({ kind: 'failed', reason });
    });
    this.#attempts = new AttemptLog(means.clock);
    this.#state = new WatchedState(means.clock, this.#waiting(undefined, undefined));
    this.#work = this.#run(this.#stop.signal);
  }

  get state(): DownloadState {
    return this.#state.current;
  }

  get growth(): Growth {
    return this.#part?.growth ?? this.#growth;
  }

  get attempts(): readonly Attempt[] {
    return this.#attempts.kept;
  }

  pause(): void {
    if (!isAtRest(this.state)) this.#halt({ kind: 'paused' });
  }

  resume(): void {
    const { kind } = this.state;
    if (kind !== 'paused' && kind !== 'failed') return;
    this.#stop = new AbortController();
    const { signal } = this.#stop;
    this.#plan = this.#newPlan();
    this.#state.set(this.#waiting(undefined, undefined));
    this.#work = this.#work.then(() => this.#run(signal));
  }

  cancel(): void {
    const { kind } = this.state;
    if (kind !== 'done' && kind !== 'cancelled') this.#halt({ kind: 'cancelled' });
  }

  async remove(): Promise<void> {
    this.#halt({ kind: 'cancelled' });
    await this.#work;
    await removeDownload(this.request);
  }

  watch(listener: () => void): () => void {
    return this.#state.watch(listener);
  }

  async settled(): Promise<void> {
    await this.#work;
  }

  #newPlan(): SourcePlan {
    const { health, clock, settings } = this.#means;
    return new SourcePlan(this.#urls, health, clock, settings, this.request.isFirstOwn);
  }

  #halt(state: DownloadState): void {
    this.#stop.abort();
    this.#state.set(state);
  }

  #waiting(nextAt: Instant | undefined, reason: AttemptFault | undefined): DownloadState {
    return { kind: 'waiting', since: this.#means.clock.now(), nextAt, reason };
  }

  /** One run, from the beginning or after a pause. Rejects only for a bug. */
  async #run(signal: AbortSignal): Promise<void> {
    try {
      if (await this.#isFinished(signal)) return;
      const part = await this.#openPart(signal);
      if (part.bytes > 0) await this.#rehash(part, signal);
      while (!signal.aborted) if (await this.#tryNext(part, signal)) return;
    } catch (error) {
      const reason = this.#diskFault(error);
      if (!signal.aborted) this.#state.set({ kind: 'failed', reason });
    } finally {
      this.#room.release();
      await this.#closePart();
    }
  }

  /** Closes the part, and removes the files of an empty one. */
  async #closePart(): Promise<void> {
    const part = this.#part;
    if (part === undefined) return;
    // If closing fails, an earlier write has already reported why. An empty file that cannot be removed does no harm.
    await part.close().catch(() => undefined);
    this.#growth = part.growth;
    if (part.bytes === 0) {
      await removeFiles(partFiles(this.request)).catch(() => undefined);
      // Readers of the removed file must start over.
      this.#growth = { generation: part.growth.generation + 1, bytes: 0, total: undefined };
    }
    this.#part = undefined;
  }

  /** True if the finished file exists already, because an earlier run was killed after publishing it. */
  async #isFinished(signal: AbortSignal): Promise<boolean> {
    const found = await digestOfFinished(this.request, signal);
    if (found === undefined || found.digest.hex !== this.request.digest?.hex || signal.aborted) return false;
    this.#growth = { ...this.#growth, bytes: found.bytes, total: found.bytes };
    this.#state.set({ kind: 'done', ...found });
    return true;
  }

  async #openPart(signal: AbortSignal): Promise<PartFile> {
    const known = this.#growth;
    const part = await PartFile.open(this.request, this.#means.clock, known.generation);
    this.#part = part;
    if (part.bytes < known.bytes && !signal.aborted) await part.drop();
    if (part.bytes > 0) this.#contributors = new Set(['an earlier run', part.source ?? '']);
    return part;
  }

  async #rehash(part: PartFile, signal: AbortSignal): Promise<void> {
    const { total } = part.growth;
    if (!signal.aborted) this.#state.set({ kind: 'verifying', bytes: 0, total });
    let hashed = 0;
    const isWhole = await part.rehash(signal, (bytes) => {
      hashed = bytes;
      if (!signal.aborted) this.#state.setSoon(() => ({ kind: 'verifying', bytes: hashed, total }));
    });
    if (!isWhole && !signal.aborted) await part.drop();
  }

  /** The next step. @returns true if the download is at rest */
  async #tryNext(part: PartFile, signal: AbortSignal): Promise<boolean> {
    const total = this.request.bytes ?? part.growth.total;
    if (total !== undefined && part.bytes > 0 && part.bytes === total) return this.#verify(part, undefined, signal);
    const step = this.#plan.next(part.source);
    const reason = this.#attempts.lastFault;
    if (step.kind === 'give-up') {
      if (reason === undefined) throw new Error('a plan gave up before any attempt');
      this.#state.set({ kind: 'failed', reason });
      return true;
    }
    this.#state.set(this.#waiting(step.kind === 'wait' ? step.until : undefined, reason));
    if (step.kind === 'wait') {
      await sleepUntil(step.until, this.#means.clock, signal);
      return false;
    }
    const place = await this.#means.places.take(step.sources, signal);
    if (place === undefined) return false;
    try {
      // A command may arrive after the place was given.
      return signal.aborted ? false : await this.#attempt(part, place, signal);
    } finally {
      place.giveBack();
    }
  }

  async #attempt(part: PartFile, { source }: Place, signal: AbortSignal): Promise<boolean> {
    const begun = this.#attempts.begin(source.url, part);
    const url = shownUrl(source.url);
    this.#state.set({ kind: 'connecting', url });
    this.#bytesPerSecond = 0;
    try {
      if (!(await this.#fetch(part, source, url, signal))) return false;
    } catch (error) {
      if (!(error instanceof AttemptFailure)) throw error;
      return signal.aborted ? false : this.#afterFault(part, begun, withUrl(error.fault, source.url));
    }
    return signal.aborted ? false : this.#verify(part, begun, signal);
  }

  #fetch(part: PartFile, source: Source, url: string, signal: AbortSignal): Promise<boolean> {
    const { bytes, bytesMax, digest, isConverted = false } = this.request;
    const task = {
      url: source.url,
      part,
      bytes,
      bytesMax,
      hasDigest: digest !== undefined,
      mayMix: this.#mayMix,
      usesRange: !this.#rangeless.has(source.url.href),
    };
    const progress = (): void => {
      if (!signal.aborted) this.#state.setSoon(() => this.#downloading(part, url));
    };
    return runAttempt(
      task,
      this.#means,
      {
        onHead: async (total, kept) => {
          if (kept === 0) this.#contributors.clear();
          this.#contributors.add(source.url.href);
          await this.#reserve((total ?? kept) - kept + (isConverted ? (total ?? 0) : 0));
          if (!signal.aborted) this.#state.set(this.#downloading(part, url));
        },
        onBytes: (bytesPerSecond) => {
          this.#bytesPerSecond = bytesPerSecond;
          progress();
        },
        onGrown: (bytes) => {
          this.#room.wrote(isConverted ? 2 * bytes : bytes);
          progress();
        },
      },
      signal,
    );
  }

  /** Reserves space; if the disk lacks it, at the expense of files that nobody downloads any more. @throws AttemptFailure `no-room` */
  async #reserve(bytes: number): Promise<void> {
    try {
      await this.#room.reserve(bytes);
    } catch (error) {
      const { directory, hasLock = false } = this.request;
      if (!(hasLock && error instanceof AttemptFailure && error.fault.code === 'no-room')) throw error;
      const { neededBytes, freeBytes } = error.fault.params;
      await freeUnlockedParts(directory, neededBytes - freeBytes, this.#means.clock.wallTimeMs());
      await this.#room.reserve(bytes);
    }
  }

  #afterFault(part: PartFile, begun: BegunAttempt, fault: AttemptFault): boolean {
    this.#attempts.end(begun, part, fault);
    if (fault.code === 'no-room') {
      this.#state.set({ kind: 'failed', reason: fault });
      return true;
    }
    if (fault.code === 'range-wrong') this.#rangeless.add(begun.url.href);
    this.#plan.failed(begun, fault, part.bytes);
    return false;
  }

  /** Publishes the file if its digest is right. @param begun undefined: the kept part was whole. @returns true if the download is done */
  async #verify(part: PartFile, begun: BegunAttempt | undefined, signal: AbortSignal): Promise<boolean> {
    const { digest: wanted } = this.request;
    const { bytes } = part;
    this.#state.set({ kind: 'verifying', bytes, total: bytes });
    const digest = part.digest();
    if (wanted !== undefined && wanted.hex !== digest.hex) {
      await this.#refuse(part, begun, { ...wanted, found: digest.hex });
      return false;
    }
    await part.publish();
    this.#part = undefined;
    this.#growth = { generation: part.growth.generation, bytes, total: bytes };
    if (begun !== undefined) {
      this.#attempts.end(begun, part, undefined);
      this.#plan.succeeded(begun);
    }
    // A pause came too late. A cancelled download stays cancelled, although the file exists.
    if (!signal.aborted || this.state.kind === 'paused') this.#state.set({ kind: 'done', bytes, digest });
    return true;
  }

  /** Drops a file with a wrong digest, and excludes its source if that has sent one alone before. */
  async #refuse(
    part: PartFile,
    begun: BegunAttempt | undefined,
    digest: Digest & { readonly found: string },
  ): Promise<void> {
    const [only, ...others] = this.#contributors;
    const guilty = others.length === 0 ? this.#plan.find(only) : undefined;
    const url = guilty?.url ?? begun?.url ?? this.#plan.find(part.source)?.url;
    const { algorithm, hex: expected, found } = digest;
    const fault = cleanFault({ code: 'digest-wrong', params: { host: url?.host ?? '', algorithm, expected, found } });
    if (url !== undefined) this.#attempts.end(begun ?? this.#attempts.begin(url, part), part, fault);
    await part.drop();
    if (begun !== undefined) this.#plan.failed(begun, fault, 0);
    if (guilty === undefined) this.#mayMix = false;
    else if (this.#suspects.has(guilty)) this.#plan.exclude(guilty);
    else this.#suspects.add(guilty);
    this.#contributors.clear();
  }

  #downloading(part: PartFile, url: string): DownloadState {
    const { total } = part.growth;
    return { kind: 'downloading', url, bytes: part.bytes, total, bytesPerSecond: this.#bytesPerSecond };
  }

  #diskFault(error: unknown): AttemptFault {
    if (error instanceof AttemptFailure) return error.fault;
    const path = partPath(this.request);
    if (error instanceof UnfitFile) return { code: 'disk-failed', params: { path, said: cleanSaid(error) } };
    const code = osErrorCode(error);
    if (code === undefined || !/^E[A-Z0-9]+$/.test(code)) throw error;
    const { directory } = this.request;
    if (code === 'ENOSPC') {
      return { code: 'no-room', params: { directory, freeBytes: 0, neededBytes: RESERVE_BYTES } };
    }
    return { code: 'disk-failed', params: { path, said: cleanSaid(error) } };
  }
}

/** The fault, with the requested URL where the sentence tells to check it. */
const withUrl = (fault: AttemptFault, { origin, pathname }: URL): AttemptFault =>
  fault.code === 'http-refused'
    ? cleanFault({ ...fault, params: { ...fault.params, url: `${origin}${pathname}` } })
    : fault;
