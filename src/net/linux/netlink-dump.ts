// A netlink socket for the kernel's network state: it subscribes to changes and can request full lists (dumps). Sources:
// netlink(7), rtnetlink(7).
//
// 1. It subscribes before the first dump, so no change is missed in between.
// 2. After a queue overrun (ENOBUFS), an undecodable datagram or an interrupted dump it dumps again, at most
//    DUMP_RETRIES_MAX times in a row; the next wake then tries again.

import { borrowedPart, reclaim } from '../borrowed-bytes.ts';
import {
  type DumpType,
  decodeNetlink,
  encodeDumpRequest,
  NETLINK_DATAGRAM_BYTES_MAX,
  type NetlinkMessage,
} from '../netlink.ts';
import { errorName, type Libc } from './libc.ts';
import { AF_NETLINK, MSG_DONTWAIT, netlinkAddress, SOCK_FLAGS, SOCK_RAW } from './wire-structs.ts';

/** The most datagrams read in a row before other work. */
const DRAIN_MAX = 256;
/** The most consecutive failed or interrupted dumps before the socket rests until the next wake. */
const DUMP_RETRIES_MAX = 8;

/** Receives the kernel's messages. */
interface NetlinkListener {
  /** A full list is about to arrive. */
  onDump(): void;
  /** A change, or an entry of a full list. */
  onMessage(message: NetlinkMessage): void;
  /** The full list is complete. */
  onDumped(): void;
}

/** Follows some of the kernel's tables. */
export class NetlinkDump {
  readonly fd: number;
  readonly #libc: Libc;
  readonly #types: readonly DumpType[];
  readonly #listener: NetlinkListener;
  readonly #buffer = new Uint8Array(NETLINK_DATAGRAM_BYTES_MAX);
  #sequence = 0;
  /** The running dump, as an index into `#types`; undefined if none runs. */
  #dumping: number | undefined;
  #failures = 0;

  /** Subscribes to `groups`, a bit mask. A dump requests `types` one by one. Throws if netlink is refused. */
  constructor(libc: Libc, groups: number, types: readonly DumpType[], listener: NetlinkListener) {
    this.#libc = libc;
    this.#types = types;
    this.#listener = listener;
    this.fd = libc.socket(AF_NETLINK, SOCK_RAW | SOCK_FLAGS, 0);
    if (this.fd < 0) throw new Error(`netlink socket: ${errorName(libc.errno())}`);
    const address = netlinkAddress(groups);
    if (libc.bind(this.fd, address, address.length) !== 0) throw new Error(`netlink bind: ${errorName(libc.errno())}`);
  }

  /** True while a list is still arriving. */
  get isDumping(): boolean {
    return this.#dumping !== undefined;
  }

  /** Requests full lists. */
  dump(): void {
    this.#listener.onDump();
    this.#request(0);
  }

  /** Retries a dump that was given up. Call it after every wake. */
  recover(): void {
    if (this.#failures < DUMP_RETRIES_MAX) return;
    this.#failures = 0;
    this.dump();
  }

  /** Reads queued messages. @throws Error if the socket has become unusable */
  drain(): void {
    for (let count = 0; count < DRAIN_MAX; count += 1) {
      const length = this.#libc.recv(this.fd, this.#buffer, this.#buffer.length, MSG_DONTWAIT);
      if (length < 0) {
        const code = errorName(this.#libc.errno());
        if (code === 'EAGAIN') break;
        // Any other error would repeat endlessly: throw, so that the caller falls back.
        if (code !== 'ENOBUFS' && code !== 'EINTR') throw new Error(`netlink: ${code}`);
        if (code === 'ENOBUFS') this.#again();
        continue;
      }
      const received = borrowedPart(this.#buffer, 0, length);
      const messages = decodeNetlink(received);
      reclaim(received);
      if (messages.ok) for (const message of messages.value) this.#take(message);
      else this.#again();
    }
  }

  close(): void {
    this.#libc.close(this.fd);
  }

  #take(message: NetlinkMessage): void {
    if (message.kind !== 'done' && message.kind !== 'refused') {
      this.#listener.onMessage(message);
      return;
    }
    if (message.sequence !== this.#sequence || this.#dumping === undefined) return;
    if (message.kind === 'refused' ? message.errno !== 0 : message.interrupted) this.#again();
    else if (this.#dumping + 1 < this.#types.length) this.#request(this.#dumping + 1);
    else {
      this.#dumping = undefined;
      this.#failures = 0;
      this.#listener.onDumped();
    }
  }

  #again(): void {
    this.#failures += 1;
    if (this.#failures < DUMP_RETRIES_MAX) this.dump();
  }

  #request(place: number): void {
    const type = this.#types[place];
    if (type === undefined) return;
    this.#dumping = place;
    this.#sequence += 1;
    const request = encodeDumpRequest(type, this.#sequence);
    this.#libc.send(this.fd, request, request.length, MSG_DONTWAIT);
  }
}
