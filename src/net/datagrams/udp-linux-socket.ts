// One UDP socket of Linux: dgram wakes us, and the queue is then read and answered in batches
// through the C library. Sources: recvmmsg(2), sendmmsg(2), packet(7).
//
//     dgram `message` → #wake → recvmmsg → deliver ─ queue not empty and budget left ─┐
//                                  └───────────────────────────────────────────────────┘
//
// 1. One turn of the event loop drains at most DRAIN_PER_TURN_MAX datagrams per socket; beyond that
//    only dgram's own few reads pass, so a flood leaves time for other work.
// 2. All sockets of a network share the batches: receiving and sending are synchronous, and no view is kept.
// 3. Refusals are reported only when the send batch is empty: the listener may send or close the socket.
// 4. Replies to clients without an address carry complete checksums. The kernel leaves checksums to
//    the network card, and a virtual one (veth, bridge, virtio) hands them on unfinished: clients
//    that read raw frames then drop the datagram. For a datagram in pieces (MSG_MORE) the kernel
//    computes it (ip_append_data).
// 5. After `close` no call uses the descriptor again, which may already be another file's.

import type { Socket } from 'node:dgram';
import { type Ipv4, isLoopback, LIMITED_BROADCAST, type MacAddress, parseIpv4 } from '../../ground/address.ts';
import { reclaim } from '../../ground/borrowed-bytes.ts';
import { findErrorName, type Libc } from '../linux/libc.ts';
import { readSocketMemory, type SocketMemory } from '../linux/socket-memory.ts';
import {
  encodeDeviceName,
  type MessageBatch,
  MSG_DONTWAIT,
  MSG_MORE,
  SO_BINDTODEVICE,
  SOL_SOCKET,
} from '../linux/wire-structs.ts';
import { FRAME_HEADER_BYTES, writeFrame } from '../raw-frame.ts';
import type { AbsentHosts } from './absent-hosts.ts';
import {
  type DatagramSocket,
  type Destination,
  type OutgoingDatagram,
  RECEIVE_BATCH_MAX,
  type ReceivedDatagram,
  type SocketCounters,
  type SocketRequest,
} from './datagram.ts';
import { type ArpTable, SendSpace } from './send-space.ts';

/** The most datagrams drained for one socket in one turn of the event loop. */
export const DRAIN_PER_TURN_MAX = 4 * RECEIVE_BATCH_MAX;
/** The longest payload of a UDP datagram over IPv4: 65,535 less 20 and 8 bytes of headers. */
const UDP_PAYLOAD_BYTES_MAX = 65_507;

const EMPTY = new Uint8Array(1);

/** How datagrams are sent: as UDP, as UDP with a checksum by the kernel, or as frames. */
type SendMode = 'udp' | 'whole' | 'frame';

export interface LinuxSocketDeps {
  readonly libc: Libc;
  readonly receiveBatch: MessageBatch;
  readonly sendBatch: MessageBatch;
  /** A socket for frames to hardware addresses; `undefined` without CAP_NET_RAW. */
  readonly packetFd: number | undefined;
  readonly arpTable: ArpTable;
  readonly absentHosts: AbsentHosts;
  readonly traffic: { received: number };
}

export interface LinuxDescriptor {
  readonly fd: number;
  readonly waker: Socket;
  /** 0 without a device. */
  readonly deviceIndex: number;
}

export class LinuxSocket implements DatagramSocket {
  readonly interfaceName: string | undefined;
  readonly localAddress: Ipv4;
  readonly localPort: number;
  readonly request: SocketRequest;
  readonly #deps: LinuxSocketDeps;
  readonly #onClose: (socket: LinuxSocket) => void;
  readonly #space: SendSpace;
  #descriptor: LinuxDescriptor;
  #isClosed = false;
  #drainedThisTurn = 0;
  #identification = 0;
  #pendingDestinations: Destination[] = [];
  #mode: SendMode = 'udp';
  #refusals: { readonly code: string; readonly to: Destination }[] = [];
  #receivedCount = 0;
  #sentCount = 0;
  #sendErrorCount = 0;
  #earlierDrops = 0;

