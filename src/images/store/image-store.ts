// The store of images from which machines are deployed: blobs named after their content, and one
// manifest for each image.
//
//   TREE/images/ab/abcdef….img[.zst]              the bytes as served; the boot listener also sends ranges of them
//   TREE/images/ab/abcdef….{squashfs,root.tar,root.gz,file}   the root of a system, its kernel, initrd … (stored-system.ts)
//   TREE/images/.manifests/os~release~architecture~subarchitecture~label~serial.json
//
// Source: the products of simplestreams, from which the names come (os, release, label, serial).
//
// 1. A blob's name is its hash. It appears whole and never changes.
//    Images with the same bytes share it.
// 2. A manifest appears whole and after its blob. Each is a file of its own, so that concurrent
//    additions cannot lose one.
// 3. Manifests have hidden names, which are not served. Blobs are served: every host that can boot
//    here can fetch them.

import { readdirSync, readFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { z } from 'zod';
import { ownPlace } from '../../files/own-names.ts';
import { seenEntry } from '../../files/seen-stats.ts';
import { cleanText } from '../../ground/clean-text.ts';
import { counted } from '../../ground/counted.ts';
import { osErrorCode, RackError } from '../../ground/errors.ts';
import { parseJson } from '../../ground/fields.ts';
import {
  bytesShape,
  formatShape,
  hashShape,
  isRootFormat,
  kernelNames,
  originShape,
  type StoredSystem,
  type SystemFile,
  signsShape,
  systemShape,
} from './stored-system.ts';

/** The name of an image. */
export interface ImageName {
  readonly os: string;
  readonly release: string;
  readonly architecture: string;
  readonly subarchitecture: string;
  readonly label: string;
  /** The day of its making or adding, with a number if that day has several: `20240131.2`. */
  readonly serial: string;
}

/** The name of an image that may still lack its serial. */
export type GivenName = Omit<ImageName, 'serial'> & { readonly serial?: string | undefined };

/** The source in a rack's copies of its region's images. */
export const COPY_SOURCE = 'region';

/** The image that the region requests; the store chooses label and serial. */
export interface ImageWish extends Omit<ImageName, 'label' | 'serial'> {
  /** As `hasKernel` knows it; undefined: that of the subarchitecture, or the generic one. */
  readonly kernel?: string | undefined;
}

interface FoundImage extends StoredImage {
  /** On the boot listener: `/images/ab/….img.zst`. */
  readonly path: string;
  readonly starts?: ImageStarts | undefined;
}

type ImageStarts = Readonly<Record<'kernel' | 'initrd', { readonly path: string; readonly sha256: string }>>;

/** The kernel and the initrd with their paths on the boot listener; empty if it lacks one. */
export function findStarts({ system }: StoredImage): { readonly starts?: ImageStarts } {
  const [kernel, initrd] = ['boot-kernel', 'boot-initrd'].map((name) =>
    system?.files.find((file) => file.name === name),
  );
  if (kernel === undefined || initrd === undefined) return {};
  const place = ({ sha256 }: SystemFile) => ({ path: `/${blobPath(sha256, 'file')}`, sha256 });
  return { starts: { kernel: place(kernel), initrd: place(initrd) } };
}

/** The contents of the store. */
export interface StoreContent {
  /** Sorted by name, then newest first. */
  readonly images: readonly StoredImage[];
  /** Includes those of unusable manifests. */
  readonly problems: readonly string[];
  readonly unusable: readonly UnusableManifest[];
}

/** A manifest that cannot be used. */
export interface UnusableManifest {
  readonly path: string;
  /** From its file name: `debian/bookworm/amd64/generic/release/20240131`. */
  readonly name: string;
}

/** Bound on the images of a store: further ones are refused, and further manifests are a problem. */
export const IMAGES_MAX = 1000;
/** Longer manifests are not read. */
export const MANIFEST_BYTES_MAX = 16 * 1024;
/** The longest title of an image, an installer or a loader. */
export const TITLE_CHARACTERS_MAX = 128;
/** The longest file name of a manifest; its temporary name has 38 characters more: a `.` and a UUID. */
const FILE_NAME_BYTES_MAX = 255 - 38;
const LAST_SERIAL = '20240131.9999';
/** The longest name of a bundle. */
export const BUNDLE_CHARACTERS_MAX = 255;
const GENERIC = 'generic';
const STABLE = 'release';

const NAME = /^[a-z0-9][a-z0-9_.+-]{0,62}$/;
const SERIAL = /^\d{8}(?:\.\d{1,4})?$/;
const FIELDS = ['os', 'release', 'architecture', 'subarchitecture', 'label', 'serial'] as const;

const manifestShape = z.object({
  schema: z.literal(1),
  os: z.string(),
  release: z.string(),
  architecture: z.string(),
  subarchitecture: z.string(),
  label: z.string(),
  serial: z.string(),
  title: z.string().transform(storedTitle),
  /** Of the stored and served bytes. */
  sha256: hashShape,
  /** As stored and served. */
  bytes: bytesShape,
  format: formatShape,
  /** On the machine's disk; estimated for the root of a system. */
  diskBytes: bytesShape,
  /** `none` for the root of a system. */
  partitionTable: z.enum(['gpt', 'mbr', 'none']),
  /** Undefined for a disk image. */
  system: systemShape.optional(),
  /** Undefined for the root of a system, and for an image that an older version added. */
  signs: signsShape.optional(),
  /** The verified download; undefined: added by hand, or from a bundle. */
  origin: originShape.optional(),
  /** True: `images make-debian` made it, so there is no file to add again. */
  isMade: z.boolean().optional(),
  /** Undefined: none brought it, or an older version imported it. */
  bundle: z
    .string()
    .transform((name) => cleanText(name, BUNDLE_CHARACTERS_MAX))
    .optional(),
});
/** An image of the store. */
export type StoredImage = Readonly<Omit<z.output<typeof manifestShape>, 'schema'>>;

/** The directory of the manifests. */
export const manifestDirectory = (tree: string): string => ownPlace(tree, '.manifests');

const manifestName = (name: ImageName): string => `${FIELDS.map((field) => name[field]).join('~')}.json`;

/** The path of the manifest of an image. */
export const manifestPath = (tree: string, name: ImageName): string =>
  join(manifestDirectory(tree), manifestName(name));

const EXTENSIONS = { raw: 'img', 'raw.zst': 'img.zst' } as const;

/** The path of a blob, relative to the tree. @param format `file` for a file that starts a system */
export function blobPath(sha256: string, format: StoredImage['format'] | 'file'): string {
  const extension = format === 'raw' || format === 'raw.zst' ? EXTENSIONS[format] : format;
  return `images/${sha256.slice(0, 2)}/${sha256}.${extension}`;
}

/** A blob that an image needs. */
export interface ImageBlob {
  readonly path: string;
  readonly sha256: string;
  readonly bytes: number;
}

/** All blobs of an image; the first is the image itself. */
export const listBlobs = ({ sha256, format, bytes, system }: StoredImage): readonly ImageBlob[] => [
  { path: blobPath(sha256, format), sha256, bytes },
  ...(system?.files ?? []).map((file) => ({
    path: blobPath(file.sha256, 'file'),
    sha256: file.sha256,
    bytes: file.bytes,
  })),
];

/** The size of all files of an image together, in bytes. */
export const imageBytes = (image: StoredImage): number => listBlobs(image).reduce((sum, { bytes }) => sum + bytes, 0);

/** The name for people: `debian/bookworm/amd64/generic/release/20240131`. */
export const formatImageName = (name: ImageName): string => FIELDS.map((field) => name[field]).join('/');

/** The problem with a name, which may still lack its serial; undefined if the name is valid. */
export function judgeImageName(name: GivenName): string | undefined {
  const wrong = FIELDS.find((field) => {
    const value = name[field];
    return value !== undefined && !(field === 'serial' ? SERIAL : NAME).test(value);
  });
  if (wrong === undefined) return judgeLength(name);
  const rule =
    wrong === 'serial'
      ? 'a day, optionally with a number: 20240131, 20240131.2'
      : 'lower-case letters and digits, with . _ + - inside, at most 63 characters';
  return `${JSON.stringify(name[wrong])} cannot be the ${wrong} of an image: use ${rule}`;
}

/** By how many characters a name is too long for the file name of its manifest. */
export const nameExcess = (name: GivenName): number =>
  manifestName({ ...name, serial: name.serial ?? LAST_SERIAL }).length - FILE_NAME_BYTES_MAX;

function judgeLength(name: GivenName): string | undefined {
  const excess = nameExcess(name);
  if (excess <= 0) return undefined;
  const nameText = formatImageName({ ...name, serial: name.serial ?? '' }).replace(/\/$/, '');
  return `${nameText} cannot be the name of an image: it is ${counted(excess, 'character')} too long for a file; shorten its parts`;
}

/** A title as it is stored: clean, and cut after TITLE_CHARACTERS_MAX. */
export function storedTitle(title: string): string {
  return cleanText(title, TITLE_CHARACTERS_MAX);
}

/** The problem with a title that a person gives; undefined if it is valid. */
export const judgeTitle = (title: string | undefined): string | undefined =>
  title !== undefined && title.length > TITLE_CHARACTERS_MAX
    ? `the title has ${counted(title.length, 'character')}: use one of at most ${TITLE_CHARACTERS_MAX}`
    : undefined;

/** The manifest of an image, as text. */
export const encodeImage = (image: StoredImage): string => `${JSON.stringify({ schema: 1, ...image }, undefined, 2)}\n`;

/** Reads a manifest. @returns the image, or the problem */
export function decodeImage(text: string): StoredImage | string {
  if (Buffer.byteLength(text) > MANIFEST_BYTES_MAX) return `it is longer than ${MANIFEST_BYTES_MAX} bytes`;
  const parsed = manifestShape.safeParse(parseJson(text));
  if (!parsed.success) {
    const [place = ''] = parsed.error.issues.map(({ path }) => path.join('.'));
    return place === '' ? 'it is not JSON of an image' : `its ${place} cannot be used`;
  }
  const { schema: _, ...image } = parsed.data;
  if (isRootFormat(image.format) !== (image.system !== undefined)) return 'it does not say how its system starts';
  return judgeImageName(image) ?? image;
}

/**
 * @throws RackError `tree-unreadable` if the directory of the images is a link: the boot server
 * sends no file from outside the tree
 */
export function assertOwnStore(tree: string): void {
  const directory = join(tree, 'images');
  if (seenEntry(directory)?.isSymbolicLink() !== true) return;
  const remedy = `put all of ${tree} on the other disk instead: boot.tree may name another directory, and may be a link`;
  throw new RackError('tree-unreadable', `${directory} is a link, through which no machine gets images: ${remedy}`);
}

/**
 * Reads all manifests; a tree without images is an empty store.
 * @throws RackError `tree-unreadable`
 */
export function readImages(tree: string): StoreContent {
  assertOwnStore(tree);
  let names: readonly string[];
  try {
    names = readdirSync(manifestDirectory(tree));
  } catch (cause) {
    if (osErrorCode(cause) === 'ENOENT') return { images: [], problems: [], unusable: [] };
    const why = `${manifestDirectory(tree)} cannot be read (${osErrorCode(cause)}): let the user who runs Rackboot read it`;
    throw new RackError('tree-unreadable', why, { cause });
  }
  const images: StoredImage[] = [];
  const problems: string[] = [];
  const unusable: UnusableManifest[] = [];
  const refuse = (path: string, why: string): void => {
    problems.push(`${path} is not used: ${why}.`);
    unusable.push({ path, name: basename(path, '.json').replaceAll('~', '/') });
  };
  const manifests = names.filter((fileName) => fileName.endsWith('.json')).toSorted();
  if (manifests.length > IMAGES_MAX) {
    const why = `it has ${counted(manifests.length, 'image')}, and only ${IMAGES_MAX} of them are used`;
    problems.push(`${manifestDirectory(tree)} is not wholly used: ${why}; remove unneeded ones.`);
  }
  for (const name of manifests.slice(0, IMAGES_MAX)) {
    const path = join(manifestDirectory(tree), name);
    const manifest = readManifest(path);
    if (typeof manifest === 'string') refuse(path, manifest);
    else if (manifestPath(tree, manifest) !== path) refuse(path, 'it names another image');
    else images.push(manifest);
  }
  return { images: images.sort(compareImages), problems, unusable };
}

function readManifest(path: string): StoredImage | string {
  try {
    return decodeImage(readFileSync(path, 'utf8'));
  } catch (error) {
    return `it cannot be read (${osErrorCode(error) ?? 'unknown'})`;
  }
}

/** True for images with the same name, whatever their serials. */
export const isSameName = (image: Omit<ImageName, 'serial'>, other: Omit<ImageName, 'serial'>): boolean =>
  FIELDS.every((field) => field === 'serial' || image[field] === other[field]);

/** Orders by name, newest serial first. */
export function compareImages(one: ImageName, other: ImageName): number {
  for (const field of FIELDS) {
    if (one[field] === other[field]) continue;
    if (field === 'serial') return compareSerials(other.serial, one.serial);
    return one[field] < other[field] ? -1 : 1;
  }
  return 0;
}

function compareSerials(one: string, other: string): number {
  const [day = 0, number = 0] = one.split('.').map(Number);
  const [otherDay = 0, otherNumber = 0] = other.split('.').map(Number);
  return day - otherDay || number - otherNumber;
}

type WithKernel = ImageName & { readonly system?: Pick<StoredSystem, 'subarch' | 'subarches'> | undefined };

/** True if an image has this kernel: by subarchitecture (`generic`), or by a stream's name (`ga-24.04`). */
const hasKernel = ({ subarchitecture, system }: WithKernel, kernel: string): boolean =>
  subarchitecture === kernel || (system !== undefined && kernelNames(system).includes(kernel));

/**
 * The best image for a request. Has the requested kernel; without one, prefers the requested
 * sub-architecture to the generic one, then stable images, then the newest.
 */
export function chooseImage<T extends WithKernel>(wish: ImageWish, images: readonly T[]): T | undefined {
  const fitting = images.filter(
    ({ os, release, architecture }) => os === wish.os && release === wish.release && architecture === wish.architecture,
  );
  const { kernel } = wish;
  const levels = kernel === undefined ? [wish.subarchitecture, GENERIC] : [kernel];
  for (const level of new Set(levels)) {
    const [best] = fitting
      .filter((image) => (kernel === undefined ? image.subarchitecture === level : hasKernel(image, level)))
      .sort((a, b) => Number(b.label === STABLE) - Number(a.label === STABLE) || compareSerials(b.serial, a.serial));
    if (best !== undefined) return best;
  }
  return undefined;
}

/** Finds the best image for the region whose bytes really exist. Reads a few small files synchronously. */
export function findStoredImage(tree: string, wish: ImageWish): FoundImage | undefined {
  const whole = readImages(tree).images.filter((image) => hasBlob(tree, image));
  const image = chooseImage(wish, whole);
  if (image === undefined) return undefined;
  return { ...image, ...findStarts(image), path: `/${blobPath(image.sha256, image.format)}` };
}

/**
 * True if all blobs of an image exist, each with the size that its manifest states. A link, or one
 * that cannot be looked at, counts as missing; `rackboot images fsck` reports why.
 */
export function hasBlob(tree: string, image: StoredImage): boolean {
  return listBlobs(image).every(({ path, bytes }) => {
    const blob = join(tree, path);
    const stats = seenEntry(dirname(blob))?.isDirectory() === true ? seenEntry(blob) : undefined;
    return stats?.isFile() === true && stats.size === bytes;
  });
}
