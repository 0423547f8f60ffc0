// Shares the DHCP client port of a device among simulated machines. The port can be opened only
// once, so one socket receives for all machines, and each recognises its own answers by transaction
// id and hardware address.
//
// 1. Every other socket belongs to one machine.
// 2. The port is free while no machine requests an address, so that `rackboot doctor` can use it.

import type {
  DatagramHandler,
  DatagramNetwork,
  DatagramSocket,
  HostNetwork,
  SocketRequest,
} from '../net/datagrams/datagram.ts';
import { openNetwork } from '../net/datagrams/udp-linux.ts';

export class SharedCable {
  readonly #network: HostNetwork;
  /** The shared port. */
  readonly #port: number;
  readonly #receivers = new Set<DatagramHandler>();
  #socket: Promise<DatagramSocket> | undefined;
  /** Settles when the previous socket is closed. */
  #closing: Promise<void> = Promise.resolve();

  private constructor(network: HostNetwork, port: number) {
    this.#network = network;
    this.#port = port;
  }

  /** @param port the DHCP client port */
  static async open(port: number): Promise<SharedCable> {
    return new SharedCable(await openNetwork(), port);
  }

  /** A network for one machine; closing it leaves the shared socket to the others. */
  plug(): DatagramNetwork {
    const open = (request: SocketRequest): Promise<DatagramSocket> =>
      request.port === this.#port ? this.#openShared(request) : this.#network.open(request);
    return { open, close: () => Promise.resolve() };
  }

  close(): Promise<void> {
    return this.#network.close();
  }

  async #openShared(request: SocketRequest): Promise<DatagramSocket> {
    const sharedRequest: SocketRequest = {
      ...request,
      onDatagrams: (datagrams, socket) => {
        for (const receive of this.#receivers) receive(datagrams, socket);
      },
    };
    this.#socket ??= this.#closing.then(() => this.#network.open(sharedRequest));
    const receive = request.onDatagrams;
    // Join before waiting, so that the socket stays open if another machine leaves.
    this.#receivers.add(receive);
    const socket = await this.#socket.catch((error: unknown) => {
      this.#removeReceiver(receive);
      throw error;
    });
    return {
      interfaceName: socket.interfaceName,
      localAddress: socket.localAddress,
      localPort: socket.localPort,
      send: (datagrams) => socket.send(datagrams),
      counters: () => socket.counters(),
      close: () => this.#removeReceiver(receive),
    };
  }

  #removeReceiver(receive: DatagramHandler): void {
    if (!this.#receivers.delete(receive) || this.#receivers.size > 0) return;
    const lastSocket = this.#socket;
    this.#socket = undefined;
    if (lastSocket === undefined) return;
    this.#closing = lastSocket.then(
      (socket) => socket.close(),
      () => undefined,
    );
  }
}
