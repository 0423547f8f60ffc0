// The cable on which many simulated machines of one host hang: the port of DHCP clients can be opened once on a device, so one socket
// hears for all of them, and each machine finds its own answers by transaction and hardware address.
//
// 1. Everything else that a machine opens is its own.

import type { DatagramHandler, DatagramNetwork, DatagramSocket, HostNetwork, SocketRequest } from '../net/datagram.ts';
import { openNetwork } from '../net/open-network.ts';

export class SharedCable {
  readonly #network: HostNetwork;
  /** The port that is shared. */
  readonly #port: number;
  readonly #hearers = new Set<DatagramHandler>();
  #socket: Promise<DatagramSocket> | undefined;

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
    this.#socket ??= this.#network.open({
      ...request,
      onDatagrams: (datagrams, socket) => {
        for (const hear of this.#hearers) hear(datagrams, socket);
      },
    });
    const socket = await this.#socket;
    const hear = request.onDatagrams;
    this.#hearers.add(hear);
    return {
      interfaceName: socket.interfaceName,
      localAddress: socket.localAddress,
      localPort: socket.localPort,
      send: (datagrams) => socket.send(datagrams),
      sendSegments: (payload, segmentBytes, to, port) => socket.sendSegments(payload, segmentBytes, to, port),
      counters: () => socket.counters(),
      close: () => void this.#hearers.delete(hear),
    };
  }
}
