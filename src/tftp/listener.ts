// One local address: its socket for requests, its socket for errors, and its sessions. Sources: RFC
// 1350 §4 (transfer identifiers); RFC 6056 §3.2 (why ports are chosen at random).
//
// 1. A client port has at most one session here; a newer request is that session's successor
//    (`transfers.ts`).
// 2. Each transfer has its own random port from the kernel, so a host that does not see the
//    server's packets cannot acknowledge them.
// 3. Consecutive transfers of one client port have different ports, so late blocks cannot pass for new ones.
// 4. The server never answers a packet to the error socket.

import type { Ipv4 } from '../ground/address.ts';
import { BoundedMap } from '../ground/bounded-map.ts';
import { type Instant, later } from '../ground/clock.ts';
import type { DatagramSocket, SocketCounters } from '../net/datagrams/datagram.ts';

/** How long an ended transfer's port is not reused for its client port, in milliseconds. */
const LATE_MS_MAX = 10_000;
/**
 * Ended transfers whose port is remembered. Any served client can fill it; the oldest is then
 * forgotten, and its client port might get the same port again.
 */
const ENDED_MAX = 4096;

interface EndedTransfer {
  readonly localPort: number;
  readonly until: Instant;
}

/** A client port as one number. */
export const peerKey = (peer: Ipv4, port: number): number => peer * 65_536 + port;

export class Listener<Session> {
  readonly address: Ipv4;
  readonly port: number;
  readonly sessions = new Map<number, Session>();
  /** Sends errors about requests that get no session. */
  readonly errors: DatagramSocket;
  /** True when it takes no more requests, and closes with its last session. */
  leaving = false;
  readonly #requests: DatagramSocket;
  readonly #ended = new BoundedMap<number, EndedTransfer>(ENDED_MAX, 'set longest ago');

  constructor(address: Ipv4, port: number, requests: DatagramSocket, errors: DatagramSocket) {
    this.address = address;
    this.port = port;
    this.#requests = requests;
    this.errors = errors;
  }

  /** The configured port, or the one that the system chose. */
  get localPort(): number {
    return this.#requests.localPort;
  }

  /** The counters of its sockets for requests and for errors. */
  counters(): readonly SocketCounters[] {
    return [this.#requests.counters(), this.errors.counters()];
  }

  /** The local port that this client port used recently, and must not get now. */
  usedPort(key: number, now: Instant): number | undefined {
    const ended = this.#ended.get(key);
    return ended === undefined || ended.until <= now ? undefined : ended.localPort;
  }

  forget(key: number, session: Session): void {
    if (this.sessions.get(key) === session) this.sessions.delete(key);
  }

  /** A transfer of this client port used that local port until now. */
  noteEnded(key: number, localPort: number, now: Instant): void {
    this.#ended.set(key, { localPort, until: later(now, LATE_MS_MAX) });
    const ended = this.#ended;
    while (ended.oldest !== undefined && ended.oldest.until <= now) ended.forgetOldest();
  }

  /** Running transfers continue. */
  leave(): void {
    this.leaving = true;
    this.#requests.close();
  }

  close(): void {
    this.leave();
    this.errors.close();
  }
}
