// Loads the stored leases at startup, and reports those that expired while no rack ran.
//
//   loadLeases ─ table ─ rack opens ─ region's reader subscribes ─ reportMissed ─ EXPIRED_PER_TURN_MAX … all reported ─ note
//
// 1. An expiry that was missed is reported once its consumers have subscribed, unless the client has come back by then.
// 2. Progress is recorded only after all of them were reported: a process that ends in between starts over.

import { type Clock, type Instant, later, type Timer } from '../../clock.ts';
import type { Lease } from '../../dhcp/leases/lease.ts';
import { type HostMoment, restoreLeases, restoreMoment } from '../../dhcp/leases/lease-clock.ts';
import { LeaseTable } from '../../dhcp/leases/lease-table.ts';
import { EXPIRED_PER_TURN_MAX } from '../../dhcp/responder.ts';
import { readHostMoment } from '../../store/host-clocks.ts';
import { ReportedEnds, readReportedEnds } from '../../store/reported-ends.ts';
import type { LeaseFileContents } from '../../store/stored-leases.ts';

/** The precision of comparing two stored moments, in milliseconds: uptimes count in hundredths of a second. */
const SAME_MS = 50;
/** The pause between two portions of reports, so that consumers can read each. */
const REPORT_PAUSE_MS = 20;

/** Where the stored leases are, and the callback for problems. */
export interface LeaseLoading {
  readonly stateDir: string;
  readonly clock: Clock;
  readonly onProblem: (text: string) => void;
}

/** The leases at startup. */
export interface LoadedLeases {
  readonly table: LeaseTable;
  readonly moment: HostMoment;
  readonly ends: LeaseEnds;
}

/** Loads the stored leases. */
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

/** Reports missed expiries, and records until when every expiry was reported. */
class LeaseEnds {
  readonly #clock: Clock;
  readonly #told: ReportedEnds;
  #missed: readonly Lease[];
  #timer: Timer | undefined;
  #isAllReported = false;
  #closed = false;

  constructor(clock: Clock, told: ReportedEnds, missed: readonly Lease[]) {
    this.#clock = clock;
    this.#told = told;
    this.#missed = missed;
  }

  /** Records that every lease that expired before `until` in this process has been reported. */
  readonly note = (until: Instant): void => {
    if (this.#isAllReported) this.#told.note(until);
  };

  /** Starts reporting the leases that expired while no rack ran. */
  reportMissed(dhcp: { reportEnded(leases: readonly Lease[]): void; readonly endsReported: boolean }): void {
    if (this.#closed) return;
    dhcp.reportEnded(this.#missed.slice(0, EXPIRED_PER_TURN_MAX));
    this.#missed = this.#missed.slice(EXPIRED_PER_TURN_MAX);
    if (this.#missed.length > 0) {
      this.#timer = this.#clock.schedule(REPORT_PAUSE_MS, () => this.reportMissed(dhcp));
      return;
    }
    this.#isAllReported = true;
    if (dhcp.endsReported) this.note(this.#clock.now());
  }

  /** Writes until when every expiry was reported. */
  readonly close = async (): Promise<void> => {
    this.#closed = true;
    this.#timer?.cancel();
    await this.#told.close();
  };
}
