// The threads of the daemon's process: which run, how busy each is, and how long its own event loop makes others wait.
//
// 1. A thread that another thread starts is known to that one alone: the region's threads for images are not listed.

import { type EventLoopUtilization, monitorEventLoopDelay, performance } from 'node:perf_hooks';
import type { Worker } from 'node:worker_threads';
import type { HostThreads } from '../../region/records/rack-measures.ts';

/** How often the event loop is looked at, in milliseconds: a shorter delay is often missed. */
const RESOLUTION_MS = 50;

/** Quirk: for a thread that works at the moment, Node may count less than nothing. */
const shareOf = ({ utilization }: EventLoopUtilization): number => Math.min(1, Math.max(0, utilization || 0));

interface Running {
  readonly name: string;
  /** When it was measured last. */
  last: EventLoopUtilization | undefined;
}

/** Create it before the first thread starts. */
export class ThreadWatch {
  readonly #delay = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  readonly #running = new Map<Worker, Running>();
  #own: EventLoopUtilization = performance.eventLoopUtilization();
  readonly #add = (worker: Worker): void => {
    this.#running.set(worker, { name: worker.threadName ?? '', last: undefined });
    worker.once('exit', () => this.#running.delete(worker));
  };

  constructor() {
    this.#delay.enable();
    process.on('worker', this.#add);
  }

  /** Since the measure before it. */
  measure(): HostThreads {
    const own = performance.eventLoopUtilization();
    const threads = [{ name: 'rack', busy: shareOf(performance.eventLoopUtilization(own, this.#own)) }];
    this.#own = own;
    for (const [worker, running] of this.#running) {
      const now = worker.performance.eventLoopUtilization();
      threads.push({ name: running.name, busy: shareOf(worker.performance.eventLoopUtilization(now, running.last)) });
      running.last = now;
    }
    // The monitor counts the time between two looks.
    const delayMs = Math.max(0, Math.round(this.#delay.max / 1e6) - RESOLUTION_MS);
    this.#delay.reset();
    return { threads, delayMs };
  }

  close(): void {
    this.#delay.disable();
    process.off('worker', this.#add);
  }
}
