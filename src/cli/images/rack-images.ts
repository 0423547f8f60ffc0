// `rackboot images list` on the host of a region without a rack: the disk images that its racks report.

import { z } from 'zod';
import { loadPlace } from '../../config/config-file.ts';
import { askDaemon } from '../../control/ask-daemon.ts';
import { formatImageName } from '../../images/image-store.ts';
import { formatBytes, print, printJson, printTable } from '../terminal/output.ts';

const imageShape = z.object({
  os: z.string(),
  release: z.string(),
  architecture: z.string(),
  subarchitecture: z.string(),
  label: z.string(),
  serial: z.string(),
  sha256: z.string(),
  bytes: z.number(),
  diskBytes: z.number(),
});
const racksShape = z.array(
  z.object({ name: z.string(), status_name: z.string(), images: z.array(imageShape).default([]) }),
);

/** Prints each image with the accepted racks that have it. @returns 0 @throws RackError as `askDaemon` */
export async function listRackImages(config: string, json: boolean): Promise<number> {
  const racks = racksShape.parse(await askDaemon(loadPlace(config).stateDir, '/MAAS/api/2.0/nodegroups/'));
  const found = new Map<string, z.output<typeof imageShape> & { readonly racks: string[] }>();
  for (const { name, images } of racks.filter(({ status_name: state }) => state === 'accepted')) {
    for (const image of images) {
      const key = `${formatImageName(image)} ${image.sha256}`;
      const known = found.get(key);
      if (known === undefined) found.set(key, { ...image, racks: [name] });
      else known.racks.push(name);
    }
  }
  const images = [...found].sort(([one], [other]) => (one < other ? -1 : 1)).map(([, image]) => image);
  if (json) {
    printJson({ images, problems: [], notes: [] });
    return 0;
  }
  const rows = images.map((image) => [
    formatImageName(image),
    formatBytes(image.bytes),
    formatBytes(image.diskBytes),
    image.sha256.slice(0, 12),
    image.racks.join(' '),
  ]);
  if (rows.length > 0) printTable(['IMAGE', 'SIZE', 'ON A DISK', 'SHA256', 'RACKS'], rows, '');
  else print('No rack has reported a disk image: `sudo rackboot images make-debian` on the host of a rack makes one.');
  return 0;
}
