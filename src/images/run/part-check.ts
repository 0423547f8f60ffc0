// Checks Rackboot's files in the boot tree, outside the store, against their manifests, and removes
// damaged ones.
//
//   bootloader/TYPE/ARCH/manifest.json                          a boot loader of a stream
//   ARCH/generic/RELEASE/{install,commissioning}/manifest.json  an installer, an environment
//   .loaders-ARCH.json                                          the boot loaders of Debian's packages, in the top directory
//
// 1. Only real directories are read. A link leads elsewhere in the tree, or to a person's files.
// 2. A damaged file is no longer served. Its manifest stays, so that the file is known as missing,
//    and an import of the same files restores it.
// 3. A damaged file that can be downloaded again is deleted. A damaged file that came from a
//    person, or is in the top directory, gets a hidden name, under which it is not served.
// 4. A person may replace a boot loader in the top directory, so a file of another size there is
//    only reported.
// 5. A directory that was published again during its check is not changed. Nor is a file that
//    changed meanwhile, or could not be read.

import { readdirSync } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { z } from 'zod';
import { CPUS } from '../../boot/architectures.ts';
import { isPlainName } from '../../boot/images.ts';
import { readPathIdentity, statLinkIfVisible } from '../../files/seen-stats.ts';
import { newUuid } from '../../ground/clock.ts';
import { osErrorCode, RackError } from '../../ground/errors.ts';
import { INSTALLER } from '../sources/offer.ts';
import { type ContentState, judgeBlob } from '../store/stored-blob.ts';
import { assertNotLinked } from '../store/tree-place.ts';
import {
  describeAsideRemedy,
  findOrigin,
  hasAllFiles,
  listPartLocations,
  MANIFEST,
  type PartLocation,
  partShape,
  readOwnManifest,
} from './tree-parts.ts';

/** A group of files with a manifest. In the top directory, `directory` and `release` are empty. */
export interface KnownPart extends Omit<PartLocation, 'kind'> {
  /** The kind. `built-in` stands for the boot loaders of the top directory. */
  readonly kind: PartLocation['kind'] | 'built-in';
  readonly manifest: PartFacts;
}

type PartFacts = z.output<typeof manifestShape>;

/** A checked part, with the states of its files. */
export interface CheckedPart extends KnownPart {
  readonly files: readonly CheckedFile[];
}

interface CheckedFile {
  readonly path: string;
  readonly state: ContentState;
  /** The path of the damaged copy, relative to the tree. Undefined if none was kept. */
  readonly movedTo?: string | undefined;
}

interface TreeContent {
  readonly parts: readonly KnownPart[];
  /** Directories of a person. They have no manifest, or are links. */
  readonly others: readonly string[];
  /** Directories with a damaged manifest, without the top directory. */
  readonly damagedDirectories: readonly string[];
  readonly problems: readonly string[];
}

interface CheckOptions {
  readonly tree: string;
  readonly repairs: boolean;
  readonly onProgress: (done: number, total: number) => void;
}

/** Bound on the parts of a tree. Further parts are a problem. */
export const PARTS_MAX = 1000;
const KERNEL = 'linux';
const DISC = 'installer.iso';

/** Environments and the top directory have no title. */
const manifestShape = partShape.omit({ title: true }).extend({ schema: z.literal(1) });

/**
 * Formats the name for people, such as `bootloader/uefi/amd64` or `installer/ubuntu/noble/amd64`.
 * Otherwise it is the directory.
 */
export function formatPartName({ kind, directory, architecture, release, manifest: { os } }: KnownPart): string {
  if (kind === 'built-in') return `boot loaders for ${architecture}`;
  return kind === 'installer' && os !== undefined ? [INSTALLER, os, release, architecture].join('/') : directory;
}

/** Finds the file or directory from which an installer was made. Undefined if it was not made from one. */
export const findSourceFile = (part: KnownPart): string | undefined =>
  findOrigin(part) === undefined ? part.manifest.source : undefined;

/**
 * Lists the parts of which a file is missing or has another size. Leaves out the top directory,
 * where a person may replace files.
 */
export const listDamagedParts = (tree: string): readonly KnownPart[] =>
  listKnownParts(tree).parts.filter(
    ({ kind, directory, manifest: { files } }) => kind !== 'built-in' && !hasAllFiles(tree, { directory, files }),
  );

