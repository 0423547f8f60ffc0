// Turns one version of a simplestreams product into an offer. The kinds of its files decide which: a disk image, the root of a system with
// its kernel and initrd, a boot loader, or an installer that another Rackboot has finished.
//
// Source: the products of MAAS's streams (`…:v3:download`, `…:centos-bases-download`, `…:1:bootloader-download`).
//
// 1. A file without a checksum is not offered: it cannot be verified.
//    Nor is an image that is larger than any disk.
// 2. The release's own kernel (`ga-24.04`, before 16.04 `hwe-` with its first letter) gets the subarchitecture `generic`, as in MAAS. Every
//    other kernel keeps its own name, and so does a disk image for one kind of machine (`xgene-uboot`).

import { basename } from 'node:path';
import { CPUS } from '../../boot/architectures.ts';
import { isPlainName } from '../../boot/images.ts';
import { cleanText } from '../../clean-text.ts';
import { counted } from '../../counted.ts';
import { DISK_BYTES_MAX } from '../disk-image.ts';
import type { Digest } from '../download/digest.ts';
import { judgeImageName, storedTitle } from '../image-store.ts';
import { isTreeName, SYSTEM_FILES_MAX } from '../stored-system.ts';
import type { ItemOffer } from './item-offer.ts';
import {
  installerNames,
  LOADER,
  type NamedFile,
  type OfferedSystem,
  type OfferNames,
  PART_FILES_MAX,
  storedSerial,
} from './offer.ts';
import { isOwnProduct } from './own-stream.ts';
import { compareImages } from './selection.ts';
import type { StreamSource } from './source.ts';
import type { StreamFile, StreamImage } from './stream-products.ts';
import { tagOf } from './tags.ts';

// Prepares the images of a site for display.

/** One image of a site. Every text is clean. */
interface SiteImage {
  readonly os: string;
  readonly release: string;
  /** `24.04 LTS`; without a title, the version or the release. */
  readonly title: string;
  readonly arch: string;
  readonly subarch: string;
  readonly label: string;
  readonly serial: string;
  /** The size of all files together; undefined if the site does not give the size of every file, or if they are too large for a number. */
  readonly bytes: number | undefined;
  readonly files: readonly SiteFile[];
}

/** One of its files. */
interface SiteFile {
  readonly name: string;
  readonly ftype: string;
  /** Undefined: the site does not say. */
  readonly bytes: number | undefined;
}

/** The longest word in a listing, in characters. */
const WORD_SHOWN_MAX = 64;

const word = (text: string): string => cleanText(text, WORD_SHOWN_MAX);

/** Lists the images by system, release and architecture, newest first. */
export function listImages(images: readonly StreamImage[]): readonly SiteImage[] {
  return images.toSorted(compareImages).map((image) => ({
    os: word(image.os),
    release: word(image.release),
    title: word(image.title || image.version || image.release),
    arch: word(image.arch),
    subarch: word(image.subarch),
    label: word(image.label),
    serial: word(image.serial),
    bytes: sumOf(image.files),
    files: image.files.map(({ name, ftype, bytes }) => ({ name: word(name), ftype: word(ftype), bytes })),
  }));
}

/** The sum of the sizes; a file shared by several items counts once. */
function sumOf(files: readonly StreamFile[]): number | undefined {
  const sizes = [...new Map(files.map(({ path, bytes }) => [path, bytes])).values()];
  const whole = sizes.reduce<number | undefined>(
    (sum, bytes) => (sum === undefined || bytes === undefined ? undefined : sum + bytes),
    0,
  );
  return Number.isSafeInteger(whole) ? whole : undefined;
}

/** The label for sites that give none. */
const LABEL = 'release';
/** Types of disk images in order of preference, the easiest to read first. The last one is a region's own (own-stream.ts). */
const DISKS = ['disk1.img', 'root-dd.raw', 'root-dd', 'root-dd.zst'];
/** The kinds of files, besides the root, with which a system starts. */
const START_FILES = new Set(['kernel', 'initrd', 'device-tree', 'manifest']);
const GENERIC = /^(?:generic|ga-[0-9.]+)$/;
/** The releases whose own kernel is named after their first letter: precise to wily. */
const LETTERED = /^[p-w]/;

