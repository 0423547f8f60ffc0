// The imported boot loaders and installers of a boot tree, as their manifests describe them. The
// directory of an environment is replaced by the same rules.
//
//   bootloader/TYPE/ARCH/manifest.json
//   ARCH/generic/RELEASE/install/manifest.json
//   ARCH/generic/RELEASE/commissioning/manifest.json
//
// 1. A directory without a manifest of an import is not listed: a person filled it.
// 2. A removed directory disappears whole.
// 3. Only regular files that the manifest names, and hidden ones that Rackboot made, are replaced
//    and removed. With a damaged manifest nobody knows whose the files are: an import leaves them,
//    and a removal moves them aside.

import { type Dirent, readdirSync, readFileSync, statSync } from 'node:fs';
import { rmdir } from 'node:fs/promises';
import { basename, dirname, join, relative } from 'node:path';
import { z } from 'zod';
import { CPUS } from '../../boot/architectures.ts';
import { isPlainName } from '../../boot/images.ts';
import { seenEntry } from '../../files/seen-stats.ts';
import { cleanText } from '../../ground/clean-text.ts';
import { counted } from '../../ground/counted.ts';
import { osErrorCode, RackError } from '../../ground/errors.ts';
import { parseJson } from '../../ground/fields.ts';
import { INSTALLER, LOADER, offerName, PART_FILES_MAX } from '../sources/offer.ts';
import { type ReplacementCheck, removeDirectory, settleLeftovers } from '../store/directory-publication.ts';
import { formatImageName, type ImageName, storedTitle } from '../store/image-store.ts';
import { type FileContent, isWhole, type PublishedFile } from '../store/publication.ts';
import { asStoreError, storeRemedy } from '../store/store-error.ts';
import { assertNotLinked } from '../store/tree-place.ts';

const GENERIC = 'generic';
export const MANIFEST = 'manifest.json';
/** Longer manifests are not read; a real one is shorter. */
const MANIFEST_BYTES_MAX = 128 * 1024;
/**
 * The most further files that are listed, and their longest name: other processes of a region read
 * no more.
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
  /** `undefined`: its manifest does not name the downloaded files. */
  readonly origin?: { readonly source: string; readonly digests: readonly string[] } | undefined;
  /** Relative to the tree. */
  readonly directory: string;
}

