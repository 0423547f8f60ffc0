// The thread that does the works of the image engine: started when it is first needed, and ended when it rests.

import { EventEmitter, once } from 'node:events';
import { resolve } from 'node:path';
import { Worker } from 'node:worker_threads';
import { systemClock, type Timer } from '../../clock.ts';
import { errorText, RackError } from '../../errors.ts';
import { type AnswerLine, type EngineDoor, engineSocket, errorIn } from '../../images/engine/door.ts';
import type { OnReport, Report } from '../../images/engine/reports.ts';
import type { WorkName, WorkResult, WorkTerms } from '../../images/engine/works.ts';
import type { FromImageThread, FromRun, ToImageThread } from './message.ts';

/** The memory of the thread's JavaScript, in MB. The largest document of products has 32 MB, and takes about five times that once decoded. */
const RESOURCE_LIMITS = { maxOldGenerationSizeMb: 384, maxYoungGenerationSizeMb: 16 };
/** How long a thread without work stays, in milliseconds: works often follow one another, and the socket for commands stays open with it. */
const REST_MS = 10_000;

/** The runs of imports that need the thread. */
interface RunListener {
  readonly onMessage: (message: FromRun) => void;
  /** Called when the thread ended unexpectedly. */
  readonly onExit: (failure: unknown) => void;
  /** True while a run is under way. */
  readonly isRunning: () => boolean;
}

interface WorkOptions {
  /** Ends the work. */
  readonly signal?: AbortSignal | undefined;
  readonly onReport?: OnReport | undefined;
}

interface WorkEvents {
  readonly report: [report: Report];
  readonly done: [result: unknown];
  readonly error: [error: Error];
}

export class ImageThread {
  readonly #file: URL | undefined;
  #run: RunListener | undefined;
  #worker: Worker | undefined;
  /** True while commands have works done. */
  #isBusy = false;
  readonly #opening = new Set<PromiseWithResolvers<void>>();
  /** The works under way, by their numbers. */
  readonly #works = new Map<number, EventEmitter<WorkEvents>>();
  #next = 1;
  #resting: Timer | undefined;

  /** @param file another thread, for tests */
  constructor(file?: URL) {
    this.#file = file;
  }

  /** Undefined: it does not run. */
  get worker(): Worker | undefined {
    return this.#worker;
  }

  /** From now on runs of imports may need it. */
  attach(run: RunListener): void {
    this.#run = run;
  }

  /** Sends a message; starts the thread for it. */
  tell(message: ToImageThread): void {
    this.#worker ??= this.#start();
    this.#worker.postMessage(message);
  }

  /** Has a work done. @throws RackError as the work; `cancelled` if its thread ended */
  async do<N extends WorkName>(
    name: N,
    tree: string,
    terms: WorkTerms<N>,
    { signal, onReport }: WorkOptions = {},
  ): Promise<WorkResult<N>> {
    const id = this.#next;
    this.#next += 1;
    const work = new EventEmitter<WorkEvents>();
    if (onReport !== undefined) work.on('report', onReport);
    const stop = (): void => this.#worker?.postMessage({ kind: 'stop-work', id } satisfies ToImageThread);
    const done = once(work, 'done');
    this.#works.set(id, work);
    this.tell({ kind: 'work', id, name, tree, terms });
    signal?.addEventListener('abort', stop, { once: true });
    if (signal?.aborted === true) stop();
    try {
      const [result] = await done;
      return result;
    } finally {
      signal?.removeEventListener('abort', stop);
      this.#works.delete(id);
      this.rest();
    }
  }

  /** Opens the socket for commands, which stays open as long as the thread. @throws RackError `socket-refused` */
  async open(stateDir: string, tree: string): Promise<EngineDoor> {
    const socket = engineSocket(stateDir);
    const opening = Promise.withResolvers<void>();
    this.#opening.add(opening);
    this.tell({ kind: 'open', path: socket });
    try {
      await opening.promise;
      return { socket, tree: resolve(tree) };
    } finally {
      this.rest();
    }
  }

  /** Ends the thread soon, unless something needs it. */
  rest(): void {
    this.#resting?.cancel();
    this.#resting = systemClock.schedule(REST_MS, () => {
      const isForCommands = this.#opening.size > 0 || this.#isBusy;
      if (this.#works.size === 0 && !isForCommands && this.#run?.isRunning() !== true) void this.end();
    });
  }

  /** Ends the thread at once. */
  async end(): Promise<void> {
    const worker = this.#worker;
    this.#forget('it was ended');
    await worker?.terminate();
  }

  #start(): Worker {
    // The worker has the same extension as this file, source or compiled.
    const name = import.meta.url.endsWith('.ts') ? './worker.ts' : './worker.js';
    const options = { name: 'images', resourceLimits: RESOURCE_LIMITS };
    const worker = new Worker(this.#file ?? new URL(name, import.meta.url), options);
    let failure: unknown;
    worker.on('message', (message: FromImageThread) => {
      if (worker === this.#worker) this.#hear(message);
    });
    worker.on('error', (error) => {
      failure = error;
    });
    worker.once('exit', () => {
      if (worker !== this.#worker) return;
      this.#forget(failure === undefined ? 'it ended' : errorText(failure));
      this.#run?.onExit(failure);
    });
    return worker;
  }

  #hear(message: FromImageThread): void {
    switch (message.kind) {
      case 'open':
        this.#settle(message.problem);
        return;
      case 'busy':
        this.#isBusy = message.isBusy;
        this.rest();
        return;
      case 'work':
        this.#tellOf(message.id, message.line);
        return;
      default:
        this.#run?.onMessage(message);
    }
  }

  #forget(why: string): void {
    this.#worker = undefined;
    this.#isBusy = false;
    this.#settle(why);
    const message = `the thread of images: ${why}`;
    for (const id of [...this.#works.keys()]) this.#tellOf(id, { refused: { code: 'cancelled', message } });
  }

  #tellOf(id: number, line: AnswerLine): void {
    const work = this.#works.get(id);
    if ('done' in line) work?.emit('done', line.done);
    else if ('refused' in line) work?.emit('error', errorIn(line));
    else work?.emit('report', line);
  }

  /** Tells those who wait for the socket. @param problem undefined: it is open */
  #settle(problem: string | undefined): void {
    for (const opening of this.#opening) {
      if (problem === undefined) opening.resolve();
      else opening.reject(new RackError('socket-refused', `the thread of images cannot be asked: ${problem}`));
    }
    this.#opening.clear();
  }
}
