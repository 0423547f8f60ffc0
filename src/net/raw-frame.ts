// IPv4 and UDP headers of a reply to a machine without an address, which answers no ARP. The kernel
// adds the Ethernet header. Sources: RFC 791 §3.1, RFC 768, RFC 1071.
//
// 1. Checksums are complete, because nothing downstream fills them in.
// 2. The UDP checksum is never 0, which would mean "none" (RFC 768).

import type { Ipv4 } from '../ground/address.ts';
import type { BorrowedBytes } from '../ground/borrowed-bytes.ts';

/** An IPv4 header without options, and the UDP header. */
export const FRAME_HEADER_BYTES = 28;

const IPV4_HEADER_BYTES = 20;
/** UDP's number at IANA. */
export const PROTOCOL_UDP = 17;
/** Low delay: the usual type of service of DHCP servers. Nothing depends on it. */
const TYPE_OF_SERVICE = 0x10;
const DONT_FRAGMENT = 0x4000;
const TIME_TO_LIVE = 64;

/** Ports and `identification` are 0 to 65535. */
interface FrameHeader {
  readonly source: Ipv4;
  readonly sourcePort: number;
  readonly destination: Ipv4;
  readonly destinationPort: number;
  readonly identification: number;
}

/** Returns the length. The payload must fit: at most 65,507 bytes, and `target` at least 28 bytes longer. */
export function writeFrame(target: Uint8Array, header: FrameHeader, payload: Uint8Array): number {
  const view = new DataView(target.buffer, target.byteOffset, target.byteLength);
  const udpBytes = payload.length + FRAME_HEADER_BYTES - IPV4_HEADER_BYTES;
  view.setUint8(0, 0x45);
  view.setUint8(1, TYPE_OF_SERVICE);
  view.setUint16(2, IPV4_HEADER_BYTES + udpBytes);
  view.setUint16(4, header.identification);
  view.setUint16(6, DONT_FRAGMENT);
  view.setUint8(8, TIME_TO_LIVE);
  view.setUint8(9, PROTOCOL_UDP);
  view.setUint16(10, 0);
  view.setUint32(12, header.source);
  view.setUint32(16, header.destination);
  view.setUint16(10, computeInternetChecksum(sumWords(target, 0, IPV4_HEADER_BYTES)));
  view.setUint16(20, header.sourcePort);
  view.setUint16(22, header.destinationPort);
  view.setUint16(24, udpBytes);
  view.setUint16(26, 0);
  target.set(payload, FRAME_HEADER_BYTES);
  // The pseudo header (RFC 768): both addresses, at offsets 12 to 20, the protocol and the length.
  const sum = sumWords(target, 12, 20) + PROTOCOL_UDP + udpBytes + sumWords(target, 20, 20 + udpBytes);
  const checksum = computeInternetChecksum(sum);
  view.setUint16(26, checksum === 0 ? 0xffff : checksum);
  return FRAME_HEADER_BYTES + payload.length;
}

/**
 * The sum of the big-endian 16-bit words from `start` to `end`; an odd byte is padded with zero
 * (RFC 1071 §1).
 */
export function sumWords(bytes: BorrowedBytes, start: number, end: number): number {
  let sum = 0;
  const evenEnd = end - ((end - start) & 1);
  for (let offset = start; offset < evenEnd; offset += 2) sum += ((bytes[offset] ?? 0) << 8) | (bytes[offset + 1] ?? 0);
  return evenEnd === end ? sum : sum + ((bytes[evenEnd] ?? 0) << 8);
}

/** The ones' complement, with carries added back (RFC 1071). */
export function computeInternetChecksum(sum: number): number {
  let folded = sum;
  while (folded > 0xffff) folded = Math.floor(folded / 0x10000) + (folded & 0xffff);
  return ~folded & 0xffff;
}
