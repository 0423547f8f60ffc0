// A client asks again for a lease it just got: its REQUEST came twice (two relays, a lost reply),
// or it floods. The reply rests on the existing record, which says everything.
//
// 1. No reply promises more than its record: it grants the time left.
// 2. The reply waits until that record is durable.
// 3. A change in what the client reports is recorded at once.

import { type Instant, later, type Seconds, seconds } from '../../ground/clock.ts';
import { ENDLESS_SECONDS, type Lease } from '../leases/lease.ts';

/** How soon after its last record a client repeats itself, in milliseconds. */
export const REPEATED_MS = 1000;
/** Shorter leases are always recorded: a second is a large part of them. */
const LEASE_SECONDS_MIN = 10;

/** True if the client got its lease just now; `newest`: its newest record, even if released. */
export const isRepeated = (newest: Lease | undefined, now: Instant): boolean =>
  newest !== undefined && newest.grantedAt <= now && now < later(newest.grantedAt, REPEATED_MS);

/**
 * The time to grant without a new record; undefined: one is needed.
 * @param current its running lease
 * @param next the record to write
 */
export function remainingTime(current: Lease, next: Lease, now: Instant): Seconds | undefined {
  if (!isRepeated(current, now) || !hasSameTerms(current, next) || next.duration < LEASE_SECONDS_MIN) return undefined;
  if (next.duration === ENDLESS_SECONDS) return ENDLESS_SECONDS;
  return seconds(Math.min(next.duration, Math.floor((current.expiresAt - now) / 1000)));
}

const hasSameTerms = (current: Lease, next: Lease): boolean =>
  current.mac === next.mac &&
  current.duration === next.duration &&
  current.clientId === next.clientId &&
  current.identity === next.identity &&
  current.hostname === next.hostname &&
  current.vendorClass === next.vendorClass &&
  current.circuitId === next.circuitId &&
  current.remoteId === next.remoteId;
