// Watches the configuration file. A change is read whole; a good one is handed on, a bad one is told and the last good one stays
// in force.
//
// 1. The directory is watched, not the file: editors replace a file by renaming, and a mounted file may be a link.

import { dirname, resolve } from 'node:path';
import { watch } from 'chokidar';
import type { Clock, Timer } from '../clock.ts';
import { errorText } from '../errors.ts';
import { loadConfig } from './load.ts';
import type { RackConfig } from './rack-config.ts';

/** Writes closer together than this are one change. */
const SETTLE_MS = 200;

export interface ConfigWatch {
  /** Reads the file now, as after a change (SIGHUP). */
  reload(): void;
  close(): Promise<void>;
}

/** Starts to watch `path`; calls `onConfig` with each good configuration and `onRefused` with each bad one's problems. */
export function watchConfig(
  path: string,
  clock: Clock,
  onConfig: (config: RackConfig) => void,
  onRefused: (problems: string) => void,
): ConfigWatch {
  const file = resolve(path);
  let timer: Timer | undefined;
  const reload = (): void => {
    timer?.cancel();
    timer = undefined;
    let config: RackConfig;
    try {
      config = loadConfig(file);
    } catch (error) {
      onRefused(errorText(error));
      return;
    }
    onConfig(config);
  };
  const watcher = watch(dirname(file), {
    ignoreInitial: true,
    depth: 0,
    ignored: (entry) => entry !== file && entry !== dirname(file),
  });
  watcher.on('all', (_event, changed) => {
    if (resolve(changed) !== file) return;
    timer?.cancel();
    timer = clock.schedule(SETTLE_MS, reload);
  });
  watcher.on('error', (error) => onRefused(`cannot watch ${file}: ${errorText(error)}; reload by SIGHUP`));
  return {
    reload,
    async close() {
      timer?.cancel();
      await watcher.close();
    },
  };
}
