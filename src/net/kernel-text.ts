// Facts of this host as the kernel prints them. Sources: proc(5), sysfs(5).

import { readFileSync } from 'node:fs';
import { type Ipv4, ipv4 } from '../ground/address.ts';

/**
 * `undefined` if the file is missing, this user may not read it, or it has no value now (`carrier`
 * of a device that is down).
 */
export function readHostText(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}

/**
 * Quirk: the kernel prints an address as one integer, on little-endian hosts the last octet first.
 * Of an IPv6 address, the first word counts.
 */
export function parseHostOrder(hex: string): Ipv4 {
  const value = Number.parseInt(hex.slice(0, 8), 16);
  return ipv4(new DataView(Uint32Array.of(value).buffer).getUint32(0));
}
