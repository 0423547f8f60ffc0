// Checks Rackboot's files of the boot tree outside the store against their manifests, and takes
// damaged ones out.
//
//   bootloader/TYPE/ARCH/manifest.json                          a boot loader of a stream
//   ARCH/generic/RELEASE/{install,commissioning}/manifest.json  an installer, an environment
//   .loaders-ARCH.json                                          the boot loaders of Debian's packages, in the top directory
//
// 1. Only real directories are read: a link leads elsewhere in the tree, or to a person's files.
// 2. A damaged file is no longer served. Its manifest stays: it is known as missing, and an import
//    of the same files restores it.
// 3. A damaged file that can be downloaded again is deleted. One from a person's file, or in the
//    top directory, gets a hidden name, under which it is not served.
// 4. In the top directory a person may replace a boot loader: a file of another size is only reported.
// 5. A directory that was published again during its check is left alone; so is a file that
//    changed, or could not be read.

import { readdirSync } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { z } from 'zod';
import { CPUS } from '../../boot/architectures.ts';
import { isPlainName } from '../../boot/images.ts';
import { seenEntry, seenIdentity } from '../../files/seen-stats.ts';
import { newUuid } from '../../ground/clock.ts';
import { osErrorCode, RackError } from '../../ground/errors.ts';
import { INSTALLER } from '../sources/offer.ts';
import { type ContentState, judgeBlob } from '../store/stored-blob.ts';
import { assertNotLinked } from '../store/tree-place.ts';
import {
  asideRemedy,
  findOrigin,
  hasFiles,
  MANIFEST,
  type PartPlace,
  partPlaces,
  partShape,
  readOwn,
} from './tree-parts.ts';

/** A group of files with a manifest; directory and release are empty in the top directory. */
export interface KnownPart extends Omit<PartPlace, 'kind'> {
  /** `built-in`: the boot loaders of the top directory. */
  readonly kind: PartPlace['kind'] | 'built-in';
  readonly manifest: PartFacts;
}

type PartFacts = z.output<typeof manifestShape>;

/** A checked part; it lacks the files that were taken out of the tree. */
export interface CheckedPart extends KnownPart {
  readonly files: readonly CheckedFile[];
}

interface CheckedFile {
  readonly path: string;
  readonly state: ContentState;
  /** The damaged copy, relative to the tree; undefined: none was kept. */
  readonly movedTo?: string | undefined;
}

interface TreeContent {
  readonly parts: readonly KnownPart[];
  /** Directories of a person: without a manifest, or links. */
  readonly others: readonly string[];
  /** Directories with a damaged manifest, without the top directory. */
  readonly spoilt: readonly string[];
  readonly problems: readonly string[];
}

interface CheckOptions {
  readonly tree: string;
  readonly repairs: boolean;
  readonly onProgress: (done: number, total: number) => void;
}

/** Bound on the parts of a tree; further ones are a problem. */
export const PARTS_MAX = 1000;
const KERNEL = 'linux';
const DISC = 'installer.iso';

/** Environments and the top directory have no title. */
const manifestShape = partShape.omit({ title: true }).extend({ schema: z.literal(1) });

/** The name for people: `bootloader/uefi/amd64`, `installer/ubuntu/noble/amd64`, else the directory. */
export function partName({ kind, directory, architecture, release, manifest: { os } }: KnownPart): string {
  if (kind === 'built-in') return `boot loaders for ${architecture}`;
  return kind === 'installer' && os !== undefined ? [INSTALLER, os, release, architecture].join('/') : directory;
}

/** The file or directory from which an installer was made; undefined: it was not. */
export const findSourceFile = (part: KnownPart): string | undefined =>
  findOrigin(part) === undefined ? part.manifest.source : undefined;

/**
 * The parts of which a file is missing or has another size. Leaves out the top directory, where a
 * person may replace them.
 */
export const damagedParts = (tree: string): readonly KnownPart[] =>
  listKnownParts(tree).parts.filter(
    ({ kind, directory, manifest: { files } }) => kind !== 'built-in' && !hasFiles(tree, { directory, files }),
  );

