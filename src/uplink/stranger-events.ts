// Limits the lease events that are sent to the region about hosts that are not its machines: a
// building full of telephones renews thousands of leases an hour, each a row in the region's log.
//
//   event ─┬─ of a question by `rackboot doctor` (`own-probes.ts`) ──────────────────→ not sent
//          ├─ not an everyday event of a lease ──────────────────────────────────────→ sent
//          ├─ of a lease outside the dynamic ranges ─────────────────────────────────→ sent
//          ├─ of a machine, or of a host that boots or booted lately (BOOTERS_MAX) ──→ sent
//          └─ of a stranger ─ STRANGER_RATE ─┬─ sent, with the number of events it represents
//                                            └─ withheld, and counted
//
// 1. Withheld events are missing only in the region. Refusals, conflicts, files and reports are always sent.
// 2. When a stranger becomes a known machine, the rack sends its running leases
//    (`findRunningLeases`), so no address is lost.
// 3. The region gives no address that a stranger leases outside the dynamic ranges, so it must know
//    all of these (`unreported-leases.ts`).

import type { DhcpEvent } from '../dhcp/events/events.ts';
import { isEveryday } from '../dhcp/events/everyday-events.ts';
import type { Lease } from '../dhcp/leases/lease.ts';
import type { Ipv4, MacAddress } from '../ground/address.ts';
import { BoundedMap } from '../ground/bounded-map.ts';
import type { RackEvent } from '../ground/event.ts';
import { isProbeEvent } from '../ground/own-probes.ts';
import { EventSampler, type Rate } from '../ground/rate-limit.ts';
import type { DesiredState } from '../machines/machine.ts';

/** Remembered hardware addresses of hosts that booted; the one that booted longest ago is forgotten first. */
export const BOOTERS_MAX = 8192;
/**
 * The rate of strangers' everyday events that are sent, per kind. The burst covers a hall of
 * printers that is switched on.
 */
export const STRANGER_RATE: Rate = { perSecond: 5, burst: 250 };

/** Matches kinds of events that only a booting host causes. */
const BOOTING_KINDS = /^(?:boot|tftp|http)\./;

/** Knows which hosts are the region's machines. */
export interface KnownHosts {
  /** True for an interface of a machine that the region knows. */
  readonly isMachine: (mac: MacAddress) => boolean;
  /** The running leases of these interfaces. */
  readonly findRunningLeases: (macs: ReadonlySet<MacAddress>) => readonly Lease[];
  /** True for an interface of a machine that is being deployed. */
  readonly isDeploying: (mac: MacAddress) => boolean;
  /** True for an address of a dynamic range. */
  readonly isDynamic: (address: Ipv4) => boolean;
  /** All lease records, running and ended; they may change during the iteration. */
  readonly listLeases: () => Iterable<Lease>;
  /** The lease record of an address. */
  readonly findLease: (address: Ipv4) => Lease | undefined;
}

/** Decides which events are sent to the region. */
export class StrangerEvents {
  readonly #knownHosts: KnownHosts;
  readonly #sampler = new EventSampler<string>(STRANGER_RATE);
  readonly #booters = new BoundedMap<MacAddress, true>(BOOTERS_MAX, 'set longest ago');
  #withheld = 0;

  constructor(knownHosts: KnownHosts) {
    this.#knownHosts = knownHosts;
  }

  /** Events withheld since the start; the events sent in their place count them. */
  get withheld(): number {
    return this.#withheld;
  }

  /** The event to send to the region; `undefined` if it is withheld. */
  take(event: RackEvent): RackEvent | undefined {
    const { mac } = event;
    if (isProbeEvent(event)) return undefined;
    if (!isEveryday(event)) {
      if (mac !== undefined && BOOTING_KINDS.test(event.kind)) this.#booters.set(mac, true);
      return event;
    }
    if (mac === undefined) return event;
    if (event.client !== undefined) {
      this.#booters.set(mac, true);
      return event;
    }
    if (event.address !== undefined && !this.#knownHosts.isDynamic(event.address)) return event;
    if (this.#knownHosts.isMachine(mac) || this.#booters.has(mac)) return event;
    const sample = this.#sampler.take(event.kind, event.at);
    if (sample !== undefined) return { ...event, ...sample };
    this.#withheld += 1;
    return undefined;
  }

  /** The interfaces in a desired state, before it is applied, that are not known yet. */
  findNewInterfaces({ machines }: DesiredState): ReadonlySet<MacAddress> {
    const { isMachine } = this.#knownHosts;
    return new Set(machines.flatMap(({ macs }) => macs.filter((mac) => !isMachine(mac))));
  }

  /**
   * The events that report the leases of hosts that became machines. Leases of hosts that booted
   * were reported already.
   */
  composeLeaseEvents(newInterfaces: ReadonlySet<MacAddress>): readonly DhcpEvent[] {
    const unreported = new Set([...newInterfaces].filter((mac) => !this.#booters.has(mac)));
    if (unreported.size === 0) return [];
    return this.#knownHosts.findRunningLeases(unreported).map(composeAckEvent);
  }
}

/** The event that sends a running lease. */
export const composeAckEvent = ({ mac, address, grantedAt, duration, hostname }: Lease): DhcpEvent => ({
  kind: 'dhcp.ack',
  at: grantedAt,
  mac,
  address,
  leaseSeconds: duration,
  hostname,
});
