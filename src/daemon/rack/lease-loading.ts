// The leases of earlier lives of the rack: put into the table at the start, and those told of that ended while no rack ran.
//
//   loadLeases ─ table ─ rack opens ─ region's reader is there ─ reportMissed ─ EXPIRED_PER_TURN_MAX … all told ─ note
//
// 1. What ended meanwhile is told after those are there who want to hear it, unless its client has come back by then.
// 2. Until all of it is told nothing is noted as told: a process that ends in between begins anew.

import { type Clock, type Instant, later, type Timer } from '../../clock.ts';
import type { Lease } from '../../dhcp/leases/lease.ts';
import { type HostMoment, restoreLeases, restoreMoment } from '../../dhcp/leases/lease-clock.ts';
import { LeaseTable } from '../../dhcp/leases/lease-table.ts';
import { EXPIRED_PER_TURN_MAX } from '../../dhcp/responder.ts';
import { readHostMoment } from '../../store/host-clocks.ts';
import { ReportedEnds, readReportedEnds } from '../../store/reported-ends.ts';
import type { LeaseFileContents } from '../../store/stored-leases.ts';

/** How exactly two moments on the disk compare, in milliseconds: uptimes count in hundredths of a second. */
const SAME_MS = 50;
/** Between two portions of ends: consumers of events come for each. */
const TELL_PAUSE_MS = 20;

/** Where the stored leases are, and who is to hear of problems. */
export interface LeaseLoading {
  readonly stateDir: string;
  readonly clock: Clock;
  readonly onProblem: (text: string) => void;
}

/** The leases as they stand at the start. */
export interface LoadedLeases {
  readonly table: LeaseTable;
  readonly moment: HostMoment;
  readonly ends: LeaseEnds;
}

/** Loads what was stored. */
export function loadLeases(stored: LeaseFileContents, { stateDir, clock, onProblem }: LeaseLoading): LoadedLeases {
  const moment = readHostMoment(clock);
  const told = readReportedEnds(stateDir, onProblem);
  const leases = restoreLeases(stored.leases, moment, stored.clocks, told);
  const table = new LeaseTable();
  table.load(leases, moment.now);
  const until = told === undefined ? moment.now : later(restoreMoment(told, moment, stored.clocks), SAME_MS);
  const missed = leases.filter(
    ({ state, expiresAt }) => state !== 'released' && expiresAt > until && expiresAt <= moment.now,
  );
  missed.sort((a, b) => a.expiresAt - b.expiresAt);
  return { table, moment, ends: new LeaseEnds(clock, new ReportedEnds(stateDir, clock, onProblem), missed) };
}

/** Tells what was missed, and keeps in mind until when everything was told. */
export class LeaseEnds {
  readonly #clock: Clock;
  readonly #told: ReportedEnds;
  #missed: readonly Lease[];
  #timer: Timer | undefined;
  #isAllTold = false;
  #closed = false;

  constructor(clock: Clock, told: ReportedEnds, missed: readonly Lease[]) {
    this.#clock = clock;
    this.#told = told;
    this.#missed = missed;
  }

  /** Every lease that ended until then in this life was told of. */
  readonly note = (until: Instant): void => {
    if (this.#isAllTold) this.#told.note(until);
  };

  /** Begins to tell what ended while no rack ran. */
  reportMissed(dhcp: { reportEnded(leases: readonly Lease[]): void; readonly endsReported: boolean }): void {
    if (this.#closed) return;
    dhcp.reportEnded(this.#missed.slice(0, EXPIRED_PER_TURN_MAX));
    this.#missed = this.#missed.slice(EXPIRED_PER_TURN_MAX);
    if (this.#missed.length > 0) {
      this.#timer = this.#clock.schedule(TELL_PAUSE_MS, () => this.reportMissed(dhcp));
      return;
    }
    this.#isAllTold = true;
    if (dhcp.endsReported) this.note(this.#clock.now());
  }

  /** Writes until when everything was told. */
  readonly close = async (): Promise<void> => {
    this.#closed = true;
    this.#timer?.cancel();
    await this.#told.close();
  };
}
