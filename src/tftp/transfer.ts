// The engine of one transfer: decides which blocks to send when. Sources: RFC 1350 §2, §6; RFC 1123
// §4.2.3.1 (sorcerer's apprentice), §4.2.3.2 (adaptive timeout); RFC 6298 §2 (its arithmetic); RFC
// 2347; RFC 7440 §4.
//
//   (new) ── start, options granted ──▶ greeting ── ACK 0: #nextWindow ──▶ sending ── ACK of the last block: sent ──▶ ended
//     └───── start, none granted ─────────────────────────────────────────▶   │
//   greeting: deadline: #again; ERROR 0 or 8: probed.
//   sending:  ACK of the whole window: #nextWindow; of part of it: #hold, then #again; deadline: #again.
//   either:   ERROR: aborted; ICMP: unreachable; no sendings left or SILENCE_MS_MAX: timed-out; more packets than answers to
//             ours: flooded.
//
// 1. Blocks are numbered from 1 without limit internally, and sent modulo 65536: a file of any size
//    can be sent.
// 2. A file whose length is a multiple of the block size ends with an empty block.
// 3. With a window of one block a repeated ACK never causes anything to be sent.
// 4. With larger windows, no block is sent again before its window had its usual round trip: the
//    last packet's ACK may supersede that of the first. So at most one window is sent per round
//    trip, and copies made by the network do not multiply.
// 5. Every input causes at most one action, which the caller performs at once, and until the end
//    there is always a deadline.
// 6. Until the client's first acknowledgement its address may be forged: at most
//    SENDINGS_UNANSWERED_MAX packets are sent, each the granted options or one block.
// 7. No transfer continues for longer than SILENCE_MS_MAX without progress, whatever the client
//    sends or negotiated.
// 8. Each packet that leaves allows the client ANSWERS_TO_PACKET packets. Each REPETITION_MS allows
//    it one more. A client that sends SPARE_PACKETS_MAX beyond that ends its transfer, and meets a
//    closed port: to read the sockets of a thousand transfers takes a whole second of the event
//    loop.

import { type Instant, instant, later } from '../ground/clock.ts';
import { unreachable } from '../ground/errors.ts';
import type { NegotiatedOptions } from './negotiated-options.ts';
import { TFTP_ERROR } from './packet.ts';

/** How often a packet or window is sent before the transfer times out. */
const SENDINGS_MAX = 8;
/** How often the first packet is sent to a client that has never answered. */
export const SENDINGS_UNANSWERED_MAX = 3;
/** How long a transfer continues without a new acknowledgement, in milliseconds. */
export const SILENCE_MS_MAX = 60_000;
/** The longest wait between two sendings, in milliseconds, unless the client negotiated a longer one. */
const BACKOFF_MS_MAX = 8000;
/**
 * The shortest first wait derived from measured round trips, in milliseconds: firmware pauses to
 * draw and to write.
 */
const WAIT_MS_MIN = 200;
/** How often the hold for partly acknowledged windows is doubled. */
const HOLD_DOUBLINGS_MAX = 3;
/** Packets a client may send beyond its answers. */
const SPARE_PACKETS_MAX = 64;
/** Packets of the client that each sent packet allows: its answer, and a copy made by the network. */
const ANSWERS_TO_PACKET = 2;
/**
 * How many windows' answers may be on their way: a slow link that copies packets holds many
 * repeated windows.
 */
const ANSWERED_WINDOWS = 16;
/**
 * The client may send one more packet in each such time, in milliseconds: no client repeats itself
 * sooner for long.
 */
const REPETITION_MS = 200;

export type TransferInput =
  | { readonly kind: 'ack'; readonly block: number }
  | { readonly kind: 'error'; readonly code: number; readonly message: string }
  /** Neither an ACK nor an ERROR. */
  | { readonly kind: 'malformed' }
  /** Its port is closed, says ICMP. */
  | { readonly kind: 'unreachable' }
  | { readonly kind: 'deadline' }
  /** The client has not seen an answer. */
  | { readonly kind: 'request-again' };

