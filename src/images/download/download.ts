// The download of one file: from the kept part of an earlier run to the verified file under its name.
//
//   run: open the part, hash the kept bytes ─▶ the plan's next step ─┬─ give-up ─▶ failed
//                                                ▲  ▲              ├─ wait
//                                                │  └── a fault ── └─ ask ─▶ #attempt ─▶ whole ─▶ #verify ─┬─ right ─▶ publish ─▶ done
//                                                └───────────────────────────────────────────── wrong ─▶ drop
//
// The states are drawn in request.ts.
//
// 1. The file appears under its name only when its size and digest are right and its bytes are on disk.
// 2. A file with a wrong digest is discarded. If only one source sent it, the second wrong file
//    excludes that source. If several sources sent parts of it, each source must deliver the whole
//    file alone from then on.
// 3. After the signal, no state is reported.
// 4. During an attempt, space is reserved for the missing bytes, and for a copy if the file is converted.

import { viewBytes } from '../../ground/borrowed-bytes.ts';
import type { Clock, Timer } from '../../ground/clock.ts';
import { osErrorCode, RackError } from '../../ground/errors.ts';
import { RESERVE_BYTES } from '../content/blob-writing.ts';
import { type BodyDeps, readBody } from './body.ts';
import type { DiskSpace } from './disk-space.ts';
import { type AttemptFault, cleanDetail, cleanFault, DownloadError, describeLastFault } from './fault.ts';
import { findFinishedBytes, getPartPath, listPartFiles, PartFile, removeFiles } from './part-file.ts';
import { type BodyRequest, buildRangeFields, planBody } from './range-answer.ts';
import type { DownloadRequest, DownloadState, OnState } from './request.ts';
import { sleepUntil } from './sleep-until.ts';
import { type SourceHealth, SourcePlan } from './source-plan.ts';
import { freeUnusedParts } from './unheld-parts.ts';
import { formatPublicUrl, parseWebUrl, type WebAnswer, type WebClient } from './web-client.ts';

/** The interval at which new bytes are reported. Other changes are reported at once. */
const PROGRESS_MS = 100;

export interface DownloadDeps extends BodyDeps {
  readonly web: WebClient;
  readonly space: DiskSpace;
  readonly health: SourceHealth;
}

const buildStoppedError = (): RackError => new RackError('cancelled', 'the import was stopped');

export class FileDownload {
  readonly #request: DownloadRequest;
  readonly #deps: DownloadDeps;
  readonly #clock: Clock;
  readonly #signal: AbortSignal;
  readonly #onState: OnState;
  readonly #plan: SourcePlan;
  /** Sources that sent a wrong range. They are asked for the whole file from then on. */
  readonly #sourcesWithoutRanges = new Set<string>();
  readonly #suspects = new Set<string>();
  /** The URLs of the kept bytes; `an earlier run` if unknown. */
  readonly #contributors = new Set<string>();
  #pendingReport: Timer | undefined;
  #failures = 0;
  /** The fault of the last attempt. */
  #lastFault: AttemptFault | undefined;
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

  #reportState(state: DownloadState): void {
    this.#pendingReport?.cancel();
    this.#pendingReport = undefined;
    if (!this.#signal.aborted) this.#onState(state, this.#request);
  }

