// A netlink socket for the kernel's network state: changes, and full lists (dumps). Sources:
// netlink(7), rtnetlink(7).
//
// 1. It subscribes before the first dump, so it misses no change.
// 2. After an overrun (ENOBUFS), an undecodable datagram or an interrupted dump it dumps again, at
//    most DUMP_RETRIES_MAX times in a row, then at the next wake.

import { borrowedPart, reclaim } from '../../ground/borrowed-bytes.ts';
import {
  type DumpType,
  decodeNetlink,
  encodeDumpRequest,
  NETLINK_DATAGRAM_BYTES_MAX,
  type NetlinkMessage,
} from '../netlink.ts';
import { findErrorName, type Libc } from './libc.ts';
import { AF_NETLINK, encodeNetlinkAddress, MSG_DONTWAIT, SOCK_FLAGS, SOCK_RAW } from './wire-structs.ts';

/** Datagrams read before other work. */
const DRAIN_MAX = 256;
/** Failed dumps in a row before the socket rests. */
const DUMP_RETRIES_MAX = 8;

interface NetlinkListener {
  /** A full list is about to arrive. */
  onDump(): void;
  onMessage(message: NetlinkMessage): void;
  /** The full list is complete. */
  onDumped(): void;
}

export class NetlinkDump {
  readonly fd: number;
  readonly #libc: Libc;
  readonly #types: readonly DumpType[];
  readonly #listener: NetlinkListener;
  readonly #buffer = new Uint8Array(NETLINK_DATAGRAM_BYTES_MAX);
  #sequence = 0;
  /** The running dump, as an index into `#types`; `undefined` if none runs. */
  #runningDump: number | undefined;
  #failures = 0;

  /** Subscribes to `groups`, a bit mask. A dump requests `types` one by one. Throws if netlink is refused. */
  constructor(libc: Libc, groups: number, types: readonly DumpType[], listener: NetlinkListener) {
    this.#libc = libc;
    this.#types = types;
    this.#listener = listener;
    this.fd = libc.socket(AF_NETLINK, SOCK_RAW | SOCK_FLAGS, 0);
    if (this.fd < 0) throw new Error(`netlink socket: ${findErrorName(libc.errno())}`);
    const address = encodeNetlinkAddress(groups);
    if (libc.bind(this.fd, address, address.length) !== 0)
      throw new Error(`netlink bind: ${findErrorName(libc.errno())}`);
  }

  get isDumping(): boolean {
    return this.#runningDump !== undefined;
  }

  /** Requests full lists. */
  dump(): void {
    this.#listener.onDump();
    this.#request(0);
  }

  /** Retries a dump that was given up; to be called after every wake. */
  recover(): void {
    if (this.#failures < DUMP_RETRIES_MAX) return;
    this.#failures = 0;
    this.dump();
  }

  /** @throws Error if the socket has become unusable */
  drain(): void {
    for (let count = 0; count < DRAIN_MAX; count += 1) {
      const length = this.#libc.recv(this.fd, this.#buffer, this.#buffer.length, MSG_DONTWAIT);
      if (length < 0) {
        const code = findErrorName(this.#libc.errno());
        if (code === 'EAGAIN') break;
        // Any other error would repeat endlessly, so throw.
        if (code !== 'ENOBUFS' && code !== 'EINTR') throw new Error(`netlink: ${code}`);
        if (code === 'ENOBUFS') this.#retryDump();
        continue;
      }
      const received = borrowedPart(this.#buffer, 0, length);
      const messages = decodeNetlink(received);
      reclaim(received);
      if (messages.ok) for (const message of messages.value) this.#handleMessage(message);
      else this.#retryDump();
    }
  }

  close(): void {
    this.#libc.close(this.fd);
  }

  #handleMessage(message: NetlinkMessage): void {
    if (message.kind !== 'done' && message.kind !== 'refused') {
      this.#listener.onMessage(message);
      return;
    }
    if (message.sequence !== this.#sequence || this.#runningDump === undefined) return;
    if (message.kind === 'refused' ? message.errno !== 0 : message.interrupted) this.#retryDump();
    else if (this.#runningDump + 1 < this.#types.length) this.#request(this.#runningDump + 1);
    else {
      this.#runningDump = undefined;
      this.#failures = 0;
      this.#listener.onDumped();
    }
  }

  #retryDump(): void {
    this.#failures += 1;
    if (this.#failures < DUMP_RETRIES_MAX) this.dump();
  }

  #request(index: number): void {
    const type = this.#types[index];
    if (type === undefined) return;
    this.#runningDump = index;
    this.#sequence += 1;
    const request = encodeDumpRequest(type, this.#sequence);
    this.#libc.send(this.fd, request, request.length, MSG_DONTWAIT);
  }
}
