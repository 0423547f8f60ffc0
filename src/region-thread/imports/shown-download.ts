// The progress and the pauses of an import, as the state of its download shows them.

import type { Clock, Instant } from '../../clock.ts';
import type { DownloadState } from '../../images/download/request.ts';
import { DEFAULT_SETTINGS } from '../../images/download/settings.ts';
import type { ImportProgress } from '../../region/records/boot-store.ts';
import type { ImportReason } from '../../region/records/import-reason.ts';
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

/** A wait without a place. */
export interface Wait {
  readonly reason: ImportReason;
  readonly until: Instant;
}

/** An import gives up its place for a longer pause than this, in milliseconds: only a server that asks for it causes one. */
const PAUSE_MS_MAX = DEFAULT_SETTINGS.pauseMsMax;

/** The pause for which an import gives up its place. @returns undefined: it keeps the place */
export function longPause(state: DownloadState, clock: Clock): Wait | undefined {
  if (state.kind !== 'waiting' || state.nextAt === undefined || state.reason === undefined) return undefined;
  if (state.nextAt - clock.now() <= PAUSE_MS_MAX) return undefined;
  return { reason: downloadReason(state.reason), until: state.nextAt };
}
