// Asks whether a file can be run.

import { accessSync, constants } from 'node:fs';

/** True if this user may execute the file. */
export function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
