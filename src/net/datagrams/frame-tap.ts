// Receives copies of an interface's datagrams for one UDP port, and sends like a host without an
// address: Rackboot sees a wire as a DHCP client does, without taking the port from the host.
// Sources: packet(7), RFC 791 §3.1, RFC 768, the kernel's documentation of its packet filter.
//
// 1. The kernel's filter passes only whole IPv4 UDP datagrams for the port.
// 2. The tap does not receive what this host sends, nor this host's sockets what the tap sends.
// 3. A tap wakes no one: its opener polls and closes it.

import {
  ANY,
  BROADCAST_MAC,
  type Ipv4,
  ipv4,
  LIMITED_BROADCAST,
  type MacAddress,
  macFromBytes,
  macToBytes,
} from '../../ground/address.ts';
import { type BorrowedBytes, borrowedPart, borrowedView, copyBytes, reclaim } from '../../ground/borrowed-bytes.ts';
import { findErrorName, type Libc } from '../linux/libc.ts';
import {
  ACCEPT,
  attachFilter,
  DROP,
  type FilterInstruction,
  JUMP_IF_ANY_BIT,
  JUMP_IF_EQUAL,
  LOAD_BYTE,
  LOAD_HALF_WORD,
  LOAD_HALF_WORD_BEHIND,
  LOAD_HEADER_LENGTH,
} from '../linux/packet-filter.ts';
import {
  AF_PACKET,
  ETHERTYPE_IPV4,
  encodeLinkAddress,
  MSG_DONTWAIT,
  SOCK_FLAGS,
  SOCK_RAW,
} from '../linux/wire-structs.ts';
import { FRAME_HEADER_BYTES, PROTOCOL_UDP, writeFrame } from '../raw-frame.ts';

/** The most datagrams of one `take`. */
const DATAGRAMS_TAKEN_MAX = 64;

const ETHERNET_HEADER_BYTES = 14;
const IPV4_HEADER_BYTES_MIN = 20;
const UDP_HEADER_BYTES = 8;
/** The more-fragments flag and the offset: both zero in a whole datagram. */
const FRAGMENT_BITS = 0x3fff;
const FRAME_BYTES_MAX = 16_384;

export interface TappedDatagram {
  /** A copy. */
  readonly bytes: Uint8Array;
  readonly from: Ipv4;
  /** The host itself, or the router or relay before it. */
  readonly mac: MacAddress;
}

/** An open tap. */
export interface FrameTap {
  /** Broadcasts a datagram from 0.0.0.0. @returns the error's code (`ENETDOWN`), or `undefined` */
  broadcast(payload: Uint8Array, port: number): string | undefined;
  /** The received datagrams, oldest first, at most DATAGRAMS_TAKEN_MAX. */
  take(): readonly TappedDatagram[];
  close(): void;
}

export interface TapRequest {
  readonly device: string;
  readonly mac: MacAddress;
  readonly port: number;
}

/** `undefined` without CAP_NET_RAW or the device. */
export function openFrameTap(libc: Libc, { device, mac, port }: TapRequest): FrameTap | undefined {
  const index = libc.if_nametoindex(device);
  if (index === 0) return undefined;
  // Protocol 0 receives nothing yet, so the filter is in place before the first frame.
  const fd = libc.socket(AF_PACKET, SOCK_RAW | SOCK_FLAGS, 0);
  if (fd < 0) return undefined;
  const address = encodeLinkAddress(ETHERTYPE_IPV4, index, 0);
  if (attachFilter(libc, fd, filterForPort(port)) !== undefined || libc.bind(fd, address, address.length) !== 0) {
    libc.close(fd);
    return undefined;
  }
  return new LinuxTap(libc, fd, mac, port);
}

class LinuxTap implements FrameTap {
  readonly #libc: Libc;
  readonly #mac: MacAddress;
  readonly #port: number;
  readonly #frame = new Uint8Array(FRAME_BYTES_MAX);
  #fd: number | undefined;

  constructor(libc: Libc, fd: number, mac: MacAddress, port: number) {
    this.#libc = libc;
    this.#fd = fd;
    this.#mac = mac;
    this.#port = port;
  }

