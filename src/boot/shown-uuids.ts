// The UUIDs that boot clients showed when they asked for an address. Most loaders ask for their configuration by hardware address
// only; with the UUID a machine in use that boots from a new card is still known.
//
// 1. At most UUIDS_MAX are remembered: the one that was shown longest ago is forgotten first.

import type { MacAddress } from '../net/address.ts';

export const UUIDS_MAX = 4096;

export class ShownUuids {
  readonly #byMac = new Map<MacAddress, string>();

  /** Remembers what a boot client showed; what shows none is forgotten. */
  remember(mac: MacAddress, uuid: string | undefined): void {
    this.#byMac.delete(mac);
    if (uuid === undefined) return;
    this.#byMac.set(mac, uuid);
    const oldest = this.#byMac.size > UUIDS_MAX ? this.#byMac.keys().next().value : undefined;
    if (oldest !== undefined) this.#byMac.delete(oldest);
  }

  find(mac: MacAddress): string | undefined {
    return this.#byMac.get(mac);
  }
}
