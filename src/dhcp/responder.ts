// Carries out decisions: holds offers, records leases, and holds back replies until their lease is
// durable (`turn.ts` sends them). Works only through its ports.
//
//   receive ─ decode ─ decide ─┬─ reply without record ──────────────→ transmit, publish
//                              ├─ record ─ append ─ apply ─ waiting ─┬─ onDurable → transmit, publish, onLeaseChange
//                              │                                     └─ onFailed  → roll back, refused: store-unavailable
//                              ├─ offer ─ ConflictCheck.clear() ──┬─ unused → transmit, publish; an ACK is decided again
//                              │                                  └─ in use → record declined, or its last holder's; decide again
//                              └─ ignore → counted, sampled event
//
// 1. Deciding, appending and applying happen in one turn.
// 2. No ACK leaves before its record is durable, and no OFFER while leases cannot be written. An
//    ACK of a fixed address that the client had last needs no record then.
// 3. No ACK leaves if its lease was taken back meanwhile, or after REPLY_AGE_MAX_MS.
// 4. Only the decoded message outlives the turn.

import { formatMac, type Ipv4 } from '../ground/address.ts';
import { type Instant, later } from '../ground/clock.ts';
import { Counters } from '../ground/counters.ts';
import { unreachable } from '../ground/errors.ts';
import type { MachineDirectory } from '../machines/directory.ts';
import type { ReceivedDatagram } from '../net/datagrams/datagram.ts';
import { decide } from './answers/decide.ts';
import type { DhcpDecision, OfferedAddress } from './answers/decision.ts';
import { givenBack } from './answers/give-back.ts';
import type { DhcpState } from './answers/inquiry.ts';
import type { Heard } from './answers/refusal-event.ts';
import { Bounds } from './bounds.ts';
import { type AddressUser, ConflictCheck } from './conflicts/conflict-check.ts';
import { type DhcpCounters, MESSAGE_NAMES, messageName } from './counters.ts';
import type { DhcpEvent } from './events/events.ts';
import { DurableQueue } from './leases/durable-queue.ts';
import type { Lease } from './leases/lease.ts';
import type { JournalFault } from './leases/lease-journal.ts';
import { isActive, isHeld } from './leases/lease-table.ts';
import { Offers } from './leases/offers.ts';
import { recordOfUse } from './leases/set-aside.ts';
import type { Arrival, SubnetIndex } from './networks/subnet.ts';
import { composeOutcome, isInForce, type Outcome, type ReplyDecision, type WaitingOutcome } from './outcome.ts';
import type { ResponderDeps } from './responder-deps.ts';
import { Turn } from './turn.ts';
import type { DhcpPorts } from './wire/destination.ts';
import { decodeDhcpMessage } from './wire/message.ts';

/** How many addresses are probed for one message before it is refused. */
const PROBES_PER_MESSAGE_MAX = 3;
/** Ended leases that one turn reports. */
export const EXPIRED_PER_TURN_MAX = 256;

/**
 * How long an ACK may wait for the disk, in milliseconds: the client has asked again by then. The
 * lease runs from the request on (RFC 2131 §4.4.1), but some clients count from the reply.
 */
const REPLY_AGE_MAX_MS = 10_000;

interface Request extends Heard {
  /** The number of this decision on it, from 1. */
  readonly attempt: number;
}

/** An OFFER or ACK that waits for a probe. */
type Unanswered = Readonly<{ decision: ReplyDecision; outcome: Outcome; request: Request }>;

export class Responder {
  readonly #deps: ResponderDeps;
  readonly bounds: Bounds;
  readonly #offers: Offers;
  readonly #conflicts: ConflictCheck;
  readonly #waiting = new DurableQueue<WaitingOutcome>();
  readonly #turn: Turn;
  readonly #messages = new Counters(MESSAGE_NAMES);
  #subnets: SubnetIndex = { served: [], sharedNetworks: new Map(), withoutAddress: new Set(), ownAddresses: new Set() };
  #dhcpPorts: DhcpPorts = { serverPort: 67, clientPort: 68 };
  #storeFailed = false;
  /** The machines whose addresses the pools have. */
  #servedMachines: MachineDirectory | undefined;

