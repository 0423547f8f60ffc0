// The thread that does the works of the image engine. It is started when it is first needed, and
// ended when it is idle.
//
// 1. If a work does not stop within STOP_MS, because a disk or a program hangs, its thread is
//    terminated. If the thread does not end within EXIT_MS, it is abandoned.

import { EventEmitter, once } from 'node:events';
import { resolve } from 'node:path';
import { Worker } from 'node:worker_threads';
import { type Clock, systemClock, type Timer } from '../../ground/clock.ts';
import { errorText, RackError } from '../../ground/errors.ts';
import { threadFile } from '../../ground/thread-file.ts';
import { type AnswerLine, buildRefusedError, type EngineEndpoint, engineSocket } from '../../images/engine/protocol.ts';
import type { Report } from '../../images/engine/reports.ts';
import type { WorkInput, WorkName, WorkResult } from '../../images/engine/works.ts';
import type { FromImageThread, RunCommand, RunEnd, RunOrder, RunReport, ToImageThread } from './message.ts';

/**
 * The memory of the thread's JavaScript, in MB. The largest document of products has 32 MB, and
 * takes about five times that once decoded.
 */
const RESOURCE_LIMITS = { maxOldGenerationSizeMb: 384, maxYoungGenerationSizeMb: 16 };
/**
 * How long a thread without work stays, in milliseconds. Works often follow one another, and the
 * socket for commands stays open as long as the thread.
 */
const IDLE_MS = 10_000;

/** How long a work may take to stop, in milliseconds. */
const STOP_MS = 20_000;
/** How long a thread may take to end, in milliseconds. A thread that waits for a dead disk does not end. */
const EXIT_MS = 5000;

interface WorkOptions<Reported> {
  /** Ends the work. */
  readonly signal?: AbortSignal | undefined;
  readonly onReport?: ((report: Reported) => void) | undefined;
}

interface StartedWork<Result> {
  /** Resolves with the result. Rejects as the work, or with an {@link ImageThreadEnded}. */
  readonly done: Promise<Result>;
  /**
   * Sends a command to the work. @param until if this does not settle within STOP_MS, the thread is
   * terminated
   */
  readonly sendCommand: (tell: RunCommand, until?: Promise<unknown>) => void;
}

/**
 * Thrown if the thread ended before the work. Its cause is the error that ended the thread.
 * Undefined if unknown.
 */
export class ImageThreadEnded extends RackError {
  /**
   * `closed` if the owner ended the thread; `overdue` if a work did not stop; `broken` if the
   * thread ended unexpectedly.
   */
  readonly endKind: 'closed' | 'overdue' | 'broken';

  constructor(how: ImageThreadEnded['endKind'], why: string, cause?: unknown) {
    super('cancelled', `the thread of images: ${why}`, { cause });
    this.endKind = how;
  }
}

export class ImageThread {
  readonly #file: URL | undefined;
  readonly #clock: Clock;
  #worker: Worker | undefined;
  /** True while works of commands are under way. */
  #isBusy = false;
  /** The works under way, by their numbers. */
  readonly #works = new Map<number, EventEmitter>();
  #nextId = 1;
  #idleTimer: Timer | undefined;

  /** @param file another thread, for tests */
  constructor(file?: URL, clock: Clock = systemClock) {
    this.#file = file;
    this.#clock = clock;
  }

  /** Does a work in the thread. @throws RackError as the work; `cancelled` if its thread ended */
  do<N extends WorkName>(
    name: N,
    tree: string,
    input: WorkInput<N>,
    options: WorkOptions<Report> = {},
  ): Promise<WorkResult<N>> {
    return this.#beginWork<WorkResult<N>, Report>((id) => ({ kind: 'work', id, name, tree, options: input }), options)
      .done;
  }

  run(order: RunOrder, options: WorkOptions<RunReport>): StartedWork<RunEnd> {
    return this.#beginWork((id) => ({ kind: 'run', id, order }), options);
  }

