// The unfinished file of a copy or a restore into a state directory.

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { RackError } from '../../errors.ts';
import { REGION_FILE, UNFINISHED } from './region-schema.ts';

/**
 * Does nothing in a directory that this user may not enter: opening the file then reports why.
 * @throws RackError `store-broken` if a copy or a restore into this directory was interrupted
 */
export function checkNotInterrupted(stateDir: string): void {
  const path = join(stateDir, REGION_FILE);
  const unfinished = `${path}${UNFINISHED}`;
  if (existsSync(path) || !existsSync(unfinished)) return;
  const text = `a copy into ${path} was not finished: repeat the command (\`rackboot region copy\` or \`rackboot region restore\`), or remove ${unfinished} to begin with an empty region`;
  throw new RackError('store-broken', text);
}
