// The progress of an import, as the state of its download shows it.

import type { Clock } from '../../clock.ts';
import type { DownloadState } from '../../images/download/request.ts';
import type { ImportProgress } from '../../region/records/boot-store.ts';
import { downloadReason } from './import-failure.ts';

/** The changes of the progress; `undefined`: the state shows nothing. */
export function shownDownload(
  state: DownloadState,
  clock: Clock,
): (Pick<ImportProgress, 'state'> & Partial<ImportProgress>) | undefined {
  switch (state.kind) {
    case 'waiting': {
      const { nextAt, reason } = state;
      return {
        state: 'waiting',
        ...(reason === undefined ? {} : { reason: downloadReason(reason) }),
        ...(nextAt === undefined ? {} : { nextMs: clock.wallTimeMs() + (nextAt - clock.now()) }),
      };
    }
    case 'connecting':
      return { state: 'connecting' };
    case 'downloading':
    case 'verifying': {
      const rate = state.kind === 'downloading' ? { bytesPerSecond: Math.round(state.bytesPerSecond) } : {};
      const total = state.total === undefined ? {} : { total: state.total };
      return { state: state.kind, bytes: state.bytes, ...total, ...rate };
    }
    // The download is complete, but the conversion is not.
    case 'done':
      return { state: 'verifying', bytes: state.bytes };
    default:
      return undefined;
  }
}
