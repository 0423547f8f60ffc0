// Does somebody use an address without a lease? Asked of the wire by ARP: ahead of need for a small stock of addresses, and before an
// offer for one that was not asked about. Sources: RFC 2131 §2.2 ("the server SHOULD probe the reused address"), §4.3.1.
//
//   serve, every STOCK_LOOK_MS, after an address was given ─ stockUp ─▶ probes ─┬─ nobody ─▶ FreeStock ─▶ knownFree, for the allocator
//                                                                               └─ somebody ─▶ set aside
//   offer ─ clear ─┬─ 'clear': not to be probed, in stock, or asked a moment ago
//                  ├─ 'asked': a client waits for the answer already
//                  ├─ 'crowded': too many clients of the wire wait for a probe (`probe-turns.ts`)
//                  └─ a promise: the user, or undefined
//
// 1. A new client waits only when the stock is empty, or for the address it asks for itself or that is fixed for it and it never had, as
//    long as a probe takes (PROBE_MS of the net room), and for its turn: clients ask again after 1 s at the earliest. No offer leaves unprobed
//    because there are too many.
// 2. A probe that cannot be made says nothing against an address: it is given as if nobody had answered.
// 3. What strangers answer cannot empty a range: once CONFLICT_SHARE of it was set aside on the word of probes within an hour, no
//    more is; answers are not believed until then. A proxy ARP answers for every address.
// 4. An answer from the hardware address that held the address last is no conflict, and the address is not given to another meanwhile: for a
//    while, and of as many addresses as rule 3 lets strangers have (`last-holders.ts`). Anybody can answer in another's name.

import { type Clock, type Instant, later, type Timer } from '../../clock.ts';
import { formatMac, type Ipv4, type MacAddress, rangeContains, rangeSize } from '../../net/address.ts';
import type { OfferedAddress } from '../answers/decision.ts';
import type { DhcpEvent } from '../events.ts';
import type { AllocationFacts } from '../leases/allocate.ts';
import type { Lease } from '../leases/lease.ts';
import { isHeld, type LeaseView } from '../leases/lease-table.ts';
import { setAside } from '../leases/set-aside.ts';
import type { DhcpSubnet } from '../networks/config.ts';
import type { ServedSubnet } from '../networks/subnet.ts';
import { FreeStock, STOCK_SIZE } from './free-stock.ts';
import { LastHolders } from './last-holders.ts';
import { ProbeBook } from './probe-book.ts';
import { ProbeTurns } from './probe-turns.ts';

/** How often the stock is looked after, in milliseconds. */
export const STOCK_LOOK_MS = 30_000;
/** How soon an address that was given is replaced: clients come together, and one look serves them all. */
const RESTOCK_MS = 20;
/** The part of a range that answers to probes may set aside, and the least number of addresses. */
export const CONFLICT_SHARE = 0.25;
const CONFLICTS_MIN = 4;
/** How long an answer counts against an address: as long as it is set aside. */
const CONFLICT_MS = 3_600_000;
/** How long after somebody was found using it a fixed address is asked about again for its client, in milliseconds. */
export const LOOK_AGAIN_MS = 60_000;
/**
 * Probes ahead of need that run at a time: with those for clients fewer than the net room can make. The operator fills it, by many networks.
 * The rest follows as they end.
 */
export const PROBES_AHEAD_MAX = 128;
/** The most addresses that are looked at to fill the stock: those that come first may be in it already. */
const LOOKS_MAX = 2 * STOCK_SIZE;

/** Asks the wire whether a host other than a client uses an address; answers that host's hardware address, or undefined. */
export type FindConflict = (address: Ipv4, interfaceName: string) => Promise<MacAddress | undefined>;

/** What the check works with. */
export interface ConflictPorts {
  readonly clock: Clock;
  readonly leases: LeaseView;
  /** Undefined: addresses are offered without looking whether somebody uses them. */
  readonly findConflict?: FindConflict | undefined;
  /** Whether the wire behind an interface can be asked now; undefined: always, and nothing is asked ahead of need. */
  readonly canProbe?: ((interfaceName: string) => boolean) | undefined;
}

/** Told of what was found ahead of need, and of what follows for the wire: records to store, and what to tell. */
export type ConflictListener = (records: readonly Lease[], event: DhcpEvent) => void;

