// `rackboot images fsck`: reads all content of the store, moves damaged content out of it, and
// downloads it again.
//
// 1. An image, a boot loader or an installer is repaired with its own files from any source, or
//    replaced by a newer version of its own source. Nothing else replaces it. If there is no
//    source, the problem names the command that repairs it.
// 2. A copy of a region's image is not repaired here: the rack copies it again.
// 3. Boot loaders, installers and environments are not in the store. They are compared with their
//    manifests.

import { dirname } from 'node:path';
import { readImageSources } from '../../config/image-sources.ts';
import { counted, joinNames } from '../../ground/counted.ts';
import { errorText, RackError } from '../../ground/errors.ts';
import type { ImportTarget } from '../../images/engine/import-named.ts';
import { type CheckedPart, formatPartName } from '../../images/run/part-check.ts';
import { findOrigin } from '../../images/run/tree-parts.ts';
import { INSTALLER, LOADER } from '../../images/sources/offer.ts';
import type { ImageSource } from '../../images/sources/source.ts';
import { type CheckedContent, damagedDirectory, sumDamagedBytes } from '../../images/store/image-check.ts';
import { COPY_SOURCE, formatImageName, hasBlob, readImages, type StoredImage } from '../../images/store/image-store.ts';
import { formatBytes, print, printError, printJson } from '../terminal/output.ts';
import { type KnownSources, readKnownSources } from './boot-sources.ts';
import { suggestRemovals } from './disk-images.ts';
import { runJob } from './engine.ts';
import { type ImageTree, openTreeAsOwner, treeOption } from './image-tree.ts';
import { importFrom } from './import.ts';
import { addedNotes, partNote } from './named-images.ts';
import type { FsckFlags } from './options.ts';

const NAMED_MAX = 8;

/** A damaged image or part. */
interface LostItem {
  readonly name: string;
  /** Undefined for a part. */
  readonly image?: StoredImage;
  /** Its source; undefined if it comes from no source, or is a copy. */
  readonly origin: string | undefined;
  /** How it comes back without a source. */
  readonly note: string;
  /** True for another source that may have its files. */
  readonly mayContain: (source: ImageSource) => boolean;
  readonly files: Omit<Extract<ImportTarget, { readonly lost: unknown }>['lost'], 'source'>;
}

interface Repair {
  readonly lost: LostItem;
  /** The imported image; undefined if none was imported. */
  readonly imported?: StoredImage;
  /** Why it was not repaired; undefined if it was. */
  readonly problem?: string;
}

/**
 * Checks the store, and repairs it unless only a report is wanted. @returns 0 if all content is
 * intact afterwards, 1 otherwise
 */
export async function checkStore(flags: FsckFlags): Promise<number> {
  const sources = readImageSources(flags);
  const imageTree = await openTreeAsOwner(flags);
  const { tree } = imageTree;
  const options = { isSilent: flags.json };
  const {
    contents: checkedContents,
    parts,
    others,
    problems,
  } = await runJob(imageTree, 'check', { repairs: !flags.report }, options);
  const damagedContents = checkedContents.filter(({ state }) => state.kind !== 'whole');
  const damagedParts = parts.filter(({ files }) => files.some(({ state }) => state.kind !== 'whole'));
  if (!flags.json)
    for (const line of [...damagedContents.map(describeContent), ...damagedParts.flatMap(describePart)])
      printError(line);
  const lostImages = deduplicateImages(damagedContents.filter(canBeImportedAgain).flatMap(({ images }) => images));
  const notes = addedNotes(lostImages, treeOption(flags));
  const lostItems = [
    ...lostImages.map((image) => toLostImage(image, notes.get(image) ?? '')),
    ...damagedParts
      .filter(({ files }) => files.some(canBeImportedAgain))
      .map((part) => toLostPart(part, treeOption(flags))),
  ];
  const repairs = flags.report ? [] : await repairAll(lostItems, sources, imageTree, flags.json);
  const { freed, problems: sweepProblems } = flags.report ? { freed: 0, problems: [] } : await sweep(imageTree);
  const { problems: readProblems, unusable } = readImages(tree);
  const troubles = [...readProblems, ...problems, ...sweepProblems];
  const repaired = new Set(repairs.flatMap(({ lost, problem }) => (problem === undefined ? [lost.name] : [])));
  const stillDamaged = damagedContents.filter(
    (content) => !canBeImportedAgain(content) || content.images.some((image) => !repaired.has(formatImageName(image))),
  );
  const wrongCount =
    stillDamaged.length + countWrongFiles(damagedParts.filter((part) => !repaired.has(formatPartName(part))));
  if (flags.json)
    printJson({
      contents: checkedContents,
      repairs: repairs.flatMap(({ lost: { image }, ...repair }) => (image === undefined ? [] : [{ image, ...repair }])),
      parts: parts.map(({ manifest: _, ...part }) => part),
      partRepairs: repairs.flatMap(({ lost: { name, image }, problem }) =>
        image === undefined ? [{ name, problem }] : [],
      ),
      unchecked: others,
      freed,
      problems: troubles,
    });
  else {
    for (const problem of troubles) printError(problem);
    for (const line of suggestRemovals(unusable, treeOption(flags))) printError(line);
    const damagedCount = damagedContents.length + countWrongFiles(damagedParts);
    const count = checkedContents.length + parts.reduce((sum, { files }) => sum + files.length, 0);
    const incompleteText = troubles.length === 0 ? '' : ', but not everything could be checked';
    print(`Checked ${counted(count, 'file')}: ${formatVerdict(damagedCount, wrongCount)}${incompleteText}.`);
    if (others.length > 0) print(`Not checked, because Rackboot has no hashes of it: ${joinNames(others, NAMED_MAX)}.`);
    if (freed > 0) print(`Freed ${formatBytes(freed)} that no image needs.`);
    const keptBytes = sumDamagedBytes(tree);
    if (keptBytes > 0)
      print(`Damaged files kept in ${damagedDirectory(tree)}: ${formatBytes(keptBytes)}; delete what you do not need.`);
  }
  return wrongCount + troubles.length > 0 ? 1 : 0;
}

