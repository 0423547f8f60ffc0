// Runs downloads in the thread of its owner.
//
// 1. At most `filesOfHostMax` files are fetched from one host at a time; all share one bandwidth limit.
// 2. The failures of servers are remembered as long as the queue.
// 3. A download that is not at rest, and an awaited document, keep the process alive, even between attempts.

import { join } from 'node:path';
import { MessageChannel, type MessagePort } from 'node:worker_threads';
import type { Clock } from '../../clock.ts';
import { RackError } from '../../errors.ts';
import { Bandwidth } from './body.ts';
import { DiskRoom, type ReadDisk, readHostDisk } from './disk-room.ts';
import { type DocumentRequest, fetchDocument } from './document.ts';
import { type DownloadMeans, FileDownload } from './download.ts';
import type { Download, DownloadRequest } from './request.ts';
import type { DownloadSettings, ProxySettings } from './settings.ts';
import { SourceHealth } from './source-plan.ts';
import { WebClient } from './web-client.ts';

/** Documents do not wait for files. */
const DOCUMENTS_OF_HOST_MAX = 4;

export interface Downloads {
  add(request: DownloadRequest): Download;
  fetchDocument(request: DocumentRequest, signal?: AbortSignal): Promise<Uint8Array | undefined>;
}

export class DownloadQueue implements Downloads {
  readonly #means: DownloadMeans;
  readonly #documents: { readonly web: WebClient; readonly health: SourceHealth };
  readonly #open = new Map<string, FileDownload>();
  readonly #closing = new AbortController();
  /** Downloads that are not at rest, and awaited documents. */
  #awaited = 0;
  #keepsAlive: MessagePort | undefined;

  constructor(settings: DownloadSettings, clock: Clock, readDisk: ReadDisk = readHostDisk) {
    this.#means = {
      clock,
      settings,
      web: new WebClient(settings, settings.filesOfHostMax),
      bandwidth: new Bandwidth(settings.bytesPerSecondMax),
      room: new DiskRoom(readDisk),
      health: new SourceHealth(),
    };
    this.#documents = { web: new WebClient(settings, DOCUMENTS_OF_HOST_MAX), health: new SourceHealth() };
  }

  add(request: DownloadRequest): FileDownload {
    const place = join(request.directory, request.name);
    if (this.#open.has(place))
      throw new RackError('already-exists', `${place} is being downloaded: wait for it, or cancel it first`);
    const download = new FileDownload(request, this.#means);
    this.#open.set(place, download);
    void this.#keepAlive(download.settled().finally(() => this.#open.delete(place)));
    return download;
  }

  fetchDocument(request: DocumentRequest, signal?: AbortSignal): Promise<Uint8Array | undefined> {
    const either = AbortSignal.any([this.#closing.signal, ...(signal === undefined ? [] : [signal])]);
    return this.#keepAlive(fetchDocument(request, { ...this.#means, ...this.#documents }, either));
  }

  /** Sets the bandwidth of all downloads together; undefined: unlimited. */
  limit(bytesPerSecond: number | undefined): void {
    this.#means.bandwidth.limit(bytesPerSecond);
  }

  useProxy(proxy: ProxySettings): void {
    this.#means.web.useProxy(proxy);
    this.#documents.web.useProxy(proxy);
  }

  async close(): Promise<void> {
    this.#closing.abort();
    const all = [...this.#open.values()];
    for (const download of all) download.cancel();
    await Promise.all(all.map((download) => download.settled()));
  }

  /** An open port with a listener keeps the process alive. */
  async #keepAlive<T>(work: Promise<T>): Promise<T> {
    this.#awaited += 1;
    this.#keepsAlive ??= new MessageChannel().port1.on('message', () => undefined);
    try {
      return await work;
    } finally {
      this.#awaited -= 1;
      if (this.#awaited === 0) {
        this.#keepsAlive.close();
        this.#keepsAlive = undefined;
      }
    }
  }
}
