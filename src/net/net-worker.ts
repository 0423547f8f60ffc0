// The thread that sleeps in poll(2) until the kernel has news of an interface or the main thread writes the eventfd.
// Sources: poll(2), eventfd(2), netlink(7).
//
// 1. The subscription comes before the first dump, so no change falls between them.
// 2. A thread in poll can only be ended by waking it: poll returns at least every POLL_MS, and at once when the eventfd is written.
// 3. An overrun of the netlink queue (ENOBUFS) and an interrupted dump are made good by another dump.

import { parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads';
import type { HostInterface } from './host-interface.ts';
import { InterfaceTable, sameInterfaces } from './interface-table.ts';
import { errorName, loadLibc } from './libc.ts';
import type { FromNetWorker, NetWorkerData, ToNetWorker } from './net-message.ts';
import {
  decodeNetlink,
  encodeDumpRequest,
  NETLINK_DATAGRAM_BYTES_MAX,
  NETLINK_GROUPS,
  type NetlinkMessage,
  RTM_GETADDR,
  RTM_GETLINK,
} from './netlink.ts';
import { AF_NETLINK, MSG_DONTWAIT, netlinkAddress, SOCK_FLAGS, SOCK_RAW } from './wire-structs.ts';

/** The longest sleep, in milliseconds. */
const POLL_MS = 2000;
/** Datagrams read in a row before the main thread's messages are looked at again. */
const DRAIN_MAX = 256;
/** Dumps in a row that failed or were interrupted before the thread rests until the next wake. */
const DUMP_RETRIES_MAX = 8;
const POLLIN = 1;
const POLLFD_BYTES = 8;

const libc = loadLibc();

class InterfaceListener {
  readonly fd: number;
  readonly #table = new InterfaceTable();
  readonly #buffer = Buffer.allocUnsafeSlow(NETLINK_DATAGRAM_BYTES_MAX);
  #sequence = 0;
  /** What the running dump is about; undefined when none runs. */
  #dumping: typeof RTM_GETLINK | typeof RTM_GETADDR | undefined;
  #failures = 0;
  #told: readonly HostInterface[] | undefined;

  constructor() {
    this.fd = libc.socket(AF_NETLINK, SOCK_RAW | SOCK_FLAGS, 0);
    if (this.fd < 0) throw new Error(`netlink socket: ${errorName(libc.errno())}`);
    const address = netlinkAddress(NETLINK_GROUPS);
    if (libc.bind(this.fd, address, address.length) !== 0) throw new Error(`netlink bind: ${errorName(libc.errno())}`);
  }

  /** Asks for everything, unless that failed too often in a row. */
  dump(): void {
    this.#table.startDump();
    this.#request(RTM_GETLINK);
  }

  /** To be called after every wake: a dump that was given up is tried again. */
  recover(): void {
    if (this.#failures < DUMP_RETRIES_MAX) return;
    this.#failures = 0;
    this.dump();
  }

  /** Reads what is queued and tells the main thread when the list has changed. */
  drain(): void {
    for (let count = 0; count < DRAIN_MAX; count += 1) {
      const length = libc.recv(this.fd, this.#buffer, this.#buffer.length, MSG_DONTWAIT);
      if (length < 0) {
        const code = errorName(libc.errno());
        if (code === 'EAGAIN') break;
        // Anything else would come again at once, for ever: end, so that the main thread finds another way.
        if (code !== 'ENOBUFS' && code !== 'EINTR') throw new Error(`netlink: ${code}`);
        if (code === 'ENOBUFS') this.#again();
        continue;
      }
      const messages = decodeNetlink(this.#buffer.subarray(0, length));
      if (messages.ok) for (const message of messages.value) this.#take(message);
      else this.#again();
    }
    if (this.#dumping === undefined) this.#tell();
  }

  #take(message: NetlinkMessage): void {
    if (message.kind !== 'done' && message.kind !== 'refused') {
      this.#table.apply(message);
      return;
    }
    if (message.sequence !== this.#sequence) return;
    if (message.kind === 'refused' ? message.errno !== 0 : message.interrupted) this.#again();
    else if (this.#dumping === RTM_GETLINK) this.#request(RTM_GETADDR);
    else this.#finish();
  }

  #finish(): void {
    this.#dumping = undefined;
    this.#failures = 0;
    this.#table.finishDump();
  }

  #again(): void {
    this.#failures += 1;
    if (this.#failures < DUMP_RETRIES_MAX) this.dump();
  }

  #request(type: typeof RTM_GETLINK | typeof RTM_GETADDR): void {
    this.#dumping = type;
    this.#sequence += 1;
    const request = encodeDumpRequest(type, this.#sequence);
    libc.send(this.fd, request, request.length, MSG_DONTWAIT);
  }

  #tell(): void {
    const interfaces = this.#table.list();
    if (this.#told !== undefined && sameInterfaces(this.#told, interfaces)) return;
    this.#told = interfaces;
    const message: FromNetWorker = { kind: 'interfaces', interfaces };
    parentPort?.postMessage(message);
  }
}

/** Empties the eventfd and the main thread's messages; true when one of them says stop. */
function toldToStop(eventFd: number): boolean {
  libc.read(eventFd, new Uint8Array(8), 8);
  if (parentPort === null) return true;
  for (let received = receiveMessageOnPort(parentPort); received; received = receiveMessageOnPort(parentPort)) {
    const message: ToNetWorker = received.message;
    if (message.kind === 'stop') return true;
  }
  return false;
}

function run(data: NetWorkerData): void {
  const listener = new InterfaceListener();
  const descriptors = Buffer.allocUnsafeSlow(2 * POLLFD_BYTES).fill(0);
  descriptors.writeInt32LE(data.eventFd, 0);
  descriptors.writeUInt16LE(POLLIN, 4);
  descriptors.writeInt32LE(listener.fd, POLLFD_BYTES);
  descriptors.writeUInt16LE(POLLIN, POLLFD_BYTES + 4);
  listener.dump();
  for (;;) {
    const ready = libc.poll(descriptors, 2, POLL_MS);
    if (ready < 0 && errorName(libc.errno()) !== 'EINTR') throw new Error(`poll: ${errorName(libc.errno())}`);
    if (toldToStop(data.eventFd)) break;
    listener.drain();
    listener.recover();
  }
  libc.close(listener.fd);
}

run(workerData);
