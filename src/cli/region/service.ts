// `rackboot region run --config FILE`, as the service unit of a region calls it.

import { reportCall } from '../terminal/reported-call.ts';
import { runRegion } from './run.ts';

/** @returns the exit code */
export const runRegionService = (args: readonly string[], configFile: string): Promise<number> =>
  reportCall(args, () => runRegion(configFile));