/** Checks every file that a manifest names, one after the other. */
export async function checkParts(
  options: CheckOptions,
): Promise<Pick<TreeContent, 'others' | 'problems'> & { readonly parts: readonly CheckedPart[] }> {
  const { parts, others, problems } = listKnownParts(options.tree);
  const total = parts.reduce((sum, part) => sum + sumPartBytes(part), 0);
  const checked: CheckedPart[] = [];
  let before = 0;
  for (const part of parts) {
    const start = before;
    const result = await checkPart(part, { ...options, onProgress: (done) => options.onProgress(start + done, total) });
    before += sumPartBytes(part);
    if (result !== undefined) checked.push(result);
  }
  return { parts: checked, others, problems };
}

const sumPartBytes = ({ manifest }: KnownPart): number => manifest.files.reduce((sum, { bytes }) => sum + bytes, 0);

/** @returns undefined: it was published again or removed meanwhile */
async function checkPart(
  part: KnownPart,
  { tree, repairs, onProgress }: Omit<CheckOptions, 'onProgress'> & { readonly onProgress: (done: number) => void },
): Promise<CheckedPart | undefined> {
  const { directory, manifest } = part;
  const disc = join(directory, DISC);
  // A published file gets another inode.
  const identity = (): string =>
    ['', ...manifest.files.map(({ name }) => name)]
      .map((name) => seenEntry(join(tree, directory, name))?.ino ?? '')
      .join(' ');
  const present = identity();
  const files: CheckedFile[] = [];
  let before = 0;
  for (const { name, sha256, bytes } of manifest.files) {
    const start = before;
    const path = join(directory, name);
    const onRead = (done: number): void => onProgress(start + done);
    let seen: string | undefined;
    const onSeen = (identity: string): void => {
      seen = identity;
    };
    const state = await judgeBlob(tree, { path, sha256, bytes }, { onProgress: onRead, onSeen });
    const isChanged = state.kind === 'damaged' && seenIdentity(join(tree, path)) !== seen;
    files.push({ path, state: isChanged ? { kind: 'unreadable', code: 'EBUSY' } : state });
    before += bytes;
  }
  if (identity() !== present) return undefined;
  if (!repairs) return { ...part, files };
  const left: CheckedFile[] = [];
  for (const file of files) {
    const movedTo = isTakenOut(part, file) ? await takeOut(tree, part, file.path) : undefined;
    left.push(movedTo === undefined ? file : { ...file, movedTo });
  }
  // With the kernel and the initrd alone, a machine would boot an installer that it takes for one
  // without a disc.
  if (files.some(({ path, state: { kind } }) => path === disc && (kind === 'damaged' || kind === 'missing')))
    await takeOut(tree, part, join(directory, KERNEL));
  return { ...part, files: left };
}

const isTakenOut = ({ kind }: KnownPart, { state }: CheckedFile): boolean =>
  state.kind === 'damaged' && (kind !== 'built-in' || state.found !== undefined);

/** @returns the kept copy, relative to the tree; undefined if the file was deleted */
async function takeOut(tree: string, part: KnownPart, path: string): Promise<string | undefined> {
  // No machine gets it, and its content is not Rackboot's.
  if (seenEntry(join(tree, path))?.isDirectory() === true) return undefined;
  if (part.kind !== 'built-in' && findSourceFile(part) === undefined) {
    await rm(join(tree, path), { recursive: true, force: true });
    return undefined;
  }
  const hidden = join(dirname(path), `.${basename(path)}.damaged`);
  // The copy that an earlier check kept stays if there is no other.
  if (seenEntry(join(tree, path)) === undefined) return undefined;
  await rm(join(tree, hidden), { recursive: true, force: true });
  try {
    await rename(join(tree, path), join(tree, hidden));
    return hidden;
  } catch (error) {
    if (osErrorCode(error) !== 'ENOENT') throw error;
    return undefined;
  }
}

