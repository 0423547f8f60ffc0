// What hosts that are no machines of the region do with their leases, thinned out before the region is told. A building full of
// telephones and printers renews thousands of leases an hour, each of which would be a row of the region's log that pushes out another.
//
//   event ─┬─ of a check's own question ─────────────────────────────────────────────→ not told
//          ├─ no everyday event of a lease ──────────────────────────────────────────→ told
//          ├─ of a machine, of who boots now or booted lately (BOOTERS_MAX) ─────────→ told
//          └─ of a stranger ─ STRANGER_RATE ─┬─ told, with how many it stands for
//                                            └─ withheld, and counted
//
// 1. What is withheld is withheld from the region alone: the rack's leases, log, timeline and names have everything.
// 2. Refusals, conflicts, files, configurations and reports of anybody are always told.
// 3. What the region takes from the everyday events of a stranger is the address with which a machine begins when it is known. Of
//    machines that become known the rack tells the running leases (`leasesOf`), so nothing of that is lost.

import { BoundedMap } from '../bounded-map.ts';
import type { DhcpEvent } from '../dhcp/events.ts';
import { isEveryday } from '../dhcp/everyday-events.ts';
import type { Lease } from '../dhcp/leases/lease.ts';
import type { RackEvent } from '../event.ts';
import type { DesiredState } from '../machines/machine.ts';
import type { MacAddress } from '../net/address.ts';
import { isOfProbe } from '../own-probes.ts';
import { EventSampler, type Rate } from '../rate-limit.ts';

/** Hardware addresses that booted and are remembered; the one that booted longest ago is forgotten first. */
export const BOOTERS_MAX = 8192;
/** Everyday events of strangers that are told, of each kind: a hall of printers that is switched on is told of whole. */
export const STRANGER_RATE: Rate = { perSecond: 5, burst: 250 };

/** Kinds of what only who boots causes. */
const BOOTING = /^(?:boot|tftp|http)\./;

/** Who is no stranger. */
export interface Acquaintance {
  /** True for an interface of a machine that the region knows. */
  readonly isMachine: (mac: MacAddress) => boolean;
  /** The running leases of these interfaces. */
  readonly leasesOf: (macs: ReadonlySet<MacAddress>) => readonly Lease[];
}

/** Decides which events the region is told of. */
export class StrangerEvents {
  readonly #acquaintance: Acquaintance;
  readonly #sampler = new EventSampler<string>(STRANGER_RATE);
  readonly #booters = new BoundedMap<MacAddress, true>(BOOTERS_MAX, 'set longest ago');
  #withheld = 0;

  constructor(acquaintance: Acquaintance) {
    this.#acquaintance = acquaintance;
  }

  /** Events that the region was not told of since the start; what was told in their place counts them. */
  get withheld(): number {
    return this.#withheld;
  }

  /** The event as the region is told of it; undefined: it is not. */
  take(event: RackEvent): RackEvent | undefined {
    const { mac } = event;
    if (isOfProbe(event)) return undefined;
    if (!isEveryday(event)) {
      if (mac !== undefined && BOOTING.test(event.kind)) this.#booters.set(mac, true);
      return event;
    }
    if (mac === undefined) return event;
    if (event.client !== undefined) {
      this.#booters.set(mac, true);
      return event;
    }
    if (this.#acquaintance.isMachine(mac) || this.#booters.has(mac)) return event;
    const sample = this.#sampler.take(event.kind, event.at);
    if (sample !== undefined) return { ...event, ...sample };
    this.#withheld += 1;
    return undefined;
  }

  /** The interfaces of a state that is not in force yet, of machines that were strangers so far. */
  newcomers({ machines }: DesiredState): ReadonlySet<MacAddress> {
    const { isMachine } = this.#acquaintance;
    return new Set(machines.flatMap(({ macs }) => macs.filter((mac) => !isMachine(mac))));
  }

  /** What is told of machines that have become known: the addresses they have. Who booted was told of whole. */
  introduce(newcomers: ReadonlySet<MacAddress>): readonly DhcpEvent[] {
    const unheard = new Set([...newcomers].filter((mac) => !this.#booters.has(mac)));
    if (unheard.size === 0) return [];
    return this.#acquaintance.leasesOf(unheard).map(({ mac, address, grantedAt, duration, hostname }) => {
      return { kind: 'dhcp.ack', at: grantedAt, mac, address, leaseSeconds: duration, hostname };
    });
  }
}
