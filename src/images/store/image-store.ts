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
import { composeOwnEntryPath } from '../../files/own-names.ts';
import { statLinkIfVisible } from '../../files/seen-stats.ts';
import { cleanText } from '../../ground/clean-text.ts';
import { counted } from '../../ground/counted.ts';
import { osErrorCode, RackError } from '../../ground/errors.ts';
import { parseJson } from '../../ground/fields.ts';
import {
  bytesShape,
  formatShape,
  hashShape,
  isRootFormat,
  listKernelNames,
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

/** The name of an image. It may still lack its serial. */
export type RequestedImageName = Omit<ImageName, 'serial'> & { readonly serial?: string | undefined };

/** The source that a rack records for copies of its region's images. */
export const COPY_SOURCE = 'region';

/** The image that the region requests. The store chooses label and serial. */
export interface ImageRequest extends Omit<ImageName, 'label' | 'serial'> {
  /**
   * The kernel, by a name that `hasKernel` knows. If undefined, the kernel of the subarchitecture,
   * or the generic one.
   */
  readonly kernel?: string | undefined;
}

interface FoundImage extends StoredImage {
  /** The path on the boot listener, such as `/images/ab/….img.zst`. */
  readonly path: string;
  readonly starts?: StartFiles | undefined;
}

type StartFiles = Readonly<Record<'kernel' | 'initrd', { readonly path: string; readonly sha256: string }>>;

/**
 * Finds the kernel and the initrd, with their paths on the boot listener. Empty if the image lacks
 * one of them.
 */
export function findStartFiles({ system }: StoredImage): { readonly starts?: StartFiles } {
  const [kernel, initrd] = ['boot-kernel', 'boot-initrd'].map((name) =>
    system?.files.find((file) => file.name === name),
  );
  if (kernel === undefined || initrd === undefined) return {};
  const buildStartFile = ({ sha256 }: SystemFile) => ({ path: `/${blobPath(sha256, 'file')}`, sha256 });
  return { starts: { kernel: buildStartFile(kernel), initrd: buildStartFile(initrd) } };
}

/** The contents of the store. */
export interface StoreContent {
  /** Sorted by name, then newest first. */
  readonly images: readonly StoredImage[];
  /** The problems of the store, including those of unusable manifests. */
  readonly problems: readonly string[];
  readonly unusable: readonly UnusableManifest[];
}

/** A manifest that cannot be used. */
export interface UnusableManifest {
  readonly path: string;
  /** The name of the image, from the file name, such as `debian/bookworm/amd64/generic/release/20240131`. */
  readonly name: string;
}

/** Bound on the images of a store. Further images are refused, and further manifests are a problem. */
export const IMAGES_MAX = 1000;
/** Longer manifests are not read. */
export const MANIFEST_BYTES_MAX = 16 * 1024;
/** The longest title of an image, an installer or a loader. */
export const TITLE_CHARACTERS_MAX = 128;
/** The longest file name of a manifest. Its temporary name has 38 characters more: two `.` and a UUID. */
const FILE_NAME_BYTES_MAX = 255 - 38;
const LAST_SERIAL = '20240131.9999';
/** The longest name of a bundle. */
export const BUNDLE_CHARACTERS_MAX = 255;
const GENERIC = 'generic';
const STABLE_LABEL = 'release';

const NAME_PART = /^[a-z0-9][a-z0-9_.+-]{0,62}$/;
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
  title: z.string().transform(toStoredTitle),
  /** The hash of the stored and served bytes. */
  sha256: hashShape,
  /** The size of the stored and served bytes. */
  bytes: bytesShape,
  format: formatShape,
  /** The bytes on the machine's disk. Estimated for the root of a system. */
  diskBytes: bytesShape,
  /** `none` for the root of a system. */
  partitionTable: z.enum(['gpt', 'mbr', 'none']),
  /** Undefined for a disk image. */
  system: systemShape.optional(),
  /** Undefined for the root of a system, and for an image that an older version added. */
  signs: signsShape.optional(),
  /** The verified download. Undefined if the image was added by hand, or from a bundle. */
  origin: originShape.optional(),
  /** True if `images make-debian` made the image, so that there is no file to add again. */
  isMade: z.boolean().optional(),
  /** The bundle that brought the image. Undefined if none did, or an older version imported it. */
  bundle: z
    .string()
    .transform((name) => cleanText(name, BUNDLE_CHARACTERS_MAX))
    .optional(),
});
/** An image of the store. */
export type StoredImage = Readonly<Omit<z.output<typeof manifestShape>, 'schema'>>;

/** The directory of the manifests. */
export const manifestDirectory = (tree: string): string => composeOwnEntryPath(tree, '.manifests');

const formatManifestFileName = (name: ImageName): string => `${FIELDS.map((field) => name[field]).join('~')}.json`;

/** Returns the path of the manifest of an image. */
export const manifestPath = (tree: string, name: ImageName): string =>
  join(manifestDirectory(tree), formatManifestFileName(name));

const EXTENSIONS = { raw: 'img', 'raw.zst': 'img.zst' } as const;

/** Returns the path of a blob, relative to the tree. @param format `file` for a file that starts a system */
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

/** Lists all blobs of an image. The first is the image itself. */
export const listBlobs = ({ sha256, format, bytes, system }: StoredImage): readonly ImageBlob[] => [
  { path: blobPath(sha256, format), sha256, bytes },
  ...(system?.files ?? []).map((file) => ({
    path: blobPath(file.sha256, 'file'),
    sha256: file.sha256,
    bytes: file.bytes,
  })),
];

/** Sums the sizes of all files of an image, in bytes. */
export const sumImageBytes = (image: StoredImage): number =>
  listBlobs(image).reduce((sum, { bytes }) => sum + bytes, 0);

