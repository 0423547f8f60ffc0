// Where racks outlive the process: the port. `store/region-racks.ts` implements it.

import type { NewMachineEvent } from '../machine-event.ts';
import type { Rack } from './rack.ts';
import type { RackImage } from './rack-images.ts';

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
  /** The images that a rack told last; empty: none, or there is no such rack. */
  images(uuid: string): readonly RackImage[];
  /** Keeps what a rack told, until it is forgotten. */
  putImages(uuid: string, images: readonly RackImage[]): void;
  change<R>(decide: (racks: readonly Rack[]) => RackChange<R>): R;
}
