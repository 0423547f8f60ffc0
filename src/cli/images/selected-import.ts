// `rackboot images import` without an image: the region imports its selections now. Shows each
// change until the end.

import { z } from 'zod';
import { loadStateDir } from '../../config/config-file.ts';
import { askDaemon } from '../../control/ask-daemon.ts';
import { sleep } from '../../ground/clock.ts';
import { counted } from '../../ground/counted.ts';
import { RackError } from '../../ground/errors.ts';
import { createTenthsReporter } from '../../images/build/tenths.ts';
import { ANY, matchesSelection, type Selection } from '../../images/sources/offer.ts';
import { formatBytes, print, printError, printJson } from '../terminal/output.ts';
import { selectionShape } from './boot-selections.ts';
import { StopSignals } from './stop-signals.ts';

const PATH = '/MAAS/api/2.0/boot-resources/';
const POLL_MS = 1000;

const importShape = z.looseObject({
  state: z.string(),
  /** Empty for an upload. */
  source: z.string(),
  bytes: z.number(),
  total: z.number().nullable(),
  reason: z.string().nullable(),
});
const resourcesShape = z.array(
  z.looseObject({ name: z.string(), architecture: z.string(), label: z.string(), import: importShape.nullable() }),
);
const leftOutShape = z.looseObject({
  left_out: z.array(z.looseObject({ name: z.string(), reason: z.string(), is_failure: z.boolean() })),
  more: z.number(),
});
type Resource = z.output<typeof resourcesShape>[number];

/** True if a selection may import the image; its further names and subarchitectures are unknown here. */
function isSelectable(
  { name, architecture: kind, label, import: progress }: Resource,
  selections: readonly Selection[],
) {
  const [os = '', release = '', architecture = '', subarchitecture = ''] = `${name}/${kind}`.split('/');
  const image = { os, release, architecture, subarchitecture, label };
  const anyReleaseSelections = selections.map((selection) => ({ ...selection, release: ANY, subarches: [ANY] }));
  return progress?.source !== '' && anyReleaseSelections.some((selection) => matchesSelection(selection, image));
}

/** `ubuntu/noble/amd64/generic`, with an unusual label. */
const formatResource = ({ name, architecture, label }: Resource): string =>
  `${name}/${architecture}${label === 'release' ? '' : `/${label}`}`;

/**
 * Starts an import and waits for its end. A signal ends only the wait.
 * @returns 1 if an image or a source failed, or a selection matched nothing @throws RackError as `askDaemon`
 */
export async function importSelected({
  config,
  json,
}: {
  readonly config: string;
  readonly json: boolean;
}): Promise<number> {
  const { stateDir } = loadStateDir(config);
  const selected = await Promise.all(
    z
      .array(z.looseObject({ id: z.number() }))
      .parse(await askDaemon(stateDir, '/MAAS/api/2.0/boot-sources/'))
      .map(({ id }) => askDaemon(stateDir, `/MAAS/api/2.0/boot-sources/${id}/selections/`)),
  );
  const selections = z.array(z.array(selectionShape)).parse(selected).flat();
  if (selections.length === 0)
    throw new RackError('bad-argument', 'nothing is selected: rackboot images selections add ubuntu ubuntu/noble');
  const readResources = async (): Promise<readonly Resource[]> =>
    resourcesShape.parse(await askDaemon(stateDir, PATH)).filter((resource) => isSelectable(resource, selections));
  const changes = new ImportChanges(json, await readResources());
  await askDaemon(stateDir, `${PATH}?op=import`, 'POST', '');
  const stop = new StopSignals();
  try {
    while ((await askDaemon(stateDir, `${PATH}?op=is_importing`)) === true && !stop.signal.aborted) {
      changes.printChanged(await readResources());
      await sleep(POLL_MS);
    }
  } finally {
    stop.close();
  }
  if (stop.signal.aborted) throw new RackError('cancelled', 'no longer watched: the region continues the import');
  const resources = await readResources();
  changes.printFinal(resources);
  const failed = resources.filter((resource) => resource.import?.state === 'failed');
  const { left_out, more } = leftOutShape.parse(await askDaemon(stateDir, `${PATH}?op=list_left_out`));
  const missing = left_out.filter(({ is_failure }) => is_failure);
  if (json) printJson(resources);
  for (const { name, reason } of missing) printError(name === '' ? reason : `${name}: ${reason}`);
  if (more > 0)
    printError(`${counted(more, 'further source or selection', 'further sources or selections')}: see the page Images`);
  const failures = failuresText(failed.length, missing.length + more);
  if (failures !== '') {
    printError(failures);
    return 1;
  }
  if (!json) print('The import has ended: rackboot images list');
  return 0;
}

/** Counts what failed; empty if nothing did. */
export function failuresText(images: number, otherFailures: number): string {
  const counts = [
    ...(images === 0 ? [] : [counted(images, 'image')]),
    ...(otherFailures === 0 ? [] : [counted(otherFailures, 'source or selection', 'sources or selections')]),
  ];
  return counts.length === 0 ? '' : `Not imported: ${counts.join(' and ')}.`;
}

/** Prints changed states, and each tenth of a download. */
class ImportChanges {
  readonly #isSilent: boolean;
  readonly #states = new Map<string, string>();
  readonly #tenths = new Map<string, ReturnType<typeof createTenthsReporter>>();

  readonly #printed = new Set<string>();

  /** @param earlierResources the states of earlier imports */
  constructor(isSilent: boolean, earlierResources: readonly Resource[]) {
    this.#isSilent = isSilent;
    for (const resource of earlierResources) {
      if (resource.import !== null) this.#states.set(formatResource(resource), formatState(resource.import));
    }
  }

  /**
   * Prints the final states, unchanged ones too, except a `done` without a reason, which is from an
   * earlier import.
   */
  printFinal(resources: readonly Resource[]): void {
    for (const resource of resources) {
      const name = formatResource(resource);
      const isFromEarlierImport = resource.import?.state === 'done' && resource.import.reason === null;
      if (!this.#printed.has(name) && !isFromEarlierImport) this.#states.delete(name);
    }
    this.printChanged(resources);
  }

  printChanged(resources: readonly Resource[]): void {
    if (this.#isSilent) return;
    for (const resource of resources)
      if (resource.import !== null) this.#printChange(formatResource(resource), resource.import);
  }

  #printChange(name: string, importState: z.output<typeof importShape>): void {
    const { state, bytes, total } = importState;
    const stateText = formatState(importState);
    if (this.#states.get(name) !== stateText) {
      print(`${name}: ${stateText}`);
      this.#printed.add(name);
    }
    this.#states.set(name, stateText);
    if (state !== 'downloading' || total === null || total === 0) return;
    const nextTenth = this.#tenths.get(name) ?? createTenthsReporter();
    this.#tenths.set(name, nextTenth);
    const percent = nextTenth(bytes, total);
    if (percent !== undefined) print(`${name}: ${percent} % of ${formatBytes(total)}`);
  }
}

const formatState = ({ state, reason }: z.output<typeof importShape>): string =>
  reason === null ? state : `${state}: ${reason}`;
