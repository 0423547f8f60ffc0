// Reports an interrupted copy as a problem of a configuration file, because no region starts in its
// state directory.

import { join } from 'node:path';
import type { ConfigFile } from '../config/config-file.ts';
import type { ConfigProblem } from '../config/rack-config.ts';
import { RackError } from '../ground/errors.ts';
import { checkNotInterrupted } from '../store/region/interrupted-copy.ts';
import { REGION_FILE } from '../store/region/region-schema.ts';

/** Finds the problem that a region in SQLite has now with an interrupted copy into its state directory. */
export function findCopyProblems(stateDir: string, findLine: ConfigFile['findLine']): readonly ConfigProblem[] {
  try {
    checkNotInterrupted(join(stateDir, REGION_FILE));
    return [];
  } catch (error) {
    if (!(error instanceof RackError)) throw error;
    return [{ path: 'state_dir', line: findLine(['state_dir']), message: error.message }];
  }
}
