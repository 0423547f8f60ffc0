// The images that machines of this rack are being deployed from, as the running region knows them.

import { z } from 'zod';
import { askDaemon, MACHINES_PATH } from '../../control/ask-daemon.ts';
import { RackError } from '../../ground/errors.ts';
import type { ImageUse } from '../../images/store/image-removal.ts';
import { type ImageTree, isSamePath } from './image-tree.ts';

const deployingShape = z.array(
  z.object({
    hostname: z.string(),
    osystem: z.string(),
    distro_series: z.string(),
    architecture: z.string().nullable(),
  }),
);

const UNUSED: ImageUse = { findUsers: () => [], areUsesKnown: true };

/**
 * Reads from the daemon of this host which images are in use. Without a running daemon, none is in
 * use. A rack with a remote region does not know.
 */
export async function readImageUse({ tree, config }: Pick<ImageTree, 'tree' | 'config'>): Promise<ImageUse> {
  if (config === undefined || !isSamePath(config.boot.tree, tree)) return UNUSED;
  let answer: unknown;
  try {
    answer = await askDaemon(config.stateDir, `${MACHINES_PATH}?status=deploying`);
  } catch (error) {
    if (!(error instanceof RackError)) throw error;
    return { ...UNUSED, areUsesKnown: error.code === 'not-running' };
  }
  const machines = deployingShape.parse(answer);
  return {
    areUsesKnown: true,
    // Any image of the system, because the region's answer does not say which serial the machine was given.
    findUsers: (image) =>
      machines
        .filter(
          (machine) =>
            machine.osystem === image.os &&
            machine.distro_series === image.release &&
            machine.architecture?.split('/')[0] === image.architecture,
        )
        .map(({ hostname }) => hostname),
  };
}
