// Errors of the operating system while the boot tree is written.

import { osErrorCode, RackError } from '../errors.ts';
import { ownershipRemedy } from '../files/ownership.ts';

const REMEDIES: Readonly<Record<string, string>> = {
  ENOSPC: 'free space on its disk',
  // A file has its place in the store and in the boot tree by hard links.
  EXDEV: 'the directory images of the boot tree is on another file system; keep the whole tree on one',
};

/** Turns an error of the operating system into the RackError `store-unwritable`; other errors stay unchanged. */
export function asStoreError(error: unknown, directory: string): unknown {
  if (error instanceof RackError) return error;
  const code = osErrorCode(error);
  if (code === undefined || !/^E[A-Z]+$/.test(code)) return error;
  const remedy = REMEDIES[code] ?? ownershipRemedy(directory, directory);
  return new RackError('store-unwritable', `${directory} cannot be written (${code}): ${remedy}`, { cause: error });
}
