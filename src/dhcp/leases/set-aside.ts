// The record of an address that somebody uses without a lease: nobody is given it for a while.

import { type Instant, later, type Seconds, seconds } from '../../clock.ts';
import type { Ipv4, MacAddress } from '../../net/address.ts';
import type { Lease } from './lease.ts';

/** How long an address that somebody uses without a lease is set aside. */
export const DECLINE_SECONDS: Seconds = seconds(3600);

/** The record of an address that somebody uses without a lease, found by or for the client `mac`. */
export function setAside(address: Ipv4, mac: MacAddress, now: Instant): Lease {
  const expiresAt = later(now, DECLINE_SECONDS * 1000);
  return { address, mac, state: 'declined', grantedAt: now, expiresAt, duration: DECLINE_SECONDS };
}
