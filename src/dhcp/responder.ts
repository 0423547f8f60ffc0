// Carries out decisions: offers are kept, leases recorded, replies held back until their lease is durable, events told. Works
// through the ports it is handed; sockets are the server's.
//
//   receive ─ decode ─ decide ─┬─ reply without record ──────────────→ transmit, publish
//                              ├─ record ─ append ─ apply ─ waiting ─┬─ onDurable → transmit, publish, onLeaseChange
//                              │                                     └─ onFailed  → roll back, refused: store-unavailable
//                              ├─ offer to probe ─ conflicting() ─┬─ nobody   → transmit, publish
//                              │                                  └─ somebody → record declined, decide again
//                              └─ ignore → counted, sampled event
//
// 1. Deciding, appending and applying are one turn: no other message comes between.
// 2. No ACK leaves before its record is durable, no OFFER while leases cannot be written.
// 3. An ACK whose lease was taken back while it waited does not leave, nor one that waited over REPLY_AGE_MAX_MS.
// 4. Replies are encoded in the turn of their datagram, whose bytes are overwritten afterwards.

import { type Clock, type Instant, later } from '../clock.ts';
import { Counters } from '../counters.ts';
import { unreachable } from '../errors.ts';
import type { Publish } from '../event.ts';
import type { MachineDirectory } from '../machines/directory.ts';
import type { Ipv4, MacAddress } from '../net/address.ts';
import type { WireFault } from '../net/byte-reader.ts';
import type { OutgoingDatagram, ReceivedDatagram } from '../net/datagram.ts';
import { EventSampler, type Rate, type Sample } from '../rate-limit.ts';
import { type DhcpCounters, MESSAGE_NAMES, messageName } from './counters.ts';
import { decide, setAside } from './decide.ts';
import type { DhcpDecision, OfferedAddress } from './decision.ts';
import type { DhcpPorts } from './destination.ts';
import { DurableQueue } from './durable-queue.ts';
import { DHCP_EVENT_KINDS, DHCP_REFUSAL_NAMES, type DhcpEvent, type DhcpRefusal, isRefusal } from './events.ts';
import type { DhcpState, IdentifyClient, PlanBoot } from './inquiry.ts';
import type { Lease } from './lease.ts';
import type { LeaseJournal } from './lease-journal.ts';
import type { LeaseChange, LeaseTable } from './lease-table.ts';
import { type DhcpMessage, decodeDhcpMessage, encodeDhcpMessage } from './message.ts';
import { Offers } from './offers.ts';
import { ProbeBook } from './probe-book.ts';
import { replyBytesMax } from './reply.ts';
import type { Arrival, SubnetIndex } from './subnet.ts';

/** How many addresses are probed for one message before it is left without an answer. */
export const PROBES_PER_MESSAGE_MAX = 3;
/** The most ended leases told in one turn. */
export const EXPIRED_PER_TURN_MAX = 256;

/**
 * The longest an ACK waits for the disk. Its lease runs from the request on (RFC 2131 §4.4.1), but some clients count from the
 * answer; a client that waited this long has asked again.
 */
export const REPLY_AGE_MAX_MS = 10_000;

/** How often refusals of one known machine are told. */
const KNOWN_RATE: Rate = { perSecond: 1, burst: 10 };
/** Known machines whose refusals are counted at a time. */
const KNOWN_SAMPLED_MAX = 4096;

/** A reply on its way out. */
export interface Reply {
  readonly datagram: OutgoingDatagram;
  /** By which socket its request came. */
  readonly arrival: Arrival;
  /** The interface of the client's network; undefined: behind a relay. */
  readonly interfaceName: string | undefined;
}

/** Asks the wire whether a host other than a client uses an address; answers that host's hardware address, or undefined. */
export type FindConflict = (address: Ipv4, interfaceName: string) => Promise<MacAddress | undefined>;

/** A change of a lease that is durable, or its end. */
export type LeaseNotice =
  | ({ readonly kind: 'changed' } & LeaseChange)
  | { readonly kind: 'expired'; readonly lease: Lease };

