// The progress of a build: a line for each step, and on a terminal a bar for the packages of a step.

import { Presets, SingleBar } from 'cli-progress';
import type { StepPart } from '../../images/build-reports.ts';
import { print } from '../terminal/output.ts';

const FORMAT = '{bar} {value} of {total}';

/** How much to show. */
interface Shown {
  /** True for a bar. */
  readonly isTerminal: boolean;
  /** A line for each package. */
  readonly isVerbose: boolean;
  readonly isSilent: boolean;
}

/** The progress of a build. */
export class BuildProgress {
  readonly #shown: Shown;
  readonly #bar: SingleBar;

  constructor(shown: Shown) {
    this.#shown = shown;
    this.#bar = new SingleBar({ format: FORMAT, clearOnComplete: true }, Presets.legacy);
  }

  /** Begins a step. */
  step(text: string): void {
    this.close();
    if (!this.#shown.isSilent) print(text);
  }

  /** Shows that a part of the step begins. */
  part({ text, number, total }: StepPart): void {
    const { isSilent, isVerbose, isTerminal } = this.#shown;
    if (isSilent) return;
    if (isVerbose) print(text);
    else if (isTerminal && this.#bar.isActive) this.#bar.update(number);
    else if (isTerminal) this.#bar.start(total, number);
  }

  close(): void {
    this.#bar.stop();
  }
}
