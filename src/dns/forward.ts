// Asks the upstream servers on behalf of clients. Sans-IO: questions, datagrams and the passing of
// time go in, actions come out.
//
//              ask ──→ [flight] ──attempt──→ send to the first upstream
//                         │ 250 ms without an answer: also ask the next upstream; after a round, all again (#attempt)
//     receive: matched ───┤ NOERROR, NXDOMAIN → finish          (#accept)
//                         │ SERVFAIL, REFUSED … → the next at once, or finish as failed when none is left (#failOver)
//                         │ TC → the same question over TCP, `receiveStream`
//                         │ FORMERR, NOTIMP, BADVERS with EDNS → the same server without it
//     tick ───────────────┘ 4.5 s → finish as failed
//
// Sources: RFC 1035 §4.2, §7; RFC 5452 §4, §9 (matching); RFC 6891 §6.2.2; RFC 7766 §5.
//
// 1. A reply counts only from the server asked, with the question and its random port and id. After
//    NEAR_MISSES_MAX replies with wrong ids a host is probably guessing, and the flight trusts only
//    TCP.
// 2. A client that asks a question in flight waits for the same answer.
// 3. Every flight ends once, after FLIGHT_MS at the latest, and all its waiting clients are answered.
// 4. When too many clients wait, the oldest question of the client with the most gets SERVFAIL
//    (`flights.ts`). ATTEMPT_ROUNDS_MAX and EXCHANGES_MAX bound the datagrams sent.

import type { Ipv4 } from '../ground/address.ts';
import type { BorrowedBytes } from '../ground/borrowed-bytes.ts';
import { BoundedMap } from '../ground/bounded-map.ts';
import { type Instant, later } from '../ground/clock.ts';
import type { Counters } from '../ground/counters.ts';
import { DeadlineQueue } from '../ground/deadline-queue.ts';
import { FairShares } from '../net/shares/fair-shares.ts';
import { type CacheQuestion, questionKey } from './cache.ts';
import type { DnsCounter, NameReport } from './events.ts';
import { domainSuffix, type Exchange, type Flight, Flights, STREAMS_MAX, type WaitingQuery } from './flights.ts';
import type { ForwardAction } from './forward-action.ts';
import { decodeMessage, encodeUpstreamQuery, FLAG, HEADER_OCTETS, type Message, RCODE } from './message.ts';
import type { Reply } from './reply.ts';
import { askingOrder, type Upstream, type UpstreamConfig, UpstreamSet } from './upstream.ts';
import { isAnswerTo, relevantReply, repeatedQuestion } from './upstream-reply.ts';

/** How many times one flight asks each upstream. */
export const ATTEMPT_ROUNDS_MAX = 3;
/**
 * Unanswered exchanges, even of ended flights. Many questions fill it; then the oldest exchange is
 * closed and its flight asks again. Each leaves after EXCHANGE_MS.
 */
export const EXCHANGES_MAX = 16_384;
/** After this long without an answer the next upstream is asked too. */
export const HEDGE_MS = 250;
/** How long after all upstreams the first is asked again; the wait doubles the next time. */
export const RETRY_MS = 800;
/** After this an exchange counts against its server. */
export const EXCHANGE_MS = 2000;
/**
 * Replies to a flight's question with a wrong id or on a wrong socket: few are late, more are a
 * forger's guesses. Bounds the guesses at 2^16 ids on 8 ports. Similar: `spoof-nearmiss-max` of
 * PowerDNS Recursor.
 */
export const NEAR_MISSES_MAX = 16;
/** How long a flight lasts: a little less than resolvers wait (5 s). */
export const FLIGHT_MS = 4500;

interface ForwarderOptions {
  /** How many sockets to send from, each on a port chosen by the system. */
  readonly sockets: number;
  /** A random number, 0 to 65535, of cryptographic quality. */
  readonly random: () => number;
  readonly counters: Counters<DnsCounter>;
}

