// `rackboot run --config FILE`, as the service unit of a rack calls it.

import { reportCall } from '../terminal/reported-call.ts';
import { runDaemon } from './run.ts';

/** @returns the exit code */
export const runRackService = (args: readonly string[], configFile: string): Promise<number> =>
  reportCall(args, () => runDaemon(configFile));
