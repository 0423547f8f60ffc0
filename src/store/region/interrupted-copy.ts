// Detects an interrupted copy into `region.db`: a region that began with nothing there would hide
// that most of it is missing.

import { existsSync } from 'node:fs';
import { RackError } from '../../ground/errors.ts';

/** Ends the name of the file that a copy or a backup writes. */
export const UNFINISHED = '.unfinished';

/**
 * Opening a forbidden file reports why.
 * @param path of `region.db` @throws RackError `store-broken` if a copy or a restore into this file
 * was interrupted
 */
export function checkNotInterrupted(path: string): void {
  const unfinished = `${path}${UNFINISHED}`;
  if (existsSync(path) || !existsSync(unfinished)) return;
  const text = `a copy into ${path} was not finished: repeat the command (\`rackboot region copy\` or \`rackboot region restore\`), or remove ${unfinished} to begin with an empty region`;
  throw new RackError('store-broken', text);
}
