// IPv4 and hardware addresses as numbers. Text is made only at the edge.
//
// 1. An Ipv4 is an unsigned 32-bit integer, most significant octet first; a MacAddress is an
//    unsigned 48-bit integer, exact in a double.
// 2. `parse…` returns undefined for anything but the spellings it documents; it never throws.

import type { BorrowedBytes } from './borrowed-bytes.ts';

/** An IPv4 address, 0 to 2^32 - 1. */
export type Ipv4 = number & { readonly __ipv4: true };
/** An Ethernet hardware address, 0 to 2^48 - 1. */
export type MacAddress = number & { readonly __mac: true };

export interface Ipv4Network {
  readonly address: Ipv4;
  readonly prefix: number;
}

export interface Ipv4Range {
  readonly low: Ipv4;
  readonly high: Ipv4;
}

export const ANY: Ipv4 = 0 as Ipv4;
export const LOOPBACK: Ipv4 = 0x7f000001 as Ipv4;
export const LIMITED_BROADCAST: Ipv4 = 0xffffffff as Ipv4;
export const BROADCAST_MAC: MacAddress = 0xffffffffffff as MacAddress;

/** The caller vouches for the range. */
export const ipv4 = (value: number): Ipv4 => (value >>> 0) as Ipv4;

/** The caller vouches for the range. */
export const mac = (value: number): MacAddress => value as MacAddress;

/** Dotted decimal without leading zeros (RFC 6943 §3.1.1), or `undefined`. */
export function parseIpv4(text: string): Ipv4 | undefined {
  const parts = text.split('.');
  if (parts.length !== 4) return undefined;
  let value = 0;
  for (const part of parts) {
    if (!/^(0|[1-9]\d{0,2})$/.test(part)) return undefined;
    const octet = Number(part);
    if (octet > 255) return undefined;
    value = value * 256 + octet;
  }
  return value as Ipv4;
}

/**
 * Turns the IPv4-mapped form of a dual-stack socket (RFC 4291 §2.5.5.2) into IPv4:
 * `::ffff:10.20.0.5` into `10.20.0.5`. Returns any other text unchanged.
 */
export const withoutIpv4Mapping = (address: string): string => address.replace(/^::ffff:(?=\d+\.)/i, '');

/** Dotted decimal. */
export function formatIpv4(address: Ipv4): string {
  return `${address >>> 24}.${(address >>> 16) & 255}.${(address >>> 8) & 255}.${address & 255}`;
}

/**
 * A hardware address with colons, with hyphens, in three groups with dots as switches print it, or
 * bare.
 */
const MAC_TEXT =
  /^([0-9a-f]{2}(:[0-9a-f]{2}){5}|[0-9a-f]{2}(-[0-9a-f]{2}){5}|[0-9a-f]{4}(\.[0-9a-f]{4}){2}|[0-9a-f]{12})$/i;

/** Six octets separated by `:` or `-` (one kind), or twelve digits; `undefined` for others. */
export function parseMac(text: string): MacAddress | undefined {
  if (!MAC_TEXT.test(text)) return undefined;
  return Number.parseInt(text.replace(/[:.-]/g, ''), 16) as MacAddress;
}

const OCTETS: readonly string[] = Array.from({ length: 256 }, (_, octet) => octet.toString(16).padStart(2, '0'));
const formatOctet = (value: number, shift: number): string => OCTETS[(value >>> shift) & 255] ?? '';

export function formatMac(address: MacAddress, separator: ':' | '-' | '' = ':'): string {
  const high = Math.floor(address / 0x1_0000_0000);
  const low = address >>> 0;
  const vendor = formatOctet(high, 8) + separator + formatOctet(high, 0) + separator + formatOctet(low, 24);
  return vendor + separator + formatOctet(low, 16) + separator + formatOctet(low, 8) + separator + formatOctet(low, 0);
}

/** True for the hardware address of one host: no group bit, not zero. */
export const isHostMac = (mac: MacAddress): boolean => mac !== 0 && Math.floor(mac / 0x100_0000_0000) % 2 === 0;