/** What a responder works with. */
export interface ResponderPorts {
  readonly clock: Clock;
  readonly journal: LeaseJournal;
  readonly table: LeaseTable;
  readonly publish: Publish;
  readonly planBoot: PlanBoot;
  readonly identifyClient: IdentifyClient;
  /** The machines known at this moment. */
  readonly machines: () => MachineDirectory;
  /** Told synchronously of each durable change, oldest first. */
  readonly onLeaseChange?: ((notice: LeaseNotice) => void) | undefined;
  /** Undefined: addresses are offered without looking whether somebody uses them. */
  readonly findConflict?: FindConflict | undefined;
  /** Sends replies in order; never throws. */
  readonly transmit: (replies: readonly Reply[]) => void;
}

interface Outcome {
  readonly reply: Reply | undefined;
  readonly event: DhcpEvent;
}

/** An outcome that waits for the disk, and the record it tells of. */
interface WaitingOutcome extends Outcome {
  readonly lease: Lease | undefined;
}

/** A message that is being answered. */
interface Request {
  readonly message: DhcpMessage;
  readonly arrival: Arrival;
  readonly bytes: Uint8Array;
  /** Which decision on it this is, from 1. */
  readonly attempt: number;
}

type ReplyDecision = Extract<DhcpDecision, { kind: 'reply' }>;

/** Answers datagrams. */
export class Responder {
  readonly #ports: ResponderPorts;
  readonly #offers = new Offers();
  readonly #probes = new ProbeBook();
  readonly #waiting = new DurableQueue<WaitingOutcome>();
  readonly #sampler = new EventSampler();
  readonly #knownSampler = new EventSampler<MacAddress>(KNOWN_RATE, KNOWN_SAMPLED_MAX);
  readonly #messages = new Counters(MESSAGE_NAMES);
  readonly #events = new Counters(DHCP_EVENT_KINDS);
  readonly #refusals = new Counters(DHCP_REFUSAL_NAMES);
  #subnets: SubnetIndex = { served: [], withoutAddress: new Set(), ownAddresses: new Set() };
  #dhcpPorts: DhcpPorts = { serverPort: 67, clientPort: 68 };
  /** Replies and events of this turn. */
  #outcomes: Outcome[] = [];
  #storeFailed = false;

  constructor(ports: ResponderPorts) {
    this.#ports = ports;
    ports.journal.listen({
      onDurable: (sequence) => this.#onDurable(sequence),
      onFailed: (from, to, reason) => this.#onFailed(from, to, reason),
      onSlow: (reason) => this.#onSlow(reason),
      onAvailable: () => this.#onAvailable(),
    });
  }

  /** Serves these networks from now on. */
  setSubnets(subnets: SubnetIndex, dhcpPorts: DhcpPorts): void {
    this.#subnets = subnets;
    this.#dhcpPorts = dhcpPorts;
  }

  counters(): DhcpCounters {
    return {
      messages: this.#messages.read(),
      events: this.#events.read(),
      refusals: this.#refusals.read(),
      leases: this.#ports.table.size,
      offers: this.#offers.size,
      waiting: this.#waiting.size,
    };
  }

  /** Answers that wait for the disk. */
  get waiting(): number {
    return this.#waiting.size;
  }

  /** Answers what came by one socket in one turn. */
  receive(datagrams: readonly ReceivedDatagram[], arrival: Arrival): void {
    const now = this.#ports.clock.now();
    const state = this.state();
    for (const { bytes } of datagrams) {
      const decoded = decodeDhcpMessage(bytes);
      this.#messages.add(decoded.ok ? messageName(decoded.value) : 'malformed');
      if (decoded.ok) {
        const request = { message: decoded.value, arrival, bytes, attempt: 1 };
        this.#perform(decide(request.message, arrival, state, now), request);
      } else this.#reportMalformed(decoded.fault, arrival, now);
    }
    this.#finishTurn();
  }

