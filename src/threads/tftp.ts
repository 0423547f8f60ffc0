// The thread that carries the transfers of TFTP (`tftp/carriage.ts`). It sleeps in epoll_wait(2) until a client's packet arrives, a deadline
// passes, or the server's thread writes the eventfd. Source: epoll(7).
//
// 1. A thread in epoll_wait can end only when it wakes: it wakes at least every SLEEP_MS_MAX, and at once when the eventfd is written.
// 2. All packets of one wake have its time: reading the clock for each would cost as much as parsing it.

import { parentPort, workerData } from 'node:worker_threads';
import { systemClock } from '../ground/clock.ts';
import { keepCompiledCode } from '../ground/compiled-code.ts';
import { EpollSockets } from '../net/datagrams/peer-epoll.ts';
import { CachedReads } from '../net/linux/cached-reads.ts';
import { type Libc, loadLibc } from '../net/linux/libc.ts';
import { takeMessages } from '../net/linux/thread-inbox.ts';
import { Carriage, type CarriageOrder } from '../tftp/carriage.ts';
import { CarriageState } from '../tftp/carriage-state.ts';
import type { CarriageThreadData } from '../tftp/carrier.ts';

/** The longest sleep, in milliseconds. */
const SLEEP_MS_MAX = 2000;

function run(data: CarriageThreadData): void {
  const libc = loadLibc();
  const sockets = new EpollSockets(libc, data.eventFd);
  try {
    carry(libc, sockets, data);
  } finally {
    // Descriptors outlive their thread.
    sockets.close();
  }
}

function carry(libc: Libc, sockets: EpollSockets, { eventFd, memory }: CarriageThreadData): void {
  const cached = new CachedReads(libc);
  let now = systemClock.now();
  const wake = (): void => {
    now = systemClock.now();
  };
  const carriage = new Carriage({
    clock: { now: () => now },
    sockets,
    state: new CarriageState(memory),
    report: (report) => parentPort?.postMessage(report),
    readCached: (fd, address, offset, length) => cached.read(fd, address, offset, length),
  });
  let isCodeKept = false;
  for (let isStopped = false; !isStopped; ) {
    const { nextAt } = carriage;
    const waitMs = nextAt === undefined ? SLEEP_MS_MAX : Math.min(SLEEP_MS_MAX, Math.max(0, Math.ceil(nextAt - now)));
    const isWoken = sockets.work(waitMs, wake);
    if (isWoken) isStopped = takeMessages<CarriageOrder>(libc, eventFd, (order) => carriage.obey(order));
    if (nextAt !== undefined) carriage.work();
    // With the code of whole transfers: when the first have ended.
    if (isCodeKept || nextAt === undefined || carriage.nextAt !== undefined) continue;
    keepCompiledCode();
    isCodeKept = true;
  }
}

// Without a parent, `rackboot warm` only compiles it.
if (parentPort !== null) run(workerData);
