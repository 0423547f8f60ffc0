// A socket for frames of one kind on every interface of this host (AF_PACKET, SOCK_DGRAM: the kernel takes Ethernet's header off and
// puts it on). Sources: packet(7), the kernel's classic BPF (socket(7), SO_ATTACH_FILTER); tried in network namespaces.
//
// 1. It is filtered before it is bound, so nothing that is not asked for ever waits in it.
// 2. It belongs to no device: interfaces come and go without it. Group memberships are a device's and have to be made again.
// 3. Frames that this host sends, and those for another host (a VLAN that has no device here, a promiscuous port), are not heard.
// 4. The kernel copies a filter while it is attached; receive buffers are fields.

import { type MacAddress, macFromBytes, macToBytes } from './address.ts';
import { type BorrowedBytes, borrowedPart, reclaim } from './borrowed-bytes.ts';
import { errorName, type Libc } from './libc.ts';
import {
  attachFilter,
  DROP,
  type FilterInstruction,
  JUMP_IF_EQUAL,
  LOAD_INTERFACE_INDEX,
  LOAD_WORD,
} from './packet-filter.ts';
import { AF_PACKET, intBytes, MSG_DONTWAIT, SOCK_DGRAM, SOCK_FLAGS } from './wire-structs.ts';

/** Ethernet's numbers of what is inside a frame. */
export const ETHERTYPE_ARP = 0x0806;
export const ETHERTYPE_IPV6 = 0x86dd;

const SOL_PACKET = 263;
const PACKET_ADD_MEMBERSHIP = 1;
const SOCKADDR_LL_BYTES = 20;
/** A jump reaches 255 instructions. */
const FILTERED_INTERFACES_MAX = 200;
/** Longer frames are cut: nothing that is read here is longer. */
const FRAME_BYTES_MAX = 2048;
/** PACKET_HOST, PACKET_BROADCAST and PACKET_MULTICAST are 0 to 2; what is above is not for this host, or from it. */
const PACKET_TYPE_MAX = 2;

/** A frame that was heard. */
export interface HeardFrame {
  /** Borrowed until the next call of `receive`. */
  readonly bytes: BorrowedBytes;
  readonly interfaceIndex: number;
  /** By whom it was put on the wire. */
  readonly from: MacAddress;
}

/** Hears and sends frames of one kind. */
export class PacketSocket {
  readonly fd: number;
  readonly #libc: Libc;
  readonly #protocol: number;
  readonly #frame = new Uint8Array(FRAME_BYTES_MAX);
  readonly #from = Buffer.allocUnsafeSlow(SOCKADDR_LL_BYTES);
  readonly #fromLength = intBytes(SOCKADDR_LL_BYTES);
  #filter: readonly FilterInstruction[];
  #onlyFrom: readonly FilterInstruction[] = onlyFrom([]);

  /**
   * Opens and binds it; what `filter` takes is heard on the interfaces of `hearOnly`, and none is named yet.
   * @throws Error named after the system's code, `EPERM` without CAP_NET_RAW
   */
  constructor(libc: Libc, protocol: number, filter: readonly FilterInstruction[]) {
    this.#libc = libc;
    this.#protocol = protocol;
    this.#filter = filter;
    this.fd = libc.socket(AF_PACKET, SOCK_DGRAM | SOCK_FLAGS, 0);
    if (this.fd < 0) throw new Error(errorName(libc.errno()));
    const address = linkAddress(protocol, 0, undefined);
    const refused =
      this.hearOnly([]) ?? (libc.bind(this.fd, address, address.length) === 0 ? undefined : errorName(libc.errno()));
    if (refused === undefined) return;
    libc.close(this.fd);
    throw new Error(refused);
  }

