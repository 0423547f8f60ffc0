// The thread that does the works of the image engine: started when it is first needed, and ended
// when it rests.
//
// 1. A thread with a work that does not stop within STOP_MS, because its disk or a program hangs,
//    is ended, and given up EXIT_MS later.

import { EventEmitter, once } from 'node:events';
import { resolve } from 'node:path';
import { Worker } from 'node:worker_threads';
import { type Clock, systemClock, type Timer } from '../../ground/clock.ts';
import { errorText, RackError } from '../../ground/errors.ts';
import { threadFile } from '../../ground/thread-file.ts';
import { type AnswerLine, buildRefusedError, type EngineEndpoint, engineSocket } from '../../images/engine/protocol.ts';
import type { Report } from '../../images/engine/reports.ts';
import type { WorkInput, WorkName, WorkResult } from '../../images/engine/works.ts';
import type { FromImageThread, RunEnd, RunOrder, RunReport, Tell, ToImageThread } from './message.ts';

/**
 * The memory of the thread's JavaScript, in MB. The largest document of products has 32 MB, and
 * takes about five times that once decoded.
 */
const RESOURCE_LIMITS = { maxOldGenerationSizeMb: 384, maxYoungGenerationSizeMb: 16 };
/**
 * How long a thread without work stays, in milliseconds: works often follow one another, and the
 * socket for commands stays open with it.
 */
const REST_MS = 10_000;

/** How long a work may take to stop, in milliseconds. */
const STOP_MS = 20_000;
/** How long a thread may take to end, in milliseconds: one that waits for a dead disk does not end. */
const EXIT_MS = 5000;

interface WorkOptions<Reported> {
  /** Ends the work. */
  readonly signal?: AbortSignal | undefined;
  readonly onReport?: ((report: Reported) => void) | undefined;
}

interface BegunWork<Result> {
  /** Rejects as the work, or with a ThreadEnded. */
  readonly done: Promise<Result>;
  /** @param until the thread is ended if this does not settle within STOP_MS */
  readonly tell: (tell: Tell, until?: Promise<unknown>) => void;
}

/** The thread ended before the work. Its cause is the error that ended it; undefined: unknown. */
export class ThreadEnded extends RackError {
  /** `closed`: its owner ended it; `overdue`: a work did not stop; `broken`: it ended unexpectedly. */
  readonly how: 'closed' | 'overdue' | 'broken';

  constructor(how: ThreadEnded['how'], why: string, cause?: unknown) {
    super('cancelled', `the thread of images: ${why}`, { cause });
    this.how = how;
  }
}

export class ImageThread {
  readonly #file: URL | undefined;
  readonly #clock: Clock;
  #worker: Worker | undefined;
  /** True while commands have works done. */
  #isBusy = false;
  /** The works under way, by their numbers. */
  readonly #works = new Map<number, EventEmitter>();
  #next = 1;
  #resting: Timer | undefined;

  /** @param file another thread, for tests */
  constructor(file?: URL, clock: Clock = systemClock) {
    this.#file = file;
    this.#clock = clock;
  }

  /** Has a work done. @throws RackError as the work; `cancelled` if its thread ended */
  do<N extends WorkName>(
    name: N,
    tree: string,
    input: WorkInput<N>,
    options: WorkOptions<Report> = {},
  ): Promise<WorkResult<N>> {
    return this.#begin<WorkResult<N>, Report>((id) => ({ kind: 'work', id, name, tree, options: input }), options).done;
  }

  run(order: RunOrder, options: WorkOptions<RunReport>): BegunWork<RunEnd> {
    return this.#begin((id) => ({ kind: 'run', id, order }), options);
  }

