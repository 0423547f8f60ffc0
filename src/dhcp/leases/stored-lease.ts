// A lease as kept outside the process, where an Instant means nothing: wall times, and the data to judge later how far they can be trusted.
//
// 1. `grantedWallMs`, `bootId` and `uptimeS` were read at the same moment: the grant. In the same boot the uptime gives the age of the
//    grant, whatever happened to the wall clock; in another boot only the wall time can.

import type { Lease } from './lease.ts';

/** A lease with wall times instead of instants. */
export interface StoredLease extends Omit<Lease, 'grantedAt' | 'expiresAt' | 'namedAt'> {
  /** When the client last got or renewed it: wall time, milliseconds since 1970. */
  readonly grantedWallMs: number;
  /** When it ends: wall time, milliseconds since 1970. */
  readonly expiresWallMs: number;
  /** For how long before that the client had the address under its name, in milliseconds. */
  readonly namedBeforeMs: number;
  /** The boot of the host in which it was granted; empty if the system does not say. */
  readonly bootId: string;
  /** Seconds, with fraction, from the start of the host to the grant. */
  readonly uptimeS: number;
}
