// `rackboot images sources` and `rackboot images selections`: the sources of the region and the selections among their images.

import { existsSync } from 'node:fs';
import { z } from 'zod';
import { STREAM_ARCHITECTURES } from '../../boot/architectures.ts';
import { loadPlace } from '../../config/config-file.ts';
import { askDaemon } from '../../control/ask-daemon.ts';
import { RackError } from '../../errors.ts';
import type { ImageSource } from '../../images/sources/source.ts';
import { nearestHint } from '../../nearest-name.ts';
import { streamOf } from '../../region/images/region-source.ts';
import { readGivenFile } from '../terminal/given-file.ts';
import { print, printError, printJson, printTable } from '../terminal/output.ts';

const PATH = '/MAAS/api/2.0/boot-sources/';

const addedShape = z.looseObject({ id: z.number(), url: z.string() });
/** The file and the key that define it; null: none. */
const pinShape = z.object({ file: z.string(), key: z.string() }).nullable();
const sourceShape = addedShape.extend({ name: z.string(), pinned_by: pinShape });
const addedSource = sourceShape.extend({ keyring_filename: z.string(), keyring_data: z.base64() });
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
type Source = z.output<typeof sourceShape>;

interface Shared {
  readonly config: string;
  readonly json: boolean;
}

interface KeyFlags {
  /** A file of the region's host. */
  readonly keyring?: string | undefined;
  /** A file of this host. */
  readonly keys?: string | undefined;
}

/** Parts of a selection; `undefined`: all in a new selection, unchanged in an existing one. */
interface ListFlags {
  readonly arches?: readonly string[] | undefined;
  readonly subarches?: readonly string[] | undefined;
  readonly labels?: readonly string[] | undefined;
}

/** The images to select. */
interface Wanted {
  readonly source: string;
  /** `ubuntu/noble`; a `*` in place of a part stands for all; `undefined`: all. */
  readonly image?: string | undefined;
}

const stateDirOf = ({ config }: Shared): string => loadPlace(config).stateDir;

const listOf = async (stateDir: string): Promise<readonly Source[]> =>
  z.array(sourceShape).parse(await askDaemon(stateDir, `${PATH}?details=true`));

/** The sources that people added to the running region. @throws RackError as `askDaemon` */
export async function readAddedSources(stateDir: string): Promise<readonly ImageSource[]> {
  const rows = z.array(addedSource).parse(await askDaemon(stateDir, `${PATH}?details=true`));
  return rows
    .filter(({ pinned_by: pin }) => pin === null)
    .map(({ url, keyring_filename: keyringFilename, keyring_data: data }) =>
      streamOf({ url, keyringFilename, keyring: Buffer.from(data, 'base64') }),
    );
}

/** Finds a source by number, name or URL. @throws RackError `not-found` */
async function findSource(stateDir: string, wanted: string): Promise<Source> {
  const sources = await listOf(stateDir);
  const found = sources.find(({ id, name, url }) => [String(id), name, url].includes(wanted));
  if (found !== undefined) return found;
  const hint = nearestHint(
    wanted,
    sources.map(({ name }) => name),
  );
  throw new RackError(
    'not-found',
    `there is no source ${JSON.stringify(wanted)}; ${hint}\`rackboot images sources list\` shows all`,
  );
}

/** The parameters for the given keys. */
function keyForm({ keyring, keys }: KeyFlags): URLSearchParams {
  const form = new URLSearchParams();
  if (keyring !== undefined) form.set('keyring_filename', keyring);
  if (keys !== undefined) form.set('keyring_data', readGivenFile(keys).toString('base64'));
  return form;
}

/**
 * Warns of an error in the site's file, because the list shows none of its changes then.
 * @returns the code with which the command ends: 1 if there is such an error
 */
async function warnOfFile(config: string): Promise<number> {
  const { findSourcesProblem } = await import('../../config/image-sources.ts');
  const problem = findSourcesProblem(config);
  if (problem === undefined) return 0;
  printError(
    `${problem}\nAs long as it has this error, the list above is not that of the file. Correct it: rackboot check`,
  );
  return 1;
}

const pinText = (pin: z.output<typeof pinShape>): string => (pin === null ? '' : `${pin.file} ${pin.key}`);

