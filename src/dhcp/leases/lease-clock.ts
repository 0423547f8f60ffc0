// Carries leases across the life of the process: from instants to what is stored, and back. Pure: the moment is an argument.
//
// 1. In the same boot of the host the uptime tells a lease's age, whatever happened to the wall clock.
// 2. In another boot the wall clock tells it, unless it shows a time before some grant: then the clock went back, nothing it says
//    of age can be believed, and every lease of another boot runs its full time again. That is late for somebody who waits for
//    an address, and never early for somebody who uses one.
//    A clock that is a day fast cannot be told from a day without power. So a lease that still kept its address when its boot was
//    last heard of has aged by what uptimes prove and no more: up to that record, and since the present start of the host. It
//    ends late by the time the host was off, and no wall clock hands its address to somebody else before.
// 3. What a boot's clock said is put right by its newest record: uptime orders all of one boot, so one record that was stored after
//    the clock was set dates those before it. After a step the rack stores one anew (`DhcpServer.restamp`).
// 4. A clock that shows a time before PLAUSIBLE_WALL_MS was never set; nothing it says of age is believed.
// 5. A lease that is older than this boot of the host (it was taken over from another server) belongs to no boot: only its wall
//    time tells its age, and it dates no other record.

import { type Instant, later } from '../../clock.ts';
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

/** A moment as it is stored. */
export type StoredMoment = Omit<HostMoment, 'now'>;

/** 2023-01-01: no host that runs this shows an earlier time, unless its clock was never set. */
export const PLAUSIBLE_WALL_MS = 1_672_531_200_000;

/** For each boot of the host: wall time less uptime in milliseconds, as its newest record has it. */
export type BootClocks = ReadonlyMap<string, number>;

/** Wall time less uptime, in milliseconds, when a record was stored. */
export const bootClockOf = (stored: StoredLease): number => stored.grantedWallMs - stored.uptimeS * 1000;

/** The lease as it is stored; `moment` may be later than the grant. */
export function storeLease(lease: Lease, moment: HostMoment): StoredLease {
  const ageMs = moment.now - lease.grantedAt;
  const grantedWallMs = moment.wallMs - ageMs;
  const uptimeS = moment.uptimeS - ageMs / 1000;
  // Named one by one, as below.
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
    expiresWallMs: grantedWallMs + (lease.expiresAt - lease.grantedAt),
    bootId: uptimeS < 0 ? '' : moment.bootId,
    uptimeS: Math.max(0, uptimeS),
  };
}

/**
 * The leases as they stand at `moment`, in the order given. A boot that `clocks` does not know is taken at its word.
 * @param heard when else an earlier boot was heard of; undefined: only by leases
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
    // Named one by one: of a million leases the copying of the rest would take as long as everything else.
    return {
      address: lease.address,
      mac: lease.mac,
      state: lease.state,
      grantedAt,
      expiresAt: later(grantedAt, Math.max(0, expiresWallMs - grantedWallMs)),
      duration: lease.duration,
      hostname: lease.hostname,
      clientId: lease.clientId,
      identity: lease.identity,
      vendorClass: lease.vendorClass,
      circuitId: lease.circuitId,
      remoteId: lease.remoteId,
    };
  });
}

/** When a stored moment was, never after `moment`; one that no clock can date counts as `moment` itself. */
export function restoreMoment(stored: StoredMoment, moment: HostMoment, clocks: BootClocks): Instant {
  if (sameBoot(stored, moment)) return later(moment.now, (stored.uptimeS - moment.uptimeS) * 1000);
  const clock = stored.bootId === '' ? undefined : clocks.get(stored.bootId);
  const wallMs = clock === undefined ? stored.wallMs : clock + stored.uptimeS * 1000;
  return wallMs < PLAUSIBLE_WALL_MS || wallMs > moment.wallMs ? moment.now : later(moment.now, wallMs - moment.wallMs);
}

/** The uptime in seconds of the last sign of each earlier boot: until then at least it lasted. */
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

/** The most that a lease of an earlier boot is believed to have aged, in milliseconds; `heardS`: the last that its boot told. */
function oldestMs(lease: StoredLease, heardS: number | undefined, moment: HostMoment): number {
  if (heardS === undefined || lease.state === 'released') return Number.POSITIVE_INFINITY;
  const agedMs = (heardS - lease.uptimeS) * 1000;
  // One that was over by then is nobody's, and stands in line by its true end.
  return agedMs >= lease.expiresWallMs - lease.grantedWallMs
    ? Number.POSITIVE_INFINITY
    : agedMs + moment.uptimeS * 1000;
}

const sameBoot = (stored: Pick<StoredMoment, 'bootId' | 'uptimeS'>, moment: HostMoment): boolean =>
  stored.bootId !== '' && stored.bootId === moment.bootId && stored.uptimeS <= moment.uptimeS;
