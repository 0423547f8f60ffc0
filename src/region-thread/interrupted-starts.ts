// The machines whose power-on was interrupted by the end of a process. Each is queried until it is seen off, which lets the region switch it on
// (`power-life.ts`), or until it shows a sign of life or its time is over.
//
// 1. Nothing is switched here, and nothing is queried while the machine has a power task.

import type { Clock } from '../clock.ts';
import { isInterrupted } from '../region/life/state-power.ts';
import type { Machine } from '../region/records/machine.ts';

/** The wait before each query, in milliseconds: the last step of the former process may still take effect. */
const LOOK_EVERY_MS = 5000;

interface InterruptedStartsParts {
  readonly clock: Clock;
  /** Queries a machine soon, if it is watched. */
  readonly look: (systemId: string) => void;
  /** Reports a machine's last reading. */
  readonly report: (systemId: string) => Promise<void>;
  /** Checks these machines again. */
  readonly again: (systemIds: readonly string[]) => void;
}

export class InterruptedStarts {
  readonly #parts: InterruptedStartsParts;
  #waiting = new Set<string>();

  constructor(parts: InterruptedStartsParts) {
    this.#parts = parts;
  }

  /** Call with each record that was read. */
  check(machine: Machine): void {
    const { systemId, powerTask } = machine;
    const waiting = this.#waiting;
    if (powerTask !== undefined || !isInterrupted(machine) || waiting.has(systemId)) return;
    waiting.add(systemId);
    this.#parts.clock.schedule(LOOK_EVERY_MS, () => {
      if (waiting === this.#waiting) void this.#look(systemId);
    });
  }

  /** Call when another process has the duties. */
  forget(): void {
    this.#waiting = new Set();
  }

  async #look(systemId: string): Promise<void> {
    const { look, report, again } = this.#parts;
    this.#waiting.delete(systemId);
    look(systemId);
    // The region may have ignored a reading that came before the end of the command was recorded.
    await report(systemId);
    again([systemId]);
  }
}
