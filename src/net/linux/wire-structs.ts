// The structures of Linux's socket calls, written into and read from buffers. Offsets are those of
// 64-bit little-endian Linux, equal on x86-64 and arm64 but for `epoll_event`. Sources:
// recvmmsg(2), ip(7), packet(7), netlink(7), the kernel's uapi headers.
//
// 1. A batch owns every buffer its headers point into: none is collected while the kernel may write to it.
// 2. Addresses in a batch are written once: the headers of one slot always point to the buffers of that slot.

import { type Ipv4, ipv4, type MacAddress } from '../../ground/address.ts';
import type { BorrowedBytes } from '../../ground/borrowed-bytes.ts';

export const AF_UNIX = 1;
export const AF_INET = 2;
export const AF_NETLINK = 16;
export const AF_PACKET = 17;
export const SOCK_DGRAM = 2;
export const SOCK_RAW = 3;
/** SOCK_NONBLOCK and SOCK_CLOEXEC: no call ever waits, no child inherits. */
export const SOCK_FLAGS = 0x80800;
/** EFD_NONBLOCK and EFD_CLOEXEC. */
export const EVENTFD_FLAGS = 0x80800;

export const SOL_SOCKET = 1;
export const SO_REUSEADDR = 2;
export const SO_BROADCAST = 6;
export const SO_SNDBUF = 7;
export const SO_RCVBUF = 8;
export const SO_BINDTODEVICE = 25;
export const SO_MEMINFO = 55;
export const IPPROTO_IP = 0;
const IP_PKTINFO = 8;
export const IP_MTU_DISCOVER = 10;
/**
 * Fragments datagrams beyond the interface's MTU, sets no DF, and ignores reports of a smaller MTU
 * (ip(7), Linux 3.15).
 */
export const IP_PMTUDISC_OMIT = 5;
export const IP_FREEBIND = 15;
export const SOL_UDP = 17;
export const UDP_SEGMENT = 103;
export const MSG_DONTWAIT = 0x40;
export const MSG_MORE = 0x8000;
export const MSG_NOSIGNAL = 0x4000;

/** SO_MEMINFO fills nine 32-bit numbers. */
export const MEMINFO_BYTES = 36;
export const MEMINFO_RECEIVE_BUFFER_OFFSET = 4;
export const MEMINFO_SEND_USED_OFFSET = 8;
export const MEMINFO_SEND_BUFFER_OFFSET = 12;
export const MEMINFO_DROPS_OFFSET = 32;

/**
 * A `struct epoll_event`: 32 bits of events, then 64 bits of data, which only x86-64 does not align
 * (epoll_ctl(2)).
 */
export const EPOLL_EVENT_BYTES: number = process.arch === 'x64' ? 12 : 16;

export const ETHERTYPE_IPV4 = 0x0800;
const MSGHDR_BYTES = 56;
const MMSGHDR_BYTES = 64;
const IOVEC_BYTES = 16;
const SOCKADDR_IN_BYTES = 16;
export const SOCKADDR_LL_BYTES = 20;
const SOCKADDR_NL_BYTES = 12;
const SOCKADDR_UN_PATH_BYTES = 108;
/** Room for a socket address of either family, keeping its neighbour aligned. */
const NAME_BYTES = 32;
/** Room for one control message of up to 16 bytes of data: IP_PKTINFO has 12. */
const CONTROL_BYTES = 32;
const CMSGHDR_BYTES = 16;
const PKTINFO_CONTROL_BYTES = 32;

export function encodeInt(value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setInt32(0, value, true);
  return bytes;
}

export function readInt(bytes: Uint8Array, offset = 0): number {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).getInt32(offset, true);
}

export const encodeDeviceName = (name: string): Uint8Array => Buffer.from(`${name}\0`, 'latin1');

/** A `sockaddr_in`. */
export function encodeSocketAddress(address: Ipv4, port: number): Uint8Array {
  const bytes = new Uint8Array(SOCKADDR_IN_BYTES);
  writeSocketAddress(new DataView(bytes.buffer), 0, address, port);
  return bytes;
}

