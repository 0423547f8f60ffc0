// `rackboot run`: the daemon, until a signal ends it.
//
// SIGTERM and SIGINT stop it, a second one at once; SIGHUP reads the configuration file again.

import { systemClock } from '../clock.ts';
import { startDaemon } from '../daemon.ts';
import { printFailure } from './output.ts';
import { readVersion } from './version.ts';

/** Runs until it is told to stop. @returns 0, or 1 when it could not serve */
export async function runDaemon(configFile: string): Promise<number> {
  const { promise: ended, resolve: end } = Promise.withResolvers<number>();
  const daemon = await startDaemon({
    configFile,
    version: readVersion(),
    clock: systemClock,
    onFatal: (error) => {
      printFailure(error);
      end(1);
    },
  });
  const stop = (signal: NodeJS.Signals): void => {
    process.once(signal, () => process.exit(1));
    void daemon.stop(signal).then(() => end(0));
  };
  process.once('SIGTERM', stop);
  process.once('SIGINT', stop);
  process.on('SIGHUP', () => daemon.reload());
  const code = await ended;
  // Workers of a library may hold the process; everything of ours is closed.
  process.exit(code);
}
