// Datagram sockets on Linux: bound to devices, in batches, with frames to machines without an
// address. Sources: socket(7), ip(7), packet(7); which socket gets which datagram was tried in
// network namespaces.
//
// 1. Sockets are opened one at a time. SO_REUSEADDR on a shared port is set only while a further
//    socket of the set binds, so no other program can join unnoticed.
// 2. dgram sets SO_REUSEADDR on every descriptor it receives, which is then corrected.
// 3. Reports of a small MTU are ignored: a stranger can forge one for any client, and loaders that
//    cannot reassemble fragments would get nothing for ten minutes (ip(7), IP_PMTUDISC_OMIT; RFC
//    8085 §3.2 asks for datagrams that fit instead).
// 4. Once dgram has a descriptor, only closing the dgram socket closes it.

import { createSocket, type Socket } from 'node:dgram';
import type { Ipv4 } from '../../ground/address.ts';
import { systemClock } from '../../ground/clock.ts';
import { RackError } from '../../ground/errors.ts';
import type { HostInterface } from '../host-interface.ts';
import { type HostNote, HostNotes } from '../host-note.ts';
import { findErrorName, type Libc, loadLibc } from '../linux/libc.ts';
import { listSockets } from '../linux/socket-list.ts';
import {
  AF_INET,
  AF_PACKET,
  encodeDeviceName,
  encodeInt,
  encodeSocketAddress,
  IP_FREEBIND,
  IP_MTU_DISCOVER,
  IP_PMTUDISC_OMIT,
  IPPROTO_IP,
  MessageBatch,
  readInt,
  SO_BINDTODEVICE,
  SO_BROADCAST,
  SO_RCVBUF,
  SO_REUSEADDR,
  SO_SNDBUF,
  SOCK_DGRAM,
  SOCK_FLAGS,
  SOL_SOCKET,
} from '../linux/wire-structs.ts';
import { readSocketInode } from '../port-owner.ts';
import { socketError } from '../socket-error.ts';
import { AbsentHosts } from './absent-hosts.ts';
import { type DatagramSocket, type HostNetwork, RECEIVE_BATCH_MAX, type SocketRequest } from './datagram.ts';
import { type FrameTap, openFrameTap, type TapRequest } from './frame-tap.ts';
import { ArpTable, composeSendBufferNote } from './send-space.ts';
import { type LinuxDescriptor, LinuxSocket, type LinuxSocketDeps } from './udp-linux-socket.ts';

/** Room for the burst of a rack whose machines are all switched on together. */
const RECEIVE_BUFFER_BYTES = 4 * 1024 * 1024;
/** Room for windows of many TFTP transfers, and replies that wait for ARP. */
export const SEND_BUFFER_BYTES = 4 * 1024 * 1024;
/** Room for the longest datagram and a frame's headers. */
const SLOT_BYTES = 65_536;

/**
 * @param sendBufferBytes to request for each socket; tests set less, to see what a host that allows
 * no more gets
 * @throws RackError `native-unavailable`
 */
export async function openNetwork(sendBufferBytes = SEND_BUFFER_BYTES): Promise<HostNetwork> {
  return new LinuxNetwork(loadLibc(), sendBufferBytes);
}

class LinuxNetwork implements HostNetwork {
  readonly #libc: Libc;
  readonly #sendBufferBytes: number;
  readonly #deps: LinuxSocketDeps;
  readonly #sockets = new Set<LinuxSocket>();
  readonly #notes = new HostNotes();
  #lastAction: Promise<unknown> = Promise.resolve();
  #isClosed = false;

