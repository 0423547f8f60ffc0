// Has a region's images copied at intervals while the rack is linked.

import { BoundedMap } from '../../bounded-map.ts';
import type { Clock, Timer } from '../../clock.ts';
import { errorText } from '../../errors.ts';
import type { CopyProgress, CopyResult } from './region-copy.ts';

/** The pause after a successful copy, in milliseconds; the interval of MAAS's racks. */
const EVERY_MS = 5 * 60_000;
/** The pause after a failed copy, in milliseconds. */
const AGAIN_MS = 60_000;
const PROGRESS_MAX = 64;

export interface CopyOrder {
  readonly urls: readonly string[];
  /** PEM certificates to trust instead of the system's. */
  readonly ca: string | undefined;
}

interface RegionCopiesParts {
  readonly clock: Clock;
  /** Has the images copied; undefined if the rack should copy nothing until the next `begin`. */
  readonly copy: (onProgress: (progress: CopyProgress) => void) => Promise<CopyResult> | undefined;
  readonly onProblem: (reason: string) => void;
}

export class RegionCopies {
  readonly #parts: RegionCopiesParts;
  #timer: Timer | undefined;
  #isCopying = false;
  #problem = '';
  #isClosed = false;
  /** By image, the latest last. */
  readonly #progress = new BoundedMap<string, CopyProgress>(PROGRESS_MAX, 'set longest ago');

  constructor(parts: RegionCopiesParts) {
    this.#parts = parts;
  }

  /** The progress of the latest copies, of at most PROGRESS_MAX images. */
  get progress(): readonly CopyProgress[] {
    return [...this.#progress.values()];
  }

  /** Copies at once, and then at intervals. No effect if already begun. */
  begin(): void {
    if (this.#timer === undefined && !this.#isCopying) void this.#run();
  }

  /** Nothing is copied any more. A later copy continues from the bytes that have arrived. */
  close(): void {
    this.#isClosed = true;
    this.#timer?.cancel();
  }

  async #run(): Promise<void> {
    this.#timer = undefined;
    const copying = this.#parts.copy((progress) => this.#progress.set(progress.file, progress));
    if (copying === undefined) return;
    this.#isCopying = true;
    let problem = '';
    try {
      problem = (await copying).problems[0] ?? '';
    } catch (error) {
      problem = errorText(error);
    }
    this.#isCopying = false;
    if (this.#isClosed) return;
    // Each problem is reported once, not every few minutes.
    if (problem !== '' && problem !== this.#problem) this.#parts.onProblem(problem);
    this.#problem = problem;
    this.#timer = this.#parts.clock.schedule(problem === '' ? EVERY_MS : AGAIN_MS, () => void this.#run());
  }
}
