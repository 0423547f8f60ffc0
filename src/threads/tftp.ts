// The thread that runs the transfers of TFTP (`tftp/transfer-engine.ts`). It sleeps in
// epoll_wait(2) until a client's packet arrives, a deadline passes, or the server's thread writes
// the eventfd. Source: epoll(7).
//
// 1. A thread in epoll_wait can end only when it wakes. It wakes at least every SLEEP_MS_MAX, and
//    at once when the eventfd is written.
// 2. All packets of one wake-up get the same time, because reading the clock for each would cost as
//    much as parsing it.

import { parentPort, workerData } from 'node:worker_threads';
import { systemClock } from '../ground/clock.ts';
import { keepCompiledCode } from '../ground/compiled-code.ts';
import { EpollSockets } from '../net/datagrams/peer-epoll.ts';
import { CachedReads } from '../net/linux/cached-reads.ts';
import { type Libc, loadLibc } from '../net/linux/libc.ts';
import { takeMessages } from '../net/linux/thread-inbox.ts';
import { SharedTransferState } from '../tftp/shared-transfer-state.ts';
import { type TransferCommand, TransferEngine } from '../tftp/transfer-engine.ts';
import type { TransferThreadData } from '../tftp/transfer-runner.ts';

/** The longest sleep, in milliseconds. */
const SLEEP_MS_MAX = 2000;

function runTransferThread(data: TransferThreadData): void {
  const libc = loadLibc();
  const sockets = new EpollSockets(libc, data.eventFd);
  try {
    runEngine(libc, sockets, data);
  } finally {
    // The descriptors would stay open after the thread has ended.
    sockets.close();
  }
}

function runEngine(libc: Libc, sockets: EpollSockets, { eventFd, memory }: TransferThreadData): void {
  const cached = new CachedReads(libc);
  let now = systemClock.now();
  const wake = (): void => {
    now = systemClock.now();
  };
  const engine = new TransferEngine({
    clock: { now: () => now },
    sockets,
    state: new SharedTransferState(memory),
    report: (report) => parentPort?.postMessage(report),
    readCached: (fd, address, offset, length) => cached.read(fd, address, offset, length),
  });
  let hasKeptCode = false;
  for (let isStopped = false; !isStopped; ) {
    const { nextAt } = engine;
    const waitMs = nextAt === undefined ? SLEEP_MS_MAX : Math.min(SLEEP_MS_MAX, Math.max(0, Math.ceil(nextAt - now)));
    const isWoken = sockets.work(waitMs, wake);
    if (isWoken) isStopped = takeMessages<TransferCommand>(libc, eventFd, (order) => engine.obey(order));
    if (nextAt !== undefined) engine.work();
    // The compiled code is kept when the first transfers have ended, so that it contains the code
    // of whole transfers.
    if (hasKeptCode || nextAt === undefined || engine.nextAt !== undefined) continue;
    keepCompiledCode();
    hasKeptCode = true;
  }
}

// Without a parent, `rackboot warm` only compiles this file.
if (parentPort !== null) runTransferThread(workerData);
