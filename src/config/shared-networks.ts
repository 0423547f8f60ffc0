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

interface PlacedInterface {
  readonly written: WrittenClusterInterface;
  readonly index: number;
}

type Report = (entry: PlacedInterface, key: string, message: string) => void;

/**
 * The name of the shared network that a network is on; undefined: neither the network nor its
 * interface has one.
 */
export type SharedNetworkOf = (written: WrittenClusterInterface) => string | undefined;

/**
 * Finds the shared networks of the written networks. A network without DHCP (management 0) belongs
 * to no shared network.
 */
export function resolveSharedNetworks(entries: readonly PlacedInterface[], report: Report): SharedNetworkOf {
  const served = entries.filter(({ written }) => written.management > 0);
  const byInterface = new Map<string, PlacedInterface>();
  for (const entry of served) {
    const { interface: name, shared } = entry.written;
    if (name === undefined || shared === undefined) continue;
    const other = byInterface.get(name);
    if (other === undefined) byInterface.set(name, entry);
    else if (other.written.shared !== shared) {
      report(
        entry,
        'shared',
        `"${shared}" contradicts "${other.written.shared}" of ${entryName(other)}, which is also on ${name}; one interface is one shared network`,
      );
    }
  }
  const sharedNetworkOf: SharedNetworkOf = ({ interface: name, shared }) =>
    shared ?? (name === undefined ? undefined : byInterface.get(name)?.written.shared);
  served.forEach((entry, at) => {
    for (const other of served.slice(0, at)) checkPair(entry, other, sharedNetworkOf, report);
  });
  return sharedNetworkOf;
}

/** Reports contradictions between two networks of one shared network. */
function checkPair(
  entry: PlacedInterface,
  other: PlacedInterface,
  sharedNetworkOf: SharedNetworkOf,
  report: Report,
): void {
  const [one, two] = [entry.written, other.written];
  const shared = sharedNetworkOf(one);
  const sharesInterface = one.interface !== undefined && one.interface === two.interface;
  const sharesName = shared !== undefined && shared === sharedNetworkOf(two);
  if (!sharesInterface && !sharesName) return;
  if (one.mode !== two.mode) {
    const where = sharesInterface ? `is also on ${one.interface}` : `also shares "${shared}"`;
    report(
      entry,
      'mode',
      `${one.mode} contradicts ${two.mode} of ${entryName(other)}, which ${where}; on one shared network addresses come from this rack or from another server`,
    );
  }
  if (!sharesInterface && one.interface !== undefined && two.interface !== undefined) {
    report(
      entry,
      one.shared === undefined ? 'interface' : 'shared',
      `"${shared}" is the shared network of ${two.interface} according to ${entryName(other)}, but ${one.interface} is another; ` +
        'networks that share a name must be on one interface or behind relays',
    );
  }
}

const entryName = ({ index }: PlacedInterface): string => `cluster_interfaces[${index}]`;
