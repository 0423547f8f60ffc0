// Opens the independent parts of a rack in parallel: the start takes as long as the slowest of them.

import type { RackConfig } from '../../config/rack-config.ts';
import { openNetwork } from '../../net/datagrams/open-network.ts';
import { openInterfaceWatch } from '../../net/watch/interfaces.ts';
import { type LeaseJournalOptions, openLeaseJournal } from '../../store/leases/lease-journal.ts';
import { LiveTree } from '../rack/live-tree.ts';

type Close = () => Promise<void> | void;
type TreePorts = Parameters<typeof LiveTree.open>[1];

/**
 * @param opened receives a function that closes each opened part, even if another part cannot be opened
 * @param ready a further check that must succeed; it is awaited as well
 * @throws RackError the error of the first part that cannot be opened
 */
export async function openParts(
  { stateDir, boot }: RackConfig,
  opened: Close[],
  { clock, publish, onDamage }: Pick<LeaseJournalOptions, 'clock' | 'onDamage'> & Pick<TreePorts, 'publish'>,
  ready: Promise<void>,
) {
  const open = async <T>(opening: Promise<T>, close: (part: T) => ReturnType<Close>): Promise<T> => {
    const part = await opening;
    opened.push(() => close(part));
    return part;
  };
  const opening = [
    open(openLeaseJournal({ stateDir, clock, onDamage }), ({ journal }) => journal.close()),
    open(openNetwork(), (network) => network.close()),
    open(openInterfaceWatch({ clock }), (watch) => watch.close()),
    open(LiveTree.open(boot.tree, { clock, publish }), (tree) => tree.close()),
    ready,
  ] as const;
  // Wait for all of them, so that parts that did open are closed when another failed.
  await Promise.allSettled(opening);
  return await Promise.all(opening);
}
