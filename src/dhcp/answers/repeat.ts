// A client that asks again for what it was given a moment ago: its REQUEST came twice, by two relays or because an answer was lost, or it
// floods. What is on disk, or on its way there, says all that a new record would: it is answered from that.
//
// 1. No answer promises more than the record it rests on: the lease time is what is left of it.
// 2. The answer waits until that record is durable, as the first one did.
// 3. What a client says of itself anew (a name, an identifier, another switch port) is recorded at once, however soon it comes.

import { type Instant, later, type Seconds, seconds } from '../../clock.ts';
import { ENDLESS_SECONDS, type Lease } from '../leases/lease.ts';

/** So soon after its last record a client that comes again repeats itself, in milliseconds. */
export const REPEATED_MS = 1000;
/** A shorter lease is recorded each time: a second is much of it. */
const LEASE_SECONDS_MIN = 10;

/** True when a client got, or renewed, its lease just now; `newest`: its newest record, also one that it has given back. */
export const isRepeated = (newest: Lease | undefined, now: Instant): boolean =>
  newest !== undefined && newest.grantedAt <= now && now < later(newest.grantedAt, REPEATED_MS);

/**
 * The lease time to answer with where no new record is needed; undefined: it is.
 *
 * @param known the client's running lease
 * @param next what would be recorded
 */
export function standingTime(known: Lease, next: Lease, now: Instant): Seconds | undefined {
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
