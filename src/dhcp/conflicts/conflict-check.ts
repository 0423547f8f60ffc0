// Finds addresses in use without a lease, by ARP: ahead of need for a small stock, before an offer,
// and before an ACK that rests on the client's word alone. Sources: RFC 2131 §2.2 ("the server
// SHOULD probe the reused address"), §4.3.1.
//
//   serve, every STOCK_CHECK_MS, after an address was given ─ stockUp ─▶ probes ─┬─ unused ─▶ FreeStock ─▶ knownFree, for the allocator
//                                                                                └─ in use ─▶ set aside
//   offer ─ clear ─┬─ 'clear': needs no probe, is in stock, or was probed a moment ago
//                  ├─ 'asked': a client already waits for the answer
//                  ├─ 'crowded': too many clients of the shared network wait for a probe
//                  └─ a promise: the user, or undefined
//
// 1. A new client waits only if the stock is empty, or if the address is one it requested or one
//    fixed for it that it never had. It waits for its turn and 400 ms for the probe; clients ask
//    again after 1 s at the earliest. No load makes an offer leave unprobed. Only `rackboot doctor`
//    is offered unprobed addresses, so that it changes nothing.
// 2. A probe that cannot be made proves nothing: the address is given.
// 3. Forged answers cannot empty a range. Once probes have set aside CONFLICT_SHARE of it within an
//    hour, further answers are disbelieved until the oldest conflict is an hour old. A router with
//    proxy ARP answers for every address.
// 4. An answer from the hardware address that last held the address is not a conflict. The address
//    is kept from other clients for a while (`last-holders.ts`), for at most as many addresses as
//    rule 3 allows, because anybody can answer in another host's name.

import { formatMac, type Ipv4, type MacAddress, rangeContains, rangeSize } from '../../ground/address.ts';
import { BoundedMap } from '../../ground/bounded-map.ts';
import { type Clock, type Instant, later, type Timer } from '../../ground/clock.ts';
import { isProbeMac } from '../../ground/own-probes.ts';
import type { OfferedAddress } from '../answers/decision.ts';
import type { DhcpEvent } from '../events/events.ts';
import type { AllocationFacts } from '../leases/allocate.ts';
import type { Lease } from '../leases/lease.ts';
import { isHeld, type LeaseView } from '../leases/lease-table.ts';
import { setAside } from '../leases/set-aside.ts';
import type { DhcpSubnet } from '../networks/config.ts';
import type { ServedSubnet } from '../networks/subnet.ts';
import { FreeStock, STOCK_SIZE } from './free-stock.ts';
import { LastHolders } from './last-holders.ts';

// Turns for probes, because new clients come in hundreds. An unprobed offer could put two machines
// on one address, and most firmware does not check (RFC 2131 §2.2).
//
//   take ─┬─ a probe may begin ────────────────────────▶ true
//         ├─ too many run ─ waiting ─ a probe ends ─────▶ true
//         └─ too many wait on its shared network ───────▶ false: no offer; the client asks again
//
// 1. Shared networks take turns, so that a flood on one does not delay the clients of another.
//    Strangers cannot create one.
// 2. Waits are short: a full queue of one shared network ends within the time of three probes.

/**
 * How many probes for clients run at a time. New clients fill it, and others wait for a turn. Each
 * ends after 400 ms.
 */
export const PROBES_RUNNING_MAX = 256;
/**
 * Clients of one shared network that wait for a turn. A flood of invented clients fills it;
 * newcomers there then get no offer until they ask again. It empties by PROBES_RUNNING_MAX every
 * 400 ms.
 */
export const PROBES_WAITING_MAX = 512;

export class ProbeTurns {
  /** By interface, in the order of their next turns; none is empty. */
  readonly #waiting = new Map<string, (() => void)[]>();
  #running = 0;

