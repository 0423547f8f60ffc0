// The commands that another process of the region had begun and not ended when this one took its
// duties. A step of such a command may still be under way: that process may hang, or a program that
// it started may have outlived it.
//
//   find ── unended commands, their machines wait ── settleMs ──▶ recover: they end as interrupted ──▶ onSettled
//
// 1. Until then their machines get no other command, so no late step follows a newer one.
// 2. They stay without an end in the ledger until then. A third process that takes the duties
//    meanwhile finds them again, and waits as long.

import type { Clock, Timer } from '../ground/clock.ts';
import type { PowerLedger } from '../power/ledger.ts';

const RETRY_MS = 2000;

interface InterruptedDeps {
  readonly clock: Clock;
  readonly ledger: Pick<PowerLedger, 'listUnended'>;
  /** Ends each of these commands that still has no end. @returns false if the store is unavailable */
  readonly recover: (ids: ReadonlySet<string>) => Promise<boolean>;
  /** Called with the machines of the commands, which may get commands again. */
  readonly onSettled: (machines: readonly string[]) => void;
}

export class InterruptedCommands {
  readonly #deps: InterruptedDeps;
  /** The commands' machines, by the commands' ids. */
  #machines = new Map<string, string>();
  #timer: Timer | undefined;

  constructor(deps: InterruptedDeps) {
    this.#deps = deps;
  }

  /** True if a step of another process may still switch the machine. */
  has(machine: string): boolean {
    return [...this.#machines.values()].includes(machine);
  }

  /**
   * Looks for such commands. @param settleMs how long their steps may still take @throws RackError
   * `store-unavailable`
   */
  async find(settleMs: number): Promise<void> {
    this.forget();
    const before = this.#machines;
    const unended = await this.#deps.ledger.listUnended();
    // Another process may have the duties by now.
    if (before !== this.#machines) return;
    this.#machines = new Map(unended.map(({ id, machine }) => [id, machine]));
    if (unended.length > 0) this.#settleLater(settleMs, this.#machines);
  }

  /** Call when another process has the duties. */
  forget(): void {
    this.#timer?.cancel();
    this.#machines = new Map();
  }

  #settleLater(ms: number, machines: ReadonlyMap<string, string>): void {
    this.#timer = this.#deps.clock.schedule(ms, () => void this.#settle(machines));
  }

  async #settle(machines: ReadonlyMap<string, string>): Promise<void> {
    if (machines !== this.#machines) return;
    const isTaken = await this.#deps.recover(new Set(machines.keys()));
    if (machines !== this.#machines) return;
    if (!isTaken) {
      this.#settleLater(RETRY_MS, machines);
      return;
    }
    this.#machines = new Map();
    this.#deps.onSettled([...machines.values()]);
  }
}
