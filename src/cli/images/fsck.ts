// `rackboot images fsck`: reads all content of the store, moves damaged content out of it, and downloads it again.
//
// 1. An image is repaired by its own files, from whichever source has them, or replaced by a newer one of its own source. Nothing else takes
//    its place.
// 2. A copy of a region's image is left to the rack, which copies it again.
// 3. Boot loaders, installers and environments are not in the store: they are compared with their manifests (fsck-parts.ts).

import { dirname } from 'node:path';
import { systemClock } from '../../clock.ts';
import { readImageSources, type SourceFlags } from '../../config/image-sources.ts';
import { counted, listed } from '../../counted.ts';
import { errorText, RackError } from '../../errors.ts';
import { bytesMovedAside, type CheckedContent, checkContent, damagedOf } from '../../images/image-check.ts';
import { removeImages, sweepBlobs } from '../../images/image-removal.ts';
import { COPY_SOURCE, formatImageName, hasBlob, readImages, type StoredImage } from '../../images/image-store.ts';
import { sweepDownloads } from '../../images/run/left-downloads.ts';
import { type CheckedPart, checkParts, originOf, partName } from '../../images/run/part-check.ts';
import type { OfferNames } from '../../images/sources/offer.ts';
import { offersAgain } from '../../images/sources/offers.ts';
import type { ImageSource } from '../../images/sources/source.ts';
import { formatBytes, print, printError, printJson } from '../terminal/output.ts';
import { type KnownSources, readKnownSources } from './boot-sources.ts';
import { removalsOf } from './disk-images.ts';
import { copiedAgain, describePart, isLost, type PartRepair, repairParts, unimported } from './fsck-parts.ts';
import { enterImageTree, type ImageTree, treeOption } from './image-tree.ts';
import { readImageUse } from './image-use.ts';
import { ImportRun } from './import-run.ts';
import { addedNotes } from './named-images.ts';
import { printTenths } from './tenths.ts';

/** The most names that a sentence lists. */
const NAMED_MAX = 8;

interface FsckFlags extends SourceFlags {
  readonly tree?: string | undefined;
  readonly report: boolean;
  readonly json: boolean;
}

/** An image without its bytes, and its replacement. */
interface Repair {
  readonly image: StoredImage;
  /** The image imported in its place, or the same one again; undefined: none. */
  readonly imported?: StoredImage;
  readonly problem?: string;
}

/** Checks the store, and repairs it unless only a report is wanted. @returns 0 if all content is intact afterwards, 1 otherwise */
export async function checkStore(flags: FsckFlags): Promise<number> {
  const sources = readImageSources(flags);
  const place = await enterImageTree(flags);
  const { tree } = place;
  const checked = await checkContent({ tree, repairs: !flags.report, onProgress: printTenths(flags.json, 'Images') });
  const { parts, others, problems } = await checkParts({
    tree,
    repairs: !flags.report,
    onProgress: printTenths(flags.json, 'Boot loaders, installers and environments'),
  });
  const bad = checked.filter(({ state }) => state.kind !== 'whole');
  const badParts = parts.filter(({ files }) => files.some(({ state }) => state.kind !== 'whole'));
  if (!flags.json) for (const line of [...bad.map(describe), ...badParts.flatMap(describePart)]) printError(line);
  const lost = eachOnce(bad.filter((content) => !isLeft(content)).flatMap(({ images }) => images));
  const lostParts = badParts.filter(({ files }) => files.some(isLost));
  const repairs = flags.report ? [] : await importAgain(lost, sources, place, flags);
  const partRepairs = flags.report ? [] : await importPartsAgain(lostParts, sources, place, flags);
  const nowMs = systemClock.wallTimeMs();
  const swept = flags.report ? { freed: 0, problems: [] } : await sweep(tree, nowMs);
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

/** Removes what no image needs. @returns the freed bytes, and why something could not be removed */
async function sweep(
  tree: string,
  nowMs: number,
): Promise<{ readonly freed: number; readonly problems: readonly string[] }> {
  const freed = await sweepBlobs(tree, nowMs, new Set());
  try {
    return { freed: freed + (await sweepDownloads(tree, nowMs)), problems: [] };
  } catch (error) {
    if (!(error instanceof RackError)) throw error;
    return { freed, problems: [errorText(error)] };
  }
}

/** How many files of these parts are wrong. */
const wrongFiles = (parts: readonly CheckedPart[]): number =>
  parts.reduce((sum, { files }) => sum + files.filter(({ state }) => state.kind !== 'whole').length, 0);

/** @param found how many files were wrong @param left how many still are */
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

/** Each image once, although several of its files may be damaged. Images of a source come first: others may share their bytes. */
function eachOnce(images: readonly StoredImage[]): readonly StoredImage[] {
  const named = new Map(images.map((image) => [formatImageName(image), image]));
  return [...named.values()].toSorted((a, b) => Number(a.origin === undefined) - Number(b.origin === undefined));
}

/** Imports images again if they came from a source. */
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
  const treeWords = treeOption(flags);
  const run = new ImportRun(place, () => readImageUse(place), isSilent);
  const repairs: Repair[] = [];
  const notes = addedNotes(lost, treeWords);
  try {
    for (const image of lost) {
      const repair = await importOne(image, sources, run, notes);
      repairs.push(repair);
      if (isSilent) continue;
      if (repair.imported !== undefined) print(describeRepair(image, repair.imported));
      else printError(`${formatImageName(image)} was not repaired: ${repair.problem}`);
    }
    return repairs;
  } finally {
    await run.close();
  }
}

