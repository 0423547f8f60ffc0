// The download of one file: from the kept part of an earlier run to the verified file under its name.
//
//   #run: open the part, hash what is kept ─▶ the plan's next step ─┬─ give-up ─▶ failed
//                                                 ▲  ▲              ├─ wait
//                                                 │  └── a fault ── └─ ask ─▶ #attempt ─▶ whole ─▶ #verify ─┬─ right ─▶ publish ─▶ done
//                                                 └───────────────────────────────────────────── wrong ─▶ drop
//
// The states are drawn in request.ts.
//
// 1. The file appears under its name only when its size and digest are right and its bytes are on disk.
// 2. A file with a wrong digest is discarded. If one source alone sent it, the second wrong file excludes that source;
//    if several did, each must deliver the whole file alone from then on.
// 3. `cancel` changes the state at once; later results are ignored.
// 4. During an attempt, space is reserved for the missing bytes, and for a copy that is made of the file.

import type { Clock, Instant, Timer } from '../../clock.ts';
import { osErrorCode } from '../../errors.ts';
import { viewBytes } from '../../net/borrowed-bytes.ts';
import { RESERVE_BYTES } from '../blob-writing.ts';
import { type BodyMeans, readBody } from './body.ts';
import type { DiskRoom } from './disk-room.ts';
import { ATTEMPTS_KEPT_MAX, AttemptFailure, type AttemptFault, cleanFault, cleanSaid } from './fault.ts';
import { isFinished, PartFile, partFiles, partPath, removeFiles } from './part-file.ts';
import { planBody, rangeFields, type Wanted } from './range-answer.ts';
import { type Attempt, type Download, type DownloadRequest, type DownloadState, isAtRest } from './request.ts';
import { sleepUntil } from './sleep-until.ts';
import { type SourceHealth, SourcePlan } from './source-plan.ts';
import { freeUnheldParts } from './unheld-parts.ts';
import { parseWebUrl, shownUrl, type WebAnswer, type WebClient } from './web-client.ts';

/** How often watchers hear of new bytes; other changes are reported at once. */
const PROGRESS_MS = 100;

export interface DownloadMeans extends BodyMeans {
  readonly web: WebClient;
  readonly room: DiskRoom;
  readonly health: SourceHealth;
}

export class FileDownload implements Download {
  readonly request: DownloadRequest;
  readonly #means: DownloadMeans;
  readonly #clock: Clock;
  readonly #plan: SourcePlan;
  readonly #attempts: Attempt[] = [];
  readonly #watchers = new Set<() => void>();
  readonly #stop = new AbortController();
  readonly #work: Promise<void>;
  /** Sources that sent a wrong range: they are asked for the whole file. */
  readonly #rangeless = new Set<string>();
  readonly #suspects = new Set<string>();
  /** The URLs of the kept bytes; `an earlier run` if unknown. */
  readonly #contributors = new Set<string>();
  #state: DownloadState;
  #report: Timer | undefined;
  #bytes = 0;
  #mayMix = true;

  constructor(request: DownloadRequest, means: DownloadMeans) {
    const { clock, health, settings } = means;
    this.request = request;
    this.#means = means;
    this.#clock = clock;
    this.#plan = new SourcePlan(request.urls.map(parseWebUrl), health, clock, settings);
    this.#state = { kind: 'waiting', since: clock.now(), nextAt: undefined, reason: undefined };
    this.#work = this.#run();
  }

  get state(): DownloadState {
    return this.#state;
  }

