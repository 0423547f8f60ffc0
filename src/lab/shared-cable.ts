// The cable on which many simulated machines of one host hang: the port of DHCP clients can be opened once on a device, so one socket
// hears for all of them, and each machine finds its own answers by transaction and hardware address.
//
// 1. Everything else that a machine opens is its own.
// 2. The port is free while no machine asks for an address: then `rackboot doctor` asks.

import type { DatagramHandler, DatagramNetwork, DatagramSocket, HostNetwork, SocketRequest } from '../net/datagram.ts';
import { openNetwork } from '../net/open-network.ts';

export class SharedCable {
  readonly #network: HostNetwork;
  /** The port that is shared. */
  readonly #port: number;
  readonly #hearers = new Set<DatagramHandler>();
  #socket: Promise<DatagramSocket> | undefined;
  /** Settles when the socket before this one is closed. */
  #closing: Promise<void> = Promise.resolve();

  private constructor(network: HostNetwork, port: number) {
    this.#network = network;
    this.#port = port;
  }

  /** @param port of DHCP clients */
  static async open(port: number): Promise<SharedCable> {
    return new SharedCable(await openNetwork(), port);
  }

  /** What one machine may take for a network of its own: closing it leaves the cable to the others. */
  plug(): DatagramNetwork {
    const { kind, notes } = this.#network;
    const open = (request: SocketRequest): Promise<DatagramSocket> =>
      request.port === this.#port ? this.#share(request) : this.#network.open(request);
    return { kind, notes, open, close: () => Promise.resolve() };
  }

  close(): Promise<void> {
    return this.#network.close();
  }

  async #share(request: SocketRequest): Promise<DatagramSocket> {
    const forAll: SocketRequest = {
      ...request,
      onDatagrams: (datagrams, socket) => {
        for (const hear of this.#hearers) hear(datagrams, socket);
      },
    };
    this.#socket ??= this.#closing.then(() => this.#network.open(forAll));
    const hear = request.onDatagrams;
    // Before the wait: whoever leaves meanwhile leaves the socket to this one.
    this.#hearers.add(hear);
    const socket = await this.#socket.catch((error: unknown) => {
      this.#leave(hear);
      throw error;
    });
    return {
      interfaceName: socket.interfaceName,
      localAddress: socket.localAddress,
      localPort: socket.localPort,
      send: (datagrams) => socket.send(datagrams),
      sendSegments: (payload, segmentBytes, to, port) => socket.sendSegments(payload, segmentBytes, to, port),
      counters: () => socket.counters(),
      close: () => this.#leave(hear),
    };
  }

  #leave(hear: DatagramHandler): void {
    if (!this.#hearers.delete(hear) || this.#hearers.size > 0) return;
    const last = this.#socket;
    this.#socket = undefined;
    if (last === undefined) return;
    this.#closing = last.then(
      (socket) => socket.close(),
      () => undefined,
    );
  }
}
