// The UDP sockets for questions to upstreams, each on a port of the system's choice, replaced from
// time to time. Source: RFC 5452 §9.2. Opens sockets only through its port.
//
// 1. All UPSTREAM_SOCKETS are open, or none.
// 2. A replaced socket receives for EXCHANGE_MS, unless closed. `close` leaves no timer.

import { ANY, type Ipv4 } from '../ground/address.ts';
import type { BorrowedBytes } from '../ground/borrowed-bytes.ts';
import { type Clock, repeat, type Timer } from '../ground/clock.ts';
import type { DatagramNetwork, DatagramSocket } from '../net/datagrams/datagram.ts';
import type { DnsUpstream } from './config.ts';
import { EXCHANGE_MS } from './forward.ts';

export const UPSTREAM_SOCKETS = 8;
/** How often one is replaced, in milliseconds. */
const ROTATE_MS = 15_000;

type OnUpstreamDatagram = (socket: number, from: Ipv4, fromPort: number, bytes: BorrowedBytes) => void;

export class UpstreamSockets {
  readonly #network: Pick<DatagramNetwork, 'open'>;
  readonly #clock: Clock;
  readonly #onDatagram: OnUpstreamDatagram;
  #sockets: DatagramSocket[] = [];
  /** Replaced sockets that still receive. */
  readonly #retired = new Map<DatagramSocket, Timer>();
  #rotation: Timer | undefined;
  /** Grows with each `close`: a socket opened meanwhile is unwanted. */
  #generation = 0;

  constructor(network: Pick<DatagramNetwork, 'open'>, clock: Clock, onDatagram: OnUpstreamDatagram) {
    this.#network = network;
    this.#clock = clock;
    this.#onDatagram = onDatagram;
  }

  /** Replaced ones included. */
  get size(): number {
    return this.#sockets.length + this.#retired.size;
  }

  /**
   * Opens all, unless open.
   * @throws RackError of `DatagramNetwork.open`; then none is open.
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
    let next = 0;
    this.#rotation = repeat(this.#clock, ROTATE_MS, async () => {
      await this.#replace(next);
      next = (next + 1) % UPSTREAM_SOCKETS;
    });
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
      // A later rotation tries again.
    }
  }

  /** Kept open for late answers. */
  #retire(socket: DatagramSocket): void {
    const close = (): void => {
      this.#retired.delete(socket);
      socket.close();
    };
    this.#retired.set(socket, this.#clock.schedule(EXCHANGE_MS, close));
  }
}
