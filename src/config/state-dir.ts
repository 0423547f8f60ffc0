// Where a rack keeps its state, according to its configuration file. This module loads none of the
// schemas of other values.

import type { Settings } from '../machines/settings.ts';

/** The state directory of a file that names none. */
export const DEFAULT_STATE_DIR = '/var/lib/rackboot';

/** The state directory that the unit of a region apart makes before each start. */
export const REGION_STATE_DIR = '/var/lib/rackboot-region';

/** The state directory that a file's values name; the default one if they name no valid one. */
export function chooseStateDir({ state_dir: writtenDir }: Settings): string {
  return typeof writtenDir === 'string' && writtenDir.startsWith('/') ? writtenDir : DEFAULT_STATE_DIR;
}
