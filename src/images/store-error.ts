// Errors of the operating system while the boot tree is written.

import { osErrorCode, RackError } from '../errors.ts';
import { ownershipRemedy } from '../files/ownership.ts';

/** Turns an error of the operating system into the RackError `store-unwritable`; other errors stay unchanged. */
export function asStoreError(error: unknown, directory: string): unknown {
  if (error instanceof RackError) return error;
  const code = osErrorCode(error);
  if (code === undefined || !/^E[A-Z]+$/.test(code)) return error;
  const remedy = code === 'ENOSPC' ? 'free space on its disk' : ownershipRemedy(directory, directory);
  return new RackError('store-unwritable', `${directory} cannot be written (${code}): ${remedy}`, { cause: error });
}
