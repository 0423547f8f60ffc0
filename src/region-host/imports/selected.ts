// The run of imports as a work of the thread of images.

import { systemClock } from '../../ground/clock.ts';
import { DownloadQueue } from '../../images/download/queue.ts';
import { chooseProxy, DEFAULT_SETTINGS } from '../../images/download/settings.ts';
import type { ImportProgress } from '../../region/records/boot-store.ts';
import { ImportRun } from './import-run.ts';
import type { RunCommand, RunEnd, RunOrder, RunReport } from './message.ts';

/** How often progress is reported, in milliseconds. */
const PROGRESS_MS = 500;

/** How a run receives commands and reports to the region. */
export interface RunIo {
  readonly signal: AbortSignal;
  readonly report: (report: RunReport) => void;
  readonly onCommand: (listener: (tell: Exclude<RunCommand, 'stop'>) => void) => void;
}

/** Imports the selected items, until all sources have answered and no import is under way. */
export async function importSelected(order: RunOrder, { signal, report, onCommand: onTell }: RunIo): Promise<RunEnd> {
  const chooseRunProxy = ({ httpProxy }: RunOrder) => chooseProxy(httpProxy, process.env);
  const { bytesPerSecondMax } = order;
  const downloads = new DownloadQueue(
    { ...DEFAULT_SETTINGS, bytesPerSecondMax, proxy: chooseRunProxy(order) },
    systemClock,
  );
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
  onTell((command) => {
    if ('limit' in command) downloads.limit(command.limit);
    else if ('again' in command) {
      downloads.useProxy(chooseRunProxy(command.again));
      if (run.renew(command.again)) orders += 1;
    } else {
      // Reported first, so that the region knows the files of the import, and removes them.
      reportItems();
      void run.remove(command.drop).then(() => {
        changed.delete(command.drop);
        report({ dropped: command.drop });
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