  constructor(deps: ResponderDeps) {
    this.#deps = deps;
    this.#offers = new Offers(deps.table.pools);
    this.bounds = new Bounds(deps.table.pools, deps.clock);
    this.#turn = new Turn(deps);
    this.#conflicts = new ConflictCheck({ ...deps, leases: deps.table }, (records, event) => {
      if (records.length > 0) this.#record(records, { reply: undefined, event, isFound: true });
      else this.#turn.conclude({ reply: undefined, event });
      this.#finishTurn();
    });
    deps.journal.listen({
      onDurable: (sequence) => this.#onDurable(sequence),
      onFailed: (from, to, fault) => this.#onFailed(from, to, fault),
      onSlow: (fault) => {
        this.#reportStoreFailed(fault, deps.clock.now());
        this.#finishTurn();
      },
      onAvailable: () => this.#onAvailable(),
      onBallast: (isFreed) => {
        const kind = isFreed ? 'dhcp.ballast-freed' : 'dhcp.ballast-kept';
        this.#turn.conclude({ reply: undefined, event: { kind, at: deps.clock.now() } });
        this.#finishTurn();
      },
    });
  }

  setSubnets(subnets: SubnetIndex, dhcpPorts: DhcpPorts): void {
    this.#subnets = subnets;
    this.#dhcpPorts = dhcpPorts;
    this.#servedMachines = this.#deps.machines();
    if (this.#deps.table.serve(subnets.served, this.#servedMachines)) this.#offers.forgetAll();
    this.#offers.tidy();
    this.bounds.served();
    this.#conflicts.serve(subnets.served);
  }

  counters(): Omit<DhcpCounters, 'ignored'> {
    return {
      messages: this.#messages.read(),
      ...this.#turn.counters(),
      leases: this.#deps.table.size,
      offers: this.#offers.size,
      waiting: this.#waiting.size,
    };
  }

  /** Notes that a host was heard with this address. */
  heard(address: Ipv4): void {
    this.#conflicts.heard(address);
  }

  /** Notes an address given other than by a reply. */
  given(address: Ipv4): void {
    this.#conflicts.leased(address);
  }

  close(): void {
    this.#conflicts.close();
  }

  get waiting(): number {
    return this.#waiting.size;
  }

  /** Handles the datagrams of one socket in one turn. */
  receive(datagrams: readonly ReceivedDatagram[], arrival: Arrival): void {
    const now = this.#deps.clock.now();
    this.#offers.forget(now);
    const state = this.state();
    for (const { bytes, from } of datagrams) {
      const decoded = decodeDhcpMessage(bytes);
      this.#messages.add(decoded.ok ? messageName(decoded.value) : 'malformed');
      if (decoded.ok) {
        const request = { message: decoded.value, arrival, from, attempt: 1 };
        this.#perform(decide(request.message, arrival, state, now, from), request, now);
      } else this.#turn.refuseMalformed(decoded.fault, arrival, from, now);
    }
    this.#finishTurn();
  }

  /** Reports ended leases, at most EXPIRED_PER_TURN_MAX. @returns how many */
  expire(): number {
    const ended = this.#deps.table.expire(this.#deps.clock.now(), EXPIRED_PER_TURN_MAX);
    this.reportEnded(ended);
    return ended.length;
  }

  reportEnded(ended: readonly Lease[]): void {
    const now = this.#deps.clock.now();
    for (const lease of ended) {
      const { mac, address, hostname } = lease;
      const kind = lease.state === 'declined' ? 'dhcp.declined-back' : 'dhcp.expired';
      this.#turn.conclude({ reply: undefined, event: { kind, at: now, mac, address, hostname } });
      if (lease.state !== 'declined') this.#deps.onLeaseChange?.({ kind: 'expired', lease });
    }
    this.#finishTurn();
  }

  state(): DhcpState {
    const { table, identifyClient, planBoot, machines, foreign } = this.#deps;
    const current = machines();
    if (current !== this.#servedMachines) {
      this.#servedMachines = current;
      table.serve(this.#subnets.served, current);
    }
    const views = { leases: table, offers: this.#offers, machines: current, ...this.#conflicts.facts };
    const served = { subnets: this.#subnets, ports: this.#dhcpPorts };
    const { newClients, declines } = this.bounds;
    const cannotRecord = !this.#deps.journal.available;
    return { cannotRecord, ...views, ...served, newClients, declines, identifyClient, planBoot, foreign };
  }

  #perform(decision: DhcpDecision, request: Request, now = this.#deps.clock.now()): void {
    const further = this.bounds.note(decision, now);
    if (further !== undefined) this.#turn.conclude({ reply: undefined, event: further });
    switch (decision.kind) {
      case 'ignore':
        this.#deps.foreign?.hear(request.message, decision.reason, decision.event);
        this.#turn.refuse(decision.event, decision.reason, request);
        break;
      case 'record': {
        const { records, event, isRepeat, declined } = decision;
        if (declined !== undefined) this.#offers.drop(declined.client, declined.sharedNetwork);
        this.#record(records, { reply: undefined, event, isRepeat }, request);
        break;
      }
      case 'pass':
        this.#turn.pass(decision.reason);
        if (decision.claim !== undefined) this.#deps.onAddressSeen?.(decision.claim);
        if (decision.event !== undefined) this.#turn.conclude({ reply: undefined, event: decision.event });
        break;
      case 'reply':
        if (decision.claim !== undefined) this.#deps.onAddressSeen?.(decision.claim);
        if (decision.introduction !== undefined) this.#offers.introduce(decision.introduction, decision, now);
        if (decision.offer !== undefined) this.#offer(decision, decision.offer, request);
        else if (decision.records.length === 0 && decision.restsOn === undefined)
          this.#turn.conclude(composeOutcome(decision, request));
        else this.#record(decision.records, composeOutcome(decision, request), request, decision);
        break;
      default:
        unreachable(decision);
    }
  }

  #offer(decision: ReplyDecision, offer: OfferedAddress, request: Request): void {
    const { event } = decision;
    const { address, client } = offer;
    if (!this.#deps.journal.available) {
      this.#turn.refuse(event, 'store-unavailable', request);
      return;
    }
    const clearance = this.#conflicts.clear(offer, decision.served, event.at);
    if (clearance === 'asked' || clearance === 'crowded') {
      this.#turn.refuse(event, clearance === 'asked' ? 'probe-running' : 'probes-waiting', request);
      return;
    }
    const isRepeat =
      decision.isRepeat === true || this.#offers.offeredTo(client, decision.served, event.at) === address;
    this.#offers.hold(address, client, decision, event.at, false);
    const outcome: Outcome = { ...composeOutcome(decision, request), isRepeat };
    if (clearance !== 'clear')
      void clearance.then((user) => this.#onProbed(offer, user, { decision, outcome, request }));
    else if (decision.records.length === 0) this.#concludeOffer(offer, outcome, decision, event.at);
    else this.#record(decision.records, composeOutcome(decision, request), request, decision);
  }

  /** Concludes an offer, and frees a fixed address that was set aside. */
  #concludeOffer(offer: OfferedAddress, outcome: Outcome, { sharedNetwork }: ReplyDecision, now: Instant): void {
    const record = this.#deps.table.find(offer.address);
    if (isHeld(record, now) && record.state === 'declined') {
      const event: DhcpEvent = { kind: 'dhcp.declined-back', at: now, mac: offer.mac, address: offer.address };
      this.#record([givenBack(record, now)], { reply: undefined, event, isFound: true });
    }
    this.#offers.sent(offer.address, offer.client, sharedNetwork);
    this.#turn.conclude(outcome);
  }

  #onProbed(offer: OfferedAddress, user: AddressUser | undefined, { decision, outcome, request }: Unanswered): void {
    const now = this.#deps.clock.now();
    if (user === undefined && decision.records.length === 0) this.#concludeOffer(offer, outcome, decision, now);
    else {
      if (user !== undefined) this.#noteUse(offer, user, decision, now);
      const again = { ...request, attempt: request.attempt + 1 };
      if (request.attempt >= PROBES_PER_MESSAGE_MAX) this.#turn.refuse(outcome.event, 'address-in-use', again);
      else this.#perform(decide(again.message, again.arrival, this.state(), now, again.from), again);
    }
    this.#finishTurn();
  }

  #noteUse(offer: OfferedAddress, user: AddressUser, decision: ReplyDecision, now: Instant): void {
    const { address, mac, client } = offer;
    const { subnet, interfaceName } = decision.event;
    const record = this.#deps.table.find(address);
    const use = recordOfUse(offer, record, user.isHolder, now);
    const kind = use.kind === 'dhcp.conflict' && offer.isFixed ? 'dhcp.fixed-address-used' : use.kind;
    const event: DhcpEvent = { kind, at: now, mac, address, subnet, interfaceName, usedBy: formatMac(user.mac) };
    this.#offers.drop(client, decision.sharedNetwork);
    // A client that got the address meanwhile has its ACK; it finds the conflict itself, and declines.
    const isGiven = isActive(record, now) && record.isDoubted !== true;
    if (isGiven) this.#turn.conclude({ reply: undefined, event: { ...event, kind: 'dhcp.conflict' } });
    else this.#record([use.lease], { reply: undefined, event, isFound: true });
  }

  /**
   * Appends and applies records; the outcome follows when the last, or the record it rests on
   * instead, is durable.
   */
  #record(records: readonly Lease[], outcome: Outcome, request?: Request, ack?: ReplyDecision): void {
    const { journal, table } = this.#deps;
    // All or none: an address is given up only for its replacement.
    if (journal.freeRecords < Math.max(1, records.length) || this.#waiting.isFull) {
      if (outcome.isFound === true) return;
      this.#turn.refuse(outcome.event, journal.available ? 'queue-full' : 'store-unavailable', request);
      return;
    }
    for (const lease of records) {
      table.apply(lease, journal.append(lease));
      this.#conflicts.leased(lease.address);
    }
    const lease = records.at(-1) ?? ack?.restsOn;
    if (ack !== undefined && lease !== undefined) this.#offers.drop(table.getIdentity(lease), ack.sharedNetwork);
    const sequence = table.lastPending;
    if (sequence === undefined) this.#turn.conclude(outcome);
    else this.#waiting.add(sequence, { ...outcome, lease });
  }

  #onDurable(sequence: number): void {
    const now = this.#deps.clock.now();
    for (const change of this.#deps.table.settle(sequence)) this.#deps.onLeaseChange?.({ kind: 'changed', ...change });
    for (const outcome of this.#waiting.settle(sequence)) {
      if (outcome.reply !== undefined && outcome.event.at < later(now, -REPLY_AGE_MAX_MS)) {
        this.#turn.refuse(outcome.event, 'reply-late');
      } else if (isInForce(outcome, this.#deps.table)) this.#turn.conclude(outcome);
      else this.#turn.refuse(outcome.event, 'superseded');
    }
    this.#finishTurn();
  }

  #onFailed(from: number, to: number, fault: JournalFault): void {
    const now = this.#deps.clock.now();
    this.#deps.table.rollBack(from, to, now);
    this.#reportStoreFailed(fault, now);
    for (const { event, isFound } of this.#waiting.fail(from, to))
      if (isFound !== true) this.#turn.refuse({ ...event, at: now }, 'store-unavailable');
    this.#finishTurn();
  }

  #reportStoreFailed(fault: JournalFault, now: Instant): void {
    if (this.#storeFailed) return;
    this.#storeFailed = true;
    this.#turn.conclude({ reply: undefined, event: { kind: 'dhcp.store-unavailable', at: now, ...fault } });
  }

  #onAvailable(): void {
    if (!this.#storeFailed) return;
    this.#storeFailed = false;
    this.#turn.conclude({ reply: undefined, event: { kind: 'dhcp.store-restored', at: this.#deps.clock.now() } });
    this.#finishTurn();
  }

  #finishTurn(): void {
    for (const event of this.bounds.look(this.#deps.clock.now())) this.#turn.conclude({ reply: undefined, event });
    this.#turn.finish();
  }
}
