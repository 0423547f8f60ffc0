// What a work of the engine reports while it runs, for the person whose command waits for it.
//
// 1. If attempts of a download fail alike, only the first line has the reason.

import { type Instant, systemClock } from '../../clock.ts';
import { listed } from '../../counted.ts';
import { formatBytes, formatDuration } from '../../quantity.ts';
import type { BundledResult } from '../carry/bundle.ts';
import type { CopyProgress } from '../carry/region-copy.ts';
import { describeAttemptFault } from '../download/fault.ts';
import type { Download, DownloadState } from '../download/request.ts';
import { NAMED_MAX } from '../sources/offer.ts';
import type { SourceNotices } from '../sources/source-questions.ts';
import { followTenths } from '../tenths.ts';

export type Report =
  | { readonly line: string }
  /** A line beside the results. */
  | { readonly note: string }
  /** Progress in bytes; `total` undefined: unknown. */
  | { readonly step: { readonly bytes: number; readonly total: number | undefined; readonly bytesPerSecond: number } }
  /** Another file begins. */
  | { readonly restart: true }
  /** One of the several results of a bundle. */
  | { readonly result: BundledResult }
  /** The progress of a rack's copy of its region's images. */
  | { readonly copied: CopyProgress };

export type OnReport = (report: Report) => void;

/** Reports a line whenever another tenth is done. @param of what is worked on; undefined: only one thing is */
export function reportTenths(report: OnReport, of?: string): (done: number, total: number) => void {
  const reach = followTenths();
  return (done, total) => {
    const percent = reach(done, total);
    if (percent !== undefined)
      report({ line: `${of === undefined ? '' : `${of}: `}${percent} % of ${formatBytes(total)}` });
  };
}

/** Tells the person of sources that have not answered. */
export function noticesTo(report: OnReport): SourceNotices {
  const have = (sources: readonly string[]): string =>
    `${listed(sources, NAMED_MAX)}, which ${sources.length === 1 ? 'has' : 'have'} not answered`;
  return {
    onWait: (sources) => report({ note: `Waiting for ${have(sources)} yet` }),
    onGiveUp: (sources: readonly string[]) =>
      report({ note: `Continuing without ${have(sources)} within a minute; --source NAME waits for one` }),
  };
}

/** The last reported attempt of a download. */
interface NamedFault {
  /** When it began. */
  readonly at: Instant;
  readonly number: number;
  /** Empty: it completed the file. */
  readonly text: string;
}

/** When the next attempt begins, if there is a pause before it. */
function nextOf({ state }: Download): string {
  if (state.kind !== 'waiting' || state.nextAt === undefined) return '';
  return ` (the next attempt begins in ${formatDuration(1000 * Math.max(1, Math.ceil((state.nextAt - systemClock.now()) / 1000)))})`;
}

/** Reports downloads, one after the other. */
export class DownloadReports {
  readonly #report: OnReport;
  readonly #named = new WeakMap<Download, NamedFault>();
  /** The download of the last step, and its total. */
  #download: Download | undefined;
  #total: number | undefined;
  /** Why a download failed as a whole, which the error that ends the work says, too; empty: none did. */
  #held = '';

  constructor(report: OnReport) {
    this.#report = report;
  }

  /** @param state that of the download; give the state of a whole import if the download is one of its files */
  show(download: Download, state: DownloadState = download.state): void {
    this.#tellFaults(download, true);
    if (state.kind === 'downloading') {
      this.#download = download;
      this.#total = state.total;
      this.#report({ step: { bytes: state.bytes, total: state.total, bytesPerSecond: state.bytesPerSecond } });
    }
    // The last bytes arrive with the end of the download.
    if (state.kind === 'done' && download === this.#download)
      this.#report({ step: { bytes: state.bytes, total: this.#total, bytesPerSecond: 0 } });
  }

  /** Reports the attempts that failed since the last call. */
  faults(download: Download): void {
    this.#tellFaults(download, false);
  }

  /** Call it before the next file. */
  restart(): void {
    this.#report({ restart: true });
    if (this.#held !== '') this.#report({ line: this.#held });
    this.#held = '';
  }

  /** @param isHeld true: the error that ends the work has the last one of a failed download */
  #tellFaults(download: Download, isHeld: boolean): void {
    // The list keeps only the latest attempts, so compare their times.
    for (const { at, fault } of download.attempts) {
      const named = this.#named.get(download);
      if (named !== undefined && at <= named.at) continue;
      const text = fault === undefined ? '' : describeAttemptFault(fault);
      const number = (named?.number ?? 0) + 1;
      this.#named.set(download, { at, number, text });
      if (fault === undefined) continue;
      const line = text === named?.text ? `Attempt ${number} failed in the same way` : text;
      if (isHeld && download.state.kind === 'failed' && at === download.attempts.at(-1)?.at) this.#held = line;
      else this.#report({ line: `${line}${nextOf(download)}` });
    }
  }
}
