// The main thread's side of the net worker.
//
// 1. After its first list the worker does not keep the process alive, unless it is being stopped.

import { threadFile } from '../../ground/thread-file.ts';
import { KernelThread } from '../linux/kernel-thread.ts';
import type { FromNetWorker, ToNetWorker } from './net-message.ts';

interface NetThreadListener {
  onMessage(message: FromNetWorker): void;
  /** Called when the thread ended unexpectedly; no more messages follow. */
  onFailure(reason: unknown): void;
}

export class NetThread extends KernelThread<ToNetWorker, FromNetWorker> {
  /** Throws if the C library cannot be called. */
  constructor(listener: NetThreadListener) {
    super({
      name: 'net',
      file: threadFile('network'),
      onMessage: (message) => {
        if (message.kind === 'interfaces') this.unref();
        listener.onMessage(message);
      },
      onFailure: (reason) => listener.onFailure(reason),
    });
  }
}
