// The main thread's side of the net worker: starts, wakes and ends it.
//
// 1. After its first list the worker does not keep the process alive; the eventfd is written on `exit`, so its sleep does not delay the
//    end.
// 2. `stop()` keeps it alive, even if the first list arrives then.
// 3. The eventfd is closed after the worker has ended: its number could be reused for another file.

import { Worker } from 'node:worker_threads';
import { type Libc, loadLibc } from '../linux/libc.ts';
import { EVENTFD_FLAGS } from '../linux/wire-structs.ts';
import type { FromNetWorker, NetWorkerData, ToNetWorker } from './net-message.ts';

/** Memory of the worker's JavaScript, in MB: its tables are small. */
const RESOURCE_LIMITS = { maxOldGenerationSizeMb: 32, maxYoungGenerationSizeMb: 4 };

interface NetThreadListener {
  onMessage(message: FromNetWorker): void;
  /** Called when the thread ended unexpectedly; no more messages follow. */
  onFailure(reason: unknown): void;
}

export class NetThread {
  readonly #libc: Libc;
  readonly #eventFd: number;
  readonly #worker: Worker;
  readonly #onExit = (): void => this.#end();
  #ended: Promise<void>;
  #stopping = false;
  #over = false;

  /** Throws if the C library cannot be called. */
  constructor(listener: NetThreadListener) {
    this.#libc = loadLibc();
    this.#eventFd = this.#libc.eventfd(0, EVENTFD_FLAGS);
    if (this.#eventFd < 0) throw new Error('eventfd was refused');
    // The worker has this file's extension, source or compiled.
    const file = import.meta.url.endsWith('.ts') ? './net-worker.ts' : './net-worker.js';
    const workerData: NetWorkerData = { eventFd: this.#eventFd };
    this.#worker = new Worker(new URL(file, import.meta.url), { workerData, resourceLimits: RESOURCE_LIMITS });
    this.#worker.on('message', (message: FromNetWorker) => {
      if (message.kind === 'interfaces' && !this.#stopping) this.#worker.unref();
      listener.onMessage(message);
    });
    let failure: unknown = 'the thread ended';
    this.#worker.on('error', (error) => {
      failure = error;
    });
    this.#ended = new Promise((resolve) => {
      this.#worker.once('exit', () => {
        process.off('exit', this.#onExit);
        this.#over = true;
        this.#libc.close(this.#eventFd);
        if (!this.#stopping) listener.onFailure(failure);
        resolve();
      });
    });
    process.on('exit', this.#onExit);
  }

  /** Does nothing after the worker's end. */
  tell(message: ToNetWorker): void {
    if (this.#over || this.#stopping) return;
    this.#worker.postMessage(message);
    this.#wake();
  }

  async stop(): Promise<void> {
    if (!this.#stopping) {
      this.#worker.ref();
      this.#end();
    }
    await this.#ended;
  }

  #end(): void {
    this.tell({ kind: 'stop' });
    this.#stopping = true;
  }

  #wake(): void {
    const one = new Uint8Array(8);
    one[0] = 1;
    this.#libc.write(this.#eventFd, one, one.length);
  }
}
