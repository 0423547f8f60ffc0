// Opens the parts of a rack that need nothing of each other, side by side: a start waits for the slowest alone.

import type { Clock } from '../../clock.ts';
import type { RackConfig } from '../../config/rack-config.ts';
import { openInterfaceWatch } from '../../net/interfaces.ts';
import { openNetwork } from '../../net/open-network.ts';
import { openLeaseJournal } from '../../store/lease-journal.ts';
import { LiveTree } from '../rack/live-tree.ts';

type Close = () => Promise<void> | void;
type TreePorts = Parameters<typeof LiveTree.open>[1];

/**
 * @param opened takes how to close each part once it is open, also when another one cannot be opened
 * @param ready what must be well besides; it is waited for, too
 * @throws RackError what the first part says that cannot be opened
 */
export async function openParts(
  { stateDir, boot }: RackConfig,
  opened: Close[],
  { clock, publish }: { readonly clock: Clock; readonly publish: TreePorts['publish'] },
  ready: Promise<void>,
) {
  const open = async <T>(opening: Promise<T>, close: (part: T) => ReturnType<Close>): Promise<T> => {
    const part = await opening;
    opened.push(() => close(part));
    return part;
  };
  const opening = [
    open(openLeaseJournal({ stateDir, clock }), ({ journal }) => journal.close()),
    open(openNetwork(), (network) => network.close()),
    open(openInterfaceWatch({ clock }), (watch) => watch.close()),
    open(LiveTree.open(boot.tree, { clock, publish }), (tree) => tree.close()),
    ready,
  ] as const;
  // All come to their end first, so that what did open is closed when something else did not.
  await Promise.allSettled(opening);
  return await Promise.all(opening);
}
