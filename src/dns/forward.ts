// Asks the upstream servers on behalf of clients. Sans-IO: questions, datagrams and the passing of time go in, actions come out.
//
//              ask ──→ [flight] ──attempt──→ send to the first upstream
//                         │ 250 ms silent: the next upstream is asked too; after a round, all again (#attempt)
//     receive: matched ───┤ NOERROR, NXDOMAIN → finish          (#accept)
//                         │ SERVFAIL, REFUSED … → the next at once, or finish as failed when nobody is left (#failOver)
//                         │ TC → the same question over TCP, `receiveStream`
//                         │ FORMERR, NOTIMP, BADVERS with EDNS → the same server without it
//     tick ───────────────┘ 4.5 s → finish as failed
//
// Sources: RFC 1035 §4.2, §7; RFC 5452 §4, §9 (matching); RFC 6891 §6.2.2; RFC 7766 §5.
//
// 1. A reply counts only if it comes from the server asked, to the port and with the id used, both random, and repeats the question.
// 2. Whoever asks what is already being asked waits for the same answer.
// 3. Every flight ends once, at the latest FLIGHT_MS after it began, and every waiter of it is answered.
// 4. Bounded by FLIGHTS_MAX, CLIENT_WAITERS_MAX, FLIGHT_WAITERS_MAX, ATTEMPT_ROUNDS_MAX, STREAMS_MAX; at a bound the client is told
//    SERVFAIL at once.

import { type Instant, later } from '../clock.ts';
import type { Counters } from '../counters.ts';
import { DeadlineQueue, type Waiting } from '../deadline-queue.ts';
import type { Ipv4 } from '../net/address.ts';
import type { BorrowedBytes } from '../net/borrowed-bytes.ts';
import { type CacheQuestion, questionKey } from './cache.ts';
import type { DnsUpstream } from './config.ts';
import type { DnsCounter, NameReport } from './events.ts';
import { decodeMessage, encodeUpstreamQuery, FLAG, HEADER_OCTETS, type Message, RCODE, type Reply } from './message.ts';
import { CLASS_IN } from './record.ts';
import { askingOrder, type Upstream, type UpstreamConfig, UpstreamSet } from './upstream.ts';

/** Questions in flight. */
export const FLIGHTS_MAX = 4096;
/** Answers one client may wait for. */
export const CLIENT_WAITERS_MAX = 256;
/** Clients that may wait for one answer. */
export const FLIGHT_WAITERS_MAX = 256;
/** How often each upstream is asked for one flight. */
export const ATTEMPT_ROUNDS_MAX = 3;
/** Exchanges over TCP at a time. */
export const STREAMS_MAX = 64;
/** After this silence the next upstream is asked too. */
export const HEDGE_MS = 250;
/** After this silence, once all were asked, the first is asked again; twice as long the next time. */
export const RETRY_MS = 800;
/** An exchange without an answer for so long counts against its server. */
export const EXCHANGE_MS = 2000;
/** A flight ends after so long: a little before resolvers give up (5 s). */
export const FLIGHT_MS = 4500;

/** What the server is to do. `W` is whatever the server needs to answer a client. */
export type ForwardAction<W> =
  | { readonly kind: 'send'; readonly socket: number; readonly to: DnsUpstream; readonly bytes: Uint8Array }
  /** Open a TCP connection, send, and hand what comes to `receiveStream`. */
  | { readonly kind: 'stream'; readonly exchange: number; readonly to: DnsUpstream; readonly bytes: Uint8Array }
  /** Answer the waiters; without a reply, SERVFAIL. */
  | {
      readonly kind: 'finish';
      readonly question: CacheQuestion;
      readonly waiters: readonly W[];
      readonly reply: Reply | undefined;
    }
  | { readonly kind: 'report'; readonly report: NameReport };

interface Flight<W> extends Waiting {
  readonly kind: 'flight';
  readonly key: string;
  readonly question: CacheQuestion;
  readonly order: readonly Upstream[];
  readonly waiters: { readonly client: Ipv4; readonly waiter: W }[];
  attempts: number;
  outstanding: number;
  done: boolean;
  readonly endsAt: Instant;
  /** When the next upstream is asked; undefined: no more. */
  asksAt: Instant | undefined;
}

interface Exchange<W> extends Waiting {
  readonly kind: 'exchange';
  readonly key: number;
  readonly upstream: Upstream;
  readonly flight: Flight<W>;
  readonly edns: boolean;
  stream: boolean;
}

export interface ForwarderOptions {
  /** How many sockets there are to send from, each on a port that the system chose. */
  readonly sockets: number;
  /** A random number, 0 to 65535, of cryptographic quality. */
  readonly random: () => number;
  readonly counters: Counters<DnsCounter>;
}

/** The forwarding engine. */
export class Forwarder<W> {
  readonly #options: ForwarderOptions;
  readonly #flights = new Map<string, Flight<W>>();
  readonly #exchanges = new Map<number, Exchange<W>>();
  /** Flights, and exchanges until they count as unanswered. */
  readonly #deadlines = new DeadlineQueue<Flight<W> | Exchange<W>>();
  readonly #clients = new Map<Ipv4, number>();
  #upstreams = new UpstreamSet({ upstream: [] });
  #streams = 0;
  #actions: ForwardAction<W>[] = [];

