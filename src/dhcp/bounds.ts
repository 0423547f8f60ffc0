// Limits, and reports, the harm of strangers with well-formed messages: new clients, declines,
// ranges that fill up. The deciders query it; the responder passes it every decision.

import { formatIpv4 } from '../ground/address.ts';
import type { Clock, Instant } from '../ground/clock.ts';
import type { DhcpDecision } from './answers/decision.ts';
import type { DhcpEvent } from './events/events.ts';
import type { RangeUsage } from './leases/address-pool.ts';
import type { AddressPools } from './leases/address-pools.ts';
import { Declines } from './limits/declines.ts';
import { NewClients } from './limits/new-clients.ts';
import { type RangeLevel, type RangeNotice, RangeWatch } from './limits/range-watch.ts';

export interface RangeState extends RangeUsage {
  readonly level: RangeLevel;
}

const NOTHING: readonly DhcpEvent[] = [];

export class Bounds {
  readonly newClients: NewClients;
  readonly declines = new Declines();
  readonly #ranges = new RangeWatch();
  readonly #pools: AddressPools;

  constructor(pools: AddressPools, clock: Pick<Clock, 'randomBytes'>) {
    this.#pools = pools;
    this.newClients = new NewClients(clock.randomBytes(4).reduce((seed, byte) => seed * 256 + byte, 0));
  }

  /** Notes a decision; returns a further event. */
  note(decision: DhcpDecision, now: Instant): DhcpEvent | undefined {
    if (decision.kind === 'reply') {
      if (decision.newClient !== undefined) this.newClients.take(decision.newClient, now);
    } else if (decision.kind === 'record') {
      if (decision.declined !== undefined) this.declines.take(decision.declined.by, now);
    } else if (decision.kind === 'ignore' && decision.newClient !== undefined) {
      const { newClient, reason, event } = decision;
      this.newClients.leftOut(newClient, now);
      if (reason !== 'too-many-new-clients') return undefined;
      const { place } = newClient;
      const limited = this.newClients.refused(place, now);
      if (limited === undefined) return undefined;
      const { subnet, interfaceName } = event;
      return { kind: 'dhcp.new-clients-limited', at: now, subnet, interfaceName, place: limited };
    }
    return undefined;
  }

  /** The events of ranges that changed since the last check. */
  look(now: Instant): readonly DhcpEvent[] {
    if (!this.#pools.hasChanges) return NOTHING;
    let events = NOTHING;
    this.#pools.visitChanged((usage) => {
      const notice = this.#ranges.look(usage);
      if (notice !== undefined) events = [...events, composeRangeEvent(notice, now)];
    });
    return events;
  }

  ranges(): readonly RangeState[] {
    return this.#pools.usage().map((usage) => ({ ...usage, level: this.#ranges.getLevel(usage) }));
  }

  /** Called when the served networks have changed. */
  served(): void {
    this.#ranges.keep(this.#pools.usage());
  }
}

function composeRangeEvent({ kind, usage }: RangeNotice, at: Instant): DhcpEvent {
  const { subnet, range, usable, free } = usage;
  const low = formatIpv4(range.low);
  return { kind, at, subnet, range: `${low}-${formatIpv4(range.high)}`, used: usable - free, usable };
}
