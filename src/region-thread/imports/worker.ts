// The thread that imports images: reads documents, verifies signatures, downloads, converts and hashes.
//
// 1. A thread does one run, and ends with it. Each further order renews the run.

import { flushCompileCache } from 'node:module';
import { parentPort } from 'node:worker_threads';
import { systemClock } from '../../clock.ts';
import { unreachable } from '../../errors.ts';
import { DownloadQueue } from '../../images/download/queue.ts';
import { DEFAULT_SETTINGS, proxyOf } from '../../images/download/settings.ts';
import type { ImportProgress } from '../../region/records/boot-store.ts';
import { ImportRun } from './import-run.ts';
import type { FromImportThread, RunOrder, ToImportThread } from './message.ts';

/** How often progress is reported, in milliseconds. */
const PROGRESS_MS = 500;

const tell = (message: FromImportThread): void => parentPort?.postMessage(message);
const changed = new Map<string, ImportProgress>();
let isTelling = false;
let run: ImportRun | undefined;
let downloads: DownloadQueue | undefined;
/** The orders that the run has taken. */
let orders = 0;

function tellProgress(): void {
  isTelling = false;
  if (changed.size === 0) return;
  tell({ kind: 'progress', entries: new Map(changed) });
  changed.clear();
}

async function runOnce(order: RunOrder): Promise<void> {
  const { bytesPerSecondMax, httpProxy } = order;
  const proxy = proxyOf(httpProxy, process.env);
  if (run !== undefined) {
    // The questions of the renewed run use it, too.
    downloads?.useProxy(proxy);
    // The region gives an order that comes too late to the next thread.
    if (run.renew(order)) orders += 1;
    return;
  }
  orders = 1;
  const settings = { ...DEFAULT_SETTINGS, bytesPerSecondMax, proxy };
  downloads = new DownloadQueue(settings, systemClock);
  run = new ImportRun(order, {
    downloads,
    clock: systemClock,
    onProgress: (name, progress) => {
      changed.set(name, progress);
      if (isTelling) return;
      isTelling = true;
      systemClock.schedule(PROGRESS_MS, tellProgress);
    },
    onLeft: (left) => {
      tellProgress();
      tell({ kind: 'left', left });
    },
    onBug: (bug) => tell({ kind: 'bug', bug }),
  });
  const left = await run.run();
  await downloads.close();
  tellProgress();
  tell({ kind: 'ended', left, orders });
  parentPort?.close();
}

parentPort?.on('message', (message: ToImportThread) => {
  switch (message.kind) {
    case 'run':
      void runOnce(message.order);
      return;
    case 'hold': {
      const { name, hold } = message;
      void Promise.resolve(run?.hold(name, hold)).then(() => {
        tellProgress();
        tell({ kind: 'at-rest', name });
      });
      return;
    }
    case 'remove': {
      const { name } = message;
      // The region then knows the files of the import, and removes them.
      tellProgress();
      void Promise.resolve(run?.remove(name)).then(() => {
        changed.delete(name);
        tell({ kind: 'at-rest', name });
      });
      return;
    }
    case 'resume':
      run?.resume(message.name);
      return;
    case 'limit':
      downloads?.limit(message.bytesPerSecondMax);
      return;
    case 'stop':
      run?.stop();
      return;
    default:
      unreachable(message);
  }
});
flushCompileCache();
