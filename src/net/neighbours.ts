// Who is on the wires of this host: which hardware address uses which IPv4 address behind which interface, first and last seen.
// A hint for people and for other rooms, never an input to what is leased.
//
//   ARP packets ─┬─ SightingFilter (in the thread that hears them) ─▶ NeighbourTable.see ─▶ new | moved | seen
//   kernel's table ┘     says the same thing once in RETELL_MS
//
// 1. What strangers can add to is bounded: NEIGHBOURS_MAX entries, of which the one that was silent longest goes first, and
//    TOLD_RATE sightings a second, beyond which the next packet of the same host tells it.
// 2. It lives in memory. After a restart the kernel's table and the wire fill it again within minutes.

import type { Instant } from '../clock.ts';
import { later } from '../clock.ts';
import { type Rate, RateLimit } from '../rate-limit.ts';
import type { Ipv4, MacAddress } from './address.ts';

/** The most neighbours that are remembered. */
export const NEIGHBOURS_MAX = 16_384;
/** How soon the same sighting is told again, in milliseconds. */
export const RETELL_MS = 60_000;
/** How often sightings are told at all. */
const TOLD_RATE: Rate = { perSecond: 500, burst: 2000 };

/** An address that was seen in use. */
export interface Sighting {
  readonly interfaceName: string;
  readonly address: Ipv4;
  readonly mac: MacAddress;
  /** False: the kernel remembers it, and has not heard it just now. */
  readonly heard: boolean;
}

/** A neighbour as it is known. */
export interface Neighbour {
  readonly interfaceName: string;
  readonly address: Ipv4;
  readonly mac: MacAddress;
  readonly firstSeen: Instant;
  readonly lastSeen: Instant;
  /** Who had the address before, and since when it is this one's; undefined: nobody. */
  readonly previousMac?: MacAddress | undefined;
  readonly movedAt?: Instant | undefined;
}

/** What a sighting changed. */
export type NeighbourChange = 'new' | 'moved' | 'seen';

/** Neighbours by interface and address. */
export class NeighbourTable {
  /** In the order in which they were last seen, the longest silent first. */
  readonly #entries = new Map<string, Neighbour>();

  get size(): number {
    return this.#entries.size;
  }

  /** Takes note of a sighting. */
  see(sighting: Sighting, now: Instant): NeighbourChange {
    const { interfaceName, address, mac } = sighting;
    const key = `${interfaceName} ${address}`;
    const before = this.#entries.get(key);
    this.#entries.delete(key);
    const since = { interfaceName, address, mac, firstSeen: before?.firstSeen ?? now, lastSeen: now };
    if (before === undefined) {
      this.#entries.set(key, since);
      const [oldest] = this.#entries.size > NEIGHBOURS_MAX ? this.#entries.keys() : [];
      if (oldest !== undefined) this.#entries.delete(oldest);
      return 'new';
    }
    if (before.mac !== mac) {
      this.#entries.set(key, { ...since, firstSeen: now, previousMac: before.mac, movedAt: now });
      return 'moved';
    }
    const { previousMac, movedAt } = before;
    this.#entries.set(key, { ...since, lastSeen: sighting.heard ? now : before.lastSeen, previousMac, movedAt });
    return 'seen';
  }

  /** The host that was last seen with an address; undefined: none is known. */
  find(interfaceName: string, address: Ipv4): Neighbour | undefined {
    return this.#entries.get(`${interfaceName} ${address}`);
  }

  /** The host that was seen last with an address, behind whichever interface. */
  findAnywhere(address: Ipv4, interfaceNames: Iterable<string>): Neighbour | undefined {
    let newest: Neighbour | undefined;
    for (const name of interfaceNames) {
      const found = this.find(name, address);
      if (found !== undefined && (newest === undefined || found.lastSeen > newest.lastSeen)) newest = found;
    }
    return newest;
  }

  /** All of them, in no particular order. */
  all(): readonly Neighbour[] {
    return [...this.#entries.values()];
  }
}

/** Lets a sighting through that says something new, or the same as one RETELL_MS ago. */
export class SightingFilter {
  /** By interface index and address as one number. In the order in which they were told. */
  readonly #told = new Map<number, { readonly mac: MacAddress; readonly at: Instant }>();
  readonly #rate = new RateLimit(TOLD_RATE);

  /** True: to be told. `heard` as in `Sighting`: what is merely remembered is told once. */
  allows(interfaceIndex: number, address: Ipv4, mac: MacAddress, heard: boolean, now: Instant): boolean {
    const key = interfaceIndex * 0x1_0000_0000 + address;
    const told = this.#told.get(key);
    if (told !== undefined && told.mac === mac && (!heard || later(told.at, RETELL_MS) > now)) return false;
    if (!this.#rate.allows(now)) return false;
    this.#told.delete(key);
    this.#told.set(key, { mac, at: now });
    const [oldest] = this.#told.size > NEIGHBOURS_MAX ? this.#told.keys() : [];
    if (oldest !== undefined) this.#told.delete(oldest);
    return true;
  }

  /** Forgets what was told: who asks now is to hear everything. */
  clear(): void {
    this.#told.clear();
  }
}
