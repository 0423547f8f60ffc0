// How idle the processors of the host are.

import { cpus } from 'node:os';

/** Shorter spans say little: the host counts in hundredths of a second, and a new job waits for the disk first. */
const SPAN_MS_MIN = 3000;

interface Counted {
  readonly idleMs: number;
  readonly totalMs: number;
}

/** The idle time of all processors since `restart`, which the constructor calls. */
export class IdleTime {
  #before: Counted = count();

  restart(): void {
    this.#before = count();
  }

  /** @returns a share of the processors' time, 0 to 1; 0 until it has been measured for `SPAN_MS_MIN` */
  share(): number {
    const now = count();
    const totalMs = now.totalMs - this.#before.totalMs;
    return totalMs < SPAN_MS_MIN * cpus().length ? 0 : (now.idleMs - this.#before.idleMs) / totalMs;
  }
}

function count(): Counted {
  const times = cpus().map((cpu) => cpu.times);
  const idleMs = times.reduce((sum, { idle }) => sum + idle, 0);
  return { idleMs, totalMs: times.reduce((sum, time) => sum + Object.values(time).reduce((a, b) => a + b, 0), 0) };
}
