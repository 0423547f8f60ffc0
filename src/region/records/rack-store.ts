// The port to the store of racks. `store/operations/region-racks.ts` has its operations.

import type { Ipv4, MacAddress } from '../../net/address.ts';
import type { NewMachineEvent } from './machine-event.ts';
import type { Rack, RackImage } from './rack.ts';

/** A change of the racks. */
export interface RackChange<R> {
  /** Racks to add or replace, by UUID. */
  readonly put: readonly Rack[];
  /** UUIDs of racks to remove. */
  readonly remove?: readonly string[] | undefined;
  readonly events: readonly NewMachineEvent[];
  readonly result: R;
}

/** A machine and its home. */
export interface MachineHome {
  readonly systemId: string;
  readonly hostname: string;
  /** `undefined` if it has no home yet. */
  readonly home: Ipv4 | undefined;
  /** The last address seen on this interface; undefined: none. */
  readonly seen?: Ipv4 | undefined;
}

/** How a report identifies a machine: by an interface or, without `mac`, by an address. */
export interface MachineSign {
  readonly mac?: MacAddress | undefined;
  readonly address?: Ipv4 | undefined;
}

export type FoundHome = MachineHome | undefined;

/** The API key that a rack uses instead of its own key. */
export interface RackKeyHolder {
  readonly uuid: string;
  readonly secretDigest: string;
  /** The key's owner; undefined: a machine. */
  readonly username: string | undefined;
  readonly isAdmin: boolean;
}

/** All racks, and the API keys that some of them use. */
export interface RacksSeen {
  /** Changes with every change of the racks, and of an account or key with which a client may authenticate as a rack. */
  readonly version: number;
  /** In the order of their registration. */
  readonly racks: readonly Rack[];
  readonly keys: readonly RackKeyHolder[];
}

/** At most RACKS_MAX racks. Every method is one transaction and may throw RackError `store-unavailable`. */
export interface RackStore {
  /** All racks if their version differs from `known`; undefined if it does not. */
  look(known: number): Promise<RacksSeen | undefined>;
  /** The images in the last report of each of these racks; racks without a report are absent. */
  images(uuids: readonly string[]): Promise<ReadonlyMap<string, readonly RackImage[]>>;
  /** Stores a rack's reported images until the rack is removed. */
  putImages(uuid: string, images: readonly RackImage[]): Promise<void>;
  /** Stores people's note about a rack; empty: none. @returns false if there is no such rack */
  describe(uuid: string, description: string, event: NewMachineEvent): Promise<boolean>;
  /** For each sign, the machine with this interface or, without `mac`, the machine last seen with this address; undefined: none. */
  homesOf(signs: readonly MachineSign[]): Promise<readonly FoundHome[]>;
  /**
   * Passes all racks to `decide` and applies its change. If a rack gains the home network of machines at work, the desired state is sent
   * again, because this rack must now get their tokens.
   */
  change<R>(decide: (racks: readonly Rack[]) => RackChange<R>): Promise<R>;
}
