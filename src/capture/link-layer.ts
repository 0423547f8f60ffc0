// Extracts the UDP datagram from a captured IPv4 packet. Sources: LINKTYPE values of tcpdump.org; IEEE 802.1Q; RFC 791 §3.1;
// RFC 768.
//
// 1. Fragments are not reassembled: the first fragment is read as far as it goes, and reported as incomplete.
// 2. Checksums are ignored: in a capture on the sending host they are not computed yet.

import { counted } from '../counted.ts';
import { type Ipv4, ipv4 } from '../net/address.ts';
import { ByteReader } from '../net/byte-reader.ts';
import { PROTOCOL_UDP } from '../net/raw-frame.ts';
import type { CapturedPacket } from './capture-file.ts';

/** A UDP datagram of IPv4. */
export interface CapturedDatagram {
  readonly kind: 'udp';
  readonly from: Ipv4;
  readonly fromPort: number;
  readonly to: Ipv4;
  readonly toPort: number;
  readonly bytes: Uint8Array;
  /** Its VLAN tags, the outer one first. */
  readonly vlans: readonly number[];
  /** Why `bytes` is incomplete; undefined if it is complete. */
  readonly incomplete: string | undefined;
}

/** Any other packet, in a word or two. */
interface OtherPacket {
  readonly kind: 'other';
  readonly what: string;
}

const LINK = { null: 0, ethernet: 1, raw: 101, linuxCooked: 113, ipv4: 228, linuxCooked2: 276 } as const;
const RAW_LINKS: ReadonlySet<number> = new Set([LINK.raw, LINK.ipv4, 12, 14]);
const ETHERTYPE_IPV4 = 0x0800;
const VLAN_TYPES: ReadonlySet<number> = new Set([0x8100, 0x88a8, 0x9100]);
/** No network uses more tags than this. */
const VLAN_TAGS_MAX = 4;
const UDP_HEADER_BYTES = 8;

/** Finds the datagram in a packet. */
export function findDatagram(packet: CapturedPacket): CapturedDatagram | OtherPacket {
  const reader = new ByteReader(packet.bytes);
  const vlans: number[] = [];
  const other = (what: string): OtherPacket => ({ kind: 'other', what });
  if (packet.linkType === LINK.null) {
    // The address family in the byte order of the capturing host: 2 for IPv4 on every system.
    const family = reader.u32('family');
    if (family !== 2 && family !== 0x02000000) return other('not IPv4');
  } else if (!RAW_LINKS.has(packet.linkType)) {
    let type = readEtherType(reader, packet.linkType);
    if (type === undefined) return other(`link type ${packet.linkType}`);
    while (VLAN_TYPES.has(type) && vlans.length < VLAN_TAGS_MAX) {
      vlans.push(reader.u16('tag') & 0xfff);
      type = reader.u16('type');
    }
    if (type !== ETHERTYPE_IPV4) return other(reader.fault === undefined ? 'not IPv4' : 'truncated');
  }
  return reader.fault === undefined ? readIpv4(reader, packet, vlans) : other('truncated');
}

function readEtherType(reader: ByteReader, linkType: number): number | undefined {
  switch (linkType) {
    case LINK.ethernet:
      reader.skip(12, 'addresses');
      return reader.u16('type');
    case LINK.linuxCooked:
      reader.skip(14, 'header');
      return reader.u16('type');
    case LINK.linuxCooked2: {
      const type = reader.u16('type');
      reader.skip(18, 'header');
      return type;
    }
    default:
      return undefined;
  }
}

function readIpv4(
  reader: ByteReader,
  packet: CapturedPacket,
  vlans: readonly number[],
): CapturedDatagram | OtherPacket {
  const start = reader.offset;
  const versionAndLength = reader.u8('version');
  const headerBytes = (versionAndLength & 15) * 4;
  if (versionAndLength >>> 4 !== 4 || headerBytes < 20) return { kind: 'other', what: 'not IPv4' };
  reader.skip(1, 'service');
  const totalBytes = reader.u16('total length');
  reader.skip(2, 'identification');
  const fragment = reader.u16('fragment');
  reader.skip(1, 'time to live');
  const protocol = reader.u8('protocol');
  reader.skip(2, 'checksum');
  const from = ipv4(reader.u32('source'));
  const to = ipv4(reader.u32('destination'));
  if (reader.fault !== undefined) return { kind: 'other', what: 'truncated' };
  if (protocol !== PROTOCOL_UDP) return { kind: 'other', what: `IP protocol ${protocol}` };
  if ((fragment & 0x1fff) !== 0) return { kind: 'other', what: 'a later fragment' };
  reader.seek(start + headerBytes, 'options');
  const fromPort = reader.u16('source port');
  const toPort = reader.u16('destination port');
  const length = reader.u16('length');
  reader.skip(2, 'checksum');
  if (reader.fault !== undefined) return { kind: 'other', what: 'truncated' };
  const payload = Math.max(0, length - UDP_HEADER_BYTES);
  // Short frames are padded: bytes beyond the IP packet's length are not part of the datagram.
  const inPacket = totalBytes === 0 ? reader.remaining : Math.max(0, start + totalBytes - reader.offset);
  const bytes = reader.copy(Math.min(payload, inPacket, reader.remaining), 'payload');
  const missing = payload - bytes.length;
  return {
    kind: 'udp',
    from,
    fromPort,
    to,
    toPort,
    bytes,
    vlans,
    incomplete: missing > 0 ? reasonOf(missing, fragment, packet) : undefined,
  };
}

function reasonOf(missing: number, fragment: number, packet: CapturedPacket): string {
  if ((fragment & 0x2000) !== 0)
    return `first fragment only: ${counted(missing, 'byte follows', 'bytes follow')} in others`;
  if (packet.bytes.length < packet.originalBytes)
    return `truncated by the capture: ${counted(missing, 'byte')} missing (tcpdump -s 0 keeps them)`;
  return `its length claims ${counted(missing, 'byte')} too many`;
}
