// What is read and written when a run begins: the selected sources, the request, what earlier runs left out.

import type { FileProblem } from '../../region/images/region-source.ts';
import type { BootResource, ImportRun } from '../../region/records/boot-store.ts';
import { type ImportReason, isUncertain } from '../../region/records/import-reason.ts';
import type { RegionStore } from '../../region/records/store.ts';
import type { Region } from '../../region/region.ts';
import type { SelectedSource } from './plan.ts';

/** The sources of which something is selected, with their selections. */
export async function selectedSources({ bootImages }: Region): Promise<readonly SelectedSource[]> {
  const selections = await bootImages.listSelections();
  if (selections.length === 0) return [];
  return (await bootImages.listImportable()).flatMap(({ id, images }) => {
    const own = selections.filter(({ sourceId }) => sourceId === id);
    return own.length === 0 ? [] : [{ source: images, selections: own }];
  });
}

/**
 * Begins the run that the last request asks for, or the schedule, which asks for all images.
 * Requests until now belong to it.
 * @param isEmpty true: it ends at once @returns the names of the images to import; empty: all
 */
export const beginRun = (
  store: RegionStore,
  skipped: readonly ImportRun['skipped'][number][],
  { nowMs, dueMs, isEmpty }: { readonly nowMs: number; readonly dueMs: number; readonly isEmpty: boolean },
): Promise<readonly string[]> =>
  store.transact(async () => {
    const { askedMs, endedMs, ...asked } = await store.boot.findRun();
    const begunMs = Math.max(nowMs, askedMs, endedMs + 1);
    const images = dueMs <= nowMs ? [] : asked.images;
    const end = isEmpty ? { endedMs: begunMs, skippedMore: 0 } : {};
    // The images that this run does not import are still tried by the schedule.
    const next = isEmpty || images.length > 0 ? {} : { nextMs: 0 };
    await store.boot.changeRun({ begunMs, images, skipped: [...skipped], ...end, ...next });
    return images;
  });

/**
 * Chooses the entries of an earlier run that stay when another begins: deletions, and images and
 * sources that it still asks for.
 * @param sources of the new run
 */
export function stillSkipped(
  skipped: ImportRun['skipped'],
  sources: readonly SelectedSource[],
  resources: readonly BootResource[],
): ImportRun['skipped'] {
  const selected = new Map(sources.map(({ source, selections }) => [source.name, selections]));
  const names = new Set(resources.map(({ name }) => name));
  return skipped.filter(({ name, reason }) => {
    // An entry about the whole last run, such as that nothing was selected, is not true of this one.
    if (name === '' || isUncertain(reason)) return false;
    switch (reason.code) {
      case 'not-deleted':
      case 'place-taken':
      case 'release-taken':
      case 'run-full':
        return true;
      case 'earlier-source':
      case 'later-source':
        return selected.has(reason.params.first) && selected.has(reason.params.source);
      case 'not-offered':
      case 'not-in-part':
        return selected.get(reason.params.source)?.some(({ os, release }) => `${os}/${release}` === name) === true;
      default:
        return selected.has(name) || names.has(name);
    }
  });
}

/** Why a run has no source. @param problem that of the site's file of sources; undefined: none */
export const emptyReason = (problem: FileProblem | undefined): ImportReason =>
  problem === undefined ? { code: 'nothing-selected', params: {} } : { code: 'said', params: { said: problem.text } };
