// Loads the stored leases at startup, and reports those that expired while no rack ran.
//
//   loadLeases ─ table ─ rack opens ─ region's reader subscribes ─ reportMissed ─ EXPIRED_PER_TURN_MAX … all reported ─ note
//
// 1. An expiry that was missed is reported once its consumers have subscribed, unless the client
//    has come back by then.
// 2. Running leases of a restored copy (`lease-mark.ts`) or of damaged rows (`damaged-row.ts`) are
//    doubted: their addresses are probed before they are offered again.
// 3. Progress is recorded only after all missed expiries were reported.

import type { Lease } from '../../dhcp/leases/lease.ts';
import { type HostMoment, restoreLeases, restoreMoment } from '../../dhcp/leases/lease-clock.ts';
import { isActive, LeaseTable } from '../../dhcp/leases/lease-table.ts';
import { NOBODY, setAside } from '../../dhcp/leases/set-aside.ts';
import { EXPIRED_PER_TURN_MAX } from '../../dhcp/responder.ts';
import { type Clock, type Instant, later, type Timer } from '../../ground/clock.ts';
import type { Publish } from '../../ground/event.ts';
import type { DaemonEvent } from '../../region/reports/daemon-events.ts';
import { type RackNote, withText } from '../../region/reports/notes.ts';
import type { LeaseDamage } from '../../store/leases/damaged-row.ts';
import { readHostMoment } from '../../store/leases/host-clocks.ts';
import { composeRestoredNote, isPutBack, LeaseMark, readLeaseMark } from '../../store/leases/lease-mark.ts';
import { ReportedEnds, readReportedEnds } from '../../store/leases/reported-ends.ts';
import type { LeaseFileContents } from '../../store/leases/stored-leases.ts';

/**
 * The precision of comparing two stored moments, in milliseconds, because uptimes count in
 * hundredths of a second.
 */
const PRECISION_MS = 50;
/** The pause between two portions of reports, so that consumers can read each. */
const REPORT_PAUSE_MS = 20;

interface LeaseLoading {
  readonly stateDir: string;
  readonly clock: Clock;
  readonly onProblem: (note: RackNote) => void;
  readonly publish: Publish;
  readonly sequence: () => number;
}

interface LoadedLeases {
  readonly table: LeaseTable;
  readonly moment: HostMoment;
  readonly leaseEnds: LeaseEnds;
  readonly notes: readonly RackNote[];
  readonly close: () => Promise<void>;
}

/** Loads the stored leases. */
export function loadLeases(leaseFile: LeaseFileContents, deps: LeaseLoading): LoadedLeases {
  const { stateDir, clock, publish, onProblem, sequence } = deps;
  const moment = readHostMoment(clock);
  const reportedEnds = readReportedEnds(stateDir);
  const reading = readLeaseMark(stateDir);
  const isRestored = leaseFile.leases.length > 0 && isPutBack(reading, sequence());
  const doubtedUpTo = isRestored ? sequence() : reading.doubtedUpTo;
  const restored = restoreLeases(leaseFile.leases, moment, leaseFile.clocks, reportedEnds);
  const doubtedLeases =
    doubtedUpTo === 0 ? restored : restored.map((lease) => doubtLease(lease, leaseFile, doubtedUpTo, moment.now));
  const leases =
    leaseFile.damage === undefined ? doubtedLeases : applyDamage(doubtedLeases, leaseFile.damage, moment.now);
  const table = new LeaseTable();
  table.load(leases, moment.now);
  const reportedUntil =
    reportedEnds === undefined
      ? moment.now
      : later(restoreMoment(reportedEnds, moment, leaseFile.clocks), PRECISION_MS);
  const missedLeases = leases.filter(
    ({ state, expiresAt }) => state !== 'released' && expiresAt > reportedUntil && expiresAt <= moment.now,
  );
  missedLeases.sort((a, b) => a.expiresAt - b.expiresAt);
  const leaseEnds = new LeaseEnds(clock, new ReportedEnds(stateDir, clock, onProblem), missedLeases);
  const leaseMark = new LeaseMark({ ...deps, doubtedUpTo });
  const notes = isRestored ? [composeRestoredNote(stateDir)] : [];
  const report = (event: DaemonEvent): void => publish(event);
  for (const note of notes) report({ kind: 'daemon.leases-restored', at: moment.now, ...withText(note) });
  const close = async (): Promise<void> => void (await Promise.all([leaseEnds.close(), leaseMark.close()]));
  return { table, moment, leaseEnds, notes, close };
}

/** Doubts the leases of damaged rows, and sets aside the addresses whose leases may be lost. */
function applyDamage(leases: readonly Lease[], damage: readonly LeaseDamage[], now: Instant): readonly Lease[] {
  const keptAddresses = new Set(damage.flatMap((row) => (row.isUndone ? [] : row.keptAddresses)));
  const recorded = new Set(leases.map(({ address }) => address));
  const lostAddresses = damage.flatMap((row) => row.lostAddresses).filter((address) => !recorded.has(address));
  return [
    ...leases.map((lease) =>
      keptAddresses.has(lease.address) && isActive(lease, now) ? { ...lease, isDoubted: true } : lease,
    ),
    ...lostAddresses.map((address) => setAside(address, NOBODY, now)),
  ];
}

/** Doubts a running lease if its record's sequence is at most `doubtedUpTo`. */
function doubtLease(lease: Lease, { findSequence }: LeaseFileContents, doubtedUpTo: number, now: Instant): Lease {
  return isActive(lease, now) && (findSequence?.(lease.address) ?? 0) <= doubtedUpTo
    ? { ...lease, isDoubted: true }
    : lease;
}

/** Reports missed expiries, and records the time up to which every expiry was reported. */
class LeaseEnds {
  readonly #clock: Clock;
  readonly #reportedEnds: ReportedEnds;
  #missedLeases: readonly Lease[];
  #timer: Timer | undefined;
  #isAllReported = false;
  #isClosed = false;

  constructor(clock: Clock, reportedEnds: ReportedEnds, missed: readonly Lease[]) {
    this.#clock = clock;
    this.#reportedEnds = reportedEnds;
    this.#missedLeases = missed;
  }

  /** Records that every lease that expired before `until` in this process has been reported. */
  readonly noteReported = (until: Instant): void => {
    if (this.#isAllReported) this.#reportedEnds.note(until);
  };

  reportMissed(dhcp: { reportEnded(leases: readonly Lease[]): void; readonly endsReported: boolean }): void {
    if (this.#isClosed) return;
    dhcp.reportEnded(this.#missedLeases.slice(0, EXPIRED_PER_TURN_MAX));
    this.#missedLeases = this.#missedLeases.slice(EXPIRED_PER_TURN_MAX);
    if (this.#missedLeases.length > 0) {
      this.#timer = this.#clock.schedule(REPORT_PAUSE_MS, () => this.reportMissed(dhcp));
      return;
    }
    this.#isAllReported = true;
    if (dhcp.endsReported) this.noteReported(this.#clock.now());
  }

  /** Writes the time up to which every expiry was reported. */
  readonly close = async (): Promise<void> => {
    this.#isClosed = true;
    this.#timer?.cancel();
    await this.#reportedEnds.close();
  };
}
