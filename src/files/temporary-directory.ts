// The directory for the temporary files of a command.

import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { osErrorCode, RackError } from '../errors.ts';

/**
 * Makes a new directory where the user has temporary files: in `TMPDIR`, or else in /tmp.
 * @param prefix the first part of its name
 * @throws RackError `store-unwritable`
 */
export function makeTemporaryDirectory(prefix: string): string {
  const parent = tmpdir();
  try {
    return mkdtempSync(join(parent, prefix));
  } catch (cause) {
    const remedy = 'set TMPDIR to a directory that this user may write and that has room';
    const text = `no directory for temporary files can be made in ${parent} (${osErrorCode(cause)}): ${remedy}`;
    throw new RackError('store-unwritable', text, { cause });
  }
}
