// `rackboot run`: runs the daemon until a signal ends it.
//
// If root starts it and another user owns the state directory, it runs as that user (`state-owner.ts`).
//
// SIGTERM and SIGINT stop it, a second one at once (exit code 1). SIGHUP reloads the configuration file.

import { systemClock } from '../../clock.ts';
import { loadPlace } from '../../config/config-file.ts';
import { type Daemon, startDaemon } from '../../daemon/daemon.ts';
import { takeNotifyTerms } from '../../net/notify-socket.ts';
import { printFailure } from '../output.ts';
import { continueAsOwnerOf } from '../state-owner.ts';
import { readVersion } from '../version.ts';

/** Runs until a signal stops it. @returns 0, or 1 if it could not serve */
export async function runDaemon(configFile: string): Promise<number> {
  continueAsOwner(configFile);
  const { promise: ended, resolve: end } = Promise.withResolvers<number>();
  let daemon: Daemon | undefined;
  // A SIGHUP before the daemon exists needs no reload: the start reads the newest configuration.
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
  // Everything of ours is closed, but a library's workers may keep the process alive.
  process.exit(code);
}

function continueAsOwner(configFile: string): void {
  if (process.getuid?.() !== 0) return;
  let stateDir: string;
  try {
    ({ stateDir } = loadPlace(configFile));
  } catch {
    // `startDaemon` reports the problem.
    return;
  }
  continueAsOwnerOf(stateDir);
}