  /** Tells of leases that ended, of EXPIRED_PER_TURN_MAX at most. */
  expire(): void {
    const now = this.#ports.clock.now();
    const ended = this.#ports.table.expire(now, EXPIRED_PER_TURN_MAX);
    for (const lease of ended) {
      this.#conclude({
        reply: undefined,
        event: { kind: 'dhcp.expired', at: now, mac: lease.mac, address: lease.address, hostname: lease.hostname },
      });
      this.#ports.onLeaseChange?.({ kind: 'expired', lease });
    }
    this.#finishTurn();
  }

  /** Everything that a decision would read now; deciding on it changes nothing. */
  state(): DhcpState {
    const { table, identifyClient, planBoot, machines } = this.#ports;
    const views = { leases: table, offers: this.#offers, machines: machines() };
    return { ...views, subnets: this.#subnets, ports: this.#dhcpPorts, identifyClient, planBoot };
  }

  #perform(decision: DhcpDecision, request: Request): void {
    switch (decision.kind) {
      case 'ignore':
        this.#refuse(decision.event, decision.reason);
        break;
      case 'record':
        this.#record(decision.records, { reply: undefined, event: decision.event });
        break;
      case 'reply':
        if (decision.offer !== undefined) this.#offer(decision, decision.offer, request);
        else if (decision.records.length === 0) this.#conclude(this.#encode(decision, request));
        else this.#record(decision.records, this.#encode(decision, request));
        break;
      default:
        unreachable(decision);
    }
  }

  #encode(decision: ReplyDecision, { message, arrival }: Request): Outcome {
    const encoded = encodeDhcpMessage(decision.message, replyBytesMax(message));
    const omitted = encoded.omitted.length === 0 ? undefined : encoded.omitted.join(' ');
    return {
      reply: {
        datagram: { bytes: encoded.bytes, to: decision.destination },
        arrival,
        interfaceName: decision.served.subnet.interfaceName,
      },
      event: omitted === undefined ? decision.event : { ...decision.event, omitted },
    };
  }

  /** Keeps the offered address and answers, after a look at the wire where that is wanted. */
  #offer(decision: ReplyDecision, offer: OfferedAddress, request: Request): void {
    const { event } = decision;
    const { address, mac } = offer;
    if (!this.#ports.journal.available) {
      this.#refuse(event, 'store-unavailable');
      return;
    }
    if (this.#probes.isRunning(address)) {
      this.#refuse(event, 'probe-running');
      return;
    }
    this.#offers.hold(address, mac, event.at);
    const outcome = this.#encode(decision, request);
    const { findConflict } = this.#ports;
    const { interfaceName } = decision.served.subnet;
    if (findConflict === undefined || interfaceName === undefined || !offer.probe) this.#conclude(outcome);
    else if (!this.#probes.start(address, event.at)) this.#conclude(outcome);
    else {
      const kept = { ...request, bytes: Uint8Array.from(request.bytes) };
      findConflict(address, interfaceName).then(
        (user) => this.#onProbed(offer, user, outcome, kept),
        // A probe that cannot be made says nothing against the address.
        () => this.#onProbed(offer, undefined, outcome, kept),
      );
    }
  }

  #onProbed(offer: OfferedAddress, user: MacAddress | undefined, outcome: Outcome, request: Request): void {
    const now = this.#ports.clock.now();
    const { address, mac } = offer;
    const free = user === undefined || user === mac;
    this.#probes.finish(address, free, now);
    if (free) this.#conclude(outcome);
    else {
      const { subnet, interfaceName } = outcome.event;
      const event: DhcpEvent = { kind: 'dhcp.conflict', at: now, mac, address, subnet, interfaceName };
      this.#offers.drop(mac);
      this.#record([setAside(address, mac, now)], { reply: undefined, event });
      const decoded = decodeDhcpMessage(request.bytes);
      if (request.attempt >= PROBES_PER_MESSAGE_MAX) this.#refuse(outcome.event, 'address-in-use');
      else if (decoded.ok) {
        const again = { ...request, message: decoded.value, attempt: request.attempt + 1 };
        this.#perform(decide(again.message, again.arrival, this.state(), now), again);
      }
    }
    this.#finishTurn();
  }

  /** Appends and applies records; the outcome follows when the last of them is durable. */
  #record(records: readonly Lease[], outcome: Outcome): void {
    const { journal, table } = this.#ports;
    let sequence = 0;
    for (const lease of records) {
      // Former addresses come first: if the journal is full after them, the client has no new one and asks again.
      if (!journal.available || this.#waiting.isFull) {
        this.#refuse(outcome.event, journal.available ? 'queue-full' : 'store-unavailable');
        return;
      }
      sequence = journal.append(lease);
      table.apply(lease, sequence);
      if (lease.state === 'bound') this.#offers.drop(lease.mac);
    }
    this.#waiting.add(sequence, { ...outcome, lease: records.at(-1) });
  }

  #onDurable(sequence: number): void {
    const now = this.#ports.clock.now();
    for (const change of this.#ports.table.settle(sequence)) {
      this.#ports.onLeaseChange?.({ kind: 'changed', ...change });
    }
    for (const outcome of this.#waiting.settle(sequence)) {
      if (outcome.reply !== undefined && outcome.event.at < later(now, -REPLY_AGE_MAX_MS)) {
        this.#refuse(outcome.event, 'reply-late');
      } else if (this.#isInForce(outcome)) this.#conclude(outcome);
      else this.#refuse(outcome.event, 'superseded');
    }
    this.#finishTurn();
  }

  /** False for an ACK whose lease was taken back while it waited: the client released it, and it may be another's by now. */
  #isInForce({ reply, lease }: WaitingOutcome): boolean {
    if (reply === undefined || lease === undefined) return true;
    const current = this.#ports.table.find(lease.address);
    return current !== undefined && current.state === 'bound' && current.mac === lease.mac;
  }

  #onFailed(from: number, to: number, reason: string): void {
    const now = this.#ports.clock.now();
    this.#ports.table.rollBack(from, to, now);
    this.#tellStoreFailed(reason, now);
    for (const { event } of this.#waiting.fail(from, to)) this.#refuse({ ...event, at: now }, 'store-unavailable');
    this.#finishTurn();
  }

  #onSlow(reason: string): void {
    this.#tellStoreFailed(reason, this.#ports.clock.now());
    this.#finishTurn();
  }

  #tellStoreFailed(reason: string, now: Instant): void {
    if (this.#storeFailed) return;
    this.#storeFailed = true;
    this.#conclude({ reply: undefined, event: { kind: 'dhcp.store-unavailable', at: now, reason } });
  }

  #onAvailable(): void {
    if (!this.#storeFailed) return;
    this.#storeFailed = false;
    this.#conclude({ reply: undefined, event: { kind: 'dhcp.store-restored', at: this.#ports.clock.now() } });
    this.#finishTurn();
  }

  #conclude(outcome: Outcome): void {
    this.#outcomes.push(outcome);
  }

  /** Sends what this turn brought, then tells of it. */
  #finishTurn(): void {
    const outcomes = this.#outcomes;
    if (outcomes.length === 0) return;
    this.#outcomes = [];
    this.#ports.transmit(outcomes.flatMap(({ reply }) => reply ?? []));
    for (const { event } of outcomes) {
      this.#events.add(event.kind);
      // A NAK is an answer and a refusal.
      if (event.kind === 'dhcp.nak' && event.reason !== undefined && isRefusal(event.reason)) {
        this.#refusals.add(event.reason);
      }
      this.#ports.publish(event);
    }
  }

  #refuse(event: DhcpEvent, reason: DhcpRefusal): void {
    this.#refusals.add(reason);
    const sample = this.#sampleRefusal(event.mac, reason, event.at);
    if (sample === undefined) return;
    const { at, mac, address, subnet, interfaceName, vendorClass, hostname, waitedSeconds } = event;
    const fields = { at, mac, address, subnet, interfaceName, vendorClass, hostname, waitedSeconds, reason, ...sample };
    this.#conclude({ reply: undefined, event: { kind: 'dhcp.refused', ...fields } });
  }

  /** A machine that is known is told of by itself, so that a flood of strangers hides no step of its boot. */
  #sampleRefusal(mac: MacAddress | undefined, reason: DhcpRefusal, at: Instant): Sample | undefined {
    const { machines, table } = this.#ports;
    const isKnown = mac !== undefined && (machines().findByMac(mac) ?? table.findAllByMac(mac)[0]) !== undefined;
    return isKnown ? this.#knownSampler.take(mac, at) : this.#sampler.take(reason, at);
  }

  #reportMalformed(fault: WireFault, arrival: Arrival, now: Instant): void {
    const sample = this.#sampler.take('malformed', now);
    if (sample === undefined) return;
    const reason = `${fault.code} in ${fault.field} at byte ${fault.offset}`;
    const { interfaceName } = arrival;
    this.#conclude({ reply: undefined, event: { kind: 'dhcp.malformed', at: now, interfaceName, reason, ...sample } });
  }
}
