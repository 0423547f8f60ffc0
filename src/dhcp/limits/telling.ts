// Which refusals, NAKs, repeated answers and answers that bind nothing are told one by one: who sends datagrams at will would else fill log
// and uplink, or hide what happens to a machine behind what happens to addresses that nobody has.
//
//   a machine of the region   `FairSampler`, by its hardware address
//   who holds a lease         `FairSampler`, by one of HOLDER_SHARES shares, into which a hardware address falls
//   everybody else            `EventSampler`, by the reason
//
// 1. Of each key of a fair sampler one event is told every OWED_EVERY_MS whatever is told of others, so no flood in the name of others
//    hides a machine. Beyond that each has MACHINE_RATE, and all together TOGETHER_RATE. So a flood in the names of n machines brings
//    n events a minute and those of TOGETHER_RATE, and no more.
// 2. Who held a lease once and holds none now is a stranger: anybody can have had one.
// 3. What is withheld is counted, and the next event of that key says for how many it stands.
// 4. Counters are not touched by any of this: they count what happened.
// 5. What gives nobody an address (in proxy mode everything, and the answer to an INFORM) no bound of new clients holds back. Of strangers it
//    is told at PASSING_RATE, by kind: a hall of new machines that is switched on is told of whole.

import { BoundedMap } from '../../bounded-map.ts';
import type { Instant } from '../../clock.ts';
import type { MachineDirectory } from '../../machines/directory.ts';
import type { MacAddress } from '../../net/address.ts';
import { EVENT_RATE, EventSampler, type Rate, RateLimit, type Sample } from '../../rate-limit.ts';
import type { DhcpEvent, DhcpEventKind, DhcpRefusal } from '../events.ts';
import { isActive, type LeaseView } from '../leases/lease-table.ts';

/** Events of one machine that are told one by one. */
export const MACHINE_RATE: Rate = { perSecond: 1, burst: 10 };
/** The same of all of them together, beside what each is owed. */
export const TOGETHER_RATE: Rate = { perSecond: 20, burst: 400 };
/** At least one event of each that something happens to is told in this time. */
export const OWED_EVERY_MS = 60_000;
/** Of each kind of what strangers were told without getting an address. */
export const PASSING_RATE: Rate = { perSecond: 5, burst: 250 };
/** The most keys that are remembered; beyond that the one of which something was told longest ago is forgotten. */
export const FAIR_KEYS_MAX = 65_536;
/** Shares of those that hold leases and are no machines of the region: a prime, so that no vendor's numbering falls into few. */
export const HOLDER_SHARES = 251;

interface Fair {
  readonly limit: RateLimit;
  /** Undefined: nothing yet. */
  toldAt: Instant | undefined;
  withheld: number;
}

const makeFair = (): Fair => ({ limit: new RateLimit(MACHINE_RATE), toldAt: undefined, withheld: 0 });

const ITSELF: Sample = {};

/** Lets events through by key, so that none takes what another is owed. */
export class FairSampler {
  readonly #together = new RateLimit(TOGETHER_RATE);
  /** In the order in which something was told of them. */
  readonly #keys = new BoundedMap<number, Fair>(FAIR_KEYS_MAX, 'set longest ago');

  get size(): number {
    return this.#keys.size;
  }

  /** The fields to add to an event that is to be told; undefined: it is withheld. */
  take(key: number, now: Instant): Sample | undefined {
    const known = this.#keys.getOrMake(key, makeFair);
    const { toldAt } = known;
    // A clock that went back owes nobody less.
    const isOwed = toldAt === undefined || now < toldAt || now - toldAt >= OWED_EVERY_MS;
    if (!isOwed && !(known.limit.has(now) && this.#together.allows(now))) {
      known.withheld += 1;
      return undefined;
    }
    known.limit.allows(now);
    const { withheld } = known;
    known.toldAt = now;
    known.withheld = 0;
    this.#keys.set(key, known);
    return withheld === 0 ? ITSELF : { count: withheld + 1 };
  }
}

/** Whom the samplers ask about a hardware address. */
export interface Acquaintance {
  readonly machines: () => MachineDirectory;
  readonly table: LeaseView;
}

/** Samplers of one kind of happenings. */
class Telling {
  readonly #machines = new FairSampler();
  readonly #holders = new FairSampler();
  readonly #strangers: EventSampler;
  readonly #known: Acquaintance;

  constructor(known: Acquaintance, ofStrangers = EVENT_RATE) {
    this.#known = known;
    this.#strangers = new EventSampler(ofStrangers);
  }

  /** @param what a word of a closed set: what happened, where it happened to a stranger */
  take(mac: MacAddress | undefined, what: string, at: Instant): Sample | undefined {
    if (mac === undefined) return this.#strangers.take(what, at);
    const { machines, table } = this.#known;
    if (machines().findByMac(mac) !== undefined) return this.#machines.take(mac, at);
    const holds = table.findAllByMac(mac).some((lease) => isActive(lease, at));
    return holds ? this.#holders.take(mac % HOLDER_SHARES, at) : this.#strangers.take(what, at);
  }
}

const PASSING: ReadonlySet<DhcpEventKind> = new Set(['dhcp.boot-server', 'dhcp.elsewhere', 'dhcp.inform']);

/** What is told of what clients did. */
export class Tellings {
  /** Messages without an answer, NAKs, and declines beyond their bound. */
  readonly #refusals: Telling;
  /** What a client does again that did it just now: offers that it was made before, leases that it had got, and giving them back. */
  readonly #repeats: Telling;
  /** What binds nothing. */
  readonly #passing: Telling;

  constructor(known: Acquaintance) {
    this.#refusals = new Telling(known);
    this.#repeats = new Telling(known);
    this.#passing = new Telling(known, PASSING_RATE);
  }

  /** What is to be added to the event of a message without an answer; undefined: it is withheld. */
  ofRefusal(mac: MacAddress | undefined, reason: DhcpRefusal, at: Instant): Sample | undefined {
    return this.#refusals.take(mac, reason, at);
  }

  /**
   * An event as it is to be told; undefined: it is withheld.
   *
   * @param isRepeat its client did the same just now (`Outcome`)
   */
  of(event: DhcpEvent, isRepeat: boolean): DhcpEvent | undefined {
    const sample = this.#sampleOf(event, isRepeat);
    if (sample === undefined) return undefined;
    return sample.count === undefined ? event : { ...event, ...sample };
  }

  #sampleOf(event: DhcpEvent, isRepeat: boolean): Sample | undefined {
    const { kind, mac, reason = '', at } = event;
    if (kind === 'dhcp.nak') return this.#refusals.take(mac, `${kind} ${reason}`, at);
    if (kind === 'dhcp.declines-limited') return this.#refusals.take(mac, kind, at);
    if (isRepeat) return this.#repeats.take(mac, kind, at);
    return event.proxied === true || PASSING.has(kind) ? this.#passing.take(mac, kind, at) : ITSELF;
  }
}
