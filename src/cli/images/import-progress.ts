// Shows a download: a bar with bytes, rate and time left on a terminal; elsewhere a line at every tenth, and for each failed attempt.
//
// 1. A step with another total, or with fewer bytes, belongs to another file: a new bar, or new lines.
// 2. If attempts fail alike, only the first line has the reason.

import { Presets, SingleBar } from 'cli-progress';
import { type Instant, systemClock } from '../../clock.ts';
import { describeAttemptFault } from '../../images/download/fault.ts';
import type { Download, DownloadState } from '../../images/download/request.ts';
import { followTenths } from '../../images/tenths.ts';
import { formatBytes, formatDuration, print } from '../terminal/output.ts';

const FORMAT = '{bar} {percentage} %  {done} of {whole}  {rate}  {left}';

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

/** The progress of one download. */
export class ImportProgress {
  readonly #bar: SingleBar | undefined;
  readonly #isSilent: boolean;
  #reach = followTenths();
  readonly #named = new WeakMap<Download, NamedFault>();
  /** The download of the last step. */
  #download: Download | undefined;
  /** Why a download failed as a whole, which the error that ends the command says, too; empty: none did. */
  #held = '';
  /** The last step. */
  #bytes = 0;
  #total: number | undefined;

  /** @param isTerminal false: lines @param isSilent true: nothing is shown */
  constructor(isTerminal: boolean, isSilent: boolean) {
    this.#bar = isTerminal && !isSilent ? new SingleBar({ format: FORMAT }, Presets.legacy) : undefined;
    this.#isSilent = isSilent;
  }

  /** @param state that of the download; give the state of a whole import if the download is one of its files */
  show(download: Download, state: DownloadState = download.state): void {
    this.#tellFaults(download, true);
    if (state.kind === 'downloading') {
      this.#download = download;
      this.step(state.bytes, state.total, state.bytesPerSecond);
    }
    // The last bytes arrive with the end of the download.
    if (state.kind === 'done' && download === this.#download) this.step(state.bytes, this.#total, 0);
  }

  /** Prints the attempts that failed since the last call. */
  faults(download: Download): void {
    this.#tellFaults(download, false);
  }

  /** @param isHeld true: the error that ends the command has the last one of a failed download */
  #tellFaults(download: Download, isHeld: boolean): void {
    if (this.#isSilent) return;
    // The list keeps only the latest attempts, so compare their times.
    for (const { at, fault } of download.attempts) {
      const named = this.#named.get(download);
      if (named !== undefined && at <= named.at) continue;
      const text = fault === undefined ? '' : describeAttemptFault(fault);
      const number = (named?.number ?? 0) + 1;
      this.#named.set(download, { at, number, text });
      if (fault === undefined) continue;
      const said = text === named?.text ? `Attempt ${number} failed in the same way` : text;
      if (isHeld && download.state.kind === 'failed' && at === download.attempts.at(-1)?.at) this.#held = said;
      else this.#say(`${said}${nextOf(download)}`);
    }
  }

  /** Call it before the next file. */
  restart(): void {
    this.#bar?.stop();
    if (this.#held !== '') this.#say(this.#held);
    this.#held = '';
    this.#reach = followTenths();
    this.#bytes = 0;
  }

  close(): void {
    this.#bar?.stop();
  }

  /** Shows the progress, in bytes. */
  step(bytes: number, total: number | undefined, bytesPerSecond: number): void {
    if (this.#isSilent || total === undefined || total === 0) return;
    if (total !== this.#total || bytes < this.#bytes) this.restart();
    [this.#bytes, this.#total] = [bytes, total];
    if (this.#bar !== undefined) {
      const shown = {
        done: formatBytes(bytes),
        whole: formatBytes(total),
        rate: `${formatBytes(bytesPerSecond)}/s`,
        left: bytesPerSecond === 0 ? '' : `${formatDuration(((total - bytes) / bytesPerSecond) * 1000)} left`,
      };
      if (!this.#bar.isActive) this.#bar.start(total, bytes, shown);
      else this.#bar.update(bytes, shown);
      return;
    }
    const percent = this.#reach(bytes, total);
    if (percent === undefined) return;
    const rate = bytesPerSecond === 0 ? '' : `, ${formatBytes(bytesPerSecond)}/s`;
    print(`${percent} % of ${formatBytes(total)}${rate}`);
  }

  #say(text: string): void {
    this.#bar?.stop();
    print(text);
  }
}