const name = z.string().refine(isPlainName);
/** A manifest. */
export const partShape = z.object({
  os: name.optional(),
  /** Undefined: made from packages. */
  source: z
    .string()
    .transform((source) => cleanText(source, 2048))
    .optional(),
  title: z.string().transform(storedTitle),
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
/** All that the manifest of an environment shares with others. */
const ownShape = partShape.pick({ os: true, files: true });

/**
 * The boot loaders and installers of a boot tree, each sorted by their directories. @throws
 * RackError `tree-unreadable`
 */
export const listTreeParts = (tree: string): readonly TreePart[] =>
  partPlaces(tree).flatMap(({ kind, release, architecture, directory }) => {
    const manifest = kind === 'environment' ? undefined : readPartManifest(join(tree, directory));
    const os = kind === 'loader' ? LOADER : manifest?.os;
    if (kind === 'environment' || manifest === undefined || os === undefined) return [];
    const label = kind === 'loader' ? manifest.label : INSTALLER;
    const { title, files, source, fetched, isBundled } = manifest;
    const listed = files.filter((file) => file.name.length <= NAME_CHARACTERS_MAX);
    const [first = { name: '', bytes: 0, sha256: '' }, ...others] = listed;
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

/** The place at which a boot loader, an installer or an environment is published. */
export interface PartPlace {
  readonly kind: TreePart['kind'] | 'environment';
  /** Of a boot loader: its type. */
  readonly release: string;
  readonly architecture: string;
  /** Relative to the tree. */
  readonly directory: string;
}

const KINDS = new Map<string, PartPlace['kind']>([
  ['install', 'installer'],
  ['commissioning', 'environment'],
]);

/**
 * The places of a tree, sorted by their directories. @param list gives the names in a directory of
 * the tree
 */
export const partPlaces = (tree: string, list = listTreeDirectory): readonly PartPlace[] =>
  partParents(tree, list).flatMap((parent) =>
    list(tree, parent).flatMap((name): readonly PartPlace[] => {
      const [top = '', second = '', release = ''] = parent.split('/');
      const directory = join(parent, name);
      if (top === LOADER) return [{ kind: 'loader', release: second, architecture: name, directory }];
      const kind = KINDS.get(name);
      return kind === undefined ? [] : [{ kind, release, architecture: top, directory }];
    }),
  );

/** The directory of an installer, relative to the tree. */
export const installerDirectory = ({ architecture, release }: Pick<ImageName, 'architecture' | 'release'>): string =>
  join(architecture, GENERIC, release, 'install');

/** The directory of a part, relative to the tree. */
export const partDirectory = ({
  kind,
  release,
  architecture,
}: Pick<TreePart, 'kind' | 'release' | 'architecture'>): string =>
  kind === 'loader' ? join(LOADER, release, architecture) : installerDirectory({ architecture, release });

/**
 * The directories in which boot loaders, installers and environments are published, relative to the
 * tree. @throws RackError `tree-unreadable`
 */
export const partParents = (tree: string, list = listTreeDirectory): readonly string[] =>
  [LOADER, ...CPUS.map((cpu) => join(cpu, GENERIC))].flatMap((top) => list(tree, top).map((name) => join(top, name)));

/** Changes with each boot loader or installer that is imported or removed. */
export const markOfParts = (tree: string): string =>
  partParents(tree)
    .map((parent) => `${join(tree, parent)} ${readMtime(join(tree, parent))?.getTime() ?? ''}`)
    .join('\n');

/** True if all files of a part exist, each with the size in its manifest. A link counts as missing. */
export function hasFiles(tree: string, { directory, files }: Pick<TreePart, 'directory' | 'files'>): boolean {
  if (seenEntry(join(tree, directory))?.isDirectory() !== true) return false;
  return files.every(({ name, bytes }) => {
    const stats = seenEntry(join(tree, directory, name));
    return stats?.isFile() === true && stats.size === bytes;
  });
}

/** The name by which a person removes a part: `installer/debian/trixie/amd64`. */
export const nameOfPart = (part: Pick<TreePart, 'kind' | keyof ImageName>): string =>
  part.kind === 'installer' ? offerName(part) : formatImageName(part);

/**
 * Removes a part, and the directory of its type or release if that is empty then. A machine that
 * reads a file reads it to the end.
 * @throws RackError `bad-argument` if a person put further files into its directory,
 * `store-unwritable` if it is behind a link, or cannot be removed
 */
export async function removePart(tree: string, part: Pick<TreePart, 'directory' | 'files'>): Promise<void> {
  const path = join(tree, part.directory);
  assertNotLinked(tree, part.directory);
  try {
    await settleLeftovers(dirname(path));
    await removeDirectory(path, (at) => assertOnly(at, part));
    await rmdir(dirname(path)).catch((error: unknown) => {
      if (!KEPT.has(osErrorCode(error) ?? '')) throw error;
    });
  } catch (error) {
    throw asStoreError(error, tree);
  }
}

/** @throws RackError `bad-argument` if the directory of a part has other files than those of the part */
export const assertNoOthers = (tree: string, part: Pick<TreePart, 'directory' | 'files'>): void =>
  assertOnly(join(tree, part.directory), part);

function assertOnly(at: string, { directory, files }: Pick<TreePart, 'directory' | 'files'>): void {
  assertDirectory(at, directory);
  const own = new Set([MANIFEST, ...files.map(({ name }) => name)]);
  const other = listEntries(at).find((entry) => !(own.has(entry.name) ? entry.isFile() : isLeft(entry)));
  if (other === undefined) return;
  const why = `${JSON.stringify(`${directory}/${other.name}`)} was not put there by an import`;
  throw new RackError(
    'bad-argument',
    `${why}: move it away from these files, which are replaced and removed as a whole`,
  );
}

/** True for what a check took out, a killed process left, or a machine still reads by NFS. */
const isLeft = (entry: Dirent): boolean =>
  entry.isFile() && /^\.(?:.+\.(?:damaged|[0-9a-f]{8}-[0-9a-f-]{27})|nfs[0-9a-f]+)$/.test(entry.name);

/** Passes if nothing is there. */
function assertDirectory(at: string, directory: string): void {
  const entry = seenEntry(at);
  if (entry === undefined || entry.isDirectory()) return;
  const what = entry.isSymbolicLink() ? 'a link' : 'not a directory';
  throw new RackError('already-exists', `${directory} is ${what}, and no import put it there: move it away first`);
}

/**
 * Checks whether a loader, an installer or an environment may be put into a directory of the tree.
 * @param os the system of an installer
 * @throws RackError `already-exists` if the directory has an installer of another system, files of
 * a person or a damaged manifest, `bad-argument` if it has an import and files of a person,
 * `tree-unreadable`, and `store-unwritable` if it is behind a link
 */
export const assertReplaceable = (tree: string, directory: string, os?: string): void =>
  replaceable(tree, os)(join(tree, directory));

/** The check of `assertReplaceable`, for a publication. */
export const replaceable =
  (tree: string, os?: string): ReplacementCheck =>
  (at) => {
    const directory = relative(tree, at);
    assertNotLinked(tree, directory);
    assertDirectory(at, at);
    const manifest = readOwn(join(at, MANIFEST), (value) => ownShape.safeParse(value).data);
    if (typeof manifest === 'string') {
      const text = `${join(directory, MANIFEST)} is damaged: ${manifest}`;
      throw new RackError('already-exists', `${text}: ${asideRemedy(directory)}`);
    }
    if (manifest !== undefined) {
      if (os !== undefined && manifest.os !== undefined && manifest.os !== os) {
        const other = `${directory} has the installer of ${manifest.os}, and the machines that install it start from there`;
        throw new RackError('already-exists', `${other}: remove it first, or rename the release of this one`);
      }
      assertOnly(at, { directory, files: manifest.files });
    } else if (!listEntries(at).every(isLeft))
      throw new RackError('already-exists', `${at} has files that no import put there: move it away first`);
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

/** The remedy for a damaged manifest. */
export const asideRemedy = (directory: string): string =>
  `\`sudo rackboot images remove ${directory}\` moves the files out of the way, and ${
    basename(directory) === 'commissioning' ? '`rackboot images build`' : 'an import'
  } brings new ones`;

/**
 * @throws RackError `bad-argument` if the manifest of a new part could not be read: its directory
 * would count as a person's
 */
export function assertReadable(name: string, { data }: FileContent): void {
  const refuse = (why: string): RackError => new RackError('bad-argument', `${name} was not imported: ${why}`);
  const parsed = partShape.safeParse(JSON.parse(Buffer.from(data).toString('utf8')));
  if (data.length > MANIFEST_BYTES_MAX) throw refuse('the names of its files are too long');
  if (parsed.success) return;
  const isNumber = parsed.error.issues.some(({ path }) => path.join() === 'files');
  throw refuse(
    isNumber ? `it must have 1 to ${counted(PART_FILES_MAX, 'file')}` : 'its names or those of its files are unusable',
  );
}

/** Errors of rmdir(2) for a directory with other entries, one that is gone, or a link. */
const KEPT: ReadonlySet<string> = new Set(['ENOTEMPTY', 'EEXIST', 'ENOENT', 'ENOTDIR']);

interface FoundPart {
  readonly serial: string;
  readonly files: readonly PublishedFile[];
}

/**
 * The content of a directory, if it was made from exactly these files and is undamaged.
 * @param digests those of the downloaded files
 */
export async function findPart(directory: string, digests: readonly string[]): Promise<FoundPart | undefined> {
  const manifest = readPartManifest(directory);
  const isSame = JSON.stringify(manifest?.fetched?.toSorted()) === JSON.stringify(digests.toSorted());
  if (manifest === undefined || !isSame || !(await isWhole(directory, manifest.files))) return undefined;
  return { serial: chooseSerial(directory, manifest), files: manifest.files };
}

interface PresentPart {
  readonly serial: string;
  readonly isBundled: boolean;
  /** Undefined: it came with a bundle, or from packages or a person's file. */
  readonly source: string | undefined;
}

/** @returns undefined: no part is there */
export function presentPart(directory: string, kind: TreePart['kind']): PresentPart | undefined {
  const manifest = readPartManifest(directory);
  if (manifest === undefined) return undefined;
  const { isBundled } = manifest;
  return { serial: chooseSerial(directory, manifest), isBundled, source: findOrigin({ kind, manifest }) };
}

/** The source of a download; undefined: it came with a bundle, or from packages or files of a host. */
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

/** The serial of a directory; without one, the day on which its manifest was written. */
const chooseSerial = (directory: string, { serial }: PartManifest): string =>
  serial ?? (readMtime(join(directory, MANIFEST)) ?? new Date(0)).toISOString().slice(0, 10).replaceAll('-', '');

const readMtime = (path: string): Date | undefined => statSync(path, { throwIfNoEntry: false })?.mtime;

const readPartManifest = (directory: string): PartManifest | undefined =>
  partShape.safeParse(parseJson(manifestText(directory))).data;

/** The text of a manifest; empty: there is none. */
function manifestText(directory: string): string {
  try {
    return readFileSync(join(directory, MANIFEST), 'utf8');
  } catch (error) {
    assertHidden(directory, error);
    return '';
  }
}

/**
 * Reads a manifest that Rackboot may have written.
 * @param decode undefined: the value is not what Rackboot writes
 * @returns undefined: there is none, or a person's own file has its name; a text: why it cannot be used
 * @throws RackError `tree-unreadable`
 */
export function readOwn<T extends object>(
  file: string,
  decode: (value: unknown) => T | undefined,
): T | string | undefined {
  const entry = seenEntry(file);
  if (entry === undefined) return undefined;
  if (entry.isSymbolicLink()) return 'it is a link';
  try {
    const value: unknown = JSON.parse(readFileSync(file, 'utf8'));
    const decoded = decode(value);
    const isOurs = z.object({ schema: z.literal(1) }).safeParse(value).success;
    return decoded === undefined && isOurs ? 'it does not name files with their hashes' : decoded;
  } catch (error) {
    if (error instanceof SyntaxError) return 'it is not JSON';
    if (osErrorCode(error) === 'ENOENT') return undefined;
    throw asUnreadable(file, error);
  }
}

const HIDDEN: ReadonlySet<string> = new Set(['ENOENT', 'ENOTDIR', 'EACCES', 'EPERM', 'ELOOP']);

/** Any other failure, such as too many open files, does not show that nothing is there. */
function assertHidden(path: string, cause: unknown): void {
  const code = osErrorCode(cause);
  if (code === undefined) throw cause;
  if (!HIDDEN.has(code)) throw new RackError('tree-unreadable', `${path} cannot be read (${code})`, { cause });
}

/** The names in a directory; empty if there is none, or this user may not read it. */
function listTreeDirectory(tree: string, directory: string): readonly string[] {
  const path = join(tree, directory);
  try {
    return readdirSync(path).filter(isPlainName).toSorted();
  } catch (error) {
    assertHidden(path, error);
    return [];
  }
}
