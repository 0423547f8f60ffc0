// IPv6 router discovery as a rack needs it: decodes solicitations and advertisements, and encodes
// the answer that there is no router. Sources: RFC 4861 §4.1, §4.2 (formats), §6.1 (validity),
// §6.2.3 (lifetime 0: not a default router); RFC 4443 §2.3 (checksum); RFC 4291 §2.5.1 (interface
// identifiers).
//
// 1. Only valid messages are accepted: hop limit 255 (so they come from this wire), code 0, a
//    correct checksum, whole options.
// 2. The sent advertisement is empty: lifetime 0, no prefix, no other option.
// 3. It goes to the soliciting host alone, in the IPv6 header too. Quirk: iPXE drops one to ff02::1
//    inside a unicast frame.

import type { MacAddress } from '../../ground/address.ts';
import { macToBytes } from '../../ground/address.ts';
import { type BorrowedBytes, type BorrowedView, borrowedView, copyBytes } from '../../ground/borrowed-bytes.ts';
import { type Decoded, decoded, fault } from '../byte-reader.ts';
import { computeInternetChecksum, sumWords } from '../raw-frame.ts';

const IPV6_BYTES = 16;
export const EMPTY_ADVERTISEMENT_BYTES = 56;
/** The group of all routers of a wire (ff02::2), as Ethernet addresses it (RFC 2464 §7). */
export const ALL_ROUTERS_MAC: MacAddress = 0x333300000002 as MacAddress;
export const ALL_NODES_MAC: MacAddress = 0x333300000001 as MacAddress;

const IPV6_HEADER_BYTES = 40;
const NEXT_HEADER_ICMP = 58;
const HOP_LIMIT = 255;
const TYPE_SOLICITATION = 133;
const TYPE_ADVERTISEMENT = 134;
const SOLICITATION_BYTES = 8;
const ADVERTISEMENT_BYTES = 16;
/** The usual 64. */
const ADVERTISED_HOP_LIMIT = 64;

/** A decoded message. */
type RouterDiscovery =
  /** A host looks for a router; answer to `source`, its link-local address. */
  | { readonly kind: 'solicitation'; readonly source: Uint8Array }
  /** A host without an address looks for a router: only a multicast answer would reach it. */
  | { readonly kind: 'nameless-solicitation' }
  /** An advertisement with lifetime 0 means that its sender is no longer a router. */
  | { readonly kind: 'advertisement' };

/** Decodes a packet without Ethernet's header. The source address is a copy. */
export function decodeRouterDiscovery(bytes: BorrowedBytes): Decoded<RouterDiscovery> {
  if (bytes.length < IPV6_HEADER_BYTES + SOLICITATION_BYTES) return fault('truncated', bytes.length, 'packet');
  const view = borrowedView(bytes);
  if (view.getUint8(0) >>> 4 !== 6) return fault('bad-value', 0, 'version');
  if (view.getUint8(6) !== NEXT_HEADER_ICMP) return fault('bad-value', 6, 'next header');
  if (view.getUint8(7) !== HOP_LIMIT) return fault('bad-value', 7, 'hop limit');
  const length = view.getUint16(4);
  const end = IPV6_HEADER_BYTES + length;
  if (end > bytes.length) return fault('truncated', bytes.length, 'payload');
  if (length < SOLICITATION_BYTES) return fault('bad-length', 4, 'payload length');
  if (view.getUint8(41) !== 0) return fault('bad-value', 41, 'code');
  if (computeIcmpChecksum(bytes, end) !== 0) return fault('bad-value', 42, 'checksum');
  const source = copyBytes(bytes, 8, 24);
  switch (view.getUint8(40)) {
    case TYPE_SOLICITATION:
      return decodeSolicitation(view, source, end);
    case TYPE_ADVERTISEMENT: {
      if (length < ADVERTISEMENT_BYTES) return fault('bad-length', 4, 'payload length');
      if (!isLinkLocal(source)) return fault('bad-value', 8, 'source');
      const options = checkOptions(view, IPV6_HEADER_BYTES + ADVERTISEMENT_BYTES, end);
      return options.ok ? decoded({ kind: 'advertisement' }) : options;
    }
    default:
      return fault('bad-value', 40, 'type');
  }
}