  constructor(options: ForwarderOptions) {
    this.#options = options;
  }

  /** Replaces the upstreams; what is known of those that stay is kept, flights under way keep theirs. */
  configure(config: UpstreamConfig): void {
    this.#upstreams = new UpstreamSet(config, this.#upstreams);
  }

  /** True when there is an upstream for the name. */
  serves(name: string): boolean {
    return this.#upstreams.groupOf(name).length > 0;
  }

  get flights(): number {
    return this.#flights.size;
  }
  /** When `tick` is wanted next. */
  get nextDeadline(): Instant | undefined {
    return this.#deadlines.nextAt;
  }

  /** A client wants an answer. */
  ask(question: CacheQuestion, client: Ipv4, waiter: W, now: Instant): readonly ForwardAction<W>[] {
    const key = questionKey(question);
    const flight = this.#flights.get(key);
    const waiting = this.#clients.get(client) ?? 0;
    const full = flight === undefined ? this.#flights.size >= FLIGHTS_MAX : flight.waiters.length >= FLIGHT_WAITERS_MAX;
    if (full || waiting >= CLIENT_WAITERS_MAX) {
      this.#options.counters.add('overloaded');
      this.#actions.push({ kind: 'finish', question, waiters: [waiter], reply: undefined });
      const reason = waiting >= CLIENT_WAITERS_MAX ? 'one client' : 'all clients';
      this.#actions.push({ kind: 'report', report: { kind: 'dns.overloaded', address: client, reason } });
      return this.#take();
    }
    this.#clients.set(client, waiting + 1);
    if (flight !== undefined) {
      this.#options.counters.add('merged');
      flight.waiters.push({ client, waiter });
      return this.#take();
    }
    this.#begin(key, question, { client, waiter }, now);
    return this.#take();
  }

