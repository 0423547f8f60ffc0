// A lease as the rack keeps it: which machine holds which address until when. Leases are observations: they never change what the region
// intends.

import { type Instant, type Seconds, seconds } from '../../clock.ts';
import type { Ipv4, MacAddress } from '../../net/address.ts';
import type { IdentityRule } from '../networks/client-identity.ts';

/** The duration of a lease without end (RFC 2131 §3.3). */
export const ENDLESS_SECONDS: Seconds = seconds(0xffff_ffff);

/**
 * The state of an address by its lease record.
 *
 * - `bound`: the client's until `expiresAt`; after that its first choice until another client needs the address.
 * - `released`: the client gave it back.
 * - `declined`: a client found another host using it; not handed out before `expiresAt`.
 */
export type LeaseState = 'bound' | 'released' | 'declined';

export interface Lease {
  readonly address: Ipv4;
  readonly mac: MacAddress;
  readonly state: LeaseState;
  /** When the client last got or renewed it. */
  readonly grantedAt: Instant;
  readonly expiresAt: Instant;
  readonly duration: Seconds;
  /** The client's own name (option 81, or 12 without it), made safe; undefined: none, or the client wants no one to enter it. */
  readonly hostname?: string | undefined;
  /** Since when the client has had the address under that name without a break; undefined: since `grantedAt`. */
  readonly namedAt?: Instant | undefined;
  /** Option 61, one character a byte; undefined: none. */
  readonly clientId?: string | undefined;
  /** The rule that told the clients of its network apart at the grant; undefined: their hardware addresses. */
  readonly identity?: IdentityRule | undefined;
  /** Option 60, at most 64 characters; undefined: none. */
  readonly vendorClass?: string | undefined;
  /** Option 82, circuit id and remote id, one character a byte; undefined: none. */
  readonly circuitId?: string | undefined;
  readonly remoteId?: string | undefined;
  /**
   * The client renewed at the time that fits `duration`, although it was promised `expiresAt` (`earlier-promise.ts`). Not stored: after a
   * restart the client must show it again.
   */
  readonly cameOnTime?: boolean | undefined;
  /**
   * The record comes from a restored copy, so the address may since have been given to another client: probe it before it is
   * offered. Not stored: the client's next lease is trusted.
   */
  readonly isDoubted?: boolean | undefined;
}
