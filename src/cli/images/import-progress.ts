// Shows the reports of a job: lines, on a terminal also a bar with bytes, rate and remaining time,
// elsewhere a line at every tenth.
//
// 1. A step with another total, or fewer bytes, begins a new bar, or new lines.

import { Presets, SingleBar } from 'cli-progress';
import { createTenthsReporter } from '../../images/build/tenths.ts';
import type { Report } from '../../images/engine/reports.ts';
import { formatBytes, formatDuration, print, printError } from '../terminal/output.ts';

const FORMAT = '{bar} {percentage} %  {done} of {whole}  {rate}  {left}';

export class ImportProgress {
  readonly #bar: SingleBar | undefined;
  readonly #isSilent: boolean;
  #nextTenth = createTenthsReporter();
  #bytes = 0;
  #total: number | undefined;

  /** @param isSilent true to show notes only */
  constructor(isTerminal: boolean, isSilent: boolean) {
    this.#bar = isTerminal && !isSilent ? new SingleBar({ format: FORMAT }, Presets.legacy) : undefined;
    this.#isSilent = isSilent;
  }

  /** Shows a report. The command itself shows results. */
  readonly showReport = (report: Report): void => {
    if ('result' in report || 'copied' in report) return;
    if ('note' in report) {
      this.#bar?.stop();
      printError(report.note);
    } else if ('restart' in report) this.restart();
    else if ('step' in report) this.step(report.step.bytes, report.step.total, report.step.bytesPerSecond);
    else if (!this.#isSilent) {
      this.#bar?.stop();
      print(report.line);
    }
  };

  /** Call it before the next file. */
  restart(): void {
    this.#bar?.stop();
    this.#nextTenth = createTenthsReporter();
    this.#bytes = 0;
  }

  close(): void {
    this.#bar?.stop();
  }

  step(bytes: number, total: number | undefined, bytesPerSecond: number): void {
    if (this.#isSilent || total === undefined || total === 0) return;
    if (total !== this.#total || bytes < this.#bytes) this.restart();
    [this.#bytes, this.#total] = [bytes, total];
    if (this.#bar !== undefined) {
      const sizes = {
        done: formatBytes(bytes),
        whole: formatBytes(total),
        rate: `${formatBytes(bytesPerSecond)}/s`,
        left: bytesPerSecond === 0 ? '' : `${formatDuration(((total - bytes) / bytesPerSecond) * 1000)} left`,
      };
      if (!this.#bar.isActive) this.#bar.start(total, bytes, sizes);
      else this.#bar.update(bytes, sizes);
      return;
    }
    const percent = this.#nextTenth(bytes, total);
    if (percent === undefined) return;
    const rate = bytesPerSecond === 0 ? '' : `, ${formatBytes(bytesPerSecond)}/s`;
    print(`${percent} % of ${formatBytes(total)}${rate}`);
  }
}
