// Decodes rtnetlink messages about interfaces and default routes, and encodes the request for a
// full list. Sources: netlink(7), rtnetlink(7), the kernel's uapi headers. Numbers are in the
// host's byte order, little endian here.
//
// 1. Decoding never throws and never reads outside the bytes; unknown messages are left out.
// 2. Messages of the bridge family describe a port, and are left out: otherwise an interface that
//    leaves its bridge would count as deleted.

import { type Ipv4, ipv4, type MacAddress, macFromBytes } from '../ground/address.ts';
import {
  type BorrowedBytes,
  type BorrowedView,
  borrowedPart,
  borrowedText,
  borrowedView,
  findZeroByte,
} from '../ground/borrowed-bytes.ts';
import { type Decoded, decoded, fault } from './byte-reader.ts';

/** Multicast groups as a bit mask: interfaces, IPv4 addresses, and IPv4 routes. */
export const NETLINK_GROUPS = 0x51;
/** The kernel's neighbour tables, as a bit mask. */
export const NETLINK_NEIGHBOUR_GROUP = 0x4;
/** The kernel fills at most 32 KiB. */
export const NETLINK_DATAGRAM_BYTES_MAX = 32_768;

export const RTM_GETLINK = 18;
export const RTM_GETADDR = 22;
export const RTM_GETNEIGH = 30;
export const NLMSG_ERROR = 2;
export const NLMSG_DONE = 3;
const RTM_NEWLINK = 16;
const RTM_DELLINK = 17;
const RTM_NEWADDR = 20;
const RTM_DELADDR = 21;
const RTM_NEWROUTE = 24;
const RTM_DELROUTE = 25;
const RTM_NEWNEIGH = 28;
/** NLM_F_REQUEST, and NLM_F_ROOT with NLM_F_MATCH: a full list. */
const DUMP_FLAGS = 0x301;
/** NLM_F_DUMP_INTR: the list changed meanwhile, so entries may be missing. */
const INTERRUPTED_FLAG = 0x10;

const HEADER_BYTES = 16;
const LINK_FIXED_BYTES = 16;
const ADDRESS_FIXED_BYTES = 8;
const ROUTE_FIXED_BYTES = 12;
const NEIGHBOUR_FIXED_BYTES = 12;
const ATTRIBUTE_HEADER_BYTES = 4;
const FAMILY_INET = 2;
const IFF_UP = 0x1;
const IFF_LOWER_UP = 0x10000;
const IFLA_ADDRESS = 1;
const IFLA_IFNAME = 3;
const IFA_ADDRESS = 1;
const IFA_LOCAL = 2;
const NDA_DST = 1;
const NDA_LLADDR = 2;
/** NUD_REACHABLE: heard within about the last half minute. */
const STATE_REACHABLE = 0x02;
/** NUD_STALE, NUD_DELAY and NUD_PROBE: known, but not heard lately. */
const STATES_REMEMBERED = 0x1c;

/** `sequence` is that of the request to which the message belongs. */
export type NetlinkMessage =
  | {
      readonly kind: 'interface';
      readonly index: number;
      readonly name: string;
      readonly mac: MacAddress | undefined;
      readonly up: boolean;
      readonly carrier: boolean;
    }
  | { readonly kind: 'interface-gone'; readonly index: number }
  | { readonly kind: 'address'; readonly index: number; readonly address: Ipv4; readonly prefix: number }
  | { readonly kind: 'address-gone'; readonly index: number; readonly address: Ipv4; readonly prefix: number }
  /** A default route came or went; `/proc/net/route` has the present ones. */
  | { readonly kind: 'default-route' }
  /** An entry of the kernel's neighbour table for a host. `isHeard` is true if it was heard just now. */
  | {
      readonly kind: 'neighbour';
      readonly index: number;
      readonly address: Ipv4;
      readonly mac: MacAddress;
      readonly isHeard: boolean;
    }
  /** `interrupted`: the list changed meanwhile, so request it again. */
  | { readonly kind: 'done'; readonly sequence: number; readonly interrupted: boolean }
  /** The kernel refused; `errno` is 0 for a plain acknowledgement. */
  | { readonly kind: 'refused'; readonly sequence: number; readonly errno: number };

export type DumpType = typeof RTM_GETLINK | typeof RTM_GETADDR | typeof RTM_GETNEIGH;

