// Finds which networks form one shared network, and reports contradictions. Every network that DHCP
// serves is on a shared network: that of its interface, one that it shares by name, or one of its
// own behind relays.
//
// 1. An interface is one shared network. A name given by one network applies to all networks of
//    that interface.
// 2. A shared network has at most one interface on this host. Networks behind relays may share one
//    with each other and with networks of an interface, if a relay agent is on that shared network.
// 3. On one shared network addresses come from this rack or from another server, not from both.

import type { WrittenClusterInterface } from './written.ts';

interface IndexedInterface {
  readonly written: WrittenClusterInterface;
  readonly index: number;
}

type Report = (entry: IndexedInterface, key: string, message: string) => void;

/**
 * The name of the shared network that a network is on; `undefined` if neither the network nor its
 * interface has one.
 */
export type FindSharedNetwork = (written: WrittenClusterInterface) => string | undefined;

/**
 * Finds the shared networks of the written networks. A network without DHCP (management 0) belongs
 * to no shared network.
 */
export function resolveSharedNetworks(entries: readonly IndexedInterface[], report: Report): FindSharedNetwork {
  const servedEntries = entries.filter(({ written }) => written.management > 0);
  const byInterface = new Map<string, IndexedInterface>();
  for (const entry of servedEntries) {
    const { interface: name, shared } = entry.written;
    if (name === undefined || shared === undefined) continue;
    const otherEntry = byInterface.get(name);
    if (otherEntry === undefined) byInterface.set(name, entry);
    else if (otherEntry.written.shared !== shared) {
      report(
        entry,
        'shared',
        `"${shared}" contradicts "${otherEntry.written.shared}" of ${formatEntryName(otherEntry)}, which is also on ${name}; one interface is one shared network`,
      );
    }
  }
  const findSharedNetwork: FindSharedNetwork = ({ interface: name, shared }) =>
    shared ?? (name === undefined ? undefined : byInterface.get(name)?.written.shared);
  servedEntries.forEach((entry, index) => {
    for (const otherEntry of servedEntries.slice(0, index)) checkPair(entry, otherEntry, findSharedNetwork, report);
  });
  return findSharedNetwork;
}

/** Reports contradictions between two networks of one shared network. */
function checkPair(
  entry: IndexedInterface,
  otherEntry: IndexedInterface,
  findSharedNetwork: FindSharedNetwork,
  report: Report,
): void {
  const [written, otherWritten] = [entry.written, otherEntry.written];
  const shared = findSharedNetwork(written);
  const sharesInterface = written.interface !== undefined && written.interface === otherWritten.interface;
  const sharesName = shared !== undefined && shared === findSharedNetwork(otherWritten);
  if (!sharesInterface && !sharesName) return;
  if (written.mode !== otherWritten.mode) {
    const reason = sharesInterface ? `is also on ${written.interface}` : `also shares "${shared}"`;
    report(
      entry,
      'mode',
      `${written.mode} contradicts ${otherWritten.mode} of ${formatEntryName(otherEntry)}, which ${reason}; on one shared network addresses come from this rack or from another server`,
    );
  }
  if (!sharesInterface && written.interface !== undefined && otherWritten.interface !== undefined) {
    report(
      entry,
      written.shared === undefined ? 'interface' : 'shared',
      `"${shared}" is the shared network of ${otherWritten.interface} according to ${formatEntryName(otherEntry)}, but ${written.interface} is another; ` +
        'networks that share a name must be on one interface or behind relays',
    );
  }
}

const formatEntryName = ({ index }: IndexedInterface): string => `cluster_interfaces[${index}]`;
