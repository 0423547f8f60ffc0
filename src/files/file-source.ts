// An open file as any thread of the process can read it, by its descriptor. The kernel's page cache
// is what concurrent readers share.
//
// 1. The owner keeps the descriptor open until the reader is done.
// 2. A file that shrank or was written in place since it was opened is noticed by `checkUnchanged`;
//    one that was replaced by renaming is not affected.

import { fstatSync } from 'node:fs';
import { RackError } from '../ground/errors.ts';

/** Can be sent to another thread. */
export interface FileSource {
  readonly fd: number;
  readonly path: string;
  readonly sizeBytes: number;
  /** When the file was last written before it was opened, in milliseconds since 1970. */
  readonly modifiedMs: number;
}

/** @throws RackError `tree-unreadable` */
export function checkUnchanged({ fd, path, sizeBytes, modifiedMs }: FileSource): void {
  const currentStats = fstatSync(fd);
  if (currentStats.size !== sizeBytes || currentStats.mtimeMs !== modifiedMs) throw overwrittenError(path);
}

export const overwrittenError = (path: string): RackError =>
  new RackError(
    'tree-unreadable',
    `${path} was overwritten while it was being sent: write a new file and rename it into place`,
  );
