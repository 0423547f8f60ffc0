// A lease outside the process, where an Instant means nothing: wall times, and what tells how far
// to trust them.
//
// 1. `grantedWallMs`, `bootId` and `uptimeS` were read at the grant. In the same boot the uptime
//    gives the age; in another only the wall time can.

import type { Lease } from './lease.ts';

export interface StoredLease extends Omit<Lease, 'grantedAt' | 'expiresAt' | 'namedAt'> {
  /** Milliseconds since 1970. */
  readonly grantedWallMs: number;
  /** Milliseconds since 1970. */
  readonly expiresWallMs: number;
  /** For how many milliseconds before that the client had its name. */
  readonly namedBeforeMs: number;
  /** The host's boot at the grant; empty if unknown. */
  readonly bootId: string;
  /** Seconds, with fraction, from the host's start to the grant. */
  readonly uptimeS: number;
}
