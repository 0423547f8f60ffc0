// Starts the importing thread and talks to it: one run at a time.
//
// 1. The thread starts with a run and ends with it. The memory of its JavaScript is bounded. A further order renews the run; one that comes too
//    late for it begins the next one.
// 2. A thread with an import that does not stop within REST_MS, because its disk or a program hangs, is ended, and given up EXIT_MS later.
// 3. If the thread ends unexpectedly, its run counts as ended, and its imports, too, with the reason. A run that `close` interrupts does not count as ended.

import { Worker } from 'node:worker_threads';
import { type Clock, systemClock } from '../../clock.ts';
import { unreachable } from '../../errors.ts';
import type { ImportProgress } from '../../region/records/boot-store.ts';
import type { ImportReason } from '../../region/records/import-reason.ts';
import { type OwnBug, threadReason } from './import-failure.ts';
import type { FromImportThread, Hold, RunOrder, SkippedList, ToImportThread } from './message.ts';

/** The memory of the thread's JavaScript, in MB. The largest document of products has 32 MB, and takes about five times that once decoded. */
const RESOURCE_LIMITS = { maxOldGenerationSizeMb: 384, maxYoungGenerationSizeMb: 16 };

/** How long an import may take to stop, in milliseconds. */
const REST_MS = 20_000;
/** How long a thread may take to end, in milliseconds: one that waits for a dead disk does not end. */
const EXIT_MS = 5000;

interface ImportThreadParts {
  readonly onProgress: (entries: ReadonlyMap<string, ImportProgress>) => void;
  /** Called when all sources have answered, and after each later change of this list. */
  readonly onLeft: (left: SkippedList) => void;
  readonly onEnded: (left: SkippedList) => void;
  /** Called for each error of our own that ended the import of one image, or the reading of one source. */
  readonly onBug: (bug: OwnBug) => void;
  /** Called instead of `onEnded` if the thread ended unexpectedly. */
  readonly onBroken: (reason: ImportReason) => void;
  /** Called instead of `onEnded` if the thread was ended because an import did not stop. */
  readonly onGivenUp: (reason: ImportReason) => void;
  readonly clock?: Clock | undefined;
  readonly file?: URL | undefined;
}

export class ImportThread {
  readonly #parts: ImportThreadParts;
  #worker: Worker | undefined;
  /** The last order, and the number of those for the thread. */
  #order: RunOrder | undefined;
  #orders = 0;
  /** The thread that `close` ends; the end of its run is not reported. */
  #closing: Worker | undefined;
  /** The thread whose run was told to stop. */
  #stopping: Worker | undefined;
  /** By the name of a held or removed import: called when the import has ended. */
  readonly #awaited = new Map<string, () => void>();

  constructor(parts: ImportThreadParts) {
    this.#parts = parts;
  }

  get isRunning(): boolean {
    return this.#worker !== undefined;
  }

  run(order: RunOrder): void {
    this.#orders += 1;
    this.#order = order;
    if (this.#worker === undefined) this.#start();
    this.#tell({ kind: 'run', order });
  }

  #start(): void {
    this.#orders = 1;
    // The worker has the same extension as this file, source or compiled.
    const name = import.meta.url.endsWith('.ts') ? './worker.ts' : './worker.js';
    const options = { name: 'imports', resourceLimits: RESOURCE_LIMITS };
    const worker = new Worker(this.#parts.file ?? new URL(name, import.meta.url), options);
    this.#worker = worker;
    let end: Extract<FromImportThread, { readonly kind: 'ended' }> | undefined;
    let failure: unknown;
    worker.on('message', (message: FromImportThread) => {
      if (message.kind === 'ended') end = message;
      else this.#hear(message);
    });
    worker.on('error', (error) => {
      failure = error;
    });
    worker.once('exit', () => {
      if (!this.#forget(worker)) return;
      if (end === undefined) this.#parts.onBroken(threadReason(failure));
      else if (end.orders < this.#orders && this.#order !== undefined) this.run(this.#order);
      else this.#parts.onEnded(end.left);
    });
  }

  /** @returns false if the end of the thread's run is not reported */
  #forget(worker: Worker): boolean {
    if (this.#worker !== worker) return false;
    this.#worker = undefined;
    for (const done of this.#awaited.values()) done();
    this.#awaited.clear();
    return this.#closing !== worker;
  }

  /** Gives up the thread if it is still the same one after REST_MS and `isOver` is false. */
  #expectEnd(isOver: () => boolean): void {
    const worker = this.#worker;
    const { clock = systemClock } = this.#parts;
    clock.schedule(REST_MS, () => {
      if (worker === undefined || this.#worker !== worker || this.#closing === worker || isOver()) return;
      this.#closing = worker;
      const giveUp = (): void => {
        if (this.#closing !== worker) return;
        this.#closing = undefined;
        this.#forget(worker);
        this.#parts.onGivenUp(threadReason(new Error(`an import did not stop within ${REST_MS / 1000} s`)));
      };
      clock.schedule(EXIT_MS, giveUp);
      void worker.terminate().then(giveUp);
    });
  }

  /** Holds an import; resolves when it has ended. */
  hold(name: string, hold: Hold): Promise<void> {
    return this.#askForRest({ kind: 'hold', name, hold });
  }

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
    if (this.#stopping === this.#worker) return;
    this.#stopping = this.#worker;
    this.#expectEnd(() => false);
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
    let isAtRest = false;
    void promise.then(() => {
      isAtRest = true;
    });
    this.#expectEnd(() => isAtRest);
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
      case 'bug':
        this.#parts.onBug(message.bug);
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
