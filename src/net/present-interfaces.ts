// Reads which interfaces this host has now. `watch/interfaces.ts` follows their changes. Sources:
// proc(5) on /proc/net/route; /proc/net/fib_trie as Linux prints it.

import { readdirSync } from 'node:fs';
import { networkInterfaces } from 'node:os';
import { type Ipv4, networkContains, networkWithPrefix, parseIpv4, parseMac } from '../ground/address.ts';
import { addDefaultRouters, type HostRoute, readRoutes } from './default-route.ts';
import type { HostInterface, InterfaceAddress } from './host-interface.ts';
import { readHostText } from './kernel-text.ts';

/**
 * Reads the interfaces once: addresses from Node and the kernel's routes, the rest from
 * /sys/class/net. Without that directory interfaces without an address are missing and `index` is
 * 0.
 */
export function readHostInterfaces(): readonly HostInterface[] {
  const byNode = networkInterfaces();
  const listedAddresses = new Set(
    Object.values(byNode).flatMap((nodeAddresses) =>
      parseInterfaceAddresses(nodeAddresses ?? []).map(({ address }) => address),
    ),
  );
  const idleAddresses = findIdleAddresses(readRoutes(), readHostText('/proc/net/fib_trie') ?? '', listedAddresses);
  const names = new Set([...listNetworkDevices(), ...Object.keys(byNode), ...idleAddresses.keys()]);
  const interfaces: HostInterface[] = [];
  for (const name of names) {
    const nodeAddresses = byNode[name];
    const flags = Number(
      readDeviceFile(name, 'flags') ?? (nodeAddresses === undefined && !idleAddresses.has(name) ? 0 : 1),
    );
    const isUp = (flags & 1) !== 0;
    const carrier = readDeviceFile(name, 'carrier');
    interfaces.push({
      name,
      index: Number(readDeviceFile(name, 'ifindex') ?? 0),
      mac: parseMac(readDeviceFile(name, 'address') ?? nodeAddresses?.[0]?.mac ?? ''),
      up: isUp,
      carrier: carrier === undefined ? nodeAddresses !== undefined : carrier === '1',
      addresses: [...parseInterfaceAddresses(nodeAddresses ?? []), ...(idleAddresses.get(name) ?? [])],
    });
  }
  return addDefaultRouters(interfaces.sort((a, b) => a.index - b.index || (a.name < b.name ? -1 : 1)));
}

function parseInterfaceAddresses(
  nodeAddresses: readonly { readonly family: string; readonly cidr: string | null }[],
): InterfaceAddress[] {
  const addresses: InterfaceAddress[] = [];
  for (const { family, cidr } of nodeAddresses) {
    const [text, prefix] = cidr?.split('/') ?? [];
    const address = text === undefined ? undefined : parseIpv4(text);
    if (family === 'IPv4' && address !== undefined) addresses.push({ address, prefix: Number(prefix) });
  }
  return addresses;
}

function listNetworkDevices(): readonly string[] {
  try {
    return readdirSync('/sys/class/net');
  } catch {
    return [];
  }
}

/** A line from a device's directory. */
const readDeviceFile = (device: string, file: string): string | undefined =>
  readHostText(`/sys/class/net/${device}/${file}`)?.trim();

/**
 * The IPv4 addresses of interfaces without a carrier (no cable, or the other side is off), by the
 * interface's name. Quirk: Node lists only interfaces with a carrier (libuv asks for IFF_RUNNING),
 * but an address stays when the cable goes. The kernel's tables show it: a connected route names
 * the interface and the network, the local table names the addresses.
 * @param trie the text of the local table
 * @param listed the addresses that Node lists
 */
export function findIdleAddresses(
  routes: readonly HostRoute[],
  trie: string,
  listed: ReadonlySet<Ipv4>,
): ReadonlyMap<string, readonly InterfaceAddress[]> {
  const byInterface = new Map<string, InterfaceAddress[]>();
  const unlistedAddresses = [...new Set(listLocalAddresses(trie))].filter((address) => !listed.has(address));
  for (const { name, destination, router, prefix } of routes) {
    if (router !== undefined || prefix === 0) continue;
    const network = networkWithPrefix(destination, prefix);
    for (const address of unlistedAddresses) {
      if (networkContains(network, address))
        byInterface.set(name, [...(byInterface.get(name) ?? []), { address, prefix }]);
    }
  }
  return byInterface;
}

/** In the text, an address is on its own line, before the line that marks the address as local. */
function* listLocalAddresses(trie: string): Generator<Ipv4> {
  let lastAddress: Ipv4 | undefined;
  for (const line of trie.split('\n')) {
    const leaf = /\|-- (\S+)$/.exec(line)?.[1];
    if (leaf !== undefined) lastAddress = parseIpv4(leaf);
    else if (lastAddress !== undefined && line.trim() === '/32 host LOCAL') yield lastAddress;
  }
}
