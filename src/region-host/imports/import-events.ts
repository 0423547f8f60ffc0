// Derives the events of imports from the changes of their progress.

import { type BootResource, type ImportProgress, SKIPPED_MAX } from '../../region/records/boot-store.ts';
import { type ImportReason, isFailure, isUncertain } from '../../region/records/import-reason.ts';
import type { NewMachineEvent } from '../../region/records/machine-event.ts';
import type { RegionStore } from '../../region/records/store.ts';
import type { Skipped } from './plan.ts';

/** A download adds an event each time it has advanced by this much, in percent. */
const STEP_PERCENT = 10;

/** The states of imports that continue when a run is renewed. */
export const UNDER_WAY: ReadonlySet<ImportProgress['state']> = new Set([
  'waiting',
  'connecting',
  'downloading',
  'verifying',
]);

/**
 * Lists the imports that were queued or under way when the importing thread ended, with their new
 * progress.
 */
export function listCancelledImports(
  reason: ImportReason,
  lastProgress: ReadonlyMap<string, ImportProgress>,
): ReadonlyMap<string, ImportProgress> {
  const ended = new Map<string, ImportProgress>();
  for (const [name, { bytesPerSecond: _rate, nextMs: _next, ...keptFields }] of lastProgress) {
    if (keptFields.state === 'queued' || UNDER_WAY.has(keptFields.state))
      ended.set(name, { ...keptFields, state: 'cancelled', reason });
  }
  return ended;
}

/** Lists the failed imports of images that no source offers any more, with their new progress. */
export function listOutdatedFailures(unoffered: readonly BootResource[]): ReadonlyMap<string, ImportProgress> {
  const ended = new Map<string, ImportProgress>();
  for (const { name, progress } of unoffered) {
    if (progress?.state !== 'failed') continue;
    ended.set(name, { ...progress, state: 'cancelled', reason: { code: 'no-offer', params: {} } });
  }
  return ended;
}

/** Lists the events that a change of progress causes. */
export function listImportEvents(
  image: string,
  progress: ImportProgress,
  previous: ImportProgress | undefined,
  atMs: number,
): readonly NewMachineEvent[] {
  const { state, source, serial = '', reason, bytes, total } = progress;
  const base = { atMs, username: '' };
  if (state === 'done' && previous?.state !== 'done' && reason?.code !== 'present') {
    const params = { image, serial, source };
    return [{ ...base, type: 'REGION_IMPORT_INFO', code: 'image-imported', params }];
  }
  if (state === 'failed' && reason !== undefined && previous?.state !== 'failed') {
    return [{ ...base, type: 'REGION_IMPORT_ERROR', code: 'image-import-failed', params: { image, source, reason } }];
  }
  if (reason?.code === 'locked' && previous?.reason?.code !== 'locked')
    return [{ ...base, type: 'REGION_IMPORT_INFO', code: 'image-import-waits', params: { image, reason } }];
  const percent = roundProgress(bytes, total);
  if (state !== 'downloading' || total === undefined || percent <= roundProgress(previous?.bytes ?? 0, total))
    return [];
  return [{ ...base, type: 'REGION_IMPORT_INFO', code: 'image-downloading', params: { image, percent, total } }];
}

const roundProgress = (bytes: number, total: number | undefined): number =>
  total === undefined || total === 0 ? 0 : Math.floor((bytes / total) * (100 / STEP_PERCENT)) * STEP_PERCENT;

/**
 * Adds two kinds of earlier entries to a list: the last reasons of sources that have not answered
 * yet, so that each failure is reported once, and deletions that could not be carried out.
 */
export function keepEarlierReasons(skipped: readonly Skipped[], previous: readonly Skipped[]): readonly Skipped[] {
  const awaited = new Set(skipped.filter(isAwaited).map(({ name }) => name));
  const keptEntries = previous.filter((entry) => isUndeleted(entry) || (awaited.has(entry.name) && !isAwaited(entry)));
  return [...skipped.slice(0, SKIPPED_MAX - keptEntries.length), ...keptEntries];
}

const isAwaited = ({ reason }: Skipped): boolean => reason.code === 'awaited' || isUncertain(reason);
const isUndeleted = ({ reason }: Skipped): boolean => reason.code === 'not-deleted';

/**
 * Stores why an image is not deleted yet, in the list of skipped images. @param reason undefined if
 * it is deleted
 */
export async function recordDeletionOutcome(
  store: RegionStore,
  name: string,
  reason: ImportReason | undefined,
): Promise<void> {
  await store.transact(async () => {
    const { skipped: before, skippedMore } = await store.boot.findRun();
    const others = before.filter((entry) => entry.name !== name || !isUndeleted(entry));
    if (reason === undefined && others.length === before.length) return;
    const allEntries = reason === undefined ? others : [{ name, reason }, ...others];
    const skipped = allEntries.slice(0, SKIPPED_MAX);
    await store.boot.changeRun({ skipped, skippedMore: skippedMore + allEntries.length - skipped.length });
  });
}

/**
 * Lists an event for each failure that was not in the previous list. So a source that fails for
 * days is reported once.
 */
export function listLeftOutEvents(
  skipped: readonly Skipped[],
  previous: readonly Skipped[],
  atMs: number,
): readonly NewMachineEvent[] {
  const previousKeys = new Set(previous.map((entry) => JSON.stringify(entry)));
  return skipped
    .filter((entry) => isFailure(entry.reason) && !previousKeys.has(JSON.stringify(entry)))
    .map(({ name, reason }) => ({
      type: 'REGION_IMPORT_ERROR',
      code: 'image-left-out',
      atMs,
      username: '',
      params: { name, reason },
    }));
}

/** Lists the files of which the import of an image may have stored partial downloads. */
export const listExpectedFiles = ({ progress }: BootResource): readonly string[] =>
  progress === undefined || progress.state === 'done' ? [] : (progress.files ?? []);
