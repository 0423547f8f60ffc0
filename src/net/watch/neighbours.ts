// The hosts on this host's wires: which hardware address uses which IPv4 address, where and since
// when. A hint, never an input to leasing.
//
//   ARP packets ─┬─ SightingFilter (in the thread that hears them) ─▶ NeighbourTable.see ─▶ new | moved | seen
//   kernel's table ┘     repeats a sighting once in REREPORT_MS
//
// 1. Strangers can add only a bounded amount: NEIGHBOURS_MAX entries, and REPORT_RATE new sightings
//    a second. A sighting beyond the rate is reported with the host's next packet.
// 2. A host heard with its address for REREPORT_MS is kept apart from new ones
//    (`net/shares/kept-apart.ts`), and is always reported again. Entries are shared out by hardware
//    address, so a host that claims many addresses evicts only its own.
// 3. The table is in memory only, and fills again within minutes of a restart.

import type { Ipv4, MacAddress } from '../../ground/address.ts';
import type { Instant } from '../../ground/clock.ts';
import { later } from '../../ground/clock.ts';
import { type Rate, RateLimit, RateLimits } from '../../ground/rate-limit.ts';
import { type Owner, RankedTable } from '../shares/kept-apart.ts';

/**
 * Remembered neighbours: up to this many new ones, and as many heard for REREPORT_MS. Invented ones
 * evict only new ones.
 */
export const NEIGHBOURS_MAX = 16_384;
/** How often the same neighbour, router or booting machine is reported, in milliseconds. */
export const REREPORT_MS = 60_000;
/** New sightings of one hardware address. */
export const SENDER_RATE: Rate = { perSecond: 5, burst: 64 };
/**
 * Hardware addresses whose rate is remembered. Invented ones fill it; a forgotten one starts again,
 * within REPORT_RATE.
 */
export const SENDERS_MAX = 4096;
/** New sightings of all hosts. A flood with invented hardware addresses fills it and delays new hosts. */
export const REPORT_RATE: Rate = { perSecond: 500, burst: 2000 };

export interface Sighting {
  readonly interfaceName: string;
  readonly address: Ipv4;
  readonly mac: MacAddress;
  /** False if the kernel only remembers it and has not just heard it. */
  readonly isHeard: boolean;
}

/** A known neighbour. */
export interface Neighbour {
  readonly interfaceName: string;
  readonly address: Ipv4;
  readonly mac: MacAddress;
  readonly firstSeen: Instant;
  readonly lastSeen: Instant;
  /**
   * The previous user of the address, and since when the present user has it; `undefined` if there
   * was no other.
   */
  readonly previousMac?: MacAddress | undefined;
  readonly movedAt?: Instant | undefined;
}

type NeighbourChange = 'new' | 'moved' | 'seen';

export class NeighbourTable {
  readonly #entries = new RankedTable<string, Neighbour>(NEIGHBOURS_MAX);

  /** Records a sighting. */
  see(sighting: Sighting, now: Instant): NeighbourChange {
    const { interfaceName, address, mac } = sighting;
    const key = `${interfaceName} ${address}`;
    const knownEntry = this.#entries.get(key);
    const updated = { interfaceName, address, mac, firstSeen: knownEntry?.firstSeen ?? now, lastSeen: now };
    if (knownEntry === undefined) {
      this.#entries.set(key, updated, makeStrangerOwner(mac));
      return 'new';
    }
    if (knownEntry.mac !== mac) {
      this.#entries.set(
        key,
        { ...updated, firstSeen: now, previousMac: knownEntry.mac, movedAt: now },
        makeStrangerOwner(mac),
      );
      return 'moved';
    }
    const { firstSeen, previousMac, movedAt } = knownEntry;
    const lastSeen = sighting.isHeard ? now : knownEntry.lastSeen;
    const owner = later(firstSeen, REREPORT_MS) <= lastSeen ? makeSettledOwner(mac) : makeStrangerOwner(mac);
    this.#entries.set(key, { ...updated, lastSeen, previousMac, movedAt }, owner);
    return 'seen';
  }

  /** The last host seen with an address; `undefined` if none is known. */
  find(interfaceName: string, address: Ipv4): Neighbour | undefined {
    return this.#entries.get(`${interfaceName} ${address}`);
  }

  /** Finds the neighbour with an address behind any of the interfaces. */
  findOnAny(address: Ipv4, interfaceNames: Iterable<string>): Neighbour | undefined {
    let newest: Neighbour | undefined;
    for (const name of interfaceNames) {
      const neighbour = this.find(name, address);
      if (neighbour !== undefined && (newest === undefined || neighbour.lastSeen > newest.lastSeen)) newest = neighbour;
    }
    return newest;
  }

  /** All neighbours, unordered. */
  list(): readonly Neighbour[] {
    return [...this.#entries.values()];
  }
}

const makeStrangerOwner = (mac: MacAddress): Owner => ({ rank: 'stranger', share: String(mac) });
const makeSettledOwner = (mac: MacAddress): Owner => ({ rank: 'client', share: String(mac) });

/** Passes sightings that are new, or that were last reported REREPORT_MS ago. */
export class SightingFilter {
  /** By interface index and address as one number. */
  readonly #reportedHosts = new RankedTable<number, { readonly mac: MacAddress; readonly at: Instant }>(NEIGHBOURS_MAX);
  readonly #senderLimits = new RateLimits<MacAddress>(SENDER_RATE, SENDERS_MAX);
  readonly #reportLimit = new RateLimit(REPORT_RATE);

  /** `isHeard` as in `Sighting`: a merely remembered host is reported once. */
  allows(interfaceIndex: number, address: Ipv4, mac: MacAddress, isHeard: boolean, now: Instant): boolean {
    const key = interfaceIndex * 0x1_0000_0000 + address;
    const reported = this.#reportedHosts.get(key);
    const isKnown = reported !== undefined && reported.mac === mac;
    if (isKnown && (!isHeard || later(reported.at, REREPORT_MS) > now)) return false;
    if (!isKnown && !(this.#senderLimits.allows(mac, now) && this.#reportLimit.allows(now))) return false;
    this.#reportedHosts.set(key, { mac, at: now }, isKnown ? makeSettledOwner(mac) : makeStrangerOwner(mac));
    return true;
  }

  /** Forgets what was reported, so that a new listener hears everything. */
  clear(): void {
    this.#reportedHosts.clear();
  }
}
