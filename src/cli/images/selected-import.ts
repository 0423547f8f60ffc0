// `rackboot images import` without an image: the region imports its selections now. Shows each
// change until the end.

import { z } from 'zod';
import { loadStateDir } from '../../config/config-file.ts';
import { askDaemon } from '../../control/ask-daemon.ts';
import { sleep } from '../../ground/clock.ts';
import { counted } from '../../ground/counted.ts';
import { RackError } from '../../ground/errors.ts';
import { followTenths } from '../../images/build/tenths.ts';
import { ANY, matches, type Selection } from '../../images/sources/offer.ts';
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
  const wanted = selections.map((selection) => ({ ...selection, release: ANY, subarches: [ANY] }));
  return progress?.source !== '' && wanted.some((selection) => matches(selection, image));
}

/** `ubuntu/noble/amd64/generic`, with an unusual label. */
const formatResource = ({ name, architecture, label }: Resource): string =>
  `${name}/${architecture}${label === 'release' ? '' : `/${label}`}`;

/**
 * Waits for the end; a signal ends only the wait.
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
  const read = async (): Promise<readonly Resource[]> =>
    resourcesShape.parse(await askDaemon(stateDir, PATH)).filter((resource) => isSelectable(resource, selections));
  const changes = new Changes(json, await read());
  await askDaemon(stateDir, `${PATH}?op=import`, 'POST', '');
  const stop = new StopSignals();
  try {
    while ((await askDaemon(stateDir, `${PATH}?op=is_importing`)) === true && !stop.signal.aborted) {
      changes.take(await read());
      await sleep(POLL_MS);
    }
  } finally {
    stop.close();
  }
  if (stop.signal.aborted) throw new RackError('cancelled', 'no longer watched: the region continues the import');
  const resources = await read();
  changes.end(resources);
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

/** Counts what failed; empty: nothing. */
export function failuresText(images: number, left: number): string {
  const counts = [
    ...(images === 0 ? [] : [counted(images, 'image')]),
    ...(left === 0 ? [] : [counted(left, 'source or selection', 'sources or selections')]),
  ];
  return counts.length === 0 ? '' : `Not imported: ${counts.join(' and ')}.`;
}

/** Prints changed states, and each tenth of a download. */
class Changes {
  readonly #isSilent: boolean;
  readonly #states = new Map<string, string>();
  readonly #reached = new Map<string, ReturnType<typeof followTenths>>();

  readonly #printed = new Set<string>();

  /** @param before states of earlier imports */
  constructor(isSilent: boolean, before: readonly Resource[]) {
    this.#isSilent = isSilent;
    for (const resource of before) {
      if (resource.import !== null) this.#states.set(formatResource(resource), formatState(resource.import));
    }
  }

  /** Also prints unchanged states; an image that is there says so: `done` alone is of an earlier import. */
  end(resources: readonly Resource[]): void {
    for (const resource of resources) {
      const name = formatResource(resource);
      const isOld = resource.import?.state === 'done' && resource.import.reason === null;
      if (!this.#printed.has(name) && !isOld) this.#states.delete(name);
    }
    this.take(resources);
  }

  take(resources: readonly Resource[]): void {
    if (this.#isSilent) return;
    for (const resource of resources)
      if (resource.import !== null) this.#show(formatResource(resource), resource.import);
  }

  #show(name: string, shown: z.output<typeof importShape>): void {
    const { state, bytes, total } = shown;
    const now = formatState(shown);
    if (this.#states.get(name) !== now) {
      print(`${name}: ${now}`);
      this.#printed.add(name);
    }
    this.#states.set(name, now);
    if (state !== 'downloading' || total === null || total === 0) return;
    const reach = this.#reached.get(name) ?? followTenths();
    this.#reached.set(name, reach);
    const percent = reach(bytes, total);
    if (percent !== undefined) print(`${name}: ${percent} % of ${formatBytes(total)}`);
  }
}

const formatState = ({ state, reason }: z.output<typeof importShape>): string =>
  reason === null ? state : `${state}: ${reason}`;