export type TransferOutcome =
  | { readonly kind: 'sent' }
  /** The client wanted only the size. */
  | { readonly kind: 'probed' }
  | { readonly kind: 'aborted'; readonly code: number; readonly message: string }
  | { readonly kind: 'timed-out' }
  /** Its port is closed, says ICMP. */
  | { readonly kind: 'unreachable' }
  | { readonly kind: 'flooded' };

export type TransferAction =
  | { readonly kind: 'send-options' }
  /** `count` blocks from the absolute number `first`: `length` bytes of the file at `offset`. */
  | {
      readonly kind: 'send-blocks';
      readonly first: number;
      readonly count: number;
      readonly offset: number;
      readonly length: number;
    }
  | { readonly kind: 'end'; readonly outcome: TransferOutcome };

export class Transfer {
  readonly negotiated: NegotiatedOptions;
  readonly sizeBytes: number;
  readonly lastBlock: number;
  #phase: 'greeting' | 'sending' | 'ended' = 'greeting';
  /** The highest block acknowledged. */
  #acked = 0;
  #answered = false;
  /** The highest block sent. */
  #sentTo = 0;
  /** The highest block sent before the present window; 0 if the whole window was new. */
  #sentBefore = 0;
  /** Unanswered sendings of the present packet or window. */
  #sendings = 0;
  /**
   * How often the first wait is doubled. RFC 6298 §5 keeps the doubled wait until an answer to a
   * packet sent only once is measured.
   */
  #doublings = 0;
  /** The present window holds blocks sent before: its answer then measures no round trip. */
  #repeated = false;
  /** Consecutive windows only partly acknowledged; each doubles the next hold. */
  #holds = 0;
  /** The deadline is for repeating a window because of an ACK. */
  #holding = false;
  #resentOnRepeatedAck = false;
  /** Sendings of the present packet or window. */
  #copies = 0;
  /** Repeated ACKs still expected from copies of the previous window. */
  #expectedRepeats = 0;
  /** When the client last acknowledged, or was first sent, something new. */
  #progressAt = instant(0);
  /** When the present packet or window was sent. */
  #leftAt = instant(0);
  /** Shortest, smoothed, and its variation. */
  #roundTrip: { readonly least: number; readonly usual: number; readonly strays: number } | undefined;
  #deadline: Instant | undefined;
  #repeatedBlocks = 0;
  #allowed: number;
  /** When `#allowed` last grew because time had passed. */
  #allowedAt = instant(0);

  constructor(negotiated: NegotiatedOptions, sizeBytes: number) {
    this.negotiated = negotiated;
    this.sizeBytes = sizeBytes;
    this.lastBlock = Math.floor(sizeBytes / negotiated.blockBytes) + 1;
    this.#allowed = SPARE_PACKETS_MAX;
  }

  /** Undefined after the end. */
  get deadline(): Instant | undefined {
    return this.#deadline;
  }

  /** True until the client's first acknowledgement. */
  get unanswered(): boolean {
    return !this.#answered && this.#phase !== 'ended';
  }

  get ackedBytes(): number {
    return Math.min(this.#acked * this.negotiated.blockBytes, this.sizeBytes);
  }

  get repeatedBlocks(): number {
    return this.#repeatedBlocks;
  }

  get #allowedMax(): number {
    return SPARE_PACKETS_MAX + ANSWERS_TO_PACKET * ANSWERED_WINDOWS * this.negotiated.windowBlocks;
  }

  start(now: Instant): TransferAction {
    this.#allowedAt = now;
    if (this.negotiated.granted.length > 0) return this.#sending({ kind: 'send-options' }, now);
    this.#phase = 'sending';
    return this.#blocks(1, now);
  }

