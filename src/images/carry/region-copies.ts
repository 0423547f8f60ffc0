// Has a region's images copied at intervals while the rack is linked.

import { BoundedMap } from '../../ground/bounded-map.ts';
import type { Clock, Timer } from '../../ground/clock.ts';
import { errorText } from '../../ground/errors.ts';
import type { CopyProgress, CopyResult } from './region-copy.ts';

/** The pause after a success, as in MAAS's racks. */
const COPY_INTERVAL_MS = 5 * 60_000;
/** The pause after a failure. */
const RETRY_MS = 60_000;
const PROGRESS_MAX = 64;

export interface CopyOrder {
  readonly urls: readonly string[];
  /** PEM certificates to trust instead of the system's. */
  readonly ca: string | undefined;
}

interface RegionCopiesDeps {
  readonly clock: Clock;
  /** Starts a copy. Undefined if the rack should copy nothing until the next `begin`. */
  readonly copy: (onProgress: (progress: CopyProgress) => void) => Promise<CopyResult> | undefined;
  readonly onProblem: (reason: string) => void;
}

export class RegionCopies {
  readonly #deps: RegionCopiesDeps;
  #timer: Timer | undefined;
  #isCopying = false;
  #problem = '';
  #isClosed = false;
  /** The progress by image. The latest image is last. */
  readonly #progress = new BoundedMap<string, CopyProgress>(PROGRESS_MAX, 'set longest ago');

  constructor(deps: RegionCopiesDeps) {
    this.#deps = deps;
  }

  /** The progress of at most PROGRESS_MAX images. */
  get progress(): readonly CopyProgress[] {
    return [...this.#progress.values()];
  }

  /** Copies at once and at intervals. No effect if already begun. */
  begin(): void {
    if (this.#timer === undefined && !this.#isCopying) void this.#run();
  }

  /** Ends copying. A later copy continues the downloads. */
  close(): void {
    this.#isClosed = true;
    this.#timer?.cancel();
  }

  async #run(): Promise<void> {
    this.#timer = undefined;
    const copying = this.#deps.copy((progress) => this.#progress.set(progress.file, progress));
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
    // Each problem is reported once.
    if (problem !== '' && problem !== this.#problem) this.#deps.onProblem(problem);
    this.#problem = problem;
    this.#timer = this.#deps.clock.schedule(problem === '' ? COPY_INTERVAL_MS : RETRY_MS, () => void this.#run());
  }
}
