// What becomes of an address that somebody uses without a lease. It is nobody's for a while; but its last holder, which is there and has
// only not renewed in time, keeps it.

import { type Instant, later, type Seconds, seconds } from '../../clock.ts';
import { type Ipv4, type MacAddress, mac as macOf } from '../../net/address.ts';
import type { Lease } from './lease.ts';

/** How long an address that somebody uses without a lease is set aside. */
export const DECLINE_SECONDS: Seconds = seconds(3600);

/** The client of an address that was set aside for nobody in particular, as another server's file tells it: no host has this address. */
export const NOBODY: MacAddress = macOf(0);

/** The record of an address that somebody uses without a lease, found by or for the client `mac`. */
export function setAside(address: Ipv4, mac: MacAddress, now: Instant): Lease {
  const expiresAt = later(now, DECLINE_SECONDS * 1000);
  return { address, mac, state: 'declined', grantedAt: now, expiresAt, duration: DECLINE_SECONDS };
}

/** How long an answer of the last holder keeps an address whose lease has ended: firmware and loaders ask again before. */
export const STILL_USED_SECONDS: Seconds = seconds(60);

/** True where the lease of `record` has ended, and `user` is the one who held it. */
export const isLastHolder = (record: Lease | undefined, user: MacAddress): record is Lease =>
  record !== undefined && record.state !== 'declined' && record.mac === user;

/** The record of an address that was to be offered to `finder` and that its last holder, or somebody else, answers for; and what is told of it. */
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
