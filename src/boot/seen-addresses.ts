// Addresses that machines took from another DHCP server. Such a sighting stands in for a lease.
//
// 1. A machine has only the address it took last; an address belongs only to the machine that took it last.
// 2. At most SEEN_ADDRESSES_MAX are remembered: the oldest is forgotten first.
// 3. A sighting is not proof: any host there can claim an address.

import type { Ipv4, MacAddress } from '../ground/address.ts';
import { BoundedMap } from '../ground/bounded-map.ts';
import type { Instant } from '../ground/clock.ts';

export const SEEN_ADDRESSES_MAX = 16_384;

interface SeenAddress {
  readonly address: Ipv4;
  readonly mac: MacAddress;
  readonly at: Instant;
}

export class SeenAddresses {
  readonly #byAddress = new BoundedMap<Ipv4, SeenAddress>(SEEN_ADDRESSES_MAX, 'set longest ago', ({ mac }) => {
    this.#byMac.delete(mac);
  });
  readonly #byMac = new Map<MacAddress, Ipv4>();

  /** @returns the previous address; `undefined` if unchanged or new */
  claim(mac: MacAddress, address: Ipv4, at: Instant): Ipv4 | undefined {
    const before = this.#byMac.get(mac);
    const former = this.#byAddress.get(address)?.mac;
    if (former !== undefined && former !== mac) this.#byMac.delete(former);
    if (before !== undefined && before !== address) this.#byAddress.delete(before);
    this.#byAddress.set(address, { address, mac, at });
    this.#byMac.set(mac, address);
    return before === address ? undefined : before;
  }

  forget(address: Ipv4): void {
    const seen = this.#byAddress.get(address);
    if (seen === undefined) return;
    this.#byAddress.delete(address);
    this.#byMac.delete(seen.mac);
  }

  /** The machine that has an address, with the time; `undefined` if not seen. */
  find(address: Ipv4): SeenAddress | undefined {
    return this.#byAddress.get(address);
  }

  /** `undefined` if not seen. */
  findAddress(mac: MacAddress): Ipv4 | undefined {
    return this.#byMac.get(mac);
  }

  all(): Iterable<SeenAddress> {
    return this.#byAddress.values();
  }
}
