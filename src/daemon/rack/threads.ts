// The threads of the daemon's process: which run, how busy each is, and how long its own event loop
// makes others wait.
//
// Sources: proc_pid_stat(5), of each thread in /proc/self/task: fields 14 and 15 are the time that
// it used a processor, in 1/100 s. Node gives a worker's thread its name (15 characters).
//
// 1. A thread that another thread starts is known to that one alone: the region's threads for
//    images are not listed.
// 2. Busy is who uses a processor. The share of an event loop is no measure: a thread that waits in
//    the kernel counts as active there.

import { readdirSync, readFileSync } from 'node:fs';
import { type EventLoopUtilization, monitorEventLoopDelay, performance } from 'node:perf_hooks';
import type { Worker } from 'node:worker_threads';
import type { HostThreads } from '../../region/records/rack-measures.ts';

/** How often the event loop is looked at, in milliseconds: a shorter delay is often missed. */
const RESOLUTION_MS = 50;
/** The clock tick of all architectures that Node runs on. */
const TICK_MS = 10;
const TASKS = '/proc/self/task';
const NAME_CHARACTERS_MAX = 15;

/**
 * The time that each thread used a processor since its start, by its name; empty: the system does
 * not say.
 */
function usedTimes(): ReadonlyMap<string, number> {
  const used = new Map<string, number>();
  try {
    for (const task of readdirSync(TASKS)) {
      const [, comm = '', rest = ''] =
        /^\d+ \((.*)\) (.*)$/s.exec(readFileSync(`${TASKS}/${task}/stat`, 'latin1')) ?? [];
      const [user, system] = rest.split(' ').slice(11, 13).map(Number);
      const name = Number(task) === process.pid ? OWN : comm;
      used.set(name, (used.get(name) ?? 0) + ((user ?? 0) + (system ?? 0)) * TICK_MS);
    }
  } catch {
    // A thread ended meanwhile, or this is another system: the next measure says more.
  }
  return used;
}

/** The time that a thread used a processor, in milliseconds; undefined: there is none of this name. */
export const usedTime = (name: string): number | undefined => usedTimes().get(name);

const OWN = 'rack';

/** Create it before the first thread starts. */
export class ThreadWatch {
  readonly #delay = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  readonly #running = new Set<Worker>();
  #loop: EventLoopUtilization = performance.eventLoopUtilization();
  #used = usedTimes();
  readonly #add = (worker: Worker): void => {
    this.#running.add(worker);
    worker.once('exit', () => this.#running.delete(worker));
  };

  constructor() {
    this.#delay.enable();
    process.on('worker', this.#add);
  }

  /** Since the measure before it. */
  measure(): HostThreads {
    const loop = performance.eventLoopUtilization();
    const { idle, active } = performance.eventLoopUtilization(loop, this.#loop);
    const used = usedTimes();
    const before = this.#used;
    [this.#loop, this.#used] = [loop, used];
    const names = [OWN, ...[...this.#running].map(({ threadName }) => threadName ?? '')];
    const threads = names.map((name) => {
      const shortName = name.slice(0, NAME_CHARACTERS_MAX);
      const usedMs = (used.get(shortName) ?? 0) - (before.get(shortName) ?? 0);
      return { name, busy: Math.min(1, Math.max(0, usedMs / Math.max(1, idle + active))) };
    });
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
