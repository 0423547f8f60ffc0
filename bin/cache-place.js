// Where Rackboot keeps what it can make again: compiled code, and what the lab and the tests build. Plain JavaScript that Node 18
// understands, too.
//
// 1. Root leaves no files in another user's checkout: the owner's next `npm ci` could not remove it, and would end with half of the packages.
// 2. Nobody writes into the directory of Debian's package, which has no node_modules.
import { statSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { root } from './find-node.js';

/** Root's own place for the files of Debian's package, or of another user's checkout. */
const ROOTS_CACHE = '/var/cache/rackboot';

/** The directory for such files; it need not exist. */
export function cachePlace() {
  const packages = join(root, 'node_modules');
  const owner = statSync(packages, { throwIfNoEntry: false })?.uid;
  if (process.geteuid?.() === 0 && owner !== 0) return ROOTS_CACHE;
  return owner === undefined ? join(homedir(), '.cache', 'rackboot') : join(packages, '.cache');
}
