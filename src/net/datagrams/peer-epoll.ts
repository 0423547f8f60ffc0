// Connected UDP sockets for a thread that serves nothing else: it sleeps in epoll_wait over all of
// them, and each datagram costs a recv and a send. Sources: epoll(7), udp(7) (UDP_SEGMENT), ip(7)
// (IP_PMTUDISC_OMIT).
//
// 1. An event names its socket by slot and generation. An event of a socket that was closed in the
//    same batch is dropped, because another socket may already have the slot.
// 2. A batch takes one datagram of each socket: a busy peer waits for all others.
// 3. Reports of a small MTU are ignored, as in `udp-linux.ts`.
// 4. A second socket at the same port is connected to the peer's host and port 0, which the kernel
// 4. A second socket at the same port is connected to the peer's host and port 0. The kernel takes
//    port 0 for any port that no other socket is connected to. So only the peer's host gets an
//    answer from that port.
//    MTU), its blocks are sent one by one.

import { ANY } from '../../ground/address.ts';
import { reclaim } from '../../ground/borrowed-bytes.ts';
import { RackError } from '../../ground/errors.ts';
import { findErrorName, type Libc } from '../linux/libc.ts';
import {
  AF_INET,
  EPOLL_EVENT_BYTES,
  encodeInt,
  encodeSocketAddress,
  IP_MTU_DISCOVER,
  IP_PMTUDISC_OMIT,
  IPPROTO_IP,
  SO_REUSEADDR,
  SOCK_DGRAM,
  SOCK_FLAGS,
  SOL_SOCKET,
  SOL_UDP,
  UDP_SEGMENT,
} from '../linux/wire-structs.ts';
import type { PeerListener, PeerRequest, PeerSocket, PeerSockets, SendMemory } from './peer-sockets.ts';

/** The codes that a connected socket reports after an ICMP error that RFC 1122 §3.2.2.1 calls hard. */
const PEER_UNREACHABLE: ReadonlySet<string> = new Set(['ECONNREFUSED', 'EHOSTUNREACH', 'ENETUNREACH', 'ENOPROTOOPT']);
/** The most events of one batch; further ones are in the next. */
const EVENTS_MAX = 256;
/** A longer datagram is cut: no packet of a client is longer. */
const DATAGRAM_BYTES_MAX = 2048;
const EPOLLIN = 1;
const EPOLL_CTL_ADD = 1;
const EPOLL_CLOEXEC = 0x80000;
/** The size of an event in 32-bit words. */
const EVENT_WORDS = EPOLL_EVENT_BYTES / 4;
const DATA_WORD = EVENT_WORDS - 2;
/** The slot of the descriptor that wakes the thread. */
const WAKER_SLOT = -1;
/** The kernel's codes if it cannot segment for this peer. */
const SEGMENT_REFUSALS: ReadonlySet<string> = new Set(['EIO', 'EINVAL', 'EMSGSIZE', 'EOPNOTSUPP']);

export class EpollSockets implements PeerSockets {
  readonly #libc: Libc;
  readonly #epoll: number;
  readonly #events = Buffer.allocUnsafeSlow(EVENTS_MAX * EPOLL_EVENT_BYTES);
  readonly #eventWords = new Int32Array(this.#events.buffer, 0, EVENTS_MAX * EVENT_WORDS);
  readonly #received = Buffer.allocUnsafeSlow(DATAGRAM_BYTES_MAX);
  readonly #sockets: (WatchedSocket | undefined)[] = [];
  readonly #freeSlots: number[] = [];
  #generation = 0;

  /** @param waker a descriptor that ends the sleep when it is readable */
  constructor(libc: Libc, waker: number) {
    this.#libc = libc;
    this.#epoll = libc.epoll_create1(EPOLL_CLOEXEC);
    if (this.#epoll < 0) throw new Error(`epoll_create1: ${findErrorName(libc.errno())}`);
    this.#watch(waker, WAKER_SLOT, 0);
  }

  allocate(bytes: number): SendMemory {
    const memory = Buffer.allocUnsafeSlow(bytes);
    return { bytes: memory, address: Number(this.#libc.addressOf(memory)) };
  }

  /** @throws RackError `socket-refused` */
  open(request: PeerRequest, listener: PeerListener): PeerSocket {
    let fd = this.#openConnected(request);
    let localPort = this.#readPort(fd);
    if (localPort === request.avoidedPort) {
      // Close the first socket afterwards, so that the system does not choose its port again.
      const avoidedFd = fd;
      fd = this.#openConnected(request);
      localPort = this.#readPort(fd);
      this.#libc.close(avoidedFd);
    }
    const libc = this.#libc;
    const strayChannel = this.#watchStrays(fd, request, localPort, listener);
    return this.#add(fd, (generation, forget) => {
      const onClose = (): void => {
        forget();
        strayChannel?.close();
      };
      return new EpollSocket(libc, fd, localPort, generation, listener, onClose);
    });
  }

  /** `undefined` where the system has no further socket; strays then get no answer. */
  #watchStrays(
    owner: number,
    request: PeerRequest,
    localPort: number,
    listener: PeerListener,
  ): WatchedSocket | undefined {
    try {
      this.#setShared(owner, true);
      const fd = this.#openConnected({ ...request, port: 0 }, localPort);
      // No other program may share the port.
      for (const descriptor of [owner, fd]) this.#setShared(descriptor, false);
      return this.#add(fd, (generation, forget) => new StraySocket(this.#libc, fd, generation, listener, forget));
    } catch {
      return undefined;
    }
  }

