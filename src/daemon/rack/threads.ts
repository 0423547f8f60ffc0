// The threads of the daemon's process: which run, how busy each is, and how long its own event loop
// makes others wait.
//
// Sources: proc_pid_stat(5), of each thread in /proc/self/task: fields 14 and 15 are the time that
// it used a processor, in 1/100 s. Node gives a worker's thread its name (15 characters).
//
// 1. A thread that another thread starts is known only to its starter: the region's threads for
//    images are not listed.
// 2. A thread is busy while it uses a processor. The share of an event loop is no measure, because
//    a thread that waits in the kernel counts as active there.

import { readdirSync, readFileSync } from 'node:fs';
import { type EventLoopUtilization, monitorEventLoopDelay, performance } from 'node:perf_hooks';
import type { Worker } from 'node:worker_threads';
import type { HostThreads } from '../../region/records/rack-measures.ts';

/** How often the event loop is sampled, in milliseconds: a shorter delay is often missed. */
const RESOLUTION_MS = 50;
/** The clock tick of all architectures that Node runs on. */
const TICK_MS = 10;
const TASKS = '/proc/self/task';
const NAME_CHARACTERS_MAX = 15;

/**
 * The time that each thread used a processor since its start, by its name; empty if the system does
 * not report it.
 */
function readUsedTimes(): ReadonlyMap<string, number> {
  const usedMsByName = new Map<string, number>();
  try {
    for (const task of readdirSync(TASKS)) {
      const [, comm = '', fieldsText = ''] =
        /^\d+ \((.*)\) (.*)$/s.exec(readFileSync(`${TASKS}/${task}/stat`, 'latin1')) ?? [];
      const [user, system] = fieldsText.split(' ').slice(11, 13).map(Number);
      const name = Number(task) === process.pid ? OWN_NAME : comm;
      usedMsByName.set(name, (usedMsByName.get(name) ?? 0) + ((user ?? 0) + (system ?? 0)) * TICK_MS);
    }
  } catch {
    // A thread ended meanwhile, or this is another system: the next measure says more.
  }
  return usedMsByName;
}

/** The time that a thread used a processor, in milliseconds; `undefined` if no thread has this name. */
export const readUsedTime = (name: string): number | undefined => readUsedTimes().get(name);

const OWN_NAME = 'rack';

/** Create it before the first thread starts. */
export class ThreadWatch {
  readonly #delay = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  readonly #workers = new Set<Worker>();
  #loopUtilization: EventLoopUtilization = performance.eventLoopUtilization();
  #usedMsByName = readUsedTimes();
  readonly #addWorker = (worker: Worker): void => {
    this.#workers.add(worker);
    worker.once('exit', () => this.#workers.delete(worker));
  };

  constructor() {
    this.#delay.enable();
    process.on('worker', this.#addWorker);
  }

  /** Measures since the previous call. */
  measure(): HostThreads {
    const loopUtilization = performance.eventLoopUtilization();
    const { idle, active } = performance.eventLoopUtilization(loopUtilization, this.#loopUtilization);
    const usedMsByName = readUsedTimes();
    const usedBefore = this.#usedMsByName;
    [this.#loopUtilization, this.#usedMsByName] = [loopUtilization, usedMsByName];
    const names = [OWN_NAME, ...[...this.#workers].map(({ threadName }) => threadName ?? '')];
    const threads = names.map((name) => {
      const shortName = name.slice(0, NAME_CHARACTERS_MAX);
      const usedMs = (usedMsByName.get(shortName) ?? 0) - (usedBefore.get(shortName) ?? 0);
      return { name, busy: Math.min(1, Math.max(0, usedMs / Math.max(1, idle + active))) };
    });
    // The monitor also counts the time between two samples.
    const delayMs = Math.max(0, Math.round(this.#delay.max / 1e6) - RESOLUTION_MS);
    this.#delay.reset();
    return { threads, delayMs };
  }

  close(): void {
    this.#delay.disable();
    process.off('worker', this.#addWorker);
  }
}
