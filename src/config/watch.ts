// Watches the configuration file and reports a change once writing has settled.
//
// 1. The directory is watched, not the file: editors replace a file by renaming.
// 2. Every POLL_MS the file itself is checked, through all links: a mounted configuration changes
//    when a link in the middle of its path does, and some file systems report no changes.

import { statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { watch } from 'chokidar';
import { type Clock, repeat, type Timer } from '../ground/clock.ts';
import { errorText } from '../ground/errors.ts';
import type { RackNote } from '../region/reports/notes.ts';

/** Writes closer together than this are one change, in milliseconds. */
const SETTLE_MS = 200;
/** How often the file is checked for unreported changes, in milliseconds. */
const POLL_MS = 1000;

export interface ConfigWatch {
  /** Reports a change at once (for SIGHUP). */
  reload(): void;
  close(): Promise<void>;
}

interface ConfigListener {
  readonly onChange: () => void;
  readonly onProblem: (note: RackNote) => void;
}

/** Starts to watch `path`. */
export function watchConfig(path: string, clock: Clock, { onChange, onProblem }: ConfigListener): ConfigWatch {
  const file = resolve(path);
  let timer: Timer | undefined;
  let identity = readFileIdentity(file);
  const reload = (): void => {
    timer?.cancel();
    timer = undefined;
    identity = readFileIdentity(file);
    onChange();
  };
  const settle = (): void => {
    timer?.cancel();
    timer = clock.schedule(SETTLE_MS, reload);
  };
  const pollTimer = repeat(clock, POLL_MS, () => {
    if (timer === undefined && readFileIdentity(file) !== identity) settle();
  });
  const watcher = watch(dirname(file), {
    ignoreInitial: true,
    depth: 0,
    ignored: (entry) => entry !== file && entry !== dirname(file),
  });
  watcher.on('all', (_event, changedPath) => {
    if (resolve(changedPath) === file) settle();
  });
  watcher.on('error', (error) => onProblem({ note: 'config-unwatched', file, reason: errorText(error) }));
  return {
    reload,
    async close() {
      timer?.cancel();
      pollTimer.cancel();
      await watcher.close();
    },
  };
}

/** Identifies a state of the file; empty if it does not exist. */
function readFileIdentity(file: string): string {
  try {
    const { dev, ino, size, mtimeMs, ctimeMs } = statSync(file);
    return [dev, ino, size, mtimeMs, ctimeMs].join();
  } catch {
    return '';
  }
}
