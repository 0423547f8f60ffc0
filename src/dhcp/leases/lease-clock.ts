// Carries leases across restarts: from instants to the stored form, and back. Pure.
//
// 1. Within one boot of the host, uptime gives a lease's age.
// 2. In another boot the wall clock gives it, unless it shows a time before some grant. Then the
//    clock went back, and every lease of another boot runs its full time again: a waiting client
//    gets an address late, but no client loses one early. A clock a day fast looks like a day
//    without power. So a lease in force at the last sign of its boot has aged only as far as
//    uptimes prove: up to that sign, and since the host's present start. It ends later by the time
//    the host was off.
// 3. The newest record of a boot dates all its records, because uptime orders them. After a step of
//    the clock the rack stores one again (`DhcpServer.restamp`).
// 4. A clock before PLAUSIBLE_WALL_MS was never set and proves no age.
// 5. A lease older than this boot of the host (imported) belongs to no boot: only its wall time
//    gives its age, and it dates no other record.

import { type Instant, later } from '../../ground/clock.ts';
import type { Lease } from './lease.ts';
import type { StoredLease } from './stored-lease.ts';

/** One moment on every clock of the host. */
export interface HostMoment {
  readonly now: Instant;
  /** Wall time, milliseconds since 1970. */
  readonly wallMs: number;
  /** The host's present boot; empty if unknown. */
  readonly bootId: string;
  /** Seconds, with fraction, since the host was started. */
  readonly uptimeS: number;
}

export type StoredMoment = Omit<HostMoment, 'now'>;

/** 2023-01-01: only a clock that was never set shows an earlier time. */
export const PLAUSIBLE_WALL_MS = 1_672_531_200_000;

/** Wall time minus uptime in milliseconds, by boot, from its newest record. */
export type BootClocks = ReadonlyMap<string, number>;

export const computeBootClock = (stored: StoredLease): number => stored.grantedWallMs - stored.uptimeS * 1000;

/** Stores a lease; `moment` may be later than the grant. */
export function storeLease(lease: Lease, moment: HostMoment): StoredLease {
  const ageMs = moment.now - lease.grantedAt;
  const grantedWallMs = moment.wallMs - ageMs;
  const uptimeS = moment.uptimeS - ageMs / 1000;
  // Field by field, as in `restoreLeases`.
  return {
    address: lease.address,
    mac: lease.mac,
    state: lease.state,
    duration: lease.duration,
    hostname: lease.hostname,
    clientId: lease.clientId,
    identity: lease.identity,
    vendorClass: lease.vendorClass,
    circuitId: lease.circuitId,
    remoteId: lease.remoteId,
    grantedWallMs,
    namedBeforeMs: lease.namedAt === undefined ? 0 : Math.max(0, lease.grantedAt - lease.namedAt),
    expiresWallMs: grantedWallMs + (lease.expiresAt - lease.grantedAt),
    bootId: uptimeS < 0 ? '' : moment.bootId,
    uptimeS: Math.max(0, uptimeS),
  };
}

/**
 * The leases at `moment`, in the given order. A boot missing from `clocks` is believed. @param
 * heard other signs of an earlier boot
 */
export function restoreLeases(
  stored: readonly StoredLease[],
  moment: HostMoment,
  clocks: BootClocks = new Map(),
  heard?: StoredMoment | undefined,
): readonly Lease[] {
  const wallOf = (lease: StoredLease): number => {
    const clock = lease.bootId === '' ? undefined : clocks.get(lease.bootId);
    return clock === undefined ? lease.grantedWallMs : clock + lease.uptimeS * 1000;
  };
  const isUnknown = (lease: StoredLease): boolean => wallOf(lease) < PLAUSIBLE_WALL_MS;
  const wentBack = stored.some((lease) => !sameBoot(lease, moment) && wallOf(lease) > moment.wallMs);
  const heardS = lastUptimes(stored, moment, heard);
  return stored.map((lease) => {
    const { grantedWallMs, expiresWallMs, uptimeS } = lease;
    const ageMs = sameBoot(lease, moment)
      ? Math.max(0, (moment.uptimeS - uptimeS) * 1000)
      : wentBack || isUnknown(lease)
        ? 0
        : Math.min(moment.wallMs - wallOf(lease), oldestMs(lease, heardS.get(lease.bootId), moment));
    const grantedAt = later(moment.now, -ageMs);
    // Field by field: a rest pattern takes as long as everything else for a million leases.
    return {
      address: lease.address,
      mac: lease.mac,
      state: lease.state,
      grantedAt,
      expiresAt: later(grantedAt, Math.max(0, expiresWallMs - grantedWallMs)),
      duration: lease.duration,
      hostname: lease.hostname,
      namedAt: later(grantedAt, -lease.namedBeforeMs),
      clientId: lease.clientId,
      identity: lease.identity,
      vendorClass: lease.vendorClass,
      circuitId: lease.circuitId,
      remoteId: lease.remoteId,
    };
  });
}

/** The instant of a stored moment, never after `moment`; if no clock can date it, `moment`. */
export function restoreMoment(stored: StoredMoment, moment: HostMoment, clocks: BootClocks): Instant {
  if (sameBoot(stored, moment)) return later(moment.now, (stored.uptimeS - moment.uptimeS) * 1000);
  const clock = stored.bootId === '' ? undefined : clocks.get(stored.bootId);
  const wallMs = clock === undefined ? stored.wallMs : clock + stored.uptimeS * 1000;
  return wallMs < PLAUSIBLE_WALL_MS || wallMs > moment.wallMs ? moment.now : later(moment.now, wallMs - moment.wallMs);
}

/** The uptime in seconds at each earlier boot's last sign. */
function lastUptimes(
  stored: readonly StoredLease[],
  moment: HostMoment,
  heard: StoredMoment | undefined,
): ReadonlyMap<string, number> {
  const last = new Map<string, number>();
  if (heard !== undefined && heard.bootId !== '' && !sameBoot(heard, moment)) last.set(heard.bootId, heard.uptimeS);
  for (const lease of stored) {
    if (lease.bootId === '' || sameBoot(lease, moment)) continue;
    if (lease.uptimeS > (last.get(lease.bootId) ?? -1)) last.set(lease.bootId, lease.uptimeS);
  }
  return last;
}

/**
 * The highest believable age of an earlier boot's lease, in milliseconds; `heardS`: uptime at its
 * last sign.
 */
function oldestMs(lease: StoredLease, heardS: number | undefined, moment: HostMoment): number {
  if (heardS === undefined || lease.state === 'released') return Number.POSITIVE_INFINITY;
  const agedMs = (heardS - lease.uptimeS) * 1000;
  // A lease that had ended by then keeps its true end.
  return agedMs >= lease.expiresWallMs - lease.grantedWallMs
    ? Number.POSITIVE_INFINITY
    : agedMs + moment.uptimeS * 1000;
}

const sameBoot = (stored: Pick<StoredMoment, 'bootId' | 'uptimeS'>, moment: HostMoment): boolean =>
  stored.bootId !== '' && stored.bootId === moment.bootId && stored.uptimeS <= moment.uptimeS;
