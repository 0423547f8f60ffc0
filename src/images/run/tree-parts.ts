// The imported boot loaders and installers of a boot tree, as their manifests describe them. The
// same rules apply when the directory of an environment is replaced.
//
//   bootloader/TYPE/ARCH/manifest.json
//   ARCH/generic/RELEASE/install/manifest.json
//   ARCH/generic/RELEASE/commissioning/manifest.json
//
// 1. A directory without a manifest of an import is not listed, because a person filled it.
// 2. A directory is removed as a whole: no reader sees only some of its files.
// 3. Only regular files that the manifest names, and hidden files that Rackboot made, are replaced
//    and removed. If the manifest is damaged, nobody knows who made the files. An import then
//    leaves them, and a removal moves them aside.

import { type Dirent, readdirSync, readFileSync, statSync } from 'node:fs';
import { rmdir } from 'node:fs/promises';
import { basename, dirname, join, relative } from 'node:path';
import { z } from 'zod';
import { CPUS } from '../../boot/architectures.ts';
import { isPlainName } from '../../boot/images.ts';
import { statLinkIfVisible } from '../../files/seen-stats.ts';
import { cleanText } from '../../ground/clean-text.ts';
import { counted } from '../../ground/counted.ts';
import { osErrorCode, RackError } from '../../ground/errors.ts';
import { parseJson } from '../../ground/fields.ts';
import { INSTALLER, LOADER, offerName, PART_FILES_MAX } from '../sources/offer.ts';
import { type ReplacementCheck, removeDirectory, resolveLeftovers } from '../store/directory-publication.ts';
import { formatImageName, type ImageName, toStoredTitle } from '../store/image-store.ts';
import { type FileContent, hasIntactFiles, type PublishedFile } from '../store/publication.ts';
import { asStoreError, storeRemedy } from '../store/store-error.ts';
import { assertNotLinked } from '../store/tree-place.ts';

const GENERIC = 'generic';
export const MANIFEST = 'manifest.json';
/** Longer manifests are not read. Real manifests are shorter. */
const MANIFEST_BYTES_MAX = 128 * 1024;
/**
 * The most further files that are listed, and the longest name of a listed file. Other processes of
 * a region accept no more.
 */
const FILES_MAX = 16;
const NAME_CHARACTERS_MAX = 64;
const LABEL = 'stable';

/** A boot loader or an installer of a boot tree. */
export interface TreePart extends ImageName {
  readonly kind: 'loader' | 'installer';
  readonly title: string;
  readonly bytes: number;
  readonly sha256: string;
  readonly files: readonly PublishedFile[];
  readonly system: { readonly rootName: string; readonly files: readonly PublishedFile[] };
  /** Undefined if the manifest does not name the downloaded files. */
  readonly origin?: { readonly source: string; readonly digests: readonly string[] } | undefined;
  /** Relative to the tree. */
  readonly directory: string;
}

const name = z.string().refine(isPlainName);
/** A manifest. */
export const partShape = z.object({
  os: name.optional(),
  /** The source. Undefined if the part was made from packages. */
  source: z
    .string()
    .transform((source) => cleanText(source, 2048))
    .optional(),
  title: z.string().transform(toStoredTitle),
  label: name.default(LABEL),
  serial: z
    .string()
    .regex(/^\d{8}(?:\.\d{1,4})?$/)
    .optional(),
  files: z
    .array(z.object({ name, bytes: z.number().int().min(0), sha256: z.string().regex(/^[0-9a-f]{64}$/) }))
    .min(1)
    .max(PART_FILES_MAX),
  fetched: z.array(z.string().max(128)).max(PART_FILES_MAX).optional(),
  kernel_url: z.string().optional(),
  isBundled: z.boolean().default(false),
});
type PartManifest = z.output<typeof partShape>;
/** The fields that manifests of all kinds have, including that of an environment. */
const directoryManifestShape = partShape.pick({ os: true, files: true });

/**
 * Lists the boot loaders and installers of a boot tree, each sorted by their directories. @throws
 * RackError `tree-unreadable`
 */
export const listTreeParts = (tree: string): readonly TreePart[] =>
  listPartLocations(tree).flatMap(({ kind, release, architecture, directory }) => {
    const manifest = kind === 'environment' ? undefined : readPartManifest(join(tree, directory));
    const os = kind === 'loader' ? LOADER : manifest?.os;
    if (kind === 'environment' || manifest === undefined || os === undefined) return [];
    const label = kind === 'loader' ? manifest.label : INSTALLER;
    const { title, files, source, fetched, isBundled } = manifest;
    const listableFiles = files.filter((file) => file.name.length <= NAME_CHARACTERS_MAX);
    const [first = { name: '', bytes: 0, sha256: '' }, ...others] = listableFiles;
    return [
      {
        kind,
        os,
        release,
        architecture,
        subarchitecture: GENERIC,
        label,
        serial: chooseSerial(join(tree, directory), manifest),
        title,
        bytes: first.bytes,
        sha256: first.sha256,
        files,
        system: { rootName: first.name, files: others.slice(0, FILES_MAX) },
        ...(source === undefined || fetched === undefined || isBundled ? {} : { origin: { source, digests: fetched } }),
        directory,
      },
    ];
  });

