// The UUIDs that boot clients sent in their DHCP requests. Most loaders ask for their configuration only by hardware address; the UUID still
// identifies a machine in use that boots from a new card.
//
// 1. UUIDs of the region's machines, of other known clients and of unknown clients are kept separately (`net/shares/kept-apart.ts`).

import type { MacAddress } from '../net/address.ts';
import { KeptApart, type Owner } from '../net/shares/kept-apart.ts';

/**
 * UUIDs of each rank. Unknown clients fill theirs by inventing hardware addresses, but evict only each other's, which nothing looks up: a
 * UUID that the region knows has a higher rank. The next boot sends it again.
 */
export const UUIDS_MAX = 4096;

export class ShownUuids {
  readonly #byMac = new KeptApart<MacAddress, string>(UUIDS_MAX);

  /** Remembers a boot client's UUID; a client without one is forgotten. */
  remember(mac: MacAddress, uuid: string | undefined, owner: Owner): void {
    if (uuid === undefined) this.#byMac.delete(mac);
    else this.#byMac.set(mac, uuid, owner);
  }

  find(mac: MacAddress): string | undefined {
    return this.#byMac.get(mac);
  }
}
