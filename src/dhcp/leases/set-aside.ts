// An address in use without a lease. It is set aside for a while, but a last holder that is present and just failed to renew in time keeps
// it.

import { type Instant, later, type Seconds, seconds } from '../../clock.ts';
import { type Ipv4, type MacAddress, mac as macOf } from '../../net/address.ts';
import type { Lease } from './lease.ts';

/** How long an address in use without a lease is set aside. */
export const DECLINE_SECONDS: Seconds = seconds(3600);

/**
 * Stands for the client of an address that another server's file lists as set aside without a client; no host has this hardware address.
 */
export const NOBODY: MacAddress = macOf(0);

/** The record of an address in use without a lease, found by or for the client `mac`. */
export function setAside(address: Ipv4, mac: MacAddress, now: Instant): Lease {
  const expiresAt = later(now, DECLINE_SECONDS * 1000);
  return { address, mac, state: 'declined', grantedAt: now, expiresAt, duration: DECLINE_SECONDS };
}

/** How long an answer of the last holder keeps an address whose lease has ended; firmware and loaders ask again sooner. */
const STILL_USED_SECONDS: Seconds = seconds(60);

/** True if the lease of `record` has ended and `user` held it. */
export const isLastHolder = (record: Lease | undefined, user: MacAddress): record is Lease =>
  record !== undefined && record.state !== 'declined' && record.mac === user;

/**
 * The record and the event for an address that was about to be offered to `finder` when its last holder, or another host, answered a probe.
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
