// Reads and writes what the begin of a run needs: the selected sources, the request, and the
// entries that earlier runs skipped.

import type { FileProblem } from '../../region/images/region-source.ts';
import type { BootResource, ImportRun } from '../../region/records/boot-store.ts';
import { type ImportReason, isUncertain } from '../../region/records/import-reason.ts';
import type { RegionStore } from '../../region/records/store.ts';
import type { Region } from '../../region/region.ts';
import type { SelectedSource } from './plan.ts';

/** Lists the sources of which something is selected, with their selections. */
export async function listSelectedSources({ bootImages }: Region): Promise<readonly SelectedSource[]> {
  const selections = await bootImages.listSelections();
  if (selections.length === 0) return [];
  return (await bootImages.listImportable()).flatMap(({ id, images }) => {
    const sourceSelections = selections.filter(({ sourceId }) => sourceId === id);
    return sourceSelections.length === 0 ? [] : [{ source: images, selections: sourceSelections }];
  });
}

/**
 * Begins a run for the last request, or for the schedule, which requests all images. All requests
 * until now belong to the run.
 * @param isEmpty true if the run ends at once @returns the names of the images to import. Empty for all
 */
export const beginRun = (
  store: RegionStore,
  skipped: readonly ImportRun['skipped'][number][],
  { nowMs, dueMs, isEmpty }: { readonly nowMs: number; readonly dueMs: number; readonly isEmpty: boolean },
): Promise<readonly string[]> =>
  store.transact(async () => {
    const { askedMs, endedMs, ...earlierRun } = await store.boot.findRun();
    const begunMs = Math.max(nowMs, askedMs, endedMs + 1);
    const images = dueMs <= nowMs ? [] : earlierRun.images;
    const endFields = isEmpty ? { endedMs: begunMs, skippedMore: 0 } : {};
    // The schedule still applies to the images that this run does not import.
    const nextFields = isEmpty || images.length > 0 ? {} : { nextMs: 0 };
    await store.boot.changeRun({ begunMs, images, skipped: [...skipped], ...endFields, ...nextFields });
    return images;
  });

/**
 * Chooses the entries of an earlier run that stay when another begins: failed deletions, and images
 * and sources that the new run still includes.
 * @param sources of the new run
 */
export function listStillSkipped(
  skipped: ImportRun['skipped'],
  sources: readonly SelectedSource[],
  resources: readonly BootResource[],
): ImportRun['skipped'] {
  const selected = new Map(sources.map(({ source, selections }) => [source.name, selections]));
  const names = new Set(resources.map(({ name }) => name));
  return skipped.filter(({ name, reason }) => {
    // An entry about the whole last run, such as that nothing was selected, does not apply to this run.
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

/**
 * Builds the reason why a run has no source. @param problem of the site's file of sources.
 * Undefined if there is none
 */
export const buildEmptyReason = (problem: FileProblem | undefined): ImportReason =>
  problem === undefined ? { code: 'nothing-selected', params: {} } : { code: 'said', params: { said: problem.text } };