  /** A datagram came to one of the sockets. */
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
    if (exchange === undefined || exchange.stream || server?.address !== from || server.port !== fromPort) {
      this.#options.counters.add('upstream-mismatch');
      return this.#take();
    }
    this.#judge(exchange, bytes, now);
    return this.#take();
  }

  /** What came over TCP for this exchange; undefined when nothing did. */
  receiveStream(exchangeKey: number, bytes: Uint8Array | undefined, now: Instant): readonly ForwardAction<W>[] {
    const exchange = this.#exchanges.get(exchangeKey);
    if (exchange?.stream !== true) return this.#take();
    if (bytes === undefined || !this.#judge(exchange, bytes, now)) {
      this.#close(exchange);
      this.#failOver(exchange.flight, now);
    }
    return this.#take();
  }

  /** Does what is due. */
  tick(now: Instant): readonly ForwardAction<W>[] {
    for (let due = this.#deadlines.takeDue(now); due !== undefined; due = this.#deadlines.takeDue(now)) {
      if (due.kind === 'exchange') {
        this.#close(due);
        this.#options.counters.add('upstream-timeout');
        this.#tell(due.upstream.unanswered(now));
      } else if (due.asksAt !== undefined && due.asksAt < due.endsAt) this.#attempt(due, now);
      else this.#finish(due, undefined);
    }
    return this.#take();
  }

  /** Ends every flight as failed: the server closes. */
  abandon(): readonly ForwardAction<W>[] {
    for (const flight of [...this.#flights.values()]) this.#finish(flight, undefined);
    return this.#take();
  }

  #take(): readonly ForwardAction<W>[] {
    const actions = this.#actions;
    this.#actions = [];
    return actions;
  }

  #tell(report: NameReport | undefined): void {
    if (report !== undefined) this.#actions.push({ kind: 'report', report });
  }

  #begin(key: string, question: CacheQuestion, first: Flight<W>['waiters'][number], now: Instant): void {
    const order = askingOrder(this.#upstreams.groupOf(question.name));
    const flight: Flight<W> = {
      kind: 'flight',
      place: -1,
      key,
      question,
      order,
      waiters: [first],
      attempts: 0,
      outstanding: 0,
      done: false,
      endsAt: later(now, FLIGHT_MS),
      asksAt: undefined,
    };
    this.#flights.set(key, flight);
    if (order.length === 0) {
      this.#finish(flight, undefined);
      return;
    }
    this.#attempt(flight, now);
    for (const upstream of order) {
      if (upstream !== order[0] && upstream.takeProbe(now)) this.#send(flight, upstream, now);
    }
  }

  /** Asks the next upstream in turn, and sets when the one after is asked. */
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

  #send(flight: Flight<W>, upstream: Upstream, now: Instant): void {
    const key = this.#freeKey();
    if (key === undefined) return;
    const { edns } = upstream;
    const exchange: Exchange<W> = { kind: 'exchange', place: -1, key, upstream, flight, edns, stream: false };
    this.#exchanges.set(key, exchange);
    flight.outstanding += 1;
    this.#deadlines.set(exchange, later(now, EXCHANGE_MS));
    const bytes = encodeUpstreamQuery(key & 0xffff, { ...flight.question, edns });
    this.#options.counters.add('upstream-sent');
    this.#actions.push({ kind: 'send', socket: key >>> 16, to: upstream.server, bytes });
  }

  /** A random socket and id that no exchange uses: eight tries, which fail only if almost all are in use. */
  #freeKey(): number | undefined {
    const { random, sockets } = this.#options;
    for (let tries = 0; tries < 8; tries += 1) {
      const key = (random() % sockets) * 0x10000 + random();
      if (!this.#exchanges.has(key)) return key;
    }
    return undefined;
  }

  #close(exchange: Exchange<W>): void {
    if (this.#exchanges.get(exchange.key) !== exchange) return;
    this.#exchanges.delete(exchange.key);
    this.#deadlines.set(exchange, undefined);
    exchange.flight.outstanding -= 1;
    if (exchange.stream) this.#streams -= 1;
  }

  /** Looks at a reply from the right place; false when it is not the answer to what was asked. */
  #judge(exchange: Exchange<W>, bytes: BorrowedBytes, now: Instant): boolean {
    const { flight } = exchange;
    const message = decodeMessage(bytes);
    if (!message.ok) {
      this.#options.counters.add('upstream-malformed');
      // Some servers cut a truncated message within a record: what TCP says counts.
      const isCut = !exchange.stream && ((bytes[2] ?? 0) & (FLAG.TC >> 8)) !== 0;
      if (isCut) this.#askByStream(exchange, now);
      return isCut;
    }
    // A server that cannot read EDNS may not repeat the question.
    const { flags, questions, rcode } = message.value;
    const isBare = questions.length === 0 && rcode === RCODE.FORMERR && (flags & FLAG.QR) !== 0;
    if (!isBare && !isAnswerTo(message.value, flight.question, exchange.key & 0xffff)) {
      this.#options.counters.add('upstream-mismatch');
      return false;
    }
    this.#tell(exchange.upstream.answered());
    this.#accept(exchange, message.value, now);
    return true;
  }

  #accept(exchange: Exchange<W>, message: Message, now: Instant): void {
    const { flight, upstream } = exchange;
    if ((message.flags & FLAG.TC) !== 0 && !exchange.stream && !flight.done) {
      this.#askByStream(exchange, now);
      return;
    }
    this.#close(exchange);
    if (flight.done) return;
    const { rcode, answers, authority, additional } = message;
    if (rcode === RCODE.NOERROR || rcode === RCODE.NXDOMAIN) {
      this.#finish(flight, { rcode, authoritative: false, answers, authority, additional });
      return;
    }
    const knowsNoEdns = rcode === RCODE.FORMERR || rcode === RCODE.NOTIMP || rcode === RCODE.BADVERS;
    if (exchange.edns && knowsNoEdns) {
      upstream.edns = false;
      this.#send(flight, upstream, now);
    } else this.#failOver(flight, now);
  }

  #askByStream(exchange: Exchange<W>, now: Instant): void {
    if (this.#streams >= STREAMS_MAX) {
      this.#close(exchange);
      this.#failOver(exchange.flight, now);
      return;
    }
    exchange.stream = true;
    this.#streams += 1;
    this.#options.counters.add('upstream-tcp');
    this.#deadlines.set(exchange, later(now, EXCHANGE_MS));
    const question = { ...exchange.flight.question, edns: exchange.edns };
    const bytes = encodeUpstreamQuery(exchange.key & 0xffff, question);
    this.#actions.push({ kind: 'stream', exchange: exchange.key, to: exchange.upstream.server, bytes });
  }

  /** An upstream could not say: ask one that was not asked yet, else wait for those still asked, else give up. */
  #failOver(flight: Flight<W>, now: Instant): void {
    if (flight.done) return;
    if (flight.attempts < flight.order.length) this.#attempt(flight, now);
    else if (flight.outstanding === 0) this.#finish(flight, undefined);
  }

  #finish(flight: Flight<W>, reply: Reply | undefined): void {
    if (flight.done) return;
    flight.done = true;
    this.#deadlines.set(flight, undefined);
    this.#flights.delete(flight.key);
    for (const { client } of flight.waiters) {
      const waiting = (this.#clients.get(client) ?? 1) - 1;
      if (waiting === 0) this.#clients.delete(client);
      else this.#clients.set(client, waiting);
    }
    const waiters = flight.waiters.map(({ waiter }) => waiter);
    this.#actions.push({ kind: 'finish', question: flight.question, waiters, reply });
  }
}

/** RFC 5452 §9.1: a response, of this id, to exactly this question. */
function isAnswerTo(message: Message, question: CacheQuestion, id: number): boolean {
  const asked = message.questions[0];
  return (
    (message.flags & FLAG.QR) !== 0 &&
    message.id === id &&
    message.questions.length === 1 &&
    asked?.name === question.name &&
    asked.type === question.type &&
    asked.class === CLASS_IN
  );
}