/** Checks all files that manifests name, one after the other. */
export async function checkParts(
  options: CheckOptions,
): Promise<Pick<TreeContent, 'others' | 'problems'> & { readonly parts: readonly CheckedPart[] }> {
  const { parts, others, problems } = listKnownParts(options.tree);
  const total = parts.reduce((sum, part) => sum + sumPartBytes(part), 0);
  const checked: CheckedPart[] = [];
  let checkedBytes = 0;
  for (const part of parts) {
    const partStart = checkedBytes;
    const result = await checkPart(part, {
      ...options,
      onProgress: (done) => options.onProgress(partStart + done, total),
    });
    checkedBytes += sumPartBytes(part);
    if (result !== undefined) checked.push(result);
  }
  return { parts: checked, others, problems };
}

const sumPartBytes = ({ manifest }: KnownPart): number => manifest.files.reduce((sum, { bytes }) => sum + bytes, 0);

/** Checks a part. @returns undefined if it was published again or removed meanwhile */
async function checkPart(
  part: KnownPart,
  { tree, repairs, onProgress }: Omit<CheckOptions, 'onProgress'> & { readonly onProgress: (done: number) => void },
): Promise<CheckedPart | undefined> {
  const { directory, manifest } = part;
  const disc = join(directory, DISC);
  // The identity of the files is their inodes, because a published file gets another inode.
  const readIdentity = (): string =>
    ['', ...manifest.files.map(({ name }) => name)]
      .map((name) => statLinkIfVisible(join(tree, directory, name))?.ino ?? '')
      .join(' ');
  const identityBefore = readIdentity();
  const files: CheckedFile[] = [];
  let checkedBytes = 0;
  for (const { name, sha256, bytes } of manifest.files) {
    const fileStart = checkedBytes;
    const path = join(directory, name);
    const onRead = (done: number): void => onProgress(fileStart + done);
    let checkedIdentity: string | undefined;
    const onIdentity = (identity: string): void => {
      checkedIdentity = identity;
    };
    const state = await judgeBlob(tree, { path, sha256, bytes }, { onProgress: onRead, onIdentity });
    const isChanged = state.kind === 'damaged' && readPathIdentity(join(tree, path)) !== checkedIdentity;
    files.push({ path, state: isChanged ? { kind: 'unreadable', code: 'EBUSY' } : state });
    checkedBytes += bytes;
  }
  if (readIdentity() !== identityBefore) return undefined;
  if (!repairs) return { ...part, files };
  const checkedFiles: CheckedFile[] = [];
  for (const file of files) {
    const movedTo = mustTakeOut(part, file) ? await takeFileOut(tree, part, file.path) : undefined;
    checkedFiles.push(movedTo === undefined ? file : { ...file, movedTo });
  }
  // Without its disc, the installer would look like one that needs no disc, and machines would boot
  // it. So the kernel is taken out, too.
  if (files.some(({ path, state: { kind } }) => path === disc && (kind === 'damaged' || kind === 'missing')))
    await takeFileOut(tree, part, join(directory, KERNEL));
  return { ...part, files: checkedFiles };
}

const mustTakeOut = ({ kind }: KnownPart, { state }: CheckedFile): boolean =>
  state.kind === 'damaged' && (kind !== 'built-in' || state.found !== undefined);

/**
 * Takes a damaged file out of the tree. @returns the path of the kept copy, relative to the tree.
 * Undefined if the file was deleted
 */
async function takeFileOut(tree: string, part: KnownPart, path: string): Promise<string | undefined> {
  // No machine can load a directory, and its content is not Rackboot's.
  if (statLinkIfVisible(join(tree, path))?.isDirectory() === true) return undefined;
  if (part.kind !== 'built-in' && findSourceFile(part) === undefined) {
    await rm(join(tree, path), { recursive: true, force: true });
    return undefined;
  }
  const hiddenPath = join(dirname(path), `.${basename(path)}.damaged`);
  // If the file does not exist, the copy that an earlier check kept must stay.
  if (statLinkIfVisible(join(tree, path)) === undefined) return undefined;
  await rm(join(tree, hiddenPath), { recursive: true, force: true });
  try {
    await rename(join(tree, path), join(tree, hiddenPath));
    return hiddenPath;
  } catch (error) {
    if (osErrorCode(error) !== 'ENOENT') throw error;
    return undefined;
  }
}

