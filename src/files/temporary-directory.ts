// The directory for the temporary files of a command.

import { mkdtempSync } from 'node:fs';
import { join } from 'node:path';
import { osErrorCode, RackError } from '../ground/errors.ts';

/**
 * Makes a directory for large files, in `TMPDIR` or /var/tmp: /tmp is memory on many hosts (Debian
 * since 13; file-hierarchy(7)).
 * @param prefix the first part of its name
 * @throws RackError `store-unwritable`
 */
export function makeTemporaryDirectory(prefix: string): string {
  const parent = process.env.TMPDIR || '/var/tmp';
  try {
    return mkdtempSync(join(parent, prefix));
  } catch (cause) {
    const remedy = 'set TMPDIR to a directory that this user may write and that has room';
    const text = `no directory for temporary files can be made in ${parent} (${osErrorCode(cause)}): ${remedy}`;
    throw new RackError('store-unwritable', text, { cause });
  }
}
