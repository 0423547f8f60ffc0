// The reports of a work for the person whose command waits.
//
// 1. If several attempts fail in the same way, only the first report gives the reason.

import { systemClock } from '../../ground/clock.ts';
import { joinNames } from '../../ground/counted.ts';
import { formatBytes, formatDuration } from '../../ground/quantity.ts';
import { createTenthsReporter } from '../build/tenths.ts';
import type { BundledResult } from '../carry/bundle.ts';
import type { CopyProgress } from '../carry/region-copy.ts';
import { type AttemptFault, describeAttemptFault } from '../download/fault.ts';
import type { DownloadRequest, DownloadState } from '../download/request.ts';
import { NAMES_SHOWN_MAX } from '../sources/offer.ts';
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

/**
 * Reports one line per tenth of the work. @param subject what the work processes. Undefined if it
 * is the only thing
 */
export function reportTenths(report: OnReport, subject?: string): (done: number, total: number) => void {
  const percentToReport = createTenthsReporter();
  return (done, total) => {
    const percent = percentToReport(done, total);
    if (percent !== undefined)
      report({ line: `${subject === undefined ? '' : `${subject}: `}${percent} % of ${formatBytes(total)}` });
  };
}

/** How long a person waits for a silent source if a later one has the image, in milliseconds. */
const PATIENCE_MS = 60_000;

/** How long a person's command waits for sources. It reports which have not answered. */
export function buildPatience(report: OnReport) {
  const describeSilent = (sources: readonly ImageSource[]): string => {
    const names = joinNames(
      sources.map(({ name }) => name),
      NAMES_SHOWN_MAX,
    );
    return `${names}, which ${sources.length === 1 ? 'has' : 'have'} not answered`;
  };
  return {
    patienceMs: PATIENCE_MS,
    onWait: (sources: readonly ImageSource[]) => report({ note: `Waiting for ${describeSilent(sources)} yet` }),
    onGiveUp: (sources: readonly ImageSource[]) =>
      report({ note: `Continuing without ${describeSilent(sources)} within a minute; --source NAME waits for one` }),
  };
}

interface ReportedFault {
  readonly fault: AttemptFault;
  readonly number: number;
  readonly text: string;
}

/** Formats when the next attempt begins. The text is empty if there is no pause. */
function formatNextAttempt(state: DownloadState): string {
  if (state.kind !== 'waiting' || state.nextAt === undefined) return '';
  return ` (the next attempt begins in ${formatDuration(1000 * Math.max(1, Math.ceil((state.nextAt - systemClock.now()) / 1000)))})`;
}

export class DownloadReports {
  readonly #report: OnReport;
  readonly #reportedFaults = new WeakMap<DownloadRequest, ReportedFault>();
  /** The download of the last `step` report. */
  #request: DownloadRequest | undefined;
  #total: number | undefined;
  /**
   * Why the last download failed. The error of the work says it too, so it is reported only if the
   * work continues. Empty if none failed.
   */
  #finalFault = '';

  constructor(report: OnReport) {
    this.#report = report;
  }

  /** @param state of the whole import if the download is one of its files */
  show(state: DownloadState, request: DownloadRequest): void {
    this.#reportFault(state, request, true);
    if (state.kind === 'downloading') {
      this.#request = request;
      this.#total = state.total;
      this.#report({ step: { bytes: state.bytes, total: state.total, bytesPerSecond: state.bytesPerSecond } });
    }
    // The last bytes arrive with the end of the download.
    if (state.kind === 'done' && request === this.#request)
      this.#report({ step: { bytes: state.bytes, total: this.#total, bytesPerSecond: 0 } });
  }

  showFault(state: DownloadState, request: DownloadRequest): void {
    this.#reportFault(state, request, false);
  }

  /** Call it before the next file. */
  restart(): void {
    this.#report({ restart: true });
    if (this.#finalFault !== '') this.#report({ line: this.#finalFault });
    this.#finalFault = '';
  }

  /** @param withholdsFinal true if the error of the work will give the final fault */
  #reportFault(state: DownloadState, request: DownloadRequest, withholdsFinal: boolean): void {
    const fault = state.kind === 'waiting' || state.kind === 'failed' ? state.reason : undefined;
    const lastReported = this.#reportedFaults.get(request);
    if (fault === undefined || fault === lastReported?.fault) return;
    const text = describeAttemptFault(fault);
    const number = (lastReported?.number ?? 0) + 1;
    this.#reportedFaults.set(request, { fault, number, text });
    const line = text === lastReported?.text ? `Attempt ${number} failed in the same way` : text;
    if (withholdsFinal && state.kind === 'failed') this.#finalFault = line;
    else this.#report({ line: `${line}${formatNextAttempt(state)}` });
  }
}
