// `rackboot images fsck`: reads all content of the store, moves damaged content out of it, and downloads it again.
//
// 1. An image is repaired by its own files from any source, or replaced by a newer one of its own source, by nothing
//    else.
// 2. The copy of a region's image is left to the rack, which copies it again.
// 3. Boot loaders, installers and environments are not in the store: they are compared with their manifests (fsck-parts.ts).

import { dirname } from 'node:path';
import { readImageSources } from '../../config/image-sources.ts';
import { counted, listed } from '../../counted.ts';
import { errorText, RackError } from '../../errors.ts';
import { bytesMovedAside, type CheckedContent, damagedOf } from '../../images/image-check.ts';
import { COPY_SOURCE, formatImageName, hasBlob, readImages, type StoredImage } from '../../images/image-store.ts';
import { type CheckedPart, originOf, partName } from '../../images/run/part-check.ts';
import type { ImageSource } from '../../images/sources/source.ts';
import { formatBytes, print, printError, printJson } from '../terminal/output.ts';
import { type KnownSources, readKnownSources } from './boot-sources.ts';
import { removalsOf } from './disk-images.ts';
import { haveDone } from './engine.ts';
import { copiedAgain, describePart, isLost, type PartRepair, repairParts, unimported } from './fsck-parts.ts';
import { enterImageTree, type ImageTree, treeOption } from './image-tree.ts';
import { importFrom } from './import.ts';
import { addedNotes } from './named-images.ts';
import type { FsckFlags } from './options.ts';

const NAMED_MAX = 8;

interface Repair {
  readonly image: StoredImage;
  /** Undefined: none. */
  readonly imported?: StoredImage;
  readonly problem?: string;
}

/** Checks the store, and repairs it unless only a report is wanted. @returns 0 if all content is intact afterwards, 1 otherwise */
export async function checkStore(flags: FsckFlags): Promise<number> {
  const sources = readImageSources(flags);
  const place = await enterImageTree(flags);
  const { tree } = place;
  const shown = { isSilent: flags.json };
  const {
    contents: checked,
    parts,
    others,
    problems,
  } = await haveDone(place, 'check', { repairs: !flags.report }, shown);
  const bad = checked.filter(({ state }) => state.kind !== 'whole');
  const badParts = parts.filter(({ files }) => files.some(({ state }) => state.kind !== 'whole'));
  if (!flags.json) for (const line of [...bad.map(describe), ...badParts.flatMap(describePart)]) printError(line);
  const lost = eachOnce(bad.filter((content) => !isLeft(content)).flatMap(({ images }) => images));
  const lostParts = badParts.filter(({ files }) => files.some(isLost));
  const repairs = flags.report ? [] : await importAgain(lost, sources, place, flags);
  const partRepairs = flags.report ? [] : await importPartsAgain(lostParts, sources, place, flags);
  const swept = flags.report ? { freed: 0, problems: [] } : await sweep(place);
  const { problems: unread, unusable } = readImages(tree);
  const troubles = [...unread, ...problems, ...swept.problems];
  const { freed } = swept;
  const repaired = new Set(partRepairs.flatMap(({ name, problem }) => (problem === undefined ? [name] : [])));
  const leftParts = badParts.filter((part) => flags.report || !repaired.has(partName(part)));
  const left = flags.report ? lost.length : repairs.filter(({ imported }) => imported === undefined).length;
  const unreadable = bad.filter(isLeft).length;
  if (flags.json)
    printJson({
      contents: checked,
      repairs,
      parts: parts.map(({ manifest: _, ...part }) => part),
      partRepairs,
      unchecked: others,
      freed,
      problems: troubles,
    });
  else {
    for (const problem of troubles) printError(problem);
    for (const line of removalsOf(unusable, treeOption(flags))) printError(line);
    const lostStill = new Set(
      repairs.flatMap(({ image, imported }) => (imported === undefined ? [formatImageName(image)] : [])),
    );
    const isWrong = (content: CheckedContent): boolean =>
      flags.report || isLeft(content) || content.images.some((image) => lostStill.has(formatImageName(image)));
    const found = bad.length + wrongFiles(badParts);
    const count = checked.length + parts.reduce((sum, { files }) => sum + files.length, 0);
    const missed = troubles.length === 0 ? '' : ', but not everything could be checked';
    const wrong = bad.filter(isWrong).length + wrongFiles(leftParts);
    print(`Checked ${counted(count, 'file')}: ${verdict(found, wrong)}${missed}.`);
    if (others.length > 0) print(`Not checked, because Rackboot has no hashes of it: ${listed(others, NAMED_MAX)}.`);
    if (freed > 0) print(`Freed ${formatBytes(freed)} that no image needs.`);
    const kept = bytesMovedAside(tree);
    if (kept > 0) print(`Damaged files kept in ${damagedOf(tree)}: ${formatBytes(kept)}; delete what you do not need.`);
  }
  return left + unreadable + leftParts.length + troubles.length > 0 ? 1 : 0;
}

