// Links the systems of the store into the boot tree, under MAAS's names:
//
//   TREE/images/systems/NAME-HASH/{boot-kernel,boot-initrd,squashfs,…}     hard links to the blobs of one image
//   TREE/OS/ARCH/SUBARCH/RELEASE/LABEL                                     a link to the directory of the newest serial
//
// Source: the `current` directory of MAAS 1.5 to 3.4, where `generic` is a second name for the
// release's own kernel, and `hwe-rolling` one for the kernel that a stream marks as rolling.
//
// 1. A directory appears whole or not at all, and never gets files of another serial.
// 2. The store is authoritative: after each change, the changed names are linked again from the manifests.
// 3. One work at a time makes links (`turns`): two would remove each other's, or link to an old one.
// 4. A machine boots from the directory (boot/decision.ts), which stays for an hour after its image
//    was removed. So kernel, initrd and root of one boot belong together. A damaged directory is
//    removed at once.
// 5. What a person put in the place of a link stays, and so does everything behind a link to a directory.

import { createHash } from 'node:crypto';
import { chmod, readdir, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { seenEntry } from '../../files/seen-stats.ts';
import { RackError } from '../../ground/errors.ts';
import { publishDirectory, publishLink, replacesAll, UNFINISHED_END } from './directory-publication.ts';
import { blobPath, hasBlob, isSameName, readImages, type StoredImage } from './image-store.ts';
import { OneAtATime } from './one-at-a-time.ts';
import { removeEmpty } from './publication.ts';
import { makeRealDirectory } from './stored-blob.ts';
import { kernelNames, type StoredSystem } from './stored-system.ts';
import { linkProblem } from './tree-place.ts';

/** The directories of systems, relative to the tree. */
const SYSTEMS = 'images/systems';
const REMOVED_MS = 60 * 60 * 1000;
const NAME_CHARACTERS_MAX = 160;
const HASH_CHARACTERS = 12;
const HASH = `-[0-9a-f]{${HASH_CHARACTERS}}`;
/**
 * Matches our directories, and those that a killed process left unfinished
 * (directory-publication.ts). One kept for a person has another name.
 */
export const SYSTEM_NAME = String.raw`(?:[^./][^/]*${HASH}|\.[^/]+${HASH}${UNFINISHED_END})`;
const OWN_NAME = new RegExp(`^${SYSTEM_NAME}$`);
const MODE = 0o755;
const turns = new OneAtATime();

/**
 * Links these images again; disk images have no links.
 * @throws RackError `store-unwritable` as `makeRealDirectory`
 */
export async function refreshTree(tree: string, images: readonly StoredImage[]): Promise<void> {
  const systems = images.filter(({ system }) => system !== undefined);
  if (systems.length === 0) return;
  await turns.do(() => makeLinks(tree, systems));
}

async function makeLinks(tree: string, systems: readonly StoredImage[]): Promise<void> {
  await makeRealDirectory(join(tree, SYSTEMS));
  const listed = readImages(tree).images.filter(({ system }) => system !== undefined);
  const stored = listed.filter((image) => hasBlob(tree, image));
  for (const image of systems) {
    const isSame = (listedImage: StoredImage): boolean => systemPath(listedImage) === systemPath(image);
    if (!stored.some(isSame)) await retire(tree, image, listed.some(isSame));
  }
  const places = new Map(systems.flatMap((image) => listLinkPlaces(image).map((place) => [place, image] as const)));
  for (const [place, image] of places) {
    const newest = stored.find(
      (candidate) => isSameName(candidate, image) && listLinkPlaces(candidate).includes(place),
    );
    const mayLink = linkProblem(tree, place) === undefined;
    if (newest !== undefined) await makeSystem(tree, newest);
    if (!mayLink) continue;
    if (newest === undefined) await removeLink(tree, place);
    else await publishLink(join(tree, place), join('../../../..', systemPath(newest)));
  }
}

/** Removes a link, and empty directories above it. */
async function removeLink(tree: string, place: string): Promise<void> {
  if (seenEntry(join(tree, place)) === undefined) return;
  await rm(join(tree, place), { force: true });
  const above = [dirname(place)];
  for (let next = dirname(place); dirname(next) !== '.'; next = dirname(next)) above.push(dirname(next));
  await removeEmpty(above.map((path) => join(tree, path)));
}

/**
 * Removes the directories that no image has needed for an hour. Touches no other names, and nothing
 * behind a link.
 * @param nowMs wall time
 * @throws RackError as `refreshTree`
 */
export const sweepSystems = (tree: string, nowMs: number): Promise<void> =>
  turns.do(async () => {
    for (const path of await oldSystems(tree, nowMs)) await rm(path, { recursive: true, force: true });
  });

/**
 * The directories that no image has needed for an hour; none while a manifest is unreadable, which
 * may need one.
 */
async function oldSystems(tree: string, nowMs: number): Promise<readonly string[]> {
  if (!isOwnDirectory(tree)) return [];
  const entries = await readdir(join(tree, SYSTEMS), { withFileTypes: true }).catch(() => []);
  if (entries.length === 0) return [];
  const { images, problems } = readImages(tree);
  if (problems.length > 0) return [];
  const needed = new Set(images.filter(({ system }) => system !== undefined).map(systemPath));
  const old: string[] = [];
  for (const entry of entries) {
    if (!entry.isDirectory() || !OWN_NAME.test(entry.name) || needed.has(`${SYSTEMS}/${entry.name}`)) continue;
    const path = join(tree, SYSTEMS, entry.name);
    const facts = seenEntry(path);
    if (facts !== undefined && nowMs - facts.ctimeMs >= REMOVED_MS) old.push(path);
  }
  return old;
}

/** False if the directory of systems is missing, or a link, which may lead to other files. */
const isOwnDirectory = (tree: string): boolean => seenEntry(join(tree, SYSTEMS))?.isDirectory() === true;

/** Removes the damaged directory of a system that the store lacks; keeps any other for REMOVED_MS. */
async function retire(tree: string, image: StoredImage, isDamaged: boolean): Promise<void> {
  if (isDamaged) await rm(join(tree, systemPath(image)), { recursive: true, force: true });
  else await keepSystem(tree, image);
}

/** Keeps the directory of a system for REMOVED_MS, when its manifest goes or is gone. */
export async function keepSystem(tree: string, image: StoredImage): Promise<void> {
  const path = join(tree, systemPath(image));
  if (seenEntry(path)?.isDirectory() === true) await chmod(path, MODE).catch(() => undefined);
}

/** Makes the directory of a system, unless it already has the files of the store. */
async function makeSystem(tree: string, image: StoredImage): Promise<void> {
  const directory = join(tree, systemPath(image));
  const links = listFileLinks(tree, image);
  const isThere = links.every(({ name, link }) => seenEntry(join(directory, name))?.ino === seenEntry(link)?.ino);
  if (!isThere) await publishDirectory(directory, links, replacesAll);
}

/** @throws RackError `already-exists` if something else has the place of a link to a system */
export function checkSystemPlace(tree: string, image: SystemPlace): void {
  const problem = listLinkPlaces(image)
    .map((place) => linkProblem(tree, place))
    .find((problem) => problem !== undefined);
  if (problem === undefined) return;
  const { os, release, architecture } = image;
  const name = [os, release, architecture].join('/');
  throw new RackError('already-exists', `${name} cannot be added to the boot tree: ${problem}: move it away first`);
}

type SystemPlace = Pick<StoredImage, 'os' | 'architecture' | 'subarchitecture' | 'release' | 'label'> & {
  readonly system?: Pick<StoredSystem, 'subarch' | 'subarches'> | undefined;
};

/** The directory of a system, relative to the tree; the hash covers the system's files. */
function systemPath({ os, release, architecture, subarchitecture, serial, sha256, system }: StoredImage): string {
  const name = [os, release, architecture, subarchitecture, serial].join('-').slice(0, NAME_CHARACTERS_MAX);
  const files = JSON.stringify([sha256, system?.rootName, system?.files.map((file) => [file.name, file.sha256])]);
  return `${SYSTEMS}/${name}-${createHash('sha256').update(files).digest('hex').slice(0, HASH_CHARACTERS)}`;
}

/** The paths of the links to a system, relative to the tree. */
function listLinkPlaces({ os, architecture, subarchitecture, release, label, system }: SystemPlace): readonly string[] {
  const subarches = new Set([subarchitecture, ...(system === undefined ? [] : kernelNames(system))]);
  return [...subarches].map((subarch) => [os, architecture, subarch, release, label].join('/'));
}

function listFileLinks(tree: string, { sha256, format, system }: StoredImage) {
  const links = (system?.files ?? []).map((file) => ({ name: file.name, link: blobPath(file.sha256, 'file') }));
  const root = { name: system?.rootName ?? '', link: blobPath(sha256, format) };
  return [root, ...links].map(({ name, link }) => ({ name, link: join(tree, link) }));
}
