// Where a rack keeps its state, by its configuration file. It loads none of the schemas of other values.

import type { Settings } from '../machines/settings.ts';

/** The state directory of a file that names none. */
export const DEFAULT_STATE_DIR = '/var/lib/rackboot';

/** The state directory of a file's values; the default one if they name none that is valid. */
export function stateDirOf({ state_dir: named }: Settings): string {
  return typeof named === 'string' && named.startsWith('/') ? named : DEFAULT_STATE_DIR;
}
