// The thread of images: runs the imports of the region, and does works for commands. It reads documents, verifies signatures, downloads,
// converts and hashes.
//
// 1. It has one run at a time. Each further order renews the run.

import { parentPort } from 'node:worker_threads';
import { systemClock } from '../../clock.ts';
import { keepCompiledCode } from '../../compiled-code.ts';
import { errorText, unreachable } from '../../errors.ts';
import { DownloadQueue } from '../../images/download/queue.ts';
import { DEFAULT_SETTINGS, proxyOf } from '../../images/download/settings.ts';
import { type AnswerLine, refusalOf } from '../../images/engine/door.ts';
import { openEngineSocket } from '../../images/engine/socket.ts';
import { doWork } from '../../images/engine/works.ts';
import type { ImportProgress } from '../../region/records/boot-store.ts';
import { ImportRun } from './import-run.ts';
import type { FromImageThread, RunOrder, ToImageThread } from './message.ts';

/** How often progress is reported, in milliseconds. */
const PROGRESS_MS = 500;

const tell = (message: FromImageThread): void => parentPort?.postMessage(message);
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
  run = undefined;
  tell({ kind: 'ended', left, orders });
}

/** Undefined: it is neither open nor being opened. */
let socket: Promise<void> | undefined;

async function open(path: string): Promise<void> {
  try {
    socket ??= openEngineSocket(path, (isBusy) => tell({ kind: 'busy', isBusy }));
    await socket;
    tell({ kind: 'open', problem: undefined });
  } catch (error) {
    socket = undefined;
    tell({ kind: 'open', problem: errorText(error) });
  }
}

/** The works under way, by their numbers. */
const works = new Map<number, AbortController>();

async function work({ id, name, tree, terms }: Extract<ToImageThread, { readonly kind: 'work' }>): Promise<void> {
  const say = (line: AnswerLine): void => tell({ kind: 'work', id, line });
  const stop = new AbortController();
  works.set(id, stop);
  try {
    say({ done: await doWork(name, tree, terms, { signal: stop.signal, report: say }) });
  } catch (error) {
    say(refusalOf(error));
  } finally {
    works.delete(id);
  }
}

parentPort?.on('message', (message: ToImageThread) => {
  switch (message.kind) {
    case 'open':
      void open(message.path);
      return;
    case 'work':
      void work(message);
      return;
    case 'stop-work':
      works.get(message.id)?.abort();
      return;
    case 'run':
      void runOnce(message.order);
      return;
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
keepCompiledCode();