  #reportSoon(getState: () => DownloadState): void {
    this.#pendingReport ??= this.#clock.schedule(PROGRESS_MS, () => this.#reportState(getState()));
  }

  /** Downloads the file. @returns its size in bytes @throws DownloadError, RackError `cancelled` */
  async run(): Promise<number> {
    const request = this.#request;
    let part: PartFile | undefined;
    try {
      const finishedBytes = await findFinishedBytes(request);
      if (finishedBytes !== undefined) {
        this.#reportState({ kind: 'done', bytes: finishedBytes });
        return finishedBytes;
      }
      part = await PartFile.open(request);
      if (part.bytes > 0) await this.#rehash(part);
      while (!this.#signal.aborted) if (await this.#step(part)) return part.bytes;
    } catch (error) {
      const reason = this.#toFault(error);
      if (!this.#signal.aborted) {
        this.#reportState({ kind: 'failed', reason });
        const why = describeLastFault(reason, { attempts: this.#failures, bytes: part?.bytes ?? 0 });
        throw new DownloadError(reason, error, `${request.title} could not be downloaded: ${why}`);
      }
    } finally {
      this.#pendingReport?.cancel();
      // If closing fails, an earlier write has already reported why.
      await part?.close().catch(() => undefined);
      if (part?.bytes === 0) await removeFiles(listPartFiles(request)).catch(() => undefined);
    }
    throw buildStoppedError();
  }

  async #rehash(part: PartFile): Promise<void> {
    const total = part.kept?.total;
    this.#contributors.add('an earlier run').add(part.source ?? '');
    this.#reportState({ kind: 'verifying', bytes: 0, total });
    await part.rehash((bytes) => {
      if (this.#signal.aborted) throw buildStoppedError();
      this.#reportSoon(() => ({ kind: 'verifying', bytes, total }));
    });
  }

  /** Does the next step of the plan. @returns true if the file is complete, and published under its name */
  async #step(part: PartFile): Promise<boolean> {
    const total = this.#request.bytes ?? part.kept?.total;
    const reason = this.#lastFault;
    if (part.bytes > 0 && part.bytes === total) {
      if (reason !== undefined) this.#reportState({ kind: 'waiting', nextAt: undefined, reason });
      return this.#verify(part, undefined);
    }
    const step = this.#plan.next(part.source);
    if (step.kind === 'give-up') {
      if (reason === undefined) throw new Error('a plan gave up before any attempt');
      throw new DownloadError(reason);
    }
    this.#reportState({ kind: 'waiting', nextAt: step.kind === 'wait' ? step.until : undefined, reason });
    if (step.kind === 'wait') {
      await sleepUntil(step.until, this.#clock, this.#signal);
      return false;
    }
    const { url } = step;
    this.#reportState({ kind: 'connecting', url: formatPublicUrl(url) });
    try {
      return (await this.#attempt(part, url)) && (await this.#verify(part, url));
    } catch (error) {
      if (!(error instanceof DownloadError)) throw error;
      if (this.#signal.aborted) return false;
      const fault = this.#countFault(this.#addUrl(error.fault, url));
      if (fault.code === 'no-room') throw error;
      if (fault.code === 'range-wrong') this.#sourcesWithoutRanges.add(url.href);
      this.#plan.recordFailure(url, fault, part.bytes);
      return false;
    }
  }

  /**
   * Requests the missing bytes once. @returns true if the part is the whole file. False if the
   * signal came first
   */
  async #attempt(part: PartFile, url: URL): Promise<boolean> {
    for (let isFirst = true; ; isFirst = false) {
      const { bytes, bytesMax } = this.#request;
      const bodyRequest: BodyRequest = { from: part.bytes, kept: part.kept, mayMix: this.#mayMix, bytes, bytesMax };
      const getRangeFields = (requestUrl: URL) =>
        this.#sourcesWithoutRanges.has(url.href) ? {} : buildRangeFields(requestUrl, bodyRequest);
      const answer = await this.#deps.web.open(url, getRangeFields, this.#signal);
      if (answer === undefined) return false;
      try {
        const { status, headers } = answer;
        const plan = planBody({ url: answer.url, status, headers, wallTimeMs: this.#clock.wallTimeMs() }, bodyRequest);
        if (plan.kind === 'whole') return true;
        if (plan.kind === 'again' || plan.isNew) {
          await part.drop();
          this.#contributors.clear();
        }
        if (plan.kind === 'body') {
          await part.begin(plan.file, url.href);
          this.#contributors.add(url.href);
          return await this.#readAnswer(part, answer, plan.at, plan.file.total, url);
        }
        // Without kept bytes the second request has no range, so its answer should differ.
        if (!isFirst) throw new DownloadError({ code: 'range-wrong', params: { host: url.host, from: 0, range: '' } });
      } finally {
        answer.close();
      }
    }
  }

  /** @param offset of the body in the file */
  async #readAnswer(
    part: PartFile,
    answer: WebAnswer,
    offset: number,
    total: number | undefined,
    url: URL,
  ): Promise<boolean> {
    const { bytesMax, isConverted = false } = this.#request;
    const reservation = await this.#reserve((total ?? part.bytes) - part.bytes + (isConverted ? (total ?? 0) : 0));
    let surplus = part.bytes - offset;
    const buildState = (bytesPerSecond: number): DownloadState => {
      return { kind: 'downloading', url: formatPublicUrl(url), bytes: part.bytes, total, bytesPerSecond };
    };
    const append = async (bytes: Uint8Array, bytesPerSecond: number): Promise<void> => {
      const skipped = Math.min(surplus, bytes.length);
      surplus -= skipped;
      await part.append(viewBytes(bytes, skipped));
      await reservation.recordWritten(bytes.length - skipped);
      this.#reportSoon(() => buildState(bytesPerSecond));
    };
    this.#reportState(buildState(0));
    try {
      return await readBody(answer, this.#deps, { offset, total, bytesMax, consume: append }, this.#signal);
    } finally {
      reservation.release();
    }
  }

  /** Reserves space. If the disk lacks space, removes partial files that nobody downloads any more. */
  async #reserve(bytes: number): ReturnType<DiskSpace['reserve']> {
    const { directory, isHeld = false } = this.#request;
    try {
      return await this.#deps.space.reserve(directory, bytes);
    } catch (error) {
      if (!(isHeld && error instanceof DownloadError && error.fault.code === 'no-room')) throw error;
      const { neededBytes, freeBytes } = error.fault.params;
      await freeUnusedParts(directory, neededBytes - freeBytes, this.#clock.wallTimeMs());
      return this.#deps.space.reserve(directory, bytes);
    }
  }

  #countFault(fault: AttemptFault): AttemptFault {
    this.#failures += 1;
    this.#lastFault = fault;
    return fault;
  }

  #addUrl(fault: AttemptFault, { origin, pathname }: URL): AttemptFault {
    if (fault.code !== 'http-refused') return fault;
    const { mirrorKey } = this.#request;
    return cleanFault({ ...fault, params: { ...fault.params, url: `${origin}${pathname}`, mirrorKey } });
  }

  /**
   * Verifies and publishes the part. @param url undefined if the kept part was already complete
   * @returns false if the part was discarded
   */
  async #verify(part: PartFile, url: URL | undefined): Promise<boolean> {
    const { bytes } = part;
    this.#reportState({ kind: 'verifying', bytes, total: bytes });
    const hex = part.digest();
    if (this.#request.digest.hex !== hex) {
      await this.#discard(part, url, hex);
      return false;
    }
    await part.publish();
    if (url !== undefined) this.#plan.recordSuccess(url);
    this.#reportState({ kind: 'done', bytes });
    return true;
  }

  async #discard(part: PartFile, url: URL | undefined, found: string): Promise<void> {
    const { algorithm, hex: expected } = this.#request.digest;
    const [onlyContributor = '', ...others] = this.#contributors;
    const host = url?.host ?? URL.parse(part.source ?? '')?.host ?? '';
    const fault = this.#countFault(cleanFault({ code: 'digest-wrong', params: { host, algorithm, expected, found } }));
    await part.drop();
    if (url !== undefined) this.#plan.recordFailure(url, fault, 0);
    if (others.length > 0) this.#mayMix = false;
    else if (this.#suspects.has(onlyContributor)) this.#plan.exclude(onlyContributor);
    else this.#suspects.add(onlyContributor);
    this.#contributors.clear();
  }

  /** Converts an error to a fault. @throws an error that is no fault of a source or of the disk */
  #toFault(error: unknown): AttemptFault {
    if (error instanceof DownloadError) return this.#lastFault ?? error.fault;
    const path = getPartPath(this.#request);
    const code = osErrorCode(error);
    if (code === undefined || !/^E[A-Z0-9]+$/.test(code)) throw error;
    const { directory } = this.#request;
    if (code === 'ENOSPC') return { code: 'no-room', params: { directory, freeBytes: 0, neededBytes: RESERVE_BYTES } };
    return { code: 'disk-failed', params: { path, detail: cleanDetail(error) } };
  }
}
