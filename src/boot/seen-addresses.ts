// Addresses that machines were seen to take from another DHCP server, on networks where the rack only helps to boot. Such a sighting
// stands in for a lease: it says which machine has the address that loads a file or reports.
//
// 1. A machine has only the address it took last; an address belongs only to the machine that took it last.
// 2. At most SEEN_ADDRESSES_MAX are remembered: the one seen longest ago is forgotten first.
// 3. A sighting is not proof: any host in that network can claim an address, just as it can lease one under another's hardware address where
//    the rack gives the addresses.

import { BoundedMap } from '../bounded-map.ts';
import type { Instant } from '../clock.ts';
import type { Ipv4, MacAddress } from '../net/address.ts';

export const SEEN_ADDRESSES_MAX = 16_384;

/** An address and the machine that took it. */
interface SeenAddress {
  readonly address: Ipv4;
  readonly mac: MacAddress;
  /** When it was seen last. */
  readonly at: Instant;
}

/** The machines' addresses, as far as seen. */
export class SeenAddresses {
  readonly #byAddress = new BoundedMap<Ipv4, SeenAddress>(SEEN_ADDRESSES_MAX, 'set longest ago', ({ mac }) => {
    this.#byMac.delete(mac);
  });
  readonly #byMac = new Map<MacAddress, Ipv4>();

  /** Records an address that a machine takes. @returns its previous address; `undefined` if unchanged, or if it had none */
  claim(mac: MacAddress, address: Ipv4, at: Instant): Ipv4 | undefined {
    const before = this.#byMac.get(mac);
    const former = this.#byAddress.get(address)?.mac;
    if (former !== undefined && former !== mac) this.#byMac.delete(former);
    if (before !== undefined && before !== address) this.#byAddress.delete(before);
    this.#byAddress.set(address, { address, mac, at });
    this.#byMac.set(mac, address);
    return before === address ? undefined : before;
  }

  /** Forgets who was seen to take an address. */
  forget(address: Ipv4): void {
    const seen = this.#byAddress.get(address);
    if (seen === undefined) return;
    this.#byAddress.delete(address);
    this.#byMac.delete(seen.mac);
  }

  /** The machine that has an address, and when it was seen; `undefined` if not seen. */
  find(address: Ipv4): SeenAddress | undefined {
    return this.#byAddress.get(address);
  }

  /** The address of a machine; `undefined` if not seen. */
  addressOf(mac: MacAddress): Ipv4 | undefined {
    return this.#byMac.get(mac);
  }

  /** Every sighting, the oldest first. */
  all(): Iterable<SeenAddress> {
    return this.#byAddress.values();
  }
}
