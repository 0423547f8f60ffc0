// The net worker: sleeps in poll(2) until the kernel reports an interface change, a frame arrives
// on a wire, or the main thread writes the eventfd. Sources: poll(2), eventfd(2), netlink(7).
//
// 1. A thread in poll can end only when it wakes: poll returns at least every POLL_MS, and at once
//    when the eventfd is written.
// 2. An interface is reported before the frames from its wire.
// 3. If the interfaces cannot be followed, the thread ends, and the main thread starts another. If
//    only another source fails, the thread continues.

import { parentPort, workerData } from 'node:worker_threads';
import { systemClock } from '../ground/clock.ts';
import { keepCompiledCode } from '../ground/compiled-code.ts';
import { addDefaultRouters } from '../net/default-route.ts';
import type { HostInterface } from '../net/host-interface.ts';
import { findErrorName, loadLibc } from '../net/linux/libc.ts';
import { NetlinkDump } from '../net/linux/netlink-dump.ts';
import { takeMessages } from '../net/linux/thread-inbox.ts';
import { NETLINK_GROUPS, RTM_GETADDR, RTM_GETLINK } from '../net/netlink.ts';
import { InterfaceTable, isSameInterfaces } from '../net/watch/interface-table.ts';
import type { FromNetWorker, NetWorkerData, ToNetWorker } from '../net/watch/net-message.ts';
import { WireListener } from '../net/watch/wire-listener.ts';

/** The longest sleep, in milliseconds. */
const POLL_MS = 2000;
/** The most polled descriptors: the eventfd, the interfaces, and the sockets of `WireListener`. */
const DESCRIPTORS_MAX = 8;
const POLLIN = 1;
const POLLFD_BYTES = 8;

const libc = loadLibc();

function sendToRack(message: FromNetWorker): void {
  parentPort?.postMessage(message);
}

class InterfaceListener {
  readonly netlink: NetlinkDump;
  readonly #table = new InterfaceTable();
  readonly #onChange: (interfaces: readonly HostInterface[]) => void;
  #reportedInterfaces: readonly HostInterface[] | undefined;
  /** True if a message has arrived since the last list. */
  #isStale = true;

  constructor(onChange: (interfaces: readonly HostInterface[]) => void) {
    this.#onChange = onChange;
    this.netlink = new NetlinkDump(libc, NETLINK_GROUPS, [RTM_GETLINK, RTM_GETADDR], {
      onDump: () => this.#table.startDump(),
      onMessage: (message) => {
        this.#isStale = true;
        this.#table.apply(message);
      },
      onDumped: () => this.#table.finishDump(),
    });
  }

  /** Reads queued messages and reports the list if it changed. */
  work(): void {
    this.netlink.drain();
    if (this.#isStale && !this.netlink.isDumping) this.#reportIfChanged();
    this.netlink.recover();
  }

  #reportIfChanged(): void {
    this.#isStale = false;
    const interfaces = addDefaultRouters(this.#table.list());
    if (this.#reportedInterfaces !== undefined && isSameInterfaces(this.#reportedInterfaces, interfaces)) return;
    this.#reportedInterfaces = interfaces;
    this.#onChange(interfaces);
  }
}

/** Sleeps until a descriptor is readable, or for `waitMs` milliseconds. */
function pollDescriptors(pollfds: Buffer, descriptors: readonly number[], waitMs: number): void {
  const count = Math.min(descriptors.length, DESCRIPTORS_MAX);
  for (let index = 0; index < count; index += 1) {
    pollfds.writeInt32LE(descriptors[index] ?? -1, index * POLLFD_BYTES);
    pollfds.writeUInt32LE(POLLIN, index * POLLFD_BYTES + 4);
  }
  if (libc.poll(pollfds, count, waitMs) >= 0) return;
  const code = findErrorName(libc.errno());
  if (code !== 'EINTR') throw new Error(`poll: ${code}`);
}

function runNetworkThread({ eventFd }: NetWorkerData): void {
  const wire = new WireListener(libc, sendToRack);
  const listener = new InterfaceListener((interfaces) => {
    wire.interfacesChanged(interfaces);
    sendToRack({ kind: 'interfaces', interfaces });
  });
  const pollfds = Buffer.allocUnsafeSlow(DESCRIPTORS_MAX * POLLFD_BYTES).fill(0);
  listener.netlink.dump();
  for (;;) {
    const now = systemClock.now();
    const waitMs = Math.ceil(Math.min(POLL_MS, Math.max(0, (wire.nextAt ?? now + POLL_MS) - now)));
    pollDescriptors(pollfds, [eventFd, listener.netlink.fd, ...wire.listDescriptors(now)], waitMs);
    if (takeMessages<ToNetWorker>(libc, eventFd, (message) => wire.handle(message))) break;
    listener.work();
    wire.work();
  }
  listener.netlink.close();
  wire.close();
}

// The loop never returns to the thread.
keepCompiledCode();
runNetworkThread(workerData);