  #begin<Result, Reported>(
    messageFor: (id: number) => ToImageThread,
    { signal, onReport = () => undefined }: WorkOptions<Reported>,
  ): BegunWork<Result> {
    const id = this.#next;
    this.#next += 1;
    const work = new EventEmitter().on('report', onReport);
    this.#works.set(id, work);
    this.#tell(messageFor(id));
    const tell: BegunWork<Result>['tell'] = (told, until) => {
      this.#worker?.postMessage({ kind: 'tell', id, tell: told } satisfies ToImageThread);
      if (until !== undefined) this.#expect(until);
    };
    const done = once(work, 'done').then(([result]): Result => result);
    const stop = (): void => tell('stop', done);
    signal?.addEventListener('abort', stop, { once: true });
    if (signal?.aborted === true) stop();
    const end = (): void => {
      signal?.removeEventListener('abort', stop);
      this.rest();
    };
    return { done: done.finally(end), tell };
  }

  /** Ends the thread if this does not settle soon. */
  #expect(end: Promise<unknown>): void {
    const worker = this.#worker;
    if (worker === undefined) return;
    const overdue = this.#clock.schedule(STOP_MS, () => {
      if (worker !== this.#worker) return;
      const why = `an import did not stop within ${STOP_MS / 1000} s`;
      const refuse = this.#forget(new ThreadEnded('overdue', why, new Error(why)));
      // Until it has ended, it may write.
      this.#clock.schedule(EXIT_MS, refuse);
      void worker.terminate().then(refuse);
    });
    const isOver = (): void => overdue.cancel();
    end.then(isOver, isOver);
  }

  /**
   * Opens the socket for commands, which stays open as long as the thread. @throws RackError
   * `socket-refused`; `cancelled` if the thread ended
   */
  async open(stateDir: string, tree: string): Promise<EngineEndpoint> {
    const socket = engineSocket(stateDir);
    await this.#begin((id) => ({ kind: 'open', id, path: socket }), {}).done;
    return { socket, tree: resolve(tree) };
  }

  /** Ends the thread soon, unless something needs it. */
  rest(): void {
    this.#resting?.cancel();
    this.#resting = this.#clock.schedule(REST_MS, () => {
      if (this.#works.size === 0 && !this.#isBusy) void this.end();
    });
  }

  /** Ends the thread at once. */
  async end(): Promise<void> {
    const worker = this.#worker;
    this.#forget(new ThreadEnded('closed', 'it was ended'))();
    await worker?.terminate();
  }

  #tell(message: ToImageThread): void {
    this.#worker ??= this.#start();
    this.#worker.postMessage(message);
  }

  #start(): Worker {
    const options = { name: 'images', resourceLimits: RESOURCE_LIMITS };
    const worker = new Worker(this.#file ?? threadFile('images'), options);
    let failure: unknown;
    worker.on('message', (message: FromImageThread) => {
      if (worker === this.#worker) this.#hear(message);
    });
    worker.on('error', (error) => {
      failure = error;
    });
    worker.once('exit', () => {
      if (worker !== this.#worker) return;
      this.#forget(new ThreadEnded('broken', failure === undefined ? 'it ended' : errorText(failure), failure))();
    });
    return worker;
  }

  #hear(message: FromImageThread): void {
    if ('line' in message) this.#tellOf(message.id, message.line);
    else {
      this.#isBusy = message.isBusy;
      this.rest();
    }
  }

  /** @returns refuses the works that were under way */
  #forget(ended: ThreadEnded): () => void {
    this.#worker = undefined;
    this.#isBusy = false;
    const works = [...this.#works.values()];
    this.#works.clear();
    return () => {
      for (const work of works.splice(0)) work.emit('error', ended);
    };
  }

  #tellOf(id: number, line: AnswerLine | RunReport): void {
    const work = this.#works.get(id);
    // At once: a thread that ends by itself may tell of both in one turn.
    if ('done' in line || 'refused' in line) this.#works.delete(id);
    if ('done' in line) work?.emit('done', line.done);
    else if ('refused' in line) work?.emit('error', buildRefusedError(line));
    else work?.emit('report', line);
  }
}
