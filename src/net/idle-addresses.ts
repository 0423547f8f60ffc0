// The IPv4 addresses of interfaces without a carrier (no cable, or the other side is off). Quirk:
// Node lists only interfaces with a carrier (libuv asks for IFF_RUNNING), but an address stays when
// the cable goes. The kernel's tables show it: a connected route names the interface and the
// network, the local table names the addresses. Sources: proc(5) on /proc/net/route;
// /proc/net/fib_trie as Linux prints it.

import { type Ipv4, networkContains, networkWithPrefix, parseIpv4 } from '../ground/address.ts';
import { type HostRoute, readRoutes } from './default-route.ts';
import type { InterfaceAddress } from './host-interface.ts';
import { readHostText } from './kernel-text.ts';

/** Local addresses in an interface's network that are not in `listed`, by the interface's name. */
export function readIdleAddresses(listed: ReadonlySet<Ipv4>): ReadonlyMap<string, readonly InterfaceAddress[]> {
  return findIdleAddresses(readRoutes(), readHostText('/proc/net/fib_trie') ?? '', listed);
}

/** Like `readIdleAddresses`, of these routes and this text of the local table. */
export function findIdleAddresses(
  routes: readonly HostRoute[],
  trie: string,
  listed: ReadonlySet<Ipv4>,
): ReadonlyMap<string, readonly InterfaceAddress[]> {
  const byInterface = new Map<string, InterfaceAddress[]>();
  const idle = [...new Set(localAddresses(trie))].filter((address) => !listed.has(address));
  for (const { name, destination, router, prefix } of routes) {
    if (router !== undefined || prefix === 0) continue;
    const network = networkWithPrefix(destination, prefix);
    for (const address of idle) {
      if (networkContains(network, address))
        byInterface.set(name, [...(byInterface.get(name) ?? []), { address, prefix }]);
    }
  }
  return byInterface;
}

/** An address is on its own line, before the line that marks it as local. */
function* localAddresses(trie: string): Generator<Ipv4> {
  let last: Ipv4 | undefined;
  for (const line of trie.split('\n')) {
    const leaf = /\|-- (\S+)$/.exec(line)?.[1];
    if (leaf !== undefined) last = parseIpv4(leaf);
    else if (last !== undefined && line.trim() === '/32 host LOCAL') yield last;
  }
}
