// Addresses that machines were seen to take from another DHCP server, on networks where this rack only helps to boot. What a lease is
// elsewhere, such a sighting is there: it says whose the address is that loads a file or reports.
//
// 1. A machine has the one address it took last, an address the one machine that took it last.
// 2. At most SEEN_ADDRESSES_MAX are remembered: the one that was seen longest ago is forgotten first.
// 3. A sighting is no proof: whoever may send in that network may claim an address, as he may lease one by another's hardware address
//    where this rack gives them.

import { BoundedMap } from '../bounded-map.ts';
import type { Instant } from '../clock.ts';
import type { Ipv4, MacAddress } from '../net/address.ts';

export const SEEN_ADDRESSES_MAX = 16_384;

/** An address and who took it. */
export interface SeenAddress {
  readonly address: Ipv4;
  readonly mac: MacAddress;
  /** When it was seen last. */
  readonly at: Instant;
}

/** Who has which address, as far as was seen. */
export class SeenAddresses {
  readonly #byAddress = new BoundedMap<Ipv4, SeenAddress>(SEEN_ADDRESSES_MAX, 'set longest ago', ({ mac }) => {
    this.#byMac.delete(mac);
  });
  readonly #byMac = new Map<MacAddress, Ipv4>();

  /** Takes note of an address that a machine takes. @returns the address that it had before; undefined: it is the same, or had none */
  claim(mac: MacAddress, address: Ipv4, at: Instant): Ipv4 | undefined {
    const before = this.#byMac.get(mac);
    const former = this.#byAddress.get(address)?.mac;
    if (former !== undefined && former !== mac) this.#byMac.delete(former);
    if (before !== undefined && before !== address) this.#byAddress.delete(before);
    this.#byAddress.set(address, { address, mac, at });
    this.#byMac.set(mac, address);
    return before === address ? undefined : before;
  }

  /** Forgets an address that has become another's. */
  forget(address: Ipv4): void {
    const seen = this.#byAddress.get(address);
    if (seen === undefined) return;
    this.#byAddress.delete(address);
    this.#byMac.delete(seen.mac);
  }

  /** The machine that has an address, and since when; undefined: not seen. */
  find(address: Ipv4): SeenAddress | undefined {
    return this.#byAddress.get(address);
  }

  /** The address of a machine; undefined: not seen. */
  addressOf(mac: MacAddress): Ipv4 | undefined {
    return this.#byMac.get(mac);
  }

  /** Every sighting, the oldest first. */
  all(): Iterable<SeenAddress> {
    return this.#byAddress.values();
  }
}
