// One phase of a DHCP load: a number of clients at a time, for a given time.
//
//   slot: idle ─ DISCOVER ─ OFFER checked ─ REQUEST ─ ACK checked ─ next client, until the time is over
//
// 1. Every answer is checked: xid, hardware address, type, the ACK's address against the OFFER's; a wrong one ends the load.
// 2. Exchanges that began in time are finished, or given up FINISH_MS_MAX later; the phase lasts until its last ACK, so that a slow
//    server's queue counts too.
// 3. A warm-up ends as soon as the rate stops growing: a just-in-time compiler has then done its work.
// 4. A server answers in the order of the questions: an exchange is lost when others sent LOST_MS later have been answered, or when
//    nothing has arrived for `silenceMs`. Nothing is sent again.

import type { Ipv4 } from '../src/ground/address.ts';
import { copyBytes } from '../src/ground/borrowed-bytes.ts';
import { sleep, systemClock } from '../src/ground/clock.ts';
import type { DatagramSocket, OutgoingDatagram, ReceivedDatagram } from '../src/net/datagrams/datagram.ts';
import {
  type Answer,
  readAnswer,
  SLOTS_MAX,
  Slot,
  TYPE,
  writeDiscover,
  writeRenewal,
  writeRequest,
} from './dhcp-client.ts';
import type { Clients } from './dhcp-clients.ts';

const LOST_MS = 1000;
const FINISH_MS_MAX = 12_000;
const LOOK_MS = 100;
/** The resolution at which the course of a phase is recorded. */
export const WINDOW_MS = 250;
/** A phase is not called steady before; within, a server that compiles may well slow down for a while. */
const STEADY_WINDOWS_MIN = 12;
/** So many windows are compared with as many before them. */
const COMPARED_WINDOWS = 4;
const GROWTH_MAX = 1.05;

/** The task of a phase. */
export interface Part {
  readonly kind: 'lease' | 'renew';
  readonly inFlight: number;
  readonly ms: number;
  /** The most exchanges; undefined: as many as the time allows. */
  readonly count?: number | undefined;
  /** The name of its figures; undefined: a warm-up, which has none. */
  readonly label?: string | undefined;
  /** Record the rate of the last quarter too. */
  readonly lasting?: boolean | undefined;
  /** End before `ms` are over, once `isSteady`. */
  readonly untilSteady?: boolean | undefined;
}

/** The socket of a phase, and its timing. */
export interface Surroundings {
  readonly socket: () => DatagramSocket;
  readonly clients: Clients;
  readonly server: Ipv4;
  readonly relay: Ipv4;
  /** Whether a server may refuse its own offers: a known fault, which is counted. Otherwise a refusal is an error. */
  readonly naksAllowed: boolean;
  readonly silenceMs: number;
}

export interface PhaseResult {
  /** From the first datagram to the last ACK, or to the end where there was none. */
  readonly seconds: number;
  readonly done: number;
  readonly lost: number;
  readonly naks: number;
  /** From DISCOVER to OFFER, from REQUEST to ACK, and all of an exchange. */
  readonly offerMs: readonly number[];
  readonly ackMs: readonly number[];
  readonly wholeMs: readonly number[];
  /** Exchanges done in each WINDOW_MS. */
  readonly perWindow: readonly number[];
}

let serial = 0;

/** Whether the rate has stopped growing, by the count of each window so far. */
export function isSteady(perWindow: readonly number[]): boolean {
  if (perWindow.length < STEADY_WINDOWS_MIN) return false;
  const sum = (counts: readonly number[]): number => counts.reduce((a, b) => a + b, 0);
  const before = sum(perWindow.slice(-2 * COMPARED_WINDOWS, -COMPARED_WINDOWS));
  return sum(perWindow.slice(-COMPARED_WINDOWS)) <= before * GROWTH_MAX;
}

export class Phase {
  readonly #part: Part;
  readonly #around: Surroundings;
  readonly #slots: readonly Slot[];
  readonly #offerMs: number[] = [];
  readonly #ackMs: number[] = [];
  readonly #wholeMs: number[] = [];
  readonly #perWindow: number[] = [];
  readonly #finished = Promise.withResolvers<void>();
  /** When no more is begun, from the start on. */
  #ms: number;
  #begun = 0;
  #done = 0;
  #lost = 0;
  #naks = 0;
  #active = 0;
  #startedAt = 0;
  #lastAckAt = 0;
  #heardAt = 0;
  /** When the latest datagram was sent that has been answered. */
  #answeredSentAt = 0;

  constructor(part: Part, around: Surroundings) {
    this.#part = part;
    this.#around = around;
    this.#ms = part.ms;
    this.#slots = Array.from({ length: part.inFlight }, () => new Slot());
  }

