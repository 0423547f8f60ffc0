// What the net worker and the main thread say to each other.

import type { HostInterface } from './host-interface.ts';

/** Handed to the worker when it starts. */
export interface NetWorkerData {
  /** The eventfd by which the worker is woken: descriptors are shared by all threads of a process. */
  readonly eventFd: number;
}

/** From the main thread; it takes effect once the eventfd was written. */
export type ToNetWorker = { readonly kind: 'stop' };

/** From the worker: the interfaces, at first and after every change. */
export type FromNetWorker = { readonly kind: 'interfaces'; readonly interfaces: readonly HostInterface[] };