/** Where a boot loader, an installer or an environment is published. */
export interface PartLocation {
  readonly kind: TreePart['kind'] | 'environment';
  /** The release, or the type of a boot loader. */
  readonly release: string;
  readonly architecture: string;
  /** Relative to the tree. */
  readonly directory: string;
}

const KINDS_BY_DIRECTORY = new Map<string, PartLocation['kind']>([
  ['install', 'installer'],
  ['commissioning', 'environment'],
]);

/**
 * Lists the locations of parts in a tree, sorted by their directories. @param list returns the
 * names in a directory of the tree
 */
export const listPartLocations = (tree: string, list = listTreeDirectory): readonly PartLocation[] =>
  listPartParents(tree, list).flatMap((parent) =>
    list(tree, parent).flatMap((name): readonly PartLocation[] => {
      const [topDirectory = '', secondDirectory = '', release = ''] = parent.split('/');
      const directory = join(parent, name);
      if (topDirectory === LOADER) return [{ kind: 'loader', release: secondDirectory, architecture: name, directory }];
      const kind = KINDS_BY_DIRECTORY.get(name);
      return kind === undefined ? [] : [{ kind, release, architecture: topDirectory, directory }];
    }),
  );

/** Returns the directory of an installer, relative to the tree. */
export const getInstallerDirectory = ({ architecture, release }: Pick<ImageName, 'architecture' | 'release'>): string =>
  join(architecture, GENERIC, release, 'install');

/** Returns the directory of a part, relative to the tree. */
export const getPartDirectory = ({
  kind,
  release,
  architecture,
}: Pick<TreePart, 'kind' | 'release' | 'architecture'>): string =>
  kind === 'loader' ? join(LOADER, release, architecture) : getInstallerDirectory({ architecture, release });

/**
 * Lists the parent directories of boot loaders, installers and environments, relative to the tree.
 * @throws RackError `tree-unreadable`
 */
export const listPartParents = (tree: string, list = listTreeDirectory): readonly string[] =>
  [LOADER, ...CPUS.map((cpu) => join(cpu, GENERIC))].flatMap((topDirectory) =>
    list(tree, topDirectory).map((name) => join(topDirectory, name)),
  );

/** Formats a text that changes with each boot loader or installer that is imported or removed. */
export const formatPartsVersion = (tree: string): string =>
  listPartParents(tree)
    .map((parent) => `${join(tree, parent)} ${readMtime(join(tree, parent))?.getTime() ?? ''}`)
    .join('\n');

/** True if all files of a part exist, each with the size in its manifest. A link counts as missing. */
export function hasAllFiles(tree: string, { directory, files }: Pick<TreePart, 'directory' | 'files'>): boolean {
  if (statLinkIfVisible(join(tree, directory))?.isDirectory() !== true) return false;
  return files.every(({ name, bytes }) => {
    const stats = statLinkIfVisible(join(tree, directory, name));
    return stats?.isFile() === true && stats.size === bytes;
  });
}

/** Formats the name by which a person removes a part, such as `installer/debian/trixie/amd64`. */
export const formatRemovalName = (part: Pick<TreePart, 'kind' | keyof ImageName>): string =>
  part.kind === 'installer' ? offerName(part) : formatImageName(part);

/**
 * Removes a part, and then the directory of its type or release if that is empty. A machine that is
 * reading a file can read it to the end.
 * @throws RackError `bad-argument` if a person put further files into its directory,
 * `store-unwritable` if it is behind a link, or cannot be removed
 */
export async function removePart(tree: string, part: Pick<TreePart, 'directory' | 'files'>): Promise<void> {
  const path = join(tree, part.directory);
  assertNotLinked(tree, part.directory);
  try {
    await resolveLeftovers(dirname(path));
    await removeDirectory(path, (directoryPath) => assertOnlyFilesOfPart(directoryPath, part));
    await rmdir(dirname(path)).catch((error: unknown) => {
      if (!DIRECTORY_STAYS_CODES.has(osErrorCode(error) ?? '')) throw error;
    });
  } catch (error) {
    throw asStoreError(error, tree);
  }
}

/** @throws RackError `bad-argument` if the directory of a part has files that do not belong to the part */
export const assertNoForeignFiles = (tree: string, part: Pick<TreePart, 'directory' | 'files'>): void =>
  assertOnlyFilesOfPart(join(tree, part.directory), part);

