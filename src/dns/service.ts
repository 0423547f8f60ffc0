// Answers a question's octets with a reply's: from own names, the cache or the upstreams. Opens nothing.
//
//   handle ─┬─ reply at once (own names, cache, refusals) ──────────────────→ octets
//           ├─ no reply (too short, or itself a response) ──────────────→ undefined
//           └─ Pending ── forward ── Forwarder ── … ── deliver(octets), once
//
// 1. Each forwarded Pending is delivered exactly once, within FLIGHT_MS.
// 2. Every refusal and overload is counted; their events are published at most once every SAMPLE_MS.

import type { Ipv4 } from '../ground/address.ts';
import type { BorrowedBytes } from '../ground/borrowed-bytes.ts';
import type { Clock, Instant } from '../ground/clock.ts';
import { Counters } from '../ground/counters.ts';
import { Alarm } from '../ground/deadline-queue.ts';
import type { Publish } from '../ground/event.ts';
import { EventSampler, type Rate } from '../ground/rate-limit.ts';
import { AddressRates } from '../net/shares/address-rates.ts';
import { type AnswerFacts, answerQuery } from './answer.ts';
import { AnswerCache, type CacheQuestion, questionKey } from './cache.ts';
import type { DnsConfig, DnsUpstream } from './config.ts';
import { DNS_COUNTERS, type DnsEvent, type NameReport } from './events.ts';
import { Forwarder } from './forward.ts';
import type { ForwardAction } from './forward-action.ts';
import { LocalZones } from './local-zones.ts';
import { FLAG, type Query, RCODE, receiveQuery, TCP_OCTETS_MAX } from './message.ts';
import type { Names } from './names.ts';
import type { DnsRecord } from './record.ts';
import { bareReply, emptyReplyOctets, encodeReply, type Reply, udpLimit } from './reply.ts';
import { withoutSelf } from './self-upstream.ts';
import { UPSTREAM_SOCKETS } from './upstream-sockets.ts';
import { Zones } from './zones.ts';

// Limits large UDP answers, against amplification with forged source addresses.
//
// Answers of at most LARGE_FACTOR times their question always go out. A larger one costs a permit
// of its address and one of its network. Without either it goes out empty with TC set: a real
// client asks again over TCP (RFC 7766 §5), whose source cannot be forged. BIND and Knot do the
// same ("slip").

/** How many times its question's octets make an answer large. */
export const LARGE_FACTOR = 8;
/**
 * Large answers to one address. A host that forges the address uses them up; the address then gets
 * them over TCP. Refills with time.
 */
export const LARGE_ANSWERS: Rate = { perSecond: 50, burst: 200 };
/** Large answers to a /24: forging all its addresses yields no more than eight would. */
export const NETWORK_LARGE_ANSWERS: Rate = { perSecond: 400, burst: 1600 };
/**
 * Addresses with their own buckets. Forged sources fill it; others then share one. Each leaves when
 * its bucket is full.
 */
export const ADDRESSES_MAX = 4096;
/** Networks with buckets of their own; otherwise like ADDRESSES_MAX. */
export const NETWORKS_MAX = 1024;

export class LargeAnswers {
  readonly #rates = new AddressRates(LARGE_ANSWERS, NETWORK_LARGE_ANSWERS, ADDRESSES_MAX, NETWORKS_MAX);

  allows(client: Ipv4, octets: number, askedOctets: number, now: Instant): boolean {
    return octets <= askedOctets * LARGE_FACTOR || this.#rates.allows(client, now);
  }
}

/** The least time between two events of a kind that clients can cause, in milliseconds. */
export const SAMPLE_MS = 10_000;
const SAMPLED: ReadonlySet<string> = new Set(['dns.refused', 'dns.overloaded', 'dns.answers-forged']);
const RANDOM_POOL_OCTETS = 512;

interface Pending {
  readonly query: Query;
  readonly question: CacheQuestion;
  /** The aliases that led out of our zones. */
  readonly chain: readonly DnsRecord[];
  readonly limitOctets: number;
  /** For UDP; `undefined` for TCP, whose source cannot be forged. */
  readonly forgeable: Forgeable | undefined;
}

/** A datagram's claimed sender, and its question's octets. */
interface Forgeable {
  readonly client: Ipv4;
  readonly askedOctets: number;
}

interface UpstreamPort {
  /** Sends a datagram from one of the UPSTREAM_SOCKETS sockets. */
  send(socket: number, to: DnsUpstream, bytes: Uint8Array): void;
  /** Asks over TCP; the reply goes to `receiveStream`. */
  stream(exchange: number, to: DnsUpstream, bytes: Uint8Array): void;
  /** Closes an exchange's connection; nothing more of it is passed on. */
  closeStream(exchange: number): void;
}