/** The names of a version's offer. Those of a boot loader are the parts of its directory: `bootloader`, `uefi`, `amd64`. */
export function namesOf(source: StreamSource, image: StreamImage): OfferNames {
  const [shown] = listImages([image]);
  const { aliases } = image;
  const architecture = ourName(source, image);
  const label = image.label === '' ? LABEL : (shown?.label ?? '');
  if (isLoader(image)) {
    const names = { source: source.name, os: LOADER, release: loaderType(image), architecture, label };
    return { ...names, subarchitecture: 'generic', aliases };
  }
  // LXD's and Incus's servers write `Debian`.
  const os = source.os === '*' ? (shown?.os ?? '').toLowerCase() : source.os;
  if (isInstaller(image))
    return { ...installerNames({ source: source.name, os, release: shown?.release ?? '', architecture }), aliases };
  return {
    source: source.name,
    os,
    release: shown?.release ?? '',
    architecture,
    label,
    subarchitecture: isGeneric(image) ? 'generic' : subarchOf({ ...image, subarch: shown?.subarch ?? '' }),
    subarches: [...new Set([subarchOf(image), ...rollingNames(image), ...image.subarches])],
    aliases,
  };
}
/** The largest image, in bytes: that of a disk. A sum of sizes may be too large for a number, and for the region's database. */
const IMAGE_BYTES_MAX = DISK_BYTES_MAX;

/** @returns the offer, or the reason why the version cannot be imported */
export function streamOffer(source: StreamSource, image: StreamImage): ItemOffer | string {
  if (isLoader(image)) return loaderOffer(source, image);
  if (isInstaller(image)) return installerOffer(source, image);
  const [shown] = listImages([image]);
  const names = namesOf(source, image);
  const name = `${names.os}/${names.release} of the source ${source.name}`;
  const root = rootOf(image);
  if (shown === undefined || root === undefined) return `${name} has no file that can be deployed`;
  const digest = digestOf(root);
  if (digest === undefined) return `${name} has no checksum for ${JSON.stringify(root.name)}: it cannot be verified`;
  const system = root.kind === 'disk' ? undefined : systemOf(source, image, root);
  if (typeof system === 'string') return `${name} ${system}`;
  const bytes =
    system === undefined ? root.bytes : sumOfSizes([system.rootBytes, ...system.files.map((file) => file.bytes)]);
  const large = judgeSize(bytes);
  if (large !== undefined) return `${name} ${large}`;
  const offer = {
    ...names,
    serial: storedSerial(image.serial),
    title: titleOf(source, image, shown.title),
    supportEnds: image.supportEnds === '' ? undefined : image.supportEnds,
    url: `${source.url}${root.path}`,
    mirrors: [],
    bytes,
    digest,
    ...(system === undefined ? {} : { system }),
  };
  // The region's database and the image store accept no other names.
  const wrong = judgeImageName(offer);
  return wrong === undefined ? { kind: 'image', offer } : `${name} cannot be imported: ${wrong}`;
}

/** Another Rackboot's title is whole, and stays as it is. */
function titleOf(source: StreamSource, { product, os, title }: StreamImage, release: string): string {
  if (title !== '' && isOwnProduct(product)) return storedTitle(title);
  return storedTitle(`${systemTitle(source, os, release)} ${release}`.trim());
}

/** The words before the title of a release, such as `24.04 LTS`: the title of its source, or the name of a system that it lacks. */
function systemTitle({ title }: StreamSource, os: string, release: string): string {
  if (title !== '' || release.toLowerCase().includes(os.toLowerCase())) return title;
  return `${os.slice(0, 1).toUpperCase()}${os.slice(1)}`;
}

