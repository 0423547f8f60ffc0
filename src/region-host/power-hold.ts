// Delays a task that starts a machine until the racks that boot it know its new state.
//
//   task on record ─ first seen at version n ─► held ─┬─ its racks have applied version n ──► released
//                                                     └─ HOLD_MS_MAX ─► logged ─────────────► released
//
// 1. A machine has one entry, for its current task.
// 2. A released task is never held again.

import type { Clock, Timer } from '../ground/clock.ts';
import type { Acknowledgements } from '../region/racks/acknowledgements.ts';
import type { Machine } from '../region/records/machine.ts';
import type { RackNote } from '../region/reports/notes.ts';

/**
 * How long a machine waits for its racks, in milliseconds. After that it is started anyway, and may
 * boot into its former state.
 */
export const HOLD_MS_MAX = 10_000;

export interface PowerHoldDeps {
  readonly clock: Clock;
  readonly acknowledgements: Pick<Acknowledgements, 'missing' | 'subscribe'>;
  /** Called with the machines to check again. */
  readonly checkAgain: (systemIds: readonly string[]) => void;
  /** Called when a machine is started although some racks have not acknowledged its state. */
  readonly onUnacknowledged: (note: RackNote) => void;
}

interface HeldTask {
  readonly id: string;
  readonly version: number;
  /** Undefined once the task is released. */
  timer: Timer | undefined;
  hasTimedOut: boolean;
}

export class PowerHold {
  readonly #deps: PowerHoldDeps;
  readonly #heldTasks = new Map<string, HeldTask>();
  readonly #unsubscribe: () => void;

  constructor(deps: PowerHoldDeps) {
    this.#deps = deps;
    this.#unsubscribe = deps.acknowledgements.subscribe(() => {
      const waiting = [...this.#heldTasks].filter(([, { timer }]) => timer !== undefined).map(([systemId]) => systemId);
      if (waiting.length > 0) deps.checkAgain(waiting);
    });
  }

  /**
   * True if the task with this id may start the machine now. Otherwise `checkAgain` is called later.
   * @throws as `version` does
   * @param version reads the version of the stored desired state. It must be read after the machine
   */
  async mayStart(machine: Machine, id: string, version: () => Promise<number>): Promise<boolean> {
    const { acknowledgements, onUnacknowledged } = this.#deps;
    const heldTask = await this.#getEntry(machine.systemId, id, version);
    if (heldTask.timer === undefined) return true;
    const missing = acknowledgements.missing(machine, heldTask.version);
    if (missing.length > 0 && !heldTask.hasTimedOut) return false;
    heldTask.timer.cancel();
    heldTask.timer = undefined;
    if (missing.length > 0) {
      const racks = missing.join(', ');
      const name = `${machine.hostname} (${machine.systemId})`;
      onUnacknowledged({ note: 'state-unacknowledged', machine: name, racks, seconds: HOLD_MS_MAX / 1000 });
    }
    return true;
  }

  /**
   * Removes the machine's entry unless it belongs to its current task. @param id of the current
   * task. Undefined if there is none
   */
  keepOnly(systemId: string, id: string | undefined): void {
    const heldTask = this.#heldTasks.get(systemId);
    if (heldTask === undefined || heldTask.id === id) return;
    heldTask.timer?.cancel();
    this.#heldTasks.delete(systemId);
  }

  close(): void {
    this.#unsubscribe();
    for (const { timer } of this.#heldTasks.values()) timer?.cancel();
    this.#heldTasks.clear();
  }

  async #getEntry(systemId: string, id: string, version: () => Promise<number>): Promise<HeldTask> {
    const existing = this.#heldTasks.get(systemId);
    if (existing?.id === id) return existing;
    const { clock, checkAgain: again } = this.#deps;
    const heldTask: HeldTask = { id, version: await version(), timer: undefined, hasTimedOut: false };
    heldTask.timer = clock.schedule(HOLD_MS_MAX, () => {
      heldTask.hasTimedOut = true;
      again([systemId]);
    });
    this.keepOnly(systemId, id);
    this.#heldTasks.set(systemId, heldTask);
    return heldTask;
  }
}
