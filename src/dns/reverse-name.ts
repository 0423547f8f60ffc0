// Names computed from addresses: `d.c.b.a.in-addr.arpa` and `a-b-c-d.domain`. Sources: RFC 1035 §3.5.
//
// 1. Each parser is its formatter's exact inverse: a spelling with leading zeros is no address.

import { formatIpv4, type Ipv4, ipv4 } from '../ground/address.ts';

const ROOT = '.in-addr.arpa';

/** `d.c.b.a.in-addr.arpa`. */
export function reverseName(address: Ipv4): string {
  return `${address & 255}.${(address >>> 8) & 255}.${(address >>> 16) & 255}.${address >>> 24}${ROOT}`;
}

/** The zone of an address's first 1 to 3 octets: `c.b.a.in-addr.arpa`. */
export function reverseZoneName(address: Ipv4, octets: number): string {
  const all = [address >>> 24, (address >>> 16) & 255, (address >>> 8) & 255];
  return `${all.slice(0, octets).reverse().join('.')}${ROOT}`;
}

/** The address, or prefix, that a reverse name spells. */
interface ReversedAddress {
  /** Missing octets are zero. */
  readonly address: Ipv4;
  /** Octets in the name, 1 to 4. */
  readonly octets: number;
}

/** `undefined` for any other name. */
export function parseReverseName(name: string): ReversedAddress | undefined {
  if (!name.endsWith(ROOT)) return undefined;
  let value = 0;
  let octets = 0;
  let factor = 1;
  let octet = -1;
  let digit = 1;
  // Backwards: the last label is the first octet.
  for (let at = name.length - ROOT.length - 1; at >= -1; at -= 1) {
    const code = at === -1 ? 0x2e : name.charCodeAt(at);
    if (code === 0x2e) {
      const leadingZero = digit > 10 && octet < digit / 10;
      if (octet < 0 || octet > 255 || leadingZero || octets === 4) return undefined;
      value += octet * (0x1000000 / factor);
      factor *= 256;
      octets += 1;
      octet = -1;
      digit = 1;
      continue;
    }
    if (code < 0x30 || code > 0x39 || digit > 100) return undefined;
    octet = Math.max(octet, 0) + (code - 0x30) * digit;
    digit *= 10;
  }
  return { address: ipv4(value), octets };
}

/** `10-20-0-100`. */
export const generatedLabel = (address: Ipv4): string => formatIpv4(address).replaceAll('.', '-');

export function parseGeneratedLabel(label: string): Ipv4 | undefined {
  if (label.length < 7 || label.length > 15) return undefined;
  let value = 0;
  let octet = -1;
  let hyphens = 0;
  for (let at = 0; at < label.length; at += 1) {
    const code = label.charCodeAt(at);
    if (code === 0x2d) {
      if (octet === -1) return undefined;
      value = value * 256 + octet;
      octet = -1;
      hyphens += 1;
    } else {
      // A leading zero would be a second spelling.
      if (code < 0x30 || code > 0x39 || octet === 0) return undefined;
      octet = Math.max(octet, 0) * 10 + code - 0x30;
      if (octet > 255) return undefined;
    }
  }
  return hyphens === 3 && octet !== -1 ? ipv4(value * 256 + octet) : undefined;
}
