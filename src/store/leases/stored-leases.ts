// Gathers the records read from leases.db: the leases in force, and the last time on the clock of
// each boot of the host.

import { type BootClocks, computeBootClock } from '../../dhcp/leases/lease-clock.ts';
import type { StoredLease } from '../../dhcp/leases/stored-lease.ts';
import type { Ipv4 } from '../../ground/address.ts';
import type { LeaseDamage } from './damaged-row.ts';
import type { LeaseRecord } from './lease-record.ts';

/** The contents of one state of the file. */
export interface LeaseFileContents {
  /** One per address, in no particular order. */
  readonly leases: readonly StoredLease[];
  /** The last known time on the clock of each boot of the host. */
  readonly clocks: BootClocks;
  /** The sequence of an address's lease. */
  readonly findSequence?: (address: Ipv4) => number;
  /** The damaged rows that were found. */
  readonly damage?: readonly LeaseDamage[];
}

/** Records of one address are added in the order in which they were written. */
export class StoredLeases {
  readonly #records = new Map<Ipv4, LeaseRecord>();
  readonly #newestClocks = new Map<string, { readonly sequence: number; readonly clock: number }>();

  add(record: LeaseRecord): void {
    const { sequence, lease } = record;
    this.#records.set(lease.address, record);
    if (sequence >= (this.#newestClocks.get(lease.bootId)?.sequence ?? 0))
      this.#newestClocks.set(lease.bootId, { sequence, clock: computeBootClock(lease) });
  }

  contents(): LeaseFileContents {
    const clocks = new Map(Array.from(this.#newestClocks, ([bootId, { clock }]) => [bootId, clock]));
    const leases = Array.from(this.#records.values(), ({ lease }) => lease);
    return { leases, clocks, findSequence: (address) => this.#records.get(address)?.sequence ?? 0 };
  }
}
