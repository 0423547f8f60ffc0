// Runs jobs that change the store of images and the boot tree, in the daemon that owns them or in
// the process of the command.

import { askEngine, openEngine } from '../../control/ask-engine.ts';
import { RackError } from '../../ground/errors.ts';
import type { BundledResult } from '../../images/carry/bundle.ts';
import type { EngineEndpoint } from '../../images/engine/protocol.ts';
import type { GivenContent, WorkInput, WorkIo, WorkName, WorkResult } from '../../images/engine/works.ts';
import { printError } from '../terminal/output.ts';
import { type ImageTree, isSamePath, openWorkDirectory } from './image-tree.ts';
import { ImportProgress } from './import-progress.ts';
import { StopSignals } from './stop-signals.ts';

interface JobOptions {
  readonly isSilent: boolean;
  readonly content?: GivenContent | undefined;
  /** True if a signal stops the job. The command then ends in order. */
  readonly isStoppable?: boolean;
  /** Called with each of several results. */
  readonly onResult?: (result: BundledResult) => void;
}

/** Runs a job on a boot tree, and shows its reports. @throws RackError as the job */
export async function runJob<N extends WorkName>(
  imageTree: ImageTree,
  name: N,
  options: WorkInput<N>,
  { isSilent, content, isStoppable = false, onResult }: JobOptions,
): Promise<WorkResult<N>> {
  const progress = new ImportProgress(process.stderr.isTTY, isSilent);
  const stop = isStoppable ? new StopSignals() : undefined;
  const io: WorkIo = {
    signal: stop?.signal ?? new AbortController().signal,
    content,
    report: (report) => {
      if ('result' in report) onResult?.(report.result);
      progress.showReport(report);
    },
  };
  try {
    const endpoint = await findEngine(imageTree);
    if (endpoint !== undefined) return await askEngine(endpoint, name, options, io);
    const { doWork } = await import('../../images/engine/works.ts');
    const workDir = (): string => {
      const { path, close } = openWorkDirectory(imageTree.stateDir);
      process.once('exit', close);
      return path;
    };
    return await doWork(name, imageTree.tree, options, { ...io, workDir });
  } finally {
    stop?.close();
    progress.close();
  }
}

/** Finds the engine of the tree's daemon; undefined if no daemon runs, or it has another tree. */
async function findEngine({ tree, config }: ImageTree): Promise<EngineEndpoint | undefined> {
  if (config === undefined) return undefined;
  const warnBusy = (): void => printError('Rackboot is busy: waiting until it takes this; Ctrl-C gives up.');
  try {
    const endpoint = await openEngine(config.stateDir, warnBusy);
    return endpoint !== undefined && isSamePath(endpoint.tree, tree) ? endpoint : undefined;
  } catch (error) {
    // The daemon has another tree. A user without access to that daemon may still own this tree.
    if (error instanceof RackError && !isSamePath(config.boot.tree, tree)) return undefined;
    throw error;
  }
}
