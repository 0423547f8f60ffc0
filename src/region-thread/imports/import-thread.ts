// The imports of the region in the thread of images: one run at a time.
//
// 1. A further order renews the run; one that comes too late for it begins the next one.
// 2. A thread with an import that does not stop within REST_MS, because its disk or a program hangs, is ended, and given up EXIT_MS later.
// 3. If the thread ends unexpectedly, its run counts as ended, and its imports, too, with the reason. A run that `close` interrupts does not count as ended.

import { type Clock, systemClock } from '../../clock.ts';
import { unreachable } from '../../errors.ts';
import type { ImportProgress } from '../../region/records/boot-store.ts';
import type { ImportReason } from '../../region/records/import-reason.ts';
import type { ImageThread } from './image-thread.ts';
import { type OwnBug, threadReason } from './import-failure.ts';
import type { FromRun, RunOrder, SkippedList, ToImageThread } from './message.ts';

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
  readonly thread: ImageThread;
}

export class ImportThread {
  readonly #parts: ImportThreadParts;
  readonly #thread: ImageThread;
  /** The last order, and the number of those for the run; undefined: none is under way. */
  #order: RunOrder | undefined;
  #orders = 0;
  /** The order whose run was told to stop. */
  #stopping: RunOrder | undefined;
  /** By the name of a removed import: called when the import has ended. */
  readonly #awaited = new Map<string, () => void>();

  constructor(parts: ImportThreadParts) {
    this.#parts = parts;
    this.#thread = parts.thread;
    this.#thread.attach({
      onMessage: (message) => this.#hear(message),
      onExit: (failure) => this.#break(failure),
      isRunning: () => this.isRunning,
    });
  }

  get isRunning(): boolean {
    return this.#order !== undefined;
  }

  run(order: RunOrder): void {
    this.#orders = this.isRunning ? this.#orders + 1 : 1;
    this.#order = order;
    this.#tell({ kind: 'run', order });
  }

  /** Gives up the thread if it is still the same one after REST_MS and `isOver` is false. */
  #expectEnd(isOver: () => boolean): void {
    const { worker } = this.#thread;
    const { clock = systemClock } = this.#parts;
    clock.schedule(REST_MS, () => {
      if (worker === undefined || this.#thread.worker !== worker || !this.isRunning || isOver()) return;
      let isGivenUp = false;
      const giveUp = (): void => {
        if (isGivenUp) return;
        isGivenUp = true;
        // A later order may have begun it anew.
        void this.#thread.end();
        this.#end();
        this.#parts.onGivenUp(threadReason(new Error(`an import did not stop within ${REST_MS / 1000} s`)));
      };
      clock.schedule(EXIT_MS, giveUp);
      void this.#thread.end().then(giveUp);
    });
  }

  /** Removes an image from the run; resolves when its import has ended. */
  remove(name: string): Promise<void> {
    if (!this.isRunning) return Promise.resolve();
    const { promise, resolve } = Promise.withResolvers<void>();
    const before = this.#awaited.get(name);
    this.#awaited.set(name, () => {
      before?.();
      resolve();
    });
    this.#tell({ kind: 'remove', name });
    let isAtRest = false;
    void promise.then(() => {
      isAtRest = true;
    });
    this.#expectEnd(() => isAtRest);
    return promise;
  }

  /** Changes the limit of the run. @param bytesPerSecondMax undefined: no limit */
  limit(bytesPerSecondMax: number | undefined): void {
    this.#tell({ kind: 'limit', bytesPerSecondMax });
  }

  stop(): void {
    this.#tell({ kind: 'stop' });
    if (this.#stopping === this.#order) return;
    this.#stopping = this.#order;
    this.#expectEnd(() => false);
  }

  /** Ends the thread at once. Its run does not count as ended: the next one continues from the bytes that have arrived. */
  async close(): Promise<void> {
    this.#end();
    await this.#thread.end();
  }

  #hear(message: FromRun): void {
    if (!this.isRunning) return;
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
      case 'ended': {
        const next = message.orders < this.#orders ? this.#order : undefined;
        this.#end();
        this.#thread.rest();
        if (next === undefined) this.#parts.onEnded(message.left);
        else this.run(next);
        return;
      }
      default:
        unreachable(message);
    }
  }

  #break(failure: unknown): void {
    if (!this.isRunning) return;
    this.#end();
    this.#parts.onBroken(threadReason(failure));
  }

  /** Nothing is under way any more. */
  #end(): void {
    this.#order = undefined;
    for (const done of this.#awaited.values()) done();
    this.#awaited.clear();
  }

  #tell(message: ToImageThread): void {
    if (this.isRunning) this.#thread.tell(message);
  }
}
