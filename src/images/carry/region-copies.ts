// Copies a region's images at intervals while the rack is linked. Each copy runs in its own thread, so that neither the link nor the rack's
// event loop waits.

import { Worker } from 'node:worker_threads';
import { BoundedMap } from '../../bounded-map.ts';
import type { Clock, Timer } from '../../clock.ts';
import { errorText } from '../../errors.ts';
import type { CopyProgress, CopyResult } from './region-copy.ts';

/** The pause after a successful copy, in milliseconds; the interval of MAAS's racks. */
const EVERY_MS = 5 * 60_000;
/** The pause after a failed copy, in milliseconds. */
const AGAIN_MS = 60_000;
/** The memory of the thread's JavaScript, in MB; the same as for the region's imports. */
const RESOURCE_LIMITS = { maxOldGenerationSizeMb: 384, maxYoungGenerationSizeMb: 16 };

/** Bound on the images whose progress is kept. */
const PROGRESS_MAX = 64;

/** The data of the thread. */
export interface CopyOrder {
  readonly tree: string;
  readonly urls: readonly string[];
  /** PEM certificates to trust instead of the system's; undefined to trust the system's. */
  readonly ca: string | undefined;
}

/** A message of the thread. */
type CopyMessage =
  | { readonly kind: 'progress'; readonly progress: CopyProgress }
  | { readonly kind: 'result'; readonly result: CopyResult };

interface RegionCopiesParts {
  readonly clock: Clock;
  /** The order for the next copy; undefined if the rack should copy nothing until the next `begin`. */
  readonly order: () => CopyOrder | undefined;
  readonly onProblem: (reason: string) => void;
}

export class RegionCopies {
  readonly #parts: RegionCopiesParts;
  #timer: Timer | undefined;
  #worker: Worker | undefined;
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
    if (this.#timer === undefined && this.#worker === undefined) this.#run();
  }

  /** Ends a running copy. A later one continues from the bytes that have arrived. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#timer?.cancel();
    await this.#worker?.terminate();
  }

  #run(): void {
    this.#timer = undefined;
    const order = this.#parts.order();
    if (order === undefined) return;
    // The worker has the same extension as this file, source or compiled.
    const file = import.meta.url.endsWith('.ts') ? './worker.ts' : './worker.js';
    const options = { name: 'images', resourceLimits: RESOURCE_LIMITS, workerData: order };
    const worker = new Worker(new URL(file, import.meta.url), options);
    this.#worker = worker;
    let problem = 'the thread that copies images ended';
    worker.on('message', (message: CopyMessage) => {
      if (message.kind === 'result') problem = message.result.problems[0] ?? '';
      else this.#progress.set(message.progress.file, message.progress);
    });
    worker.on('error', (error) => {
      problem = errorText(error);
    });
    worker.once('exit', () => {
      this.#worker = undefined;
      if (this.#isClosed) return;
      // Each problem is reported once, not every few minutes.
      if (problem !== '' && problem !== this.#problem) this.#parts.onProblem(problem);
      this.#problem = problem;
      this.#timer = this.#parts.clock.schedule(problem === '' ? EVERY_MS : AGAIN_MS, () => this.#run());
    });
  }
}
