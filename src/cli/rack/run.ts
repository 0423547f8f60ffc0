// `rackboot run`: the daemon, until a signal ends it.
//
// Started by root where another user owns the state directory, it runs as that user (`state-owner.ts`).
//
// SIGTERM and SIGINT stop it, a second of either at once (exit code 1); SIGHUP reads the configuration file again.

import { systemClock } from '../../clock.ts';
import { loadPlace } from '../../config/load.ts';
import { type Daemon, startDaemon } from '../../daemon/daemon.ts';
import { takeNotifyTerms } from '../../net/notify-socket.ts';
import { printFailure } from '../output.ts';
import { continueAsOwnerOf } from '../state-owner.ts';
import { readVersion } from '../version.ts';

/** Runs until it is told to stop. @returns 0, or 1 when it could not serve */
export async function runDaemon(configFile: string): Promise<number> {
  continueAsOwner(configFile);
  const { promise: ended, resolve: end } = Promise.withResolvers<number>();
  let daemon: Daemon | undefined;
  // One that comes before there is a daemon finds it with the newest configuration.
  process.on('SIGHUP', () => daemon?.reload());
  daemon = await startDaemon({
    configFile,
    version: readVersion(),
    clock: systemClock,
    notify: takeNotifyTerms(process.env, process.pid),
    onFatal: (error) => {
      printFailure(error);
      end(1);
    },
  });
  const running = daemon;
  let isEnding = false;
  const stop = (signal: NodeJS.Signals): void => {
    if (isEnding) process.exit(1);
    isEnding = true;
    void running.stop(signal).then(() => end(0));
  };
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);
  const code = await ended;
  // Workers of a library may hold the process; everything of ours is closed.
  process.exit(code);
}

function continueAsOwner(configFile: string): void {
  if (process.getuid?.() !== 0) return;
  let stateDir: string;
  try {
    ({ stateDir } = loadPlace(configFile));
  } catch {
    // The start says what is wrong with the configuration.
    return;
  }
  continueAsOwnerOf(stateDir);
}
