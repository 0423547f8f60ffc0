// One UDP socket by Node's dgram alone, with the sockets that receive and send for it (`udp-dgram.ts`).
//
// 1. Broadcasts of a loopback address go to 127.255.255.255, which never leaves the host.
// 2. SEND_QUEUE_MAX bounds the send queue of each socket. On Linux, datagrams for hosts that answer no ARP get only a part of the kernel's
//    buffer (`absent-space.ts`), or they would block all others.

import { createSocket, type RemoteInfo, type Socket } from 'node:dgram';
import { systemClock } from '../../clock.ts';
import { osErrorCode } from '../../errors.ts';
import { ANY, formatIpv4, type Ipv4, ipv4, isLoopback, LIMITED_BROADCAST, parseIpv4 } from '../address.ts';
import { reclaim } from '../borrowed-bytes.ts';
import type { HostInterface } from '../host-interface.ts';
import type { HostNotes } from '../host-note.ts';
import { firstAddress } from '../named-device.ts';
import type { AbsentHosts } from './absent-hosts.ts';
import { AbsentSpace } from './absent-space.ts';
import {
  type DatagramSocket,
  type Destination,
  type OutgoingDatagram,
  PEER_UNREACHABLE,
  type SocketCounters,
  type SocketRequest,
} from './datagram.ts';
import { type ArpTable, sendBufferNote } from './send-space.ts';

/**
 * Datagrams waiting in one socket because the kernel's buffer is full; further ones are dropped and counted. It fills only if the interface
 * is slower than the answers, and empties as the interface catches up.
 */
const SEND_QUEUE_MAX = 1_024;
const LOOPBACK_BROADCAST = ipv4(0x7fffffff);

export interface PortableParts {
  /** Undefined if the system has none. */
  readonly arpTable: ArpTable | undefined;
  readonly absentHosts: AbsentHosts | undefined;
  readonly traffic: { received: number };
  readonly sendBufferBytes: number;
  readonly notes: HostNotes;
}

/** Rejects with the system's error. */
export function bind(address: Ipv4, port: number, reuseAddr: boolean): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = createSocket({ type: 'udp4', reuseAddr, lookup: noLookup });
    socket.once('error', (error) => {
      socket.close();
      reject(error);
    });
    socket.bind({ address: formatIpv4(address), port, exclusive: true }, () => {
      socket.removeAllListeners('error');
      resolve(socket);
    });
  });
}

/** Addresses are always numeric here; a synchronous answer keeps a send within its turn. */
function noLookup(
  address: string,
  _options: unknown,
  done: (error: NodeJS.ErrnoException | null, address: string, family: number) => void,
): void {
  done(null, address, 4);
}

export class PortableSocket implements DatagramSocket {
  readonly request: SocketRequest;
  readonly interfaceName: string | undefined;
  readonly localAddress: Ipv4;
  readonly localPort: number;
  readonly #receiver: Socket;
  readonly #onClose: (socket: PortableSocket) => void;
  readonly #parts: PortableParts;
  #space: AbsentSpace | undefined;
  /** Sends for a device socket, from an address of the device. */
  #sender: { readonly socket: Socket; readonly source: Ipv4 } | undefined;
  #closed = false;
  #received = 0;
  #sent = 0;
  #sendErrors = 0;

  constructor(
    parts: PortableParts,
    request: SocketRequest,
    receiver: Socket,
    onClose: (socket: PortableSocket) => void,
  ) {
    this.#parts = parts;
    this.request = request;
    this.interfaceName = request.device;
    this.localAddress = request.address;
    this.#receiver = receiver;
    this.localPort = receiver.address().port;
    this.#onClose = onClose;
    if (request.broadcast === true) receiver.setBroadcast(true);
    if (this.interfaceName === undefined) this.#sendBy(receiver);
    this.#listen(receiver);
  }

