// One file on its way to one client: which blocks to send when. No socket, no file, no clock.
// Sources: RFC 1350 §2, §6; RFC 1123 §4.2.3.1 (sorcerer's apprentice), §4.2.3.2 (adaptive timeout); RFC 6298 §2 (its
// arithmetic); RFC 2347; RFC 7440 §4.
//
//   (new) ── start, options granted ──▶ greeting ── ACK 0: #nextWindow ──▶ sending ── ACK of the last block: sent ──▶ ended
//     └───── start, none granted ─────────────────────────────────────────▶   │
//   greeting: deadline: #again; ERROR 0 or 8: probed.
//   sending:  ACK of the whole window: #nextWindow; of a part of it: #hold, then #again; deadline: #again.
//   either:   ERROR: aborted; ICMP: unreachable; sendings or SILENCE_MS_MAX used up: timed-out; nothing left for STALL_MS_MAX: stalled.
//
// 1. Blocks are counted from 1 without end inside and sent modulo 65536: a file of any size goes through.
// 2. A file whose length is a multiple of the block size ends with an empty block.
// 3. With a window of one block a repeated ACK never causes anything to be sent.
// 4. With larger windows, nothing of a window is sent again before it had its usual round trip: what the client says of the
//    first packets of a window it may take back with the last. So however many ACKs come, at most one window is sent in a round
//    trip, and copies made by the network do not multiply.
// 5. After every input there is at most one thing to do, and until the end there is a deadline.
// 6. Before the client has acknowledged anything its address may be forged: then at most SENDINGS_UNANSWERED_MAX packets are sent, each
//    the granted options or one block, whether deadlines or repeated requests ask for them.
// 7. No transfer goes on for longer than SILENCE_MS_MAX without progress, whatever the client sends and whatever it negotiated.

import { type Instant, instant, later } from '../clock.ts';
import { unreachable } from '../errors.ts';
import { TFTP_ERROR } from './packet.ts';
import type { Terms } from './terms.ts';

/** How often a packet or window is sent before the client is given up. */
export const SENDINGS_MAX = 8;
/** How often the first packet is sent to a client that has never answered. */
export const SENDINGS_UNANSWERED_MAX = 3;
/** How long a transfer may go on while the client acknowledges nothing new. */
export const SILENCE_MS_MAX = 60_000;
/** The longest wait between two sendings, unless the client negotiated a longer one. */
export const BACKOFF_MS_MAX = 8000;
/** The shortest first wait that is derived from measured round trips: firmware pauses to draw and to write. */
export const WAIT_MS_MIN = 200;
/** How often the patience with windows that are not acknowledged whole is doubled. */
export const HOLD_DOUBLINGS_MAX = 3;
/** How long what is to be sent may take to be read and to leave. */
export const STALL_MS_MAX = 30_000;

export type TransferInput =
  | { readonly kind: 'ack'; readonly block: number }
  | { readonly kind: 'error'; readonly code: number; readonly message: string }
  /** The client's host reported that nobody takes the packets (ICMP). */
  | { readonly kind: 'unreachable' }
  /** What the last action asked for has left. */
  | { readonly kind: 'left' }
  /** The deadline has come. */
  | { readonly kind: 'deadline' }
  /** The client repeats its request: it has not seen the first answer. */
  | { readonly kind: 'request-again' };

export type TransferOutcome =
  /** Every block was acknowledged. */
  | { readonly kind: 'sent' }
  /** The client wanted the size only. */
  | { readonly kind: 'probed' }
  /** The client ended it. */
  | { readonly kind: 'aborted'; readonly code: number; readonly message: string }
  /** No answer to any sending. */
  | { readonly kind: 'timed-out' }
  /** The client's host reported that nobody takes the packets. */
  | { readonly kind: 'unreachable' }
  /** The file could not be read in time. */
  | { readonly kind: 'stalled' };

export type TransferAction =
  /** Send the answer that grants the options. */
  | { readonly kind: 'send-options' }
  /** Send `count` blocks from the absolute number `first`: `length` bytes of the file at `offset`. */
  | {
      readonly kind: 'send-blocks';
      readonly first: number;
      readonly count: number;
      readonly offset: number;
      readonly length: number;
    }
  | { readonly kind: 'end'; readonly outcome: TransferOutcome };

