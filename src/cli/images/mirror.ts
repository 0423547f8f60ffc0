// `rackboot images mirror --keyring FILE URL DIR 'arch=amd64' 'release~(trusty|precise)' --max=1`:
// mirrors a simplestreams site.
//
// Source: the command line of `sstream-mirror` (simplestreams 0.1).

import { systemClock } from '../../ground/clock.ts';
import { counted } from '../../ground/counted.ts';
import { RackError } from '../../ground/errors.ts';
import { mirrorSite } from '../../images/carry/mirror.ts';
import { DownloadQueue } from '../../images/download/queue.ts';
import { DEFAULT_SETTINGS } from '../../images/download/settings.ts';
import { DownloadReports } from '../../images/engine/reports.ts';
import { parseTagFilters } from '../../images/sources/tag-filter.ts';
import { checkGivenFile } from '../terminal/given-file.ts';
import { print, printError, printJson } from '../terminal/output.ts';
import { configuredProxy, parseLimit } from './download-options.ts';
import { readImageConfig } from './image-tree.ts';
import { ImportProgress } from './import-progress.ts';
import type { MirrorFlags } from './options.ts';
import { StopSignals } from './stop-signals.ts';

/** Prints what was fetched and removed. @returns 1 if a chosen file cannot be mirrored */
export async function mirrorImages(flags: MirrorFlags): Promise<number> {
  const { url, directory, keyring, max = Number.POSITIVE_INFINITY, json } = flags;
  if (!(Number.isInteger(max) || max === Number.POSITIVE_INFINITY) || max < 1)
    throw new RackError('bad-argument', `--max ${max} is not a number of versions: give 1 or more`);
  const parsed = await parseTagFilters(flags.filters ?? []);
  if (!parsed.ok) throw new RackError('bad-argument', parsed.problem);
  checkGivenFile(keyring);
  const settings = {
    ...DEFAULT_SETTINGS,
    bytesPerSecondMax: parseLimit(flags.limit),
    proxy: configuredProxy(await readImageConfig({ config: flags.config, tree: '' })),
  };
  const progress = new ImportProgress(process.stderr.isTTY, json);
  const reports = new DownloadReports(progress.showReport);
  const downloads = new DownloadQueue(settings, systemClock);
  const stop = new StopSignals();
  try {
    const result = await mirrorSite(
      { url, keyring, filters: parsed.filters, versions: max },
      {
        directory,
        downloads,
        clock: systemClock,
        onPlan: ({ images, files }) => {
          if (!json) print(`${url} has ${counted(images, 'matching image')} with ${counted(files.length, 'file')}`);
        },
        onState: (...of) => reports.showFault(...of),
        onProgress: ({ bytes, total, bytesPerSecond }) => progress.step(bytes, total, bytesPerSecond),
        signal: stop.signal,
      },
    );
    progress.close();
    if (json) printJson(result);
    else {
      print(`Mirrored: ${counted(result.fetched, 'new file')} of ${result.files}, ${result.removed.length} removed.`);
      for (const problem of result.problems) printError(problem);
    }
    return result.problems.length > 0 ? 1 : 0;
  } finally {
    progress.close();
    stop.close();
    await downloads.close();
  }
}
