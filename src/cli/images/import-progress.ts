// Shows a download: a bar with bytes, rate and time left on a terminal; elsewhere a line at every tenth, and for each failed attempt.

import { Presets, SingleBar } from 'cli-progress';
import type { Instant } from '../../clock.ts';
import { describeAttemptFault } from '../../images/download/fault-words.ts';
import type { Download } from '../../images/download/request.ts';
import { followTenths } from '../../images/tenths.ts';
import { formatBytes, formatDuration, print } from '../terminal/output.ts';

const FORMAT = '{bar} {percentage} %  {done} of {whole}  {rate}  {left}';

/** The progress of one download. */
export class ImportProgress {
  readonly #bar: SingleBar | undefined;
  readonly #isSilent: boolean;
  #reach = followTenths();
  /** When the last reported attempt began, by download. */
  readonly #named = new WeakMap<Download, Instant>();

  /** @param isTerminal false: lines @param isSilent true: nothing is shown */
  constructor(isTerminal: boolean, isSilent: boolean) {
    this.#bar = isTerminal && !isSilent ? new SingleBar({ format: FORMAT }, Presets.legacy) : undefined;
    this.#isSilent = isSilent;
  }

  show(download: Download): void {
    this.faults(download);
    const { state } = download;
    if (state.kind === 'downloading') this.step(state.bytes, state.total, state.bytesPerSecond);
  }

  /** Prints the attempts that failed since the last call. */
  faults(download: Download): void {
    if (this.#isSilent) return;
    // The list keeps only the latest attempts, so compare their times.
    for (const { at, fault } of download.attempts) {
      const named = this.#named.get(download);
      if (named !== undefined && at <= named) continue;
      this.#named.set(download, at);
      if (fault !== undefined) this.#say(describeAttemptFault(fault));
    }
  }

  /** Call it before the next file. */
  restart(): void {
    this.#bar?.stop();
    this.#reach = followTenths();
  }

  close(): void {
    this.#bar?.stop();
  }

  /** Shows the progress, in bytes. */
  step(bytes: number, total: number | undefined, bytesPerSecond: number): void {
    if (this.#isSilent || total === undefined || total === 0) return;
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