/** Who answered for an address that was to be offered. */
export interface AddressUser {
  readonly mac: MacAddress;
  /** True for the one that held it last, for whom it is kept. */
  readonly isHolder: boolean;
}

/** Whether an offer may leave. */
export type Clearance = 'clear' | 'asked' | 'crowded' | Promise<AddressUser | undefined>;

/** Looks before addresses are given. */
export class ConflictCheck {
  readonly #ports: ConflictPorts;
  readonly #listener: ConflictListener;
  readonly #stock = new FreeStock();
  readonly #book = new ProbeBook();
  readonly #turns = new ProbeTurns();
  /** A stock could not be filled because so many probes ran. */
  #isStockShort = false;
  /** Probes ahead of need that run, by address. */
  readonly #ahead = new Map<Ipv4, Promise<MacAddress | undefined>>();
  /** When addresses of a network answered, oldest first; at most as many as are believed. */
  readonly #conflictsAt = new Map<string, Instant[]>();
  readonly #holders = new LastHolders();
  /** What the allocator may ask. Asking changes nothing. */
  readonly facts: Pick<AllocationFacts, 'knownFree' | 'mayLookAgain'>;
  #served: readonly ServedSubnet[] = [];
  #timer: Timer | undefined;
  #closed = false;

  constructor(ports: ConflictPorts, listener: ConflictListener) {
    this.#ports = ports;
    this.#listener = listener;
    const { clock, leases, canProbe } = ports;
    this.facts = {
      knownFree:
        canProbe && (({ subnet }) => this.#stock.first(subnet.name, clock.now(), (address) => leases.isFree(address))),
      mayLookAgain: ({ subnet }, { grantedAt }) =>
        this.#canProbe(subnet) && later(grantedAt, LOOK_AGAIN_MS) <= clock.now(),
    };
  }

  /** These networks are served from now on. */
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

  /** An address is about to be offered: whether it may. The caller keeps it for the client. */
  clear(offer: OfferedAddress, served: ServedSubnet, now: Instant): Clearance {
    const { address, mac } = offer;
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
    const answered = (found: MacAddress | undefined): AddressUser | undefined => {
      this.#turns.end();
      const at = this.#ports.clock.now();
      const user = found === undefined || found === mac ? undefined : this.#judgeUser(served, address, found, at);
      this.#book.finish(address, user === undefined, at);
      return user;
    };
    // A probe that cannot be made says nothing against the address.
    return asking.then(answered, () => answered(undefined));
  }

  /** A host was heard to use an address: it is in no stock any more. */
  heard(address: Ipv4): void {
    this.#stock.remove(address);
    this.#book.forget(address);
  }

  /** An address was given to a client. */
  leased(address: Ipv4): void {
    if (this.#stock.remove(address)) this.#look(RESTOCK_MS);
  }

  /** Who uses an address, as far as the answer is believed. */
  #judgeUser(served: ServedSubnet, address: Ipv4, user: MacAddress, now: Instant): AddressUser | undefined {
    if (this.#distrusts(served, now)) return undefined;
    const { name } = served.subnet;
    const [max, before] = [believedMax(served), this.#holders.count(name)];
    const record = this.#ports.leases.find(address);
    const verdict = this.#holders.judge(name, record, user, max, now);
    // One that is set aside already counts once, however often its client has it looked at.
    if (verdict === 'stranger' && isHeld(record, now)) return { mac: user, isHolder: false };
    if (verdict === 'stranger') this.#noteConflict(served, user, now);
    else if (this.#holders.count(name) === max && before < max) this.#tellDistrust(served, user, now);
    return verdict === 'disbelieved' ? undefined : { mac: user, isHolder: verdict === 'holder' };
  }

  /** Forgets addresses that can be handed out no more. */
  #clearOut(): void {
    const { leases } = this.#ports;
    this.#stock.keep((network, address) => {
      const isServed = ({ subnet }: ServedSubnet): boolean =>
        subnet.name === network && subnet.conflictCheck !== false && isIn(subnet, address);
      return leases.isFree(address) && this.#served.some(isServed);
    });
  }

  #canProbe({ interfaceName, conflictCheck }: DhcpSubnet): boolean {
    const { findConflict, canProbe } = this.#ports;
    if (findConflict === undefined || conflictCheck === false || interfaceName === undefined) return false;
    return canProbe === undefined || canProbe(interfaceName);
  }