  /** Hears these interfaces and no others: what is on a wire that nobody serves wakes nobody. @returns the system's code where that was refused */
  hearOnly(interfaceIndexes: readonly number[]): string | undefined {
    this.#onlyFrom = onlyFrom(interfaceIndexes);
    return this.filter([...this.#onlyFrom, ...this.#filter]);
  }

  /** Of these interfaces, hears what `filter` takes from now on. @returns the system's code where that was refused */
  hearWhat(filter: readonly FilterInstruction[]): string | undefined {
    this.#filter = filter;
    return this.filter([...this.#onlyFrom, ...filter]);
  }

  /** Hears what the filter takes, of whichever interface. @returns the system's code where that was refused */
  filter(instructions: readonly FilterInstruction[]): string | undefined {
    return attachFilter(this.#libc, this.fd, instructions);
  }

  /** The next frame for this host; undefined: none waits. @throws Error named after the system's code */
  receive(): HeardFrame | undefined {
    reclaim(this.#frame);
    for (;;) {
      this.#fromLength.set(intBytes(SOCKADDR_LL_BYTES));
      const length = this.#libc.recvfrom(
        this.fd,
        this.#frame,
        FRAME_BYTES_MAX,
        MSG_DONTWAIT,
        this.#from,
        this.#fromLength,
      );
      if (length < 0) {
        const code = errorName(this.#libc.errno());
        if (code === 'EAGAIN') return undefined;
        // An interface went down: said once, and of no interest to a socket of all interfaces.
        if (code === 'EINTR' || code === 'ENETDOWN') continue;
        throw new Error(code);
      }
      const isForUs = (this.#from[10] ?? 0) <= PACKET_TYPE_MAX;
      return {
        bytes: borrowedPart(this.#frame, 0, isForUs ? length : 0),
        interfaceIndex: this.#from.readInt32LE(4),
        from: macFromBytes(this.#from, 12),
      };
    }
  }

  /** Sends a frame's content. @returns the system's code where it was refused */
  send(bytes: Uint8Array, interfaceIndex: number, to: MacAddress): string | undefined {
    const address = linkAddress(this.#protocol, interfaceIndex, to);
    const sent = this.#libc.sendto(this.fd, bytes, bytes.length, MSG_DONTWAIT, address, address.length);
    return sent < 0 ? errorName(this.#libc.errno()) : undefined;
  }

  /** Has an interface take frames for a group. @returns the system's code where it was refused */
  join(interfaceIndex: number, group: MacAddress): string | undefined {
    const request = Buffer.allocUnsafeSlow(16).fill(0);
    request.writeInt32LE(interfaceIndex, 0);
    request.writeUInt16LE(6, 6);
    request.set(macToBytes(group), 8);
    const joined = this.#libc.setsockopt(this.fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, request, request.length);
    return joined === 0 ? undefined : errorName(this.#libc.errno());
  }

  close(): void {
    this.#libc.close(this.fd);
  }
}

/** A `sockaddr_ll`. */
function linkAddress(protocol: number, interfaceIndex: number, mac: MacAddress | undefined): Uint8Array {
  const bytes = new Uint8Array(SOCKADDR_LL_BYTES);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, AF_PACKET, true);
  view.setUint16(2, protocol);
  view.setInt32(4, interfaceIndex, true);
  if (mac === undefined) return bytes;
  view.setUint8(11, 6);
  bytes.set(macToBytes(mac), 12);
  return bytes;
}

/** Passes frames of these interfaces on to the instructions that follow, and drops all others. Of very many interfaces it drops none. */
function onlyFrom(interfaceIndexes: readonly number[]): readonly FilterInstruction[] {
  const count = interfaceIndexes.length;
  if (count > FILTERED_INTERFACES_MAX) return [];
  return [
    [LOAD_WORD, 0, 0, LOAD_INTERFACE_INDEX],
    // Past the rest of the list and the instruction that drops.
    ...interfaceIndexes.map((index, place): FilterInstruction => [JUMP_IF_EQUAL, count - place, 0, index]),
    DROP,
  ];
}