  constructor(libc: Libc, sendBufferBytes: number) {
    this.#libc = libc;
    this.#sendBufferBytes = sendBufferBytes;
    const packetFd = libc.socket(AF_PACKET, SOCK_DGRAM | SOCK_FLAGS, 0);
    if (packetFd < 0) {
      this.#notes.add({ note: 'frames-refused', reason: findErrorName(libc.errno()) });
    }
    const arpTable = new ArpTable(systemClock);
    this.#deps = {
      libc,
      receiveBatch: new MessageBatch(RECEIVE_BATCH_MAX, SLOT_BYTES, libc.addressOf),
      sendBatch: new MessageBatch(RECEIVE_BATCH_MAX, SLOT_BYTES, libc.addressOf),
      packetFd: packetFd < 0 ? undefined : packetFd,
      arpTable,
      absentHosts: new AbsentHosts(systemClock, arpTable),
      traffic: { received: 0 },
    };
  }

  get notes(): readonly HostNote[] {
    return this.#notes.list;
  }

  get received(): number {
    return this.#deps.traffic.received;
  }

  open(request: SocketRequest): Promise<DatagramSocket> {
    return this.#enqueue(async () => {
      const descriptor = await this.#openDescriptor(request);
      const socket = new LinuxSocket(this.#deps, request, descriptor, (closedSocket) =>
        this.#sockets.delete(closedSocket),
      );
      this.#sockets.add(socket);
      this.#guardPort(socket.localPort);
      return socket;
    });
  }

  mayReach(address: Ipv4): boolean {
    return this.#deps.absentHosts.admits(address);
  }

  tap(request: TapRequest): FrameTap | undefined {
    return this.#isClosed ? undefined : openFrameTap(this.#libc, request);
  }

  interfacesChanged(interfaces: readonly HostInterface[]): void {
    for (const socket of this.#sockets) {
      const device = interfaces.find((candidate) => candidate.name === socket.interfaceName);
      // Compare indexes, not names: a renamed device keeps its index, and its sockets still work.
      if (device === undefined || device.index === 0 || device.index === socket.deviceIndex) continue;
      const code = socket.rebind(device.index);
      if (code === undefined) continue;
      // Without CAP_NET_RAW a socket can be bound to a device only once in its life, so open a new one.
      if (code === 'EPERM') this.#enqueue(() => this.#reopen(socket)).catch((error) => this.#reportDeaf(socket, error));
      else this.#reportDeaf(socket, code);
    }
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    await this.#enqueue(async () => {
      this.#isClosed = true;
      for (const socket of [...this.#sockets]) socket.close();
      if (this.#deps.packetFd !== undefined) this.#libc.close(this.#deps.packetFd);
    });
  }

  #enqueue<T>(action: () => Promise<T>): Promise<T> {
    const result = this.#lastAction.then(() => {
      if (this.#isClosed) throw new RackError('not-running', 'the network was closed');
      return action();
    });
    this.#lastAction = result.catch(() => undefined);
    return result;
  }

  async #reopen(socket: LinuxSocket): Promise<void> {
    if (socket.isClosed) return;
    const descriptor = await this.#openDescriptor({ ...socket.request, port: socket.localPort });
    if (socket.isClosed) descriptor.waker.close();
    else socket.replace(descriptor);
    this.#guardPort(socket.localPort);
  }

  #reportDeaf(socket: LinuxSocket, reason: unknown): void {
    socket.request.onReceiveError?.(reason instanceof Error ? reason.message : String(reason));
  }

  async #openDescriptor(request: SocketRequest): Promise<LinuxDescriptor> {
    const fd = this.#libc.socket(AF_INET, SOCK_DGRAM | SOCK_FLAGS, 0);
    if (fd < 0) throw socketError(findErrorName(this.#libc.errno()), request);
    let waker: Socket;
    try {
      this.#configure(fd, request);
      this.#bind(fd, request);
      waker = await handToDgram(fd);
    } catch (error) {
      this.#libc.close(fd);
      throw error;
    }
    const deviceIndex = request.device === undefined ? 0 : this.#libc.if_nametoindex(request.device);
    return { fd, waker, deviceIndex };
  }

  #configure(fd: number, request: SocketRequest): void {
    if (request.device !== undefined) {
      const name = encodeDeviceName(request.device);
      if (this.#libc.setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, name, name.length) !== 0) {
        throw socketError(findErrorName(this.#libc.errno()), request);
      }
    }
    if (request.broadcast === true) this.#setInt(fd, SOL_SOCKET, SO_BROADCAST, 1);
    if (request.freebind === true) this.#setInt(fd, IPPROTO_IP, IP_FREEBIND, 1);
    this.#setInt(fd, IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_OMIT);
    // `send-space.ts` makes do with what the system allows.
    this.#setInt(fd, SOL_SOCKET, SO_SNDBUF, this.#sendBufferBytes);
    this.#setInt(fd, SOL_SOCKET, SO_RCVBUF, RECEIVE_BUFFER_BYTES);
    const granted = this.#readBufferBytes(fd, SO_RCVBUF);
    if (granted < RECEIVE_BUFFER_BYTES) {
      this.#notes.add({ note: 'receive-buffer-small', granted, asked: RECEIVE_BUFFER_BYTES });
    }
    const note = composeSendBufferNote(this.#readBufferBytes(fd, SO_SNDBUF), this.#sendBufferBytes);
    if (note !== undefined) this.#notes.add(note);
  }

  /** Binds without SO_REUSEADDR, which detects another owner, unless our own sockets are in the way. */
  #bind(fd: number, request: SocketRequest): void {
    const address = encodeSocketAddress(request.address, request.port);
    if (this.#libc.bind(fd, address, address.length) === 0) return;
    const code = findErrorName(this.#libc.errno());
    const ownSockets = request.shared === true ? this.#findSharing(request.port) : [];
    if (code !== 'EADDRINUSE' || ownSockets.length === 0 || this.#isTaken(request, ownSockets))
      throw socketError(code, request);
    for (const socket of ownSockets) this.#setInt(socket.fd, SOL_SOCKET, SO_REUSEADDR, 1);
    this.#setInt(fd, SOL_SOCKET, SO_REUSEADDR, 1);
    const isBound = this.#libc.bind(fd, address, address.length) === 0;
    const secondCode = isBound ? undefined : findErrorName(this.#libc.errno());
    this.#guardPort(request.port);
    if (secondCode !== undefined) throw socketError(secondCode, request);
  }

  /**
   * True if the same address, port and device are taken: by ourselves, or by another program that
   * offers to share them. Next to our own sockets a bind without SO_REUSEADDR always fails, so a
   * bind cannot show this.
   */
  #isTaken(request: SocketRequest, ownSockets: readonly LinuxSocket[]): boolean {
    const { address, device, port } = request;
    if (ownSockets.some((socket) => socket.localAddress === address && socket.interfaceName === device)) return true;
    const inodes = new Set(ownSockets.map((socket) => readSocketInode(socket.fd)));
    const deviceIndex = device === undefined ? 0 : this.#libc.if_nametoindex(device);
    const foreignSockets = (listSockets(this.#libc, port) ?? []).filter((socket) => !inodes.has(socket.inode));
    return foreignSockets.some((foreignSocket) =>
      device === undefined
        ? foreignSocket.address === address
        : foreignSocket.deviceIndex === 0 || foreignSocket.deviceIndex === deviceIndex,
    );
  }

  #findSharing(port: number): readonly LinuxSocket[] {
    return [...this.#sockets].filter((socket) => socket.localPort === port && socket.request.shared === true);
  }

  /**
   * Clears SO_REUSEADDR. A device socket without it keeps other programs away from its device, the
   * wildcard address and our addresses; the address sockets keep it, so that the server of another
   * device may still start.
   */
  #guardPort(port: number): void {
    const portSockets = [...this.#sockets].filter((socket) => socket.localPort === port);
    const isGuarded = portSockets.some((socket) => socket.interfaceName !== undefined);
    for (const socket of portSockets) {
      const isReusable = isGuarded && socket.interfaceName === undefined && socket.request.shared === true;
      this.#setInt(socket.fd, SOL_SOCKET, SO_REUSEADDR, isReusable ? 1 : 0);
    }
  }

  /** The kernel keeps and reports twice the number that was asked for (socket(7)). */
  #readBufferBytes(fd: number, option: typeof SO_RCVBUF | typeof SO_SNDBUF): number {
    const value = encodeInt(0);
    const length = encodeInt(value.length);
    return this.#libc.getsockopt(fd, SOL_SOCKET, option, value, length) === 0 ? readInt(value) / 2 : 0;
  }

  #setInt(fd: number, level: number, option: number, value: number): void {
    const bytes = encodeInt(value);
    if (this.#libc.setsockopt(fd, level, option, bytes, bytes.length) !== 0) {
      throw new RackError('socket-refused', `socket option ${level}/${option}: ${findErrorName(this.#libc.errno())}`);
    }
  }
}

/** The dgram socket owns `fd`. */
function handToDgram(fd: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const waker = createSocket('udp4');
    waker.once('error', reject);
    waker.bind({ fd, exclusive: true }, () => {
      waker.off('error', reject);
      resolve(waker);
    });
  });
}
