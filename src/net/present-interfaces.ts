// Reads which interfaces this host has now. `watch/interfaces.ts` follows their changes.

import { readdirSync } from 'node:fs';
import { networkInterfaces } from 'node:os';
import { parseIpv4, parseMac } from '../ground/address.ts';
import { withDefaultRouters } from './default-route.ts';
import type { HostInterface, InterfaceAddress } from './host-interface.ts';
import { readIdleAddresses } from './idle-addresses.ts';
import { readHostText } from './kernel-text.ts';

/**
 * Reads the interfaces once: addresses from Node and the kernel's routes, the rest from
 * /sys/class/net. Without that directory interfaces without an address are missing and `index` is
 * 0.
 */
export function readHostInterfaces(): readonly HostInterface[] {
  const byNode = networkInterfaces();
  const listed = new Set(
    Object.values(byNode).flatMap((nodeAddresses) =>
      parseInterfaceAddresses(nodeAddresses ?? []).map(({ address }) => address),
    ),
  );
  const idle = readIdleAddresses(listed);
  const names = new Set([...listDevices(), ...Object.keys(byNode), ...idle.keys()]);
  const interfaces: HostInterface[] = [];
  for (const name of names) {
    const nodeAddresses = byNode[name];
    const flags = Number(readDeviceFile(name, 'flags') ?? (nodeAddresses === undefined && !idle.has(name) ? 0 : 1));
    const up = (flags & 1) !== 0;
    const carrier = readDeviceFile(name, 'carrier');
    interfaces.push({
      name,
      index: Number(readDeviceFile(name, 'ifindex') ?? 0),
      mac: parseMac(readDeviceFile(name, 'address') ?? nodeAddresses?.[0]?.mac ?? ''),
      up,
      carrier: carrier === undefined ? nodeAddresses !== undefined : carrier === '1',
      addresses: [...parseInterfaceAddresses(nodeAddresses ?? []), ...(idle.get(name) ?? [])],
    });
  }
  return withDefaultRouters(interfaces.sort((a, b) => a.index - b.index || (a.name < b.name ? -1 : 1)));
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

function listDevices(): readonly string[] {
  try {
    return readdirSync('/sys/class/net');
  } catch {
    return [];
  }
}

/** A line from a device's directory. */
const readDeviceFile = (device: string, file: string): string | undefined =>
  readHostText(`/sys/class/net/${device}/${file}`)?.trim();
