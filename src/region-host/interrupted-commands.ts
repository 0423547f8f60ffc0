// The commands that another process of the region had begun, but not ended, when this process took
// the duties. A step of such a command may still be under way, because that process may hang, or a
// program that it started may still run.
//
//   find ── unended commands, whose machines wait ── settleMs ──▶ recover: the commands end as interrupted ──▶ onSettled
//
// 1. Until they are recovered, their machines get no other command, so that no late step follows a
//    newer command.
// 2. Until they are recovered, the ledger has no end for them. A third process that takes the
//    duties meanwhile finds them again, and waits as long.

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
  /** The machines of the commands, by the ids of the commands. */
  #machinesById = new Map<string, string>();
  #timer: Timer | undefined;

  constructor(deps: InterruptedDeps) {
    this.#deps = deps;
  }

  /** True if a step of another process may still switch the machine. */
  has(machine: string): boolean {
    return [...this.#machinesById.values()].includes(machine);
  }

  /**
   * Finds such commands. @param settleMs how long their steps may still take @throws RackError
   * `store-unavailable`
   */
  async find(settleMs: number): Promise<void> {
    this.forget();
    const machinesBefore = this.#machinesById;
    const unended = await this.#deps.ledger.listUnended();
    // Another process may have the duties by now.
    if (machinesBefore !== this.#machinesById) return;
    this.#machinesById = new Map(unended.map(({ id, machine }) => [id, machine]));
    if (unended.length > 0) this.#scheduleRecovery(settleMs, this.#machinesById);
  }

  /** Call when another process has the duties. */
  forget(): void {
    this.#timer?.cancel();
    this.#machinesById = new Map();
  }

  #scheduleRecovery(ms: number, machines: ReadonlyMap<string, string>): void {
    this.#timer = this.#deps.clock.schedule(ms, () => void this.#recover(machines));
  }

  async #recover(machines: ReadonlyMap<string, string>): Promise<void> {
    if (machines !== this.#machinesById) return;
    const isRecovered = await this.#deps.recover(new Set(machines.keys()));
    if (machines !== this.#machinesById) return;
    if (!isRecovered) {
      this.#scheduleRecovery(RETRY_MS, machines);
      return;
    }
    this.#machinesById = new Map();
    this.#deps.onSettled([...machines.values()]);
  }
}