/** The engine of one transfer. */
export class Transfer {
  readonly terms: Terms;
  readonly sizeBytes: number;
  /** Absolute number of the last block. */
  readonly lastBlock: number;
  #phase: 'greeting' | 'sending' | 'ended' = 'greeting';
  /** The highest block that the client has acknowledged. */
  #acked = 0;
  #answered = false;
  /** The highest block that was to be sent. */
  #sentTo = 0;
  /** What was sent already when the present window left; 0 when all of it was new. */
  #sentBefore = 0;
  /** Sendings of the present packet or window that were not answered. */
  #sendings = 0;
  /** How often the first wait is doubled: RFC 6298 §5 keeps it until an answer to something sent once is measured. */
  #doublings = 0;
  /** True when the present window holds blocks that were sent before: its answer measures no round trip. */
  #repeated = false;
  /** How many windows in a row were not acknowledged whole; each doubles the patience with the next. */
  #holds = 0;
  /** True when the deadline is that of a window to be sent again because of an ACK. */
  #holding = false;
  #resentOnRepeatedAck = false;
  /** How often the present packet or window has left. */
  #copies = 0;
  /** How many repeated ACKs the further copies of the former window will still cause. */
  #expectedRepeats = 0;
  /** When the client last acknowledged something new, or was first sent something new. */
  #progressAt = instant(0);
  /** When the present packet or window left; undefined before. */
  #leftAt: Instant | undefined;
  /** Time between a sending and its answer: the shortest, the usual, and how far it strays. */
  #roundTrip: { readonly least: number; readonly usual: number; readonly strays: number } | undefined;
  #deadline: Instant | undefined;
  #repeatedBlocks = 0;

  /** @param sizeBytes length of the file */
  constructor(terms: Terms, sizeBytes: number) {
    this.terms = terms;
    this.sizeBytes = sizeBytes;
    this.lastBlock = Math.floor(sizeBytes / terms.blockBytes) + 1;
  }

  /** When `handle` is to be called with `deadline`; undefined after the end. */
  get deadline(): Instant | undefined {
    return this.#deadline;
  }

  /** True until the client has acknowledged anything. */
  get unanswered(): boolean {
    return !this.#answered && this.#phase !== 'ended';
  }