  broadcast(payload: Uint8Array, port: number): string | undefined {
    if (this.#fd === undefined) return 'EBADF';
    const frame = encodeBroadcastFrame(payload, this.#mac, this.#port, port);
    const sentBytes = this.#libc.send(this.#fd, frame, frame.length, MSG_DONTWAIT);
    return sentBytes < 0 ? findErrorName(this.#libc.errno()) : undefined;
  }

  take(): readonly TappedDatagram[] {
    const datagrams: TappedDatagram[] = [];
    for (let count = 0; count < DATAGRAMS_TAKEN_MAX && this.#fd !== undefined; count += 1) {
      const length = this.#libc.recv(this.#fd, this.#frame, FRAME_BYTES_MAX, MSG_DONTWAIT);
      if (length < 0) break;
      const frame = borrowedPart(this.#frame, 0, length);
      const datagram = readTappedFrame(frame, this.#port);
      reclaim(frame);
      if (datagram !== undefined) datagrams.push(datagram);
    }
    return datagrams;
  }

  close(): void {
    if (this.#fd !== undefined) this.#libc.close(this.#fd);
    this.#fd = undefined;
  }
}

export function encodeBroadcastFrame(
  payload: Uint8Array,
  mac: MacAddress,
  fromPort: number,
  toPort: number,
): Uint8Array {
  const frame = new Uint8Array(ETHERNET_HEADER_BYTES + FRAME_HEADER_BYTES + payload.length);
  frame.set(macToBytes(BROADCAST_MAC));
  frame.set(macToBytes(mac), 6);
  new DataView(frame.buffer).setUint16(12, ETHERTYPE_IPV4);
  const header = { source: ANY, sourcePort: fromPort, destination: LIMITED_BROADCAST, destinationPort: toPort };
  writeFrame(frame.subarray(ETHERNET_HEADER_BYTES), { ...header, identification: 0 }, payload);
  return frame;
}

/**
 * The UDP datagram in a frame; `undefined` if the frame holds no whole datagram for `port`.
 * Checksums are ignored: the card may still have to fill them.
 */
export function readTappedFrame(frame: BorrowedBytes, port: number): TappedDatagram | undefined {
  if (frame.length < ETHERNET_HEADER_BYTES + IPV4_HEADER_BYTES_MIN + UDP_HEADER_BYTES) return undefined;
  const view = borrowedView(frame);
  const ipOffset = ETHERNET_HEADER_BYTES;
  if (view.getUint16(12) !== ETHERTYPE_IPV4 || view.getUint8(ipOffset) >>> 4 !== 4) return undefined;
  const headerBytes = (view.getUint8(ipOffset) & 0x0f) * 4;
  const udpOffset = ipOffset + headerBytes;
  if (headerBytes < IPV4_HEADER_BYTES_MIN || udpOffset + UDP_HEADER_BYTES > frame.length) return undefined;
  if (view.getUint8(ipOffset + 9) !== PROTOCOL_UDP || (view.getUint16(ipOffset + 6) & FRAGMENT_BITS) !== 0)
    return undefined;
  if (view.getUint16(udpOffset + 2) !== port) return undefined;
  const end = udpOffset + view.getUint16(udpOffset + 4);
  if (end < udpOffset + UDP_HEADER_BYTES || end > frame.length) return undefined;
  return {
    bytes: copyBytes(frame, udpOffset + UDP_HEADER_BYTES, end),
    from: ipv4(view.getUint32(ipOffset + 12)),
    mac: macFromBytes(frame, 6),
  };
}

const filterForPort = (port: number): readonly FilterInstruction[] => [
  [LOAD_HALF_WORD, 0, 0, 12],
  [JUMP_IF_EQUAL, 0, 8, ETHERTYPE_IPV4],
  [LOAD_BYTE, 0, 0, ETHERNET_HEADER_BYTES + 9],
  [JUMP_IF_EQUAL, 0, 6, PROTOCOL_UDP],
  [LOAD_HALF_WORD, 0, 0, ETHERNET_HEADER_BYTES + 6],
  [JUMP_IF_ANY_BIT, 4, 0, FRAGMENT_BITS],
  [LOAD_HEADER_LENGTH, 0, 0, ETHERNET_HEADER_BYTES],
  [LOAD_HALF_WORD_BEHIND, 0, 0, ETHERNET_HEADER_BYTES + 2],
  [JUMP_IF_EQUAL, 0, 1, port],
  ACCEPT,
  DROP,
];
