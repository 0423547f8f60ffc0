// Turns one version of a simplestreams product into an offer. The kinds of its files decide the
// kind of the offer: a disk image, the root of a system with kernel and initrd, a boot loader, or
// the finished installer of another Rackboot.
//
// Source: the products of MAAS's streams (`…:v3:download`, `…:centos-bases-download`,
// `…:1:bootloader-download`).
//
// 1. No file without a checksum is offered, and no image that is larger than DISK_BYTES_MAX.
// 2. The release's own kernel (`ga-24.04`; before 16.04 `hwe-` and the first letter of the release) gets the
//    subarchitecture `generic`, as in MAAS. Every other kernel, and a disk image for one kind of
//    machine (`xgene-uboot`), keeps its own name.

import { basename } from 'node:path';
import { CPUS } from '../../boot/architectures.ts';
import { isPlainName } from '../../boot/images.ts';
import { cleanText } from '../../ground/clean-text.ts';
import { counted } from '../../ground/counted.ts';
import { DISK_BYTES_MAX } from '../content/disk-image.ts';
import type { Digest } from '../download/request.ts';
import { judgeImageName, toStoredTitle } from '../store/image-store.ts';
import { isTreeName, SYSTEM_FILES_MAX } from '../store/stored-system.ts';
import {
  installerNames,
  LOADER,
  type Offer,
  type OfferedFile,
  type OfferedSystem,
  type OfferNames,
  PART_FILES_MAX,
  storedSerial,
  sumOfSizes,
} from './offer.ts';
import { isOwnProduct } from './own-stream.ts';
import type { StreamSource } from './source.ts';
import type { FileKind, StreamFile, StreamImage } from './stream-products.ts';
import { getTag } from './tags.ts';

const WORD_SHOWN_MAX = 64;

const shortCleanText = (text: string): string => cleanText(text, WORD_SHOWN_MAX);

/** Builds the clean texts of a version. The title (`24.04 LTS`) defaults to the version or the release. */
const buildCleanTexts = ({ os, release, title, version, subarch, label }: StreamImage) => ({
  os: shortCleanText(os),
  release: shortCleanText(release),
  title: shortCleanText(title || version || release),
  subarch: shortCleanText(subarch),
  label: shortCleanText(label),
});

const LABEL = 'release';
/**
 * Types of disk images, the easiest to read first. The last is the type of another region
 * (own-stream.ts).
 */
const DISK_TYPES = ['disk1.img', 'root-dd.raw', 'root-dd', 'root-dd.zst'];
const INSTALLER_FILES = ['linux', 'initrd.gz', 'installer.iso'];
const START_FILES = new Set(['kernel', 'initrd', 'device-tree', 'manifest']);
const GENERIC = /^(?:generic|ga-[0-9.]+)$/;
/** The releases from precise to wily name their own kernel after their first letter. */
const KERNEL_NAMED_BY_LETTER = /^[p-w]/;

/**
 * Builds the names of an offer. The names of a boot loader are the parts of its directory:
 * `bootloader`, `uefi`, `amd64`.
 */
export function buildOfferNames(source: StreamSource, image: StreamImage): OfferNames {
  const clean = buildCleanTexts(image);
  const { aliases } = image;
  const architecture = [...source.arches].find(([, siteName]) => siteName === image.arch)?.[0] ?? image.arch;
  const label = image.label === '' ? LABEL : clean.label;
  if (isLoader(image)) {
    const names = { source: source.name, os: LOADER, release: getLoaderType(image), architecture, label };
    return { ...names, subarchitecture: 'generic', aliases };
  }
  // LXD's and Incus's servers write `Debian`.
  const os = source.os === '*' ? clean.os.toLowerCase() : source.os;
  if (isInstaller(image))
    return { ...installerNames({ source: source.name, os, release: clean.release, architecture }), aliases };
  return {
    source: source.name,
    os,
    release: clean.release,
    architecture,
    label,
    subarchitecture: isGeneric(image) ? 'generic' : formatSubarchitecture({ ...image, subarch: clean.subarch }),
    subarches: [...new Set([formatSubarchitecture(image), ...listRollingNames(image), ...image.subarches])],
    aliases,
  };
}
/** A larger sum of sizes would be inexact as a number, or too large for the region's database. */
const IMAGE_BYTES_MAX = DISK_BYTES_MAX;

