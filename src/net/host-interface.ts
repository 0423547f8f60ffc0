// A network interface of this host. `interfaces.ts` supplies the list.

import type { Ipv4, MacAddress } from '../ground/address.ts';

/** An IPv4 address of an interface, with the length of its network's prefix in bits (0 to 32). */
export interface InterfaceAddress {
  readonly address: Ipv4;
  readonly prefix: number;
}

/** One interface at one moment. */
export interface HostInterface {
  readonly name: string;
  /**
   * The kernel's index, from 1; an interface that is created again gets a new one. 0 if the system
   * does not report it.
   */
  readonly index: number;
  /**
   * The hardware address; `undefined` for an interface that has none (a tunnel), 00:00:00:00:00:00
   * for loopback.
   */
  readonly mac: MacAddress | undefined;
  /** Switched on by the administrator. */
  readonly up: boolean;
  /**
   * A cable is plugged in and the other side is on; where the system does not report it, true if
   * Node lists the interface.
   */
  readonly carrier: boolean;
  readonly addresses: readonly InterfaceAddress[];
  /**
   * How the interface leads to the world: through `router`, or directly, as a tunnel does.
   * `undefined` if it does not.
   */
  readonly outward?: { readonly router: Ipv4 | undefined } | undefined;
}