  #ask(address: Ipv4, interfaceName: string): Promise<MacAddress | undefined> {
    const { findConflict } = this.#ports;
    return findConflict === undefined ? Promise.resolve(undefined) : findConflict(address, interfaceName);
  }

  /** Looks after the stock in `delayMs`, and every STOCK_LOOK_MS after that. */
  #look(delayMs: number): void {
    const { clock, findConflict, canProbe } = this.#ports;
    if (this.#closed || findConflict === undefined || canProbe === undefined) return;
    this.#timer?.cancel();
    this.#timer = clock.schedule(delayMs, () => {
      this.#timer = undefined;
      this.#clearOut();
      for (const served of this.#served) this.#stockUp(served);
      this.#timer ??= clock.schedule(STOCK_LOOK_MS, () => this.#look(0));
    });
  }

  #stockUp(served: ServedSubnet): void {
    const { subnet } = served;
    const now = this.#ports.clock.now();
    if (subnet.interfaceName === undefined || !this.#canProbe(subnet) || this.#distrusts(served, now)) return;
    const asked = this.#stock.stale(subnet.name, now);
    const running = [...this.#ahead.keys()].filter((address) => isIn(subnet, address)).length;
    const missing = this.#stock.wanted(subnet.name) - running;
    for (const address of asked) this.#probeAhead(served, address, subnet.interfaceName);
    for (const address of this.#candidates(served, missing, now))
      this.#probeAhead(served, address, subnet.interfaceName);
  }

  /** Addresses that the allocator would give next: such that nobody ever had; where there are none, those free for longest. */
  #candidates({ subnet }: ServedSubnet, wanted: number, now: Instant): readonly Ipv4[] {
    const { leases } = this.#ports;
    const range = subnet.dynamic;
    if (range === undefined || wanted <= 0) return [];
    const found = new Set<Ipv4>();
    let offset = 0;
    for (let looks = LOOKS_MAX; looks > 0 && found.size < wanted; looks -= 1) {
      const address = leases.findUnused(range, offset);
      // The search begins anew at the low end: everything was seen.
      if (address === undefined || address - range.low < offset) break;
      offset = address - range.low + 1;
      if (!this.#isTaken(address, now)) found.add(address);
      if (offset >= rangeSize(range)) break;
    }
    if (found.size > 0) return [...found];
    // The oldest may be in stock already, or still in use by the one who had it.
    const ended = leases.findAllEnded(range, now, LOOKS_MAX);
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
    const { clock } = this.#ports;
    const now = clock.now();
    const { name } = served.subnet;
    this.#endAhead(address);
    if (this.#closed || !this.#served.some(({ subnet }) => subnet.name === name)) return;
    this.#stock.remove(address);
    // A client that asked for the address meanwhile hears of it itself; what was meant for the stock is gone.
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

  /** True while the allocator could still give it: it was neither offered nor leased since it was asked about. */
  #isFree({ subnet }: ServedSubnet, address: Ipv4): boolean {
    return isIn(subnet, address) && this.#ports.leases.isFree(address);
  }

  /** True when the user is not the one whose lease of the address has ended: that one may come back for it, as long as nobody needs it. */
  #isOthers(served: ServedSubnet, address: Ipv4, user: MacAddress, now: Instant): boolean {
    const record = this.#ports.leases.find(address);
    return this.#isFree(served, address) && !this.#holders.isHolder(served.subnet.name, record, user, now);
  }

  #noteConflict(served: ServedSubnet, user: MacAddress, now: Instant): void {
    const { name } = served.subnet;
    const times = (this.#conflictsAt.get(name) ?? []).filter((at) => later(at, CONFLICT_MS) > now);
    times.push(now);
    this.#conflictsAt.set(name, times);
    if (times.length === believedMax(served)) this.#tellDistrust(served, user, now);
  }

  #tellDistrust({ subnet: { name, interfaceName } }: ServedSubnet, user: MacAddress, now: Instant): void {
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

/** How many addresses may be set aside on the word of probes. */
function believedMax({ subnet }: ServedSubnet): number {
  return Math.max(
    CONFLICTS_MIN,
    Math.floor((subnet.dynamic === undefined ? 0 : rangeSize(subnet.dynamic)) * CONFLICT_SHARE),
  );
}

const isIn = ({ dynamic }: DhcpSubnet, address: Ipv4): boolean =>
  dynamic !== undefined && rangeContains(dynamic, address);