export function macFromBytes(bytes: BorrowedBytes, offset = 0): MacAddress {
  const high = ((bytes[offset] ?? 0) << 8) | (bytes[offset + 1] ?? 0);
  const low =
    (bytes[offset + 2] ?? 0) * 0x1000000 +
    (((bytes[offset + 3] ?? 0) << 16) | ((bytes[offset + 4] ?? 0) << 8) | (bytes[offset + 5] ?? 0));
  return (high * 0x100000000 + low) as MacAddress;
}

export function macToBytes(address: MacAddress): Uint8Array {
  const bytes = new Uint8Array(6);
  let remainder: number = address;
  for (let index = 5; index >= 0; index -= 1) {
    bytes[index] = remainder % 256;
    remainder = Math.floor(remainder / 256);
  }
  return bytes;
}

/** 127.0.0.0/8 (RFC 1122 §3.2.1.3). */
export const isLoopback = (address: Ipv4): boolean => address >>> 24 === 127;

export function prefixToMask(prefix: number): Ipv4 {
  return (prefix === 0 ? 0 : (0xffffffff << (32 - prefix)) >>> 0) as Ipv4;
}

/** `undefined` when the mask's ones are not contiguous. */
export function maskToPrefix(mask: Ipv4): number | undefined {
  const prefix = mask === 0 ? 0 : Math.clz32(~mask >>> 0);
  return mask === 0xffffffff ? 32 : prefixToMask(prefix) === mask ? prefix : undefined;
}

export function networkWithPrefix(address: Ipv4, prefix: number): Ipv4Network {
  return { address: ((address & prefixToMask(prefix)) >>> 0) as Ipv4, prefix };
}

/** `a.b.c.d/n` with no bit beyond the prefix, or `undefined`. */
export function parseNetwork(text: string): Ipv4Network | undefined {
  const match = /^([\d.]+)\/(\d|[12]\d|3[0-2])$/.exec(text);
  const address = match?.[1] === undefined ? undefined : parseIpv4(match[1]);
  if (match === null || address === undefined) return undefined;
  const network = networkWithPrefix(address, Number(match[2]));
  return network.address === address ? network : undefined;
}

export const formatNetwork = (network: Ipv4Network): string => `${formatIpv4(network.address)}/${network.prefix}`;

/** The directed broadcast address. */
export function computeBroadcastAddress(network: Ipv4Network): Ipv4 {
  return ((network.address | ~prefixToMask(network.prefix)) >>> 0) as Ipv4;
}

export function networkContains(network: Ipv4Network, address: Ipv4): boolean {
  return (address & prefixToMask(network.prefix)) >>> 0 === network.address;
}

export function networksOverlap(a: Ipv4Network, b: Ipv4Network): boolean {
  return a.prefix <= b.prefix ? networkContains(a, b.address) : networkContains(b, a.address);
}

export const rangeContains = (range: Ipv4Range, address: Ipv4): boolean =>
  address >= range.low && address <= range.high;

export const rangesOverlap = (a: Ipv4Range, b: Ipv4Range): boolean => a.low <= b.high && b.low <= a.high;

export const rangeSize = (range: Ipv4Range): number => range.high - range.low + 1;

/**
 * The networks without hosts: this network, loopback, multicast, and class E with the limited
 * broadcast (RFC 6890 §2.2.2, RFC 5771 §4).
 */
const HOSTLESS: readonly Ipv4Network[] = [
  { address: ipv4(0), prefix: 8 },
  { address: ipv4(0x7f000000), prefix: 8 },
  { address: ipv4(0xe0000000), prefix: 3 },
];

export const isHostless = (network: Ipv4Network): boolean =>
  HOSTLESS.some((hostless) => networksOverlap(hostless, network));

/**
 * Which unusable address of the network this is; `undefined` if a host may have it. In a /31 both
 * addresses are usable (RFC 3021 §2.1).
 */
export function findNetworkEdge(network: Ipv4Network, address: Ipv4): 'first' | 'last' | undefined {
  if (network.prefix >= 31) return undefined;
  if (address === network.address) return 'first';
  return address === computeBroadcastAddress(network) ? 'last' : undefined;
}
