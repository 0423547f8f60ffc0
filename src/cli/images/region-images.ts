// `rackboot images list|remove` on a region's host without a rack: the disk images of its hosts,
// and those that its racks report.

import { z } from 'zod';
import { loadStateDir } from '../../config/config-file.ts';
import { askDaemon } from '../../control/ask-daemon.ts';
import { counted } from '../../ground/counted.ts';
import { RackError } from '../../ground/errors.ts';
import { formatImageName } from '../../images/store/image-store.ts';
import { printAnswer, type Where } from '../terminal/asking.ts';
import { formatBytes, print, printError, printJson, tableText } from '../terminal/output.ts';
import { fetchedAgainNote } from './boot-selections.ts';
import { nearestBeginning, toSeveralMatchError } from './named-images.ts';
import type { RemoveFlags } from './options.ts';

const RESOURCES = '/MAAS/api/2.0/boot-resources/';

const imageShape = z.object({
  os: z.string(),
  release: z.string(),
  architecture: z.string(),
  subarchitecture: z.string(),
  label: z.string(),
  serial: z.string(),
  sha256: z.string(),
  bytes: z.number(),
  diskBytes: z.number().nullable(),
});
const racksShape = z.array(
  z.object({ name: z.string(), status_name: z.string(), images: z.array(imageShape).default([]) }),
);
const versionsShape = z.array(
  z.object({
    id: z.number(),
    /** The name without the serial. */
    name: z.string(),
    version: z.string(),
    size: z.number(),
    disk_size: z.number().nullable(),
    sha256: z.string(),
    /** The hosts that have it; empty if only racks have it. */
    hosts: z.array(z.string()),
  }),
);
type ImageVersion = z.output<typeof versionsShape>[number];

interface ShownImage extends z.output<typeof imageShape> {
  readonly hosts: readonly string[];
  readonly racks: string[];
}

const readVersions = async (stateDir: string): Promise<readonly ImageVersion[]> =>
  versionsShape.parse(await askDaemon(stateDir, `${RESOURCES}?op=list_versions`));

/**
 * Lists images with the hosts and accepted racks that have them. @returns 0 @throws RackError as
 * `askDaemon`
 */
export async function listRegionImages(where: Where): Promise<number> {
  const { stateDir } = loadStateDir(where.config);
  const byKey = new Map<string, ShownImage>();
  for (const { name, version: serial, size: bytes, disk_size: diskBytes, sha256, hosts } of await readVersions(
    stateDir,
  )) {
    if (hosts.length === 0) continue;
    const [os = '', release = '', architecture = '', subarchitecture = '', label = ''] = name.split('/');
    const image = { os, release, architecture, subarchitecture, label, serial, sha256, bytes, diskBytes };
    byKey.set(`${formatImageName(image)} ${sha256}`, { ...image, hosts, racks: [] });
  }
  const racks = racksShape.parse(await askDaemon(stateDir, '/MAAS/api/2.0/nodegroups/'));
  for (const { name, images } of racks.filter(({ status_name: state }) => state === 'accepted')) {
    for (const image of images) {
      const key = `${formatImageName(image)} ${image.sha256}`;
      const listedImage = byKey.get(key);
      if (listedImage === undefined) byKey.set(key, { ...image, hosts: [], racks: [name] });
      else listedImage.racks.push(name);
    }
  }
  const images = [...byKey].sort(([one], [other]) => (one < other ? -1 : 1)).map(([, image]) => image);
  const rows = images.map((image) => [
    formatImageName(image),
    formatBytes(image.bytes),
    image.diskBytes === null ? 'unknown' : formatBytes(image.diskBytes),
    image.sha256.slice(0, 12),
    image.hosts.join(' ') || 'none',
    image.racks.join(' ') || 'none',
  ]);
  const empty =
    'Neither a host of the region nor a rack has a disk image: `rackboot images upload NAME FILE` brings one to the region; ' +
    '`sudo rackboot images make-debian` on the host of a rack makes one.';
  const table = tableText(['IMAGE', 'SIZE', 'ON A DISK', 'SHA256', 'HOSTS', 'RACKS'], rows, empty);
  return printAnswer(where, { images, problems: [], notes: [] }, table);
}

/**
 * Deletes images on all hosts of the region. @returns 0
 * @throws RackError `not-found`, `bad-argument`, and as `askDaemon`
 */
export async function removeRegionImages({ config, image, all, json }: RemoveFlags): Promise<number> {
  const { stateDir } = loadStateDir(config);
  const requestedName = image.endsWith('/') ? image.slice(0, -1) : image;
  const versions = await readVersions(stateDir);
  const imagesToDelete = findDeletableImages(versions, requestedName);
  if (imagesToDelete.length > 1 && !all) throw toSeveralMatchError(imagesToDelete.map(({ name }) => name));
  for (const { id } of imagesToDelete) await askDaemon(stateDir, `${RESOURCES}${id}/`, 'DELETE');
  if (json) printJson({ removed: imagesToDelete });
  else {
    for (const { name, versions: serials } of imagesToDelete)
      print(`Deleted ${name}, ${counted(serials.length, 'version')}`);
    print('Every host of the region removes it; a host that is down does so when its process is back.');
    const names = imagesToDelete.map(({ name }) => {
      const [os = '', release = '', architecture = '', subarchitecture = '', label = ''] = name.split('/');
      return { os, release, architecture, subarchitecture, label };
    });
    const note = await fetchedAgainNote(stateDir, names);
    if (note !== undefined) printError(note);
  }
  return 0;
}

interface DeletableImage {
  readonly id: number;
  readonly name: string;
  readonly versions: readonly string[];
}

/** Finds the images with this name, or names that start with all its parts. */
function findDeletableImages(all: readonly ImageVersion[], requestedName: string): readonly DeletableImage[] {
  const matchingVersions = all.filter(({ name, version }) => `${name}/${version}/`.startsWith(`${requestedName}/`));
  const storedVersions = matchingVersions.filter(({ hosts }) => hosts.length > 0);
  if (storedVersions.length === 0 && matchingVersions.length > 0) {
    const text = `only racks have ${requestedName}: run this command on the host of each, which \`rackboot images list\` names`;
    throw new RackError('bad-argument', text);
  }
  if (storedVersions.length === 0) {
    const hint = nearestBeginning(
      requestedName,
      all.map(({ name, version }) => `${name}/${version}`),
    );
    const text = `there is no image ${JSON.stringify(requestedName)}; ${hint}\`rackboot images list\` names all`;
    throw new RackError('not-found', text);
  }
  return [...Map.groupBy(storedVersions, ({ id }) => id).values()].flatMap((matchingGroup) => {
    const [{ id, name } = { id: 0, name: '' }] = matchingGroup;
    const versions = all.filter((version) => version.id === id).map(({ version }) => version);
    if (matchingGroup.length === versions.length || !requestedName.startsWith(`${name}/`))
      return [{ id, name, versions }];
    const text = `the region deletes all ${counted(versions.length, 'version')} of an image together: remove ${name}`;
    throw new RackError('bad-argument', text);
  });
}