function decodeSolicitation(view: BorrowedView, source: Uint8Array, end: number): Decoded<RouterDiscovery> {
  const options = checkOptions(view, IPV6_HEADER_BYTES + SOLICITATION_BYTES, end);
  if (!options.ok) return options;
  if (source.every((byte) => byte === 0)) return decoded({ kind: 'nameless-solicitation' });
  // A global source is valid too, but answers from a link-local address stay on the wire.
  return isLinkLocal(source) ? decoded({ kind: 'solicitation', source }) : fault('bad-value', 8, 'source');
}

/** No option is empty: a length of 0 would never end (RFC 4861 §4.6). */
function checkOptions(view: BorrowedView, start: number, end: number): Decoded<true> {
  for (let offset = start; offset < end; ) {
    if (offset + 2 > end) return fault('truncated', offset, 'option');
    const length = view.getUint8(offset + 1) * 8;
    if (length === 0) return fault('bad-length', offset, 'option');
    if (offset + length > end) return fault('truncated', offset, 'option');
    offset += length;
  }
  return decoded(true);
}

/** fe80::/10 (RFC 4291 §2.4). */
export const isLinkLocal = (address: Uint8Array): boolean => address[0] === 0xfe && ((address[1] ?? 0) & 0xc0) === 0x80;

/** Parses a link-local address as the system prints it; `undefined` for anything else. */
export function parseIpv6LinkLocal(text: string): Uint8Array | undefined {
  const match = /^fe80::((?:[0-9a-f]{1,4}:){0,6}[0-9a-f]{1,4})$/i.exec(text);
  const groups = match?.[1]?.split(':');
  if (groups === undefined || groups.length > 6) return undefined;
  const bytes = new Uint8Array(IPV6_BYTES);
  bytes.set([0xfe, 0x80]);
  groups.forEach((group, index) => {
    const value = Number.parseInt(group, 16);
    bytes.set([value >>> 8, value & 0xff], IPV6_BYTES - 2 * (groups.length - index));
  });
  return bytes;
}

/** RFC 4291 appendix A. */
export function encodeLinkLocal(mac: MacAddress): Uint8Array {
  const [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0] = macToBytes(mac);
  return new Uint8Array([0xfe, 0x80, 0, 0, 0, 0, 0, 0, a ^ 2, b, c, 0xff, 0xfe, d, e, f]);
}

/** Encodes an advertisement without content, from and to link-local addresses of 16 bytes each. */
export function encodeEmptyAdvertisement(source: Uint8Array, destination: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(EMPTY_ADVERTISEMENT_BYTES);
  const view = new DataView(bytes.buffer);
  view.setUint8(0, 0x60);
  view.setUint16(4, ADVERTISEMENT_BYTES);
  view.setUint8(6, NEXT_HEADER_ICMP);
  view.setUint8(7, HOP_LIMIT);
  bytes.set(source.subarray(0, IPV6_BYTES), 8);
  bytes.set(destination.subarray(0, IPV6_BYTES), 24);
  view.setUint8(40, TYPE_ADVERTISEMENT);
  view.setUint8(44, ADVERTISED_HOP_LIMIT);
  view.setUint16(42, computeIcmpChecksum(bytes, bytes.length));
  return bytes;
}

/** Over both addresses, the length, the next header and the message up to `end`; 0 for a valid message. */
function computeIcmpChecksum(bytes: BorrowedBytes, end: number): number {
  const length = end - IPV6_HEADER_BYTES;
  return computeInternetChecksum(
    sumWords(bytes, 8, IPV6_HEADER_BYTES) + length + NEXT_HEADER_ICMP + sumWords(bytes, 40, end),
  );
}