/** Builds an offer. @returns the offer, or the reason why the version cannot be imported */
export function buildStreamOffer(source: StreamSource, image: StreamImage): Offer | string {
  const names = buildOfferNames(source, image);
  const { os, release, architecture, label } = names;
  const clean = buildCleanTexts(image);
  const kind = isLoader(image) ? 'loader' : isInstaller(image) ? 'installer' : 'image';
  const kindText = { image: '', installer: 'the installer ', loader: 'the boot loader ' }[kind];
  const name = `${kindText}${kind === 'loader' ? clean.os : `${os}/${release}`} of the source ${source.name}`;
  const [root, ...others] = chooseFiles(kind, image);
  if (root === undefined) return `${name} has no file that can be deployed`;
  const files = [root, ...others].map((file) => buildOfferedFile(source, kind, image, file));
  const [first, ...otherFiles] = files.filter((file) => file !== undefined);
  if (first === undefined || files.includes(undefined))
    return `${name} has a file without a SHA-256 checksum: it cannot be verified`;
  const filesMax = kind === 'image' ? SYSTEM_FILES_MAX + 1 : PART_FILES_MAX;
  if (files.length > filesMax) return `${name} has more than ${filesMax} files`;
  const fileNames = [first, ...otherFiles].map((file) => file.name);
  if (kind === 'installer' && !['linux initrd.gz', 'linux initrd.gz installer.iso'].includes(fileNames.join(' ')))
    return `${name} has other files than linux, initrd.gz and installer.iso`;
  const isDisk = root.kind === 'disk';
  const subarch = formatSubarchitecture(image);
  const hasUsableNames =
    kind === 'loader'
      ? [release, architecture, label].every(isTreeName) && fileNames.every(isPlainName)
      : isDisk || (new Set(fileNames).size === fileNames.length && [subarch, ...fileNames].every(isTreeName));
  if (!hasUsableNames) return `${name} has names that are not allowed in the boot tree`;
  const bytes = sumOfSizes([first, ...otherFiles].map((file) => file.bytes));
  if (bytes !== undefined && bytes > IMAGE_BYTES_MAX)
    return `${name} would have ${counted(bytes, 'byte')}, more than ${IMAGE_BYTES_MAX}: the site's sizes are wrong`;
  const offer = { ...names, serial: storedSerial(image.serial), files: [first, ...otherFiles] as const };
  const problem = judgeImageName(offer);
  if (problem !== undefined) return `${name} cannot be imported: ${problem}`;
  if (kind === 'loader') return { ...offer, kind, title: clean.os };
  if (kind === 'installer')
    return CPUS.some((cpu) => cpu === architecture)
      ? { ...offer, kind, title: toStoredTitle(image.title), base: release, isPrebuilt: true }
      : `${name} is for ${architecture}, which no machine here has`;
  const title = chooseTitle(source, image, clean.title);
  const supportEnds = image.supportEnds === '' ? undefined : image.supportEnds;
  return {
    ...offer,
    kind,
    title,
    supportEnds,
    ...(isRootKind(root.kind) ? { system: { subarch, kind: root.kind } } : {}),
  };
}

function chooseFiles(kind: Offer['kind'], image: StreamImage): readonly StreamFile[] {
  const { files } = image;
  if (kind === 'loader') return files;
  if (kind === 'installer')
    return files.toSorted((a, b) => INSTALLER_FILES.indexOf(a.ftype) - INSTALLER_FILES.indexOf(b.ftype));
  const disks = files.filter((file) => file.kind === 'disk');
  const preferredDisk = DISK_TYPES.map((ftype) => disks.find((file) => file.ftype === ftype)).find(
    (file) => file !== undefined,
  );
  const disk = preferredDisk ?? disks[0];
  if (disk !== undefined) return [disk];
  const root = files.find((file) => isRootKind(file.kind));
  return root === undefined ? [] : [root, ...files.filter((file) => START_FILES.has(file.kind))];
}