  #add<T extends WatchedSocket>(fd: number, make: (generation: number, forget: () => void) => T): T {
    const slot = this.#freeSlots.pop() ?? this.#sockets.length;
    this.#generation = (this.#generation + 1) & 0x7fffffff;
    const socket = make(this.#generation, () => {
      this.#sockets[slot] = undefined;
      this.#freeSlots.push(slot);
    });
    this.#sockets[slot] = socket;
    this.#watch(fd, slot, this.#generation);
    return socket;
  }

  /**
   * Sleeps for at most `waitMs` milliseconds, calls `awake`, and then delivers what has arrived.
   * @returns true if the waker was readable
   */
  work(waitMs: number, awake: () => void): boolean {
    const count = this.#libc.epoll_wait(this.#epoll, this.#events, EVENTS_MAX, waitMs);
    if (count < 0) {
      const code = findErrorName(this.#libc.errno());
      if (code !== 'EINTR') throw new Error(`epoll_wait: ${code}`);
    }
    awake();
    let isWoken = false;
    for (let word = DATA_WORD; word < count * EVENT_WORDS; word += EVENT_WORDS) {
      const slot = this.#eventWords[word] ?? WAKER_SLOT;
      const socket = this.#sockets[slot];
      if (slot === WAKER_SLOT) isWoken = true;
      else if (socket !== undefined && socket.generation === this.#eventWords[word + 1]) socket.receive(this.#received);
    }
    return isWoken;
  }

  /** Closes every socket: the thread ends. */
  close(): void {
    for (const socket of this.#sockets) socket?.close();
    this.#libc.close(this.#epoll);
  }

  /** @param localPort 0 for any free port; otherwise a port that this thread shares */
  #openConnected({ local, peer, port }: PeerRequest, localPort = 0): number {
    const libc = this.#libc;
    const fd = libc.socket(AF_INET, SOCK_DGRAM | SOCK_FLAGS, 0);
    if (fd < 0) throw refusalError('socket', libc);
    const omitOption = encodeInt(IP_PMTUDISC_OMIT);
    libc.setsockopt(fd, IPPROTO_IP, IP_MTU_DISCOVER, omitOption, omitOption.length);
    if (localPort !== 0) this.#setShared(fd, true);
    const [localAddress, peerAddress] = [encodeSocketAddress(local, localPort), encodeSocketAddress(peer, port)];
    for (const [name, call] of [
      ['bind', () => libc.bind(fd, localAddress, localAddress.length)],
      ['connect', () => libc.connect(fd, peerAddress, peerAddress.length)],
    ] as const) {
      if (call() === 0) continue;
      const error = refusalError(name, libc);
      libc.close(fd);
      throw error;
    }
    return fd;
  }

  #setShared(fd: number, isShared: boolean): void {
    const value = encodeInt(isShared ? 1 : 0);
    this.#libc.setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, value, value.length);
  }

  #readPort(fd: number): number {
    const address = encodeSocketAddress(ANY, 0);
    this.#libc.getsockname(fd, address, encodeInt(address.length));
    return ((address[2] ?? 0) << 8) | (address[3] ?? 0);
  }

  #watch(fd: number, slot: number, generation: number): void {
    const event = new Int32Array(EVENT_WORDS);
    event[0] = EPOLLIN;
    event[DATA_WORD] = slot;
    event[DATA_WORD + 1] = generation;
    if (this.#libc.epoll_ctl(this.#epoll, EPOLL_CTL_ADD, fd, new Uint8Array(event.buffer)) !== 0)
      throw new Error(`epoll_ctl: ${findErrorName(this.#libc.errno())}`);
  }
}

/** A socket that an event names. */
interface WatchedSocket {
  readonly generation: number;
  /** Takes one datagram, or the report of an error. */
  receive(buffer: Uint8Array): void;
  close(): void;
}

