// The events of imports, from the changes of their progress.

import { type BootResource, type ImportProgress, SKIPPED_MAX } from '../../region/records/boot-store.ts';
import { type ImportReason, isFailure, isUncertain } from '../../region/records/import-reason.ts';
import type { NewMachineEvent } from '../../region/records/machine-event.ts';
import type { RegionStore } from '../../region/records/store.ts';
import type { Skipped } from './plan.ts';

/** A download adds a line to the log each time it has advanced by this much, in percent. */
const STEP_PERCENT = 10;

/** The states of imports that continue when a run is renewed. */
export const UNDER_WAY: ReadonlySet<ImportProgress['state']> = new Set([
  'waiting',
  'connecting',
  'downloading',
  'verifying',
]);

/** The imports that were queued or under way when the importing thread ended, as they are shown then. */
export function endedWith(
  reason: ImportReason,
  shown: ReadonlyMap<string, ImportProgress>,
): ReadonlyMap<string, ImportProgress> {
  const ended = new Map<string, ImportProgress>();
  for (const [name, { bytesPerSecond: _rate, nextMs: _next, ...kept }] of shown) {
    if (kept.state === 'queued' || UNDER_WAY.has(kept.state)) ended.set(name, { ...kept, state: 'cancelled', reason });
  }
  return ended;
}

/** The failed imports of images that no source offers any more, as they are shown then. */
export function endedFailures(unoffered: readonly BootResource[]): ReadonlyMap<string, ImportProgress> {
  const ended = new Map<string, ImportProgress>();
  for (const { name, progress } of unoffered) {
    if (progress?.state !== 'failed') continue;
    ended.set(name, { ...progress, state: 'cancelled', reason: { code: 'no-offer', params: {} } });
  }
  return ended;
}

/** The events that a change of progress causes. */
export function listImportEvents(
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
  const percent = progressStep(bytes, total);
  if (state !== 'downloading' || total === undefined || percent <= progressStep(before?.bytes ?? 0, total)) return [];
  return [{ ...base, type: 'REGION_IMPORT_INFO', code: 'image-downloading', params: { image, percent, total } }];
}

const progressStep = (bytes: number, total: number | undefined): number =>
  total === undefined || total === 0 ? 0 : Math.floor((bytes / total) * (100 / STEP_PERCENT)) * STEP_PERCENT;

/**
 * The list with the last reasons of the sources that it waits for, so that each of these failures
 * is reported once, and with the deletions that could not be carried out.
 */
export function carryOver(skipped: readonly Skipped[], before: readonly Skipped[]): readonly Skipped[] {
  const awaited = new Set(skipped.filter(isAwaited).map(({ name }) => name));
  const last = before.filter((entry) => isUndeleted(entry) || (awaited.has(entry.name) && !isAwaited(entry)));
  return [...skipped.slice(0, SKIPPED_MAX - last.length), ...last];
}

const isAwaited = ({ reason }: Skipped): boolean => reason.code === 'awaited' || isUncertain(reason);
const isUndeleted = ({ reason }: Skipped): boolean => reason.code === 'not-deleted';

/**
 * Stores why an image is not deleted yet, next to what else was left out. @param reason undefined:
 * it is deleted
 */
export async function noteDeletion(store: RegionStore, name: string, reason: ImportReason | undefined): Promise<void> {
  await store.transact(async () => {
    const { skipped: before, skippedMore } = await store.boot.findRun();
    const others = before.filter((entry) => entry.name !== name || !isUndeleted(entry));
    if (reason === undefined && others.length === before.length) return;
    const all = reason === undefined ? others : [{ name, reason }, ...others];
    const skipped = all.slice(0, SKIPPED_MAX);
    await store.boot.changeRun({ skipped, skippedMore: skippedMore + all.length - skipped.length });
  });
}

/**
 * An event for each failure that the list before did not have: a source that fails for days is
 * reported once.
 */
export function leftOutEvents(
  skipped: readonly Skipped[],
  before: readonly Skipped[],
  atMs: number,
): readonly NewMachineEvent[] {
  const former = new Set(before.map((entry) => JSON.stringify(entry)));
  return skipped
    .filter((entry) => isFailure(entry.reason) && !former.has(JSON.stringify(entry)))
    .map(({ name, reason }) => ({
      type: 'REGION_IMPORT_ERROR',
      code: 'image-left-out',
      atMs,
      username: '',
      params: { name, reason },
    }));
}

/** The files of which the import of an image may have parts. */
export const filesComing = ({ progress }: BootResource): readonly string[] =>
  progress === undefined || progress.state === 'done' ? [] : (progress.files ?? []);
