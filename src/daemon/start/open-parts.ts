// Opens the independent parts of a rack in parallel: the start takes as long as the slowest of them.

import type { RackConfig } from '../../config/rack-config.ts';
import { LiveTree } from '../rack/live-tree.ts';
import type { BegunStart } from './begin-start.ts';

type TreePorts = Parameters<typeof LiveTree.open>[1];

/**
 * Awaits the parts that `beginStart` began to open, and opens the tree. Each opened part is closed with the others, even if another one
 * cannot be opened.
 * @param ready a further check that must succeed; it is awaited as well
 * @throws RackError the error of the first part that cannot be opened
 */
export async function openParts(
  { opening: begun, open }: BegunStart,
  { boot }: RackConfig,
  ports: TreePorts,
  ready: Promise<void>,
) {
  const opening = [...begun, open(LiveTree.open(boot.tree, ports), (tree) => tree.close()), ready] as const;
  // Wait for all of them, so that parts that did open are closed when another failed.
  await Promise.allSettled(opening);
  return await Promise.all(opening);
}