function assertOnlyFilesOfPart(path: string, { directory, files }: Pick<TreePart, 'directory' | 'files'>): void {
  assertDirectory(path, directory);
  const ownNames = new Set([MANIFEST, ...files.map(({ name }) => name)]);
  const foreignEntry = listEntries(path).find(
    (entry) => !(ownNames.has(entry.name) ? entry.isFile() : isLeftover(entry)),
  );
  if (foreignEntry === undefined) return;
  const why = `${JSON.stringify(`${directory}/${foreignEntry.name}`)} was not put there by an import`;
  throw new RackError(
    'bad-argument',
    `${why}: move it away from these files, which are replaced and removed as a whole`,
  );
}

/** True for a file that a check took out, a killed process left, or a machine still reads by NFS. */
const isLeftover = (entry: Dirent): boolean =>
  entry.isFile() && /^\.(?:.+\.(?:damaged|[0-9a-f]{8}-[0-9a-f-]{27})|nfs[0-9a-f]+)$/.test(entry.name);

/** Asserts that a path is a real directory, or does not exist. */
function assertDirectory(path: string, directory: string): void {
  const entry = statLinkIfVisible(path);
  if (entry === undefined || entry.isDirectory()) return;
  const what = entry.isSymbolicLink() ? 'a link' : 'not a directory';
  throw new RackError('already-exists', `${directory} is ${what}, and no import put it there: move it away first`);
}

/**
 * Checks whether a loader, an installer or an environment may be published in a directory of the tree.
 * @param os the system of an installer
 * @throws RackError `already-exists` if the directory has an installer of another system, files of
 * a person or a damaged manifest, `bad-argument` if it has an import and files of a person,
 * `tree-unreadable`, and `store-unwritable` if it is behind a link
 */
export const assertReplaceable = (tree: string, directory: string, os?: string): void =>
  createReplacementCheck(tree, os)(join(tree, directory));

/** Returns the check of `assertReplaceable`, for a publication. */
export const createReplacementCheck =
  (tree: string, os?: string): ReplacementCheck =>
  (path) => {
    const directory = relative(tree, path);
    assertNotLinked(tree, directory);
    assertDirectory(path, path);
    const manifest = readOwnManifest(join(path, MANIFEST), (value) => directoryManifestShape.safeParse(value).data);
    if (typeof manifest === 'string') {
      const text = `${join(directory, MANIFEST)} is damaged: ${manifest}`;
      throw new RackError('already-exists', `${text}: ${describeAsideRemedy(directory)}`);
    }
    if (manifest !== undefined) {
      if (os !== undefined && manifest.os !== undefined && manifest.os !== os) {
        const problem = `${directory} has the installer of ${manifest.os}, and the machines that install it start from there`;
        throw new RackError('already-exists', `${problem}: remove it first, or rename the release of this one`);
      }
      assertOnlyFilesOfPart(path, { directory, files: manifest.files });
    } else if (!listEntries(path).every(isLeftover))
      throw new RackError('already-exists', `${path} has files that no import put there: move it away first`);
  };

function listEntries(path: string): readonly Dirent[] {
  try {
    return readdirSync(path, { withFileTypes: true });
  } catch (error) {
    if (osErrorCode(error) === 'ENOENT') return [];
    throw asUnreadable(path, error);
  }
}

function asUnreadable(path: string, cause: unknown): unknown {
  const code = osErrorCode(cause);
  if (code === undefined) return cause;
  const text = `${path} cannot be read (${code}): ${storeRemedy(cause, path)}`;
  return new RackError('tree-unreadable', text, { cause });
}

/** Describes the remedy for a damaged manifest. */
export const describeAsideRemedy = (directory: string): string =>
  `\`sudo rackboot images remove ${directory}\` moves the files out of the way, and ${
    basename(directory) === 'commissioning' ? '`rackboot images build`' : 'an import'
  } brings new ones`;

/**
 * @throws RackError `bad-argument` if the manifest of a new part could not be read later, because
 * its directory would then count as a person's
 */
export function assertReadableManifest(name: string, { data }: FileContent): void {
  const refuse = (why: string): RackError => new RackError('bad-argument', `${name} was not imported: ${why}`);
  const parsed = partShape.safeParse(JSON.parse(Buffer.from(data).toString('utf8')));
  if (data.length > MANIFEST_BYTES_MAX) throw refuse('the names of its files are too long');
  if (parsed.success) return;
  const hasWrongFileCount = parsed.error.issues.some(({ path }) => path.join() === 'files');
  throw refuse(
    hasWrongFileCount
      ? `it must have 1 to ${counted(PART_FILES_MAX, 'file')}`
      : 'its names or those of its files are unusable',
  );
}