/** Formats the name for people, such as `debian/bookworm/amd64/generic/release/20240131`. */
export const formatImageName = (name: ImageName): string => FIELDS.map((field) => name[field]).join('/');

/** Finds the problem with a name, which may still lack its serial. Undefined if the name is valid. */
export function judgeImageName(name: RequestedImageName): string | undefined {
  const invalidField = FIELDS.find((field) => {
    const value = name[field];
    return value !== undefined && !(field === 'serial' ? SERIAL : NAME_PART).test(value);
  });
  if (invalidField === undefined) return judgeLength(name);
  const rule =
    invalidField === 'serial'
      ? 'a day, optionally with a number: 20240131, 20240131.2'
      : 'lower-case letters and digits, with . _ + - inside, at most 63 characters';
  return `${JSON.stringify(name[invalidField])} cannot be the ${invalidField} of an image: use ${rule}`;
}

/**
 * Counts the characters by which a name is too long for the file name of its manifest. Negative if
 * it is shorter.
 */
export const countExcessCharacters = (name: RequestedImageName): number =>
  formatManifestFileName({ ...name, serial: name.serial ?? LAST_SERIAL }).length - FILE_NAME_BYTES_MAX;

function judgeLength(name: RequestedImageName): string | undefined {
  const excess = countExcessCharacters(name);
  if (excess <= 0) return undefined;
  const nameText = formatImageName({ ...name, serial: name.serial ?? '' }).replace(/\/$/, '');
  return `${nameText} cannot be the name of an image: it is ${counted(excess, 'character')} too long for a file; shorten its parts`;
}

/** Converts a title to its stored form: clean, and cut after TITLE_CHARACTERS_MAX. */
export function toStoredTitle(title: string): string {
  return cleanText(title, TITLE_CHARACTERS_MAX);
}

/** Finds the problem with a person's title. Undefined if it is valid. */
export const judgeTitle = (title: string | undefined): string | undefined =>
  title !== undefined && title.length > TITLE_CHARACTERS_MAX
    ? `the title has ${counted(title.length, 'character')}: use one of at most ${TITLE_CHARACTERS_MAX}`
    : undefined;

/** Encodes the manifest of an image as text. */
export const encodeImage = (image: StoredImage): string => `${JSON.stringify({ schema: 1, ...image }, undefined, 2)}\n`;

/** Decodes a manifest. @returns the image, or the problem */
export function decodeImage(text: string): StoredImage | string {
  if (Buffer.byteLength(text) > MANIFEST_BYTES_MAX) return `it is longer than ${MANIFEST_BYTES_MAX} bytes`;
  const parsed = manifestShape.safeParse(parseJson(text));
  if (!parsed.success) {
    const [invalidPath = ''] = parsed.error.issues.map(({ path }) => path.join('.'));
    return invalidPath === '' ? 'it is not JSON of an image' : `its ${invalidPath} cannot be used`;
  }
  const { schema: _, ...image } = parsed.data;
  if (isRootFormat(image.format) !== (image.system !== undefined)) return 'it does not say how its system starts';
  return judgeImageName(image) ?? image;
}

/**
 * @throws RackError `tree-unreadable` if the directory of the images is a link, because the boot
 * server sends no file from outside the tree
 */
export function assertOwnStore(tree: string): void {
  const directory = join(tree, 'images');
  if (statLinkIfVisible(directory)?.isSymbolicLink() !== true) return;
  const remedy = `put all of ${tree} on the other disk instead: boot.tree may name another directory, and may be a link`;
  throw new RackError('tree-unreadable', `${directory} is a link, through which no machine gets images: ${remedy}`);
}

/**
 * Reads all manifests. A tree without images is an empty store.
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

/** Orders images by name, with the newest serial first. */
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
  subarchitecture === kernel || (system !== undefined && listKernelNames(system).includes(kernel));

/**
 * Chooses the best image for a request. If a kernel is requested, the image has it. Otherwise the
 * requested subarchitecture is preferred to the generic one. Then stable images are preferred, then
 * the newest.
 */
export function chooseImage<T extends WithKernel>(request: ImageRequest, images: readonly T[]): T | undefined {
  const candidates = images.filter(
    ({ os, release, architecture }) =>
      os === request.os && release === request.release && architecture === request.architecture,
  );
  const { kernel } = request;
  const levels = kernel === undefined ? [request.subarchitecture, GENERIC] : [kernel];
  for (const level of new Set(levels)) {
    const [best] = candidates
      .filter((image) => (kernel === undefined ? image.subarchitecture === level : hasKernel(image, level)))
      .sort(
        (a, b) =>
          Number(b.label === STABLE_LABEL) - Number(a.label === STABLE_LABEL) || compareSerials(b.serial, a.serial),
      );
    if (best !== undefined) return best;
  }
  return undefined;
}

/** Finds the best image for the region whose bytes really exist. Reads a few small files synchronously. */
export function findStoredImage(tree: string, request: ImageRequest): FoundImage | undefined {
  const completeImages = readImages(tree).images.filter((image) => hasBlob(tree, image));
  const image = chooseImage(request, completeImages);
  if (image === undefined) return undefined;
  return { ...image, ...findStartFiles(image), path: `/${blobPath(image.sha256, image.format)}` };
}

/**
 * True if all blobs of an image exist, each with the size that its manifest states. A link, or a
 * blob that this process cannot see, counts as missing. `rackboot images fsck` reports why.
 */
export function hasBlob(tree: string, image: StoredImage): boolean {
  return listBlobs(image).every(({ path, bytes }) => {
    const blob = join(tree, path);
    const stats = statLinkIfVisible(dirname(blob))?.isDirectory() === true ? statLinkIfVisible(blob) : undefined;
    return stats?.isFile() === true && stats.size === bytes;
  });
}
