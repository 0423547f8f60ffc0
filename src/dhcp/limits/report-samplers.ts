// Decides which refusals, NAKs, repeated replies and replies without an address become single
// events. Otherwise a sender of arbitrary datagrams could fill log and uplink, or bury a machine's
// events.
//
//   a machine of the region   `FairSampler`, by its hardware address
//   a client with a lease     `FairSampler`, by one of HOLDER_BUCKETS buckets, chosen by hardware address
//   any other client          `EventSampler`, by reason
//
// 1. A fair sampler (`fair-sampler.ts`) reports one event of each key every OWED_EVERY_MS, so no
//    flood hides a machine.
// 2. A client whose lease has ended is a stranger.
// 3. The next event of the key carries the count of those withheld.
// 4. Counters count everything.
// 5. The limit on new clients does not cover replies without an address (proxy mode, INFORM). Those
//    to strangers are reported at PASSING_RATE per kind, enough for a hall of new machines.

import type { MacAddress } from '../../ground/address.ts';
import type { Instant } from '../../ground/clock.ts';
import { FairSampler } from '../../ground/fair-sampler.ts';
import { EVENT_RATE, EventSampler, type Rate, type Sample } from '../../ground/rate-limit.ts';
import type { MachineDirectory } from '../../machines/directory.ts';
import type { DhcpEvent, DhcpEventKind } from '../events/events.ts';
import type { DhcpRefusal } from '../events/refusals.ts';
import { isActive, type LeaseView } from '../leases/lease-table.ts';

export const PASSING_RATE: Rate = { perSecond: 5, burst: 250 };
/**
 * Buckets of clients that hold a lease and are no machine of the region. A prime, so that no
 * vendor's numbering falls into few buckets.
 */
export const HOLDER_BUCKETS = 251;

interface KnownClients {
  readonly machines: () => MachineDirectory;
  readonly table: LeaseView;
}

class ReportSampler {
  readonly #machines = new FairSampler();
  readonly #holders = new FairSampler();
  readonly #strangers: EventSampler;
  readonly #known: KnownClients;

  constructor(clients: KnownClients, ofStrangers = EVENT_RATE) {
    this.#known = clients;
    this.#strangers = new EventSampler(ofStrangers);
  }

  /** @param what the kind of event, which is the key of all strangers together */
  take(mac: MacAddress | undefined, what: string, at: Instant): Sample | undefined {
    if (mac === undefined) return this.#strangers.take(what, at);
    const { machines, table } = this.#known;
    if (machines().findByMac(mac) !== undefined) return this.#machines.take(mac, at);
    const holds = table.findAllByMac(mac).some((lease) => isActive(lease, at));
    return holds ? this.#holders.take(mac % HOLDER_BUCKETS, at) : this.#strangers.take(what, at);
  }
}

const WITHOUT_ADDRESS: ReadonlySet<DhcpEventKind> = new Set(['dhcp.boot-server', 'dhcp.elsewhere', 'dhcp.inform']);

export class ReportSamplers {
  /** Unanswered messages, NAKs, and declines beyond their limit. */
  readonly #refusals: ReportSampler;
  /** The same offer, lease or release within a moment. */
  readonly #repeats: ReportSampler;
  readonly #passing: ReportSampler;

  constructor(clients: KnownClients) {
    this.#refusals = new ReportSampler(clients);
    this.#repeats = new ReportSampler(clients);
    this.#passing = new ReportSampler(clients, PASSING_RATE);
  }

  /** The fields to add to the event; `undefined` if withheld. */
  ofRefusal(mac: MacAddress | undefined, reason: DhcpRefusal, at: Instant): Sample | undefined {
    return this.#refusals.take(mac, reason, at);
  }

  /**
   * The event to report; `undefined` if withheld.
   * @param isRepeat whether the client did the same a moment ago (`Outcome`)
   */
  of(event: DhcpEvent, isRepeat: boolean): DhcpEvent | undefined {
    const sample = this.#takeSample(event, isRepeat);
    if (sample === undefined) return undefined;
    return sample.count === undefined ? event : { ...event, ...sample };
  }

  #takeSample(event: DhcpEvent, isRepeat: boolean): Sample | undefined {
    const { kind, mac, reason = '', at } = event;
    if (kind === 'dhcp.nak') return this.#refusals.take(mac, `${kind} ${reason}`, at);
    if (kind === 'dhcp.declines-limited') return this.#refusals.take(mac, kind, at);
    if (isRepeat) return this.#repeats.take(mac, kind, at);
    return event.proxied === true || WITHOUT_ADDRESS.has(kind) ? this.#passing.take(mac, kind, at) : {};
  }
}
