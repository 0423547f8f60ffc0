// The UDP sockets for questions to upstreams: each on a port chosen by the system, replaced from time to time.
// Source: RFC 5452 §9.2. Opens sockets only through its port, the datagram network.
//
// 1. UPSTREAM_SOCKETS sockets are open, or none: `open` and `close` change all at once.
// 2. A replaced socket still receives for EXCHANGE_MS. `close` closes it too and leaves no timer.

import type { Clock, Timer } from '../clock.ts';
import { ANY, type Ipv4 } from '../net/address.ts';
import type { BorrowedBytes } from '../net/borrowed-bytes.ts';
import type { DatagramNetwork, DatagramSocket } from '../net/datagrams/datagram.ts';
import type { DnsUpstream } from './config.ts';
import { EXCHANGE_MS } from './forward.ts';

/** The number of sockets for questions to upstreams, each on its own port. */
export const UPSTREAM_SOCKETS = 8;
/** How often one of the sockets is replaced, for a new port, in milliseconds. */
const ROTATE_MS = 15_000;

/** Called with each datagram received on one of the sockets. */
type OnUpstreamDatagram = (socket: number, from: Ipv4, fromPort: number, bytes: BorrowedBytes) => void;

/** The sockets, and the timer that replaces them. */
export class UpstreamSockets {
  readonly #network: DatagramNetwork;
  readonly #clock: Clock;
  readonly #onDatagram: OnUpstreamDatagram;
  #sockets: DatagramSocket[] = [];
  /** Replaced sockets that still receive, each with the timer that closes it. */
  readonly #retired = new Map<DatagramSocket, Timer>();
  #rotation: Timer | undefined;
  /** Grows with each `close`, so that a socket opened meanwhile is recognised as unwanted. */
  #generation = 0;

  constructor(network: DatagramNetwork, clock: Clock, onDatagram: OnUpstreamDatagram) {
    this.#network = network;
    this.#clock = clock;
    this.#onDatagram = onDatagram;
  }

  /** The number of open sockets, replaced ones included. */
  get size(): number {
    return this.#sockets.length + this.#retired.size;
  }

  /**
   * Opens all sockets, unless they are open.
   *
   * @throws RackError the errors of `DatagramNetwork.open`; then none is open.
   */
  async open(): Promise<void> {
    if (this.#sockets.length > 0) return;
    const sockets: DatagramSocket[] = [];
    try {
      for (let index = 0; index < UPSTREAM_SOCKETS; index += 1) sockets.push(await this.#openOne(index));
    } catch (error) {
      for (const socket of sockets) socket.close();
      throw error;
    }
    this.#sockets = sockets;
    this.#rotate(0);
  }

  close(): void {
    this.#generation += 1;
    this.#rotation?.cancel();
    this.#rotation = undefined;
    for (const [socket, timer] of this.#retired) {
      timer.cancel();
      socket.close();
    }
    this.#retired.clear();
    for (const socket of this.#sockets) socket.close();
    this.#sockets = [];
  }

  send(socket: number, to: DnsUpstream, bytes: Uint8Array): void {
    this.#sockets[socket]?.send([{ bytes, to: { kind: 'unicast', address: to.address, port: to.port } }]);
  }

  #openOne(index: number): Promise<DatagramSocket> {
    return this.#network.open({
      address: ANY,
      port: 0,
      onDatagrams: (datagrams) => {
        for (const { bytes, from, fromPort } of datagrams) this.#onDatagram(index, from, fromPort, bytes);
      },
    });
  }

  #rotate(index: number): void {
    this.#rotation = this.#clock.schedule(ROTATE_MS, () => void this.#replace(index));
  }

  async #replace(index: number): Promise<void> {
    const generation = this.#generation;
    try {
      const next = await this.#openOne(index);
      const old = this.#sockets[index];
      if (old === undefined || generation !== this.#generation) {
        next.close();
        return;
      }
      this.#sockets[index] = next;
      this.#retire(old);
    } catch {
      // The old socket stays; a later rotation tries again.
    }
    if (generation === this.#generation) this.#rotate((index + 1) % UPSTREAM_SOCKETS);
  }

  /** Keeps a replaced socket open for late answers. */
  #retire(socket: DatagramSocket): void {
    const close = (): void => {
      this.#retired.delete(socket);
      socket.close();
    };
    this.#retired.set(socket, this.#clock.schedule(EXCHANGE_MS, close));
  }
}
