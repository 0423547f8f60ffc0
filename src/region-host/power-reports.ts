// Reports to the region how commands ended and which power states were read. Each report is
// repeated until the region's store has it.
//
// 1. A report that the store could not accept is repeated by `retryReports`. The store may have
//    accepted it although its answer was lost. So a repeated report states when the first one was
//    made, and no end is recorded twice.
// 2. An end is written to the ledger before it is reported to the region. Otherwise the next holder
//    of the duties would treat the command as still under way.
// 3. A process that hung reports nothing out of date when it continues. It does not report the end
//    of a command that has another end by then, nor anything once another process has the duties.
//    That other process finds out what happened, and reports it.

import type { Clock } from '../ground/clock.ts';
import { reachesStore } from '../ground/errors.ts';
import type { PowerLedger } from '../power/ledger.ts';
import type { EndedCommand } from '../power/switchboard.ts';
import type { MachineLife } from '../region/life/machine-life.ts';
import type { PowerView } from '../region/life/power-life.ts';
import { toPowerTask } from './power-commands.ts';

interface PowerReportsDeps {
  readonly clock: Clock;
  readonly ledger: Pick<PowerLedger, 'end' | 'whileOnDuty'>;
  /** Returns the region's interface for reports. Undefined before the first `begin`. */
  readonly life: () => Pick<MachineLife, 'powerSwitched' | 'powerSeen'> | undefined;
  readonly getReading: (systemId: string) => PowerView | undefined;
  /** Called when the store has accepted the end of a machine's command. */
  readonly onStored: (systemId: string) => void;
}

/** An end that, as far as this process knows, the store does not have yet. */
interface UnreportedEnd {
  readonly ended: EndedCommand;
  /** The wall time of the first report, in milliseconds. */
  readonly firstMs: number;
  readonly isUnderWay: boolean;
}

export class PowerReports {
  readonly #deps: PowerReportsDeps;
  /** Ends of commands that the store does not have yet, by the command's id. At most one per machine. */
  readonly #unreportedEnds = new Map<string, UnreportedEnd>();
  /** Machines whose last reading the store does not have yet. */
  readonly #unreportedReadings = new Set<string>();
  #isClosed = false;

  constructor(deps: PowerReportsDeps) {
    this.#deps = deps;
  }

  /** True until the store has the end of this command. Meanwhile its machine gets no other command. */
  hasUnreportedEnd(id: string): boolean {
    return this.#unreportedEnds.has(id);
  }

  async reportEnd(ended: EndedCommand): Promise<void> {
    const { id, machine, command, outcome: commandOutcome, wasOff, wasRecordedBefore } = ended;
    const { ledger, life } = this.#deps;
    if (this.#isClosed) return;
    const reportedMs = this.#unreportedEnds.get(id)?.firstMs;
    const firstMs = reportedMs ?? this.#deps.clock.wallTimeMs();
    this.#unreportedEnds.set(id, { ended, firstMs, isUnderWay: true });
    const { kind, detail } = commandOutcome;
    const flags = { wasOff: wasOff === true, isKnown: wasRecordedBefore === true };
    const result = { id, task: toPowerTask(command), kind, detail, ...flags, reportedMs };
    let isStored = false;
    try {
      isStored = await reachesStore(async () => {
        if (ended.isRecorded !== true && !(await this.#recordEnd(ended))) return;
        await ledger.whileOnDuty(async () => life()?.powerSwitched(machine, result));
      });
    } finally {
      // The end is kept even after a fault. The machine gets no other command until the store has it.
      if (isStored) this.#unreportedEnds.delete(id);
      else this.#unreportedEnds.set(id, { ended, firstMs, isUnderWay: false });
    }
    if (isStored) this.#deps.onStored(machine);
  }

  async reportReading(systemId: string): Promise<void> {
    if (this.#isClosed) return;
    this.#unreportedReadings.add(systemId);
    const { ledger, life, getReading: reading } = this.#deps;
    const view = reading(systemId);
    const isStored = await reachesStore(
      async () => view && ledger.whileOnDuty(async () => life()?.powerSeen(systemId, view.state, view.detail)),
    );
    if (isStored) this.#unreportedReadings.delete(systemId);
  }

  async retryReports(): Promise<void> {
    // A report under way may still succeed, and a second one would then report the end twice.
    for (const { ended, isUnderWay } of [...this.#unreportedEnds.values()])
      if (!isUnderWay) await this.reportEnd(ended);
    for (const systemId of [...this.#unreportedReadings]) await this.reportReading(systemId);
  }

  /**
   * Forgets readings, and writes ends to the ledger without reporting them. Called when another
   * process has the duties.
   */
  async handOver(): Promise<void> {
    const ends = [...this.#unreportedEnds.values()];
    this.#unreportedEnds.clear();
    this.#unreportedReadings.clear();
    for (const { ended } of ends) await reachesStore(() => this.#recordEnd(ended));
  }

  close(): void {
    this.#isClosed = true;
  }

  /**
   * Writes an end to the ledger. @returns false if another process has found another end, which it
   * reports itself
   */
  #recordEnd({ id, outcome }: EndedCommand): Promise<boolean> {
    return this.#deps.ledger.end(id, outcome, this.#deps.clock.wallTimeMs());
  }
}
