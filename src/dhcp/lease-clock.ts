// Carries leases across the life of the process: from instants to what is stored, and back. Pure: the moment is an argument.
//
// 1. In the same boot of the host the uptime tells a lease's age, whatever happened to the wall clock.
// 2. In another boot the wall clock tells it, unless it shows a time before some grant: then the clock went back, nothing it says
//    of age can be believed, and every lease of another boot runs its full time again. That is late for somebody who waits for
//    an address, and never early for somebody who uses one.
// 3. What a boot's clock said is put right by its newest record: uptime orders all of one boot, so one record that was stored after
//    the clock was set dates those before it. After a step the rack stores one anew (`DhcpServer.restamp`).
// 4. A clock that shows a time before PLAUSIBLE_WALL_MS was never set; nothing it says of age is believed.

import { type Instant, later } from '../clock.ts';
import type { Lease } from './lease.ts';
import type { StoredLease } from './stored-lease.ts';

/** One moment on every clock the host has, read together. */
export interface HostMoment {
  readonly now: Instant;
  /** Wall time, milliseconds since 1970. */
  readonly wallMs: number;
  /** The present boot of the host; empty where the system does not say. */
  readonly bootId: string;
  /** Seconds, with fraction, since the host was started. */
  readonly uptimeS: number;
}

/** 2023-01-01: no host that runs this shows an earlier time, unless its clock was never set. */
const PLAUSIBLE_WALL_MS = 1_672_531_200_000;

/** For each boot of the host: wall time less uptime in milliseconds, as its newest record has it. */
export type BootClocks = ReadonlyMap<string, number>;

/** Wall time less uptime, in milliseconds, when a record was stored. */
export const bootClockOf = (stored: StoredLease): number => stored.grantedWallMs - stored.uptimeS * 1000;

/** The lease as it is stored; `moment` may be later than the grant, not in another boot. */
export function storeLease(lease: Lease, moment: HostMoment): StoredLease {
  const ageMs = moment.now - lease.grantedAt;
  const { grantedAt, expiresAt, ...rest } = lease;
  const grantedWallMs = moment.wallMs - ageMs;
  return {
    ...rest,
    grantedWallMs,
    expiresWallMs: grantedWallMs + (expiresAt - grantedAt),
    bootId: moment.bootId,
    uptimeS: moment.uptimeS - ageMs / 1000,
  };
}

/** The leases as they stand at `moment`, in the order given. A boot that `clocks` does not know is taken at its word. */
export function restoreLeases(
  stored: readonly StoredLease[],
  moment: HostMoment,
  clocks: BootClocks = new Map(),
): readonly Lease[] {
  const wallOf = (lease: StoredLease): number => {
    const clock = lease.bootId === '' ? undefined : clocks.get(lease.bootId);
    return clock === undefined ? lease.grantedWallMs : clock + lease.uptimeS * 1000;
  };
  const isUnknown = (lease: StoredLease): boolean => wallOf(lease) < PLAUSIBLE_WALL_MS;
  const wentBack = stored.some((lease) => !sameBoot(lease, moment) && wallOf(lease) > moment.wallMs);
  return stored.map((lease) => {
    const { grantedWallMs, expiresWallMs, bootId: _bootId, uptimeS, ...rest } = lease;
    const ageMs = sameBoot(lease, moment)
      ? Math.max(0, (moment.uptimeS - uptimeS) * 1000)
      : wentBack || isUnknown(lease)
        ? 0
        : moment.wallMs - wallOf(lease);
    const grantedAt = later(moment.now, -ageMs);
    return { ...rest, grantedAt, expiresAt: later(grantedAt, Math.max(0, expiresWallMs - grantedWallMs)) };
  });
}

const sameBoot = (stored: StoredLease, moment: HostMoment): boolean =>
  stored.bootId !== '' && stored.bootId === moment.bootId && stored.uptimeS <= moment.uptimeS;