const DUMP_FIXED_BYTES: Readonly<Record<DumpType, number>> = {
  [RTM_GETLINK]: LINK_FIXED_BYTES,
  [RTM_GETADDR]: ADDRESS_FIXED_BYTES,
  [RTM_GETNEIGH]: NEIGHBOUR_FIXED_BYTES,
};

export function encodeDumpRequest(type: DumpType, sequence: number): Uint8Array {
  const fixedBytes = DUMP_FIXED_BYTES[type];
  const bytes = new Uint8Array(HEADER_BYTES + fixedBytes);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, bytes.length, true);
  view.setUint16(4, type, true);
  view.setUint16(6, DUMP_FLAGS, true);
  view.setUint32(8, sequence, true);
  view.setUint8(HEADER_BYTES, type === RTM_GETLINK ? 0 : FAMILY_INET);
  return bytes;
}

interface NetlinkPart {
  readonly bytes: BorrowedBytes;
  readonly view: BorrowedView;
  readonly offset: number;
}

/** A fault names where the structure breaks; the messages before it are then lost too. */
export function decodeNetlink(bytes: BorrowedBytes): Decoded<readonly NetlinkMessage[]> {
  const parts = splitNetlink(bytes);
  if (!parts.ok) return parts;
  const messages: NetlinkMessage[] = [];
  for (const part of parts.value) {
    const message = decodeMessage(part);
    if (!message.ok) return fault(message.fault.code, part.offset + message.fault.offset, message.fault.field);
    if (message.value !== undefined) messages.push(message.value);
  }
  return decoded(messages);
}

export function splitNetlink(bytes: BorrowedBytes): Decoded<readonly NetlinkPart[]> {
  const view = borrowedView(bytes);
  const parts: NetlinkPart[] = [];
  for (let offset = 0; offset < bytes.length; ) {
    if (offset + HEADER_BYTES > bytes.length) return fault('truncated', offset, 'header');
    const length = view.getUint32(offset, true);
    if (length < HEADER_BYTES) return fault('bad-length', offset, 'length');
    if (offset + length > bytes.length) return fault('truncated', offset, 'message');
    const part = borrowedPart(bytes, offset, offset + length);
    parts.push({ bytes: part, view: borrowedView(part), offset });
    offset += padLength(length);
  }
  return decoded(parts);
}

type MessageOrNone = Decoded<NetlinkMessage | undefined>;

function decodeMessage(part: NetlinkPart): MessageOrNone {
  const { view } = part;
  const type = view.getUint16(4, true);
  const sequence = view.getUint32(8, true);
  switch (type) {
    case NLMSG_DONE: {
      const interrupted = (view.getUint16(6, true) & INTERRUPTED_FLAG) !== 0;
      return decoded({ kind: 'done', sequence, interrupted });
    }
    case NLMSG_ERROR:
      if (view.byteLength < HEADER_BYTES + 4) return fault('truncated', HEADER_BYTES, 'error');
      return decoded({ kind: 'refused', sequence, errno: -view.getInt32(HEADER_BYTES, true) });
    case RTM_NEWLINK:
    case RTM_DELLINK:
      return decodeInterface(part, type === RTM_DELLINK);
    case RTM_NEWADDR:
    case RTM_DELADDR:
      return decodeAddress(part, type === RTM_DELADDR);
    case RTM_NEWROUTE:
    case RTM_DELROUTE:
      return decodeRoute(view);
    // RTM_DELNEIGH does not mean that the host has gone: the kernel needed the room.
    case RTM_NEWNEIGH:
      return decodeNeighbour(part);
    default:
      return decoded(undefined);
  }
}

function decodeInterface(part: NetlinkPart, isGone: boolean): MessageOrNone {
  const { view } = part;
  const attributesOffset = HEADER_BYTES + LINK_FIXED_BYTES;
  if (view.byteLength < attributesOffset) return fault('truncated', HEADER_BYTES, 'interface');
  if (view.getUint8(HEADER_BYTES) !== 0) return decoded(undefined);
  const index = view.getInt32(HEADER_BYTES + 4, true);
  if (isGone) return decoded({ kind: 'interface-gone', index });
  const flags = view.getUint32(HEADER_BYTES + 8, true);
  const attributes = decodeAttributes(part, attributesOffset);
  if (!attributes.ok) return attributes;
  const name = attributes.value.get(IFLA_IFNAME);
  if (name === undefined) return decoded(undefined);
  const hardware = attributes.value.get(IFLA_ADDRESS);
  return decoded({
    kind: 'interface',
    index,
    name: zeroTerminated(name),
    mac: hardware?.length === 6 ? macFromBytes(hardware) : undefined,
    up: (flags & IFF_UP) !== 0,
    carrier: (flags & IFF_LOWER_UP) !== 0,
  });
}

