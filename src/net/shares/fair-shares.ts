// Shares out a bounded number of places (connections, transfers, waiting questions) so that no
// address or network can deny them to others. The one rule of every server: max-min fairness, first
// between networks, then between the addresses of a network (RFC 970 describes the idea for
// packets).
//
// 1. There are never more than `max` places. While fewer are taken, every address is admitted, up
//    to `addressMax` of its own.
// 2. When all are taken, a newcomer takes a place from a holder above its fair share: from the
//    network with the most places, else from the address with the most places in the newcomer's own
//    network. That holder must have at least two places more than the newcomer. So exchanges even
//    out the shares, and equals never swap endlessly.
// 3. If the shares are even, an idle place gives way: the longest idle one of a holder with no fewer places.
// 4. A holder loses idle places first, then the least recently active.
// 5. Every call takes constant time, plus at most IDLE_CHECKS_MAX looks at idle places.

import { type Ipv4, withoutIpv4Mapping } from '../../ground/address.ts';

/** Idle places examined for one newcomer: the first nearly always fits. */
const IDLE_CHECKS_MAX = 64;

export interface Place<T> {
  readonly holder: T;
  readonly address: string | Ipv4;
  readonly network: string | number;
  /** True while nothing is pending in either direction. */
  readonly isIdle: boolean;
}

export type Admission<T> =
  /** `evicted` lost its place to the newcomer; the caller must end it. */
  | { readonly kind: 'admitted'; readonly place: Place<T>; readonly evicted: T | undefined }
  /**
   * `address`: this address is at its own bound; `all`: no holder is above its fair share and none
   * is idle.
   */
  | { readonly kind: 'refused'; readonly bound: 'address' | 'all' };

interface FairSharesBounds {
  readonly max: number;
  readonly addressMax?: number;
  /** The network of an address; default: its /24 or /64. For keys that are not addresses. */
  readonly networkKey?: (address: string | Ipv4) => string | number;
}

/** The /24 of an address. */
export const shareNetwork = (address: Ipv4): number => address >>> 8;

const SPEAKER_SEPARATOR = ' by ';

/**
 * The key for a client that a speaker (a rack) represents: `10.50.0.9 by rack UUID`. All clients of
 * one speaker count as one network, or a speaker could claim a share for every network it names.
 */
export const keyForSpeaker = (address: string, speaker: string): string => `${address}${SPEAKER_SEPARATOR}${speaker}`;

/**
 * The network of an address in text: the /24 of IPv4, including its IPv4-mapped form; the /64 of
 * IPv6; the speaker of a represented client (`keyForSpeaker`).
 */
export function findNetworkKey(address: string): string {
  const separatorIndex = address.lastIndexOf(SPEAKER_SEPARATOR);
  if (separatorIndex !== -1) return address.slice(separatorIndex + SPEAKER_SEPARATOR.length);
  const ipv4 = /^(\d+\.\d+\.\d+)\.\d+$/.exec(withoutIpv4Mapping(address))?.[1];
  return ipv4 ?? parseFirstGroups(address, 4);
}

function parseFirstGroups(address: string, count: number): string {
  const [headText = '', tailText] = address.split('%')[0]?.split('::') ?? [];
  const groups = headText === '' ? [] : headText.split(':');
  if (tailText !== undefined) {
    const tailGroups = tailText === '' ? [] : tailText.split(':');
    while (groups.length + tailGroups.length < 8) groups.push('0');
    groups.push(...tailGroups);
  }
  return groups.slice(0, count).join(':').toLowerCase();
}

interface HeldPlace<T> extends Place<T> {
  isIdle: boolean;
  isReleased: boolean;
}

/** The places of one address, busy and idle, each least recently active first. */
interface Holding<T> {
  readonly busy: Set<HeldPlace<T>>;
  readonly isIdle: Set<HeldPlace<T>>;
}

interface Network<T> {
  readonly counts: CountedKeys<string | Ipv4>;
  readonly holdings: Map<string | Ipv4, Holding<T>>;
}