/**
 * A `sockaddr_un` for a path, or an abstract name with a leading `@` (unix(7)); `undefined` if
 * empty or too long for the kernel.
 */
export function encodeUnixAddress(name: string): Uint8Array | undefined {
  const abstract = name.startsWith('@');
  const path = Buffer.from(abstract ? `\0${name.slice(1)}` : `${name}\0`, 'utf8');
  if (path.length < 2 || path.length > SOCKADDR_UN_PATH_BYTES) return undefined;
  const bytes = new Uint8Array(2 + path.length);
  new DataView(bytes.buffer).setUint16(0, AF_UNIX, true);
  bytes.set(path, 2);
  return bytes;
}

/** A `sockaddr_nl` that subscribes to `groups`, a bit mask; the kernel chooses the port. */
export function encodeNetlinkAddress(groups: number): Uint8Array {
  const bytes = new Uint8Array(SOCKADDR_NL_BYTES);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, AF_NETLINK, true);
  view.setUint32(8, groups, true);
  return bytes;
}

function writeSocketAddress(view: DataView, offset: number, address: Ipv4, port: number): void {
  view.setUint16(offset, AF_INET, true);
  view.setUint16(offset + 2, port);
  view.setUint32(offset + 4, address);
}

/** A `sockaddr_ll`. @param mac 0 to bind a socket */
export function encodeLinkAddress(protocol: number, interfaceIndex: number, mac: MacAddress | 0): Uint8Array {
  const bytes = new Uint8Array(SOCKADDR_LL_BYTES);
  writeLinkAddress(new DataView(bytes.buffer), 0, protocol, interfaceIndex, mac);
  return bytes;
}

function writeLinkAddress(view: DataView, offset: number, protocol: number, index: number, mac: MacAddress | 0): void {
  view.setUint16(offset, AF_PACKET, true);
  view.setUint16(offset + 2, protocol);
  view.setInt32(offset + 4, index, true);
  view.setUint32(offset + 8, 0);
  view.setUint8(offset + 11, 6);
  view.setUint16(offset + 12, Math.floor(mac / 0x100000000));
  view.setUint32(offset + 14, mac % 0x100000000);
  view.setUint16(offset + 18, 0);
}

/** Message headers and their buffers, for `recvmmsg`, `sendmmsg` and `sendmsg`. */
export class MessageBatch {
  /** The array of `mmsghdr`; the first is a `msghdr` at its start. */
  readonly headers: Uint8Array;
  readonly slots: number;
  readonly #slotBytes: number;
  readonly #payloads: Uint8Array;
  readonly #names: Uint8Array;
  readonly #controls: Uint8Array;
  readonly #vectors: Uint8Array;
  readonly #header: DataView;
  readonly #name: DataView;
  readonly #control: DataView;
  readonly #vector: DataView;
  readonly #payloadsAddress: bigint;

