// `rackboot images selections`: the images that the region imports from its sources.

import { z } from 'zod';
import { STREAM_ARCHITECTURES } from '../../boot/architectures.ts';
import { askDaemon } from '../../control/ask-daemon.ts';
import { listed } from '../../counted.ts';
import { RackError } from '../../errors.ts';
import type { ImageName } from '../../images/image-store.ts';
import { INSTALLER } from '../../images/sources/offer.ts';
import { nearestHint } from '../../nearest-name.ts';
import { print, printJson, printTable } from '../terminal/output.ts';
import {
  findSource,
  listOf,
  namePinFiles,
  PATH,
  pinShape,
  pinText,
  type Shared,
  type Source,
  stateDirOf,
  warnOfFile,
} from './boot-sources.ts';

const selectionShape = z.looseObject({
  id: z.number(),
  boot_source_id: z.number(),
  os: z.string(),
  release: z.string(),
  arches: z.array(z.string()),
  subarches: z.array(z.string()),
  labels: z.array(z.string()),
});
const listedSelection = selectionShape.extend({ pinned_by: pinShape });
/** `undefined`: all in a new selection, unchanged in an existing one. */
interface ListFlags {
  readonly arches?: readonly string[] | undefined;
  readonly subarches?: readonly string[] | undefined;
  readonly labels?: readonly string[] | undefined;
}

interface Wanted {
  readonly source: string;
  /** `ubuntu/noble`; `*` stands for all of a part; `undefined`: all. */
  readonly image?: string | undefined;
}

const selectionsOf = async (stateDir: string, { id }: Source) =>
  z.array(listedSelection).parse(await askDaemon(stateDir, `${PATH}${id}/selections/?details=true`));

const NAMED_MAX = 3;

/** The label says whether it is an installer. */
type Removed = Pick<ImageName, 'os' | 'release' | 'architecture' | 'label'>;

/** Mirrors of packages have only installers, sites of plain files only images. */
const mayHave = (kind: string, { label }: Removed): boolean =>
  kind === 'installer' ? label === INSTALLER : kind !== 'files' || label !== INSTALLER;

/**
 * A note if the next import may fetch removed images again; undefined: it will not. @throws RackError as `askDaemon`
 */
export async function fetchedAgainNote(stateDir: string, removed: readonly Removed[]): Promise<string | undefined> {
  const isAmong = (text: string, wanted: readonly string[]): boolean =>
    wanted.length === 0 || wanted.includes('*') || wanted.includes(text);
  const names: string[] = [];
  for (const source of await listOf(stateDir))
    for (const { os, release, arches } of await selectionsOf(stateDir, source)) {
      const isMatch = removed.some(
        (one) =>
          mayHave(source.kind, one) &&
          isAmong(one.os, [os]) &&
          isAmong(one.release, [release]) &&
          isAmong(one.architecture, arches),
      );
      if (isMatch) names.push(`${os}/${release} of ${source.name}`);
    }
  if (names.length === 0) return undefined;
  const remedy = 'remove the selection, too, if you do not want that: `sudo rackboot images selections list`';
  return `Note: ${listed(names, NAMED_MAX)} ${names.length === 1 ? 'is' : 'are'} selected, so the next import fetches it again if the source still offers it; ${remedy}`;
}

/** Prints the selections of one source, or of all. @returns 0; 1 if the site's file has an error @throws RackError `not-found` */
export async function listSelections(flags: Shared & { readonly source?: string | undefined }): Promise<number> {
  const stateDir = stateDirOf(flags);
  const sources = flags.source === undefined ? await listOf(stateDir) : [await findSource(stateDir, flags.source)];
  const found = await Promise.all(
    sources.map(async (source) => (await selectionsOf(stateDir, source)).map((selection) => ({ source, selection }))),
  );
  const all = found.flat();
  if (flags.json) printJson(all.map(({ selection }) => selection));
  else {
    const rows = all.map(({ source, selection: { id, os, release, arches, subarches, labels, pinned_by: pin } }) => [
      // A command cannot change a selection of a file.
      pin === null ? String(id) : '–',
      source.name,
      `${os}/${release}`,
      arches.join(','),
      subarches.join(','),
      labels.join(','),
      pinText(pin),
    ]);
    const headings = ['ID', 'SOURCE', 'IMAGE', 'ARCHES', 'SUBARCHES', 'LABELS', 'WRITTEN IN'];
    printTable(headings, rows, 'Nothing is selected: rackboot images selections add ubuntu ubuntu/noble');
    namePinFiles(all.map(({ selection }) => selection.pinned_by));
  }
  return warnOfFile(flags.config);
}