/** Removes what no image needs. @returns the freed bytes, and failures */
async function sweep(imageTree: ImageTree): Promise<{ readonly freed: number; readonly problems: readonly string[] }> {
  const options = { isSilent: true };
  const freed = await runJob(imageTree, 'sweep', {}, options);
  try {
    return { freed: freed + (await runJob(imageTree, 'sweep-downloads', {}, options)), problems: [] };
  } catch (error) {
    if (!(error instanceof RackError)) throw error;
    return { freed, problems: [errorText(error)] };
  }
}

const countWrongFiles = (parts: readonly CheckedPart[]): number =>
  parts.reduce((sum, { files }) => sum + files.filter(({ state }) => state.kind !== 'whole').length, 0);

/**
 * @param foundCount the number of wrong files @param remainingCount how many of them are still
 * wrong
 */
function formatVerdict(foundCount: number, remainingCount: number): string {
  if (foundCount === 0) return 'all right';
  if (remainingCount === foundCount) return `${foundCount} wrong`;
  return remainingCount === 0
    ? `${foundCount} wrong, all repaired`
    : `${foundCount} wrong, of which ${foundCount - remainingCount} repaired, ${remainingCount} still wrong`;
}

type CheckedFile = CheckedPart['files'][number];

/** True for content that another import can bring back. */
const canBeImportedAgain = ({ state: { kind } }: CheckedContent | CheckedFile): boolean =>
  kind === 'damaged' || kind === 'missing';

function describeContent({ path, images, state, movedTo }: CheckedContent): string {
  const names = images.map(formatImageName).join(', ');
  const [is, has] = images.length === 1 ? ['is', 'has'] : ['are', 'have'];
  switch (state.kind) {
    case 'damaged':
      return `${names} ${is} damaged: ${path} does not match its name, ${difference(state, movedTo)}`;
    case 'missing':
      return `${names} ${has} no bytes: ${path} is missing`;
    case 'linked':
      return `${names} ${is} not used: ${dirname(path)} is a link; put a directory with its files in its place`;
    case 'unreadable':
      return `${names} cannot be read (${state.code}): check the disk of ${path}`;
    case 'whole':
      return `${names} ${is} whole`;
  }
}

const describePart = (part: CheckedPart): readonly string[] =>
  part.files
    .filter(({ state }) => state.kind !== 'whole')
    .map((file) => {
      // The path contains the names of most parts.
      const name = part.directory === formatPartName(part) ? file.path : `${file.path} of ${formatPartName(part)}`;
      return `${name} ${describeFile(part, file)}`;
    });

function describeFile(part: CheckedPart, { path, state, movedTo }: CheckedFile): string {
  switch (state.kind) {
    case 'damaged': {
      const keptText = isPersonal(part, state) ? '; it stays, because you may have put it there' : '';
      return `is damaged: it does not match its manifest, ${difference(state, movedTo)}${keptText}`;
    }
    case 'missing':
      return 'is missing';
    case 'linked':
      return 'is not checked: its directory is a link; put a directory with its files in its place';
    case 'unreadable':
      return `cannot be read (${state.code}): check the disk of ${path}`;
    case 'whole':
      return 'is whole';
  }
}

type Damaged = Extract<CheckedFile['state'], { readonly kind: 'damaged' }>;

const difference = ({ bytes, found }: Damaged, movedTo: string | undefined): string =>
  `${found === undefined ? `it has ${counted(bytes, 'byte')}` : `its sha256 is ${found}`}${movedTo === undefined ? '' : `; it is now ${movedTo}`}`;

/** True for a boot loader in the top directory that a person may have replaced. */
const isPersonal = ({ kind }: CheckedPart, state: CheckedFile['state']): boolean =>
  kind === 'built-in' && state.kind === 'damaged' && state.found === undefined;