class StraySocket implements WatchedSocket {
  readonly generation: number;
  readonly #libc: Libc;
  readonly #fd: number;
  readonly #listener: PeerListener;
  readonly #forget: () => void;
  #isClosed = false;

  constructor(libc: Libc, fd: number, generation: number, listener: PeerListener, forget: () => void) {
    this.#libc = libc;
    this.#fd = fd;
    this.generation = generation;
    this.#listener = listener;
    this.#forget = forget;
  }

  receive(buffer: Uint8Array): void {
    const senderAddress = encodeSocketAddress(ANY, 0);
    const length = this.#libc.recvfrom(
      this.#fd,
      buffer,
      DATAGRAM_BYTES_MAX,
      0,
      senderAddress,
      encodeInt(senderAddress.length),
    );
    const answer = length < 0 ? undefined : this.#listener.onStray(buffer, length);
    if (answer !== undefined)
      this.#libc.sendto(this.#fd, answer, answer.length, 0, senderAddress, senderAddress.length);
    reclaim(buffer);
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#libc.close(this.#fd);
    this.#forget();
  }
}

class EpollSocket implements PeerSocket, WatchedSocket {
  readonly localPort: number;
  readonly generation: number;
  readonly #libc: Libc;
  readonly #fd: number;
  readonly #listener: PeerListener;
  readonly #onClose: () => void;
  /**
   * The length of the segments into which the kernel cuts larger payloads. 0: it does not cut; -1:
   * it cannot.
   */
  #segmentBytes = 0;
  #isClosed = false;

  constructor(
    libc: Libc,
    fd: number,
    localPort: number,
    generation: number,
    listener: PeerListener,
    onClose: () => void,
  ) {
    this.#libc = libc;
    this.#fd = fd;
    this.localPort = localPort;
    this.generation = generation;
    this.#listener = listener;
    this.#onClose = onClose;
  }

  receive(buffer: Uint8Array): void {
    const length = this.#libc.recv(this.#fd, buffer, DATAGRAM_BYTES_MAX, 0);
    if (length >= 0) {
      this.#listener.onDatagram(buffer, length);
      reclaim(buffer);
    } else if (PEER_UNREACHABLE.has(findErrorName(this.#libc.errno()))) this.#listener.onUnreachable();
  }

  send(memory: SendMemory, start: number, length: number, segmentBytes: number): void {
    const address = memory.address + start;
    if (length <= segmentBytes) this.#sendOne(address, length);
    else if (!this.#sendSegmented(address, length, segmentBytes)) {
      for (let sentBytes = 0; sentBytes < length && !this.#isClosed; sentBytes += segmentBytes)
        this.#sendOne(address + sentBytes, Math.min(segmentBytes, length - sentBytes));
    }
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#libc.close(this.#fd);
    this.#onClose();
  }

  #sendOne(address: number, length: number): void {
    if (this.#libc.sendAt(this.#fd, address, length, 0) < 0) this.#handleRefusal(findErrorName(this.#libc.errno()), 1);
  }

  /** Sends in one call. @returns false if the kernel cannot segment here; nothing was sent then */
  #sendSegmented(address: number, length: number, segmentBytes: number): boolean {
    if (this.#segmentBytes < 0) return false;
    if (this.#segmentBytes !== segmentBytes && !this.#setSegments(segmentBytes)) return this.#setUnsegmented();
    if (this.#libc.sendAt(this.#fd, address, length, 0) >= 0) return true;
    const code = findErrorName(this.#libc.errno());
    if (SEGMENT_REFUSALS.has(code)) return this.#setUnsegmented();
    this.#handleRefusal(code, Math.ceil(length / segmentBytes));
    return true;
  }

  #setSegments(segmentBytes: number): boolean {
    this.#segmentBytes = segmentBytes;
    const value = encodeInt(segmentBytes);
    return this.#libc.setsockopt(this.#fd, SOL_UDP, UDP_SEGMENT, value, value.length) === 0;
  }

  /** Removes the option, with which the kernel might refuse even short datagrams. */
  #setUnsegmented(): false {
    this.#setSegments(0);
    this.#segmentBytes = -1;
    return false;
  }

  #handleRefusal(code: string, datagrams: number): void {
    this.#listener.onRefused(datagrams);
    // The kernel reports an ICMP error once, in the next call.
    if (code === 'ECONNREFUSED' && !this.#isClosed) this.#listener.onUnreachable();
  }
}

const refusalError = (call: string, libc: Libc): RackError =>
  new RackError('socket-refused', `no socket for a transfer: ${call}: ${findErrorName(libc.errno())}`);
