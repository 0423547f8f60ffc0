// Links the systems of the store into the boot tree, under MAAS's names:
//
//   TREE/OS/ARCH/SUBARCH/RELEASE/LABEL/{boot-kernel,boot-initrd,squashfs,…}     hard links to the blobs of the newest serial
//
// Source: the `current` directory of MAAS 1.5 to 3.4, where `generic` is a second name for the release's own kernel.
//
// 1. A directory appears whole or not at all.
// 2. The store decides: after each change, the directory of a name is made again from the manifests.

import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { blobPath, hasBlob, isSameName, readImages, type StoredImage } from './image-store.ts';
import { publishDirectory } from './publication.ts';

/** Makes the directories for the names of these images again; disk images have none. */
export async function refreshTree(tree: string, images: readonly StoredImage[]): Promise<void> {
  const systems = images.filter(({ system }) => system !== undefined);
  if (systems.length === 0) return;
  const stored = readImages(tree).images.filter((image) => image.system !== undefined && hasBlob(tree, image));
  const places = new Map(systems.flatMap((image) => placesOf(image).map((place) => [place, image] as const)));
  for (const [place, image] of places) {
    // The newest is the first.
    const newest = stored.find((one) => isSameName(one, image) && placesOf(one).includes(place));
    if (newest === undefined) await rm(join(tree, place), { recursive: true, force: true });
    else await publishDirectory(join(tree, place), linksOf(tree, newest));
  }
}

/** The directories of a system, relative to the tree. */
function placesOf({ os, architecture, subarchitecture, release, label, system }: StoredImage): readonly string[] {
  const subarches = new Set([subarchitecture, ...(system === undefined ? [] : [system.subarch])]);
  return [...subarches].map((subarch) => [os, architecture, subarch, release, label].join('/'));
}

function linksOf(tree: string, { sha256, format, system }: StoredImage) {
  const links = (system?.files ?? []).map((file) => ({ name: file.name, link: blobPath(file.sha256, 'file') }));
  const root = { name: system?.rootName ?? '', link: blobPath(sha256, format) };
  return [root, ...links].map(({ name, link }) => ({ name, link: join(tree, link) }));
}