/** @param bytes of all files together; undefined: unknown */
const judgeSize = (bytes: number | undefined): string | undefined =>
  bytes !== undefined && bytes > IMAGE_BYTES_MAX
    ? `would have ${counted(bytes, 'byte')}, more than ${IMAGE_BYTES_MAX}: the site's sizes are wrong`
    : undefined;

/** True if the version has only the files of a boot loader. */
const isLoader = ({ files }: StreamImage): boolean => files.length > 0 && files.every(({ kind }) => kind === 'loader');

/** True if the version has only the files of an installer. */
const isInstaller = ({ files }: StreamImage): boolean =>
  files.length > 0 && files.every(({ kind }) => kind === 'installer');

/** `uefi`, `pxe`; empty: the site does not say. */
const loaderType = ({ files }: StreamImage): string =>
  files.map(({ tags }) => tagOf(tags, 'bootloader-type')).find((text) => text !== '') ?? '';

/** True for the release's own kernel. */
function isGeneric(image: StreamImage): boolean {
  const { os, release } = image;
  const subarch = subarchOf(image);
  return (
    GENERIC.test(subarch) || (os === 'ubuntu' && LETTERED.test(release) && subarch === `hwe-${release.slice(0, 1)}`)
  );
}

/** The subarchitecture with its kernel's flavour (`lowlatency`), unless it already contains the flavour. */
function subarchOf({ subarch, files }: Pick<StreamImage, 'subarch' | 'files'>): string {
  const kernel = files.find(({ kind }) => kind === 'kernel');
  const flavour = kernel === undefined ? '' : tagOf(kernel.tags, 'kflavor');
  const isPlain = flavour === '' || flavour === 'generic' || !/^(?:ga|hwe)-/.test(subarch);
  return isPlain || subarch.split('-').includes(flavour) ? subarch : `${subarch}-${flavour}`;
}

/** The further name of a kernel that the stream marks as the newest of its kind: `hwe-24.04-edge` is `hwe-rolling-edge`, too. */
function rollingNames(image: StreamImage): readonly string[] {
  const isRolling = image.files.some(({ kind, tags }) => kind === 'kernel' && /^true$/i.test(tagOf(tags, 'rolling')));
  return isRolling ? [subarchOf(image).replace(/^(ga|hwe)-[^-]+/, '$1-rolling')] : [];
}

const ourName = ({ arches }: StreamSource, { arch }: StreamImage): string =>
  [...arches].find(([, theirs]) => theirs === arch)?.[0] ?? arch;

/** The best disk image; without one, the root. */
function rootOf({ files }: StreamImage): StreamFile | undefined {
  const disks = files.filter(({ kind }) => kind === 'disk');
  const best = DISKS.map((ftype) => disks.find((file) => file.ftype === ftype)).find((file) => file !== undefined);
  const isRoot = ({ kind }: StreamFile): boolean =>
    kind === 'squashfs' || kind === 'root-archive' || kind === 'root-image';
  return best ?? disks[0] ?? files.find(isRoot);
}

/** @returns the system, or the reason why it cannot be imported */
function systemOf(source: StreamSource, image: StreamImage, root: StreamFile): OfferedSystem | string {
  const { kind } = root;
  if (kind !== 'squashfs' && kind !== 'root-archive' && kind !== 'root-image') return 'has no root';
  const files = image.files.filter((file) => START_FILES.has(file.kind)).map((file) => namedFile(source, file));
  if (files.length > SYSTEM_FILES_MAX) return `has more than ${SYSTEM_FILES_MAX} files`;
  const names = [...files.map((file) => (file === undefined ? '' : file.name)), root.ftype];
  const whole = files.filter((file) => file !== undefined);
  if (whole.length < files.length) return 'has a file without a SHA-256 checksum: it cannot be verified';
  if (root.sha256 === undefined) return 'has no SHA-256 checksum: it cannot be verified';
  const subarch = subarchOf(image);
  if (![subarch, ...names].every(isTreeName) || new Set(names).size < names.length)
    return 'has names that are not allowed in the boot tree';
  return { subarch, kind, rootName: root.ftype, rootBytes: root.bytes, files: whole };
}

