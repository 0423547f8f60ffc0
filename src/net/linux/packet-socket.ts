// A socket for frames of one kind on every interface of this host (AF_PACKET, SOCK_DGRAM: the
// kernel removes and adds the Ethernet header). Sources: packet(7), the kernel's classic BPF
// (socket(7), SO_ATTACH_FILTER); tried in network namespaces.
//
// 1. The filter is attached before the bind, so unwanted frames never queue.
// 2. It belongs to no device, so it survives interfaces that come and go. Group memberships belong
//    to a device and must be joined again.
// 3. It receives neither this host's own frames nor those for another host (a VLAN without a device
//    here, a promiscuous port).
// 4. The kernel copies a filter when it is attached; receive buffers are fields.

import { type MacAddress, macFromBytes, macToBytes } from '../../ground/address.ts';
import { type BorrowedBytes, borrowedPart, reclaim } from '../../ground/borrowed-bytes.ts';
import { findErrorName, type Libc } from './libc.ts';
import {
  attachFilter,
  DROP,
  type FilterInstruction,
  JUMP_IF_EQUAL,
  LOAD_INTERFACE_INDEX,
  LOAD_WORD,
} from './packet-filter.ts';
import {
  AF_PACKET,
  encodeInt,
  encodeLinkAddress,
  MSG_DONTWAIT,
  SOCK_DGRAM,
  SOCK_FLAGS,
  SOCKADDR_LL_BYTES,
} from './wire-structs.ts';

export const ETHERTYPE_IPV4 = 0x0800;
export const ETHERTYPE_ARP = 0x0806;
export const ETHERTYPE_IPV6 = 0x86dd;

const SOL_PACKET = 263;
const PACKET_ADD_MEMBERSHIP = 1;
/** A jump reaches 255 instructions. */
const FILTERED_INTERFACES_MAX = 200;
/** Longer frames are cut; no protocol read here needs more. */
const FRAME_BYTES_MAX = 2048;
/** PACKET_HOST, PACKET_BROADCAST and PACKET_MULTICAST are 0 to 2. */
const PACKET_TYPE_MAX = 2;

/** A received frame. */
export interface ReceivedFrame {
  /** Borrowed until the next call of `receive`. */
  readonly bytes: BorrowedBytes;
  readonly interfaceIndex: number;
  readonly from: MacAddress;
}

export class PacketSocket {
  readonly fd: number;
  readonly #libc: Libc;
  readonly #protocol: number;
  readonly #frame = new Uint8Array(FRAME_BYTES_MAX);
  readonly #senderAddress = Buffer.allocUnsafeSlow(SOCKADDR_LL_BYTES);
  readonly #fromLength = encodeInt(SOCKADDR_LL_BYTES);
  #filter: readonly FilterInstruction[];
  #interfaceFilter: readonly FilterInstruction[] = makeInterfaceFilter([]);

  /**
   * Receives what `filter` takes on the interfaces of `restrictInterfaces`; at first there are none.
   * @throws Error named after the system's code, `EPERM` without CAP_NET_RAW
   */
  constructor(libc: Libc, protocol: number, filter: readonly FilterInstruction[]) {
    this.#libc = libc;
    this.#protocol = protocol;
    this.#filter = filter;
    this.fd = libc.socket(AF_PACKET, SOCK_DGRAM | SOCK_FLAGS, 0);
    if (this.fd < 0) throw new Error(findErrorName(libc.errno()));
    const address = encodeLinkAddress(protocol, 0, 0);
    const refusalCode =
      this.restrictInterfaces([]) ??
      (libc.bind(this.fd, address, address.length) === 0 ? undefined : findErrorName(libc.errno()));
    if (refusalCode === undefined) return;
    libc.close(this.fd);
    throw new Error(refusalCode);
  }

  /**
   * Receives only from these interfaces, so that unserved wires wake no thread.
   * @returns the system's code if refused
   */
  restrictInterfaces(interfaceIndexes: readonly number[]): string | undefined {
    this.#interfaceFilter = makeInterfaceFilter(interfaceIndexes);
    return this.setFilter([...this.#interfaceFilter, ...this.#filter]);
  }

  /** Replaces the filter, for the same interfaces. @returns the system's code if refused */
  replaceFilter(filter: readonly FilterInstruction[]): string | undefined {
    this.#filter = filter;
    return this.setFilter([...this.#interfaceFilter, ...filter]);
  }

  /** Receives what the filter takes, from any interface. @returns the system's code if refused */
  setFilter(instructions: readonly FilterInstruction[]): string | undefined {
    return attachFilter(this.#libc, this.fd, instructions);
  }

  /** `undefined` if none waits. @throws Error named after the system's code */
  receive(): ReceivedFrame | undefined {
    reclaim(this.#frame);
    for (;;) {
      this.#fromLength.set(encodeInt(SOCKADDR_LL_BYTES));
      const length = this.#libc.recvfrom(
        this.fd,
        this.#frame,
        FRAME_BYTES_MAX,
        MSG_DONTWAIT,
        this.#senderAddress,
        this.#fromLength,
      );
      if (length < 0) {
        const code = findErrorName(this.#libc.errno());
        if (code === 'EAGAIN') return undefined;
        // ENETDOWN reports once that an interface went down.
        if (code === 'EINTR' || code === 'ENETDOWN') continue;
        throw new Error(code);
      }
      const isForUs = (this.#senderAddress[10] ?? 0) <= PACKET_TYPE_MAX;
      return {
        bytes: borrowedPart(this.#frame, 0, isForUs ? length : 0),
        interfaceIndex: this.#senderAddress.readInt32LE(4),
        from: macFromBytes(this.#senderAddress, 12),
      };
    }
  }

  /** @param protocol the frame's EtherType @returns the system's code if refused */
  send(
    bytes: Uint8Array,
    interfaceIndex: number,
    destination: MacAddress,
    protocol = this.#protocol,
  ): string | undefined {
    const address = encodeLinkAddress(protocol, interfaceIndex, destination);
    const sentBytes = this.#libc.sendto(this.fd, bytes, bytes.length, MSG_DONTWAIT, address, address.length);
    return sentBytes < 0 ? findErrorName(this.#libc.errno()) : undefined;
  }

  /** @returns the system's code if refused */
  join(interfaceIndex: number, group: MacAddress): string | undefined {
    const request = Buffer.allocUnsafeSlow(16).fill(0);
    request.writeInt32LE(interfaceIndex, 0);
    request.writeUInt16LE(6, 6);
    request.set(macToBytes(group), 8);
    const status = this.#libc.setsockopt(this.fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, request, request.length);
    return status === 0 ? undefined : findErrorName(this.#libc.errno());
  }

  close(): void {
    this.#libc.close(this.fd);
  }
}

/**
 * Passes only frames of these interfaces to the next instructions. With too many interfaces it
 * drops none.
 */
function makeInterfaceFilter(interfaceIndexes: readonly number[]): readonly FilterInstruction[] {
  const count = interfaceIndexes.length;
  if (count > FILTERED_INTERFACES_MAX) return [];
  return [
    [LOAD_WORD, 0, 0, LOAD_INTERFACE_INDEX],
    // Jump past the rest of the list and the drop instruction.
    ...interfaceIndexes.map((index, position): FilterInstruction => [JUMP_IF_EQUAL, count - position, 0, index]),
    DROP,
  ];
}
