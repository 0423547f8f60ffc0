// What is read out of leases.db, record by record: the leases in force, and what the clocks of the host's boots said last.

import { type BootClocks, bootClockOf } from '../dhcp/leases/lease-clock.ts';
import type { StoredLease } from '../dhcp/leases/stored-lease.ts';
import type { Ipv4 } from '../net/address.ts';
import type { LeaseRecord } from './lease-record.ts';

/** Leases and clocks that belong to one moment of a file. */
export interface LeaseFileContents {
  /** One lease an address, in no particular order. */
  readonly leases: readonly StoredLease[];
  /** What the clock of each boot of the host said last. */
  readonly clocks: BootClocks;
}

/** Gathers records, which come in the order of their writing where they are of one address. */
export class StoredLeases {
  readonly #leases = new Map<Ipv4, StoredLease>();
  readonly #newest = new Map<string, { readonly sequence: number; readonly clock: number }>();

  add({ sequence, lease }: LeaseRecord): void {
    this.#leases.set(lease.address, lease);
    if (sequence >= (this.#newest.get(lease.bootId)?.sequence ?? 0))
      this.#newest.set(lease.bootId, { sequence, clock: bootClockOf(lease) });
  }

  contents(): LeaseFileContents {
    const clocks = new Map(Array.from(this.#newest, ([bootId, { clock }]) => [bootId, clock]));
    return { leases: [...this.#leases.values()], clocks };
  }
}
