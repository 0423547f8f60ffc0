// Reports the progress of building the virtual lab's environment: the step, the number of steps,
// and the megabytes fetched. Unlike `rackboot images build`, it names no packages.

import { globSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { repeat, systemClock, type Timer } from '../ground/clock.ts';

const REPORT_EVERY_MS = 3000;
const MEGABYTE = 1_000_000;
/** The steps in order; each is recognised by the first word of the builder's report. */
const STEPS = [
  [/^Looking/, 'looking up the packages'],
  [/^Fetching/, 'fetching the packages of the environment'],
  [/^Unpacking/, 'unpacking the packages'],
  [/^Packing/, 'packing the environment'],
  [/^Fetching/, 'fetching the loaders'],
] as const;

export class BuildProgress {
  readonly #directory: string;
  readonly #say: (text: string) => void;
  #step = -1;
  #totalBytes = 0;
  #beforeBytes = 0;
  #timer: Timer | undefined;

  /** @param directory into which the packages are downloaded @param say called with each line */
  constructor(directory: string, say: (text: string) => void) {
    this.#directory = directory;
    this.#say = say;
  }

  /** Handles a progress line of a builder; the first step starts with "Looking". */
  tell(text: string): void {
    const next = STEPS.findIndex(([begins], index) => index > this.#step && begins.test(text));
    if (next === -1) return;
    this.end();
    this.#step = next;
    const total = /, ([\d.]+) MB$/.exec(text)?.[1];
    this.#totalBytes = total === undefined ? 0 : Number(total) * MEGABYTE;
    this.#beforeBytes = this.#arrived();
    const more = total === undefined ? '' : `, ${total} MB`;
    this.#say(`Step ${next + 1} of ${STEPS.length}: ${STEPS[next]?.[1]}${more}`);
    if (this.#totalBytes > 0) this.#report();
  }

  /** Ends the reports. */
  end(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  #report(): void {
    this.#timer = repeat(systemClock, REPORT_EVERY_MS, () => {
      const bytes = Math.min(this.#totalBytes, this.#arrived() - this.#beforeBytes);
      if (bytes > 0)
        this.#say(
          `Step ${this.#step + 1} of ${STEPS.length}: ${megabytes(bytes)} of ${megabytes(this.#totalBytes)} MB`,
        );
    });
  }

  /** The bytes of all packages downloaded so far, complete or not. */
  #arrived(): number {
    const sizeOf = (name: string): number =>
      statSync(join(this.#directory, name), { throwIfNoEntry: false })?.size ?? 0;
    return globSync('**/*.deb', { cwd: this.#directory }).reduce((sum, name) => sum + sizeOf(name), 0);
  }
}

const megabytes = (bytes: number): string => (bytes / MEGABYTE).toFixed(bytes < MEGABYTE * 10 ? 1 : 0);
