// Connected sockets over any `DatagramNetwork`, which opens them in later turns of the event loop: what is sent until then waits.

import type { DatagramNetwork, DatagramSocket, Peer } from './datagram.ts';
import type { PeerListener, PeerRequest, PeerSocket, PeerSockets, SendMemory } from './peer-sockets.ts';

/** Datagrams that wait until their socket is open: the first packet, and an error. */
const WAITING_MAX = 2;

export class PeersOfNetwork implements PeerSockets {
  readonly #network: DatagramNetwork;

  constructor(network: DatagramNetwork) {
    this.#network = network;
  }

  allocate(bytes: number): SendMemory {
    return { bytes: new Uint8Array(bytes), address: 0 };
  }

  open(request: PeerRequest, listener: PeerListener): PeerSocket {
    return new LateSocket(this.#network, request, listener);
  }
}

class LateSocket implements PeerSocket {
  readonly #peer: Peer;
  readonly #waiting: Uint8Array[] = [];
  #socket: DatagramSocket | undefined;
  #closed = false;

  constructor(network: DatagramNetwork, request: PeerRequest, listener: PeerListener) {
    this.#peer = { address: request.peer, port: request.port };
    const whileOpen = (action: () => void): void => {
      if (!this.#closed) action();
    };
    const open = (): Promise<DatagramSocket> =>
      network.open({
        address: request.local,
        port: 0,
        peer: this.#peer,
        onDatagrams: (batch) => {
          for (const { bytes } of batch) if (!this.#closed) listener.onDatagram(bytes, bytes.length);
        },
        onPeerUnreachable: () => whileOpen(listener.onUnreachable),
        onSendError: () => listener.onRefused(1),
      });
    this.#open(open, request.avoidedPort).catch((error) => whileOpen(() => listener.onFailure(error)));
  }

  get localPort(): number {
    return this.#socket?.localPort ?? 0;
  }

  send({ bytes }: SendMemory, start: number, length: number, segmentBytes: number): void {
    for (let sent = 0; sent < length; sent += segmentBytes) {
      const part = bytes.subarray(start + sent, start + Math.min(length, sent + segmentBytes));
      if (this.#socket !== undefined) this.#sendNow(this.#socket, part);
      else if (this.#waiting.length < WAITING_MAX) this.#waiting.push(Uint8Array.from(part));
    }
  }

  close(): void {
    this.#closed = true;
    this.#socket?.close();
  }

  async #open(open: () => Promise<DatagramSocket>, avoidedPort: number | undefined): Promise<void> {
    let socket = await open();
    if (socket.localPort === avoidedPort) {
      const refused = socket;
      try {
        // Closed afterwards, so that the system does not choose its port again.
        socket = await open();
      } finally {
        refused.close();
      }
    }
    this.#socket = socket;
    for (const bytes of this.#waiting) this.#sendNow(socket, bytes);
    if (this.#closed) socket.close();
  }

  #sendNow(socket: DatagramSocket, bytes: Uint8Array): void {
    socket.send([{ bytes, to: { kind: 'unicast', ...this.#peer } }]);
  }
}