/** Removes what no image needs. @returns the freed bytes, and failures */
async function sweep(place: ImageTree): Promise<{ readonly freed: number; readonly problems: readonly string[] }> {
  const shown = { isSilent: true };
  const freed = await haveDone(place, 'sweep', {}, shown);
  try {
    return { freed: freed + (await haveDone(place, 'sweep-downloads', {}, shown)), problems: [] };
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

/** True for content that another import cannot bring back. */
const isLeft = ({ state: { kind } }: CheckedContent): boolean => kind === 'unreadable' || kind === 'linked';

function describe({ path, images, state, movedTo }: CheckedContent): string {
  const names = images.map(formatImageName).join(', ');
  const [is, has] = images.length === 1 ? ['is', 'has'] : ['are', 'have'];
  switch (state.kind) {
    case 'damaged': {
      const why = state.found === undefined ? `it has ${counted(state.bytes, 'byte')}` : `its sha256 is ${state.found}`;
      return `${names} ${is} damaged: ${path} does not match its name, ${why}${movedTo === undefined ? '' : `; it is now ${movedTo}`}`;
    }
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

/**
 * Each image once, although several of its files may be damaged. Images of a source come first: others may share their
 * bytes.
 */
function eachOnce(images: readonly StoredImage[]): readonly StoredImage[] {
  const named = new Map(images.map((image) => [formatImageName(image), image]));
  return [...named.values()].toSorted((a, b) => Number(a.origin === undefined) - Number(b.origin === undefined));
}

async function importAgain(
  lost: readonly StoredImage[],
  ofFiles: readonly ImageSource[],
  place: ImageTree,
  { json: isSilent, ...flags }: FsckFlags,
): Promise<readonly Repair[]> {
  if (lost.length === 0) return [];
  const sources = await sourcesFor(
    lost.map(({ origin }) => origin?.source),
    ofFiles,
    place,
  );
  const repairs: Repair[] = [];
  const notes = addedNotes(lost, treeOption(flags));
  for (const image of lost) {
    const repair = await importOne(image, sources, place, notes, isSilent);
    repairs.push(repair);
    if (isSilent) continue;
    if (repair.imported !== undefined) print(describeRepair(image, repair.imported));
    else printError(`${formatImageName(image)} was not repaired: ${repair.problem}`);
  }
  return repairs;
}

function describeRepair(lost: StoredImage, imported: StoredImage): string {
  const [name, before] = [formatImageName(imported), formatImageName(lost)];
  if (name === before) return `Imported ${name} again`;
  return `Imported ${name}, which replaces ${before}: no source has the files of that version`;
}

async function importPartsAgain(
  lost: readonly CheckedPart[],
  ofFiles: readonly ImageSource[],
  place: ImageTree,
  { json: isSilent, ...flags }: FsckFlags,
): Promise<readonly PartRepair[]> {
  if (lost.length === 0) return [];
  const known = await sourcesFor(lost.map(originOf), ofFiles, place);
  return await repairParts(lost, { ...known, place, treeWords: treeOption(flags), isSilent });
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

async function importOne(
  image: StoredImage,
  known: KnownSources,
  place: ImageTree,
  notes: ReadonlyMap<StoredImage, string>,
  isSilent: boolean,
): Promise<Repair> {
  // Another image with the same bytes was repaired.
  if (hasBlob(place.tree, image)) return { image, imported: image };
  const { os, origin } = image;
  if (origin?.source === COPY_SOURCE) return { image, problem: copiedAgain('it is a copy of an image of the region') };
  if (origin === undefined) return { image, problem: notes.get(image) ?? '' };
  try {
    const sources = known.sources.filter((source) => source.os === os || source.name === origin.source);
    const fetched = [origin.hex, ...(image.system?.files ?? []).map(({ sha256 }) => sha256)];
    const lost = { ...image, kind: 'image', source: origin.source, fetched } as const;
    const result = await importFrom(place, { lost }, sources, { json: isSilent });
    if (!('image' in result)) return { image };
    // The source has a newer image, which replaces this one.
    if (result.image.serial !== image.serial) await haveDone(place, 'remove', { images: [image] }, { isSilent: true });
    return { image, imported: result.image };
  } catch (error) {
    return { image, problem: unimported(error, origin.source, known) };
  }
}