export class FairShares<T> {
  readonly #bounds: FairSharesBounds;
  readonly #networkKey: (address: string | Ipv4) => string | number;
  readonly #counts = new CountedKeys<string | number>();
  readonly #networks = new Map<string | number, Network<T>>();
  /** Least recently active first. */
  readonly #idle = new Set<HeldPlace<T>>();
  #size = 0;

  constructor(bounds: FairSharesBounds) {
    this.#bounds = bounds;
    this.#networkKey = bounds.networkKey ?? networkKey;
  }

  /** Places taken. */
  get size(): number {
    return this.#size;
  }

  getCount(address: string | Ipv4): number {
    return this.#networks.get(this.#networkKey(address))?.counts.getCount(address) ?? 0;
  }

  /** Gives `holder` a busy place, perhaps by evicting another holder. */
  admit(address: string | Ipv4, holder: T): Admission<T> {
    const network = this.#networkKey(address);
    const evicted = this.#makeRoom(address, network);
    if (evicted === 'address' || evicted === 'all') return { kind: 'refused', bound: evicted };
    if (evicted !== undefined) this.release(evicted);
    const place: HeldPlace<T> = { holder, address, network, isIdle: false, isReleased: false };
    this.#size += 1;
    this.#counts.add(network);
    let ownNetwork = this.#networks.get(network);
    if (ownNetwork === undefined) {
      ownNetwork = { counts: new CountedKeys(), holdings: new Map() };
      this.#networks.set(network, ownNetwork);
    }
    ownNetwork.counts.add(address);
    const holding = ownNetwork.holdings.get(address);
    if (holding === undefined) ownNetwork.holdings.set(address, { busy: new Set([place]), isIdle: new Set() });
    else holding.busy.add(place);
    return { kind: 'admitted', place, evicted: evicted?.holder };
  }

  /**
   * Marks a place as active now. `isIdle` means that nothing is pending any more. Does nothing for
   * a released place.
   */
  touch(place: Place<T>, isIdle: boolean): void {
    const heldPlace = place as HeldPlace<T>;
    const holding = this.#networks.get(heldPlace.network)?.holdings.get(heldPlace.address);
    if (heldPlace.isReleased || holding === undefined) return;
    holding.busy.delete(heldPlace);
    holding.isIdle.delete(heldPlace);
    this.#idle.delete(heldPlace);
    heldPlace.isIdle = isIdle;
    (isIdle ? holding.isIdle : holding.busy).add(heldPlace);
    if (isIdle) this.#idle.add(heldPlace);
  }

  /** A second call does nothing. */
  release(place: Place<T>): void {
    const heldPlace = place as HeldPlace<T>;
    const network = this.#networks.get(heldPlace.network);
    const holding = network?.holdings.get(heldPlace.address);
    if (heldPlace.isReleased || network === undefined || holding === undefined) return;
    heldPlace.isReleased = true;
    this.#size -= 1;
    this.#counts.remove(heldPlace.network);
    network.counts.remove(heldPlace.address);
    holding.busy.delete(heldPlace);
    holding.isIdle.delete(heldPlace);
    this.#idle.delete(heldPlace);
    if (holding.busy.size + holding.isIdle.size === 0) network.holdings.delete(heldPlace.address);
    if (network.holdings.size === 0) this.#networks.delete(heldPlace.network);
  }

