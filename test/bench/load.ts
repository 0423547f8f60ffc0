// What every load of ours shares: its settings, its measure of both sides' processors, and the way its figures leave.

import { systemClock } from '../../src/clock.ts';
import type { Figure } from './figure.ts';
import { cpuSecondsOf } from './process-cpu.ts';

/** The settings that the ground adds to those of a load. */
export interface LoadSettings {
  readonly serverPids: readonly number[];
}

/** The settings this load was started with. */
export function readSettings<T extends object>(): T & LoadSettings {
  return JSON.parse(process.argv[2] ?? '{}');
}

/** Tells the ground what was measured, and ends the load. */
export function finishLoad(figures: readonly Figure[]): never {
  console.log(`\n${JSON.stringify(figures)}`);
  process.exit(0);
}

/** Time and processor time from its making on. */
export class Span {
  readonly #serverPids: readonly number[];
  readonly #startedAt = systemClock.now();
  readonly #serverCpu: number;
  readonly #ownCpu = cpuSecondsOf('self');

  constructor(settings: LoadSettings) {
    this.#serverPids = settings.serverPids;
    this.#serverCpu = this.#server();
  }

  /** Seconds that have passed, and the cores that the server and this load kept busy on average. */
  end(): { readonly seconds: number; readonly serverCpuSeconds: number; readonly loadCores: number } {
    const seconds = (systemClock.now() - this.#startedAt) / 1000;
    return {
      seconds,
      serverCpuSeconds: this.#server() - this.#serverCpu,
      loadCores: (cpuSecondsOf('self') - this.#ownCpu) / seconds,
    };
  }

  #server(): number {
    return this.#serverPids.reduce((sum, pid) => sum + cpuSecondsOf(pid), 0);
  }
}
