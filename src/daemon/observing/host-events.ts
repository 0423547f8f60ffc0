// Limits how many events one host causes: a host that loads a small file again and again would
// write gigabytes of log an hour, and fill the disk that holds the leases.
//
//   event ─┬─ of the rack itself, or caused by a person ─→ published
//          ├─ of a machine of the region ─ by its hardware address ───┐
//          ├─ of another host ─ by one of HOLDER_BUCKETS buckets ─────┴─ and kind: `FairSampler` ─┬─ published, with its count
//          └─ naming no host ─ by kind, HOST_RATE ────────────────────────────────────────────────┴─ withheld, and counted
//
// 1. HOST_RATE covers what a host does in ordinary life: a boot, a deployment, an installer that
//    loads hundreds of packages.
// 2. Beyond it, the next published event of that host and kind stands for those withheld, one a
//    minute in any case.
// 3. HOSTS_RATE applies to all machines together, and separately to all other hosts, so strangers
//    cannot use up the machines' share.
// 4. It applies after the rooms' own sampling, which knows what can be forged, and before every
//    reader of events.

import { HOLDER_BUCKETS } from '../../dhcp/limits/report-samplers.ts';
import type { MacAddress } from '../../ground/address.ts';
import type { Publish, RackEvent } from '../../ground/event.ts';
import { FairSampler } from '../../ground/fair-sampler.ts';
import { EventSampler, type Rate } from '../../ground/rate-limit.ts';
import { EVENT_KINDS } from '../../region/reports/reported.ts';

/** Events of one host and kind that are published singly. */
export const HOST_RATE: Rate = { perSecond: 1, burst: 2000 };
/**
 * The rate of all machines together, and of all other hosts together. The one event a minute of
 * rule 2 comes on top.
 */
export const HOSTS_RATE: Rate = { perSecond: 50, burst: 20_000 };
const HOST_RATES = { ofKey: HOST_RATE, together: HOSTS_RATE };

const HOST_ROOMS = /^(?:boot|dhcp|dns|http|net|tftp)\./;
const PERSON_KINDS: ReadonlySet<string> = new Set(['dhcp.cleared', 'dhcp.ended', 'dhcp.imported']);
const KIND_NUMBERS: ReadonlyMap<string, number> = new Map(
  [...EVENT_KINDS.keys()]
    .filter((kind) => HOST_ROOMS.test(kind) && !PERSON_KINDS.has(kind))
    .map((kind, index) => [kind, index]),
);
/**
 * 46 bits of a hardware address leave room for a kind's number in an exact integer; addresses with
 * the same low 46 bits share a rate.
 */
const MACHINE_KEYS = 2 ** 46;

/** Decides which events of hosts are published. */
export class HostEvents {
  readonly #machineSampler = new FairSampler(HOST_RATES);
  readonly #otherSampler = new FairSampler(HOST_RATES);
  readonly #namelessSampler = new EventSampler(HOST_RATE);
  readonly #isMachine: (mac: MacAddress) => boolean;
  #withheldCount = 0;

  /** @param isMachine true for an interface of a machine that the region knows */
  constructor(isMachine: (mac: MacAddress) => boolean) {
    this.#isMachine = isMachine;
  }

  /** Events withheld since the start; the events published in their place count them. */
  get withheld(): number {
    return this.#withheldCount;
  }

  take(event: RackEvent): RackEvent | undefined {
    const kind = KIND_NUMBERS.get(event.kind);
    if (kind === undefined) return event;
    const { mac, at, count = 1 } = event;
    const host = mac ?? event.address;
    const sample =
      host === undefined
        ? this.#namelessSampler.take(event.kind, at, count)
        : mac !== undefined && this.#isMachine(mac)
          ? this.#machineSampler.take((mac % MACHINE_KEYS) * KIND_NUMBERS.size + kind, at, count)
          : this.#otherSampler.take((host % HOLDER_BUCKETS) * KIND_NUMBERS.size + kind, at, count);
    if (sample === undefined) {
      this.#withheldCount += count;
      return undefined;
    }
    return sample.count === undefined || sample.count === count ? event : { ...event, ...sample };
  }

  /** Returns a function that passes the events that are not withheld to `publish`. */
  createFilter(publish: Publish): Publish {
    return (event) => {
      const publishedEvent = this.take(event);
      if (publishedEvent !== undefined) publish(publishedEvent);
    };
  }
}
