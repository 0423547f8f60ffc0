// Where racks outlive the process: the port. `store/region-racks.ts` implements it.

import type { Ipv4, MacAddress } from '../../net/address.ts';
import type { NewMachineEvent } from './machine-event.ts';
import type { Rack, RackImage } from './rack.ts';

/** What becomes of the racks. */
export interface RackChange<R> {
  /** Racks to be kept as they are given here, by their UUID. */
  readonly put: readonly Rack[];
  /** UUIDs of racks to be forgotten. */
  readonly remove?: readonly string[] | undefined;
  readonly events: readonly NewMachineEvent[];
  readonly result: R;
}

/** What is known of where a machine is at home. */
export interface MachineHome {
  readonly systemId: string;
  readonly hostname: string;
  /** Undefined: nowhere yet. */
  readonly home: Ipv4 | undefined;
  /** With which address this interface was seen last; undefined: with none. */
  readonly seen?: Ipv4 | undefined;
}

/** At most RACKS_MAX racks. Every method is one transaction, and throws RackError `store-unavailable`. */
export interface RackStore {
  /** All of them, in the order in which they came. */
  list(): readonly Rack[];
  /** Grows with every change; a number of the database, not of the process. */
  version(): number;
  /** The images that a rack told last; empty: none, or there is no such rack. */
  images(uuid: string): readonly RackImage[];
  /** Keeps what a rack told, until it is forgotten. */
  putImages(uuid: string, images: readonly RackImage[]): void;
  /** The machine with this interface, or without one that was seen last with this address; undefined: none. */
  homeOf(sign: { readonly mac?: MacAddress | undefined; readonly address?: Ipv4 | undefined }): MachineHome | undefined;
  /**
   * Hands over all racks, asks what shall become of them, and makes it so. When one gets a network in which machines are at work, racks
   * are told the desired state anew, for it has their tokens.
   */
  change<R>(decide: (racks: readonly Rack[]) => RackChange<R>): R;
}
