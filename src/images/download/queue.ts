// Runs several downloads at a time in the current thread. thread.ts does the same in a separate thread.
//
// 1. At most `filesMax` files are fetched at a time, `filesOfHostMax` of them from one host. All share one bandwidth limit.
// 2. Free space is reserved before it is used (disk-room.ts).
// 3. The scores of servers last as long as the queue. Documents have their own: a site with many small ones is not preferred for files.
// 4. A download that is not at rest keeps the process alive, even during a pause before its next attempt.

import { MessageChannel, type MessagePort } from 'node:worker_threads';
import type { Clock } from '../../clock.ts';
import { Bandwidth } from './bandwidth.ts';
import { DiskRoom, type ReadDisk, readHostDisk } from './disk-room.ts';
import { type DocumentRequest, type DocumentResult, fetchDocument } from './document.ts';
import { type DownloadMeans, FileDownload } from './download.ts';
import { OpenDownloads } from './open-downloads.ts';
import { Places } from './places.ts';
import type { Download } from './request.ts';
import { type DownloadRequest, isAtRest } from './request.ts';
import type { DownloadSettings, ProxySettings } from './settings.ts';
import { SourceHealth } from './source-health.ts';
import { WebClient } from './web-client.ts';

/** The most documents fetched at a time, in total and from one host. Documents do not wait for files. */
const DOCUMENTS_MAX = 8;
const DOCUMENTS_OF_HOST_MAX = 4;
/** How many of these places are kept for hosts that have none. */
const DOCUMENTS_KEPT = 4;

/** Downloads, here or in another thread. */
export interface Downloads {
  /** All downloads that are neither done nor cancelled. */
  readonly downloads: readonly Download[];
  /**
   * Begins a download.
   * @throws RackError `bad-argument`; `already-exists` if another download has this directory and name; `limit-reached`
   */
  add(request: DownloadRequest): Download;
  /** Fetches a small document. Rejects with RackError `bad-argument` for an invalid URL. */
  fetchDocument(request: DocumentRequest, signal?: AbortSignal): Promise<DocumentResult>;
  /** Changes the bandwidth of all downloads together, in bytes per second; undefined: unlimited. */
  limit(bytesPerSecond: number | undefined): void;
  /** Pauses all downloads, and resolves when their files are closed. */
  close(): Promise<void>;
}

/** The downloads of this thread. */
export class DownloadQueue implements Downloads {
  readonly #means: DownloadMeans;
  readonly #documentPlaces = new Places(DOCUMENTS_MAX, DOCUMENTS_OF_HOST_MAX, DOCUMENTS_KEPT);
  readonly #documentHealth = new SourceHealth();
  readonly #open = new OpenDownloads<FileDownload>();
  readonly #closing = new AbortController();
  #keepsAlive: MessagePort | undefined;

  /** @throws RackError `bad-argument` for an unusable proxy */
  constructor(settings: DownloadSettings, clock: Clock, readDisk: ReadDisk = readHostDisk) {
    this.#means = {
      clock,
      settings,
      web: new WebClient(clock, settings),
      bandwidth: new Bandwidth(settings.bytesPerSecondMax),
      room: new DiskRoom(readDisk),
      places: new Places(settings.filesMax, settings.filesOfHostMax),
      health: new SourceHealth(),
    };
  }

  get downloads(): readonly FileDownload[] {
    return this.#open.all;
  }

  add(request: DownloadRequest): FileDownload {
    const download = this.#open.add(request, () => new FileDownload(request, this.#means));
    download.watch(() => this.#keepAlive());
    this.#keepAlive();
    return download;
  }

  fetchDocument(request: DocumentRequest, signal?: AbortSignal): Promise<DocumentResult> {
    const either = AbortSignal.any([this.#closing.signal, ...(signal === undefined ? [] : [signal])]);
    return fetchDocument(
      request,
      { ...this.#means, places: this.#documentPlaces, health: this.#documentHealth },
      either,
    );
  }

  limit(bytesPerSecond: number | undefined): void {
    this.#means.bandwidth.limit(bytesPerSecond);
  }

  /** Changes the proxy of further requests. @throws RackError `bad-argument` for an unusable proxy */
  useProxy(proxy: ProxySettings): void {
    this.#means.web.useProxy(proxy);
  }

  async close(): Promise<void> {
    this.#closing.abort();
    const all = this.#open.all;
    for (const download of all) download.pause();
    await Promise.all(all.map((download) => download.settled()));
  }

  /** An open port with a listener keeps a process alive. */
  #keepAlive(): void {
    const isBusy = this.#open.all.some(({ state }) => !isAtRest(state));
    if (isBusy && this.#keepsAlive === undefined) {
      this.#keepsAlive = new MessageChannel().port1.on('message', () => undefined);
    } else if (!isBusy) {
      this.#keepsAlive?.close();
      this.#keepsAlive = undefined;
    }
  }
}
