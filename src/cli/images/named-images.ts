// The errors of commands that name images by the start of their names, and how images without a
// source come back.

import { shellWord } from '../../ground/clean-text.ts';
import { counted, joinNames } from '../../ground/counted.ts';
import { RackError } from '../../ground/errors.ts';
import { composeNearestHint } from '../../ground/nearest-name.ts';
import { findSourceFile, type KnownPart } from '../../images/run/part-check.ts';
import { formatImageName, type StoredImage } from '../../images/store/image-store.ts';

/** The most images that an error names. It counts further images. */
export const CANDIDATES_MAX = 8;

/**
 * Asks whether a similar beginning of a name was meant; empty if there is none. @param names the
 * names of all images
 */
export function nearestBeginning(wanted: string, names: readonly string[]): string {
  // Compare beginnings with as many parts as the given name.
  const parts = wanted.split('/').length;
  return composeNearestHint(wanted, [...new Set(names.map((name) => name.split('/').slice(0, parts).join('/')))]);
}

/** The error if several images match, and only one may. */
export const toSeveralMatchError = (names: readonly string[]): RackError =>
  new RackError(
    'bad-argument',
    `${counted(names.length, 'image')} match; give a full name, or add --all: ${joinNames(names, CANDIDATES_MAX)}`,
  );

/** The label of uploads, and of other images without a label. */
const [UPLOADED, RELEASED] = ['uploaded', 'release'];
const GENERIC = 'generic';

/**
 * Describes the commands that bring back the bytes of these added or uploaded images. Images that
 * share their bytes need only one command.
 * @param treeWords as `treeOption`
 */
export function addedNotes(lost: readonly StoredImage[], treeWords: string): ReadonlyMap<StoredImage, string> {
  const firstByHash = new Map<string, StoredImage>();
  const added = lost.filter(({ origin }) => origin === undefined);
  return new Map(
    added.map((image) => {
      const sameBytes = firstByHash.get(image.sha256);
      if (sameBytes !== undefined) return [image, `its bytes come back with those of ${formatImageName(sameBytes)}`];
      firstByHash.set(image.sha256, image);
      return [image, addedNote(image, treeWords)];
    }),
  );
}

function addedNote(image: StoredImage, treeWords: string): string {
  const { os, release, architecture: arch, subarchitecture: subarch, label, serial } = image;
  if (image.isMade === true) {
    const words = `--release ${release} --arch ${arch}${label === RELEASED ? '' : ` --label ${label}`}${treeWords}`;
    const removal = `rackboot images remove ${formatImageName(image)}${treeWords}`;
    return `it was made on this host; \`rackboot images make-debian ${words}\` makes a new one, then \`${removal}\` removes this one`;
  }
  if (image.bundle !== undefined) return bundleNote(image.bundle, treeWords);
  if (label === UPLOADED) {
    const hardware = subarch === GENERIC ? arch : `${arch}/${subarch}`;
    return `it was uploaded; \`rackboot images upload ${os}/${release} FILE --arch ${hardware}\` uploads it again`;
  }
  const subarchWords = subarch === GENERIC ? '' : ` --subarch ${subarch}`;
  const labelWords = label === RELEASED ? '' : ` --label ${label}`;
  const words = `--arch ${arch}${subarchWords}${labelWords} --serial ${serial}${treeWords}`;
  return `it was added from a file; \`rackboot images add FILE --os ${os} --release ${release} ${words}\` adds it again`;
}

/**
 * Describes the command that repairs a part without a source.
 * @param personalPaths the paths of the damaged files that a person may have put there @param treeWords as `treeOption`
 */
export function partNote(part: KnownPart, personalPaths: readonly string[], treeWords: string): string {
  const { kind, architecture, release, manifest } = part;
  const arch = `${architecture === 'amd64' ? '' : ` --arch ${architecture}`}${treeWords}`;
  if (kind === 'built-in') {
    const build = `\`rackboot images build${arch}\` fetches it from Debian's packages`;
    return personalPaths.length === 0
      ? build
      : `if you did not put ${personalPaths.join(', ')} there, remove it; then ${build}`;
  }
  const releaseFlags = ` --release ${release}${arch}`;
  if (kind === 'environment') return `\`rackboot images build${releaseFlags}\` builds it again`;
  const file = findSourceFile(part);
  if (file === undefined)
    return `it was made of packages; \`rackboot images import-installer${releaseFlags}\` makes it again`;
  if (manifest.isBundled) return bundleNote(file, treeWords);
  const command = manifest.files.some(({ name }) => name.endsWith('.iso')) ? 'import' : 'import-installer';
  const words = `rackboot images ${command} ${shellWord(`./${file}`)}${releaseFlags}`;
  return `it was made of ${file}; \`${words}\` makes it again, in the directory of that file`;
}

const bundleNote = (file: string, treeWords: string): string =>
  `it came with ${file}; \`rackboot images import ${shellWord(`./${file}`)}${treeWords}\` brings it again, in the directory of that file`;
