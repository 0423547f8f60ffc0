// The running ARP probes: when each is repeated, and when silence means that the address is free.
// Pure: the socket's owner sends and receives. Sources: RFC 5227 §2.1.1.
//
//   start ─▶ send ──PROBE_INTERVAL_MS──▶ send ──PROBE_WAIT_MS──▶ free
//               └────────── hear ──────────┘─────── hear ──────▶ in use
//
// 1. A packet counts if it names the address as its sender's, or as the target of another host's
//    probe: that host wants it too.
// 2. The user is the sender of the frame, whatever the packet names (RFC 826 has one host write
//    both). Otherwise a host could answer in another host's name without a trace at the switch.
// 3. Deviates from RFC 5227 §2.1.1 (three probes, 5 to 9 s in all) because a client without an
//    answer asks again after 1 to 4 s: two probes, 400 ms in all.
// 4. At most one probe at a time for an address of an interface; at most PROBES_MAX in all.

import { ANY, type Ipv4, isHostMac, type MacAddress } from '../../ground/address.ts';
import type { Instant } from '../../ground/clock.ts';
import { later } from '../../ground/clock.ts';
import { DeadlineQueue, type QueuedItem } from '../../ground/deadline-queue.ts';
import type { ArpPacket } from './arp.ts';

const PROBE_COUNT = 2;
const PROBE_INTERVAL_MS = 150;
/** The wait after the last probe, in milliseconds: hosts answer within a few, unless their radio sleeps. */
const PROBE_WAIT_MS = 250;
export const PROBES_MAX = 512;

export interface ProbeQuestion {
  readonly id: number;
  readonly address: Ipv4;
  readonly interfaceIndex: number;
  readonly ownMac: MacAddress;
}

/** `user` is `undefined` if no host answered. */
export interface ProbeVerdict {
  readonly id: number;
  readonly user: MacAddress | undefined;
}

interface RunningProbe extends QueuedItem {
  readonly question: ProbeQuestion;
  sentCount: number;
}

/** The running probes. */
export class ArpProbes {
  readonly #runningProbes = new Map<number, RunningProbe>();
  readonly #deadlines = new DeadlineQueue<RunningProbe>();

  *listQuestions(): Generator<ProbeQuestion> {
    for (const { question } of this.#runningProbes.values()) yield question;
  }

  /** `undefined` if no probe runs. */
  get nextAt(): Instant | undefined {
    return this.#deadlines.nextAt;
  }

  /**
   * Starts a probe, whose first packet is due at once.
   * @returns false if the probe already runs, or too many probes run
   */
  start(question: ProbeQuestion, now: Instant): boolean {
    const key = encodeProbeKey(question.interfaceIndex, question.address);
    if (this.#runningProbes.size >= PROBES_MAX || this.#runningProbes.has(key)) return false;
    const probe: RunningProbe = { question, sentCount: 0, heapIndex: -1 };
    this.#runningProbes.set(key, probe);
    this.#deadlines.set(probe, now);
    return true;
  }

  /** `from` sent the frame. @returns the verdict of the probe that it ends, if any */
  hear(packet: ArpPacket, interfaceIndex: number, sender: MacAddress): ProbeVerdict | undefined {
    if (this.#runningProbes.size === 0) return undefined;
    const claimedAddress = packet.sender === ANY ? packet.target : packet.sender;
    const probe = this.#runningProbes.get(encodeProbeKey(interfaceIndex, claimedAddress));
    if (probe === undefined || !isHostMac(packet.senderMac)) return undefined;
    // Our own probe, returned by a loop in the network (RFC 5227 §2.1.1).
    if (packet.senderMac === probe.question.ownMac || sender === probe.question.ownMac) return undefined;
    return this.#end(probe, isHostMac(sender) ? sender : packet.senderMac);
  }

  /** A probe to send, or the end of an unanswered one. */
  take(now: Instant): { readonly send: ProbeQuestion } | { readonly free: ProbeVerdict } | undefined {
    const probe = this.#deadlines.takeDue(now);
    if (probe === undefined) return undefined;
    if (probe.sentCount >= PROBE_COUNT) return { free: this.#end(probe, undefined) };
    probe.sentCount += 1;
    this.#deadlines.set(probe, later(now, probe.sentCount < PROBE_COUNT ? PROBE_INTERVAL_MS : PROBE_WAIT_MS));
    return { send: probe.question };
  }

  cancel({ interfaceIndex, address }: ProbeQuestion): void {
    const probe = this.#runningProbes.get(encodeProbeKey(interfaceIndex, address));
    if (probe !== undefined) this.#end(probe, undefined);
  }

  #end(probe: RunningProbe, user: MacAddress | undefined): ProbeVerdict {
    const { id, address, interfaceIndex } = probe.question;
    this.#deadlines.set(probe, undefined);
    this.#runningProbes.delete(encodeProbeKey(interfaceIndex, address));
    return { id, user };
  }
}

/** Interface and address as one number: indexes are below 2^21. */
const encodeProbeKey = (interfaceIndex: number, address: Ipv4): number => interfaceIndex * 0x1_0000_0000 + address;
