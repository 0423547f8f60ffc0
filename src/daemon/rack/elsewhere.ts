// Addresses that another DHCP server gave to machines, on networks in proxy mode: it maps them to
// hardware addresses and names, as leases do on other networks.
//
//   REQUEST to the other server ─────── claim ─┐
//   neighbour seen with the address ───────────┴─ findMac: the newer of both ─→ traces, configurations, tokens
//
// 1. Claims are lost at a restart; the neighbours seen on the wire then replace them.
// 2. An address that was silent for SILENT_MS is forgotten at the next claim.

import { SeenAddresses } from '../../boot/seen-addresses.ts';
import type { AddressClaim } from '../../dhcp/answers/decision.ts';
import type { Lease } from '../../dhcp/leases/lease.ts';
import type { DhcpConfig } from '../../dhcp/networks/config.ts';
import { type Ipv4, type Ipv4Network, type MacAddress, networkContains } from '../../ground/address.ts';
import { type Clock, type Instant, later } from '../../ground/clock.ts';
import { sightingAsLease } from './naming.ts';

/** How long a silent machine keeps its address here. */
export const SILENT_MS = 24 * 3600 * 1000;

interface ElsewhereDeps {
  readonly clock: Clock;
  readonly findNeighbour: (address: Ipv4) => { readonly mac: MacAddress; readonly lastSeen: Instant } | undefined;
  readonly onGone: (address: Ipv4) => void;
}

/** Maps the addresses of other DHCP servers to machines. */
export class Elsewhere {
  readonly #deps: ElsewhereDeps;
  readonly #seenAddresses = new SeenAddresses();
  #networks: readonly Ipv4Network[] = [];

  constructor(deps: ElsewhereDeps) {
    this.#deps = deps;
  }

  /** Replaces the served networks, and forgets addresses outside those in proxy mode. */
  configure({ subnets }: DhcpConfig): void {
    this.#networks = subnets.filter(({ proxy }) => proxy === true).map(({ network }) => network);
    for (const { address } of [...this.#seenAddresses.all()]) {
      if (this.isElsewhere(address)) continue;
      this.#seenAddresses.forget(address);
      this.#deps.onGone(address);
    }
  }

  isElsewhere(address: Ipv4): boolean {
    return this.#networks.some((network) => networkContains(network, address));
  }

  claim({ mac, address, at }: AddressClaim): void {
    this.#forgetSilent(at);
    const formerAddress = this.#seenAddresses.claim(mac, address, at);
    if (formerAddress !== undefined) this.#deps.onGone(formerAddress);
  }

  /** The machine with an address; `undefined` if none was seen, or this rack itself serves the network. */
  findMac(address: Ipv4): MacAddress | undefined {
    if (this.#networks.length === 0 || !this.isElsewhere(address)) return undefined;
    const claim = this.#seenAddresses.find(address);
    const neighbour = this.#deps.findNeighbour(address);
    if (claim === undefined || neighbour === undefined) return (claim ?? neighbour)?.mac;
    return neighbour.lastSeen > claim.at ? neighbour.mac : claim.mac;
  }

  /** Forgets machines that were silent for long: another client may have their address by now. */
  #forgetSilent(now: Instant): void {
    for (const { address, mac, at } of this.#seenAddresses.all()) {
      if (later(at, SILENT_MS) > now) return;
      const neighbour = this.#deps.findNeighbour(address);
      if (neighbour?.mac === mac && later(neighbour.lastSeen, SILENT_MS) > now) {
        this.#seenAddresses.claim(mac, address, neighbour.lastSeen);
        continue;
      }
      this.#seenAddresses.forget(address);
      this.#deps.onGone(address);
    }
  }

  findAddress(mac: MacAddress): Ipv4 | undefined {
    return this.#seenAddresses.findAddress(mac);
  }

  /** All claims, in the form of running leases. */
  listLeases(): readonly Lease[] {
    const now = this.#deps.clock.now();
    return Array.from(this.#seenAddresses.all(), ({ address, mac }) => sightingAsLease(mac, address, now));
  }
}