  /** `slots` messages of at most `slotBytes` bytes each; `addressOf` tells where a buffer lies. */
  constructor(slots: number, slotBytes: number, addressOf: (buffer: Uint8Array) => bigint) {
    this.slots = slots;
    this.#slotBytes = slotBytes;
    this.headers = new Uint8Array(slots * MMSGHDR_BYTES);
    this.#names = new Uint8Array(slots * NAME_BYTES);
    this.#controls = new Uint8Array(slots * CONTROL_BYTES);
    this.#vectors = new Uint8Array(slots * IOVEC_BYTES);
    // The system gives out zeroed pages as they are touched: a slot that is never filled costs no memory.
    this.#payloads = new Uint8Array(slots * slotBytes);
    this.#header = toDataView(this.headers);
    this.#name = toDataView(this.#names);
    this.#control = toDataView(this.#controls);
    this.#vector = toDataView(this.#vectors);
    this.#payloadsAddress = addressOf(this.#payloads);
    const [namesAddress, vectorsAddress] = [addressOf(this.#names), addressOf(this.#vectors)];
    const controlsAddress = addressOf(this.#controls);
    for (let slot = 0; slot < slots; slot += 1) {
      const offset = slot * MMSGHDR_BYTES;
      this.#header.setBigUint64(offset, namesAddress + BigInt(slot * NAME_BYTES), true);
      this.#header.setBigUint64(offset + 16, vectorsAddress + BigInt(slot * IOVEC_BYTES), true);
      this.#header.setBigUint64(offset + 24, 1n, true);
      this.#header.setBigUint64(offset + 32, controlsAddress + BigInt(slot * CONTROL_BYTES), true);
      this.#pointAt(slot, this.#payloadsAddress + BigInt(slot * slotBytes), slotBytes);
    }
  }

  payload(slot: number, length = this.#slotBytes): Uint8Array {
    const offset = slot * this.#slotBytes;
    return this.#payloads.subarray(offset, offset + length);
  }

  /** The received bytes; the next receive overwrites them. */
  received(slot: number): BorrowedBytes {
    return this.payload(slot, this.receivedBytes(slot));
  }

  /** Resets the lengths that the kernel overwrote the last time. */
  prepareReceive(count: number): void {
    for (let slot = 0; slot < count; slot += 1) {
      const offset = slot * MMSGHDR_BYTES;
      this.#header.setUint32(offset + 8, SOCKADDR_IN_BYTES, true);
      this.#header.setUint32(offset + 40, 0, true);
      this.#header.setUint32(offset + 48, 0, true);
    }
  }

  receivedBytes(slot: number): number {
    return this.#header.getUint32(slot * MMSGHDR_BYTES + MSGHDR_BYTES, true);
  }
  readSenderAddress(slot: number): Ipv4 {
    return ipv4(this.#name.getUint32(slot * NAME_BYTES + 4));
  }
  readSenderPort(slot: number): number {
    return this.#name.getUint16(slot * NAME_BYTES + 2);
  }

  /** The slot's message is the first `length` bytes of its payload. */
  setLength(slot: number, length: number): void {
    this.#vector.setUint32(slot * IOVEC_BYTES + 8, length, true);
  }

  setPeer(slot: number, address: Ipv4, port: number): void {
    writeSocketAddress(this.#name, slot * NAME_BYTES, address, port);
    this.#header.setUint32(slot * MMSGHDR_BYTES + 8, SOCKADDR_IN_BYTES, true);
    this.#header.setUint32(slot * MMSGHDR_BYTES + 40, 0, true);
  }

  /** The slot goes, as an IPv4 packet, to a hardware address on an interface (`sockaddr_ll`). */
  setHardwarePeer(slot: number, interfaceIndex: number, address: MacAddress): void {
    writeLinkAddress(this.#name, slot * NAME_BYTES, ETHERTYPE_IPV4, interfaceIndex, address);
    this.#header.setUint32(slot * MMSGHDR_BYTES + 8, SOCKADDR_LL_BYTES, true);
    this.#header.setUint32(slot * MMSGHDR_BYTES + 40, 0, true);
  }

  /** The slot leaves with this source address (IP_PKTINFO, `in_pktinfo` with interface 0). */
  setSource(slot: number, source: Ipv4): void {
    const offset = slot * CONTROL_BYTES;
    this.#control.setUint32(offset, CMSGHDR_BYTES + 12, true);
    this.#control.setUint32(offset + 4, 0, true);
    this.#control.setInt32(offset + 8, IPPROTO_IP, true);
    this.#control.setInt32(offset + 12, IP_PKTINFO, true);
    this.#control.setInt32(offset + 16, 0, true);
    this.#control.setUint32(offset + 20, source);
    this.#control.setUint32(offset + 24, 0);
    this.#header.setUint32(slot * MMSGHDR_BYTES + 40, PKTINFO_CONTROL_BYTES, true);
  }

  /** The headers from `slot` on, to continue after a short count. */
  sliceHeaders(slot: number): Uint8Array {
    return slot === 0 ? this.headers : this.headers.subarray(slot * MMSGHDR_BYTES);
  }

  #pointAt(slot: number, address: bigint, length: number): void {
    this.#vector.setBigUint64(slot * IOVEC_BYTES, address, true);
    this.#vector.setBigUint64(slot * IOVEC_BYTES + 8, BigInt(length), true);
  }
}

function toDataView(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
