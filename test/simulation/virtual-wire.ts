// A wire in virtual time between a rack and simulated machines: datagrams are lost, duplicated and delayed by a seed, and HTTP requests fail
// before they arrive or lose their answer.

import { ANY, type Ipv4, type MacAddress } from '../../src/ground/address.ts';
import type { Clock } from '../../src/ground/clock.ts';
import type { DatagramSocket, Destination, HostNetwork, SocketRequest } from '../../src/net/datagrams/datagram.ts';
import type { MakeTransferRunner } from '../../src/tftp/transfer-runner.ts';
import { ownTransferRunner } from '../support/own-transfer-runner.ts';

export interface WireTrouble {
  /** Shares of datagrams, 0 to 1. */
  readonly loss: number;
  readonly duplication: number;
  /** The longest delay of a datagram, in milliseconds; each has its own, so they overtake each other. */
  readonly delayMsMax: number;
  /** The shares of HTTP requests that never arrive, and that lose their answer. */
  readonly httpLoss: number;
}

/** A machine on the wire. */
export interface WirePeer {
  readonly mac: MacAddress;
  address: Ipv4;
  onDhcp(bytes: Uint8Array): void;
  onTftp(bytes: Uint8Array, from: Ipv4, fromPort: number, toPort: number): void;
}

interface OpenSocket {
  readonly request: SocketRequest;
  readonly port: number;
  readonly socket: DatagramSocket;
}

const FIRST_FREE_PORT = 40_000;

export class VirtualWire {
  readonly peers: WirePeer[] = [];
  readonly #clock: Clock;
  readonly #random: () => number;
  readonly #trouble: WireTrouble;
  #sockets: OpenSocket[] = [];
  #nextPort = FIRST_FREE_PORT;

  constructor(clock: Clock, random: () => number, trouble: WireTrouble) {
    this.#clock = clock;
    this.#random = random;
    this.#trouble = trouble;
  }

  /** The rack's end of the wire. */
  rackEnd(): { readonly network: HostNetwork; readonly makeTransferRunner: MakeTransferRunner } {
    const network: HostNetwork = {
      notes: [],
      received: 0,
      open: async (request) => this.#open(request),
      mayReach: () => true,
      tap: () => undefined,
      close: async () => {
        this.#sockets = [];
      },
      interfacesChanged: () => undefined,
    };
    return { network, makeTransferRunner: ownTransferRunner(network, this.#clock) };
  }

  /** Broadcasts from a machine. */
  broadcast(bytes: Uint8Array, port: number): void {
    this.#carry(() => {
      for (const open of this.#sockets) {
        if (open.port === port && open.request.device !== undefined) this.#deliver(open, bytes, ANY, 68);
      }
    });
  }

  /** Sends from a machine to the rack. */
  toRack(bytes: Uint8Array, from: Ipv4, fromPort: number, to: Ipv4, port: number): void {
    this.#carry(() => {
      const open = this.#sockets.find((each) => each.port === port && each.request.address === to);
      if (open !== undefined) this.#deliver(open, bytes, from, fromPort);
    });
  }

  /** Carries an HTTP request: `arrive` runs at the rack, and its result reaches `answer`, unless either is lost. */
  carryHttp<T>(arrive: () => Promise<T>, answer: (value: T) => void, failed: () => void): void {
    const delay = () => this.#random() * this.#trouble.delayMsMax;
    const fate = this.#random();
    if (fate < this.#trouble.httpLoss) {
      this.#clock.schedule(delay(), failed);
      return;
    }
    this.#clock.schedule(delay(), () => {
      void arrive().then((value) => {
        this.#clock.schedule(delay(), () => (fate < 2 * this.#trouble.httpLoss ? failed() : answer(value)));
      });
    });
  }

  #carry(deliver: () => void): void {
    const copies = this.#random() < this.#trouble.duplication ? 2 : 1;
    for (let copy = 0; copy < copies; copy += 1) {
      if (this.#random() < this.#trouble.loss) continue;
      this.#clock.schedule(this.#random() * this.#trouble.delayMsMax, deliver);
    }
  }

  #deliver(open: OpenSocket, bytes: Uint8Array, from: Ipv4, fromPort: number): void {
    open.request.onDatagrams([{ bytes, from, fromPort }], open.socket);
  }

  #open(request: SocketRequest): DatagramSocket {
    const port = request.port === 0 ? this.#nextPort++ : request.port;
    const source = request.address === ANY ? (request.source ?? ANY) : request.address;
    const socket: DatagramSocket = {
      interfaceName: request.device,
      localAddress: request.address,
      localPort: port,
      send: (datagrams) => {
        for (const { bytes, to } of datagrams) this.#fromRack(Uint8Array.from(bytes), to, source, port);
      },
      counters: () => ({ received: 0, sent: 0, sendErrors: 0, receiveDrops: 0 }),
      close: () => {
        this.#sockets = this.#sockets.filter((open) => open.socket !== socket);
      },
    };
    this.#sockets.push({ request, port, socket });
    return socket;
  }

  #fromRack(bytes: Uint8Array, to: Destination, source: Ipv4, port: number): void {
    this.#carry(() => {
      for (const peer of this.peers) {
        if (to.kind === 'hardware' && to.mac !== peer.mac) continue;
        if (to.kind === 'unicast' && to.address !== peer.address) continue;
        if (to.port === 68) peer.onDhcp(bytes);
        else peer.onTftp(bytes, source, port, to.port);
      }
    });
  }
}