  /** Undefined if unchanged. */
  wantedSource(interfaces: readonly HostInterface[] | undefined): Ipv4 | undefined {
    if (this.#closed || this.interfaceName === undefined) return undefined;
    const wanted = this.request.source ?? firstAddress(this.interfaceName, interfaces);
    return wanted === this.#sender?.source ? undefined : wanted;
  }

  /** Rejects with the system's error. */
  async openSender(source: Ipv4): Promise<void> {
    if (this.#closed) return;
    const socket = await bind(source, this.localPort, true);
    if (this.#closed) {
      socket.close();
      return;
    }
    if (this.request.broadcast === true) socket.setBroadcast(true);
    this.#sendBy(socket);
    this.#listen(socket);
    this.#sender?.socket.close();
    this.#sender = { socket, source };
  }

  send(datagrams: readonly OutgoingDatagram[]): void {
    if (this.#closed) return;
    for (const { bytes, to } of datagrams) this.#sendOne(bytes, to);
  }

  counters(): SocketCounters {
    return {
      received: this.#received,
      sent: this.#sent,
      sendErrors: this.#sendErrors,
      receiveDrops: undefined,
      receiveBufferBytes: this.#closed ? undefined : this.#receiver.getRecvBufferSize(),
      sendBufferBytes: this.#closed ? undefined : this.#sendingSocket?.getSendBufferSize(),
    };
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#receiver.close();
    this.#sender?.socket.close();
    this.#onClose(this);
  }

  /** A socket with a peer needs no room check: it fills only its own buffer. */
  #sendBy(socket: Socket): void {
    const { arpTable, sendBufferBytes, notes } = this.#parts;
    if (arpTable === undefined || this.request.peer !== undefined) return;
    socket.setSendBufferSize(sendBufferBytes);
    const granted = socket.getSendBufferSize();
    // Linux keeps and reports twice the number that was asked for (socket(7)).
    const note = sendBufferNote(granted / 2, sendBufferBytes);
    if (note !== undefined) notes.add(note);
    this.#space = new AbsentSpace(granted, () => arpTable.vicinity());
  }

  #listen(socket: Socket): void {
    socket.on('message', (bytes, from) => this.#receive(bytes, from));
    socket.on('error', (error: NodeJS.ErrnoException) => this.#onError(error.code ?? error.message));
  }

  #onError(code: string): void {
    const { peer, onPeerUnreachable, onReceiveError } = this.request;
    if (peer === undefined || !PEER_UNREACHABLE.has(code)) onReceiveError?.(code);
    else if (!this.#closed) onPeerUnreachable?.(this);
  }

  #receive(bytes: Uint8Array, peer: RemoteInfo): void {
    const from = parseIpv4(peer.address);
    if (from === undefined || this.#closed || !this.#hears(from)) return;
    this.#received += 1;
    this.#parts.traffic.received += 1;
    this.request.onDatagrams([{ bytes, from, fromPort: peer.port }], this);
    reclaim(bytes);
  }

  /** True if a datagram from there can have arrived by the device. */
  #hears(from: Ipv4): boolean {
    if (this.interfaceName === undefined) return true;
    const source = this.request.source ?? this.#sender?.source;
    return source === undefined || isLoopback(source) === isLoopback(from);
  }

  get #sendingSocket(): Socket | undefined {
    return this.interfaceName === undefined ? this.#receiver : this.#sender?.socket;
  }

  #sendOne(bytes: Uint8Array, to: Destination): void {
    const socket = this.#sendingSocket;
    const refusal = refusalOf(socket, to.port);
    if (socket === undefined || refusal !== undefined) {
      this.#refuse(refusal ?? 'EADDRNOTAVAIL', to);
      return;
    }
    if (to.kind === 'unicast' && this.#parts.absentHosts?.admits(to.address) === false) {
      this.#refuse('EHOSTUNREACH', to);
      return;
    }
    if (to.kind === 'unicast' && this.#space?.admits(to.address, bytes.length, systemClock.now()) === false) {
      this.#refuse('EHOSTUNREACH', to);
      return;
    }
    const done = (error: Error | null): void => {
      if (error === null) this.#sent += 1;
      else this.#refuse(osErrorCode(error) ?? error.message, to);
    };
    // The kernel may take the bytes after the caller has reused its buffer.
    const copy = Buffer.from(bytes);
    if (this.request.peer === undefined) socket.send(copy, to.port, formatIpv4(this.#addressOf(to)), done);
    else socket.send(copy, done);
  }

  #addressOf(to: Destination): Ipv4 {
    if (to.kind === 'unicast' || (to.kind === 'hardware' && isLoopback(to.address))) return to.address;
    const from = this.interfaceName === undefined ? this.localAddress : (this.#sender?.source ?? ANY);
    return isLoopback(from) ? LOOPBACK_BROADCAST : LIMITED_BROADCAST;
  }

  #refuse(code: string, to: Destination): void {
    this.#sendErrors += 1;
    this.request.onSendError?.(code, to);
    // The kernel reports an ICMP error once, in the next call.
    if (code === 'ECONNREFUSED' && this.request.peer !== undefined) this.#onError(code);
  }
}

/** The error code if sending is impossible now. dgram throws for port 0, which a forged datagram may name as its source. */
function refusalOf(socket: Socket | undefined, port: number): string | undefined {
  if (socket === undefined) return 'EADDRNOTAVAIL';
  if (port < 1 || port > 65_535) return 'EINVAL';
  return socket.getSendQueueCount() >= SEND_QUEUE_MAX ? 'EAGAIN' : undefined;
}