  async run(): Promise<PhaseResult> {
    const out: OutgoingDatagram[] = [];
    this.#startedAt = systemClock.now();
    this.#heardAt = this.#startedAt;
    for (let index = 0; index < this.#slots.length; index += 1) this.#begin(index, this.#startedAt, out);
    if (this.#active === 0) throw new Error(`no client is there to ${this.#part.kind}`);
    this.#around.socket().send(out);
    let over = false;
    void this.#finished.promise.then(() => {
      over = true;
    });
    while (!over) {
      await Promise.race([this.#finished.promise, sleep(LOOK_MS)]);
      this.#giveUpLost();
      const spentMs = systemClock.now() - this.#startedAt;
      if (spentMs > this.#ms + FINISH_MS_MAX) break;
      const past = this.#perWindow.slice(0, Math.floor(spentMs / WINDOW_MS));
      if (this.#part.untilSteady && spentMs < this.#ms && isSteady(past)) this.#ms = spentMs;
    }
    this.#abandon();
    return {
      seconds: ((this.#done === 0 ? systemClock.now() : this.#lastAckAt) - this.#startedAt) / 1000,
      done: this.#done,
      lost: this.#lost,
      naks: this.#naks,
      offerMs: this.#offerMs,
      ackMs: this.#ackMs,
      wholeMs: this.#wholeMs,
      perWindow: this.#perWindow,
    };
  }

  receive(datagrams: readonly ReceivedDatagram[]): void {
    const out: OutgoingDatagram[] = [];
    const now = systemClock.now();
    for (const { bytes } of datagrams) {
      const message = Buffer.from(copyBytes(bytes).buffer);
      const xid = message.length < 8 ? 0 : message.readUInt32BE(4);
      const index = xid & (SLOTS_MAX - 1);
      const slot = this.#slots[index];
      // Late answers to exchanges that were given up.
      if (slot === undefined || slot.xid !== xid || slot.stage === 'idle') continue;
      const answer = readAnswer(message, slot);
      if (answer === undefined) throw wrong(slot, 'not a reply to this client');
      this.#heardAt = now;
      if (slot.sentAt > this.#answeredSentAt) this.#answeredSentAt = slot.sentAt;
      if (slot.stage === 'discover') this.#takeOffer(slot, answer, now, out);
      else this.#takeAck(index, slot, answer, now, out);
    }
    if (out.length > 0) this.#around.socket().send(out);
  }

  #takeOffer(slot: Slot, { type, address, serverId }: Answer, now: number, out: OutgoingDatagram[]): void {
    if (type !== TYPE.offer || address === 0 || serverId === undefined) throw wrong(slot, `type ${type} for an OFFER`);
    this.#offerMs.push(now - slot.sentAt);
    slot.stage = 'request';
    slot.address = address;
    slot.sentAt = now;
    writeRequest(slot, address, serverId);
    out.push(this.#datagram(slot));
  }

  #takeAck(index: number, slot: Slot, { type, address }: Answer, now: number, out: OutgoingDatagram[]): void {
    if (type === TYPE.nak && this.#around.naksAllowed) {
      this.#naks += 1;
      this.#end(index, slot, now, out);
      return;
    }
    if (type !== TYPE.ack || address !== slot.address) throw wrong(slot, `type ${type}, address ${address} for an ACK`);
    const fault = this.#around.clients.leased(slot.client, address, now);
    if (fault !== undefined) throw wrong(slot, fault);
    this.#ackMs.push(now - slot.sentAt);
    this.#wholeMs.push(now - slot.begunAt);
    this.#lastAckAt = now;
    this.#done += 1;
    const window = Math.floor((now - this.#startedAt) / WINDOW_MS);
    this.#perWindow[window] = (this.#perWindow[window] ?? 0) + 1;
    this.#end(index, slot, now, out);
  }

  #end(index: number, slot: Slot, now: number, out: OutgoingDatagram[]): void {
    slot.stage = 'idle';
    this.#active -= 1;
    this.#begin(index, now, out);
    if (this.#active === 0) this.#finished.resolve();
  }

  #begin(index: number, now: number, out: OutgoingDatagram[]): void {
    const { kind, count = Number.POSITIVE_INFINITY } = this.#part;
    const { clients, relay } = this.#around;
    const slot = this.#slots[index];
    if (slot === undefined || now - this.#startedAt >= this.#ms || this.#begun >= count) return;
    const client = kind === 'lease' ? clients.newcomer() : clients.renewer(now);
    if (client === undefined) return;
    slot.client = client;
    serial += 1;
    slot.xid = ((serial * SLOTS_MAX + index) & 0x7fffffff) >>> 0;
    slot.begunAt = now;
    slot.sentAt = now;
    if (kind === 'lease') {
      slot.stage = 'discover';
      writeDiscover(slot, relay);
    } else {
      slot.stage = 'request';
      slot.address = clients.addressOf(client);
      writeRenewal(slot, relay);
    }
    this.#begun += 1;
    this.#active += 1;
    out.push(this.#datagram(slot));
  }

  #giveUpLost(): void {
    const out: OutgoingDatagram[] = [];
    const now = systemClock.now();
    const isSilent = now - this.#heardAt > this.#around.silenceMs;
    this.#slots.forEach((slot, index) => {
      if (slot.stage === 'idle') return;
      if (this.#answeredSentAt - slot.sentAt < LOST_MS && !(isSilent && now - slot.sentAt > this.#around.silenceMs))
        return;
      this.#lost += 1;
      this.#end(index, slot, now, out);
    });
    if (out.length > 0) this.#around.socket().send(out);
  }

  /** Answers that come yet are late ones. */
  #abandon(): void {
    for (const slot of this.#slots) {
      if (slot.stage !== 'idle') this.#lost += 1;
      slot.stage = 'idle';
    }
  }

  #datagram(slot: Slot): OutgoingDatagram {
    return { bytes: slot.bytes, to: { kind: 'unicast', address: this.#around.server, port: 67 } };
  }
}

const wrong = (slot: Slot, text: string): Error => new Error(`client ${slot.client} got a wrong answer: ${text}`);