interface DnsServiceDeps {
  readonly clock: Clock;
  readonly publish: Publish;
  readonly names: Names;
  readonly upstream: UpstreamPort;
}

/** The recipient of a reply. */
type Addressee = Pick<Pending, 'query' | 'limitOctets' | 'forgeable'>;

interface Waiter {
  readonly pending: Pending;
  readonly deliver: (bytes: Uint8Array) => void;
}

export class DnsService {
  readonly counters = new Counters(DNS_COUNTERS);
  readonly #deps: DnsServiceDeps;
  readonly #cache = new AnswerCache();
  readonly #forwarder: Forwarder<Waiter>;
  readonly #sampler = new EventSampler({ perSecond: 1000 / SAMPLE_MS, burst: 1 });
  #facts: AnswerFacts;
  #upstreamText = '';
  #recursion = false;
  readonly #alarm: Alarm;
  readonly #large = new LargeAnswers();
  #random: Uint8Array = new Uint8Array(0);
  #randomAt = 0;

  constructor(deps: DnsServiceDeps) {
    this.#deps = deps;
    this.#alarm = new Alarm(deps.clock, () => this.#tick());
    const none = { domains: [], reverseNetworks: [], generated: [], selfName: 'localhost' };
    this.#facts = { zones: new Zones(none), localZones: new LocalZones(), names: deps.names, clients: [] };
    const random = (): number => this.#random16();
    this.#forwarder = new Forwarder({ sockets: UPSTREAM_SOCKETS, random, counters: this.counters });
  }

  configure(config: DnsConfig): void {
    const { names } = this.#deps;
    const localZones = new LocalZones(config.forwardZones);
    this.#facts = { zones: new Zones(config), localZones, names, clients: config.clients };
    names.setRack(config.selfName, config.domains, config.selfAddresses);
    names.setRecords(config.records);
    // The rack must never ask itself, even if the configuration says so.
    const upstreams = withoutSelf(config);
    const upstreamText = JSON.stringify(upstreams);
    if (upstreamText === this.#upstreamText) return;
    this.#upstreamText = upstreamText;
    this.#recursion = upstreams.upstream.length > 0 || upstreams.forwardZones.length > 0;
    this.#forwarder.configure(upstreams);
    this.#cache.clear();
  }

  get cached(): number {
    return this.#cache.size;
  }

  /** Answers a message at once, if possible, without keeping its octets. */
  handle(bytes: BorrowedBytes, client: Ipv4, transport: 'udp' | 'tcp'): Uint8Array | Pending | undefined {
    this.counters.add(transport === 'udp' ? 'queries-udp' : 'queries-tcp');
    const received = receiveQuery(bytes);
    if (received.kind === 'ignore') {
      this.counters.add(received.reason === 'short' ? 'ignored-short' : 'ignored-response');
      return undefined;
    }
    if (received.kind === 'reject') {
      this.counters.add(received.rcode === RCODE.NOTIMP ? 'not-implemented' : 'format-error');
      return received.bytes;
    }
    const { query } = received;
    const limitOctets = transport === 'udp' ? udpLimit(query) : TCP_OCTETS_MAX;
    const forgeable = transport === 'udp' ? { client, askedOctets: bytes.length } : undefined;
    const answer = answerQuery(query, client, this.#facts);
    if (answer.kind === 'reply') {
      if (answer.from === 'stranger') this.#refused(client);
      else this.counters.add(answer.from === 'own' ? 'answered-own' : 'refused-policy');
      return this.#encode({ query, limitOctets, forgeable }, answer.reply, 0, answer.from !== 'stranger');
    }
    const { chain, name } = answer;
    const dnssecOk = query.edns?.dnssecOk ?? false;
    const question = { name, type: query.question.type, dnssecOk, checkingDisabled: query.checkingDisabled };
    const pending: Pending = { query, question, chain, limitOctets, forgeable };
    return this.#fromCache(pending);
  }

  #fromCache(pending: Pending): Uint8Array | Pending {
    const { chain, question } = pending;
    if (!this.#forwarder.serves(question.name)) {
      // No upstream: reply with our own aliases if any, else refuse.
      this.counters.add(chain.length > 0 ? 'answered-own' : 'refused-policy');
      const reply = { ...bareReply(chain.length > 0 ? RCODE.NOERROR : RCODE.REFUSED), answers: chain };
      return this.#encode(pending, { ...reply, authoritative: chain.length > 0 }, 0, false);
    }
    const cached = this.#cache.get(questionKey(question), this.#deps.clock.now());
    if (cached === undefined) return pending;
    this.counters.add('answered-cache');
    return this.#encode(pending, withChain(chain, cached.reply), cached.ageSeconds, true);
  }

  /** Asks the upstreams; calls `deliver` once with the octets to send. */
  forward(pending: Pending, client: Ipv4, deliver: (bytes: Uint8Array) => void): void {
    const now = this.#deps.clock.now();
    this.#perform(this.#forwarder.ask(pending.question, client, { pending, deliver }, now), now);
  }

  receive(socket: number, from: Ipv4, fromPort: number, bytes: BorrowedBytes): void {
    const now = this.#deps.clock.now();
    this.#perform(this.#forwarder.receive(socket, from, fromPort, bytes, now), now);
  }

  /** Handles an exchange's reply over TCP; `undefined` if it failed or ended. */
  receiveStream(exchange: number, bytes: Uint8Array | undefined): void {
    const now = this.#deps.clock.now();
    this.#perform(this.#forwarder.receiveStream(exchange, bytes, now), now);
  }

  /** Answers all waiting clients with SERVFAIL. */
  close(): void {
    const now = this.#deps.clock.now();
    this.#perform(this.#forwarder.abandon(), now);
    this.#alarm.cancel();
  }

  #perform(actions: readonly ForwardAction<Waiter>[], now: Instant): void {
    for (const action of actions) {
      switch (action.kind) {
        case 'send':
          this.#deps.upstream.send(action.socket, action.to, action.bytes);
          break;
        case 'stream':
          this.#deps.upstream.stream(action.exchange, action.to, action.bytes);
          break;
        case 'close-stream':
          this.#deps.upstream.closeStream(action.exchange);
          break;
        case 'finish':
          if (action.reply !== undefined) this.#cache.put(questionKey(action.question), action.reply, now);
          for (const { pending, deliver } of action.waiters) deliver(this.#upstreamReply(pending, action.reply));
          break;
        case 'report':
          this.#report(action.report, now);
          break;
      }
    }
    this.#alarm.expect(this.#forwarder.nextDeadline);
  }

  #upstreamReply(pending: Pending, reply: Reply | undefined): Uint8Array {
    const { chain } = pending;
    if (reply === undefined) return this.#encode(pending, bareReply(RCODE.SERVFAIL), 0, true);
    this.counters.add('answered-upstream');
    return this.#encode(pending, withChain(chain, reply), 0, true);
  }