/** The parts of a tree, sorted by their directories; those of the top directory come last. */
export function listKnownParts(tree: string): TreeContent {
  const problems: string[] = [];
  const others: string[] = [];
  const spoilt: string[] = [];
  const listing = {
    tree,
    onProblem: (problem: string): void => void problems.push(problem),
    onOther: (path: string): void => void others.push(path),
  };
  const places = partPlaces(tree, (_, directory) => namesUnder(listing, directory)).filter(
    ({ directory }) => namesUnder(listing, directory, 'all').length > 0,
  );
  if (places.length > PARTS_MAX)
    problems.push(`${tree} has ${places.length} boot loaders and installers, and only ${PARTS_MAX} are checked.`);
  const builtIn = CPUS.map((architecture) => ({ kind: 'built-in', release: '', architecture, directory: '' }) as const);
  const parts: KnownPart[] = [];
  for (const place of [...places.slice(0, PARTS_MAX), ...builtIn]) {
    const path = join(place.directory, place.kind === 'built-in' ? `.loaders-${place.architecture}.json` : MANIFEST);
    const facts = readFacts(tree, path);
    if (typeof facts === 'object' && 'files' in facts) parts.push({ ...place, manifest: facts });
    else if (typeof facts === 'object') {
      const isOwn = place.kind !== 'built-in';
      if (isOwn) spoilt.push(place.directory);
      const remedy = isOwn ? asideRemedy(place.directory) : '`rackboot images build` makes them again';
      const text = `${path} is damaged, so its files cannot be checked: ${facts.damage}`;
      problems.push(`${text}; ${remedy}; if they are your own, remove it`);
    } else if (facts !== undefined) problems.push(facts);
    else if (place.kind !== 'built-in') others.push(place.directory);
  }
  return { parts, others, spoilt, problems };
}

interface Listing {
  readonly tree: string;
  readonly onProblem: (problem: string) => void;
  readonly onOther: (path: string) => void;
}

/**
 * The names in a directory; empty for a link. @param which `directories`: also links, which may
 * lead to one
 */
function namesUnder(
  { tree, onProblem, onOther }: Listing,
  directory: string,
  which: 'directories' | 'all' = 'directories',
): readonly string[] {
  const path = join(tree, directory);
  const entry = seenEntry(path);
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
    if (code !== 'ENOENT') onProblem(unreadable(path, code));
    return [];
  }
}

const unreadable = (path: string, code: string): string =>
  `${path} cannot be read (${code}): let the user who runs Rackboot read it.`;

/**
 * Moves the files of a part with a damaged manifest out of the way: it is unknown whose they are.
 * @param directory relative to the tree @returns the hidden path that they have now
 * @throws RackError `store-unwritable` if it is behind a link; the system's error
 */
export async function movePartAside(tree: string, directory: string): Promise<string> {
  assertNotLinked(tree, directory);
  const hidden = join(tree, dirname(directory), `.${basename(directory)}.damaged-${newUuid()}`);
  await rename(join(tree, directory), hidden);
  return hidden;
}

/**
 * The manifest in a directory and the files that it names; empty if there is none, or it cannot be used.
 * @param directory relative to the tree, as the result
 */
export function filesNamedIn(tree: string, directory: string): readonly string[] {
  const facts = readFacts(tree, join(directory, MANIFEST));
  const files = typeof facts === 'object' && 'files' in facts ? facts.files : undefined;
  return files === undefined ? [] : [MANIFEST, ...files.map(({ name }) => name)].map((name) => join(directory, name));
}

/** @returns undefined: there is no manifest of Rackboot; a text: why it cannot be read */
function readFacts(tree: string, path: string): PartFacts | { readonly damage: string } | string | undefined {
  const file = join(tree, path);
  try {
    const manifest = readOwn(file, (value) => manifestShape.safeParse(value).data);
    return typeof manifest === 'string' ? { damage: manifest } : manifest;
  } catch (error) {
    if (error instanceof RackError) return `${error.message}.`;
    throw error;
  }
}
