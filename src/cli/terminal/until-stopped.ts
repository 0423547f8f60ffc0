// Runs a service in this process until a signal ends it: a rack's daemon, or a region apart from its racks.
//
// If root starts it and another user owns the state directory, it runs as that user (`state-owner.ts`).
//
// A program that starts it may have it end when its standard input closes (`ends-with-input.ts`).
//
// SIGTERM or SIGINT stops it; a second one ends it at once (exit code 1). SIGHUP reloads the
// configuration file.

import { loadStateDir } from '../../config/config-file.ts';
import type { Daemon, DaemonOptions } from '../../daemon/service.ts';
import { readVersion } from '../../files/program-version.ts';
import { systemClock } from '../../ground/clock.ts';
import { ENDS_WITH_INPUT, whenInputCloses } from '../../net/ends-with-input.ts';
import { takeNotifyOptions } from '../../net/linux/notify-socket.ts';
import { markCrashes } from '../../observe/journal.ts';
import { printFailure } from './output.ts';
import { restartAsOwner } from './state-owner.ts';

interface Service {
  readonly kind: 'rack' | 'region';
  /** Resolves when it answers. */
  readonly start: (options: DaemonOptions) => Promise<Daemon>;
}

/** @returns 0, or 1 if it could not serve */
export async function runUntilStopped(configFile: string, { kind, start }: Service): Promise<number> {
  continueAsOwner(configFile, kind);
  // Other users may write to none of its files, nor open its sockets.
  process.umask(process.umask() | 0o022);
  markCrashes();
  const { promise: ended, resolve: end } = Promise.withResolvers<number>();
  const endsWithInput = process.env[ENDS_WITH_INPUT] === '1';
  let service: Daemon | undefined;
  // Before the service exists: the start reads the newest configuration.
  process.on('SIGHUP', () => service?.reload());
  service = await start({
    configFile,
    version: readVersion(),
    clock: systemClock,
    isLab: endsWithInput,
    notify: takeNotifyOptions(process.env, process.pid),
    onFatal: (error) => {
      printFailure(error);
      end(1);
    },
  });
  const running = service;
  let isEnding = false;
  const stop = (signal: NodeJS.Signals): void => {
    if (isEnding) process.exit(1);
    isEnding = true;
    void running.stop(signal).then(() => end(0));
  };
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);
  if (endsWithInput) whenInputCloses(() => stop('SIGTERM'));
  const code = await ended;
  // A library's workers may keep the process alive.
  process.exit(code);
}

function continueAsOwner(configFile: string, kind: Service['kind']): void {
  if (process.getuid?.() !== 0) return;
  let stateDir: string;
  try {
    ({ stateDir } = loadStateDir(configFile, true));
  } catch {
    // The start reports the problem.
    return;
  }
  restartAsOwner(stateDir, kind);
}
