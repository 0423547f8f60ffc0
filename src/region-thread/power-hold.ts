// Holds back what starts a machine until the racks that boot it know what it is started for.
//
//   task on record ─ first seen at version n ─► held ─┬─ its racks have version n in force ──► goes on
//                                                     └─ HOLD_MS_MAX ─► told in the log ─────► goes on
//
// 1. One entry of a machine: that of its present task.
// 2. A task that went on once is never held again.

import type { Clock, Timer } from '../clock.ts';
import type { Acknowledgements } from '../region/racks/acknowledgements.ts';
import type { Machine } from '../region/records/machine.ts';

/** How long a machine waits for its racks; then it is started, and may boot for what it was before. */
export const HOLD_MS_MAX = 10_000;

export interface PowerHoldParts {
  readonly clock: Clock;
  readonly acknowledgements: Pick<Acknowledgements, 'missing' | 'subscribe'>;
  /** The version of the desired state on record. @throws RackError `store-unavailable` */
  readonly version: () => number;
  /** These machines are to be looked at again. */
  readonly again: (systemIds: readonly string[]) => void;
  /** A machine is started although racks have not said that they know its state. */
  readonly onUnacknowledged: (text: string) => void;
}

interface Held {
  readonly id: string;
  readonly version: number;
  /** Undefined: it went on. */
  timer: Timer | undefined;
  isLate: boolean;
}

export class PowerHold {
  readonly #parts: PowerHoldParts;
  readonly #held = new Map<string, Held>();
  readonly #unsubscribe: () => void;

  constructor(parts: PowerHoldParts) {
    this.#parts = parts;
    this.#unsubscribe = parts.acknowledgements.subscribe(() => {
      const waiting = [...this.#held].filter(([, { timer }]) => timer !== undefined).map(([systemId]) => systemId);
      if (waiting.length > 0) parts.again(waiting);
    });
  }

  /** True when the task with this name may start the machine now; else `again` is called in time. @throws as `version` does */
  mayStart(machine: Machine, id: string): boolean {
    const { acknowledgements, onUnacknowledged } = this.#parts;
    const held = this.#entryOf(machine.systemId, id);
    if (held.timer === undefined) return true;
    const missing = acknowledgements.missing(machine, held.version);
    if (missing.length > 0 && !held.isLate) return false;
    held.timer.cancel();
    held.timer = undefined;
    if (missing.length > 0) {
      const racks = missing.join(', ');
      const name = `${machine.hostname} (${machine.systemId})`;
      onUnacknowledged(
        `${name} is switched on although ${racks} did not say within ${HOLD_MS_MAX / 1000} s that it knows its state: it may boot for what it was before`,
      );
    }
    return true;
  }

  /** The machine has another task, or none: `id`. */
  keepOnly(systemId: string, id: string | undefined): void {
    const held = this.#held.get(systemId);
    if (held === undefined || held.id === id) return;
    held.timer?.cancel();
    this.#held.delete(systemId);
  }

  close(): void {
    this.#unsubscribe();
    for (const { timer } of this.#held.values()) timer?.cancel();
    this.#held.clear();
  }

  #entryOf(systemId: string, id: string): Held {
    const known = this.#held.get(systemId);
    if (known?.id === id) return known;
    const { clock, version, again } = this.#parts;
    const held: Held = { id, version: version(), timer: undefined, isLate: false };
    held.timer = clock.schedule(HOLD_MS_MAX, () => {
      held.isLate = true;
      again([systemId]);
    });
    this.keepOnly(systemId, id);
    this.#held.set(systemId, held);
    return held;
  }
}
