// Removes the files of a download.

import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { errorText, osErrorCode, RackError } from '../../errors.ts';
import { partFiles } from './part-file.ts';
import type { DownloadRequest } from './request.ts';

/** Removes the part and the finished file, if they exist. @throws RackError `store-unwritable` */
export const removeDownload = (request: DownloadRequest): Promise<void> =>
  removeFiles([...partFiles(request), join(request.directory, request.name)]);

/** Removes these files, if they exist. @throws RackError `store-unwritable` */
export async function removeFiles(paths: readonly string[]): Promise<void> {
  for (const path of paths) {
    try {
      await rm(path, { force: true });
    } catch (cause) {
      const code = osErrorCode(cause) ?? errorText(cause);
      const remedy = 'check the permissions of its directory';
      throw new RackError('store-unwritable', `${path} cannot be removed (${code}): ${remedy}`, { cause });
    }
  }
}