/**
 * Lists each image once, even if several of its files are damaged. Images of a source come first,
 * because other images may share their bytes.
 */
function deduplicateImages(images: readonly StoredImage[]): readonly StoredImage[] {
  const imagesByName = new Map(images.map((image) => [formatImageName(image), image]));
  return [...imagesByName.values()].toSorted((a, b) => Number(a.origin === undefined) - Number(b.origin === undefined));
}

function toLostImage(image: StoredImage, note: string): LostItem {
  const { os, origin, system } = image;
  const fetched = [origin?.hex ?? '', ...(system?.files ?? []).map(({ sha256 }) => sha256)];
  return {
    name: formatImageName(image),
    image,
    ...chooseOrigin(origin?.source, 'it is a copy of an image of the region', note),
    mayContain: (source) => source.os === os,
    files: { ...image, kind: 'image', fetched },
  };
}

function toLostPart(part: CheckedPart, treeWords: string): LostItem {
  const { kind, architecture, release, manifest } = part;
  const { serial, fetched = [], os = '', label } = manifest;
  const personalPaths = part.files.filter(({ state }) => isPersonal(part, state)).map(({ path }) => path);
  const names = { release, architecture, subarchitecture: 'generic', serial, fetched };
  const isLoader = kind === 'loader';
  return {
    name: formatPartName(part),
    ...chooseOrigin(findOrigin(part), 'it is a copy from the region', partNote(part, personalPaths, treeWords)),
    mayContain: (source) => (isLoader ? source.os === LOADER : source.kind === 'installer' && source.os === os),
    files: isLoader
      ? { ...names, kind: 'loader', os: LOADER, label }
      : { ...names, kind: 'installer', os, label: INSTALLER },
  };
}

function chooseOrigin(source: string | undefined, copyText: string, note: string): Pick<LostItem, 'origin' | 'note'> {
  if (source !== COPY_SOURCE) return { origin: source, note };
  const remedy = 'a rack that runs copies it again within 5 minutes, unless boot.copy_images is false';
  return { origin: undefined, note: `${copyText}; ${remedy}` };
}

async function repairAll(
  lostItems: readonly LostItem[],
  fileSources: readonly ImageSource[],
  imageTree: ImageTree,
  json: boolean,
): Promise<readonly Repair[]> {
  const sources = await readSourcesFor(
    lostItems.map(({ origin }) => origin),
    fileSources,
    imageTree,
  );
  const repairs: Repair[] = [];
  for (const lost of lostItems) {
    const repair = { lost, ...(await importAgain(lost, sources, imageTree, json)) };
    repairs.push(repair);
    if (json) continue;
    if (repair.problem === undefined) print(describeRepair(repair));
    else printError(`${lost.name} was not repaired: ${repair.problem}`);
  }
  return repairs;
}

function describeRepair({ lost, imported }: Repair): string {
  const name = imported === undefined ? lost.name : formatImageName(imported);
  if (name === lost.name) return `Imported ${name} again`;
  return `Imported ${name}, which replaces ${lost.name}: no source has the files of that version`;
}

/**
 * Reads the sources of files and, if needed, the region's sources. @param origins undefined for an
 * item without a source
 */
async function readSourcesFor(
  origins: readonly (string | undefined)[],
  sources: readonly ImageSource[],
  { config }: ImageTree,
): Promise<KnownSources> {
  const names = new Set([COPY_SOURCE, ...sources.map(({ name }) => name)]);
  if (origins.every((origin) => origin === undefined || names.has(origin))) return { sources };
  return config === undefined
    ? { sources, problem: 'no configuration names one' }
    : await readKnownSources(sources, config.stateDir);
}

async function importAgain(
  { image, origin, note, mayContain, files }: LostItem,
  knownSources: KnownSources,
  imageTree: ImageTree,
  json: boolean,
): Promise<Omit<Repair, 'lost'>> {
  // Another image with the same bytes was repaired.
  if (image !== undefined && hasBlob(imageTree.tree, image)) return { imported: image };
  if (origin === undefined) return { problem: note };
  try {
    const sources = knownSources.sources.filter((source) => source.name === origin || mayContain(source));
    const result = await importFrom(imageTree, { lost: { ...files, source: origin } }, sources, { json });
    if (image === undefined || !('image' in result)) return {};
    // The source has a newer image, which replaces this one.
    if (result.image.serial !== image.serial)
      await runJob(imageTree, 'remove', { images: [image] }, { isSilent: true });
    return { imported: result.image };
  } catch (error) {
    if (!(error instanceof RackError) || error.code === 'cancelled') throw error;
    if (knownSources.sources.some(({ name }) => name === origin)) return { problem: errorText(error) };
    const { problem } = knownSources;
    const queryFailure = problem === undefined ? '' : `; the region, which may have it, could not be asked: ${problem}`;
    return { problem: `its source ${origin} is unknown here${queryFailure}` };
  }
}
