// Watches the configuration file, and tells when it has changed and come to rest.
//
// 1. The directory is watched, not the file: editors replace a file by renaming.
// 2. Every LOOK_MS the file itself is looked at, through whatever links lead to it: a mounted configuration changes by a link in the
//    middle of its path, and some file systems tell of nothing.

import { statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { watch } from 'chokidar';
import type { Clock, Timer } from '../clock.ts';
import { errorText } from '../errors.ts';

/** Writes closer together than this are one change. */
const SETTLE_MS = 200;
/** How often the file is looked at for what nobody tells. */
const LOOK_MS = 1000;

export interface ConfigWatch {
  /** Tells now, as after a change (SIGHUP). */
  reload(): void;
  close(): Promise<void>;
}

/** Who is told. */
export interface ConfigListener {
  /** The file may say something else than before. */
  readonly onChange: () => void;
  /** The file cannot be watched. */
  readonly onProblem: (text: string) => void;
}

/** Starts to watch `path`. */
export function watchConfig(path: string, clock: Clock, { onChange, onProblem }: ConfigListener): ConfigWatch {
  const file = resolve(path);
  let timer: Timer | undefined;
  let known = identify(file);
  const reload = (): void => {
    timer?.cancel();
    timer = undefined;
    known = identify(file);
    onChange();
  };
  const settle = (): void => {
    timer?.cancel();
    timer = clock.schedule(SETTLE_MS, reload);
  };
  let looking: Timer;
  const look = (): void => {
    if (timer === undefined && identify(file) !== known) settle();
    looking = clock.schedule(LOOK_MS, look);
  };
  looking = clock.schedule(LOOK_MS, look);
  const watcher = watch(dirname(file), {
    ignoreInitial: true,
    depth: 0,
    ignored: (entry) => entry !== file && entry !== dirname(file),
  });
  watcher.on('all', (_event, changed) => {
    if (resolve(changed) === file) settle();
  });
  watcher.on('error', (error) => onProblem(`cannot watch ${file}: ${errorText(error)}; reload by SIGHUP`));
  return {
    reload,
    async close() {
      timer?.cancel();
      looking.cancel();
      await watcher.close();
    },
  };
}

/** What tells one state of the file from another; empty when it is not there. */
function identify(file: string): string {
  try {
    const { dev, ino, size, mtimeMs, ctimeMs } = statSync(file);
    return [dev, ino, size, mtimeMs, ctimeMs].join();
  } catch {
    return '';
  }
}
