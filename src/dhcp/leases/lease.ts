// Which machine holds which address until when. Leases are observations: they never change what the
// region intends.

import type { Ipv4, MacAddress } from '../../ground/address.ts';
import { type Instant, type Seconds, seconds } from '../../ground/clock.ts';
import type { IdentityRule } from '../networks/client-identity.ts';

/** A lease without end (RFC 2131 §3.3). */
export const ENDLESS_SECONDS: Seconds = seconds(0xffff_ffff);

/**
 * - `bound`: the client's until `expiresAt`; then its first choice until another client needs the address.
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
  /** The client's own name (option 81, or 12), made safe; undefined: none, or nobody may enter it. */
  readonly hostname?: string | undefined;
  /** Since when it has had the address under that name; undefined: since `grantedAt`. */
  readonly namedAt?: Instant | undefined;
  /** Option 61, one character a byte. */
  readonly clientId?: string | undefined;
  /** How clients were told apart at the grant; undefined: by hardware address. */
  readonly identity?: IdentityRule | undefined;
  /** Option 60, at most 64 characters. */
  readonly vendorClass?: string | undefined;
  /** Option 82, one character a byte. */
  readonly circuitId?: string | undefined;
  readonly remoteId?: string | undefined;
  /**
   * The client renewed in time for `duration`, although promised `expiresAt`
   * (`earlier-promise.ts`). Not stored.
   */
  readonly cameOnTime?: boolean | undefined;
  /**
   * From a restored copy: another client may have the address, so it is probed before an offer. Not
   * stored: the next lease is trusted.
   */
  readonly isDoubted?: boolean | undefined;
}
