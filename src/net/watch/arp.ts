// ARP for IPv4 over Ethernet: decodes packets, and encodes probes. Sources: RFC 826, RFC 5227 §1.1
// (what a probe is) and §2.1.1 (what counts as an answer).
//
// 1. Only Ethernet with IPv4 is accepted; bytes after it are padding.
// 2. A probe names no sender address, so it changes no host's table (RFC 5227 §2.1).
// 3. A sender that is not one host (a group bit, zero, multicast, broadcast) is a fault.

import { ANY, type Ipv4, ipv4, type MacAddress, macFromBytes, macToBytes } from '../../ground/address.ts';
import { type BorrowedBytes, borrowedView } from '../../ground/borrowed-bytes.ts';
import { type Decoded, decoded, fault } from '../byte-reader.ts';

/** Without Ethernet's header. */
export const ARP_BYTES = 28;

const HARDWARE_ETHERNET = 1;
const PROTOCOL_IPV4 = 0x0800;
const OPERATION_REQUEST = 1;
const OPERATION_REPLY = 2;

/** Requests and replies describe their sender alike. */
export interface ArpPacket {
  readonly operation: 'request' | 'reply';
  readonly senderMac: MacAddress;
  /** 0.0.0.0 in a probe. */
  readonly sender: Ipv4;
  readonly target: Ipv4;
}

/** Without Ethernet's header. */
export function decodeArp(bytes: BorrowedBytes): Decoded<ArpPacket> {
  if (bytes.length < ARP_BYTES) return fault('truncated', bytes.length, 'arp');
  const view = borrowedView(bytes);
  if (view.getUint16(0) !== HARDWARE_ETHERNET) return fault('bad-value', 0, 'hardware');
  if (view.getUint16(2) !== PROTOCOL_IPV4) return fault('bad-value', 2, 'protocol');
  if (view.getUint8(4) !== 6 || view.getUint8(5) !== 4) return fault('bad-length', 4, 'lengths');
  const operation = view.getUint16(6);
  if (operation !== OPERATION_REQUEST && operation !== OPERATION_REPLY) return fault('bad-value', 6, 'operation');
  return decoded({
    operation: operation === OPERATION_REQUEST ? 'request' : 'reply',
    senderMac: macFromBytes(bytes, 8),
    sender: ipv4(view.getUint32(14)),
    target: ipv4(view.getUint32(24)),
  });
}

/** The broadcast probe, from the hardware address `own`. */
export function encodeArpProbe(ownMac: MacAddress, address: Ipv4): Uint8Array {
  const bytes = new Uint8Array(ARP_BYTES);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, HARDWARE_ETHERNET);
  view.setUint16(2, PROTOCOL_IPV4);
  view.setUint8(4, 6);
  view.setUint8(5, 4);
  view.setUint16(6, OPERATION_REQUEST);
  bytes.set(macToBytes(ownMac), 8);
  view.setUint32(24, address);
  return bytes;
}

/**
 * True if one host may have the address: not 0.0.0.0/8, not loopback, not 224.0.0.0 and above (RFC
 * 1122 §3.2.1.3).
 */
export function isHostAddress(address: Ipv4): boolean {
  const firstOctet = address >>> 24;
  return address !== ANY && firstOctet !== 0 && firstOctet !== 127 && firstOctet < 224;
}