/** Errors of rmdir(2) for a directory with other entries, a missing directory, or a link. */
const DIRECTORY_STAYS_CODES: ReadonlySet<string> = new Set(['ENOTEMPTY', 'EEXIST', 'ENOENT', 'ENOTDIR']);

interface IntactPart {
  readonly serial: string;
  readonly files: readonly PublishedFile[];
}

/**
 * Finds the content of a directory, if it was made from exactly these downloads and is undamaged.
 * @param digests of the downloaded files
 */
export async function findPart(directory: string, digests: readonly string[]): Promise<IntactPart | undefined> {
  const manifest = readPartManifest(directory);
  const hasSameDigests = JSON.stringify(manifest?.fetched?.toSorted()) === JSON.stringify(digests.toSorted());
  if (manifest === undefined || !hasSameDigests || !(await hasIntactFiles(directory, manifest.files))) return undefined;
  return { serial: chooseSerial(directory, manifest), files: manifest.files };
}

interface PresentPart {
  readonly serial: string;
  readonly isBundled: boolean;
  /** The source. Undefined if the part came with a bundle, or from packages or a person's file. */
  readonly source: string | undefined;
}

/** Reads the part in a directory. @returns undefined if there is none */
export function readPresentPart(directory: string, kind: TreePart['kind']): PresentPart | undefined {
  const manifest = readPartManifest(directory);
  if (manifest === undefined) return undefined;
  const { isBundled } = manifest;
  return { serial: chooseSerial(directory, manifest), isBundled, source: findOrigin({ kind, manifest }) };
}

/**
 * Finds the source from which a part was downloaded. Undefined if it came with a bundle, or from
 * packages or files of a host.
 */
export function findOrigin({
  kind,
  manifest: { fetched, kernel_url: kernel, isBundled, source },
}: {
  readonly kind: string;
  readonly manifest: Omit<PartManifest, 'title'>;
}): string | undefined {
  const isFetched = kind === 'loader' || fetched !== undefined || kernel !== undefined;
  return isFetched && !isBundled ? source : undefined;
}

/**
 * Chooses the serial of a directory. Without one in the manifest, it is the day on which the
 * manifest was written.
 */
const chooseSerial = (directory: string, { serial }: PartManifest): string =>
  serial ?? (readMtime(join(directory, MANIFEST)) ?? new Date(0)).toISOString().slice(0, 10).replaceAll('-', '');

const readMtime = (path: string): Date | undefined => statSync(path, { throwIfNoEntry: false })?.mtime;

const readPartManifest = (directory: string): PartManifest | undefined =>
  partShape.safeParse(parseJson(readManifestText(directory))).data;

/** Reads the text of a manifest. Empty if there is none. */
function readManifestText(directory: string): string {
  try {
    return readFileSync(join(directory, MANIFEST), 'utf8');
  } catch (error) {
    assertAbsentOrHidden(directory, error);
    return '';
  }
}

/**
 * Reads a manifest that Rackboot may have written.
 * @param decode returns undefined for a value that Rackboot does not write
 * @returns undefined if there is no manifest, or a person's own file has its name, or a text that
 * says why it cannot be used
 * @throws RackError `tree-unreadable`
 */
export function readOwnManifest<T extends object>(
  file: string,
  decode: (value: unknown) => T | undefined,
): T | string | undefined {
  const entry = statLinkIfVisible(file);
  if (entry === undefined) return undefined;
  if (entry.isSymbolicLink()) return 'it is a link';
  try {
    const value: unknown = JSON.parse(readFileSync(file, 'utf8'));
    const decoded = decode(value);
    const hasOwnSchema = z.object({ schema: z.literal(1) }).safeParse(value).success;
    return decoded === undefined && hasOwnSchema ? 'it does not name files with their hashes' : decoded;
  } catch (error) {
    if (error instanceof SyntaxError) return 'it is not JSON';
    if (osErrorCode(error) === 'ENOENT') return undefined;
    throw asUnreadable(file, error);
  }
}

const ABSENT_OR_HIDDEN_CODES: ReadonlySet<string> = new Set(['ENOENT', 'ENOTDIR', 'EACCES', 'EPERM', 'ELOOP']);

/**
 * Throws for any other failure, such as too many open files, because that does not show that the
 * file is missing.
 */
function assertAbsentOrHidden(path: string, cause: unknown): void {
  const code = osErrorCode(cause);
  if (code === undefined) throw cause;
  if (!ABSENT_OR_HIDDEN_CODES.has(code))
    throw new RackError('tree-unreadable', `${path} cannot be read (${code})`, { cause });
}

/** Lists the names in a directory. Empty if it is missing, or this user may not read it. */
function listTreeDirectory(tree: string, directory: string): readonly string[] {
  const path = join(tree, directory);
  try {
    return readdirSync(path).filter(isPlainName).toSorted();
  } catch (error) {
    assertAbsentOrHidden(path, error);
    return [];
  }
}
