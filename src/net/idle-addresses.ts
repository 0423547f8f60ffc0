// The IPv4 addresses of interfaces without a carrier (no cable, or the other side is off). Quirk: Node lists only interfaces with a carrier (libuv
// asks for IFF_RUNNING), but an address stays when the cable goes. The kernel's tables show it: a connected route names the interface and the
// network, the local table names the addresses. Sources: proc(5) on /proc/net/route; /proc/net/fib_trie as Linux prints it.

import { readFileSync } from 'node:fs';
import { type Ipv4, type Ipv4Network, ipv4, networkContains, networkOf, parseIpv4 } from './address.ts';
import type { InterfaceAddress } from './host-interface.ts';

/** The network of one interface. */
interface Connected {
  readonly name: string;
  readonly network: Ipv4Network;
  readonly prefix: number;
}

/** Local addresses in an interface's network that are not in `listed`, by the interface's name; empty on other systems. */
export function readIdleAddresses(listed: ReadonlySet<Ipv4>): ReadonlyMap<string, readonly InterfaceAddress[]> {
  return findIdleAddresses(readTable('/proc/net/route'), readTable('/proc/net/fib_trie'), listed);
}

/** Like `readIdleAddresses`, from the texts of the tables. */
export function findIdleAddresses(
  routes: string,
  trie: string,
  listed: ReadonlySet<Ipv4>,
): ReadonlyMap<string, readonly InterfaceAddress[]> {
  const found = new Map<string, InterfaceAddress[]>();
  const idle = [...new Set(localAddresses(trie))].filter((address) => !listed.has(address));
  for (const { name, network, prefix } of connectedNetworks(routes)) {
    for (const address of idle) {
      if (networkContains(network, address)) found.set(name, [...(found.get(name) ?? []), { address, prefix }]);
    }
  }
  return found;
}

/** Columns: interface, destination, gateway, flags, references, use, metric, mask; addresses as the host's integers. */
function connectedNetworks(routes: string): Connected[] {
  const networks: Connected[] = [];
  for (const line of routes.split('\n').slice(1)) {
    const [name = '', destination = '', gateway = '', , , , , mask = ''] = line.trim().split(/\s+/);
    const bits = parseInt(mask, 16);
    if (gateway !== '00000000' || !(bits > 0)) continue;
    const prefix = [...bits.toString(2)].filter((bit) => bit === '1').length;
    networks.push({ name, network: networkOf(ofHostOrder(destination), prefix), prefix });
  }
  return networks;
}

/** Quirk: the kernel prints the four octets as one integer, on little-endian hosts the last octet first. */
function ofHostOrder(hex: string): Ipv4 {
  const bytes = new Uint8Array(Uint32Array.of(parseInt(hex, 16)).buffer);
  return ipv4(new DataView(bytes.buffer).getUint32(0));
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

function readTable(path: string): string {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return '';
  }
}
