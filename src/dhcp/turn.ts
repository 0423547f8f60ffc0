// Collects one turn's outcomes: replies are sent together, then events are published, refusals at a
// limited rate.
//
// 1. If a reply cannot be sent, the outcome becomes a refusal.

import type { Ipv4 } from '../ground/address.ts';
import type { Instant } from '../ground/clock.ts';
import { Counters } from '../ground/counters.ts';
import { isProbeEvent } from '../ground/own-probes.ts';
import { EventSampler } from '../ground/rate-limit.ts';
import type { WireFault } from '../net/byte-reader.ts';
import { type Heard, malformedEvent, refusedEvent } from './answers/refusal-event.ts';
import { type DhcpCounters, FAULT_NAMES, faultName } from './counters.ts';
import { DHCP_EVENT_KINDS, type DhcpEvent } from './events/events.ts';
import { DHCP_REFUSAL_NAMES, type DhcpRefusal, isRefusal } from './events/refusals.ts';
import { ReportSamplers } from './limits/report-samplers.ts';
import type { Arrival } from './networks/subnet.ts';
import { listReplies, type Outcome } from './outcome.ts';
import type { Reply, ResponderDeps } from './responder-deps.ts';

export class Turn {
  readonly #deps: ResponderDeps;
  readonly #reportSamplers: ReportSamplers;
  readonly #sampler = new EventSampler();
  readonly #faults = new Counters(FAULT_NAMES);
  readonly #events = new Counters(DHCP_EVENT_KINDS);
  readonly #refusals = new Counters(DHCP_REFUSAL_NAMES);
  #outcomes: Outcome[] = [];

  constructor(deps: ResponderDeps) {
    this.#deps = deps;
    this.#reportSamplers = new ReportSamplers(deps);
  }

  counters(): Pick<DhcpCounters, 'faults' | 'events' | 'refusals'> {
    return { faults: this.#faults.read(), events: this.#events.read(), refusals: this.#refusals.read() };
  }

  conclude(outcome: Outcome): void {
    this.#outcomes.push(outcome);
  }

  /** Counts a message left to another server. */
  pass(reason: DhcpRefusal): void {
    this.#refusals.add(reason);
  }

  refuse(event: DhcpEvent, reason: DhcpRefusal, heard?: Heard): void {
    this.#refusals.add(reason);
    const sample = this.#reportSamplers.ofRefusal(event.mac, reason, event.at);
    if (sample === undefined) return;
    this.conclude({ reply: undefined, event: refusedEvent(event, reason, sample, heard) });
  }

  refuseMalformed(fault: WireFault, arrival: Arrival, from: Ipv4, now: Instant): void {
    this.#faults.add(faultName(fault));
    const sample = this.#sampler.take('malformed', now);
    if (sample === undefined) return;
    this.conclude({ reply: undefined, event: malformedEvent(fault, arrival, from, now, sample) });
  }

  finish(): void {
    let outcomes = this.#outcomes;
    if (outcomes.length === 0) return;
    this.#outcomes = [];
    const stranded = this.#deps.transmit(listReplies(outcomes));
    if (stranded.size > 0) outcomes = this.#withoutStranded(outcomes, stranded);
    for (const { event, isRepeat } of outcomes) {
      if (!isProbeEvent(event)) this.#events.add(event.kind);
      // A NAK is both an answer and a refusal.
      if (event.kind === 'dhcp.nak' && event.reason !== undefined && isRefusal(event.reason)) {
        this.#refusals.add(event.reason);
      }
      const published = this.#reportSamplers.of(event, isRepeat === true);
      if (published !== undefined) this.#deps.publish(published);
    }
  }

  /** Without those whose reply could not be sent, now refusals. */
  #withoutStranded(outcomes: readonly Outcome[], stranded: ReadonlySet<Reply | undefined>): Outcome[] {
    for (const { event, reply } of outcomes) if (stranded.has(reply)) this.refuse(event, 'interface-gone');
    return [...outcomes.filter(({ reply }) => !stranded.has(reply)), ...this.#outcomes.splice(0)];
  }
}
