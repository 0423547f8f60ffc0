// The download thread: a queue controlled by messages.
//
// 1. Messages about a download's bytes are sent at most every 100 ms (PROGRESS_MS), so that they do not burden the event loop of the caller.
// 2. `cancelled` is reported when the files of the download are closed. From then on others may remove or continue them.
// 3. The thread ends after `close`.

import { flushCompileCache } from 'node:module';
import { parentPort, workerData } from 'node:worker_threads';
import { systemClock } from '../../clock.ts';
import { errorText } from '../../errors.ts';
import type { DocumentRequest } from './document.ts';
import type { FileDownload } from './download.ts';
import type { DownloadThreadData, FromDownloadThread, ToDownloadThread } from './message.ts';
import { DownloadQueue } from './queue.ts';
import { removeDownload } from './removal.ts';
import type { Attempt, DownloadRequest } from './request.ts';

const { settings }: DownloadThreadData = workerData;
const queue = new DownloadQueue(settings, systemClock);
const downloads = new Map<number, FileDownload>();
const fetches = new Map<number, AbortController>();

const send = (message: FromDownloadThread): void => parentPort?.postMessage(message);

function add(id: number, request: DownloadRequest): void {
  const download = queue.add(request);
  downloads.set(id, download);
  let newest: Attempt | undefined;
  const report = (): void => {
    const { state, growth, attempts } = download;
    const last = attempts.at(-1);
    send({ kind: 'changed', id, state, growth, attempts: last === newest ? undefined : [...attempts] });
    newest = last;
  };
  const forget = async (): Promise<void> => {
    await download.settled();
    if (download.state.kind === 'cancelled') report();
    downloads.delete(id);
  };
  download.watch(() => {
    const { kind } = download.state;
    if (kind !== 'cancelled') report();
    if (kind === 'done' || kind === 'cancelled') void forget();
  });
  report();
}

async function settle(id: number): Promise<void> {
  await downloads.get(id)?.settled();
  send({ kind: 'settled', id });
}

async function remove(id: number, request: DownloadRequest): Promise<void> {
  try {
    const download = downloads.get(id);
    await (download === undefined ? removeDownload(request) : download.remove());
    send({ kind: 'removed', id, failure: undefined });
  } catch (error) {
    send({ kind: 'removed', id, failure: errorText(error) });
  }
}

async function fetchDocument(id: number, request: DocumentRequest): Promise<void> {
  const stop = new AbortController();
  fetches.set(id, stop);
  const result = await queue.fetchDocument(request, stop.signal);
  fetches.delete(id);
  send({ kind: 'fetched', id, result });
}

async function close(): Promise<void> {
  await queue.close();
  send({ kind: 'closed' });
  parentPort?.close();
}

parentPort?.on('message', (message: ToDownloadThread) => {
  switch (message.kind) {
    case 'add':
      add(message.id, message.request);
      return;
    case 'command':
      downloads.get(message.id)?.[message.command]();
      return;
    case 'remove':
      void remove(message.id, message.request);
      return;
    case 'settle':
      void settle(message.id);
      return;
    case 'fetch':
      void fetchDocument(message.id, message.request);
      return;
    case 'stop-fetch':
      fetches.get(message.id)?.abort();
      return;
    case 'limit':
      queue.limit(message.bytesPerSecond);
      return;
    case 'proxy':
      queue.useProxy(message.proxy);
      return;
    case 'close':
      void close();
  }
});
flushCompileCache();
