// Waits for the end of a download.

import { type Download, type DownloadState, isAtRest } from '../../src/images/download/request.ts';

/** Waits until a download is done, or has failed, or was paused or cancelled. */
export function whenAtRest(download: Download): Promise<DownloadState> {
  return new Promise((resolve) => {
    const look = (): void => {
      if (!isAtRest(download.state)) return;
      unwatch();
      resolve(download.state);
    };
    const unwatch = download.watch(look);
    look();
  });
}
