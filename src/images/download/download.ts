// The download of one file: from the kept part of an earlier run to the verified file under its name.
//
//   run: open the part, hash what is kept ─▶ the plan's next step ─┬─ give-up ─▶ failed
//                                                ▲  ▲              ├─ wait
//                                                │  └── a fault ── └─ ask ─▶ #attempt ─▶ whole ─▶ #verify ─┬─ right ─▶ publish ─▶ done
//                                                └───────────────────────────────────────────── wrong ─▶ drop
//
// The states are drawn in request.ts.
//
// 1. The file appears under its name only when its size and digest are right and its bytes are on disk.
// 2. A file with a wrong digest is discarded. If one source alone sent it, the second wrong file
//    excludes that source; if several did, each must deliver the whole file alone from then on.
// 3. After the signal, no state is reported.
// 4. During an attempt, space is reserved for the missing bytes, and for a copy that is made of the file.

import { viewBytes } from '../../ground/borrowed-bytes.ts';
import type { Clock, Timer } from '../../ground/clock.ts';
import { osErrorCode, RackError } from '../../ground/errors.ts';
import { RESERVE_BYTES } from '../content/blob-writing.ts';
import { type BodyDeps, readBody } from './body.ts';
import type { DiskSpace } from './disk-space.ts';
import { type AttemptFault, cleanFault, cleanSaid, DownloadError, describeLastFault } from './fault.ts';
import { isFinished, PartFile, partFiles, partPath, removeFiles } from './part-file.ts';
import { planBody, rangeFields, type Wanted } from './range-answer.ts';
import type { DownloadRequest, DownloadState, OnState } from './request.ts';
import { sleepUntil } from './sleep-until.ts';
import { type SourceHealth, SourcePlan } from './source-plan.ts';
import { freeUnheldParts } from './unheld-parts.ts';
import { parseWebUrl, shownUrl, type WebAnswer, type WebClient } from './web-client.ts';

/** How often new bytes are reported; other changes are at once. */
const PROGRESS_MS = 100;

export interface DownloadDeps extends BodyDeps {
  readonly web: WebClient;
  readonly space: DiskSpace;
  readonly health: SourceHealth;
}

const stopped = (): RackError => new RackError('cancelled', 'the import was stopped');

export class FileDownload {
  readonly #request: DownloadRequest;
  readonly #deps: DownloadDeps;
  readonly #clock: Clock;
  readonly #signal: AbortSignal;
  readonly #onState: OnState;
  readonly #plan: SourcePlan;
  /** Sources that sent a wrong range: they are asked for the whole file. */
  readonly #rangeless = new Set<string>();
  readonly #suspects = new Set<string>();
  /** The URLs of the kept bytes; `an earlier run` if unknown. */
  readonly #contributors = new Set<string>();
  #report: Timer | undefined;
  #failures = 0;
  /** Of the last attempt. */
  #reason: AttemptFault | undefined;
  #mayMix = true;

  constructor(request: DownloadRequest, deps: DownloadDeps, signal: AbortSignal, onState: OnState) {
    const { clock, health, settings } = deps;
    this.#request = request;
    this.#deps = deps;
    this.#clock = clock;
    this.#signal = signal;
    this.#onState = onState;
    this.#plan = new SourcePlan(request.urls.map(parseWebUrl), health, clock, settings);
  }

  #set(state: DownloadState): void {
    this.#report?.cancel();
    this.#report = undefined;
    if (!this.#signal.aborted) this.#onState(state, this.#request);
  }