/** Prints the sources. @returns 0; 1 if the site's file has an error */
export async function listSources(flags: Shared): Promise<number> {
  const stateDir = stateDirOf(flags);
  const sources = await listOf(stateDir);
  if (flags.json) printJson(sources);
  else {
    const rows = sources.map(({ id, name, url, pinned_by: pin }) => [
      String(id),
      name === url ? '' : name,
      url,
      pinText(pin),
    ]);
    printTable(['ID', 'NAME', 'URL', 'WRITTEN IN'], rows, 'There are no sources: rackboot images sources add URL');
  }
  return await warnOfFile(flags.config);
}

/** Adds a source. @returns 0 @throws RackError `bad-argument` */
export async function addSource(flags: Shared & KeyFlags & { readonly url: string }): Promise<number> {
  const { keyring } = flags;
  if (keyring === undefined && flags.keys === undefined) {
    const text = 'name the keys of the site: add --keyring FILE, which is read at each import, or --keys FILE';
    throw new RackError('bad-argument', text);
  }
  if (keyring !== undefined && !existsSync(keyring)) {
    const text = `there is no file ${keyring} on this host: install the package that has it, or copy the keys of the site there`;
    throw new RackError('bad-argument', text);
  }
  const form = keyForm(flags);
  form.set('url', flags.url.endsWith('/') ? flags.url : `${flags.url}/`);
  const raw = await askDaemon(stateDirOf(flags), PATH, 'POST', form.toString());
  if (flags.json) printJson(raw);
  else {
    const { id, url } = addedShape.parse(raw);
    print(`Source ${id} is ${url}; select images from it: rackboot images selections add ${id} ubuntu/noble`);
  }
  return 0;
}

/** Changes a source. @returns 0 @throws RackError `not-found`, `bad-argument` */
export async function setSource(
  flags: Shared & KeyFlags & { readonly source: string; readonly url?: string | undefined },
): Promise<number> {
  const form = keyForm(flags);
  if (flags.url !== undefined) form.set('url', flags.url);
  if (form.size === 0) throw new RackError('bad-argument', 'name a change: add --keyring, --keys or --url');
  const stateDir = stateDirOf(flags);
  const { id } = await findSource(stateDir, flags.source);
  const raw = await askDaemon(stateDir, `${PATH}${id}/`, 'PUT', form.toString());
  if (flags.json) printJson(raw);
  else
    print(`The source ${addedShape.parse(raw).url} is changed; the next import uses it: rackboot images sources list`);
  return 0;
}

/** Removes a source with its selections. @returns 0 @throws RackError `not-found` */
export async function removeSource(flags: Shared & { readonly source: string }): Promise<number> {
  const stateDir = stateDirOf(flags);
  const { id, url } = await findSource(stateDir, flags.source);
  await askDaemon(stateDir, `${PATH}${id}/`, 'DELETE');
  if (flags.json) printJson({ id, url });
  else print(`The source ${url} is removed, with its selections. Imported images stay.`);
  return 0;
}

const selectionsOf = async (stateDir: string, { id }: Source) =>
  z.array(listedSelection).parse(await askDaemon(stateDir, `${PATH}${id}/selections/?details=true`));

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
      String(id),
      source.name,
      `${os}/${release}`,
      arches.join(','),
      subarches.join(','),
      labels.join(','),
      pinText(pin),
    ]);
    const headings = ['ID', 'SOURCE', 'IMAGE', 'ARCHES', 'SUBARCHES', 'LABELS', 'WRITTEN IN'];
    printTable(headings, rows, 'Nothing is selected: rackboot images selections add ubuntu ubuntu/noble');
  }
  return await warnOfFile(flags.config);
}

/** Selects images of a source. @returns 0 @throws RackError `not-found`, `bad-argument` */
export async function addSelection(flags: Shared & Wanted & ListFlags): Promise<number> {
  const stateDir = stateDirOf(flags);
  const source = await findSource(stateDir, flags.source);
  const [os = '*', release = '*', ...more] = (flags.image ?? '*/*').split('/');
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

/** @throws RackError `bad-argument` for an architecture that no machine has */
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

/** Finds a source's selection by number or image. @throws RackError `not-found` */
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
    print(`The selection ${os}/${release} of ${source.name} is changed: rackboot images selections list ${source.id}`);
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
