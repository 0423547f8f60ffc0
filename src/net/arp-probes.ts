// The probes that run: which address is asked for on which interface, when it is asked again, and what the silence says. Pure: the
// socket's owner sends what is told here and hands over what it hears. Sources: RFC 5227 §2.1.1.
//
//   start ─▶ send ──PROBE_INTERVAL_MS──▶ send ──PROBE_WAIT_MS──▶ nobody uses it
//               └────────── hear ──────────┘─────── hear ──────▶ somebody does
//
// 1. A packet counts that names the address as its sender's, or as the target of another host's probe: that host wants it, too.
// 2. Who answers is who put the frame on the wire, also where the packet in it names another host as its sender (RFC 826 has one host write
//    both): else anybody could answer in another's name without a trace at the switch.
// 3. Deviates from RFC 5227 §2.1.1 (three probes, 5 to 9 s in all) because a client that has no answer asks again after 1 to 4 s:
//    two probes and PROBE_MS in all.
// 4. One probe for an address of an interface at a time; at most PROBES_MAX.

import type { Instant } from '../clock.ts';
import { later } from '../clock.ts';
import { DeadlineQueue, type Waiting } from '../deadline-queue.ts';
import { ANY, type Ipv4, isHostMac, type MacAddress } from './address.ts';
import type { ArpPacket } from './arp.ts';

const PROBE_COUNT = 2;
const PROBE_INTERVAL_MS = 150;
/** After the last probe: hosts answer within a few milliseconds, unless their radio sleeps. */
const PROBE_WAIT_MS = 250;
/** How long a probe takes when nobody answers, in milliseconds. */
export const PROBE_MS: number = (PROBE_COUNT - 1) * PROBE_INTERVAL_MS + PROBE_WAIT_MS;
/** The most probes at a time. */
export const PROBES_MAX = 512;

/** What is asked: about which address, out of which interface, in whose name. */
export interface ProbeQuestion {
  /** The asker's own number for it. */
  readonly id: number;
  readonly address: Ipv4;
  readonly interfaceIndex: number;
  /** The interface's own hardware address. */
  readonly own: MacAddress;
}

/** How a probe ended; `user` undefined: nobody answered. */
export interface ProbeVerdict {
  readonly id: number;
  readonly user: MacAddress | undefined;
}

interface Running extends Waiting {
  readonly question: ProbeQuestion;
  sent: number;
}

/** The probes that run. */
export class ArpProbes {
  readonly #running = new Map<number, Running>();
  readonly #deadlines = new DeadlineQueue<Running>();

  get size(): number {
    return this.#running.size;
  }

  /** What is asked at present. */
  *questions(): Generator<ProbeQuestion> {
    for (const { question } of this.#running.values()) yield question;
  }

  /** When `take` has something to do; undefined: no probe runs. */
  get nextAt(): Instant | undefined {
    return this.#deadlines.nextAt;
  }

  /** Begins a probe, whose first packet is due at once. @returns false: it runs already, or there are too many */
  start(question: ProbeQuestion, now: Instant): boolean {
    const key = keyOf(question.interfaceIndex, question.address);
    if (this.#running.size >= PROBES_MAX || this.#running.has(key)) return false;
    const running: Running = { question, sent: 0, place: -1 };
    this.#running.set(key, running);
    this.#deadlines.set(running, now);
    return true;
  }

  /** Takes note of a packet that arrived, in a frame of `from`. @returns the probe that it ends, or undefined */
  hear(packet: ArpPacket, interfaceIndex: number, from: MacAddress): ProbeVerdict | undefined {
    if (this.#running.size === 0) return undefined;
    const named = packet.sender === ANY ? packet.target : packet.sender;
    const running = this.#running.get(keyOf(interfaceIndex, named));
    if (running === undefined || !isHostMac(packet.senderMac)) return undefined;
    // Our own probe, come back by a loop in the wire (RFC 5227 §2.1.1).
    if (packet.senderMac === running.question.own || from === running.question.own) return undefined;
    return this.#end(running, isHostMac(from) ? from : packet.senderMac);
  }

  /** Takes out one thing that is due: a probe to send, or the end of one that nobody answered. */
  take(now: Instant): { readonly send: ProbeQuestion } | { readonly free: ProbeVerdict } | undefined {
    const running = this.#deadlines.takeDue(now);
    if (running === undefined) return undefined;
    if (running.sent >= PROBE_COUNT) return { free: this.#end(running, undefined) };
    running.sent += 1;
    this.#deadlines.set(running, later(now, running.sent < PROBE_COUNT ? PROBE_INTERVAL_MS : PROBE_WAIT_MS));
    return { send: running.question };
  }

  /** Ends a probe that cannot be made. */
  cancel({ interfaceIndex, address }: ProbeQuestion): void {
    const running = this.#running.get(keyOf(interfaceIndex, address));
    if (running !== undefined) this.#end(running, undefined);
  }

  #end(running: Running, user: MacAddress | undefined): ProbeVerdict {
    const { id, address, interfaceIndex } = running.question;
    this.#deadlines.set(running, undefined);
    this.#running.delete(keyOf(interfaceIndex, address));
    return { id, user };
  }
}

/** An interface and an address as one number: indexes are below 2^21. */
const keyOf = (interfaceIndex: number, address: Ipv4): number => interfaceIndex * 0x1_0000_0000 + address;
