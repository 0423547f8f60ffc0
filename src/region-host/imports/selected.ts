// The run of imports as a work of the thread of images.

import { systemClock } from '../../ground/clock.ts';
import { DownloadQueue } from '../../images/download/queue.ts';
import { chooseProxy, DEFAULT_SETTINGS } from '../../images/download/settings.ts';
import type { ImportProgress } from '../../region/records/boot-store.ts';
import { ImportRun } from './import-run.ts';
import type { RunEnd, RunOrder, RunReport, Tell } from './message.ts';

/** How often progress is reported, in milliseconds. */
const PROGRESS_MS = 500;

/** How a run and the region talk. */
export interface RunIo {
  readonly signal: AbortSignal;
  readonly report: (report: RunReport) => void;
  readonly onTell: (listener: (tell: Exclude<Tell, 'stop'>) => void) => void;
}

/** Imports what is selected, until all sources have answered and no import is under way. */
export async function importSelected(order: RunOrder, { signal, report, onTell }: RunIo): Promise<RunEnd> {
  const proxyIn = ({ httpProxy }: RunOrder) => chooseProxy(httpProxy, process.env);
  const { bytesPerSecondMax } = order;
  const downloads = new DownloadQueue({ ...DEFAULT_SETTINGS, bytesPerSecondMax, proxy: proxyIn(order) }, systemClock);
  const changed = new Map<string, ImportProgress>();
  let isReporting = false;
  const reportItems = (): void => {
    isReporting = false;
    if (changed.size > 0) report({ items: new Map(changed) });
    changed.clear();
  };
  let orders = 1;
  const run = new ImportRun(order, {
    downloads,
    clock: systemClock,
    onProgress: (name, progress) => {
      changed.set(name, progress);
      if (isReporting) return;
      isReporting = true;
      systemClock.schedule(PROGRESS_MS, reportItems);
    },
    onLeft: (left) => {
      reportItems();
      report({ left });
    },
    onBug: (bug) => report({ bug }),
  });
  signal.addEventListener('abort', () => run.stop(), { once: true });
  onTell((tell) => {
    if ('limit' in tell) downloads.limit(tell.limit);
    else if ('again' in tell) {
      downloads.useProxy(proxyIn(tell.again));
      if (run.renew(tell.again)) orders += 1;
    } else {
      // The region then knows the files of the import, and removes them.
      reportItems();
      void run.remove(tell.drop).then(() => {
        changed.delete(tell.drop);
        report({ dropped: tell.drop });
      });
    }
  });
  try {
    const left = await run.run();
    return { left, orders };
  } finally {
    await downloads.close();
    reportItems();
  }
}
