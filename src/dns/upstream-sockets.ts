// The UDP sockets that questions to upstreams leave from: each on a port that the system chose, and now and then on another one.
// Source: RFC 5452 §9.2. Opens nothing but what its port, the datagram network, opens for it.
//
// 1. There are UPSTREAM_SOCKETS of them, or none: `open` and `close` change all at once.
// 2. A socket that gives way to another port still receives for EXCHANGE_MS; `close` closes it too, and no timer is left.

import type { Clock, Timer } from '../clock.ts';
import { ANY, type Ipv4 } from '../net/address.ts';
import type { BorrowedBytes } from '../net/borrowed-bytes.ts';
import type { DatagramNetwork, DatagramSocket } from '../net/datagram.ts';
import type { DnsUpstream } from './config.ts';
import { EXCHANGE_MS } from './forward.ts';

/** How many sockets questions to upstreams leave from, each with a port of its own. */
export const UPSTREAM_SOCKETS = 8;
/** How often one of the sockets gets another port, in milliseconds. */
const ROTATE_MS = 15_000;

/** What came to one of the sockets. */
export type OnUpstreamDatagram = (socket: number, from: Ipv4, fromPort: number, bytes: BorrowedBytes) => void;

/** The sockets, and the timer that changes their ports. */
export class UpstreamSockets {
  readonly #network: DatagramNetwork;
  readonly #clock: Clock;
  readonly #onDatagram: OnUpstreamDatagram;
  #sockets: DatagramSocket[] = [];
  /** Sockets that gave way and still receive, each with the timer that closes it. */
  readonly #retired = new Map<DatagramSocket, Timer>();
  #rotation: Timer | undefined;
  /** Counts up with each `close`, so that a socket which is being opened meanwhile is known to be unwanted. */
  #generation = 0;

  constructor(network: DatagramNetwork, clock: Clock, onDatagram: OnUpstreamDatagram) {
    this.#network = network;
    this.#clock = clock;
    this.#onDatagram = onDatagram;
  }

  /** How many are open, retired ones among them. */
  get size(): number {
    return this.#sockets.length + this.#retired.size;
  }

  /**
   * Opens all of them, unless they are open.
   *
   * @throws RackError what `DatagramNetwork.open` throws; then none is open.
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
    const generation = this.#generation;
    this.#rotation = this.#clock.schedule(ROTATE_MS, async () => {
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
        // The old socket stays; the next turn tries again.
      }
      if (generation === this.#generation) this.#rotate((index + 1) % UPSTREAM_SOCKETS);
    });
  }

  /** What was asked from it may still be answered. */
  #retire(socket: DatagramSocket): void {
    const close = (): void => {
      this.#retired.delete(socket);
      socket.close();
    };
    this.#retired.set(socket, this.#clock.schedule(EXCHANGE_MS, close));
  }
}
