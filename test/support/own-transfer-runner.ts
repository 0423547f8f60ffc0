// Carries the transfers of TFTP on the test's thread, by sockets of a network in memory, which opens them in later turns of the event loop:
// what is sent until then waits.

import type { Ipv4 } from '../../src/ground/address.ts';
import type { Clock } from '../../src/ground/clock.ts';
import { Alarm } from '../../src/ground/deadline-queue.ts';
import type { DatagramSocket, SocketRequest } from '../../src/net/datagrams/datagram.ts';
import type { PeerListener, PeerRequest, PeerSocket, SendMemory } from '../../src/net/datagrams/peer-sockets.ts';
import { SharedTransferState } from '../../src/tftp/shared-transfer-state.ts';
import { TransferEngine } from '../../src/tftp/transfer-engine.ts';
import type { MakeTransferRunner } from '../../src/tftp/transfer-runner.ts';

/** A request of a socket that is to hear only its peer, if it has one. */
export interface MemoryRequest extends SocketRequest {
  readonly peer?: { readonly address: Ipv4; readonly port: number };
  readonly onPeerUnreachable?: () => void;
}

interface MemoryPeers {
  open(request: MemoryRequest): Promise<DatagramSocket>;
}

export function ownTransferRunner(network: MemoryPeers, clock: Clock): MakeTransferRunner {
  return ({ memory, take }) => {
    const alarm = new Alarm(clock, () => {
      carriage.work();
      alarm.expect(carriage.nextAt);
    });
    const carriage = new TransferEngine({
      clock,
      sockets: {
        allocate: (bytes) => ({ bytes: new Uint8Array(bytes), address: 0 }),
        open: (request, listener) => new LateSocket(network, request, listener),
      },
      state: new SharedTransferState(memory),
      report: take,
      onExpect: (at) => alarm.expect(at),
    });
    return {
      prepare: () => undefined,
      tell: (order) => carriage.obey(order),
      stop: async () => alarm.cancel(),
    };
  };
}

class LateSocket implements PeerSocket {
  readonly #peer: { readonly address: Ipv4; readonly port: number };
  readonly #waiting: Uint8Array[] = [];
  #socket: DatagramSocket | undefined;
  #closed = false;

  constructor(network: MemoryPeers, request: PeerRequest, listener: PeerListener) {
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
          for (const { bytes } of batch) whileOpen(() => listener.onDatagram(bytes, bytes.length));
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
      if (this.#socket === undefined) this.#waiting.push(Uint8Array.from(part));
      else this.#sendNow(this.#socket, part);
    }
  }

  close(): void {
    this.#closed = true;
    this.#socket?.close();
  }

  async #open(open: () => Promise<DatagramSocket>, avoidedPort: number | undefined): Promise<void> {
    let socket = await open();
    if (socket.localPort === avoidedPort) {
      socket.close();
      socket = await open();
    }
    this.#socket = socket;
    for (const bytes of this.#waiting) this.#sendNow(socket, bytes);
    if (this.#closed) socket.close();
  }

  #sendNow(socket: DatagramSocket, bytes: Uint8Array): void {
    socket.send([{ bytes, to: { kind: 'unicast', ...this.#peer } }]);
  }
}