  handle(input: TransferInput, now: Instant): TransferAction | undefined {
    if (this.#phase === 'ended') return undefined;
    switch (input.kind) {
      case 'ack':
        if (!this.#mayCome(now)) return this.#end({ kind: 'flooded' });
        return this.#phase === 'greeting' ? this.#onGreetingAck(input.block, now) : this.#onAck(input.block, now);
      case 'error':
        return this.#onError(input.code, input.message);
      case 'malformed':
        return this.#mayCome(now) ? undefined : this.#end({ kind: 'flooded' });
      case 'unreachable':
        return this.#end({ kind: 'unreachable' });
      case 'deadline':
        return this.#onDeadline(now);
      case 'request-again':
        return this.#onRequestAgain(now);
      default:
        return unreachable(input);
    }
  }

  /** Takes one of the packets that the client may send; false if there are none (invariant 8). */
  #mayCome(now: Instant): boolean {
    const byTime = Math.max(0, now - this.#allowedAt) / REPETITION_MS;
    this.#allowedAt = now;
    this.#allowed = Math.min(this.#allowedMax, this.#allowed + byTime) - 1;
    return this.#allowed >= 0;
  }

  #onRequestAgain(now: Instant): TransferAction | undefined {
    // A repeated request proves nothing, and earns no more sendings (invariant 6).
    if (!this.unanswered || this.#sendings >= SENDINGS_UNANSWERED_MAX) return undefined;
    return this.#again(now);
  }

  #onGreetingAck(block: number, now: Instant): TransferAction | undefined {
    if (block !== 0) return undefined;
    this.#phase = 'sending';
    this.#progressAt = now;
    return this.#nextWindow(now);
  }

  #onAck(block: number, now: Instant): TransferAction | undefined {
    const progress = (block - this.#acked) & 0xffff;
    if (progress === 0) return this.#onRepeatedAck(now);
    // From before the window, or of a block never sent.
    if (this.#acked + progress > this.#sentTo) return undefined;
    this.#acked += progress;
    this.#answered = true;
    this.#progressAt = now;
    this.#sendings = 0;
    if (this.#acked === this.lastBlock) return this.#end({ kind: 'sent' });
    if (this.#acked === this.#sentTo) return this.#nextWindow(now);
    // The client already had the repeated blocks and counts its window from there: send only the
    // following ones.
    if (this.#acked === this.#sentBefore && this.#sentTo < this.lastBlock) return this.#rest(now);
    return this.#hold(now);
  }

  /**
   * RFC 7440 §4: a receiver that misses the first block of a window acknowledges the last block of
   * the previous window.
   */
  #onRepeatedAck(now: Instant): TransferAction | undefined {
    if (this.negotiated.windowBlocks === 1 || this.#resentOnRepeatedAck) return undefined;
    // An ACK faster than the shortest round trip so far does not answer this window.
    if (now - this.#leftAt < (this.#roundTrip?.least ?? 0)) return undefined;
    if (this.#expectedRepeats > 0) {
      this.#expectedRepeats -= 1;
      return undefined;
    }
    this.#resentOnRepeatedAck = true;
    return this.#hold(now);
  }

  /** Repeats the window after its usual round trip. */
  #hold(now: Instant): TransferAction | undefined {
    const due = later(this.#leftAt, (this.#roundTrip?.usual ?? 0) * 2 ** this.#holds);
    this.#holds = Math.min(this.#holds + 1, HOLD_DOUBLINGS_MAX);
    if (now >= due) return this.#again(now);
    this.#holding = true;
    this.#deadline = this.#beforeSilence(due);
    return undefined;
  }

  #onError(code: number, message: string): TransferAction {
    // Quirk: EDK2 and others ask for the size, then end with 8 or 0, and ask again without `tsize`.
    const probing = code === TFTP_ERROR.optionRefused || code === TFTP_ERROR.notDefined;
    if (this.#phase === 'greeting' && probing) return this.#end({ kind: 'probed' });
    return this.#end({ kind: 'aborted', code, message });
  }

  /** At latest the end of the allowed silence. */
  #beforeSilence(at: Instant): Instant {
    const end = later(this.#progressAt, SILENCE_MS_MAX);
    return end < at ? end : at;
  }

  /** RFC 1123 §4.2.3.2: adaptive, unless the client set the timeout (RFC 2349). */
  #firstWaitMs(): number {
    const { timeoutMs, timeoutAsked } = this.negotiated;
    if (timeoutAsked || this.#roundTrip === undefined) return timeoutMs;
    const { usual, strays } = this.#roundTrip;
    return Math.min(timeoutMs, Math.max(WAIT_MS_MIN, usual + 4 * strays));
  }

  #onDeadline(now: Instant): TransferAction | undefined {
    if (this.#deadline === undefined || now < this.#deadline) return undefined;
    if (now - this.#progressAt >= SILENCE_MS_MAX) return this.#end({ kind: 'timed-out' });
    if (this.#holding) return this.#again(now);
    if (this.#sendings >= (this.unanswered ? SENDINGS_UNANSWERED_MAX : SENDINGS_MAX))
      return this.#end({ kind: 'timed-out' });
    this.#doublings += 1;
    return this.#again(now);
  }

  #nextWindow(now: Instant): TransferAction {
    this.#measure(now);
    this.#holds = 0;
    this.#answered = true;
    this.#sendings = 0;
    this.#expectedRepeats = Math.max(0, this.#copies - 1);
    this.#copies = 0;
    this.#resentOnRepeatedAck = false;
    this.#repeated = false;
    return this.#blocks(this.#acked + 1, now);
  }

  #rest(now: Instant): TransferAction {
    this.#resentOnRepeatedAck = false;
    this.#repeated = true;
    return this.#blocks(this.#sentTo + 1, now);
  }

  /** The granted options, or a window. */
  #again(now: Instant): TransferAction {
    this.#repeated = true;
    if (this.#phase === 'greeting') return this.#sending({ kind: 'send-options' }, now);
    return this.#blocks(this.#acked + 1, now);
  }

  #blocks(first: number, now: Instant): TransferAction {
    const last = Math.min(this.#acked + this.negotiated.windowBlocks, this.lastBlock);
    const offset = (first - 1) * this.negotiated.blockBytes;
    const count = last - first + 1;
    const length = Math.min(count * this.negotiated.blockBytes, this.sizeBytes - offset);
    this.#repeatedBlocks += Math.max(0, Math.min(this.#sentTo, last) - first + 1);
    this.#sentBefore = first <= this.#sentTo ? this.#sentTo : 0;
    this.#sentTo = Math.max(this.#sentTo, last);
    return this.#sending({ kind: 'send-blocks', first, count, offset, length }, now);
  }

  #sending(action: TransferAction, now: Instant): TransferAction {
    const packets = action.kind === 'send-blocks' ? action.count : 1;
    this.#allowed = Math.min(this.#allowedMax, this.#allowed + ANSWERS_TO_PACKET * packets);
    this.#sendings += 1;
    this.#copies += 1;
    this.#holding = false;
    this.#leftAt = now;
    if (this.#sendings === 1) this.#progressAt = now;
    const longest = Math.max(this.negotiated.timeoutMs, BACKOFF_MS_MAX);
    this.#deadline = this.#beforeSilence(later(now, Math.min(longest, this.#firstWaitMs() * (1 << this.#doublings))));
    return action;
  }

  #measure(now: Instant): void {
    if (this.#repeated) return;
    this.#doublings = 0;
    const sample = now - this.#leftAt;
    if (this.#roundTrip === undefined) {
      this.#roundTrip = { least: sample, usual: sample, strays: sample / 2 };
      return;
    }
    const { least, usual, strays } = this.#roundTrip;
    this.#roundTrip = {
      least: Math.min(least, sample),
      usual: usual + (sample - usual) / 8,
      strays: strays + (Math.abs(sample - usual) - strays) / 4,
    };
  }

  #end(outcome: TransferOutcome): TransferAction {
    this.#phase = 'ended';
    this.#deadline = undefined;
    return { kind: 'end', outcome };
  }
}
