// Detects an interrupted copy into `region.db`: a region that began with nothing there would hide
// that most of it is missing.

import { existsSync } from 'node:fs';
import { RackError } from '../../ground/errors.ts';

/** Ends the name of the file that a copy or a backup writes. */
export const UNFINISHED_SUFFIX = '.unfinished';

/**
 * Ignores a file that this user may not read: opening it reports why.
 * @param path of `region.db`
 * @throws RackError `store-broken` if a copy or a restore into this file was interrupted
 */
export function checkNotInterrupted(path: string): void {
  const unfinishedPath = `${path}${UNFINISHED_SUFFIX}`;
  if (existsSync(path) || !existsSync(unfinishedPath)) return;
  const reason = `a copy into ${path} was not finished: repeat the command (\`rackboot region copy\` or \`rackboot region restore\`), or remove ${unfinishedPath} to begin with an empty region`;
  throw new RackError('store-broken', reason);
}