function decodeAddress(part: NetlinkPart, isGone: boolean): MessageOrNone {
  const { view } = part;
  const attributesOffset = HEADER_BYTES + ADDRESS_FIXED_BYTES;
  if (view.byteLength < attributesOffset) return fault('truncated', HEADER_BYTES, 'address');
  if (view.getUint8(HEADER_BYTES) !== FAMILY_INET) return decoded(undefined);
  const prefix = view.getUint8(HEADER_BYTES + 1);
  const index = view.getUint32(HEADER_BYTES + 4, true);
  const attributes = decodeAttributes(part, attributesOffset);
  if (!attributes.ok) return attributes;
  // On a point-to-point link IFA_ADDRESS is the other end's; IFA_LOCAL is ours.
  const bytes = attributes.value.get(IFA_LOCAL) ?? attributes.value.get(IFA_ADDRESS);
  if (bytes === undefined) return decoded(undefined);
  if (bytes.length !== 4 || prefix > 32) return fault('bad-value', HEADER_BYTES, 'address');
  const address = ipv4(borrowedView(bytes).getUint32(0));
  return decoded({ kind: isGone ? 'address-gone' : 'address', index, address, prefix });
}

function decodeRoute(view: BorrowedView): MessageOrNone {
  if (view.byteLength < HEADER_BYTES + ROUTE_FIXED_BYTES) return fault('truncated', HEADER_BYTES, 'route');
  const [family, prefix] = [view.getUint8(HEADER_BYTES), view.getUint8(HEADER_BYTES + 1)];
  return decoded(family === FAMILY_INET && prefix === 0 ? { kind: 'default-route' } : undefined);
}

function decodeNeighbour(part: NetlinkPart): MessageOrNone {
  const { view } = part;
  const attributesOffset = HEADER_BYTES + NEIGHBOUR_FIXED_BYTES;
  if (view.byteLength < attributesOffset) return fault('truncated', HEADER_BYTES, 'neighbour');
  const state = view.getUint16(HEADER_BYTES + 8, true);
  if (view.getUint8(HEADER_BYTES) !== FAMILY_INET || (state & (STATE_REACHABLE | STATES_REMEMBERED)) === 0) {
    return decoded(undefined);
  }
  const index = view.getInt32(HEADER_BYTES + 4, true);
  const attributes = decodeAttributes(part, attributesOffset);
  if (!attributes.ok) return attributes;
  const bytes = attributes.value.get(NDA_DST);
  const hardware = attributes.value.get(NDA_LLADDR);
  // A tunnel's neighbours have no hardware address.
  if (bytes === undefined || hardware?.length !== 6) return decoded(undefined);
  if (bytes.length !== 4) return fault('bad-value', HEADER_BYTES, 'neighbour');
  const address = ipv4(borrowedView(bytes).getUint32(0));
  const isHeard = (state & STATE_REACHABLE) !== 0;
  return decoded({ kind: 'neighbour', index, address, mac: macFromBytes(hardware), isHeard });
}

/** Decodes the attributes of a message; if a type repeats, the last counts. */
function decodeAttributes({ bytes, view }: NetlinkPart, start: number): Decoded<ReadonlyMap<number, BorrowedBytes>> {
  const attributes = new Map<number, BorrowedBytes>();
  for (let offset = start; offset < view.byteLength; ) {
    if (offset + ATTRIBUTE_HEADER_BYTES > view.byteLength) return fault('truncated', offset, 'attribute');
    const length = view.getUint16(offset, true);
    if (length < ATTRIBUTE_HEADER_BYTES) return fault('bad-length', offset, 'attribute');
    if (offset + length > view.byteLength) return fault('truncated', offset, 'attribute');
    const value = borrowedPart(bytes, offset + ATTRIBUTE_HEADER_BYTES, offset + length);
    // The top two bits are flags (nested, byte order).
    attributes.set(view.getUint16(offset + 2, true) & 0x3fff, value);
    offset += padLength(length);
  }
  return decoded(attributes);
}

/** Messages and attributes begin at multiples of four. */
const padLength = (length: number): number => (length + 3) & ~3;

function zeroTerminated(bytes: BorrowedBytes): string {
  const end = findZeroByte(bytes, 0);
  return borrowedText(bytes, 'latin1', 0, end === -1 ? bytes.length : end);
}
