// The forwarder in virtual time, with functions for upstreams.

import type { DnsUpstream } from '../../src/dns/config.ts';
import { DNS_COUNTERS } from '../../src/dns/events.ts';
import { Forwarder } from '../../src/dns/forward.ts';
import type { ForwardAction } from '../../src/dns/forward-action.ts';
import type { Reply } from '../../src/dns/reply.ts';
import type { UpstreamConfig } from '../../src/dns/upstream.ts';
import type { Ipv4 } from '../../src/ground/address.ts';
import { type Instant, instant, later } from '../../src/ground/clock.ts';
import { Counters } from '../../src/ground/counters.ts';
import { DeadlineQueue } from '../../src/ground/deadline-queue.ts';
import { ip } from '../support/lab-facts.ts';
import { seededRandom } from '../support/seeded-random.ts';
import { record, replyTo } from './fixture.ts';

export const ONE: DnsUpstream = { address: ip('192.0.2.1'), port: 53 };
export const TWO: DnsUpstream = { address: ip('192.0.2.2'), port: 53 };
export const CLIENT = ip('10.20.0.50');

/** An upstream's reaction to a question: none, or a reply after some milliseconds. */
export type Behaviour = (
  query: Uint8Array,
  at: Instant,
  tcp: boolean,
) => { bytes: Uint8Array; afterMs: number } | undefined;

export const silent: Behaviour = () => undefined;
export const good =
  (afterMs: number, address = '192.0.2.80'): Behaviour =>
  (query) => ({ bytes: replyTo(query, 0, { answers: [record('www.example.com', 'A', address)] }), afterMs });
export const failing =
  (rcode: number, afterMs = 5): Behaviour =>
  (query) => ({ bytes: replyTo(query, rcode, {}), afterMs });

export interface Finished {
  readonly waiter: string;
  readonly atMs: number;
  readonly reply: Reply | undefined;
}

/** The forwarder in a network with virtual time. */
export class Simulation {
  readonly counters = new Counters(DNS_COUNTERS);
  readonly finished: Finished[] = [];
  readonly sent: {
    readonly to: DnsUpstream;
    readonly atMs: number;
    readonly bytes: Uint8Array;
    readonly socket: number;
  }[] = [];
  readonly reports: string[] = [];
  readonly forwarder: Forwarder<string>;
  readonly #behaviours = new Map<Ipv4, Behaviour>();
  readonly #deliveries = new DeadlineQueue<{
    heapIndex: number;
    readonly deliver: () => readonly ForwardAction<string>[];
  }>();
  readonly #open = new Set<number>();
  #now = instant(0);

  constructor(config: UpstreamConfig, behaviours: readonly [DnsUpstream, Behaviour][], random = seededRandom(1)) {
    this.forwarder = new Forwarder({
      sockets: 8,
      random: () => Math.floor(random() * 65536),
      counters: this.counters,
    });
    this.forwarder.configure(config);
    for (const [upstream, behaviour] of behaviours) this.behave(upstream, behaviour);
  }

  /** Open connections to upstreams. */
  get streams(): number {
    return this.#open.size;
  }

  get now(): Instant {
    return this.#now;
  }

  behave(upstream: DnsUpstream, behaviour: Behaviour): void {
    this.#behaviours.set(upstream.address, behaviour);
  }

  ask(name = 'www.example.com', waiter = 'w', client: Ipv4 = CLIENT): void {
    const question = { name, type: 1, dnssecOk: false, checkingDisabled: false };
    this.#perform(this.forwarder.ask(question, client, waiter, this.#now));
  }

  /** Delivers a datagram that no upstream sent. */
  inject(socket: number, from: DnsUpstream, bytes: Uint8Array): void {
    this.#perform(this.forwarder.receive(socket, from.address, from.port, bytes, this.#now));
  }

  run(ms: number): this {
    const end = later(this.#now, ms);
    for (;;) {
      const deadline = this.forwarder.nextDeadline ?? end;
      const delivery = this.#deliveries.nextAt ?? end;
      const next = Math.min(deadline, delivery);
      if (next > end || (this.forwarder.nextDeadline === undefined && this.#deliveries.nextAt === undefined)) break;
      this.#now = instant(Math.max(next, this.#now));
      if (delivery <= deadline) this.#perform(this.#deliveries.takeDue(this.#now)?.deliver() ?? []);
      else this.#perform(this.forwarder.tick(this.#now));
      if (next === end) break;
    }
    this.#now = end;
    return this;
  }

  #perform(actions: readonly ForwardAction<string>[]): void {
    for (const action of actions) {
      if (action.kind === 'finish') {
        for (const waiter of action.waiters) this.finished.push({ waiter, atMs: this.#now, reply: action.reply });
      } else if (action.kind === 'report') this.reports.push(action.report.kind);
      else if (action.kind === 'close-stream') this.#open.delete(action.exchange);
      else this.#carry(action);
    }
  }

  #carry(action: Extract<ForwardAction<string>, { kind: 'send' | 'stream' }>): void {
    const { to, bytes } = action;
    const tcp = action.kind === 'stream';
    if (action.kind === 'stream') this.#open.add(action.exchange);
    if (!tcp) this.sent.push({ to, atMs: this.#now, bytes, socket: action.socket });
    const said = (this.#behaviours.get(to.address) ?? silent)(bytes, this.#now, tcp);
    if (said === undefined) return;
    const deliver = () =>
      tcp
        ? this.forwarder.receiveStream(action.exchange, said.bytes, this.#now)
        : this.forwarder.receive(action.socket, to.address, to.port, said.bytes, this.#now);
    this.#deliveries.set({ heapIndex: -1, deliver }, later(this.#now, said.afterMs));
  }
}
