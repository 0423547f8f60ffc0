// Links the systems of the store into the boot tree, under MAAS's names:
//
//   TREE/images/systems/NAME-HASH/{boot-kernel,boot-initrd,squashfs,…}     hard links to the blobs of one image
//   TREE/OS/ARCH/SUBARCH/RELEASE/LABEL                                     a link to the directory of the newest serial
//
// Source: the `current` directory of MAAS 1.5 to 3.4, where `generic` is a second name of the
// release's own kernel, and `hwe-rolling` is a second name of the kernel that a stream marks as
// rolling.
//
// 1. A directory appears complete or not at all, and never gets files of another serial.
// 2. The store is authoritative: after each change, the changed names are linked again from the manifests.
// 3. One work at a time makes links (`linkQueue`). Two works at a time could remove each other's
//    links, or link to an old directory.
// 4. A machine boots from the directory (boot/decision.ts), which stays for an hour after its image
//    was removed. So kernel, initrd and root of one boot belong together. A damaged directory is
//    removed at once.
// 5. An entry that a person put in place of a link stays. Nothing behind a link to a directory is changed.

import { createHash } from 'node:crypto';
import { chmod, readdir, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { statLinkIfVisible } from '../../files/seen-stats.ts';
import { RackError } from '../../ground/errors.ts';
import { allowReplacement, publishDirectory, publishLink, UNFINISHED_SUFFIX } from './directory-publication.ts';
import { blobPath, hasBlob, isSameName, readImages, type StoredImage } from './image-store.ts';
import { SequentialQueue } from './one-at-a-time.ts';
import { removeEmpty } from './publication.ts';
import { makeRealDirectory } from './stored-blob.ts';
import { listKernelNames, type StoredSystem } from './stored-system.ts';
import { findLinkProblem } from './tree-place.ts';

/** The directories of systems, relative to the tree. */
const SYSTEMS_DIRECTORY = 'images/systems';
const KEPT_AFTER_REMOVAL_MS = 60 * 60 * 1000;
const NAME_CHARACTERS_MAX = 160;
const HASH_CHARACTERS = 12;
const HASH = `-[0-9a-f]{${HASH_CHARACTERS}}`;
/**
 * Matches our directories, and those that a killed process left unfinished
 * (directory-publication.ts). A directory that was kept for a person has another name.
 */
export const SYSTEM_NAME = String.raw`(?:[^./][^/]*${HASH}|\.[^/]+${HASH}${UNFINISHED_SUFFIX})`;
const OWN_DIRECTORY_NAME = new RegExp(`^${SYSTEM_NAME}$`);
const MODE = 0o755;
const linkQueue = new SequentialQueue();

/**
 * Renews the links of images. Disk images have no links.
 * @throws RackError `store-unwritable` as `makeRealDirectory`
 */
export async function refreshTree(tree: string, images: readonly StoredImage[]): Promise<void> {
  const systems = images.filter(({ system }) => system !== undefined);
  if (systems.length === 0) return;
  await linkQueue.run(() => makeLinks(tree, systems));
}

async function makeLinks(tree: string, systems: readonly StoredImage[]): Promise<void> {
  await makeRealDirectory(join(tree, SYSTEMS_DIRECTORY));
  const listedSystems = readImages(tree).images.filter(({ system }) => system !== undefined);
  const intactSystems = listedSystems.filter((image) => hasBlob(tree, image));
  for (const image of systems) {
    const isSame = (listedImage: StoredImage): boolean => getSystemPath(listedImage) === getSystemPath(image);
    if (!intactSystems.some(isSame)) await retireDirectory(tree, image, listedSystems.some(isSame));
  }
  const linkPaths = new Map(
    systems.flatMap((image) => listLinkPaths(image).map((linkPath) => [linkPath, image] as const)),
  );
  for (const [linkPath, image] of linkPaths) {
    const newest = intactSystems.find(
      (candidate) => isSameName(candidate, image) && listLinkPaths(candidate).includes(linkPath),
    );
    const mayLink = findLinkProblem(tree, linkPath) === undefined;
    if (newest !== undefined) await makeSystem(tree, newest);
    if (!mayLink) continue;
    if (newest === undefined) await removeLink(tree, linkPath);
    else await publishLink(join(tree, linkPath), join('../../../..', getSystemPath(newest)));
  }
}

/** Removes a link, and empty directories above it. */
async function removeLink(tree: string, linkPath: string): Promise<void> {
  if (statLinkIfVisible(join(tree, linkPath)) === undefined) return;
  await rm(join(tree, linkPath), { force: true });
  const parents = [dirname(linkPath)];
  for (let directory = dirname(linkPath); dirname(directory) !== '.'; directory = dirname(directory))
    parents.push(dirname(directory));
  await removeEmpty(parents.map((path) => join(tree, path)));
}

/**
 * Removes the directories of systems that no image has needed for an hour. Removes nothing with
 * another name, and nothing behind a link.
 * @param nowMs wall time
 * @throws RackError as `refreshTree`
 */
export const sweepSystems = (tree: string, nowMs: number): Promise<void> =>
  linkQueue.run(async () => {
    for (const path of await listExpiredSystems(tree, nowMs)) await rm(path, { recursive: true, force: true });
  });

/**
 * Lists the directories that no image has needed for an hour. Lists none while a manifest is
 * unreadable, because its image may need any of them.
 */
async function listExpiredSystems(tree: string, nowMs: number): Promise<readonly string[]> {
  if (!isOwnDirectory(tree)) return [];
  const entries = await readdir(join(tree, SYSTEMS_DIRECTORY), { withFileTypes: true }).catch(() => []);
  if (entries.length === 0) return [];
  const { images, problems } = readImages(tree);
  if (problems.length > 0) return [];
  const needed = new Set(images.filter(({ system }) => system !== undefined).map(getSystemPath));
  const expired: string[] = [];
  for (const entry of entries) {
    if (
      !entry.isDirectory() ||
      !OWN_DIRECTORY_NAME.test(entry.name) ||
      needed.has(`${SYSTEMS_DIRECTORY}/${entry.name}`)
    )
      continue;
    const path = join(tree, SYSTEMS_DIRECTORY, entry.name);
    const stats = statLinkIfVisible(path);
    if (stats !== undefined && nowMs - stats.ctimeMs >= KEPT_AFTER_REMOVAL_MS) expired.push(path);
  }
  return expired;
}

/** False if the directory of systems is missing, or a link, which may lead to other files. */
const isOwnDirectory = (tree: string): boolean =>
  statLinkIfVisible(join(tree, SYSTEMS_DIRECTORY))?.isDirectory() === true;

/**
 * Retires the directory of a system that the store lacks. A damaged directory is removed, any other
 * is kept for KEPT_AFTER_REMOVAL_MS.
 */
async function retireDirectory(tree: string, image: StoredImage, isDamaged: boolean): Promise<void> {
  if (isDamaged) await rm(join(tree, getSystemPath(image)), { recursive: true, force: true });
  else await keepSystem(tree, image);
}

/** Keeps the directory of a system for KEPT_AFTER_REMOVAL_MS after its manifest was removed. */
export async function keepSystem(tree: string, image: StoredImage): Promise<void> {
  const path = join(tree, getSystemPath(image));
  if (statLinkIfVisible(path)?.isDirectory() === true) await chmod(path, MODE).catch(() => undefined);
}

/** Makes the directory of a system, unless it already has the files of the store. */
async function makeSystem(tree: string, image: StoredImage): Promise<void> {
  const directory = join(tree, getSystemPath(image));
  const links = listFileLinks(tree, image);
  const hasLinks = links.every(
    ({ name, link }) => statLinkIfVisible(join(directory, name))?.ino === statLinkIfVisible(link)?.ino,
  );
  if (!hasLinks) await publishDirectory(directory, links, allowReplacement);
}

/**
 * Checks that links to a system can be made. @throws RackError `already-exists` if something else
 * has the path of a link
 */
export function checkLinkPaths(tree: string, image: LinkedSystem): void {
  const problem = listLinkPaths(image)
    .map((linkPath) => findLinkProblem(tree, linkPath))
    .find((problem) => problem !== undefined);
  if (problem === undefined) return;
  const { os, release, architecture } = image;
  const name = [os, release, architecture].join('/');
  throw new RackError('already-exists', `${name} cannot be added to the boot tree: ${problem}: move it away first`);
}

type LinkedSystem = Pick<StoredImage, 'os' | 'architecture' | 'subarchitecture' | 'release' | 'label'> & {
  readonly system?: Pick<StoredSystem, 'subarch' | 'subarches'> | undefined;
};

/** Returns the directory of a system, relative to the tree. Its hash covers the system's files. */
function getSystemPath({ os, release, architecture, subarchitecture, serial, sha256, system }: StoredImage): string {
  const name = [os, release, architecture, subarchitecture, serial].join('-').slice(0, NAME_CHARACTERS_MAX);
  const files = JSON.stringify([sha256, system?.rootName, system?.files.map((file) => [file.name, file.sha256])]);
  return `${SYSTEMS_DIRECTORY}/${name}-${createHash('sha256').update(files).digest('hex').slice(0, HASH_CHARACTERS)}`;
}

/** Lists the paths of the links to a system, relative to the tree. */
function listLinkPaths({ os, architecture, subarchitecture, release, label, system }: LinkedSystem): readonly string[] {
  const subarches = new Set([subarchitecture, ...(system === undefined ? [] : listKernelNames(system))]);
  return [...subarches].map((subarch) => [os, architecture, subarch, release, label].join('/'));
}

function listFileLinks(tree: string, { sha256, format, system }: StoredImage) {
  const links = (system?.files ?? []).map((file) => ({ name: file.name, link: blobPath(file.sha256, 'file') }));
  const root = { name: system?.rootName ?? '', link: blobPath(sha256, format) };
  return [root, ...links].map(({ name, link }) => ({ name, link: join(tree, link) }));
}