  get growth(): { readonly bytes: number } {
    return { bytes: this.#bytes };
  }

  get attempts(): readonly Attempt[] {
    return this.#attempts;
  }

  cancel(): void {
    if (isAtRest(this.#state)) return;
    this.#set({ kind: 'cancelled' });
    this.#stop.abort();
  }

  settled(): Promise<void> {
    return this.#work;
  }

  watch(listener: () => void): () => void {
    this.#watchers.add(listener);
    return () => void this.#watchers.delete(listener);
  }

  #set(state: DownloadState): void {
    if (isAtRest(this.#state)) return;
    this.#state = state;
    this.#report?.cancel();
    this.#report = undefined;
    for (const watcher of [...this.#watchers]) watcher();
  }

  #setSoon(make: () => DownloadState): void {
    this.#report ??= this.#clock.schedule(PROGRESS_MS, () => this.#set(make()));
  }

  /** Rejects only for a bug. */
  async #run(): Promise<void> {
    const { signal } = this.#stop;
    let part: PartFile | undefined;
    try {
      const bytes = await isFinished(this.request);
      if (bytes !== undefined) {
        this.#bytes = bytes;
        return this.#set({ kind: 'done', bytes, digest: this.request.digest });
      }
      part = await PartFile.open(this.request);
      if (part.bytes > 0) await this.#rehash(part, signal);
      while (!isAtRest(this.#state)) await this.#step(part, signal);
    } catch (error) {
      this.#set({ kind: 'failed', reason: this.#diskFault(error) });
    } finally {
      // If closing fails, an earlier write has already reported why.
      await part?.close().catch(() => undefined);
      if (part?.bytes === 0) await removeFiles(partFiles(this.request)).catch(() => undefined);
    }
  }

  async #rehash(part: PartFile, signal: AbortSignal): Promise<void> {
    const total = part.kept?.total;
    this.#contributors.add('an earlier run').add(part.source ?? '');
    this.#set({ kind: 'verifying', bytes: 0, total });
    const isWhole = await part.rehash(signal, (bytes) => this.#setSoon(() => ({ kind: 'verifying', bytes, total })));
    if (!isWhole && !signal.aborted) await part.drop();
    this.#bytes = part.bytes;
  }

  async #step(part: PartFile, signal: AbortSignal): Promise<void> {
    const total = this.request.bytes ?? part.kept?.total;
    if (part.bytes > 0 && part.bytes === total) return this.#verify(part, undefined, this.#clock.now());
    const step = this.#plan.next(part.source);
    const reason = this.#attempts.at(-1)?.fault;
    if (step.kind === 'give-up') {
      if (reason === undefined) throw new Error('a plan gave up before any attempt');
      return this.#set({ kind: 'failed', reason });
    }
    const nextAt = step.kind === 'wait' ? step.until : undefined;
    this.#set({ kind: 'waiting', since: this.#clock.now(), nextAt, reason });
    if (step.kind === 'wait') return sleepUntil(step.until, this.#clock, signal);
    const { url } = step;
    const at = this.#clock.now();
    this.#set({ kind: 'connecting', url: shownUrl(url) });
    try {
      if (await this.#attempt(part, url, signal)) await this.#verify(part, url, at);
    } catch (error) {
      if (!(error instanceof AttemptFailure)) throw error;
      if (signal.aborted) return;
      const fault = withUrl(error.fault, url);
      this.#note(at, fault);
      if (fault.code === 'no-room') throw error;
      if (fault.code === 'range-wrong') this.#rangeless.add(url.href);
      this.#plan.failed(url, fault, part.bytes);
    }
  }

  /** @returns true if the part is the whole file; false if the signal came first */
  async #attempt(part: PartFile, url: URL, signal: AbortSignal): Promise<boolean> {
    for (let isFirst = true; ; isFirst = false) {
      const { bytes, bytesMax } = this.request;
      const wanted: Wanted = { from: part.bytes, kept: part.kept, mayMix: this.#mayMix, bytes, bytesMax };
      const fields = (asked: URL) => (this.#rangeless.has(url.href) ? {} : rangeFields(asked, wanted));
      const answer = await this.#means.web.open(url, fields, signal);
      if (answer === undefined) return false;
      try {
        const { status, headers } = answer;
        const plan = planBody({ url: answer.url, status, headers, wallTimeMs: this.#clock.wallTimeMs() }, wanted);
        if (plan.kind === 'whole') return true;
        if (plan.kind === 'again' || plan.isNew) {
          await part.drop();
          this.#contributors.clear();
        }
        if (plan.kind === 'body') {
          await part.begin(plan.file, url.href);
          this.#contributors.add(url.href);
          return await this.#read(part, answer, plan.at, plan.file.total, url, signal);
        }
        // Without kept bytes the second request has no range, so its answer should differ.
        if (!isFirst) throw new AttemptFailure({ code: 'range-wrong', params: { host: url.host, from: 0, range: '' } });
      } finally {
        answer.close();
      }
    }
  }

  /** @param at the offset of the body in the file */
  async #read(
    part: PartFile,
    answer: WebAnswer,
    at: number,
    total: number | undefined,
    url: URL,
    signal: AbortSignal,
  ): Promise<boolean> {
    const { bytesMax, isConverted = false } = this.request;
    const reservation = await this.#reserve((total ?? part.bytes) - part.bytes + (isConverted ? (total ?? 0) : 0));
    let surplus = part.bytes - at;
    const show = (bytesPerSecond: number): DownloadState => {
      return { kind: 'downloading', url: shownUrl(url), bytes: part.bytes, total, bytesPerSecond };
    };
    const take = async (bytes: Uint8Array, bytesPerSecond: number): Promise<void> => {
      const skipped = Math.min(surplus, bytes.length);
      surplus -= skipped;
      await part.append(viewBytes(bytes, skipped));
      this.#bytes = part.bytes;
      await reservation.wrote(bytes.length - skipped);
      this.#setSoon(() => show(bytesPerSecond));
    };
    this.#set(show(0));
    try {
      return await readBody(answer, this.#means, { at, total, bytesMax, take }, signal);
    } finally {
      reservation.release();
    }
  }

  /** Reserves space; if the disk lacks it, removes files that nobody downloads any more. */
  async #reserve(bytes: number): ReturnType<DiskRoom['reserve']> {
    const { directory, isHeld = false } = this.request;
    try {
      return await this.#means.room.reserve(directory, bytes);
    } catch (error) {
      if (!(isHeld && error instanceof AttemptFailure && error.fault.code === 'no-room')) throw error;
      const { neededBytes, freeBytes } = error.fault.params;
      await freeUnheldParts(directory, neededBytes - freeBytes, this.#clock.wallTimeMs());
      return this.#means.room.reserve(directory, bytes);
    }
  }

  #note(at: Instant, fault: AttemptFault | undefined): void {
    this.#attempts.push({ at, fault });
    if (this.#attempts.length > ATTEMPTS_KEPT_MAX) this.#attempts.shift();
  }

  /** @param url undefined: the kept part was whole */
  async #verify(part: PartFile, url: URL | undefined, at: Instant): Promise<void> {
    const { digest } = this.request;
    const { bytes } = part;
    this.#set({ kind: 'verifying', bytes, total: bytes });
    const found = part.digest();
    if (digest.hex !== found) return this.#refuse(part, url, at, found);
    await part.publish();
    this.#bytes = bytes;
    if (url !== undefined) {
      this.#note(at, undefined);
      this.#plan.succeeded(url);
    }
    this.#set({ kind: 'done', bytes, digest });
  }

  async #refuse(part: PartFile, url: URL | undefined, at: Instant, found: string): Promise<void> {
    const { algorithm, hex: expected } = this.request.digest;
    const [only = '', ...others] = this.#contributors;
    const host = url?.host ?? URL.parse(part.source ?? '')?.host ?? '';
    const fault = cleanFault({ code: 'digest-wrong', params: { host, algorithm, expected, found } });
    this.#note(at, fault);
    await part.drop();
    this.#bytes = 0;
    if (url !== undefined) this.#plan.failed(url, fault, 0);
    if (others.length > 0) this.#mayMix = false;
    else if (this.#suspects.has(only)) this.#plan.exclude(only);
    else this.#suspects.add(only);
    this.#contributors.clear();
  }

  #diskFault(error: unknown): AttemptFault {
    if (error instanceof AttemptFailure) return error.fault;
    const path = partPath(this.request);
    const code = osErrorCode(error);
    if (code === undefined || !/^E[A-Z0-9]+$/.test(code)) throw error;
    const { directory } = this.request;
    if (code === 'ENOSPC') return { code: 'no-room', params: { directory, freeBytes: 0, neededBytes: RESERVE_BYTES } };
    return { code: 'disk-failed', params: { path, said: cleanSaid(error) } };
  }
}

const withUrl = (fault: AttemptFault, { origin, pathname }: URL): AttemptFault =>
  fault.code === 'http-refused'
    ? cleanFault({ ...fault, params: { ...fault.params, url: `${origin}${pathname}` } })
    : fault;
