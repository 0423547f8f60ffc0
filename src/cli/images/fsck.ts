// `rackboot images fsck`: reads all content of the store, moves damaged content out of it, and
// downloads it again.
//
// 1. An image, a boot loader or an installer is repaired by its own files from any source, or
//    replaced by a newer one of its own source, by nothing else. For others, the problem has the
//    command that mends it.
// 2. The copy of a region's image is left to the rack, which copies it again.
// 3. Boot loaders, installers and environments are not in the store: they are compared with their manifests.

import { dirname } from 'node:path';
import { readImageSources } from '../../config/image-sources.ts';
import { counted, joinNames } from '../../ground/counted.ts';
import { errorText, RackError } from '../../ground/errors.ts';
import type { Wanted } from '../../images/engine/import-named.ts';
import { type CheckedPart, partName } from '../../images/run/part-check.ts';
import { findOrigin } from '../../images/run/tree-parts.ts';
import { INSTALLER, LOADER } from '../../images/sources/offer.ts';
import type { ImageSource } from '../../images/sources/source.ts';
import { bytesMovedAside, type CheckedContent, damagedDirectory } from '../../images/store/image-check.ts';
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
interface Lost {
  readonly name: string;
  /** Undefined: a part. */
  readonly image?: StoredImage;
  /** Its source; undefined: it comes from none, or it is a copy. */
  readonly origin: string | undefined;
  /** How it comes back without a source. */
  readonly note: string;
  /** From which other sources its files may come. */
  readonly mayHave: (source: ImageSource) => boolean;
  readonly files: Omit<Extract<Wanted, { readonly lost: unknown }>['lost'], 'source'>;
}

interface Repair {
  readonly lost: Lost;
  /** Of an image; undefined: none. */
  readonly imported?: StoredImage;
  /** Undefined: it was repaired. */
  readonly problem?: string;
}

/**
 * Checks the store, and repairs it unless only a report is wanted. @returns 0 if all content is
 * intact afterwards, 1 otherwise
 */
export async function checkStore(flags: FsckFlags): Promise<number> {
  const sources = readImageSources(flags);
  const place = await openTreeAsOwner(flags);
  const { tree } = place;
  const options = { isSilent: flags.json };
  const {
    contents: checked,
    parts,
    others,
    problems,
  } = await runJob(place, 'check', { repairs: !flags.report }, options);
  const bad = checked.filter(({ state }) => state.kind !== 'whole');
  const badParts = parts.filter(({ files }) => files.some(({ state }) => state.kind !== 'whole'));
  if (!flags.json) for (const line of [...bad.map(describe), ...badParts.flatMap(describePart)]) printError(line);
  const lost = eachOnce(bad.filter(isLost).flatMap(({ images }) => images));
  const notes = addedNotes(lost, treeOption(flags));
  const wanted = [
    ...lost.map((image) => lostImage(image, notes.get(image) ?? '')),
    ...badParts.filter(({ files }) => files.some(isLost)).map((part) => lostPart(part, treeOption(flags))),
  ];
  const repairs = flags.report ? [] : await repairAll(wanted, sources, place, flags.json);
  const { freed, problems: unswept } = flags.report ? { freed: 0, problems: [] } : await sweep(place);
  const { problems: unread, unusable } = readImages(tree);
  const troubles = [...unread, ...problems, ...unswept];
  const repaired = new Set(repairs.flatMap(({ lost, problem }) => (problem === undefined ? [lost.name] : [])));
  const left = bad.filter(
    (content) => !isLost(content) || content.images.some((image) => !repaired.has(formatImageName(image))),
  );
  const wrong = left.length + wrongFiles(badParts.filter((part) => !repaired.has(partName(part))));
  if (flags.json)
    printJson({
      contents: checked,
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
    const damagedCount = bad.length + wrongFiles(badParts);
    const count = checked.length + parts.reduce((sum, { files }) => sum + files.length, 0);
    const missed = troubles.length === 0 ? '' : ', but not everything could be checked';
    print(`Checked ${counted(count, 'file')}: ${verdict(damagedCount, wrong)}${missed}.`);
    if (others.length > 0) print(`Not checked, because Rackboot has no hashes of it: ${joinNames(others, NAMED_MAX)}.`);
    if (freed > 0) print(`Freed ${formatBytes(freed)} that no image needs.`);
    const keptBytes = bytesMovedAside(tree);
    if (keptBytes > 0)
      print(`Damaged files kept in ${damagedDirectory(tree)}: ${formatBytes(keptBytes)}; delete what you do not need.`);
  }
  return wrong + troubles.length > 0 ? 1 : 0;
}

/** Removes what no image needs. @returns the freed bytes, and failures */
async function sweep(place: ImageTree): Promise<{ readonly freed: number; readonly problems: readonly string[] }> {
  const options = { isSilent: true };
  const freed = await runJob(place, 'sweep', {}, options);
  try {
    return { freed: freed + (await runJob(place, 'sweep-downloads', {}, options)), problems: [] };
  } catch (error) {
    if (!(error instanceof RackError)) throw error;
    return { freed, problems: [errorText(error)] };
  }
}

const wrongFiles = (parts: readonly CheckedPart[]): number =>
  parts.reduce((sum, { files }) => sum + files.filter(({ state }) => state.kind !== 'whole').length, 0);

/** @param found wrong files @param left how many still are */
function verdict(found: number, left: number): string {
  if (found === 0) return 'all right';
  if (left === found) return `${found} wrong`;
  return left === 0
    ? `${found} wrong, all repaired`
    : `${found} wrong, of which ${found - left} repaired, ${left} still wrong`;
}

type CheckedFile = CheckedPart['files'][number];

/** Another import can bring it back. */
const isLost = ({ state: { kind } }: CheckedContent | CheckedFile): boolean => kind === 'damaged' || kind === 'missing';

function describe({ path, images, state, movedTo }: CheckedContent): string {
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
      // The path has the names of most parts in it.
      const name = part.directory === partName(part) ? file.path : `${file.path} of ${partName(part)}`;
      return `${name} ${describeFile(part, file)}`;
    });

