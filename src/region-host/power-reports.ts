// Reports to the region how commands ended and which power states were read, until its store has
// taken each report.
//
// 1. A report that the store cannot take at the moment is repeated by `repeat`. The store may have
//    taken it although its answer was lost: a repeated report says when the first one was made, so
//    that no end is reported twice.
// 2. An end is in the ledger before the region hears of it. Otherwise the next process would take
//    the command for one that was under way.
// 3. A process that hung reports nothing that is out of date when it continues: neither the end of
//    a command that has another end by then, nor anything once another process has the duties. That
//    process finds out what happened, and reports it.

import type { Clock } from '../ground/clock.ts';
import { reachesStore } from '../ground/errors.ts';
import type { PowerLedger } from '../power/ledger.ts';
import type { EndedCommand } from '../power/switchboard.ts';
import type { MachineLife } from '../region/life/machine-life.ts';
import type { PowerView } from '../region/life/power-life.ts';
import { powerTask } from './power-commands.ts';

interface PowerReportsDeps {
  readonly clock: Clock;
  readonly ledger: Pick<PowerLedger, 'end' | 'whileOnDuty'>;
  /** Undefined before the first `begin`. */
  readonly life: () => Pick<MachineLife, 'powerSwitched' | 'powerSeen'> | undefined;
  readonly reading: (systemId: string) => PowerView | undefined;
  /** Called when the end of a machine's command was taken. */
  readonly onTaken: (systemId: string) => void;
}

/** An end that the store has not taken yet, as far as is known. */
interface OwedEnd {
  readonly ended: EndedCommand;
  /** When it was first reported: wall clock, in milliseconds. */
  readonly firstMs: number;
  readonly isUnderWay: boolean;
}

export class PowerReports {
  readonly #deps: PowerReportsDeps;
  /** Ends of commands that the store has not taken yet, by the command's id; at most one of each machine. */
  readonly #ends = new Map<string, OwedEnd>();
  /** Machines whose last reading the store has not taken yet. */
  readonly #undelivered = new Set<string>();
  #isClosed = false;

  constructor(deps: PowerReportsDeps) {
    this.#deps = deps;
  }

  /** True until the store has taken the end of this command. Meanwhile its machine gets no other command. */
  owes(id: string): boolean {
    return this.#ends.has(id);
  }

  async ended(ended: EndedCommand): Promise<void> {
    const { id, machine, command, outcome: end, wasOff, wasRecordedBefore } = ended;
    const { ledger, life } = this.#deps;
    if (this.#isClosed) return;
    const reportedMs = this.#ends.get(id)?.firstMs;
    const firstMs = reportedMs ?? this.#deps.clock.wallTimeMs();
    this.#ends.set(id, { ended, firstMs, isUnderWay: true });
    const { kind, detail } = end;
    const flags = { wasOff: wasOff === true, isKnown: wasRecordedBefore === true };
    const result = { id, task: powerTask(command), kind, detail, ...flags, reportedMs };
    let isTaken = false;
    try {
      isTaken = await reachesStore(async () => {
        if (ended.isRecorded !== true && !(await this.#keep(ended))) return;
        await ledger.whileOnDuty(async () => life()?.powerSwitched(machine, result));
      });
    } finally {
      // Keep the end even after a fault: the machine gets no other command until the store has taken it.
      if (isTaken) this.#ends.delete(id);
      else this.#ends.set(id, { ended, firstMs, isUnderWay: false });
    }
    if (isTaken) this.#deps.onTaken(machine);
  }

  async read(systemId: string): Promise<void> {
    if (this.#isClosed) return;
    this.#undelivered.add(systemId);
    const { ledger, life, reading } = this.#deps;
    const view = reading(systemId);
    const isTaken = await reachesStore(
      async () => view && ledger.whileOnDuty(async () => life()?.powerSeen(systemId, view.state, view.detail)),
    );
    if (isTaken) this.#undelivered.delete(systemId);
  }

  async repeat(): Promise<void> {
    // A report under way may still be taken, and a second one would report the end twice.
    for (const { ended, isUnderWay } of [...this.#ends.values()]) if (!isUnderWay) await this.ended(ended);
    for (const systemId of [...this.#undelivered]) await this.read(systemId);
  }

  /**
   * Forgets readings, and writes ends to the ledger without reporting them: another process has the
   * duties now.
   */
  async handOver(): Promise<void> {
    const ends = [...this.#ends.values()];
    this.#ends.clear();
    this.#undelivered.clear();
    for (const { ended } of ends) await reachesStore(() => this.#keep(ended));
  }

  close(): void {
    this.#isClosed = true;
  }

  /** @returns false if another process has found another end, and reports that */
  #keep({ id, outcome }: EndedCommand): Promise<boolean> {
    return this.#deps.ledger.end(id, outcome, this.#deps.clock.wallTimeMs());
  }
}