/** Lists the parts of a tree, sorted by their directories. Parts of the top directory come last. */
export function listKnownParts(tree: string): TreeContent {
  const problems: string[] = [];
  const others: string[] = [];
  const damagedDirectories: string[] = [];
  const listing = {
    tree,
    onProblem: (problem: string): void => void problems.push(problem),
    onOther: (path: string): void => void others.push(path),
  };
  const locations = listPartLocations(tree, (_, directory) => listFileNames(listing, directory)).filter(
    ({ directory }) => listFileNames(listing, directory, 'all').length > 0,
  );
  if (locations.length > PARTS_MAX)
    problems.push(`${tree} has ${locations.length} boot loaders and installers, and only ${PARTS_MAX} are checked.`);
  const builtIn = CPUS.map((architecture) => ({ kind: 'built-in', release: '', architecture, directory: '' }) as const);
  const parts: KnownPart[] = [];
  for (const location of [...locations.slice(0, PARTS_MAX), ...builtIn]) {
    const path = join(
      location.directory,
      location.kind === 'built-in' ? `.loaders-${location.architecture}.json` : MANIFEST,
    );
    const facts = readPartManifest(tree, path);
    if (typeof facts === 'object' && 'files' in facts) parts.push({ ...location, manifest: facts });
    else if (typeof facts === 'object') {
      const hasDirectory = location.kind !== 'built-in';
      if (hasDirectory) damagedDirectories.push(location.directory);
      const remedy = hasDirectory
        ? describeAsideRemedy(location.directory)
        : '`rackboot images build` makes them again';
      const text = `${path} is damaged, so its files cannot be checked: ${facts.damage}`;
      problems.push(`${text}; ${remedy}; if they are your own, remove it`);
    } else if (facts !== undefined) problems.push(facts);
    else if (location.kind !== 'built-in') others.push(location.directory);
  }
  return { parts, others, damagedDirectories, problems };
}

interface ListingOptions {
  readonly tree: string;
  readonly onProblem: (problem: string) => void;
  readonly onOther: (path: string) => void;
}

/**
 * Lists the names in a directory. Empty for a link. @param which with `directories`, links are also
 * listed, because they may lead to one
 */
function listFileNames(
  { tree, onProblem, onOther }: ListingOptions,
  directory: string,
  which: 'directories' | 'all' = 'directories',
): readonly string[] {
  const path = join(tree, directory);
  const entry = statLinkIfVisible(path);
  if (entry?.isSymbolicLink() === true) onOther(directory);
  if (entry?.isDirectory() !== true) return [];
  try {
    return readdirSync(path, { withFileTypes: true })
      .filter((entry) => isPlainName(entry.name) && (which === 'all' || entry.isDirectory() || entry.isSymbolicLink()))
      .map(({ name }) => name)
      .toSorted();
  } catch (error) {
    const code = osErrorCode(error);
    if (code === undefined) throw error;
    if (code !== 'ENOENT') onProblem(describeUnreadable(path, code));
    return [];
  }
}

const describeUnreadable = (path: string, code: string): string =>
  `${path} cannot be read (${code}): let the user who runs Rackboot read it.`;

/**
 * Moves the directory of a part with a damaged manifest to a hidden path. It is not deleted,
 * because its files may belong to a person.
 * @param directory relative to the tree @returns the hidden path
 * @throws RackError `store-unwritable` if the directory is behind a link; the system's error
 */
export async function movePartAside(tree: string, directory: string): Promise<string> {
  assertNotLinked(tree, directory);
  const hiddenPath = join(tree, dirname(directory), `.${basename(directory)}.damaged-${newUuid()}`);
  await rename(join(tree, directory), hiddenPath);
  return hiddenPath;
}

/**
 * Lists the manifest in a directory and the files that it names. Empty if there is no manifest, or
 * it cannot be used.
 * @param directory relative to the tree, as are the results
 */
export function listManifestFiles(tree: string, directory: string): readonly string[] {
  const facts = readPartManifest(tree, join(directory, MANIFEST));
  const files = typeof facts === 'object' && 'files' in facts ? facts.files : undefined;
  return files === undefined ? [] : [MANIFEST, ...files.map(({ name }) => name)].map((name) => join(directory, name));
}

/**
 * Reads a manifest. @returns undefined if there is no manifest of Rackboot, or a text that says why
 * it cannot be read
 */
function readPartManifest(tree: string, path: string): PartFacts | { readonly damage: string } | string | undefined {
  const file = join(tree, path);
  try {
    const manifest = readOwnManifest(file, (value) => manifestShape.safeParse(value).data);
    return typeof manifest === 'string' ? { damage: manifest } : manifest;
  } catch (error) {
    if (error instanceof RackError) return `${error.message}.`;
    throw error;
  }
}
