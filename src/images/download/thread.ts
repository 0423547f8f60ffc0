// Starts the download thread and talks to it. Callers use downloads and documents as if they were fetched in their own thread.
//
// 1. The first request starts the thread. RESOURCE_LIMITS bounds the memory of its JavaScript; part-file.ts and the bounds of documents limit
//    its buffers.
// 2. An invalid request is detected in the caller's thread, so that it throws at once.
// 3. If the thread ends unexpectedly, its downloads and documents fail with `thread-ended`. The next request starts another thread.

import { Worker } from 'node:worker_threads';
import type { Clock, Instant } from '../../clock.ts';
import { RackError, unreachable } from '../../errors.ts';
import type { DocumentRequest, DocumentResult } from './document.ts';
import { type AttemptFault, cleanSaid } from './fault.ts';
import { describeAttemptFault } from './fault-words.ts';
import type { DownloadCommand, DownloadThreadData, FromDownloadThread, ToDownloadThread } from './message.ts';
import { OpenDownloads } from './open-downloads.ts';
import type { Downloads } from './queue.ts';
import type { Download } from './request.ts';
import { type Attempt, type DownloadRequest, type DownloadState, type Growth, isAtRest } from './request.ts';
import type { DownloadSettings, ProxySettings } from './settings.ts';
import { parseWebUrl } from './web-client.ts';

/** Memory of the worker's JavaScript, in MB. */
const RESOURCE_LIMITS = { maxOldGenerationSizeMb: 64, maxYoungGenerationSizeMb: 8 };

/** Downloads that run in a separate thread. */
export class DownloadThread implements Downloads {
  readonly #settings: DownloadSettings;
  readonly #clock: Clock;
  readonly #open = new OpenDownloads<RemoteDownload>();
  readonly #byId = new Map<number, RemoteDownload>();
  readonly #removals = new Map<number, (failure: string | undefined) => void>();
  readonly #settlings = new Map<number, () => void>();
  readonly #fetches = new Map<number, (result: DocumentResult) => void>();
  #worker: { readonly worker: Worker; readonly ended: Promise<void> } | undefined;
  #bytesPerSecondMax: number | undefined;
  #proxy: ProxySettings;
  #lastId = 0;

  constructor(settings: DownloadSettings, clock: Clock) {
    this.#settings = settings;
    this.#clock = clock;
    this.#bytesPerSecondMax = settings.bytesPerSecondMax;
    this.#proxy = settings.proxy;
  }

  get downloads(): readonly Download[] {
    return this.#open.all;
  }

  add(request: DownloadRequest): Download {
    const id = this.#newId();
    const download = this.#open.add(
      request,
      () => new RemoteDownload(request, this.#clock.now(), this.#commandsFor(id, request)),
    );
    this.#byId.set(id, download);
    this.#tell({ kind: 'add', id, request });
    return download;
  }