function describeRepair(lost: StoredImage, imported: StoredImage): string {
  const [name, before] = [formatImageName(imported), formatImageName(lost)];
  if (name === before) return `Imported ${name} again`;
  return `Imported ${name}, which replaces ${before}: no source has the files of that version`;
}

/** Imports boot loaders and installers again if they came from a source. */
async function importPartsAgain(
  lost: readonly CheckedPart[],
  ofFiles: readonly ImageSource[],
  place: ImageTree,
  { json: isSilent, ...flags }: FsckFlags,
): Promise<readonly PartRepair[]> {
  if (lost.length === 0) return [];
  const known = await sourcesFor(lost.map(originOf), ofFiles, place);
  const run = new ImportRun(place, () => readImageUse(place), isSilent);
  try {
    const treeWords = treeOption(flags);
    return await repairParts(lost, { ...known, run, stateDir: place.stateDir, treeWords, isSilent });
  } finally {
    await run.close();
  }
}

/** The sources of files and, if something came from another one, those of the region. @param origins undefined: from no source */
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
  run: ImportRun,
  notes: ReadonlyMap<StoredImage, string>,
): Promise<Repair> {
  // Another image with the same bytes was repaired.
  if (hasBlob(run.tree, image)) return { image, imported: image };
  const { os, release, architecture, subarchitecture, label, origin } = image;
  if (origin?.source === COPY_SOURCE) return { image, problem: copiedAgain('it is a copy of an image of the region') };
  if (origin === undefined) return { image, problem: notes.get(image) ?? '' };
  const fetched = [origin.hex, ...(image.system?.files ?? []).map(({ sha256 }) => sha256)];
  try {
    const asked = known.sources.filter((source) => source.os === os || source.name === origin.source);
    const isSame = (names: OfferNames): boolean => names.label === label && names.subarchitecture === subarchitecture;
    const wish = {
      os,
      release,
      architectures: [architecture],
      subarchitecture,
      choices: [isSame],
      isEveryVersion: true,
    };
    const { image: imported } = await run.import(asked, wish, {
      choose: (answers) => offersAgain(answers, { ...image, kind: 'image', source: origin.source, fetched }),
    });
    // The source has a newer image, which replaces this one.
    if (imported.serial !== image.serial) await removeImages(run.tree, [image], run.nowMs, { isKnown: true });
    return { image, imported };
  } catch (error) {
    return { image, problem: unimported(error, origin.source, known) };
  }
}
