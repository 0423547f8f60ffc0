// Removes images, boot loaders and installers of this host for the region.
//
// 1. An installer is not removed while a machine that may load it is being deployed, because its
//    files would not be kept after the removal.

import { assertOutside, RackError } from '../../ground/errors.ts';
import { KEPT_VERSIONS, type RemovalDeps, removeOlder, removeUnused } from '../../images/run/older-images.ts';
import { listTreeParts } from '../../images/run/tree-parts.ts';
import type { ImageUse } from '../../images/store/image-removal.ts';
import { formatImageName, type ImageName, readImages } from '../../images/store/image-store.ts';
import { formatResourceName } from '../../region/images/region-source.ts';
import type { ImageUse as Use } from '../../region/records/boot-store.ts';
import type { Region } from '../../region/region.ts';
import type { ImageThread } from './image-thread.ts';

/** The boot tree of a host, and the thread that changes it. */
interface HostTree {
  readonly region: Region;
  readonly tree: string;
  readonly images: Pick<ImageThread, 'do'>;
}

export const buildRemovalDeps = ({ region, tree, images }: HostTree): RemovalDeps => ({
  tree,
  keptVersions: region.config().importKeptVersions ?? KEPT_VERSIONS,
  use: () => readImageUse(region),
  remove: (doomed) => images.do('remove', tree, { images: doomed, keepsBytes: true }),
  sweep: (doomed) => images.do('sweep', tree, { doomed }),
});

/** Removes everything with the name of this resource. @throws as `removeUnused` */
export const removeResource = (host: HostTree, name: string): Promise<void> =>
  removeMatching(host, (image) => formatResourceName(image) === name);

/**
 * Removes the image, boot loader or installer with this full name, if there is one. @throws as
 * `removeUnused`
 */
export const removeNamed = (host: HostTree, fullName: string): Promise<void> =>
  removeMatching(host, (image) => formatImageName(image) === fullName);

async function removeMatching(host: HostTree, isMatch: (image: ImageName) => boolean): Promise<void> {
  const { region, tree, images } = host;
  await removeUnused(readImages(tree).images.filter(isMatch), buildRemovalDeps(host));
  for (const part of listTreeParts(tree).filter(isMatch)) {
    const [machineName] = part.kind === 'installer' ? listUsers(await listDeployments(region), part) : [];
    if (machineName !== undefined)
      throw new RackError('bad-argument', `${machineName} is being deployed and may need it`);
    await images.do('remove', tree, { parts: [part] });
  }
}

/**
 * Removes the older images of an imported name, and the bytes that earlier removals left for machines.
 * @throws as `removeOlder`
 */
export async function removeOlderImages(
  host: HostTree,
  { image: name, serial }: { readonly image: string; readonly serial: string },
): Promise<void> {
  const image = readImages(host.tree).images.find(
    (stored) => formatResourceName(stored) === name && stored.serial === serial,
  );
  const options = buildRemovalDeps(host);
  if (image !== undefined) await removeOlder(image, options);
  await options.sweep([]);
}

/** Lists the names of the resources of a boot tree. Undefined if it cannot be read. */
export function listPresentNames(tree: string): ReadonlySet<string> | undefined {
  try {
    return new Set([...readImages(tree).images, ...listTreeParts(tree)].map(formatResourceName));
  } catch (error) {
    assertOutside(error);
    return undefined;
  }
}

/**
 * Reads the use of images. The region's store knows every machine that is deployed from this host's
 * boot tree, so the use is always known.
 */
async function readImageUse(region: Region): Promise<ImageUse> {
  const uses = await listDeployments(region);
  return { areUsesKnown: true, findUsers: (image) => listUsers(uses, image) };
}

const listDeployments = async ({ store }: Region): Promise<readonly Use[]> =>
  (await store.boot.listUses()).filter((use) => use.deploying > 0);

const listUsers = (uses: readonly Use[], { os, release, architecture }: ImageName): readonly string[] =>
  uses
    .filter((use) => use.os === os && use.release === release && use.architecture === architecture)
    .map(({ first }) => first);