  /**
   * The place to evict for the newcomer; `undefined` if a place is free; otherwise the bound that
   * was reached.
   */
  #makeRoom(address: string | Ipv4, network: string | number): HeldPlace<T> | undefined | 'address' | 'all' {
    const ownCount = this.getCount(address);
    if (ownCount >= (this.#bounds.addressMax ?? Number.POSITIVE_INFINITY)) {
      const [idle] = this.#networks.get(network)?.holdings.get(address)?.isIdle ?? [];
      return idle ?? 'address';
    }
    if (this.#size < this.#bounds.max) return undefined;
    return this.#findExcessPlace(address, network) ?? this.#findIdlePlace(address, ownCount) ?? 'all';
  }

  /** A place of a holder above its fair share (invariant 2). */
  #findExcessPlace(address: string | Ipv4, network: string | number): HeldPlace<T> | undefined {
    const largest = this.#counts.largest;
    const isUnfair = largest !== undefined && this.#counts.largestCount >= this.#counts.getCount(network) + 2;
    const losingNetwork = this.#networks.get(isUnfair ? largest : network);
    if (losingNetwork === undefined) return undefined;
    if (!isUnfair && losingNetwork.counts.largestCount < losingNetwork.counts.getCount(address) + 2) return undefined;
    const holder = losingNetwork.counts.largest;
    const holding = holder === undefined ? undefined : losingNetwork.holdings.get(holder);
    const [idle] = holding?.isIdle ?? [];
    const [busy] = holding?.busy ?? [];
    return idle ?? busy;
  }

  /**
   * An idle place of the newcomer's own address, or of an address with no fewer places than the
   * newcomer will have (invariant 3).
   */
  #findIdlePlace(address: string | Ipv4, ownCount: number): HeldPlace<T> | undefined {
    let checkedCount = 0;
    for (const place of this.#idle) {
      if (place.address === address || this.getCount(place.address) > ownCount) return place;
      checkedCount += 1;
      if (checkedCount >= IDLE_CHECKS_MAX) break;
    }
    return undefined;
  }
}

/** A queue in the order of arrival, with places shared out as above. */
export class FairQueue<T> {
  readonly #shares: FairShares<T>;
  readonly #places = new Map<T, Place<T>>();

  constructor(max: number) {
    this.#shares = new FairShares({ max });
  }

  get size(): number {
    return this.#places.size;
  }

  has(waiting: T): boolean {
    return this.#places.has(waiting);
  }

  /**
   * @returns the client that may wait no longer: the newcomer itself, a client that gives way to
   * it, or none
   */
  enter(address: string | Ipv4, entry: T): T | undefined {
    const admission = this.#shares.admit(address, entry);
    if (admission.kind === 'refused') return entry;
    this.#places.set(entry, admission.place);
    if (admission.evicted !== undefined) this.#places.delete(admission.evicted);
    return admission.evicted;
  }

  /** Does nothing for a client that does not wait. */
  leave(waiting: T): void {
    const place = this.#places.get(waiting);
    if (place === undefined) return;
    this.#places.delete(waiting);
    this.#shares.release(place);
  }

  [Symbol.iterator](): Iterator<T> {
    return this.#places.keys();
  }
}

const networkKey = (address: string | Ipv4): string | number =>
  typeof address === 'string' ? findNetworkKey(address) : shareNetwork(address);

/** Counts by key, and knows a key with the largest count. */
export class CountedKeys<K> {
  readonly #counts = new Map<K, number>();
  /** The keys of each count; the first element stays empty. */
  readonly #byCount: Set<K>[] = [];
  #largestCount = 0;

  get largest(): K | undefined {
    const [key] = this.#byCount[this.#largestCount] ?? [];
    return key;
  }
  get largestCount(): number {
    return this.#largestCount;
  }

  getCount(key: K): number {
    return this.#counts.get(key) ?? 0;
  }

  add(key: K): void {
    const count = this.getCount(key) + 1;
    this.#move(key, count - 1, count);
    this.#largestCount = Math.max(this.#largestCount, count);
  }

  remove(key: K): void {
    const count = this.getCount(key);
    if (count === 0) return;
    this.#move(key, count, count - 1);
    // One count fell by one, so the largest count fell by at most one.
    if ((this.#byCount[this.#largestCount]?.size ?? 0) === 0) this.#largestCount -= 1;
  }

  #move(key: K, oldCount: number, newCount: number): void {
    this.#byCount[oldCount]?.delete(key);
    if (newCount === 0) {
      this.#counts.delete(key);
      return;
    }
    this.#counts.set(key, newCount);
    const keys = this.#byCount[newCount];
    if (keys === undefined) this.#byCount[newCount] = new Set([key]);
    else keys.add(key);
  }
}
