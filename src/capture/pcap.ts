// Reads the UDP datagrams of a capture by tcpdump: the pcap file format (draft-ietf-opsawg-pcap),
// LINKTYPE values of tcpdump.org, IEEE 802.1Q, RFC 791 §3.1, RFC 768. `tcpdump -r FILE -w NEW`
// converts every other format to pcap.
//
// 1. A file is hostile: every length is checked against the available bytes, and reading ends at
//    the first fault with the datagrams before it.
// 2. Fragments are not reassembled. Checksums are ignored, because on the sending host they are not
//    computed yet.

import { type Ipv4, ipv4 } from '../ground/address.ts';
import { counted } from '../ground/counted.ts';
import { ByteReader } from '../net/byte-reader.ts';
import { PROTOCOL_UDP } from '../net/raw-frame.ts';

/** The largest file, in bytes. */
export const CAPTURE_BYTES_MAX = 256 * 1024 * 1024;
/** The longest plausible packet, in bytes: tcpdump's maximum. */
const PACKET_BYTES_MAX = 262_144;
/** The most packets read from one file: each costs memory, however short it is. */
export const PACKETS_MAX = 1_000_000;

/** A captured UDP datagram of IPv4. */
export interface CapturedDatagram {
  readonly number: number;
  /** Wall time in milliseconds since 1970, with fraction. */
  readonly atMs: number;
  readonly from: Ipv4;
  readonly fromPort: number;
  readonly to: Ipv4;
  readonly toPort: number;
  readonly bytes: Uint8Array;
}

interface Capture {
  readonly datagrams: readonly CapturedDatagram[];
  /** Why reading ended early, and at which byte. */
  readonly fault: { readonly offset: number; readonly text: string } | undefined;
}

/** The magic numbers, with the time units per second. */
const MAGICS: ReadonlyMap<number, number> = new Map([
  [0xa1b2c3d4, 1e6],
  [0xa1b23c4d, 1e9],
]);
const HEADER_BYTES = 24;
const RECORD_BYTES = 16;

/** Reads a capture; undefined if it is not pcap. */
export function readCapture(bytes: Uint8Array): Capture | undefined {
  if (bytes.length < HEADER_BYTES) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const isLittleEndian = MAGICS.has(view.getUint32(0, true));
  const unitsPerSecond = MAGICS.get(view.getUint32(0, isLittleEndian));
  if (unitsPerSecond === undefined) return undefined;
  const datagrams: CapturedDatagram[] = [];
  const endWithFault = (offset: number, text: string): Capture => ({ datagrams, fault: { offset, text } });
  const linkType = view.getUint32(20, isLittleEndian) & 0xffff;
  for (let offset = HEADER_BYTES, number = 1; offset < bytes.length; number += 1) {
    if (offset + RECORD_BYTES > bytes.length) return endWithFault(offset, 'a packet header is truncated');
    const length = view.getUint32(offset + 8, isLittleEndian);
    if (number > PACKETS_MAX) return endWithFault(offset, `only the first ${PACKETS_MAX} packets of a file are read`);
    if (length > PACKET_BYTES_MAX) return endWithFault(offset + 8, `a packet claims ${counted(length, 'byte')}`);
    const start = offset + RECORD_BYTES;
    if (start + length > bytes.length) return endWithFault(start, 'the last packet is truncated');
    const packet = readPacket(new ByteReader(bytes.subarray(start, start + length)), linkType);
    const atMs =
      view.getUint32(offset, isLittleEndian) * 1000 +
      (view.getUint32(offset + 4, isLittleEndian) / unitsPerSecond) * 1000;
    if (packet !== undefined) datagrams.push({ number, atMs, ...packet });
    offset = start + length;
  }
  return { datagrams, fault: undefined };
}

const ETHERTYPE_IPV4 = 0x0800;
const VLAN_TYPES: ReadonlySet<number> = new Set([0x8100, 0x88a8, 0x9100]);
const UDP_HEADER_BYTES = 8;

/**
 * For each link type, the offset of the EtherType in its header, and the number of bytes after the
 * EtherType. The types are Ethernet and both versions of Linux cooked capture.
 */
const LINK_HEADERS: ReadonlyMap<number, readonly [typeOffset: number, bytesAfterType: number]> = new Map([
  [1, [12, 0]],
  [113, [14, 0]],
  [276, [0, 18]],
]);
/** Link types whose packets begin with the IP header. */
const RAW_IP_LINK_TYPES: ReadonlySet<number> = new Set([12, 14, 101, 228]);

/**
 * Reads the datagram in a packet; undefined if the packet is not a UDP datagram of IPv4, or is
 * incomplete before its payload.
 */
function readPacket(reader: ByteReader, linkType: number): Omit<CapturedDatagram, 'number' | 'atMs'> | undefined {
  const link = LINK_HEADERS.get(linkType);
  if (link !== undefined) {
    const [typeOffset, bytesAfterType] = link;
    reader.skip(typeOffset, 'addresses');
    let type = reader.u16('type');
    reader.skip(bytesAfterType, 'header');
    while (VLAN_TYPES.has(type) && reader.fault === undefined) {
      reader.skip(2, 'tag');
      type = reader.u16('type');
    }
    if (type !== ETHERTYPE_IPV4) return undefined;
  } else if (!RAW_IP_LINK_TYPES.has(linkType)) return undefined;
  const start = reader.offset;
  const versionAndLength = reader.u8('version');
  reader.skip(1, 'service');
  const totalBytes = reader.u16('total length');
  reader.skip(2, 'identification');
  const flagsAndFragmentOffset = reader.u16('fragment');
  reader.skip(1, 'time to live');
  const protocol = reader.u8('protocol');
  reader.skip(2, 'checksum');
  const from = ipv4(reader.u32('source'));
  const to = ipv4(reader.u32('destination'));
  if (versionAndLength >>> 4 !== 4 || protocol !== PROTOCOL_UDP || (flagsAndFragmentOffset & 0x1fff) !== 0)
    return undefined;
  reader.seek(start + (versionAndLength & 15) * 4, 'options');
  const fromPort = reader.u16('source port');
  const toPort = reader.u16('destination port');
  const payloadBytes = Math.max(0, reader.u16('length') - UDP_HEADER_BYTES);
  reader.skip(2, 'checksum');
  if (reader.fault !== undefined) return undefined;
  // Short frames are padded: bytes beyond the IP packet's length are not part of the datagram.
  const bytesInPacket = totalBytes === 0 ? reader.remaining : Math.max(0, start + totalBytes - reader.offset);
  const bytes = reader.copy(Math.min(payloadBytes, bytesInPacket, reader.remaining), 'payload');
  return { from, fromPort, to, toPort, bytes };
}
