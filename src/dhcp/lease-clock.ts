// Carries leases across the life of the process: from instants to what is stored, and back. Pure: the moment is an argument.
//
// 1. In the same boot of the host the uptime tells a lease's age, whatever happened to the wall clock.
// 2. In another boot the wall clock tells it, unless it shows a time before some grant: then the clock went back, nothing it says
//    of age can be believed, and every lease of another boot runs its full time again. That is late for somebody who waits for
//    an address, and never early for somebody who uses one.

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

/** The leases as they stand at `moment`, in the order given. */
export function restoreLeases(stored: readonly StoredLease[], moment: HostMoment): readonly Lease[] {
  const wentBack = stored.some((lease) => !sameBoot(lease, moment) && lease.grantedWallMs > moment.wallMs);
  return stored.map((lease) => restore(lease, moment, wentBack));
}

function restore(stored: StoredLease, moment: HostMoment, wentBack: boolean): Lease {
  const { grantedWallMs, expiresWallMs, bootId: _bootId, uptimeS, ...rest } = stored;
  const ageMs = sameBoot(stored, moment)
    ? Math.max(0, (moment.uptimeS - uptimeS) * 1000)
    : wentBack
      ? 0
      : moment.wallMs - grantedWallMs;
  const grantedAt = later(moment.now, -ageMs);
  return { ...rest, grantedAt, expiresAt: later(grantedAt, Math.max(0, expiresWallMs - grantedWallMs)) };
}

const sameBoot = (stored: StoredLease, moment: HostMoment): boolean =>
  stored.bootId !== '' && stored.bootId === moment.bootId && stored.uptimeS <= moment.uptimeS;
