// Starts the importing thread and talks to it: one run at a time.
//
// 1. The thread starts with a run and ends with it. The memory of its JavaScript is bounded. A further order renews the run; one that comes too
//    late for it begins the next one.
// 2. If the thread ends unexpectedly, its run counts as ended, with the reason. A run that `close` interrupts does not count as ended.

import { Worker } from 'node:worker_threads';
import { unreachable } from '../../errors.ts';
import type { ImportProgress } from '../../region/records/boot-store.ts';
import { threadReason } from './import-failure.ts';
import type { FromImportThread, Hold, RunOrder, SkippedList, ToImportThread } from './message.ts';

/** The memory of the thread's JavaScript, in MB. The largest document of products has 32 MB, and takes about five times that once decoded. */
const RESOURCE_LIMITS = { maxOldGenerationSizeMb: 384, maxYoungGenerationSizeMb: 16 };

interface ImportThreadParts {
  readonly onProgress: (entries: ReadonlyMap<string, ImportProgress>) => void;
  /** Called when all sources have answered, and after each later change of this list. */
  readonly onLeft: (left: SkippedList) => void;
  readonly onEnded: (left: SkippedList) => void;
}

/** @param error `undefined`: unknown */
const endedBy = (error: unknown): SkippedList => ({ skipped: [{ name: '', reason: threadReason(error) }], more: 0 });

export class ImportThread {
  readonly #parts: ImportThreadParts;
  #worker: Worker | undefined;
  /** The last order, and the number of those for the thread. */
  #order: RunOrder | undefined;
  #orders = 0;
  /** The thread that `close` ends; the end of its run is not reported. */
  #closing: Worker | undefined;
  /** By the name of a held or removed import: called when the import has ended. */
  readonly #awaited = new Map<string, () => void>();

  constructor(parts: ImportThreadParts) {
    this.#parts = parts;
  }

  get isRunning(): boolean {
    return this.#worker !== undefined;
  }

  /** Begins a run, or renews the one under way. */
  run(order: RunOrder): void {
    this.#orders += 1;
    this.#order = order;
    if (this.#worker === undefined) this.#start();
    this.#tell({ kind: 'run', order });
  }

  #start(): void {
    this.#orders = 1;
    // The worker has the same extension as this file, source or compiled.
    const file = import.meta.url.endsWith('.ts') ? './worker.ts' : './worker.js';
    const options = { name: 'imports', resourceLimits: RESOURCE_LIMITS };
    const worker = new Worker(new URL(file, import.meta.url), options);
    this.#worker = worker;
    let left = endedBy(undefined);
    let taken: number | undefined;
    worker.on('message', (message: FromImportThread) => {
      if (message.kind === 'ended') ({ left, orders: taken } = message);
      else this.#hear(message);
    });
    worker.on('error', (error) => {
      left = endedBy(error);
    });
    worker.once('exit', () => {
      this.#worker = undefined;
      for (const done of this.#awaited.values()) done();
      this.#awaited.clear();
      if (this.#closing === worker) return;
      if (taken !== undefined && taken < this.#orders && this.#order !== undefined) this.run(this.#order);
      else this.#parts.onEnded(left);
    });
  }

  /** Holds an import; resolves when it has ended. */
  hold(name: string, hold: Hold): Promise<void> {
    return this.#askForRest({ kind: 'hold', name, hold });
  }

  /** Removes an image from the run; resolves when its import has ended. */
  remove(name: string): Promise<void> {
    return this.#askForRest({ kind: 'remove', name });
  }

  resume(name: string): void {
    this.#tell({ kind: 'resume', name });
  }

  /** Changes the limit of the run. @param bytesPerSecondMax undefined: no limit */
  limit(bytesPerSecondMax: number | undefined): void {
    this.#tell({ kind: 'limit', bytesPerSecondMax });
  }

  stop(): void {
    this.#tell({ kind: 'stop' });
  }

  /** Ends the thread at once. Its run does not count as ended: the next one continues from the bytes that have arrived. */
  async close(): Promise<void> {
    this.#closing = this.#worker;
    await this.#worker?.terminate();
  }

  #askForRest(message: Extract<ToImportThread, { readonly kind: 'hold' | 'remove' }>): Promise<void> {
    if (this.#worker === undefined) return Promise.resolve();
    const { promise, resolve } = Promise.withResolvers<void>();
    const before = this.#awaited.get(message.name);
    this.#awaited.set(message.name, () => {
      before?.();
      resolve();
    });
    this.#tell(message);
    return promise;
  }

  #hear(message: Exclude<FromImportThread, { readonly kind: 'ended' }>): void {
    switch (message.kind) {
      case 'progress':
        this.#parts.onProgress(message.entries);
        return;
      case 'left':
        this.#parts.onLeft(message.left);
        return;
      case 'at-rest':
        this.#awaited.get(message.name)?.();
        this.#awaited.delete(message.name);
        return;
      default:
        unreachable(message);
    }
  }

  #tell(message: ToImportThread): void {
    this.#worker?.postMessage(message);
  }
}