  #encode(to: Addressee, reply: Reply, ageSeconds: number, recursion: boolean): Uint8Array {
    const { query, limitOctets, forgeable } = to;
    if (reply.rcode === RCODE.NXDOMAIN) this.counters.add('name-error');
    else if (reply.rcode === RCODE.SERVFAIL) this.counters.add('server-failure');
    else if (reply.rcode === RCODE.BADVERS) this.counters.add('bad-version');
    else if (reply.rcode === RCODE.NOERROR && reply.answers.length === 0) this.counters.add('no-data');
    const form = { limitOctets, recursionAvailable: recursion && this.#recursion, ageSeconds };
    let bytes = encodeReply(query, reply, form);
    if (forgeable !== undefined && bytes.length > forgeable.askedOctets * LARGE_FACTOR) {
      const now = this.#deps.clock.now();
      if (!this.#large.allows(forgeable.client, bytes.length, forgeable.askedOctets, now)) {
        this.counters.add('cut-large');
        bytes = encodeReply(query, reply, { ...form, limitOctets: emptyReplyOctets(query) });
      }
    }
    if (((bytes[2] ?? 0) & (FLAG.TC >>> 8)) !== 0) this.counters.add('truncated');
    return bytes;
  }

  #tick(): void {
    const now = this.#deps.clock.now();
    this.#perform(this.#forwarder.tick(now), now);
  }

  #refused(client: Ipv4): void {
    this.counters.add('refused-stranger');
    this.#report({ kind: 'dns.refused', address: client }, this.#deps.clock.now());
  }

  /** Publishes an event; kinds that clients can cause are sampled, with a count. */
  #report(report: NameReport, now: Instant): void {
    if (!SAMPLED.has(report.kind)) {
      this.#publish({ ...report, at: now });
      return;
    }
    const sample = this.#sampler.take(report.kind, now);
    if (sample !== undefined) this.#publish({ ...report, at: now, ...sample });
  }

  #publish(event: DnsEvent): void {
    this.#deps.publish(event);
  }

  #random16(): number {
    if (this.#randomAt + 2 > this.#random.length) {
      this.#random = this.#deps.clock.randomBytes(RANDOM_POOL_OCTETS);
      this.#randomAt = 0;
    }
    const value = ((this.#random[this.#randomAt] ?? 0) << 8) | (this.#random[this.#randomAt + 1] ?? 0);
    this.#randomAt += 2;
    return value;
  }
}

function withChain(chain: readonly DnsRecord[], reply: Reply): Reply {
  return chain.length === 0 ? reply : { ...reply, authoritative: true, answers: [...chain, ...reply.answers] };
}
