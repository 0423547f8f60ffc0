// The port to the store of racks (`store/operations/region-racks.ts`).

import type { Ipv4, MacAddress } from '../../ground/address.ts';
import type { NewMachineEvent } from './machine-event.ts';
import type { Rack, RackImage } from './rack.ts';

export interface RackChange<R> {
  /** Racks to add or replace, by UUID. */
  readonly put: readonly Rack[];
  readonly remove?: readonly string[] | undefined;
  readonly events: readonly NewMachineEvent[];
  readonly result: R;
}

export interface MachineHome {
  readonly systemId: string;
  readonly hostname: string;
  /** `undefined` if it has no home yet. */
  readonly home: Ipv4 | undefined;
  /** Last seen on this interface; undefined: none. */
  readonly seen?: Ipv4 | undefined;
}

/** A sign of a machine: its interface or, without `mac`, its address. */
export interface MachineSign {
  readonly mac?: MacAddress | undefined;
  readonly address?: Ipv4 | undefined;
}

export type FoundHome = MachineHome | undefined;

export interface RackKeyHolder {
  readonly uuid: string;
  readonly secretDigest: string;
  /** The key's owner; undefined: a machine. */
  readonly username: string | undefined;
  readonly isAdmin: boolean;
}

/** The racks, with the API keys that some of them use instead of their own. */
export interface RacksSeen {
  /** Changes with the racks, and with every account or key with which a client may authenticate as a rack. */
  readonly version: number;
  /** In the order of their registration. */
  readonly racks: readonly Rack[];
  readonly keys: readonly RackKeyHolder[];
}

/** At most RACKS_MAX racks. Every method is one transaction and may throw RackError `store-unavailable`. */
export interface RackStore {
  /** Undefined if their version is `knownVersion`. */
  look(knownVersion: number): Promise<RacksSeen | undefined>;
  /** The images that racks last reported; racks without a report are absent. */
  images(uuids: readonly string[]): Promise<ReadonlyMap<string, readonly RackImage[]>>;
  putImages(uuid: string, images: readonly RackImage[]): Promise<void>;
  /** @param description empty: none @returns false if there is no such rack */
  describe(uuid: string, description: string, event: NewMachineEvent): Promise<boolean>;
  /**
   * Finds the home for each sign; undefined: no machine has this interface or was last seen with
   * this address.
   */
  findHomes(signs: readonly MachineSign[]): Promise<readonly FoundHome[]>;
  /**
   * If a rack gains the home network of machines at work, the desired state is sent again, because
   * this rack must now get their tokens.
   */
  change<R>(decide: (racks: readonly Rack[]) => RackChange<R>): Promise<R>;
}