  #setSoon(make: () => DownloadState): void {
    this.#report ??= this.#clock.schedule(PROGRESS_MS, () => this.#set(make()));
  }

  /** @returns the bytes of the file @throws DownloadError, RackError `cancelled` */
  async run(): Promise<number> {
    const request = this.#request;
    let part: PartFile | undefined;
    try {
      const present = await isFinished(request);
      if (present !== undefined) {
        this.#set({ kind: 'done', bytes: present });
        return present;
      }
      part = await PartFile.open(request);
      if (part.bytes > 0) await this.#rehash(part);
      while (!this.#signal.aborted) if (await this.#step(part)) return part.bytes;
    } catch (error) {
      const reason = this.#faultOf(error);
      if (!this.#signal.aborted) {
        this.#set({ kind: 'failed', reason });
        const why = describeLastFault(reason, { attempts: this.#failures, bytes: part?.bytes ?? 0 });
        throw new DownloadError(reason, error, `${request.title} could not be downloaded: ${why}`);
      }
    } finally {
      this.#report?.cancel();
      // If closing fails, an earlier write has already reported why.
      await part?.close().catch(() => undefined);
      if (part?.bytes === 0) await removeFiles(partFiles(request)).catch(() => undefined);
    }
    throw stopped();
  }

  async #rehash(part: PartFile): Promise<void> {
    const total = part.kept?.total;
    this.#contributors.add('an earlier run').add(part.source ?? '');
    this.#set({ kind: 'verifying', bytes: 0, total });
    await part.rehash((bytes) => {
      if (this.#signal.aborted) throw stopped();
      this.#setSoon(() => ({ kind: 'verifying', bytes, total }));
    });
  }

  /** @returns true if the file is whole, and under its name */
  async #step(part: PartFile): Promise<boolean> {
    const total = this.#request.bytes ?? part.kept?.total;
    const reason = this.#reason;
    if (part.bytes > 0 && part.bytes === total) {
      if (reason !== undefined) this.#set({ kind: 'waiting', nextAt: undefined, reason });
      return this.#verify(part, undefined);
    }
    const step = this.#plan.next(part.source);
    if (step.kind === 'give-up') {
      if (reason === undefined) throw new Error('a plan gave up before any attempt');
      throw new DownloadError(reason);
    }
    this.#set({ kind: 'waiting', nextAt: step.kind === 'wait' ? step.until : undefined, reason });
    if (step.kind === 'wait') {
      await sleepUntil(step.until, this.#clock, this.#signal);
      return false;
    }
    const { url } = step;
    this.#set({ kind: 'connecting', url: shownUrl(url) });
    try {
      return (await this.#attempt(part, url)) && (await this.#verify(part, url));
    } catch (error) {
      if (!(error instanceof DownloadError)) throw error;
      if (this.#signal.aborted) return false;
      const fault = this.#note(this.#withUrl(error.fault, url));
      if (fault.code === 'no-room') throw error;
      if (fault.code === 'range-wrong') this.#rangeless.add(url.href);
      this.#plan.failed(url, fault, part.bytes);
      return false;
    }
  }

  /** @returns true if the part is the whole file; false if the signal came first */
  async #attempt(part: PartFile, url: URL): Promise<boolean> {
    for (let isFirst = true; ; isFirst = false) {
      const { bytes, bytesMax } = this.#request;
      const wanted: Wanted = { from: part.bytes, kept: part.kept, mayMix: this.#mayMix, bytes, bytesMax };
      const fields = (requestUrl: URL) => (this.#rangeless.has(url.href) ? {} : rangeFields(requestUrl, wanted));
      const answer = await this.#deps.web.open(url, fields, this.#signal);
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
          return await this.#read(part, answer, plan.at, plan.file.total, url);
        }
        // Without kept bytes the second request has no range, so its answer should differ.
        if (!isFirst) throw new DownloadError({ code: 'range-wrong', params: { host: url.host, from: 0, range: '' } });
      } finally {
        answer.close();
      }
    }
  }

  /** @param at the offset of the body in the file */
  async #read(part: PartFile, answer: WebAnswer, at: number, total: number | undefined, url: URL): Promise<boolean> {
    const { bytesMax, isConverted = false } = this.#request;
    const reservation = await this.#reserve((total ?? part.bytes) - part.bytes + (isConverted ? (total ?? 0) : 0));
    let surplus = part.bytes - at;
    const show = (bytesPerSecond: number): DownloadState => {
      return { kind: 'downloading', url: shownUrl(url), bytes: part.bytes, total, bytesPerSecond };
    };
    const take = async (bytes: Uint8Array, bytesPerSecond: number): Promise<void> => {
      const skipped = Math.min(surplus, bytes.length);
      surplus -= skipped;
      await part.append(viewBytes(bytes, skipped));
      await reservation.wrote(bytes.length - skipped);
      this.#setSoon(() => show(bytesPerSecond));
    };
    this.#set(show(0));
    try {
      return await readBody(answer, this.#deps, { at, total, bytesMax, take }, this.#signal);
    } finally {
      reservation.release();
    }
  }

  /** Reserves space; if the disk lacks it, removes files that nobody downloads any more. */
  async #reserve(bytes: number): ReturnType<DiskSpace['reserve']> {
    const { directory, isHeld = false } = this.#request;
    try {
      return await this.#deps.space.reserve(directory, bytes);
    } catch (error) {
      if (!(isHeld && error instanceof DownloadError && error.fault.code === 'no-room')) throw error;
      const { neededBytes, freeBytes } = error.fault.params;
      await freeUnheldParts(directory, neededBytes - freeBytes, this.#clock.wallTimeMs());
      return this.#deps.space.reserve(directory, bytes);
    }
  }

  #note(fault: AttemptFault): AttemptFault {
    this.#failures += 1;
    this.#reason = fault;
    return fault;
  }

  #withUrl(fault: AttemptFault, { origin, pathname }: URL): AttemptFault {
    if (fault.code !== 'http-refused') return fault;
    const { mirrorKey } = this.#request;
    return cleanFault({ ...fault, params: { ...fault.params, url: `${origin}${pathname}`, mirrorKey } });
  }

  /** @param url undefined: the kept part was whole @returns false if it is dropped */
  async #verify(part: PartFile, url: URL | undefined): Promise<boolean> {
    const { bytes } = part;
    this.#set({ kind: 'verifying', bytes, total: bytes });
    const hex = part.digest();
    if (this.#request.digest.hex !== hex) {
      await this.#refuse(part, url, hex);
      return false;
    }
    await part.publish();
    if (url !== undefined) this.#plan.succeeded(url);
    this.#set({ kind: 'done', bytes });
    return true;
  }

  async #refuse(part: PartFile, url: URL | undefined, found: string): Promise<void> {
    const { algorithm, hex: expected } = this.#request.digest;
    const [only = '', ...others] = this.#contributors;
    const host = url?.host ?? URL.parse(part.source ?? '')?.host ?? '';
    const fault = this.#note(cleanFault({ code: 'digest-wrong', params: { host, algorithm, expected, found } }));
    await part.drop();
    if (url !== undefined) this.#plan.failed(url, fault, 0);
    if (others.length > 0) this.#mayMix = false;
    else if (this.#suspects.has(only)) this.#plan.exclude(only);
    else this.#suspects.add(only);
    this.#contributors.clear();
  }

  /** @throws any error that is no fault of a source or of the disk */
  #faultOf(error: unknown): AttemptFault {
    if (error instanceof DownloadError) return this.#reason ?? error.fault;
    const path = partPath(this.#request);
    const code = osErrorCode(error);
    if (code === undefined || !/^E[A-Z0-9]+$/.test(code)) throw error;
    const { directory } = this.#request;
    if (code === 'ENOSPC') return { code: 'no-room', params: { directory, freeBytes: 0, neededBytes: RESERVE_BYTES } };
    return { code: 'disk-failed', params: { path, detail: cleanSaid(error) } };
  }
}