/** Names the file after its type, as MAAS does. @returns undefined if it has no SHA-256 */
function namedFile({ url }: StreamSource, { ftype, path, bytes, sha256 }: StreamFile): NamedFile | undefined {
  if (sha256 === undefined) return undefined;
  return { name: ftype, url: `${url}${path}`, mirrors: [], bytes, digest: { algorithm: 'sha256', hex: sha256 } };
}

const sumOfSizes = (sizes: readonly (number | undefined)[]): number | undefined =>
  sizes.reduce<number | undefined>(
    (sum, bytes) => (sum === undefined || bytes === undefined ? undefined : sum + bytes),
    0,
  );

function loaderOffer(source: StreamSource, image: StreamImage): ItemOffer | string {
  const [shown] = listImages([image]);
  const name = `the boot loader ${shown?.os ?? ''} of the source ${source.name}`;
  const { release: type, architecture, label } = namesOf(source, image);
  const files = image.files.map((file) => {
    const named = namedFile(source, file);
    // A file of the type `bootloader` is not an archive, and keeps its own name, as in MAAS. Another Rackboot's path has none.
    const name = file.ftype === 'bootloader' && !isOwnProduct(image.product) ? basename(file.path) : file.name;
    return named === undefined ? undefined : { ...named, name, isArchive: file.ftype !== 'bootloader' };
  });
  const whole = files.filter((file) => file !== undefined);
  if (whole.length < files.length) return `${name} has a file without a SHA-256 checksum: it cannot be verified`;
  if (whole.length > PART_FILES_MAX) return `${name} has more than ${PART_FILES_MAX} files`;
  if (![type, architecture, label].every(isTreeName) || !whole.every((file) => isPlainName(file.name)))
    return `${name} has names that are not allowed in the boot tree`;
  const large = judgeSize(sumOfSizes(whole.map((file) => file.bytes)));
  if (large !== undefined) return `${name} ${large}`;
  const serial = storedSerial(image.serial);
  const offer = { source: source.name, type, architecture, label, title: shown?.os ?? '', serial, files: whole };
  return { kind: 'loader', offer };
}

/** The installer of another Rackboot. */
function installerOffer(source: StreamSource, image: StreamImage): ItemOffer | string {
  const { os, release, architecture, ...names } = namesOf(source, image);
  const name = `the installer ${os}/${release} of the source ${source.name}`;
  const files = image.files.map((file) => namedFile(source, file));
  const [initrd, ...others] = files.toSorted((a, b) => ((a?.name ?? '') < (b?.name ?? '') ? -1 : 1));
  const [disc] = others[0]?.name === 'installer.iso' ? others.splice(0, 1) : [];
  const [kernel, more] = others;
  if (files.includes(undefined)) return `${name} has a file without a SHA-256 checksum: it cannot be verified`;
  if (kernel?.name !== 'linux' || initrd?.name !== 'initrd.gz' || more !== undefined)
    return `${name} has other files than linux, initrd.gz and installer.iso`;
  const large = judgeSize(sumOfSizes([kernel.bytes, initrd.bytes, disc?.bytes ?? 0]));
  if (large !== undefined) return `${name} ${large}`;
  const wrong = judgeImageName({ ...names, os, release, architecture });
  if (wrong !== undefined) return `${name} cannot be imported: ${wrong}`;
  if (!CPUS.some((cpu) => cpu === architecture)) return `${name} is for ${architecture}, which no machine here has`;
  const title = storedTitle(image.title);
  const facts = { source: source.name, os, release, base: release, architecture, title };
  const finished = { serial: storedSerial(image.serial) };
  return { kind: 'installer', offer: { ...facts, kernel, initrd, disc, leftOut: undefined, finished } };
}

function digestOf({ sha256, sha512 }: StreamFile): Digest | undefined {
  if (sha256 !== undefined) return { algorithm: 'sha256', hex: sha256 };
  return sha512 === undefined ? undefined : { algorithm: 'sha512', hex: sha512 };
}
