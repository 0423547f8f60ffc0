// The main thread's side of a thread that sleeps in the kernel (poll(2), epoll_wait(2)): starts,
// wakes and ends it. Source: eventfd(2). `thread-inbox.ts` is the other side.
//
// 1. Node's messages do not wake such a thread: after each one the eventfd is written. It is also
//    written on `exit`, so that the sleep does not delay the end of the process.
// 2. `stop()` keeps the process alive until the thread has ended.
// 3. The eventfd is closed after the thread has ended: its number could be reused for another file.

import { Worker } from 'node:worker_threads';
import { type Libc, loadLibc } from './libc.ts';
import { EVENTFD_FLAGS } from './wire-structs.ts';

/** Memory of the thread's JavaScript, in MB: its tables are small. */
const RESOURCE_LIMITS = { maxOldGenerationSizeMb: 32, maxYoungGenerationSizeMb: 4 };

interface KernelThreadOptions<From> {
  /** Shown by the system's tools. */
  readonly name: string;
  /** The thread's program. */
  readonly file: URL;
  /** Passed to the thread together with the eventfd. */
  readonly data?: object;
  readonly onMessage: (message: From) => void;
  /** Called when the thread ended unexpectedly; no more messages follow. */
  readonly onFailure: (reason: unknown) => void;
}

export class KernelThread<To extends { readonly kind: string }, From> {
  readonly #libc: Libc;
  readonly #eventFd: number;
  readonly #worker: Worker;
  readonly #onExit = (): void => this.#end();
  readonly #whenEnded: Promise<void>;
  #isStopping = false;
  #hasEnded = false;

  /** Throws if the C library cannot be called. */
  constructor({ name, file, data, onMessage, onFailure }: KernelThreadOptions<From>) {
    this.#libc = loadLibc();
    this.#eventFd = this.#libc.eventfd(0, EVENTFD_FLAGS);
    if (this.#eventFd < 0) throw new Error('eventfd was refused');
    const workerData = { ...data, eventFd: this.#eventFd };
    this.#worker = new Worker(file, { name, workerData, resourceLimits: RESOURCE_LIMITS });
    this.#worker.on('message', onMessage);
    let failure: unknown = 'the thread ended';
    this.#worker.on('error', (error) => {
      failure = error;
    });
    this.#whenEnded = new Promise((resolve) => {
      this.#worker.once('exit', () => {
        process.off('exit', this.#onExit);
        this.#hasEnded = true;
        this.#libc.close(this.#eventFd);
        if (!this.#isStopping) onFailure(failure);
        resolve();
      });
    });
    process.on('exit', this.#onExit);
  }

  /**
   * Lets the process end although the thread runs. Does nothing while the thread is being stopped.
   */
  unref(): void {
    if (!this.#isStopping) this.#worker.unref();
  }

  /** Does nothing after the thread's end. */
  post(message: To | { readonly kind: 'stop' }): void {
    if (this.#hasEnded || this.#isStopping) return;
    this.#worker.postMessage(message);
    this.#wake();
  }

  async stop(): Promise<void> {
    if (!this.#isStopping) {
      this.#worker.ref();
      this.#end();
    }
    await this.#whenEnded;
  }

  #end(): void {
    this.post({ kind: 'stop' });
    this.#isStopping = true;
  }

  #wake(): void {
    const increment = new Uint8Array(8);
    increment[0] = 1;
    this.#libc.write(this.#eventFd, increment, increment.length);
  }
}
