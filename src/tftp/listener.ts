// One local address: the socket that takes requests, the few that carry transfers, and the sessions between.
// Sources: RFC 1350 §4 (transfer identifiers); DESIGN.md 4 (shared transfer sockets).
//
// 1. A client port has at most one session here. A new one of the same port is carried by another transfer socket than the one
//    before, so that blocks of the former that are still on their way cannot pass for blocks of the new one.
// 2. Those whose transfer has ended are remembered for a while, so that their late packets are not answered with an error.

import { type Instant, later } from '../clock.ts';
import type { Ipv4 } from '../net/address.ts';
import type { DatagramSocket, SocketCounters } from '../net/datagram.ts';

/** Sockets that carry the transfers of one local address. */
export const TRANSFER_SOCKETS = 2;
/** How long an ended transfer's late packets are expected. */
export const LATE_MS_MAX = 10_000;
/** The most ended transfers that are remembered; beyond it the oldest are forgotten. */
export const ENDED_MAX = 4096;

/** What a listener must know of a session. */
interface Carried {
  readonly origin: { readonly socket: DatagramSocket };
}

interface EndedTransfer {
  readonly socket: DatagramSocket;
  readonly until: Instant;
}

/** A client port as one number. */
export const peerKey = (peer: Ipv4, port: number): number => peer * 65_536 + port;

/** What belongs to one local address. */
export class Listener<Session extends Carried> {
  readonly address: Ipv4;
  readonly port: number;
  readonly sessions = new Map<number, Session>();
  /** True when it takes no more requests and goes away with its last session. */
  leaving = false;
  readonly #requests: DatagramSocket;
  readonly #transfers: readonly DatagramSocket[];
  readonly #ended = new Map<number, EndedTransfer>();
  #turn = 0;

  /** @param transfers at least one */
  constructor(address: Ipv4, port: number, requests: DatagramSocket, transfers: readonly DatagramSocket[]) {
    this.address = address;
    this.port = port;
    this.#requests = requests;
    this.#transfers = transfers;
  }

  /** The port of requests: the configured one, or the one that the system chose. */
  get localPort(): number {
    return this.#requests.localPort;
  }

  /** What its sockets counted, that of requests first. */
  counters(): readonly SocketCounters[] {
    return [this.#requests, ...this.#transfers].map((socket) => socket.counters());
  }

  /** Answers what needs no session. */
  get errors(): DatagramSocket {
    return this.#transfers[0] ?? this.#requests;
  }

  /** The socket for a new transfer to this client port. */
  chooseSocket(key: number): DatagramSocket {
    const former = this.sessions.get(key)?.origin.socket ?? this.#ended.get(key)?.socket;
    for (let tries = 0; tries < this.#transfers.length; tries += 1) {
      this.#turn = (this.#turn + 1) % this.#transfers.length;
      const socket = this.#transfers[this.#turn];
      if (socket !== undefined && (socket !== former || this.#transfers.length === 1)) return socket;
    }
    return this.errors;
  }

  /** Takes a session out and remembers it for its late packets. */
  forget(key: number, session: Session, now: Instant): void {
    if (this.sessions.get(key) === session) this.sessions.delete(key);
    this.#ended.delete(key);
    this.#ended.set(key, { socket: session.origin.socket, until: later(now, LATE_MS_MAX) });
    for (const [oldest, ended] of this.#ended) {
      if (ended.until > now && this.#ended.size <= ENDED_MAX) break;
      this.#ended.delete(oldest);
    }
  }

  /** True when a packet without session is one that an ended transfer's client may still send. */
  isLate(key: number, now: Instant): boolean {
    const ended = this.#ended.get(key);
    return ended !== undefined && ended.until > now;
  }

  /** No more requests; transfers go on. */
  leave(): void {
    this.leaving = true;
    this.#requests.close();
  }

  close(): void {
    this.leave();
    for (const socket of this.#transfers) socket.close();
  }
}
