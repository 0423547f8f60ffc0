// The reports of a work for the person whose command waits.
//
// 1. If failed attempts are alike, only the first line has the reason.

import { systemClock } from '../../ground/clock.ts';
import { joinNames } from '../../ground/counted.ts';
import { formatBytes, formatDuration } from '../../ground/quantity.ts';
import { followTenths } from '../build/tenths.ts';
import type { BundledResult } from '../carry/bundle.ts';
import type { CopyProgress } from '../carry/region-copy.ts';
import { type AttemptFault, describeAttemptFault } from '../download/fault.ts';
import type { DownloadRequest, DownloadState } from '../download/request.ts';
import { NAMED_MAX } from '../sources/offer.ts';
import type { ImageSource } from '../sources/source.ts';

export type Report =
  | { readonly line: string }
  | { readonly note: string }
  /** In bytes; `total` undefined: unknown. */
  | { readonly step: { readonly bytes: number; readonly total: number | undefined; readonly bytesPerSecond: number } }
  /** Another file begins. */
  | { readonly restart: true }
  | { readonly result: BundledResult }
  | { readonly copied: CopyProgress };

export type OnReport = (report: Report) => void;

/** One line for each tenth. @param of the object of the work; undefined: there is only one */
export function reportTenths(report: OnReport, of?: string): (done: number, total: number) => void {
  const reach = followTenths();
  return (done, total) => {
    const percent = reach(done, total);
    if (percent !== undefined)
      report({ line: `${of === undefined ? '' : `${of}: `}${percent} % of ${formatBytes(total)}` });
  };
}

/** How long a person waits for a silent source if a later one has the image, in milliseconds. */
const PATIENCE_MS = 60_000;

/** The patience of a person, who hears which sources have not answered. */
export function buildPatience(report: OnReport) {
  const have = (sources: readonly ImageSource[]): string => {
    const names = joinNames(
      sources.map(({ name }) => name),
      NAMED_MAX,
    );
    return `${names}, which ${sources.length === 1 ? 'has' : 'have'} not answered`;
  };
  return {
    patienceMs: PATIENCE_MS,
    onWait: (sources: readonly ImageSource[]) => report({ note: `Waiting for ${have(sources)} yet` }),
    onGiveUp: (sources: readonly ImageSource[]) =>
      report({ note: `Continuing without ${have(sources)} within a minute; --source NAME waits for one` }),
  };
}

interface NamedFault {
  readonly fault: AttemptFault;
  readonly number: number;
  readonly text: string;
}

/** The time of the next attempt, if there is a pause. */
function formatNextAttempt(state: DownloadState): string {
  if (state.kind !== 'waiting' || state.nextAt === undefined) return '';
  return ` (the next attempt begins in ${formatDuration(1000 * Math.max(1, Math.ceil((state.nextAt - systemClock.now()) / 1000)))})`;
}

export class DownloadReports {
  readonly #report: OnReport;
  readonly #named = new WeakMap<DownloadRequest, NamedFault>();
  /** The download of the last step. */
  #request: DownloadRequest | undefined;
  #total: number | undefined;
  /** Why a download failed, which the error of the work also says; empty: none did. */
  #held = '';

  constructor(report: OnReport) {
    this.#report = report;
  }

  /** @param state that of a whole import if the download is one of its files */
  show(state: DownloadState, request: DownloadRequest): void {
    this.#tellFault(state, request, true);
    if (state.kind === 'downloading') {
      this.#request = request;
      this.#total = state.total;
      this.#report({ step: { bytes: state.bytes, total: state.total, bytesPerSecond: state.bytesPerSecond } });
    }
    // The last bytes arrive with the end of the download.
    if (state.kind === 'done' && request === this.#request)
      this.#report({ step: { bytes: state.bytes, total: this.#total, bytesPerSecond: 0 } });
  }

  fault(state: DownloadState, request: DownloadRequest): void {
    this.#tellFault(state, request, false);
  }

  /** Call it before the next file. */
  restart(): void {
    this.#report({ restart: true });
    if (this.#held !== '') this.#report({ line: this.#held });
    this.#held = '';
  }

  /** @param isHeld true: the error of the work has the last fault */
  #tellFault(state: DownloadState, request: DownloadRequest, isHeld: boolean): void {
    const fault = state.kind === 'waiting' || state.kind === 'failed' ? state.reason : undefined;
    const named = this.#named.get(request);
    if (fault === undefined || fault === named?.fault) return;
    const text = describeAttemptFault(fault);
    const number = (named?.number ?? 0) + 1;
    this.#named.set(request, { fault, number, text });
    const line = text === named?.text ? `Attempt ${number} failed in the same way` : text;
    if (isHeld && state.kind === 'failed') this.#held = line;
    else this.#report({ line: `${line}${formatNextAttempt(state)}` });
  }
}