  /** Bytes of the file that the client has acknowledged. */
  get ackedBytes(): number {
    return Math.min(this.#acked * this.terms.blockBytes, this.sizeBytes);
  }

  /** Blocks that were sent more than once. */
  get repeatedBlocks(): number {
    return this.#repeatedBlocks;
  }

  /** The first thing to send. Called once. */
  start(now: Instant): TransferAction {
    if (this.terms.granted.length > 0) return this.#sending({ kind: 'send-options' }, now);
    this.#phase = 'sending';
    return this.#blocks(1, now);
  }

  /** What follows from an input. */
  handle(input: TransferInput, now: Instant): TransferAction | undefined {
    if (this.#phase === 'ended') return undefined;
    switch (input.kind) {
      case 'ack':
        return this.#phase === 'greeting' ? this.#onGreetingAck(input.block, now) : this.#onAck(input.block, now);
      case 'error':
        return this.#onError(input.code, input.message);
      case 'unreachable':
        return this.#end({ kind: 'unreachable' });
      case 'left':
        this.#onLeft(now);
        return undefined;
      case 'deadline':
        return this.#onDeadline(now);
      case 'request-again':
        return this.#onRequestAgain(now);
      default:
        return unreachable(input);
    }
  }

  #onRequestAgain(now: Instant): TransferAction | undefined {
    // A request proves nothing: that it comes again does not buy more sendings (invariant 6).
    if (!this.unanswered || this.#leftAt === undefined || this.#sendings >= SENDINGS_UNANSWERED_MAX) return undefined;
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
    // An ACK from before the window, or of what was never sent.
    if (this.#acked + progress > this.#sentTo) return undefined;
    this.#acked += progress;
    this.#answered = true;
    this.#progressAt = now;
    this.#sendings = 0;
    if (this.#acked === this.lastBlock) return this.#end({ kind: 'sent' });
    if (this.#acked === this.#sentTo) return this.#nextWindow(now);
    // The client had what was sent again and counts its window from there: it needs only what follows.
    if (this.#acked === this.#sentBefore && this.#sentTo < this.lastBlock) return this.#rest(now);
    return this.#hold(now);
  }

  /** RFC 7440 §4: a receiver that misses the first block of a window acknowledges the last one of the window before. */
  #onRepeatedAck(now: Instant): TransferAction | undefined {
    if (this.terms.windowBlocks === 1 || this.#resentOnRepeatedAck) return undefined;
    // What comes sooner than any answer came so far does not answer this window.
    if (this.#leftAt === undefined || now - this.#leftAt < (this.#roundTrip?.least ?? 0)) return undefined;
    if (this.#expectedRepeats > 0) {
      this.#expectedRepeats -= 1;
      return undefined;
    }
    this.#resentOnRepeatedAck = true;
    return this.#hold(now);
  }

  /** Sends the window again once the present one had its usual round trip. */
  #hold(now: Instant): TransferAction | undefined {
    if (this.#leftAt === undefined) return this.#again(now);
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

  #onLeft(now: Instant): void {
    this.#leftAt = now;
    // How long reading took is not the client's silence.
    if (this.#sendings === 1) this.#progressAt = now;
    this.#copies += 1;
    const longest = Math.max(this.terms.timeoutMs, BACKOFF_MS_MAX);
    this.#deadline = this.#beforeSilence(later(now, Math.min(longest, this.#firstWaitMs() * 2 ** this.#doublings)));
  }

  /** `at`, or the end of the longest silence, if that comes first. */
  #beforeSilence(at: Instant): Instant {
    const end = later(this.#progressAt, SILENCE_MS_MAX);
    return end < at ? end : at;
  }

  /** RFC 1123 §4.2.3.2: adaptive, unless the client has set it (RFC 2349). */
  #firstWaitMs(): number {
    const { timeoutMs, timeoutAsked } = this.terms;
    if (timeoutAsked || this.#roundTrip === undefined) return timeoutMs;
    const { usual, strays } = this.#roundTrip;
    return Math.min(timeoutMs, Math.max(WAIT_MS_MIN, usual + 4 * strays));
  }

  #onDeadline(now: Instant): TransferAction | undefined {
    if (this.#deadline === undefined || now < this.#deadline) return undefined;
    if (this.#leftAt === undefined) return this.#end({ kind: 'stalled' });
    if (now - this.#progressAt >= SILENCE_MS_MAX) return this.#end({ kind: 'timed-out' });
    if (this.#holding) return this.#again(now);
    if (this.#sendings >= (this.unanswered ? SENDINGS_UNANSWERED_MAX : SENDINGS_MAX))
      return this.#end({ kind: 'timed-out' });
    this.#doublings += 1;
    return this.#again(now);
  }

  /** The window after what was acknowledged, all of it new. */
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

  /** What of the client's window was not sent yet. */
  #rest(now: Instant): TransferAction {
    this.#resentOnRepeatedAck = false;
    this.#repeated = true;
    return this.#blocks(this.#sentTo + 1, now);
  }

  /** What was not acknowledged, once more: the greeting, or a window. */
  #again(now: Instant): TransferAction {
    this.#repeated = true;
    if (this.#phase === 'greeting') return this.#sending({ kind: 'send-options' }, now);
    return this.#blocks(this.#acked + 1, now);
  }

  /** Blocks from `first` to the end of the client's window. */
  #blocks(first: number, now: Instant): TransferAction {
    const last = Math.min(this.#acked + this.terms.windowBlocks, this.lastBlock);
    const offset = (first - 1) * this.terms.blockBytes;
    const count = last - first + 1;
    const length = Math.min(count * this.terms.blockBytes, this.sizeBytes - offset);
    this.#repeatedBlocks += Math.max(0, Math.min(this.#sentTo, last) - first + 1);
    this.#sentBefore = first <= this.#sentTo ? this.#sentTo : 0;
    this.#sentTo = Math.max(this.#sentTo, last);
    return this.#sending({ kind: 'send-blocks', first, count, offset, length }, now);
  }

  #sending(action: TransferAction, now: Instant): TransferAction {
    this.#sendings += 1;
    this.#holding = false;
    this.#leftAt = undefined;
    this.#deadline = later(now, STALL_MS_MAX);
    return action;
  }

  #measure(now: Instant): void {
    if (this.#leftAt === undefined || this.#repeated) return;
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