const isRootKind = (kind: FileKind): kind is OfferedSystem['kind'] =>
  kind === 'squashfs' || kind === 'root-archive' || kind === 'root-image';

/**
 * Builds the offer of a file, which is named after its type, as in MAAS. @returns undefined if the
 * file lacks SHA-256. For a disk, SHA-512 is enough
 */
function buildOfferedFile(
  { url }: StreamSource,
  kind: Offer['kind'],
  { product }: StreamImage,
  file: StreamFile,
): OfferedFile | undefined {
  const digest = getStrongestDigest(file);
  if (digest === undefined || (digest.algorithm !== 'sha256' && file.kind !== 'disk')) return undefined;
  const { ftype, path, bytes } = file;
  const offeredFileBase = { name: ftype, url: `${url}${path}`, mirrors: [], bytes, digest };
  if (kind !== 'loader') return offeredFileBase;
  // A file of the type `bootloader` is not an archive, and keeps its own name, as in MAAS. In the
  // stream of another Rackboot, the path contains no file name.
  const isSingleFile = ftype === 'bootloader';
  return {
    ...offeredFileBase,
    name: isSingleFile && !isOwnProduct(product) ? basename(path) : file.name,
    isArchive: !isSingleFile,
  };
}

function chooseTitle(source: StreamSource, { product, os, title }: StreamImage, release: string): string {
  if (title !== '' && isOwnProduct(product)) return toStoredTitle(title);
  return toStoredTitle(`${chooseSystemTitle(source, os, release)} ${release}`.trim());
}

function chooseSystemTitle({ title }: StreamSource, os: string, release: string): string {
  if (title !== '' || release.toLowerCase().includes(os.toLowerCase())) return title;
  return `${os.slice(0, 1).toUpperCase()}${os.slice(1)}`;
}

const isLoader = ({ files }: StreamImage): boolean => files.length > 0 && files.every(({ kind }) => kind === 'loader');

const isInstaller = ({ files }: StreamImage): boolean =>
  files.length > 0 && files.every(({ kind }) => kind === 'installer');

/** Returns the type of a boot loader, such as `uefi` or `pxe`. Empty if the site does not state it. */
const getLoaderType = ({ files }: StreamImage): string =>
  files.map(({ tags }) => getTag(tags, 'bootloader-type')).find((text) => text !== '') ?? '';

function isGeneric(image: StreamImage): boolean {
  const { os, release } = image;
  const subarch = formatSubarchitecture(image);
  return (
    GENERIC.test(subarch) ||
    (os === 'ubuntu' && KERNEL_NAMED_BY_LETTER.test(release) && subarch === `hwe-${release.slice(0, 1)}`)
  );
}

/**
 * Formats the subarchitecture, followed by the flavour of its kernel (`lowlatency`) unless it
 * already contains the flavour.
 */
function formatSubarchitecture({ subarch, files }: Pick<StreamImage, 'subarch' | 'files'>): string {
  const kernel = files.find(({ kind }) => kind === 'kernel');
  const flavour = kernel === undefined ? '' : getTag(kernel.tags, 'kflavor');
  const hasNoFlavour = flavour === '' || flavour === 'generic' || !/^(?:ga|hwe)-/.test(subarch);
  return hasNoFlavour || subarch.split('-').includes(flavour) ? subarch : `${subarch}-${flavour}`;
}

/** Lists the further name of the newest kernel of its kind: `hwe-24.04-edge` is also `hwe-rolling-edge`. */
function listRollingNames(image: StreamImage): readonly string[] {
  const isRolling = image.files.some(({ kind, tags }) => kind === 'kernel' && /^true$/i.test(getTag(tags, 'rolling')));
  return isRolling ? [formatSubarchitecture(image).replace(/^(ga|hwe)-[^-]+/, '$1-rolling')] : [];
}

/** Returns the strongest checksum of a file. Undefined if its site gives none. */
export function getStrongestDigest({ sha256, sha512 }: StreamFile): Digest | undefined {
  if (sha256 !== undefined) return { algorithm: 'sha256', hex: sha256 };
  return sha512 === undefined ? undefined : { algorithm: 'sha512', hex: sha512 };
}
