// A machine's network for ifupdown. Pure.
//
// Source: interfaces(5), with its patterns of hardware addresses (ifupdown 0.8.20 and later).
//
// 1. ifupdown finds an interface by its hardware address only for an entry of its own. The parts of bonds, bridges and VLAN interfaces would
//    need names, which are unknown here, and packages that an image may lack: such networks are refused.
// 2. An interface without an address has no entry, so it is not started.

import { formatIpv4, formatMac } from '../../net/address.ts';
import { type ConfigFile, type ConfigPart, renamingFiles } from './network-config.ts';

/** The files of ifupdown; `undefined`: it cannot set up this network. */
export function ifupdownFiles(parts: readonly ConfigPart[]): readonly ConfigFile[] | undefined {
  if (parts.some(({ kind }) => kind !== 'physical')) return undefined;
  const entries = parts.flatMap((part) => (part.addresses.length === 0 && !part.hasDhcp ? [] : [entryOf(part)]));
  const text = ['auto lo\niface lo inet loopback\n', ...entries].join('\n');
  return [...renamingFiles(parts), { path: '/etc/network/interfaces', text }];
}

/** Names of an entry, and of its further addresses, are of letters and digits alone: a logical name with a dash is one, too, but easily misread. */
function entryOf({ key, mac, addresses, hasDhcp, router, nameServers, search, mtu }: ConfigPart): string {
  const name = key.replace('00-', '');
  const size = mtu === undefined ? [] : [`  mtu ${mtu}`];
  const lines = [`auto mac/${formatMac(mac)}=${name}`];
  if (hasDhcp) lines.push(`iface ${name} inet dhcp`, ...size);
  addresses.forEach((address, index) => {
    lines.push(`iface ${name} inet static`, `  address ${address}`);
    if (index > 0) return;
    lines.push(
      ...size,
      ...(router === undefined ? [] : [`  gateway ${formatIpv4(router)}`]),
      ...(nameServers.length === 0 ? [] : [`  dns-nameservers ${nameServers.join(' ')}`]),
      ...(search === '' ? [] : [`  dns-search ${search}`]),
    );
  });
  return `${lines.join('\n')}\n`;
}
