// `rackboot images selections`: the images that the region imports from its sources.

import { z } from 'zod';
import { STREAM_ARCHITECTURES } from '../../boot/architectures.ts';
import { askDaemon } from '../../control/ask-daemon.ts';
import { joinNames } from '../../ground/counted.ts';
import { RackError } from '../../ground/errors.ts';
import { composeNearestHint } from '../../ground/nearest-name.ts';
import { ANY, INSTALLER, matchesSelection } from '../../images/sources/offer.ts';
import type { ImageName } from '../../images/store/image-store.ts';
import { askRegion, type Fields, printAnswer, requireChange, type Where } from '../terminal/asking.ts';
import { printTable } from '../terminal/output.ts';
import {
  fetchSources,
  findSource,
  findStateDir,
  PATH,
  pinShape,
  pinText,
  printPinFiles,
  type Source,
  warnOfSourcesFile,
} from './boot-sources.ts';
import type { ListFlags } from './options.ts';

export const selectionShape = z.looseObject({
  id: z.number(),
  boot_source_id: z.number(),
  os: z.string(),
  release: z.string(),
  arches: z.array(z.string()),
  subarches: z.array(z.string()),
  labels: z.array(z.string()),
});
const listedSelection = selectionShape.extend({ pinned_by: pinShape });
type SourceArguments = Where & { readonly source: string };
type SelectionArguments = SourceArguments & { readonly selection: string };

const selectionsPath = ({ id }: Source): string => `${PATH}${id}/selections/`;

const fetchSelections = async (stateDir: string, source: Source) =>
  z.array(listedSelection).parse(await askDaemon(stateDir, `${selectionsPath(source)}?details=true`));

const NAMED_MAX = 3;

type RemovedImage = Omit<ImageName, 'serial'>;

/**
 * True if a source of this kind may offer the image. Mirrors of packages have only installers, and
 * sites of plain files only images.
 */
const mayHave = (kind: string, { label }: RemovedImage): boolean =>
  kind === 'installer' ? label === INSTALLER : kind !== 'files' || label !== INSTALLER;

/**
 * Writes a note if the next import may fetch removed images again; undefined if it will not.
 * @throws RackError as `askDaemon`
 */
export async function fetchedAgainNote(
  stateDir: string,
  removed: readonly RemovedImage[],
): Promise<string | undefined> {
  const names: string[] = [];
  for (const source of await fetchSources(stateDir))
    for (const selection of await fetchSelections(stateDir, source)) {
      // An image may be for further subarchitectures, which only its source knows.
      const anySubarchitecture = { ...selection, subarches: [ANY] };
      const isMatch = removed.some(
        (image) => mayHave(source.kind, image) && matchesSelection(anySubarchitecture, image),
      );
      if (isMatch) names.push(`${selection.os}/${selection.release} of ${source.name}`);
    }
  if (names.length === 0) return undefined;
  const remedy = 'remove the selection, too, if you do not want that: `sudo rackboot images selections list`';
  return `Note: ${joinNames(names, NAMED_MAX)} ${names.length === 1 ? 'is' : 'are'} selected, so the next import fetches it again if the source still offers it; ${remedy}`;
}

/**
 * Prints the selections of one source, or of all. @returns 0, or 1 if the site's file has an error
 * @throws RackError `not-found`
 */
export async function listSelections(flags: Where & { readonly source?: string | undefined }): Promise<number> {
  const stateDir = findStateDir(flags);
  const sources =
    flags.source === undefined ? await fetchSources(stateDir) : [await findSource(stateDir, flags.source)];
  const matches = await Promise.all(
    sources.map(async (source) =>
      (await fetchSelections(stateDir, source)).map((selection) => ({ source, selection })),
    ),
  );
  const all = matches.flat();
  const selections = all.map(({ selection }) => selection);
  printAnswer(flags, selections, () => {
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
    printPinFiles(selections.map(({ pinned_by: pin }) => pin));
  });
  return warnOfSourcesFile(flags.config);
}

/** @throws RackError `not-found`, `bad-argument` */
export async function addSelection(
  flags: SourceArguments & ListFlags & { readonly image?: string | undefined },
): Promise<number> {
  const source = await findSource(findStateDir(flags), flags.source);
  // The name of a single installer to import begins with `installer/`.
  const names = (flags.image ?? '*/*').split('/');
  const [os = '*', release = '*', ...surplus] = names.length === 3 && names[0] === INSTALLER ? names.slice(1) : names;
  if (surplus.length > 0)
    throw new RackError('bad-argument', `${flags.image} is not an image: name one such as ubuntu/noble`);
  const raw = await askRegion(flags, selectionsPath(source), 'POST', { ...listFields(flags), os, release });
  const selected = `Selected ${os}/${release} from ${source.name}; the next import fetches it.`;
  return printAnswer(flags, raw, `${selected} To import now: rackboot images import`);
}

function listFields({ arches, subarches, labels }: ListFlags): Fields {
  const architectures = [...STREAM_ARCHITECTURES.keys()];
  const unknown = arches
    ?.flatMap((list) => list.split(','))
    .find((architecture) => architecture !== '*' && !architectures.includes(architecture.trim()));
  if (unknown !== undefined) {
    const text = `${JSON.stringify(unknown)} is not an architecture; ${composeNearestHint(unknown, architectures)}name ${architectures.join(', ')} or *`;
    throw new RackError('bad-argument', text);
  }
  return { arches: arches?.join(','), subarches: subarches?.join(','), labels: labels?.join(',') };
}

async function findSelection(flags: SelectionArguments) {
  const source = await findSource(findStateDir(flags), flags.source);
  const selections = await fetchSelections(findStateDir(flags), source);
  const selection = selections.find(({ id, os, release }) =>
    [String(id), `${os}/${release}`].includes(flags.selection),
  );
  if (selection !== undefined) return { source, ...selection, path: `${selectionsPath(source)}${selection.id}/` };
  const listHint = '`rackboot images selections list` shows all';
  throw new RackError('not-found', `${source.name} has no selection ${JSON.stringify(flags.selection)}; ${listHint}`);
}

/** @throws RackError `not-found`, `bad-argument` */
export async function setSelection(flags: SelectionArguments & ListFlags): Promise<number> {
  const fields = listFields(flags);
  requireChange(fields, '--arches, --subarches or --labels');
  const { source, path } = await findSelection(flags);
  const raw = await askRegion(flags, path, 'PUT', fields);
  const { os, release } = selectionShape.parse(raw);
  const changed = `The selection ${os}/${release} of ${source.name} is changed; the next import uses it.`;
  return printAnswer(flags, raw, `${changed} \`rackboot images selections list ${source.id}\` shows it.`);
}

/** @throws RackError `not-found` */
export async function removeSelection(flags: SelectionArguments): Promise<number> {
  const { id, os, release, source, path } = await findSelection(flags);
  await askRegion(flags, path, 'DELETE');
  return printAnswer(flags, { id }, `${os}/${release} of ${source.name} is no longer selected. Imported images stay.`);
}
