// A netlink socket of the kernel's network state that is subscribed to changes and can ask for everything at once. Sources:
// netlink(7), rtnetlink(7).
//
// 1. The subscription comes before the first dump, so no change falls between them.
// 2. An overrun of the queue (ENOBUFS), an undecodable datagram and an interrupted dump are made good by another dump, at most
//    DUMP_RETRIES_MAX in a row; the next wake after that tries again.

import { borrowedPart, reclaim } from './borrowed-bytes.ts';
import { errorName, type Libc } from './libc.ts';
import {
  type DumpType,
  decodeNetlink,
  encodeDumpRequest,
  NETLINK_DATAGRAM_BYTES_MAX,
  type NetlinkMessage,
} from './netlink.ts';
import { AF_NETLINK, MSG_DONTWAIT, netlinkAddress, SOCK_FLAGS, SOCK_RAW } from './wire-structs.ts';

/** Datagrams read in a row before something else is looked at. */
const DRAIN_MAX = 256;
/** Dumps in a row that failed or were interrupted before the socket rests until the next wake. */
const DUMP_RETRIES_MAX = 8;

/** Who is told what the kernel says. */
export interface NetlinkListener {
  /** A list of everything is about to arrive. */
  onDump(): void;
  /** A change, or an entry of the list. */
  onMessage(message: NetlinkMessage): void;
  /** The list is complete. */
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
  /** What the running dump is about, as a place in `#types`; undefined when none runs. */
  #dumping: number | undefined;
  #failures = 0;

  /** Subscribes to `groups`, a bit mask. A dump asks for `types`, one after the other. Throws where netlink is refused. */
  constructor(libc: Libc, groups: number, types: readonly DumpType[], listener: NetlinkListener) {
    this.#libc = libc;
    this.#types = types;
    this.#listener = listener;
    this.fd = libc.socket(AF_NETLINK, SOCK_RAW | SOCK_FLAGS, 0);
    if (this.fd < 0) throw new Error(`netlink socket: ${errorName(libc.errno())}`);
    const address = netlinkAddress(groups);
    if (libc.bind(this.fd, address, address.length) !== 0) throw new Error(`netlink bind: ${errorName(libc.errno())}`);
  }

  /** True while a list is still coming. */
  get isDumping(): boolean {
    return this.#dumping !== undefined;
  }

  /** Asks for everything. */
  dump(): void {
    this.#listener.onDump();
    this.#request(0);
  }

  /** To be called after every wake: a dump that was given up is tried again. */
  recover(): void {
    if (this.#failures < DUMP_RETRIES_MAX) return;
    this.#failures = 0;
    this.dump();
  }

  /** Reads what is queued. @throws Error where the socket is of no more use */
  drain(): void {
    for (let count = 0; count < DRAIN_MAX; count += 1) {
      const length = this.#libc.recv(this.fd, this.#buffer, this.#buffer.length, MSG_DONTWAIT);
      if (length < 0) {
        const code = errorName(this.#libc.errno());
        if (code === 'EAGAIN') break;
        // Anything else would come again at once, for ever: end, so that another way is found.
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
