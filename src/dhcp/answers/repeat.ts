// Handles a client that asks again for a lease it got a moment ago: its REQUEST came twice (by two relays, or because a reply was lost), or
// it floods. The record on disk, or on its way there, says everything a new one would, so the reply rests on that record.
//
// 1. No reply promises more than its record: the lease time is the time left.
// 2. The reply waits until that record is durable, as the first one did.
// 3. A change in what the client reports (a name, an identifier, another switch port) is recorded at once, even right after the first.

import { type Instant, later, type Seconds, seconds } from '../../clock.ts';
import { ENDLESS_SECONDS, type Lease } from '../leases/lease.ts';

/** A client that asks within this time of its last record repeats itself, in milliseconds. */
export const REPEATED_MS = 1000;
/** A lease shorter than this is recorded every time, because a second is a large part of it. */
const LEASE_SECONDS_MIN = 10;

/** True if the client got or renewed its lease just now; `newest`: its newest record, even if released. */
export const isRepeated = (newest: Lease | undefined, now: Instant): boolean =>
  newest !== undefined && newest.grantedAt <= now && now < later(newest.grantedAt, REPEATED_MS);

/**
 * The lease time to reply with if no new record is needed; undefined: one is needed.
 *
 * @param known the client's running lease
 * @param next the record that would be written
 */
export function remainingTime(known: Lease, next: Lease, now: Instant): Seconds | undefined {
  if (!isRepeated(known, now) || !saysTheSame(known, next) || next.duration < LEASE_SECONDS_MIN) return undefined;
  if (next.duration === ENDLESS_SECONDS) return ENDLESS_SECONDS;
  return seconds(Math.min(next.duration, Math.floor((known.expiresAt - now) / 1000)));
}

const saysTheSame = (one: Lease, other: Lease): boolean =>
  one.mac === other.mac &&
  one.duration === other.duration &&
  one.clientId === other.clientId &&
  one.identity === other.identity &&
  one.hostname === other.hostname &&
  one.vendorClass === other.vendorClass &&
  one.circuitId === other.circuitId &&
  one.remoteId === other.remoteId;
