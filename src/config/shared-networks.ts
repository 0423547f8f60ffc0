// Which networks are on one wire, and what contradicts that. Every network that DHCP serves is on a wire: that of its interface, one that it
// shares by name, or its own behind relays.
//
// 1. An interface is one wire. If one network names it, the name applies to all networks of that interface.
// 2. A wire has at most one interface here. Networks behind relays may share a wire with each other and with networks of an interface, if a
//    relay agent is on that wire.
// 3. On one wire addresses come from this rack or from another server, not from both.

import type { WrittenClusterInterface } from './written.ts';

/** A cluster interface and its index in the list. */
export interface PlacedInterface {
  readonly written: WrittenClusterInterface;
  readonly index: number;
}

type Report = (entry: PlacedInterface, key: string, message: string) => void;

/** The name of the wire that a network shares with others; undefined: neither it nor its interface has one. */
export type SharedWire = (written: WrittenClusterInterface) => string | undefined;

/** Finds the wires of the written networks; those without DHCP (management 0) are on none. */
export function resolveWires(entries: readonly PlacedInterface[], report: Report): SharedWire {
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
        `"${shared}" contradicts "${other.written.shared}" of ${entryName(other)}, which is also on ${name}; one interface is one wire`,
      );
    }
  }
  const wireOf: SharedWire = ({ interface: name, shared }) =>
    shared ?? (name === undefined ? undefined : byInterface.get(name)?.written.shared);
  served.forEach((entry, at) => {
    for (const other of served.slice(0, at)) checkPair(entry, other, wireOf, report);
  });
  return wireOf;
}

/** Reports contradictions between two networks of one wire. */
function checkPair(entry: PlacedInterface, other: PlacedInterface, wireOf: SharedWire, report: Report): void {
  const [one, two] = [entry.written, other.written];
  const shared = wireOf(one);
  const sharesInterface = one.interface !== undefined && one.interface === two.interface;
  const sharesName = shared !== undefined && shared === wireOf(two);
  if (!sharesInterface && !sharesName) return;
  if (one.mode !== two.mode) {
    const where = sharesInterface ? `is also on ${one.interface}` : `also shares "${shared}"`;
    report(
      entry,
      'mode',
      `${one.mode} contradicts ${two.mode} of ${entryName(other)}, which ${where}; on one wire addresses come from this rack or from another server`,
    );
  }
  if (!sharesInterface && one.interface !== undefined && two.interface !== undefined) {
    report(
      entry,
      one.shared === undefined ? 'interface' : 'shared',
      `"${shared}" is the wire of ${two.interface} according to ${entryName(other)}, but ${one.interface} is another; ` +
        'networks that share a wire must be on one interface or behind relays',
    );
  }
}

const entryName = ({ index }: PlacedInterface): string => `cluster_interfaces[${index}]`;