export class Forwarder<W> {
  readonly #options: ForwarderOptions;
  readonly #flights = new Flights<W>();
  readonly #exchanges = new BoundedMap<number, Exchange<W>>(EXCHANGES_MAX, 'set longest ago', (exchange) =>
    this.#close(exchange),
  );
  /** The ends of flights, and of exchanges until they count as unanswered. */
  readonly #deadlines = new DeadlineQueue<Flight<W> | Exchange<W>>();
  #upstreams = new UpstreamSet({ upstream: [] });
  readonly #streams = new FairShares<Exchange<W>>({ max: STREAMS_MAX, networkKey: (suffix) => suffix });
  #actions: ForwardAction<W>[] = [];

  constructor(options: ForwarderOptions) {
    this.#options = options;
  }

  /** Replaces the upstreams. Those that stay keep their health; flights under way keep theirs. */
  configure(config: UpstreamConfig): void {
    this.#upstreams = new UpstreamSet(config, this.#upstreams);
  }

  /** True if an upstream is configured for the name. */
  serves(name: string): boolean {
    return this.#upstreams.findGroup(name).length > 0;
  }

  get exchanges(): number {
    return this.#exchanges.size;
  }
  /** When to call `tick` next. */
  get nextDeadline(): Instant | undefined {
    return this.#deadlines.nextAt;
  }

  ask(question: CacheQuestion, client: Ipv4, waiter: W, now: Instant): readonly ForwardAction<W>[] {
    const existing = this.#flights.find(question);
    const flight = existing ?? this.#newFlight(question, client, now);
    const evicted = this.#flights.join(flight, client, waiter);
    if (evicted !== undefined) this.#evict(evicted);
    if (existing !== undefined) this.#options.counters.add('merged');
    else if (flight.waiting.size > 0) this.#begin(flight, now);
    return this.#take();
  }

  /** Handles a datagram received on one of the sockets. */
  receive(
    socket: number,
    from: Ipv4,
    fromPort: number,
    bytes: BorrowedBytes,
    now: Instant,
  ): readonly ForwardAction<W>[] {
    const id = ((bytes[0] ?? 0) << 8) | (bytes[1] ?? 0);
    const exchange = bytes.length < HEADER_OCTETS ? undefined : this.#exchanges.get(socket * 0x10000 + id);
    const server = exchange?.upstream.server;
    if (
      exchange === undefined ||
      exchange.stream !== undefined ||
      server?.address !== from ||
      server.port !== fromPort
    ) {
      this.#options.counters.add('upstream-mismatch');
      const isUpstream = this.#upstreams.find(`${from}:${fromPort}`) !== undefined;
      const message = isUpstream && exchange?.stream === undefined ? decodeMessage(bytes) : undefined;
      if (message?.ok === true) this.#suspect(message.value, now);
      return this.#take();
    }
    this.#judge(exchange, bytes, now);
    return this.#take();
  }

  /** Handles the exchange's reply over TCP; `undefined` if none came. */
  receiveStream(exchangeKey: number, bytes: Uint8Array | undefined, now: Instant): readonly ForwardAction<W>[] {
    const exchange = this.#exchanges.get(exchangeKey);
    if (exchange?.stream === undefined) return this.#take();
    if (bytes === undefined || !this.#judge(exchange, bytes, now)) {
      this.#close(exchange);
      this.#failOver(exchange.flight, now);
    }
    return this.#take();
  }

  tick(now: Instant): readonly ForwardAction<W>[] {
    for (let due = this.#deadlines.takeDue(now); due !== undefined; due = this.#deadlines.takeDue(now)) {
      if (due.kind === 'exchange') {
        this.#close(due);
        this.#options.counters.add('upstream-timeout');
        this.#report(due.upstream.unanswered(due.sentAt, now));
      } else if (due.asksAt !== undefined && due.asksAt < due.endsAt) this.#attempt(due, now);
      else this.#finish(due, undefined);
    }
    return this.#take();
  }

  /** Ends every flight as failed. */
  abandon(): readonly ForwardAction<W>[] {
    for (const flight of this.#flights.all()) this.#finish(flight, undefined);
    return this.#take();
  }

  #take(): readonly ForwardAction<W>[] {
    const actions = this.#actions;
    this.#actions = [];
    return actions;
  }

  #report(report: NameReport | undefined): void {
    if (report !== undefined) this.#actions.push({ kind: 'report', report });
  }

  #newFlight(question: CacheQuestion, client: Ipv4, now: Instant): Flight<W> {
    return {
      kind: 'flight',
      heapIndex: -1,
      key: questionKey(question),
      question,
      suffix: domainSuffix(question.name),
      client,
      order: askingOrder(this.#upstreams.findGroup(question.name)),
      waiting: new Set(),
      exchanges: new Set(),
      attempts: 0,
      done: false,
      nearMisses: 0,
      endsAt: later(now, FLIGHT_MS),
      asksAt: undefined,
    };
  }

  #begin(flight: Flight<W>, now: Instant): void {
    const evicted = this.#flights.add(flight);
    if (evicted !== undefined) {
      this.#reportOverload(evicted.suffix);
      this.#drop(evicted);
    }
    const { order } = flight;
    if (order.length === 0) this.#finish(flight, undefined);
    if (flight.done) return;
    this.#attempt(flight, now);
    for (const upstream of order) {
      if (upstream !== order[0] && upstream.takeProbe(now)) this.#send(flight, upstream, now);
    }
  }

  #evict(query: WaitingQuery<W>): void {
    const { flight, client, waiter } = query;
    this.#reportOverload(flight.suffix, client);
    this.#flights.leave(query);
    this.#actions.push({ kind: 'finish', question: flight.question, waiters: [waiter], reply: undefined });
    if (flight.waiting.size === 0) this.#drop(flight);
  }

  /** Reports a full bound: the client's, else the domain's. */
  #reportOverload(suffix: string, client?: Ipv4): void {
    this.#options.counters.add('overloaded');
    const holder = client === undefined ? { name: suffix } : { address: client };
    this.#actions.push({ kind: 'report', report: { kind: 'dns.overloaded', ...holder } });
  }

  /** Ends a flight without clients and its exchanges. */
  #drop(flight: Flight<W>): void {
    for (const exchange of flight.exchanges) this.#close(exchange);
    this.#finish(flight, undefined);
  }

  /** Asks the next upstream and schedules the one after it. */
  #attempt(flight: Flight<W>, now: Instant): void {
    const count = flight.order.length;
    const upstream = flight.order[flight.attempts % count];
    flight.asksAt = undefined;
    if (upstream !== undefined && flight.attempts < count * ATTEMPT_ROUNDS_MAX) {
      flight.attempts += 1;
      this.#send(flight, upstream, now);
      const rounds = Math.floor(flight.attempts / count);
      const wait = flight.attempts % count === 0 ? RETRY_MS * rounds : HEDGE_MS;
      flight.asksAt = later(now, wait);
    }
    const { asksAt, endsAt } = flight;
    this.#deadlines.set(flight, asksAt !== undefined && asksAt < endsAt ? asksAt : endsAt);
  }

  #send(flight: Flight<W>, upstream: Upstream, now: Instant, edns = upstream.edns): void {
    const key = this.#freeKey();
    if (key === undefined) return;
    const common = { kind: 'exchange', heapIndex: -1, stream: undefined } as const;
    const exchange: Exchange<W> = { ...common, key, upstream, flight, edns, sentAt: now };
    this.#exchanges.set(key, exchange);
    flight.exchanges.add(exchange);
    this.#deadlines.set(exchange, later(now, EXCHANGE_MS));
    if (flight.nearMisses >= NEAR_MISSES_MAX) {
      this.#askByStream(exchange, now);
      return;
    }
    const bytes = encodeUpstreamQuery(key & 0xffff, { ...flight.question, edns });
    this.#options.counters.add('upstream-sent');
    this.#actions.push({ kind: 'send', socket: key >>> 16, to: upstream.server, bytes });
  }

  /** A random free socket and id; eight tries, which fail only if almost all are in use. */
  #freeKey(): number | undefined {
    const { random, sockets } = this.#options;
    for (let tries = 0; tries < 8; tries += 1) {
      const key = (random() % sockets) * 0x10000 + random();
      if (!this.#exchanges.has(key)) return key;
    }
    return undefined;
  }

  #close(exchange: Exchange<W>): void {
    if (!exchange.flight.exchanges.delete(exchange)) return;
    this.#exchanges.delete(exchange.key);
    this.#deadlines.set(exchange, undefined);
    if (exchange.stream === undefined) return;
    this.#streams.release(exchange.stream);
    this.#actions.push({ kind: 'close-stream', exchange: exchange.key });
  }

  /** Judges a reply from the right server and socket; false if it answers another question. */
  #judge(exchange: Exchange<W>, bytes: BorrowedBytes, now: Instant): boolean {
    const { flight } = exchange;
    const message = decodeMessage(bytes);
    if (!message.ok) {
      this.#options.counters.add('upstream-malformed');
      // Some servers cut within a record, so TC counts even in a malformed message.
      const isCut = exchange.stream === undefined && ((bytes[2] ?? 0) & (FLAG.TC >> 8)) !== 0;
      if (isCut) this.#askByStream(exchange, now);
      return isCut;
    }
    // A server that cannot read EDNS may not repeat the question.
    const { flags, questions, rcode } = message.value;
    const isBare = questions.length === 0 && rcode === RCODE.FORMERR && (flags & FLAG.QR) !== 0;
    if (!isBare && !isAnswerTo(message.value, flight.question, exchange.key & 0xffff)) {
      this.#options.counters.add('upstream-mismatch');
      this.#suspect(message.value, now);
      return false;
    }
    this.#report(exchange.upstream.answered(now));
    this.#accept(exchange, message.value, now);
    return true;
  }

  /** Counts a reply that matches no exchange but a question in flight: a guess, or late. */
  #suspect(message: Message, now: Instant): void {
    const question = repeatedQuestion(message);
    if (question === undefined) return;
    for (const dnssecOk of [false, true]) {
      for (const checkingDisabled of [false, true]) {
        const flight = this.#flights.find({ name: question.name, type: question.type, dnssecOk, checkingDisabled });
        if (flight === undefined) continue;
        flight.nearMisses += 1;
        if (flight.nearMisses === NEAR_MISSES_MAX) this.#distrust(flight, now);
      }
    }
  }

  /** Moves a flight to TCP: one upstream now, the others when they would have been asked. */
  #distrust(flight: Flight<W>, now: Instant): void {
    this.#options.counters.add('upstream-forged');
    const [first, ...others] = [...flight.exchanges].filter(({ stream }) => stream === undefined);
    for (const exchange of others) this.#close(exchange);
    const address = first?.upstream.server.address;
    this.#report({
      kind: 'dns.answers-forged',
      name: flight.question.name,
      ...(address === undefined ? {} : { address }),
    });
    if (first !== undefined) this.#askByStream(first, now);
  }

  #accept(exchange: Exchange<W>, message: Message, now: Instant): void {
    const { flight, upstream } = exchange;
    if ((message.flags & FLAG.TC) !== 0 && exchange.stream === undefined && !flight.done) {
      this.#askByStream(exchange, now);
      return;
    }
    this.#close(exchange);
    if (flight.done) return;
    const { rcode } = message;
    if (rcode === RCODE.NOERROR || rcode === RCODE.NXDOMAIN) {
      // Only now is it certain that the server rejected EDNS, not the question.
      if (!exchange.edns) upstream.edns = false;
      this.#finish(flight, relevantReply(flight.question, message));
      return;
    }
    const rejectsEdns = rcode === RCODE.FORMERR || rcode === RCODE.NOTIMP || rcode === RCODE.BADVERS;
    if (exchange.edns && rejectsEdns) {
      this.#send(flight, upstream, now, false);
    } else this.#failOver(flight, now);
  }

  #askByStream(exchange: Exchange<W>, now: Instant): void {
    const admission = this.#streams.admit(exchange.flight.suffix, exchange);
    if (admission.kind === 'refused') {
      this.#close(exchange);
      this.#failOver(exchange.flight, now);
      return;
    }
    exchange.stream = admission.place;
    this.#streams.touch(admission.place, true);
    if (admission.evicted !== undefined) {
      this.#options.counters.add('overloaded');
      this.#close(admission.evicted);
      this.#failOver(admission.evicted.flight, now);
    }
    this.#options.counters.add('upstream-tcp');
    this.#deadlines.set(exchange, later(now, EXCHANGE_MS));
    const question = { ...exchange.flight.question, edns: exchange.edns };
    const bytes = encodeUpstreamQuery(exchange.key & 0xffff, question);
    this.#actions.push({ kind: 'stream', exchange: exchange.key, to: exchange.upstream.server, bytes });
  }

  /** An upstream failed: ask the next not asked yet, else wait for pending exchanges, else give up. */
  #failOver(flight: Flight<W>, now: Instant): void {
    if (flight.done) return;
    if (flight.attempts < flight.order.length) this.#attempt(flight, now);
    else if (flight.exchanges.size === 0) this.#finish(flight, undefined);
  }

  #finish(flight: Flight<W>, reply: Reply | undefined): void {
    if (flight.done) return;
    flight.done = true;
    this.#deadlines.set(flight, undefined);
    this.#flights.remove(flight);
    const waiters = Array.from(flight.waiting, ({ waiter }) => waiter);
    if (waiters.length > 0) this.#actions.push({ kind: 'finish', question: flight.question, waiters, reply });
  }
}
