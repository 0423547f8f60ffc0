// Where racks outlive the process: the port. `store/region-racks.ts` implements it.

import type { NewMachineEvent } from './machine-event.ts';
import type { Rack } from './rack.ts';

/** What becomes of the racks. */
export interface RackChange<R> {
  /** Racks to be kept as they are given here, by their UUID. */
  readonly put: readonly Rack[];
  /** UUIDs of racks to be forgotten. */
  readonly remove?: readonly string[] | undefined;
  readonly events: readonly NewMachineEvent[];
  readonly result: R;
}

/** At most RACKS_MAX racks. Every method is one transaction, and throws RackError `store-unavailable`. */
export interface RackStore {
  /** All of them, in the order in which they came. */
  list(): readonly Rack[];
  /** Grows with every change; a number of the database, not of the process. */
  version(): number;
  /** Hands over all racks, asks what shall become of them, and makes it so. */
  change<R>(decide: (racks: readonly Rack[]) => RackChange<R>): R;
}