  /** Takes or awaits a turn. @returns false if too many wait; end a turn with `end` */
  take(interfaceName: string): true | false | Promise<true> {
    if (this.#running < PROBES_RUNNING_MAX) {
      this.#running += 1;
      return true;
    }
    const queue = this.#waiting.get(interfaceName) ?? [];
    if (queue.length >= PROBES_WAITING_MAX) return false;
    this.#waiting.set(interfaceName, queue);
    return new Promise((resolve) => {
      queue.push(() => resolve(true));
    });
  }

  end(): void {
    const [next] = this.#waiting;
    if (next === undefined) {
      this.#running -= 1;
      return;
    }
    const [interfaceName, queue] = next;
    const begin = queue.shift();
    this.#waiting.delete(interfaceName);
    if (queue.length > 0) this.#waiting.set(interfaceName, queue);
    begin?.();
  }
}

// Addresses being probed for hosts without a lease, or probed just now.
//
// 1. An address is probed once at a time and once in PROBE_FRESH_MS.
// 2. `ProbeTurns` limits how many run; a probe that waits counts as running here.

/** How long a probe's result counts, in milliseconds. */
export const PROBE_FRESH_MS = 60_000;
/** How many results are remembered; beyond this the oldest is forgotten. */
export const PROBES_REMEMBERED_MAX = 4096;

export class ProbeBook {
  readonly #running = new Set<Ipv4>();
  readonly #freeAt = new BoundedMap<Ipv4, Instant>(PROBES_REMEMBERED_MAX, 'set longest ago');

  isRunning(address: Ipv4): boolean {
    return this.#running.has(address);
  }

  /** True if a probe just found no user. */
  isFresh(address: Ipv4, now: Instant): boolean {
    const freeAt = this.#freeAt.get(address);
    return freeAt !== undefined && later(freeAt, PROBE_FRESH_MS) > now;
  }

  start(address: Ipv4): void {
    this.#running.add(address);
  }

  forget(address: Ipv4): void {
    this.#freeAt.delete(address);
  }

  /** Notes a probe's end; `free`: no answer. */
  finish(address: Ipv4, free: boolean, now: Instant): void {
    this.#running.delete(address);
    if (free) this.#freeAt.set(address, now);
    else this.#freeAt.delete(address);
  }
}

/** How often the stock is checked, in milliseconds. */
export const STOCK_CHECK_MS = 30_000;
/**
 * How soon the stock replaces an address given away, in milliseconds: one check serves a burst of
 * clients.
 */
const RESTOCK_MS = 20;
/** The share of a range that probe answers may set aside, and the smallest number. */
export const CONFLICT_SHARE = 0.25;
const CONFLICTS_MIN = 4;
/** How long an answer counts against an address: as long as it is set aside. */
const CONFLICT_MS = 3_600_000;
/** How long after a conflict a fixed address is probed again for its client, in milliseconds. */
export const RECHECK_MS = 60_000;
/**
 * How many probes ahead of need run at a time. The operator fills it, with many networks; the rest
 * follow.
 */
export const PROBES_AHEAD_MAX = 128;
/** How many addresses are checked to fill the stock, which may hold the first ones. */
const CANDIDATES_MAX = 2 * STOCK_SIZE;

/** Probes an address for a host other than a client. Resolves to its hardware address, or undefined. */
export type FindConflict = (address: Ipv4, interfaceName: string) => Promise<MacAddress | undefined>;

interface ConflictDeps {
  readonly clock: Clock;
  readonly leases: LeaseView;
  /** Undefined: addresses are offered without a probe. */
  readonly findConflict?: FindConflict | undefined;
  /** Whether an interface can be probed now; undefined: always, but nothing is probed ahead of need. */
  readonly canProbe?: ((interfaceName: string) => boolean) | undefined;
}

/** The results of probes ahead of need. */
type ConflictListener = (records: readonly Lease[], event: DhcpEvent) => void;

export interface AddressUser {
  readonly mac: MacAddress;
  readonly isHolder: boolean;
}

