// `rackboot images fsck`: reads all content of the store, moves damaged content out of it, and downloads it again.
//
// 1. An image is repaired by its own files, from whichever source has them, or replaced by a newer one of its own source. Nothing else takes
//    its place.
// 2. A copy of a region's image is left to the rack, which copies it again.

import { dirname } from 'node:path';
import { systemClock } from '../../clock.ts';
import { readImageSources, type SourceFlags } from '../../config/image-sources.ts';
import { counted } from '../../counted.ts';
import { errorText, RackError } from '../../errors.ts';
import { type CheckedContent, checkContent } from '../../images/image-check.ts';
import { removeImages, sweepBlobs } from '../../images/image-removal.ts';
import { COPY_SOURCE, formatImageName, hasBlob, readImages, type StoredImage } from '../../images/image-store.ts';
import { sweepDownloads } from '../../images/import/left-downloads.ts';
import type { OfferNames } from '../../images/import/offer.ts';
import { offersAgain } from '../../images/import/offers.ts';
import type { ImageSource } from '../../images/sources/source.ts';
import { formatBytes, print, printError, printJson } from '../terminal/output.ts';
import { type KnownSources, readKnownSources } from './boot-sources.ts';
import { enterImageTree, type ImageTree } from './image-tree.ts';
import { readImageUse } from './image-use.ts';
import { ImportRun } from './import-run.ts';
import { printTenths } from './tenths.ts';

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
  const place = enterImageTree(flags);
  const { tree } = place;
  const checked = await checkContent({ tree, repairs: !flags.report, onProgress: printTenths(flags.json) });
  const bad = checked.filter(({ state }) => state.kind !== 'whole');
  if (!flags.json) for (const content of bad) printError(describe(content));
  const lost = eachOnce(bad.filter((content) => !isLeft(content)).flatMap(({ images }) => images));
  const repairs = flags.report ? [] : await importAgain(lost, sources, place, flags.json);
  const nowMs = systemClock.wallTimeMs();
  const freed = flags.report ? 0 : (await sweepBlobs(tree, nowMs, new Set())) + (await sweepDownloads(tree, nowMs));
  const { problems } = readImages(tree);
  const left = flags.report ? lost.length : repairs.filter(({ imported }) => imported === undefined).length;
  const unreadable = bad.filter(isLeft).length;
  if (flags.json) printJson({ contents: checked, repairs, freed, problems });
  else {
    for (const problem of problems) printError(problem);
    const lostStill = new Set(
      repairs.flatMap(({ image, imported }) => (imported === undefined ? [formatImageName(image)] : [])),
    );
    const isWrong = (content: CheckedContent): boolean =>
      flags.report || isLeft(content) || content.images.some((image) => lostStill.has(formatImageName(image)));
    print(`Checked ${counted(checked.length, 'file')}: ${verdict(bad.length, bad.filter(isWrong).length)}.`);
    if (freed > 0) print(`Freed ${formatBytes(freed)} that no image needs.`);
  }
  return left + unreadable + problems.length > 0 ? 1 : 0;
}

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
  isSilent: boolean,
): Promise<readonly Repair[]> {
  if (lost.length === 0) return [];
  const sources = await sourcesFor(lost, ofFiles, place);
  const run = new ImportRun(place, () => readImageUse(place), isSilent);
  const repairs: Repair[] = [];
  try {
    for (const image of lost) {
      const repair = await importOne(image, sources, run);
      repairs.push(repair);
      if (isSilent) continue;
      if (repair.imported !== undefined) print(`Imported ${formatImageName(repair.imported)} again`);
      else printError(`${formatImageName(image)} was not repaired: ${repair.problem}`);
    }
    return repairs;
  } finally {
    await run.close();
  }
}

/** The sources of files and, if an image came from another one, those of the region. */
async function sourcesFor(
  lost: readonly StoredImage[],
  sources: readonly ImageSource[],
  { config }: ImageTree,
): Promise<KnownSources> {
  const names = new Set([COPY_SOURCE, ...sources.map(({ name }) => name)]);
  if (lost.every(({ origin }) => origin === undefined || names.has(origin.source))) return { sources };
  return config === undefined
    ? { sources, problem: 'no configuration names one' }
    : await readKnownSources(sources, config.stateDir);
}

async function importOne(image: StoredImage, { sources, problem }: KnownSources, run: ImportRun): Promise<Repair> {
  // Another image with the same bytes was repaired.
  if (hasBlob(run.tree, image)) return { image, imported: image };
  const { os, release, architecture, subarchitecture, label, origin } = image;
  if (origin?.source === COPY_SOURCE) {
    const remedy = 'a rack that runs copies it again within 5 minutes, unless boot.copy_images is false';
    return { image, problem: `it is a copy of an image of the region; ${remedy}` };
  }
  if (origin === undefined) {
    const command = `rackboot images add FILE --os ${os} --release ${release} --arch ${architecture} --serial ${image.serial}`;
    return { image, problem: `it was added from a file; \`${command}\` adds it again` };
  }
  try {
    const asked = sources.filter((source) => source.os === os || source.name === origin.source);
    const isSame = (names: OfferNames): boolean => names.label === label && names.subarchitecture === subarchitecture;
    const wish = { os, release, architectures: [architecture], subarchitecture, choices: [isSame] };
    const { image: imported } = await run.import(asked, wish, (answers) => offersAgain(answers, image));
    // The source has a newer image, which replaces this one.
    if (imported.serial !== image.serial) await removeImages(run.tree, [image], run.nowMs, { isKnown: true });
    return { image, imported };
  } catch (error) {
    if (!(error instanceof RackError) || error.code === 'cancelled') throw error;
    const isKnown = sources.some(({ name }) => name === origin.source);
    const unasked = problem === undefined ? '' : `; the region, which may have it, could not be asked: ${problem}`;
    return {
      image,
      problem: isKnown ? errorText(error) : `its source ${origin.source} is unknown here${unasked}`,
    };
  }
}
