// Holds back a task that starts a machine until the racks that boot it know its new state.
//
//   task on record ─ first seen at version n ─► held ─┬─ its racks have applied version n ──► released
//                                                     └─ HOLD_MS_MAX ─► logged ─────────────► released
//
// 1. A machine has one entry: that of its current task.
// 2. A released task is never held again.

import type { Clock, Timer } from '../ground/clock.ts';
import type { Acknowledgements } from '../region/racks/acknowledgements.ts';
import type { Machine } from '../region/records/machine.ts';
import type { RackNote } from '../region/reports/notes.ts';

/**
 * How long a machine waits for its racks, in milliseconds. Then it is started, and may boot into
 * its former state.
 */
export const HOLD_MS_MAX = 10_000;

export interface PowerHoldDeps {
  readonly clock: Clock;
  readonly acknowledgements: Pick<Acknowledgements, 'missing' | 'subscribe'>;
  /** Called with the machines to check again. */
  readonly again: (systemIds: readonly string[]) => void;
  /** Called when a machine is started although some racks have not acknowledged its state. */
  readonly onUnacknowledged: (note: RackNote) => void;
}

interface Held {
  readonly id: string;
  readonly version: number;
  /** Undefined once the task is released. */
  timer: Timer | undefined;
  isLate: boolean;
}

export class PowerHold {
  readonly #deps: PowerHoldDeps;
  readonly #held = new Map<string, Held>();
  readonly #unsubscribe: () => void;

  constructor(deps: PowerHoldDeps) {
    this.#deps = deps;
    this.#unsubscribe = deps.acknowledgements.subscribe(() => {
      const waiting = [...this.#held].filter(([, { timer }]) => timer !== undefined).map(([systemId]) => systemId);
      if (waiting.length > 0) deps.again(waiting);
    });
  }

  /**
   * True if the task with this id may start the machine now; otherwise `again` is called later.
   * @throws as `version` does
   * @param version reads the version of the stored desired state, not before the machine was read
   */
  async mayStart(machine: Machine, id: string, version: () => Promise<number>): Promise<boolean> {
    const { acknowledgements, onUnacknowledged } = this.#deps;
    const held = await this.#entryOf(machine.systemId, id, version);
    if (held.timer === undefined) return true;
    const missing = acknowledgements.missing(machine, held.version);
    if (missing.length > 0 && !held.isLate) return false;
    held.timer.cancel();
    held.timer = undefined;
    if (missing.length > 0) {
      const racks = missing.join(', ');
      const name = `${machine.hostname} (${machine.systemId})`;
      onUnacknowledged({ note: 'state-unacknowledged', machine: name, racks, seconds: HOLD_MS_MAX / 1000 });
    }
    return true;
  }

  /**
   * Drops the machine's entry unless it belongs to task `id`, its current task; `undefined` if it
   * has none.
   */
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

  async #entryOf(systemId: string, id: string, version: () => Promise<number>): Promise<Held> {
    const present = this.#held.get(systemId);
    if (present?.id === id) return present;
    const { clock, again } = this.#deps;
    const held: Held = { id, version: await version(), timer: undefined, isLate: false };
    held.timer = clock.schedule(HOLD_MS_MAX, () => {
      held.isLate = true;
      again([systemId]);
    });
    this.keepOnly(systemId, id);
    this.#held.set(systemId, held);
    return held;
  }
}
