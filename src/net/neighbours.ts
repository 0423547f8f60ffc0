// Who is on the wires of this host: which hardware address uses which IPv4 address behind which interface, first and last seen.
// A hint for people and for other rooms, never an input to what is leased.
//
//   ARP packets ─┬─ SightingFilter (in the thread that hears them) ─▶ NeighbourTable.see ─▶ new | moved | seen
//   kernel's table ┘     says the same thing once in RETELL_MS
//
// 1. What strangers can add to is bounded: NEIGHBOURS_MAX entries, and TOLD_RATE new sightings a second, beyond which the next packet of the
//    same host tells it.
// 2. A host that was heard with its address for RETELL_MS is kept apart from those that are new (`kept-apart.ts`), and is told again whatever
//    else is on the wire. Among the new, as among the others, a hardware address is a share: one that claims many addresses loses its own.
// 3. It lives in memory. After a restart the kernel's table and the wire fill it again within minutes.

import type { Instant } from '../clock.ts';
import { later } from '../clock.ts';
import { KeptApart, type Owner } from '../kept-apart.ts';
import { type Rate, RateLimit, RateLimits } from '../rate-limit.ts';
import type { Ipv4, MacAddress } from './address.ts';

/** Neighbours that are remembered: so many new ones, and so many that were heard for RETELL_MS. Invented ones push out invented ones. */
export const NEIGHBOURS_MAX = 16_384;
/** How soon the same sighting is told again, in milliseconds. */
export const RETELL_MS = 60_000;
/** New sightings of one hardware address. A host with many addresses has them told within seconds. */
export const SENDER_RATE: Rate = { perSecond: 5, burst: 64 };
/** Hardware addresses whose rate is remembered. Invented ones fill it: one that is forgotten begins anew, within TOLD_RATE. */
export const SENDERS_MAX = 4096;
/** New sightings of all hosts. A flood under invented hardware addresses fills it, and hosts that are new are told later. */
export const TOLD_RATE: Rate = { perSecond: 500, burst: 2000 };

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
  readonly #entries = new KeptApart<string, Neighbour>(NEIGHBOURS_MAX);

  get size(): number {
    return this.#entries.size;
  }

  /** Takes note of a sighting. */
  see(sighting: Sighting, now: Instant): NeighbourChange {
    const { interfaceName, address, mac } = sighting;
    const key = `${interfaceName} ${address}`;
    const before = this.#entries.get(key);
    const since = { interfaceName, address, mac, firstSeen: before?.firstSeen ?? now, lastSeen: now };
    if (before === undefined) {
      this.#entries.set(key, since, newcomer(mac));
      return 'new';
    }
    if (before.mac !== mac) {
      this.#entries.set(key, { ...since, firstSeen: now, previousMac: before.mac, movedAt: now }, newcomer(mac));
      return 'moved';
    }
    const { firstSeen, previousMac, movedAt } = before;
    const lastSeen = sighting.heard ? now : before.lastSeen;
    const owner = later(firstSeen, RETELL_MS) <= lastSeen ? settled(mac) : newcomer(mac);
    this.#entries.set(key, { ...since, lastSeen, previousMac, movedAt }, owner);
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

/** Whose an entry is: of a host that is new, and of one that was heard before. */
const newcomer = (mac: MacAddress): Owner => ({ rank: 'stranger', share: String(mac) });
const settled = (mac: MacAddress): Owner => ({ rank: 'client', share: String(mac) });

/** Lets a sighting through that says something new, or the same as one RETELL_MS ago. */
export class SightingFilter {
  /** By interface index and address as one number. */
  readonly #told = new KeptApart<number, { readonly mac: MacAddress; readonly at: Instant }>(NEIGHBOURS_MAX);
  readonly #senders = new RateLimits<MacAddress>(SENDER_RATE, SENDERS_MAX);
  readonly #rate = new RateLimit(TOLD_RATE);

  /** True: to be told. `heard` as in `Sighting`: what is merely remembered is told once. */
  allows(interfaceIndex: number, address: Ipv4, mac: MacAddress, heard: boolean, now: Instant): boolean {
    const key = interfaceIndex * 0x1_0000_0000 + address;
    const told = this.#told.get(key);
    const isKnown = told !== undefined && told.mac === mac;
    if (isKnown && (!heard || later(told.at, RETELL_MS) > now)) return false;
    if (!isKnown && !(this.#senders.allows(mac, now) && this.#rate.allows(now))) return false;
    this.#told.set(key, { mac, at: now }, isKnown ? settled(mac) : newcomer(mac));
    return true;
  }

  /** Forgets what was told: who asks now is to hear everything. */
  clear(): void {
    this.#told.clear();
  }
}