/** Selects images of a source. @returns 0 @throws RackError `not-found`, `bad-argument` */
export async function addSelection(flags: Shared & Wanted & ListFlags): Promise<number> {
  const stateDir = stateDirOf(flags);
  const source = await findSource(stateDir, flags.source);
  // Names of single imported installers begin so.
  const names = (flags.image ?? '*/*').split('/');
  const [os = '*', release = '*', ...more] = names.length === 3 && names[0] === INSTALLER ? names.slice(1) : names;
  if (more.length > 0)
    throw new RackError('bad-argument', `${flags.image} is not an image: name one such as ubuntu/noble`);
  const form = listForm(flags);
  form.set('os', os);
  form.set('release', release);
  const raw = await askDaemon(stateDir, `${PATH}${source.id}/selections/`, 'POST', form.toString());
  if (flags.json) printJson(raw);
  else
    print(
      `Selected ${os}/${release} from ${source.name}; the next import fetches it. To import now: rackboot images import`,
    );
  return 0;
}

function listForm({ arches, subarches, labels }: ListFlags): URLSearchParams {
  const known = [...STREAM_ARCHITECTURES.keys()];
  const unknown = arches?.flatMap((one) => one.split(',')).find((one) => one !== '*' && !known.includes(one.trim()));
  if (unknown !== undefined) {
    const text = `${JSON.stringify(unknown)} is not an architecture; ${nearestHint(unknown, known)}name ${known.join(', ')} or *`;
    throw new RackError('bad-argument', text);
  }
  const form = new URLSearchParams();
  for (const [name, list] of Object.entries({ arches, subarches, labels })) {
    if (list !== undefined) form.set(name, list.join(','));
  }
  return form;
}

async function findSelection(stateDir: string, source: Source, wanted: string) {
  const selections = await selectionsOf(stateDir, source);
  const found = selections.find(({ id, os, release }) => [String(id), `${os}/${release}`].includes(wanted));
  if (found !== undefined) return found;
  const there = '`rackboot images selections list` shows all';
  throw new RackError('not-found', `${source.name} has no selection ${JSON.stringify(wanted)}; ${there}`);
}

/** Changes the parts of a selection. @returns 0 @throws RackError `not-found`, `bad-argument` */
export async function setSelection(
  flags: Shared & ListFlags & { readonly source: string; readonly selection: string },
): Promise<number> {
  const form = listForm(flags);
  if (form.size === 0) throw new RackError('bad-argument', 'name a change: add --arches, --subarches or --labels');
  const stateDir = stateDirOf(flags);
  const source = await findSource(stateDir, flags.source);
  const { id } = await findSelection(stateDir, source, flags.selection);
  const raw = await askDaemon(stateDir, `${PATH}${source.id}/selections/${id}/`, 'PUT', form.toString());
  if (flags.json) printJson(raw);
  else {
    const { os, release } = selectionShape.parse(raw);
    print(
      `The selection ${os}/${release} of ${source.name} is changed; the next import uses it. ` +
        `\`rackboot images selections list ${source.id}\` shows it.`,
    );
  }
  return 0;
}

/** Removes a selection. @returns 0 @throws RackError `not-found` */
export async function removeSelection(
  flags: Shared & { readonly source: string; readonly selection: string },
): Promise<number> {
  const stateDir = stateDirOf(flags);
  const source = await findSource(stateDir, flags.source);
  const found = await findSelection(stateDir, source, flags.selection);
  await askDaemon(stateDir, `${PATH}${source.id}/selections/${found.id}/`, 'DELETE');
  if (flags.json) printJson({ id: found.id });
  else print(`${found.os}/${found.release} of ${source.name} is no longer selected. Imported images stay.`);
  return 0;
}
