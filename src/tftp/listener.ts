// One local address: the socket that takes requests, the one that errors leave by, and the sessions of this address.
// Sources: RFC 1350 §4 (transfer identifiers); RFC 6056 §3.2 (why ports are drawn at random).
//
// 1. A client port has at most one session here; a newer request is that session's successor (`transfers.ts`).
// 2. Each transfer has a port of its own that the kernel draws at random, opened for it and closed with it. So whoever does not see
//    the server's packets cannot acknowledge them.
// 3. Two transfers of one client port in a row have different ports: blocks of the former that are still on their way cannot pass
//    for blocks of the new one.
// 4. Nothing that arrives where errors leave is answered.

import { BoundedMap } from '../bounded-map.ts';
import { type Instant, later } from '../clock.ts';
import type { Ipv4 } from '../net/address.ts';
import type { DatagramSocket, SocketCounters } from '../net/datagram.ts';

/** How long the port of an ended transfer is not used for the same client port again. */
export const LATE_MS_MAX = 10_000;
/**
 * Ended transfers whose port is remembered. Anybody who may ask can fill it, and then the oldest is forgotten: its client port might
 * get the same port again, with a chance of one in all ports of the system.
 */
export const ENDED_MAX = 4096;

interface EndedTransfer {
  readonly localPort: number;
  readonly until: Instant;
}

/** A client port as one number. */
export const peerKey = (peer: Ipv4, port: number): number => peer * 65_536 + port;

/** What belongs to one local address. */
export class Listener<Session> {
  readonly address: Ipv4;
  readonly port: number;
  readonly sessions = new Map<number, Session>();
  /** Answers what needs no session. */
  readonly errors: DatagramSocket;
  /** True when it takes no more requests and goes away with its last session. */
  leaving = false;
  readonly #requests: DatagramSocket;
  readonly #ended = new BoundedMap<number, EndedTransfer>(ENDED_MAX, 'set longest ago');
  /** What the sockets of ended transfers counted. */
  #past: SocketCounters = { received: 0, sent: 0, sendErrors: 0, receiveDrops: undefined };

  constructor(address: Ipv4, port: number, requests: DatagramSocket, errors: DatagramSocket) {
    this.address = address;
    this.port = port;
    this.#requests = requests;
    this.errors = errors;
  }

  /** The port of requests: the configured one, or the one that the system chose. */
  get localPort(): number {
    return this.#requests.localPort;
  }

  /** What its sockets counted: that of requests, that of errors, and those of ended transfers together. */
  counters(): readonly SocketCounters[] {
    return [this.#requests.counters(), this.errors.counters(), this.#past];
  }

  /** False when this client port had that local port a moment ago. */
  mayUse(key: number, localPort: number, now: Instant): boolean {
    const ended = this.#ended.get(key);
    return ended === undefined || ended.until <= now || ended.localPort !== localPort;
  }

  /** Takes a session out; `socket`: what carried it, which is closed. */
  forget(key: number, session: Session, socket: DatagramSocket | undefined, now: Instant): void {
    if (this.sessions.get(key) === session) this.sessions.delete(key);
    if (socket === undefined) return;
    const { received, sent, sendErrors } = socket.counters();
    this.#past = {
      received: this.#past.received + received,
      sent: this.#past.sent + sent,
      sendErrors: this.#past.sendErrors + sendErrors,
      receiveDrops: undefined,
    };
    socket.close();
    this.#ended.set(key, { localPort: socket.localPort, until: later(now, LATE_MS_MAX) });
    const ended = this.#ended;
    while (ended.oldest !== undefined && ended.oldest.until <= now) ended.forgetOldest();
  }

  /** No more requests; transfers go on. */
  leave(): void {
    this.leaving = true;
    this.#requests.close();
  }

  close(): void {
    this.leave();
    this.errors.close();
  }
}