type Clearance = 'clear' | 'asked' | 'crowded' | Promise<AddressUser | undefined>;

export class ConflictCheck {
  readonly #deps: ConflictDeps;
  readonly #listener: ConflictListener;
  readonly #stock = new FreeStock();
  readonly #book = new ProbeBook();
  readonly #turns = new ProbeTurns();
  /** True if too many running probes kept a stock from being filled. */
  #isStockShort = false;
  /** Running probes ahead of need, by address. */
  readonly #ahead = new Map<Ipv4, Promise<MacAddress | undefined>>();
  /** When addresses of a network answered, oldest first; at most as many as are believed. */
  readonly #conflictsAt = new Map<string, Instant[]>();
  readonly #holders = new LastHolders();
  /** The allocator's view. Reading it changes nothing. */
  readonly facts: Pick<AllocationFacts, 'knownFree' | 'mayLookAgain'>;
  #served: readonly ServedSubnet[] = [];
  #timer: Timer | undefined;
  #closed = false;

  constructor(deps: ConflictDeps, listener: ConflictListener) {
    this.#deps = deps;
    this.#listener = listener;
    const { clock, leases, canProbe } = deps;
    this.facts = {
      knownFree:
        canProbe && (({ subnet }) => this.#stock.first(subnet.name, clock.now(), (address) => leases.isFree(address))),
      mayLookAgain: ({ subnet }, { grantedAt }) =>
        this.#canProbe(subnet) && later(grantedAt, RECHECK_MS) <= clock.now(),
    };
  }

  serve(served: readonly ServedSubnet[]): void {
    this.#served = served;
    this.#holders.keepOnly(new Set(served.map(({ subnet }) => subnet.name)));
    this.#clearOut();
    this.#look(0);
  }

  close(): void {
    this.#closed = true;
    this.#timer?.cancel();
  }

  /** Whether an address, held for the client, may be given. */
  clear(offer: OfferedAddress, served: ServedSubnet, now: Instant): Clearance {
    const { address, mac } = offer;
    if (isProbeMac(mac)) return 'clear';
    if (this.#book.isRunning(address)) return 'asked';
    const { subnet } = served;
    const inStock = this.#stock.has(address, now);
    this.leased(address);
    this.#holders.heard(subnet.name, address, mac);
    const { interfaceName } = subnet;
    if (!offer.probe || inStock || interfaceName === undefined || !this.#canProbe(subnet)) return 'clear';
    if (this.#distrusts(served, now) || this.#book.isFresh(address, now)) return 'clear';
    const turn = this.#turns.take(interfaceName);
    if (turn === false) return 'crowded';
    this.#book.start(address);
    const ask = (): Promise<MacAddress | undefined> => this.#ahead.get(address) ?? this.#ask(address, interfaceName);
    const asking = turn === true ? ask() : turn.then(ask);
    const answered = (answeringMac: MacAddress | undefined): AddressUser | undefined => {
      this.#turns.end();
      const at = this.#deps.clock.now();
      const user =
        answeringMac === undefined || answeringMac === mac
          ? undefined
          : this.#judgeUser(served, address, answeringMac, at);
      this.#book.finish(address, user === undefined, at);
      return user;
    };
    // A probe that cannot be made proves nothing against the address.
    return asking.then(answered, () => answered(undefined));
  }

  /** Notes that a host was heard using an address. */
  heard(address: Ipv4): void {
    this.#stock.remove(address);
    this.#book.forget(address);
  }

  leased(address: Ipv4): void {
    if (this.#stock.remove(address)) this.#look(RESTOCK_MS);
  }

  /** The host that uses an address; undefined if its answer is disbelieved. */
  #judgeUser(served: ServedSubnet, address: Ipv4, user: MacAddress, now: Instant): AddressUser | undefined {
    if (this.#distrusts(served, now)) return undefined;
    const { name } = served.subnet;
    const [max, before] = [believedMax(served), this.#holders.count(name)];
    const record = this.#deps.leases.find(address);
    const verdict = this.#holders.judge(name, record, user, max, now);
    // An address already set aside counts once.
    if (verdict === 'stranger' && isHeld(record, now) && record.isDoubted !== true)
      return { mac: user, isHolder: false };
    if (verdict === 'stranger') this.#noteConflict(served, user, now);
    else if (this.#holders.count(name) === max && before < max) this.#reportDistrust(served, user, now);
    return verdict === 'disbelieved' ? undefined : { mac: user, isHolder: verdict === 'holder' };
  }

  /** Forgets addresses that can no longer be handed out. */
  #clearOut(): void {
    const { leases } = this.#deps;
    this.#stock.keep((network, address) => {
      const isServed = ({ subnet }: ServedSubnet): boolean =>
        subnet.name === network && subnet.conflictCheck !== false && isInDynamicRange(subnet, address);
      return leases.isFree(address) && this.#served.some(isServed);
    });
  }

  #canProbe({ interfaceName, conflictCheck }: DhcpSubnet): boolean {
    const { findConflict, canProbe } = this.#deps;
    if (findConflict === undefined || conflictCheck === false || interfaceName === undefined) return false;
    return canProbe === undefined || canProbe(interfaceName);
  }

  #ask(address: Ipv4, interfaceName: string): Promise<MacAddress | undefined> {
    const { findConflict } = this.#deps;
    return findConflict === undefined ? Promise.resolve(undefined) : findConflict(address, interfaceName);
  }

  /** Checks the stock in `delayMs`, then every STOCK_CHECK_MS. */
  #look(delayMs: number): void {
    const { clock, findConflict, canProbe } = this.#deps;
    if (this.#closed || findConflict === undefined || canProbe === undefined) return;
    this.#timer?.cancel();
    this.#timer = clock.schedule(delayMs, () => {
      this.#timer = undefined;
      this.#clearOut();
      for (const served of this.#served) this.#stockUp(served);
      this.#timer ??= clock.schedule(STOCK_CHECK_MS, () => this.#look(0));
    });
  }

  #stockUp(served: ServedSubnet): void {
    const { subnet } = served;
    const now = this.#deps.clock.now();
    if (subnet.interfaceName === undefined || !this.#canProbe(subnet) || this.#distrusts(served, now)) return;
    const stale = this.#stock.stale(subnet.name, now);
    const running = [...this.#ahead.keys()].filter((address) => isInDynamicRange(subnet, address)).length;
    const missing = this.#stock.wanted(subnet.name) - running;
    for (const address of stale) this.#probeAhead(served, address, subnet.interfaceName);
    for (const address of this.#candidates(served, missing, now))
      this.#probeAhead(served, address, subnet.interfaceName);
  }

  #candidates({ subnet }: ServedSubnet, wanted: number, now: Instant): readonly Ipv4[] {
    const { leases } = this.#deps;
    const range = subnet.dynamic;
    if (range === undefined || wanted <= 0) return [];
    const candidates = new Set<Ipv4>();
    let offset = 0;
    for (let looks = CANDIDATES_MAX; looks > 0 && candidates.size < wanted; looks -= 1) {
      const address = leases.findUnused(range, offset);
      // The search has wrapped around: all were seen.
      if (address === undefined || address - range.low < offset) break;
      offset = address - range.low + 1;
      if (!this.#isTaken(address, now)) candidates.add(address);
      if (offset >= rangeSize(range)) break;
    }
    if (candidates.size > 0) return [...candidates];
    // The addresses free for longest may be in stock, or still used by their last holders.
    const ended = leases.findAllEnded(range, now, CANDIDATES_MAX);
    return ended.filter((address) => !this.#isTaken(address, now)).slice(0, wanted);
  }

  #isTaken(address: Ipv4, now: Instant): boolean {
    return this.#ahead.has(address) || this.#book.isRunning(address) || this.#stock.has(address, now);
  }

  #probeAhead(served: ServedSubnet, address: Ipv4, interfaceName: string): void {
    if (this.#ahead.has(address)) return;
    if (this.#ahead.size >= PROBES_AHEAD_MAX) {
      this.#isStockShort = true;
      return;
    }
    const asking = this.#ask(address, interfaceName);
    this.#ahead.set(address, asking);
    asking.then(
      (user) => this.#onAsked(served, address, user),
      () => {
        this.#endAhead(address);
        this.#stock.remove(address);
      },
    );
  }

  #endAhead(address: Ipv4): void {
    this.#ahead.delete(address);
    if (!this.#isStockShort) return;
    this.#isStockShort = false;
    this.#look(RESTOCK_MS);
  }

  #onAsked(served: ServedSubnet, address: Ipv4, user: MacAddress | undefined): void {
    const { clock } = this.#deps;
    const now = clock.now();
    const { name } = served.subnet;
    this.#endAhead(address);
    if (this.#closed || !this.#served.some(({ subnet }) => subnet.name === name)) return;
    this.#stock.remove(address);
    // A client waits for the same probe, so the stock does not get the address.
    if (this.#book.isRunning(address)) {
      this.#look(RESTOCK_MS);
    } else if (user === undefined) {
      if (this.#isFree(served, address)) this.#stock.add(name, address, now);
      else this.#look(RESTOCK_MS);
    } else if (this.#isOthers(served, address, user, now) && !this.#distrusts(served, now)) {
      this.#noteConflict(served, user, now);
      const { name: subnet, interfaceName } = served.subnet;
      const event: DhcpEvent = {
        kind: 'dhcp.conflict',
        at: now,
        address,
        subnet,
        interfaceName,
        usedBy: formatMac(user),
      };
      this.#listener([setAside(address, user, now)], event);
      this.#look(RESTOCK_MS);
    }
  }

  /** True if neither offered nor leased since the probe began. */
  #isFree({ subnet }: ServedSubnet, address: Ipv4): boolean {
    return isInDynamicRange(subnet, address) && this.#deps.leases.isFree(address);
  }

  /** True if the user is not the last holder. */
  #isOthers(served: ServedSubnet, address: Ipv4, user: MacAddress, now: Instant): boolean {
    const record = this.#deps.leases.find(address);
    return this.#isFree(served, address) && !this.#holders.isHolder(served.subnet.name, record, user, now);
  }

  #noteConflict(served: ServedSubnet, user: MacAddress, now: Instant): void {
    const { name } = served.subnet;
    const times = (this.#conflictsAt.get(name) ?? []).filter((at) => later(at, CONFLICT_MS) > now);
    times.push(now);
    this.#conflictsAt.set(name, times);
    if (times.length === believedMax(served)) this.#reportDistrust(served, user, now);
  }

  #reportDistrust({ subnet: { name, interfaceName } }: ServedSubnet, user: MacAddress, now: Instant): void {
    const usedBy = formatMac(user);
    this.#listener([], { kind: 'dhcp.probes-distrusted', at: now, subnet: name, interfaceName, usedBy });
  }

  #distrusts(served: ServedSubnet, now: Instant): boolean {
    const times = this.#conflictsAt.get(served.subnet.name);
    if (times === undefined) return false;
    const first = times[times.length - believedMax(served)];
    return first !== undefined && later(first, CONFLICT_MS) > now;
  }
}

function believedMax({ subnet }: ServedSubnet): number {
  return Math.max(
    CONFLICTS_MIN,
    Math.floor((subnet.dynamic === undefined ? 0 : rangeSize(subnet.dynamic)) * CONFLICT_SHARE),
  );
}

const isInDynamicRange = ({ dynamic }: DhcpSubnet, address: Ipv4): boolean =>
  dynamic !== undefined && rangeContains(dynamic, address);
