// Machines whose address another DHCP server gave, on networks in proxy mode: whose is an address, what is its name. It takes the place
// that leases have elsewhere.
//
//   REQUEST to the other server ─ claim ─┐
//   who was heard with the address ──────┴─ macOf: the newer of both ─→ traces, configurations, tokens
//
// 1. Outside of networks in proxy mode nothing of this counts: there a lease says whose an address is.
// 2. What was claimed is lost at a restart; who is heard on the wire with the address takes its place.
// 3. Whoever was silent for SILENT_MS is forgotten when the next one asks for an address.

import { SeenAddresses } from '../../boot/seen-addresses.ts';
import { type Clock, type Instant, later } from '../../clock.ts';
import type { AddressClaim } from '../../dhcp/answers/decision.ts';
import type { Lease } from '../../dhcp/leases/lease.ts';
import type { DhcpConfig } from '../../dhcp/networks/config.ts';
import { type Ipv4, type Ipv4Network, type MacAddress, networkContains } from '../../net/address.ts';
import { sightingAsLease } from './naming.ts';

/** How long a machine is known by an address with which it is not heard any more. */
export const SILENT_MS = 24 * 3600 * 1000;

export interface ElsewhereParts {
  readonly clock: Clock;
  /** Who was last heard with an address; undefined: nobody was. */
  readonly findNeighbour: (address: Ipv4) => { readonly mac: MacAddress; readonly lastSeen: Instant } | undefined;
  /** Told of an address that a machine has no more. */
  readonly onGone: (address: Ipv4) => void;
}

/** Whose the addresses of other DHCP servers are. */
export class Elsewhere {
  readonly #parts: ElsewhereParts;
  readonly #seen = new SeenAddresses();
  #networks: readonly Ipv4Network[] = [];

  constructor(parts: ElsewhereParts) {
    this.#parts = parts;
  }

  /** These networks are served from now on; what was seen in others than those in proxy mode is forgotten. */
  configure({ subnets }: DhcpConfig): void {
    this.#networks = subnets.filter(({ proxy }) => proxy === true).map(({ network }) => network);
    for (const { address } of [...this.#seen.all()]) {
      if (this.isElsewhere(address)) continue;
      this.#seen.forget(address);
      this.#parts.onGone(address);
    }
  }

  /** True for an address of a network in proxy mode. */
  isElsewhere(address: Ipv4): boolean {
    return this.#networks.some((network) => networkContains(network, address));
  }

  /** A machine takes an address of another server. */
  claim({ mac, address, at }: AddressClaim): void {
    this.#forgetSilent(at);
    const before = this.#seen.claim(mac, address, at);
    if (before !== undefined) this.#parts.onGone(before);
  }

  /** The machine that has an address; undefined: it was not seen, or this rack gives the addresses there. */
  macOf(address: Ipv4): MacAddress | undefined {
    if (this.#networks.length === 0 || !this.isElsewhere(address)) return undefined;
    const claim = this.#seen.find(address);
    const neighbour = this.#parts.findNeighbour(address);
    if (claim === undefined || neighbour === undefined) return (claim ?? neighbour)?.mac;
    return neighbour.lastSeen > claim.at ? neighbour.mac : claim.mac;
  }

  /** Forgets who was neither seen nor heard for long: the other server may have given the address to somebody whom nobody saw ask. */
  #forgetSilent(now: Instant): void {
    for (const { address, mac, at } of this.#seen.all()) {
      if (later(at, SILENT_MS) > now) return;
      const neighbour = this.#parts.findNeighbour(address);
      if (neighbour?.mac === mac && later(neighbour.lastSeen, SILENT_MS) > now) {
        this.#seen.claim(mac, address, neighbour.lastSeen);
        continue;
      }
      this.#seen.forget(address);
      this.#parts.onGone(address);
    }
  }

  /** The address that a machine took last; undefined: none was seen. */
  addressOf(mac: MacAddress): Ipv4 | undefined {
    return this.#seen.addressOf(mac);
  }

  /** What was claimed, as leases that run on. */
  leases(): readonly Lease[] {
    const now = this.#parts.clock.now();
    return Array.from(this.#seen.all(), ({ address, mac }) => sightingAsLease(mac, address, now));
  }
}