function describeFile(part: CheckedPart, { path, state, movedTo }: CheckedFile): string {
  switch (state.kind) {
    case 'damaged': {
      const stays = isPersonal(part, state) ? '; it stays, because you may have put it there' : '';
      return `is damaged: it does not match its manifest, ${difference(state, movedTo)}${stays}`;
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

/** A person may have replaced a boot loader in the top directory by this file. */
const isPersonal = ({ kind }: CheckedPart, state: CheckedFile['state']): boolean =>
  kind === 'built-in' && state.kind === 'damaged' && state.found === undefined;

/**
 * Each image once, although several of its files may be damaged. Images of a source come first:
 * others may share their bytes.
 */
function eachOnce(images: readonly StoredImage[]): readonly StoredImage[] {
  const named = new Map(images.map((image) => [formatImageName(image), image]));
  return [...named.values()].toSorted((a, b) => Number(a.origin === undefined) - Number(b.origin === undefined));
}

function lostImage(image: StoredImage, note: string): Lost {
  const { os, origin, system } = image;
  const fetched = [origin?.hex ?? '', ...(system?.files ?? []).map(({ sha256 }) => sha256)];
  return {
    name: formatImageName(image),
    image,
    ...originOr(origin?.source, 'it is a copy of an image of the region', note),
    mayHave: (source) => source.os === os,
    files: { ...image, kind: 'image', fetched },
  };
}

function lostPart(part: CheckedPart, treeWords: string): Lost {
  const { kind, architecture, release, manifest } = part;
  const { serial, fetched = [], os = '', label } = manifest;
  const own = part.files.filter(({ state }) => isPersonal(part, state)).map(({ path }) => path);
  const names = { release, architecture, subarchitecture: 'generic', serial, fetched };
  const isLoader = kind === 'loader';
  return {
    name: partName(part),
    ...originOr(findOrigin(part), 'it is a copy from the region', partNote(part, own, treeWords)),
    mayHave: (source) => (isLoader ? source.os === LOADER : source.kind === 'installer' && source.os === os),
    files: isLoader
      ? { ...names, kind: 'loader', os: LOADER, label }
      : { ...names, kind: 'installer', os, label: INSTALLER },
  };
}

function originOr(source: string | undefined, ofCopy: string, note: string): Pick<Lost, 'origin' | 'note'> {
  if (source !== COPY_SOURCE) return { origin: source, note };
  const remedy = 'a rack that runs copies it again within 5 minutes, unless boot.copy_images is false';
  return { origin: undefined, note: `${ofCopy}; ${remedy}` };
}

async function repairAll(
  wanted: readonly Lost[],
  ofFiles: readonly ImageSource[],
  place: ImageTree,
  json: boolean,
): Promise<readonly Repair[]> {
  const sources = await sourcesFor(
    wanted.map(({ origin }) => origin),
    ofFiles,
    place,
  );
  const repairs: Repair[] = [];
  for (const lost of wanted) {
    const repair = { lost, ...(await importAgain(lost, sources, place, json)) };
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

/** The sources of files and, if needed, those of the region. @param origins undefined: from no source */
async function sourcesFor(
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
  { image, origin, note, mayHave, files }: Lost,
  known: KnownSources,
  place: ImageTree,
  json: boolean,
): Promise<Omit<Repair, 'lost'>> {
  // Another image with the same bytes was repaired.
  if (image !== undefined && hasBlob(place.tree, image)) return { imported: image };
  if (origin === undefined) return { problem: note };
  try {
    const sources = known.sources.filter((source) => source.name === origin || mayHave(source));
    const result = await importFrom(place, { lost: { ...files, source: origin } }, sources, { json });
    if (image === undefined || !('image' in result)) return {};
    // The source has a newer image, which replaces this one.
    if (result.image.serial !== image.serial) await runJob(place, 'remove', { images: [image] }, { isSilent: true });
    return { imported: result.image };
  } catch (error) {
    if (!(error instanceof RackError) || error.code === 'cancelled') throw error;
    if (known.sources.some(({ name }) => name === origin)) return { problem: errorText(error) };
    const { problem } = known;
    const unasked = problem === undefined ? '' : `; the region, which may have it, could not be asked: ${problem}`;
    return { problem: `its source ${origin} is unknown here${unasked}` };
  }
}
