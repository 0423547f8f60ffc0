// The events of imports, from the changes of their progress.

import type { ImportProgress } from '../../region/records/boot-store.ts';
import { isFailure } from '../../region/records/import-reason.ts';
import type { NewMachineEvent } from '../../region/records/machine-event.ts';
import type { Skipped } from './plan.ts';

/** A download adds a line to the log each time it has advanced by this much, in percent. */
const STEP_PERCENT = 10;

/** The events that a change of progress causes. */
export function eventsOf(
  image: string,
  progress: ImportProgress,
  before: ImportProgress | undefined,
  atMs: number,
): readonly NewMachineEvent[] {
  const { state, source, serial = '', reason, bytes, total } = progress;
  const base = { atMs, username: '' };
  if (state === 'done' && before?.state !== 'done' && reason?.code !== 'present') {
    const params = { image, serial, source };
    return [{ ...base, type: 'REGION_IMPORT_INFO', code: 'image-imported', params }];
  }
  if (state === 'failed' && reason !== undefined && before?.state !== 'failed') {
    return [{ ...base, type: 'REGION_IMPORT_ERROR', code: 'image-import-failed', params: { image, source, reason } }];
  }
  if (reason?.code === 'locked' && before?.reason?.code !== 'locked')
    return [{ ...base, type: 'REGION_IMPORT_INFO', code: 'image-import-waits', params: { image, reason } }];
  const percent = stepOf(bytes, total);
  if (state !== 'downloading' || total === undefined || percent <= stepOf(before?.bytes ?? 0, total)) return [];
  return [{ ...base, type: 'REGION_IMPORT_INFO', code: 'image-downloading', params: { image, percent, total } }];
}

const stepOf = (bytes: number, total: number | undefined): number =>
  total === undefined || total === 0 ? 0 : Math.floor((bytes / total) * (100 / STEP_PERCENT)) * STEP_PERCENT;

/** An event for each failure that the list before did not have: a source that fails for days is reported once. */
export function leftOutEvents(
  skipped: readonly Skipped[],
  before: readonly Skipped[],
  atMs: number,
): readonly NewMachineEvent[] {
  const known = new Set(before.map((one) => JSON.stringify(one)));
  return skipped
    .filter((one) => isFailure(one.reason) && !known.has(JSON.stringify(one)))
    .map(({ name, reason }) => ({
      ...{ type: 'REGION_IMPORT_ERROR', code: 'image-left-out', atMs, username: '', params: { name, reason } },
    }));
}
