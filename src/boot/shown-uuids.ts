// The UUIDs that boot clients showed when they asked for an address. Most loaders ask for their configuration by hardware address
// only; with the UUID a machine in use that boots from a new card is still known.
//
// 1. What machines of the region showed, what others showed that are known, and what strangers showed is kept apart (`kept-apart.ts`).

import { KeptApart, type Owner } from '../kept-apart.ts';
import type { MacAddress } from '../net/address.ts';

/**
 * UUIDs of each rank. Strangers fill theirs by inventing hardware addresses, and push out each other's only, which nobody looks for: a UUID
 * that the region knows ranks higher. A boot shows it anew.
 */
export const UUIDS_MAX = 4096;

export class ShownUuids {
  readonly #byMac = new KeptApart<MacAddress, string>(UUIDS_MAX);

  /** Remembers what a boot client showed; what shows none is forgotten. */
  remember(mac: MacAddress, uuid: string | undefined, owner: Owner): void {
    if (uuid === undefined) this.#byMac.delete(mac);
    else this.#byMac.set(mac, uuid, owner);
  }

  find(mac: MacAddress): string | undefined {
    return this.#byMac.get(mac);
  }
}
