// Where a command has the store and the boot tree changed: in the process that owns them, or its own.

import { askEngine, openEngine } from '../../control/ask-engine.ts';
import { RackError } from '../../errors.ts';
import type { BundledResult } from '../../images/carry/bundle.ts';
import type { GivenContent, WorkIo, WorkName, WorkResult, WorkTerms } from '../../images/engine/works.ts';
import { type ImageTree, isSamePath } from './image-tree.ts';
import { ImportProgress } from './import-progress.ts';
import { StopSignals } from './stop-signals.ts';

interface WorkOptions {
  readonly isSilent: boolean;
  readonly content?: GivenContent | undefined;
  /** A signal ends the work, not at once the command. */
  readonly isStoppable?: boolean;
  /** Called with each of several results. */
  readonly onResult?: (result: BundledResult) => void;
}

/** Has a work done on a boot tree, and shows what it reports. @throws RackError as the work */
export async function haveDone<N extends WorkName>(
  place: Pick<ImageTree, 'tree' | 'config'>,
  name: N,
  terms: WorkTerms<N>,
  { isSilent, content, isStoppable = false, onResult }: WorkOptions,
): Promise<WorkResult<N>> {
  const progress = new ImportProgress(process.stderr.isTTY, isSilent);
  const stop = isStoppable ? new StopSignals() : undefined;
  const io: WorkIo = {
    signal: stop?.signal ?? new AbortController().signal,
    content,
    report: (report) => {
      if ('result' in report) onResult?.(report.result);
      progress.take(report);
    },
  };
  try {
    const socket = await socketOf(place);
    const { tree } = place;
    if (socket !== undefined) return await askEngine(socket, name, tree, terms, io);
    const { doWork } = await import('../../images/engine/works.ts');
    return await doWork(name, tree, terms, io);
  } finally {
    stop?.close();
    progress.close();
  }
}

/** The socket of the tree's daemon; undefined: none runs, or it has another tree. */
async function socketOf({ tree, config }: Pick<ImageTree, 'tree' | 'config'>): Promise<string | undefined> {
  if (config === undefined) return undefined;
  try {
    const door = await openEngine(config.stateDir);
    return door !== undefined && isSamePath(door.tree, tree) ? door.socket : undefined;
  } catch (error) {
    // Who may not ask another tree's daemon may still own this one.
    if (error instanceof RackError && !isSamePath(config.boot.tree, tree)) return undefined;
    throw error;
  }
}
