// Runs downloads in the thread of its owner.
//
// 1. At most `filesOfHostMax` files are fetched from one host at a time. All downloads share one
//    bandwidth limit.
// 2. The failures of servers are remembered as long as the queue exists.
// 3. An awaited file or document keeps the process alive, even between attempts.

import { MessageChannel, type MessagePort } from 'node:worker_threads';
import type { Clock } from '../../ground/clock.ts';
import { Bandwidth } from './body.ts';
import { DiskSpace, type ReadDisk, readHostDisk } from './disk-space.ts';
import { type DocumentRequest, fetchDocument } from './document.ts';
import { type DownloadDeps, FileDownload } from './download.ts';
import type { DownloadRequest, OnState } from './request.ts';
import type { DownloadSettings, ProxySettings } from './settings.ts';
import { SourceHealth } from './source-plan.ts';
import { WebClient } from './web-client.ts';

/** Documents have their own bound, so that they do not wait for files. */
const DOCUMENTS_OF_HOST_MAX = 4;

interface FetchOptions {
  /** Stops the fetch. The bytes that have arrived stay. */
  readonly signal?: AbortSignal | undefined;
  readonly onState?: OnState | undefined;
}

export interface Downloads {
  /**
   * Resolves when the file is verified. The caller must have locked the file, because only one
   * download may write it.
   * @returns its size in bytes @throws DownloadError, RackError `cancelled`, `bad-argument` for an
   * invalid URL
   */
  fetch(request: DownloadRequest, options?: FetchOptions): Promise<number>;
  fetchDocument(request: DocumentRequest, signal?: AbortSignal): Promise<Uint8Array | undefined>;
}

export class DownloadQueue implements Downloads {
  readonly #deps: DownloadDeps;
  readonly #documents: { readonly web: WebClient; readonly health: SourceHealth };
  readonly #closing = new AbortController();
  readonly #pendingFetches = new Set<Promise<unknown>>();
  #keepsAlive: MessagePort | undefined;

  constructor(settings: DownloadSettings, clock: Clock, readDisk: ReadDisk = readHostDisk) {
    this.#deps = {
      clock,
      settings,
      web: new WebClient(settings, settings.filesOfHostMax),
      bandwidth: new Bandwidth(settings.bytesPerSecondMax),
      space: new DiskSpace(readDisk),
      health: new SourceHealth(),
    };
    this.#documents = { web: new WebClient(settings, DOCUMENTS_OF_HOST_MAX), health: new SourceHealth() };
  }

  async fetch(request: DownloadRequest, { signal, onState = () => undefined }: FetchOptions = {}): Promise<number> {
    return this.#keepAliveDuring(new FileDownload(request, this.#deps, this.#combineSignals(signal), onState).run());
  }

  fetchDocument(request: DocumentRequest, signal?: AbortSignal): Promise<Uint8Array | undefined> {
    return this.#keepAliveDuring(
      fetchDocument(request, { ...this.#deps, ...this.#documents }, this.#combineSignals(signal)),
    );
  }

  #combineSignals(signal: AbortSignal | undefined): AbortSignal {
    return AbortSignal.any([this.#closing.signal, ...(signal === undefined ? [] : [signal])]);
  }

  /** Sets the bandwidth of all downloads together. Undefined for no limit. */
  limit(bytesPerSecond: number | undefined): void {
    this.#deps.bandwidth.limit(bytesPerSecond);
  }

  useProxy(proxy: ProxySettings): void {
    this.#deps.web.useProxy(proxy);
    this.#documents.web.useProxy(proxy);
  }

  async close(): Promise<void> {
    this.#closing.abort();
    await Promise.allSettled(this.#pendingFetches);
  }

  /** Keeps the process alive during `work`, by an open port with a listener. */
  async #keepAliveDuring<T>(work: Promise<T>): Promise<T> {
    this.#pendingFetches.add(work);
    this.#keepsAlive ??= new MessageChannel().port1.on('message', () => undefined);
    try {
      return await work;
    } finally {
      this.#pendingFetches.delete(work);
      if (this.#pendingFetches.size === 0) {
        this.#keepsAlive.close();
        this.#keepsAlive = undefined;
      }
    }
  }
}