  fetchDocument(request: DocumentRequest, signal?: AbortSignal): Promise<DocumentResult> {
    for (const url of request.urls) parseWebUrl(url);
    const id = this.#newId();
    const { promise, resolve } = Promise.withResolvers<DocumentResult>();
    const stop = (): void => this.#tell({ kind: 'stop-fetch', id });
    this.#fetches.set(id, (result) => {
      signal?.removeEventListener('abort', stop);
      resolve(result);
    });
    this.#tell({ kind: 'fetch', id, request });
    signal?.addEventListener('abort', stop, { once: true });
    if (signal?.aborted === true) stop();
    return promise;
  }

  limit(bytesPerSecond: number | undefined): void {
    this.#bytesPerSecondMax = bytesPerSecond;
    if (this.#worker !== undefined) this.#tell({ kind: 'limit', bytesPerSecond });
  }

  /** Changes the proxy of further requests. An unusable one ends the thread. */
  useProxy(proxy: ProxySettings): void {
    this.#proxy = proxy;
    if (this.#worker !== undefined) this.#tell({ kind: 'proxy', proxy });
  }

  async close(): Promise<void> {
    if (this.#worker === undefined) return;
    const { ended } = this.#worker;
    this.#tell({ kind: 'close' });
    await ended;
  }

  #newId(): number {
    this.#lastId += 1;
    return this.#lastId;
  }

  #commandsFor(id: number, request: DownloadRequest): RemoteCommands {
    return {
      command: (command) => {
        const download = this.#byId.get(id);
        if (download === undefined) return;
        if (this.#worker !== undefined && download.isKnown) this.#tell({ kind: 'command', id, command });
        else if (command === 'resume') {
          download.isKnown = true;
          this.#tell({ kind: 'add', id, request });
        } else if (command === 'cancel')
          this.#show(id, { state: { kind: 'cancelled' }, growth: download.growth, attempts: undefined });
      },
      remove: () => {
        const { promise, resolve, reject } = Promise.withResolvers<void>();
        this.#removals.set(id, (failure) => {
          if (failure === undefined) resolve();
          else reject(new RackError('store-unwritable', failure));
        });
        this.#tell({ kind: 'remove', id, request });
        return promise;
      },
      settle: () => {
        if (this.#worker === undefined) return Promise.resolve();
        const { promise, resolve } = Promise.withResolvers<void>();
        const before = this.#settlings.get(id);
        this.#settlings.set(id, () => {
          before?.();
          resolve();
        });
        this.#tell({ kind: 'settle', id });
        return promise;
      },
    };
  }

  #tell(message: ToDownloadThread): void {
    this.#worker ??= this.#start();
    this.#worker.worker.postMessage(message);
  }

  #start(): { readonly worker: Worker; readonly ended: Promise<void> } {
    // The worker has the same extension as this file, source or compiled.
    const file = import.meta.url.endsWith('.ts') ? './worker.ts' : './worker.js';
    const settings = { ...this.#settings, bytesPerSecondMax: this.#bytesPerSecondMax, proxy: this.#proxy };
    const workerData: DownloadThreadData = { settings };
    const options = { workerData, name: 'downloads', resourceLimits: RESOURCE_LIMITS };
    const worker = new Worker(new URL(file, import.meta.url), options);
    worker.on('message', (message: FromDownloadThread) => this.#hear(message));
    let said = 'stopped';
    worker.on('error', (error) => {
      said = cleanSaid(error);
    });
    const ended = new Promise<void>((resolve) => {
      worker.once('exit', () => {
        this.#worker = undefined;
        this.#failAll(said);
        resolve();
      });
    });
    return { worker, ended };
  }

  #hear(message: FromDownloadThread): void {
    switch (message.kind) {
      case 'changed':
        this.#show(message.id, message);
        return;
      case 'removed':
        this.#removals.get(message.id)?.(message.failure);
        this.#removals.delete(message.id);
        return;
      case 'settled':
        this.#settlings.get(message.id)?.();
        this.#settlings.delete(message.id);
        return;
      case 'fetched':
        this.#fetches.get(message.id)?.(message.result);
        this.#fetches.delete(message.id);
        return;
      case 'closed':
        return;
      default:
        unreachable(message);
    }
  }

  #show(id: number, change: Change): void {
    this.#byId.get(id)?.show(change);
    if (change.state.kind === 'done' || change.state.kind === 'cancelled') this.#byId.delete(id);
  }

  /** Fails everything unfinished. After `close` no download fails, because all are paused; `resume` starts another thread. */
  #failAll(said: string): void {
    const reason: AttemptFault = { code: 'thread-ended', params: { said } };
    for (const download of this.#byId.values()) {
      download.isKnown = false;
      const { growth } = download;
      if (!isAtRest(download.state)) download.show({ state: { kind: 'failed', reason }, growth, attempts: undefined });
    }
    for (const end of this.#removals.values()) end(describeAttemptFault(reason));
    for (const end of this.#settlings.values()) end();
    for (const end of this.#fetches.values()) end({ kind: 'failed', url: '', reason });
    this.#removals.clear();
    this.#settlings.clear();
    this.#fetches.clear();
  }
}

/** Sends the commands for one download to the thread. */
interface RemoteCommands {
  command(command: DownloadCommand): void;
  remove(): Promise<void>;
  settle(): Promise<void>;
}

interface Change {
  readonly state: DownloadState;
  readonly growth: Growth;
  readonly attempts: readonly Attempt[] | undefined;
}

/** A download in the thread, as the thread last reported it. */
class RemoteDownload implements Download {
  readonly request: DownloadRequest;
  readonly #commands: RemoteCommands;
  readonly #watchers = new Set<() => void>();
  state: DownloadState;
  growth: Growth = { generation: 0, bytes: 0, total: undefined };
  attempts: readonly Attempt[] = [];
  /** False if it belongs to a thread that has ended. */
  isKnown = true;

  constructor(request: DownloadRequest, now: Instant, commands: RemoteCommands) {
    this.request = request;
    this.#commands = commands;
    this.state = { kind: 'waiting', since: now, nextAt: undefined, reason: undefined };
  }

  pause(): void {
    this.#commands.command('pause');
  }

  resume(): void {
    this.#commands.command('resume');
  }

  cancel(): void {
    this.#commands.command('cancel');
  }

  remove(): Promise<void> {
    return this.#commands.remove();
  }

  settled(): Promise<void> {
    return this.#commands.settle();
  }

  watch(listener: () => void): () => void {
    this.#watchers.add(listener);
    return () => void this.#watchers.delete(listener);
  }

  show({ state, growth, attempts }: Change): void {
    this.state = state;
    this.growth = growth;
    this.attempts = attempts ?? this.attempts;
    for (const watcher of [...this.#watchers]) watcher();
  }
}
