// An address in use without a lease is set aside, but a last holder that just failed to renew keeps it.

import { type Ipv4, type MacAddress, mac as macOf } from '../../ground/address.ts';
import { type Instant, later, type Seconds, seconds } from '../../ground/clock.ts';
import type { Lease } from './lease.ts';

export const DECLINE_SECONDS: Seconds = seconds(3600);

/** The client of an address imported as set aside; no host has this hardware address. */
export const NOBODY: MacAddress = macOf(0);

/** Found by or for the client `mac`. */
export function setAside(address: Ipv4, mac: MacAddress, now: Instant): Lease {
  const expiresAt = later(now, DECLINE_SECONDS * 1000);
  return { address, mac, state: 'declined', grantedAt: now, expiresAt, duration: DECLINE_SECONDS };
}

/** How long a last holder's answer keeps the address; firmware and loaders ask again sooner. */
const STILL_USED_SECONDS: Seconds = seconds(60);

export const isLastHolder = (record: Lease | undefined, user: MacAddress): record is Lease =>
  record !== undefined && record.state !== 'declined' && record.mac === user;

/**
 * The record and event of an address about to be offered to `finder` when its last holder, or
 * another host, answered.
 */
export function recordOfUse(
  { address, mac: finder }: { readonly address: Ipv4; readonly mac: MacAddress },
  record: Lease | undefined,
  isHolder: boolean,
  now: Instant,
): { readonly kind: 'dhcp.conflict' | 'dhcp.still-used'; readonly lease: Lease } {
  if (!isHolder || record === undefined) return { kind: 'dhcp.conflict', lease: setAside(address, finder, now) };
  const expiresAt = later(now, STILL_USED_SECONDS * 1000);
  return { kind: 'dhcp.still-used', lease: { ...record, state: 'bound', expiresAt } };
}
