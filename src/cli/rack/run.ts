// `rackboot run`: runs the daemon until a signal ends it.

import { startDaemon } from '../../daemon/daemon.ts';
import { runUntilStopped } from '../terminal/until-stopped.ts';

/** Runs until a signal stops it. @returns 0, or 1 if it could not serve */
export const runDaemon = (configFile: string): Promise<number> =>
  runUntilStopped(configFile, { kind: 'rack', start: startDaemon });