  constructor(
    deps: LinuxSocketDeps,
    request: SocketRequest,
    descriptor: LinuxDescriptor,
    onClose: (socket: LinuxSocket) => void,
  ) {
    this.#deps = deps;
    this.#onClose = onClose;
    this.request = request;
    this.interfaceName = request.device;
    this.localAddress = request.address;
    this.localPort = descriptor.waker.address().port;
    this.#descriptor = descriptor;
    this.#space = new SendSpace(
      () => this.#readMemory(),
      () => deps.arpTable.getVicinity(),
      (address) => deps.absentHosts.admits(address),
    );
    this.#listen(descriptor.waker);
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }
  /** The open descriptor; only while `closed` is false. */
  get fd(): number {
    return this.#descriptor.fd;
  }
  get deviceIndex(): number {
    return this.#descriptor.deviceIndex;
  }

  /** Binds to the device of the same name that now has another index. @returns the error's code, if any */
  rebind(deviceIndex: number): string | undefined {
    if (this.#isClosed || this.interfaceName === undefined) return undefined;
    const { libc } = this.#deps;
    const name = encodeDeviceName(this.interfaceName);
    if (libc.setsockopt(this.fd, SOL_SOCKET, SO_BINDTODEVICE, name, name.length) !== 0)
      return findErrorName(libc.errno());
    this.#descriptor = { ...this.#descriptor, deviceIndex };
    return undefined;
  }

  replace(descriptor: LinuxDescriptor): void {
    this.#earlierDrops = this.#readDrops() ?? 0;
    const formerWaker = this.#descriptor.waker;
    this.#descriptor = descriptor;
    this.#listen(descriptor.waker);
    formerWaker.close();
  }

  send(datagrams: readonly OutgoingDatagram[]): void {
    if (this.#isClosed) return;
    for (const datagram of datagrams) this.#queue(datagram);
    this.#flush();
    this.#reportRefused();
  }

  counters(): SocketCounters {
    const memory = this.#isClosed ? undefined : this.#readMemory();
    return {
      received: this.#receivedCount,
      sent: this.#sentCount,
      sendErrors: this.#sendErrorCount,
      receiveDrops: this.#isClosed ? this.#earlierDrops : this.#readDrops(memory),
      receiveBufferBytes: memory?.receiveBufferBytes,
      sendBufferBytes: memory?.bufferBytes,
    };
  }

  close(): void {
    if (this.#isClosed) return;
    this.#earlierDrops = this.#readDrops() ?? 0;
    this.#isClosed = true;
    this.#descriptor.waker.close();
    this.#onClose(this);
  }

  #listen(waker: Socket): void {
    waker.on('message', (bytes, from) => {
      const address = parseIpv4(from.address);
      if (address !== undefined && !this.#isClosed) this.#wake({ bytes, from: address, fromPort: from.port });
    });
    waker.on('error', (error: NodeJS.ErrnoException) => this.request.onReceiveError?.(error.code ?? error.message));
  }

  #wake(firstDatagram: ReceivedDatagram): void {
    const datagrams = [firstDatagram];
    let batchMax = Math.min(RECEIVE_BATCH_MAX - 1, DRAIN_PER_TURN_MAX - this.#drainedThisTurn);
    let receivedCount = this.#drain(batchMax, datagrams);
    this.#deliver(datagrams);
    while (receivedCount === batchMax && receivedCount > 0 && !this.#isClosed) {
      batchMax = Math.min(RECEIVE_BATCH_MAX, DRAIN_PER_TURN_MAX - this.#drainedThisTurn);
      const moreDatagrams: ReceivedDatagram[] = [];
      receivedCount = this.#drain(batchMax, moreDatagrams);
      if (receivedCount > 0) this.#deliver(moreDatagrams);
    }
  }

  #deliver(datagrams: readonly ReceivedDatagram[]): void {
    this.#receivedCount += datagrams.length;
    this.#deps.traffic.received += datagrams.length;
    this.request.onDatagrams(datagrams, this);
    for (const { bytes } of datagrams) reclaim(bytes);
  }

  #drain(count: number, target: ReceivedDatagram[]): number {
    if (count <= 0) return 0;
    const { libc, receiveBatch } = this.#deps;
    receiveBatch.prepareReceive(count);
    const receivedCount = libc.recvmmsg(this.fd, receiveBatch.headers, count, MSG_DONTWAIT, null);
    if (receivedCount <= 0) return 0;
    if (this.#drainedThisTurn === 0) setImmediate(() => this.#startTurn());
    this.#drainedThisTurn += receivedCount;
    for (let slot = 0; slot < receivedCount; slot += 1) {
      target.push({
        bytes: receiveBatch.received(slot),
        from: receiveBatch.readSenderAddress(slot),
        fromPort: receiveBatch.readSenderPort(slot),
      });
    }
    return receivedCount;
  }

  #startTurn(): void {
    this.#drainedThisTurn = 0;
  }

  #queue(datagram: OutgoingDatagram): void {
    const { to, bytes } = datagram;
    const { sendBatch } = this.#deps;
    const source = datagram.source ?? this.request.source;
    const mode = this.#chooseMode(to, source);
    if (bytes.length > UDP_PAYLOAD_BYTES_MAX) {
      this.#refuse('EMSGSIZE', to);
      return;
    }
    if (to.kind === 'unicast' && !this.#space.admits(to.address)) {
      this.#refuse('EHOSTUNREACH', to);
      return;
    }
    if (this.#pendingDestinations.length === sendBatch.slots || mode !== this.#mode) this.#flush();
    this.#mode = mode;
    const slot = this.#pendingDestinations.push(to) - 1;
    if (mode === 'frame' && to.kind === 'hardware' && source !== undefined) {
      this.#fillFrame(slot, bytes, source, to.address, to.mac, to.port);
      return;
    }
    sendBatch.payload(slot).set(bytes);
    sendBatch.setLength(slot, bytes.length);
    sendBatch.setPeer(slot, toUdpAddress(to), to.port);
    if (source !== undefined && this.interfaceName !== undefined) sendBatch.setSource(slot, source);
  }

  #chooseMode(destination: Destination, source: Ipv4 | undefined): SendMode {
    if (destination.kind === 'hardware' && source !== undefined && this.#reachesByFrame(destination.address))
      return 'frame';
    return destination.kind === 'unicast' ? 'udp' : 'whole';
  }

  /** Loopback needs no ARP and carries no frames. */
  #reachesByFrame(address: Ipv4): boolean {
    return this.#deps.packetFd !== undefined && this.deviceIndex !== 0 && !isLoopback(address);
  }

  #fillFrame(slot: number, bytes: Uint8Array, source: Ipv4, destination: Ipv4, mac: MacAddress, port: number): void {
    const { sendBatch } = this.#deps;
    this.#identification = (this.#identification + 1) & 0xffff;
    const header = {
      source,
      sourcePort: this.localPort,
      destination,
      destinationPort: port,
      identification: this.#identification,
    };
    sendBatch.setLength(slot, writeFrame(sendBatch.payload(slot, FRAME_HEADER_BYTES + bytes.length), header, bytes));
    sendBatch.setHardwarePeer(slot, this.deviceIndex, mac);
  }

  /** Counts refused datagrams; if the kernel's buffer is full the rest is dropped. */
  #flush(): void {
    const destinations = this.#pendingDestinations;
    if (destinations.length === 0) return;
    this.#pendingDestinations = [];
    const { libc, sendBatch, packetFd } = this.#deps;
    const fd = this.#mode === 'frame' && packetFd !== undefined ? packetFd : this.fd;
    let sentCount = 0;
    while (sentCount < destinations.length) {
      const headers = sendBatch.sliceHeaders(sentCount);
      const count =
        this.#mode === 'whole'
          ? this.#sendWhole(headers)
          : libc.sendmmsg(fd, headers, destinations.length - sentCount, MSG_DONTWAIT);
      if (count > 0) {
        sentCount += count;
        this.#sentCount += count;
        continue;
      }
      const code = count === 0 ? 'EAGAIN' : findErrorName(libc.errno());
      const isFull = code === 'EAGAIN' || code === 'ENOBUFS';
      const refusedDestinations = destinations.slice(sentCount, isFull ? undefined : sentCount + 1);
      for (const destination of refusedDestinations) this.#refuse(code, destination);
      sentCount += refusedDestinations.length;
    }
  }

  /** @returns 1, or a negative number if the kernel refuses */
  #sendWhole(header: Uint8Array): number {
    const { libc } = this.#deps;
    if (libc.sendmsg(this.fd, header, MSG_DONTWAIT | MSG_MORE) < 0) return -1;
    return libc.sendto(this.fd, EMPTY, 0, MSG_DONTWAIT, null, 0) < 0 ? -1 : 1;
  }

  #refuse(code: string, destination: Destination): void {
    this.#sendErrorCount += 1;
    if (this.request.onSendError !== undefined) this.#refusals.push({ code, to: destination });
  }

  #reportRefused(): void {
    if (this.#refusals.length === 0) return;
    const refusals = this.#refusals;
    this.#refusals = [];
    for (const { code, to } of refusals) this.request.onSendError?.(code, to);
  }

  #readDrops(memory = this.#readMemory()): number | undefined {
    const drops = memory?.drops;
    return drops === undefined ? undefined : this.#earlierDrops + drops;
  }

  #readMemory(): SocketMemory | undefined {
    return readSocketMemory(this.#deps.libc, this.fd);
  }
}

/** A machine that has no address and cannot be reached by a raw frame is reached by broadcast. */
function toUdpAddress(destination: Destination): Ipv4 {
  if (destination.kind === 'broadcast') return LIMITED_BROADCAST;
  if (destination.kind === 'unicast' || isLoopback(destination.address)) return destination.address;
  return LIMITED_BROADCAST;
}