  #beginWork<Result, Reported>(
    buildMessage: (id: number) => ToImageThread,
    { signal, onReport = () => undefined }: WorkOptions<Reported>,
  ): StartedWork<Result> {
    const id = this.#nextId;
    this.#nextId += 1;
    const work = new EventEmitter().on('report', onReport);
    this.#works.set(id, work);
    this.#send(buildMessage(id));
    const tell: StartedWork<Result>['sendCommand'] = (command, until) => {
      this.#worker?.postMessage({ kind: 'tell', id, tell: command } satisfies ToImageThread);
      if (until !== undefined) this.#requireEnd(until);
    };
    const done = once(work, 'done').then(([result]): Result => result);
    const stop = (): void => tell('stop', done);
    signal?.addEventListener('abort', stop, { once: true });
    if (signal?.aborted === true) stop();
    const end = (): void => {
      signal?.removeEventListener('abort', stop);
      this.endWhenIdle();
    };
    return { done: done.finally(end), sendCommand: tell };
  }

  /** Terminates the thread if `ending` does not settle within STOP_MS. */
  #requireEnd(ending: Promise<unknown>): void {
    const worker = this.#worker;
    if (worker === undefined) return;
    const overdueTimer = this.#clock.schedule(STOP_MS, () => {
      if (worker !== this.#worker) return;
      const why = `an import did not stop within ${STOP_MS / 1000} s`;
      const refuse = this.#discardWorker(new ImageThreadEnded('overdue', why, new Error(why)));
      // The works are refused only after the thread has ended, because until then it may write.
      this.#clock.schedule(EXIT_MS, refuse);
      void worker.terminate().then(refuse);
    });
    const cancelTimer = (): void => overdueTimer.cancel();
    ending.then(cancelTimer, cancelTimer);
  }

  /**
   * Opens the socket for commands. It stays open as long as the thread. @throws RackError
   * `socket-refused`; `cancelled` if the thread ended
   */
  async open(stateDir: string, tree: string): Promise<EngineEndpoint> {
    const socket = engineSocket(stateDir);
    await this.#beginWork((id) => ({ kind: 'open', id, path: socket }), {}).done;
    return { socket, tree: resolve(tree) };
  }

  /** Ends the thread after IDLE_MS, unless it has work by then. */
  endWhenIdle(): void {
    this.#idleTimer?.cancel();
    this.#idleTimer = this.#clock.schedule(IDLE_MS, () => {
      if (this.#works.size === 0 && !this.#isBusy) void this.end();
    });
  }

  /** Ends the thread at once. */
  async end(): Promise<void> {
    const worker = this.#worker;
    this.#discardWorker(new ImageThreadEnded('closed', 'it was ended'))();
    await worker?.terminate();
  }

  #send(message: ToImageThread): void {
    this.#worker ??= this.#start();
    this.#worker.postMessage(message);
  }

  #start(): Worker {
    const options = { name: 'images', resourceLimits: RESOURCE_LIMITS };
    const worker = new Worker(this.#file ?? threadFile('images'), options);
    let failure: unknown;
    worker.on('message', (message: FromImageThread) => {
      if (worker === this.#worker) this.#receive(message);
    });
    worker.on('error', (error) => {
      failure = error;
    });
    worker.once('exit', () => {
      if (worker !== this.#worker) return;
      this.#discardWorker(
        new ImageThreadEnded('broken', failure === undefined ? 'it ended' : errorText(failure), failure),
      )();
    });
    return worker;
  }

  #receive(message: FromImageThread): void {
    if ('line' in message) this.#deliver(message.id, message.line);
    else {
      this.#isBusy = message.isBusy;
      this.endWhenIdle();
    }
  }

  /** Forgets the worker. @returns a function that refuses the works that were under way */
  #discardWorker(ended: ImageThreadEnded): () => void {
    this.#worker = undefined;
    this.#isBusy = false;
    const works = [...this.#works.values()];
    this.#works.clear();
    return () => {
      for (const work of works.splice(0)) work.emit('error', ended);
    };
  }

  #deliver(id: number, line: AnswerLine | RunReport): void {
    const work = this.#works.get(id);
    // Deleted at once, because the end of the work and the end of the thread may be reported in the
    // same turn.
    if ('done' in line || 'refused' in line) this.#works.delete(id);
    if ('done' in line) work?.emit('done', line.done);
    else if ('refused' in line) work?.emit('error', buildRefusedError(line));
    else work?.emit('report', line);
  }
}
