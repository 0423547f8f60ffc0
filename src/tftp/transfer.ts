// One file on its way to one client: which blocks to send when. No socket, no file, no clock.
// Sources: RFC 1350 §2, §6; RFC 1123 §4.2.3.1 (sorcerer's apprentice), §4.2.3.2 (back-off); RFC 2347; RFC 7440 §4.
//
//              start                    ACK 0                      ACK n: the next window
//   (new) ────────────────▶ greeting ────────▶ sending ◀──────────────────────────────────┐
//     │    options granted   │   ▲              │  ▲ │                                    │
//     │ start, none granted  │   └─ deadline:   │  │ └──── onAck ──────────────────────────┘
//     └──────────────────────┼──────────────────┘  └─ deadline, ACK within the window: the rest again
//                            ▼ ERROR 0, 8: probed          ACK of the last block: sent
//                            └──────────▶ ended ◀────────── ERROR: aborted; attempts used up: timed-out; never sent: stalled
//
// 1. Blocks are counted from 1 without end inside and sent modulo 65536: a file of any size goes through.
// 2. A file whose length is a multiple of the block size ends with an empty block.
// 3. With a window of one block a repeated ACK never causes anything to be sent. With larger windows it asks for the window
//    again, once, and only if it can be an answer to that window: it comes no sooner than the shortest round trip after the
//    window left, and is not what a further copy of the former window must cause. So duplicates die out instead of doubling
//    every packet from there on.
// 4. After every input there is at most one thing to do, and until the end there is a deadline.

import { type Instant, later, type Milliseconds, milliseconds } from '../clock.ts';
import { unreachable } from '../errors.ts';
import { TFTP_ERROR } from './packet.ts';
import type { Terms } from './terms.ts';

/** How often a packet or window is sent before the client is given up. */
export const SENDINGS_MAX = 6;
/** The longest wait between two sendings, unless the client negotiated a longer one. */
export const BACKOFF_MS_MAX = 8000;
/** How long what is to be sent may take to be read and to leave. */
export const STALL_MS_MAX = 30_000;

export type TransferInput =
  | { readonly kind: 'ack'; readonly block: number }
  | { readonly kind: 'error'; readonly code: number; readonly message: string }
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
  /** Sendings of the present packet or window that were not answered. */
  #sendings = 0;
  /** True when the present window is sent more than once: its answer measures no round trip. */
  #repeated = false;
  #resentOnRepeatedAck = false;
  /** How often the present packet or window has left. */
  #copies = 0;
  /** How many repeated ACKs the further copies of the former window will still cause. */
  #expectedRepeats = 0;
  /** When the present packet or window left; undefined before. */
  #leftAt: Instant | undefined;
  /** The shortest time between a sending and its answer. */
  #roundTripMs: Milliseconds | undefined;
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
    return this.#window(now);
  }

  /** What follows from an input. */
  handle(input: TransferInput, now: Instant): TransferAction | undefined {
    if (this.#phase === 'ended') return undefined;
    switch (input.kind) {
      case 'ack':
        return this.#phase === 'greeting' ? this.#onGreetingAck(input.block, now) : this.#onAck(input.block, now);
      case 'error':
        return this.#onError(input.code, input.message);
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
    if (!this.unanswered || this.#leftAt === undefined) return undefined;
    // The client is there: it has its full number of sendings again.
    this.#sendings = 0;
    return this.#again(now);
  }

  #onGreetingAck(block: number, now: Instant): TransferAction | undefined {
    if (block !== 0) return undefined;
    this.#measure(now);
    this.#answered = true;
    this.#expectedRepeats = Math.max(0, this.#copies - 1);
    this.#phase = 'sending';
    return this.#window(now);
  }

  #onAck(block: number, now: Instant): TransferAction | undefined {
    const progress = (block - this.#acked) & 0xffff;
    if (progress === 0) return this.#onRepeatedAck(now);
    // An ACK from before the window, or of what was never sent.
    if (this.#acked + progress > this.#sentTo) return undefined;
    this.#acked += progress;
    this.#answered = true;
    this.#expectedRepeats = Math.max(0, this.#copies - 1);
    if (this.#acked === this.#sentTo) this.#measure(now);
    if (this.#acked === this.lastBlock) return this.#end({ kind: 'sent' });
    return this.#window(now);
  }

  /** RFC 7440 §4: a receiver that misses the first block of a window acknowledges the last one of the window before. */
  #onRepeatedAck(now: Instant): TransferAction | undefined {
    if (this.terms.windowBlocks === 1 || this.#resentOnRepeatedAck) return undefined;
    if (this.#leftAt === undefined || this.#roundTripMs === undefined) return undefined;
    if (now - this.#leftAt < this.#roundTripMs) return undefined;
    if (this.#expectedRepeats > 0) {
      this.#expectedRepeats -= 1;
      return undefined;
    }
    const again = this.#again(now);
    this.#resentOnRepeatedAck = true;
    return again;
  }

  #onError(code: number, message: string): TransferAction {
    // Quirk: EDK2 and others ask for the size, then end with 8 or 0, and ask again without `tsize`.
    const probing = code === TFTP_ERROR.optionRefused || code === TFTP_ERROR.notDefined;
    if (this.#phase === 'greeting' && probing) return this.#end({ kind: 'probed' });
    return this.#end({ kind: 'aborted', code, message });
  }

  #onLeft(now: Instant): void {
    this.#leftAt = now;
    this.#copies += 1;
    const cap = Math.max(this.terms.timeoutMs, BACKOFF_MS_MAX);
    this.#deadline = later(now, Math.min(cap, this.terms.timeoutMs * 2 ** (this.#sendings - 1)));
  }

  #onDeadline(now: Instant): TransferAction | undefined {
    if (this.#deadline === undefined || now < this.#deadline) return undefined;
    if (this.#leftAt === undefined) return this.#end({ kind: 'stalled' });
    if (this.#sendings >= SENDINGS_MAX) return this.#end({ kind: 'timed-out' });
    return this.#again(now);
  }

  /** The next window, after what was acknowledged. */
  #window(now: Instant): TransferAction {
    this.#sendings = 0;
    this.#copies = 0;
    this.#resentOnRepeatedAck = false;
    const action = this.#blocks();
    this.#repeated = action.first <= this.#sentTo;
    if (this.#repeated) this.#repeatedBlocks += this.#sentTo - action.first + 1;
    this.#sentTo = Math.max(this.#sentTo, action.first + action.count - 1);
    return this.#sending(action, now);
  }

  /** The present packet or window once more. */
  #again(now: Instant): TransferAction {
    this.#repeated = true;
    if (this.#phase === 'greeting') return this.#sending({ kind: 'send-options' }, now);
    const action = this.#blocks();
    this.#repeatedBlocks += action.count;
    return this.#sending(action, now);
  }

  #blocks(): TransferAction & { readonly kind: 'send-blocks' } {
    const first = this.#acked + 1;
    const count = Math.min(this.terms.windowBlocks, this.lastBlock - this.#acked);
    const offset = this.#acked * this.terms.blockBytes;
    const length = Math.min(count * this.terms.blockBytes, this.sizeBytes - offset);
    return { kind: 'send-blocks', first, count, offset, length };
  }

  #sending(action: TransferAction, now: Instant): TransferAction {
    this.#sendings = Math.min(this.#sendings + 1, SENDINGS_MAX);
    this.#leftAt = undefined;
    this.#deadline = later(now, STALL_MS_MAX);
    return action;
  }

  #measure(now: Instant): void {
    if (this.#leftAt === undefined || this.#repeated) return;
    const roundTripMs = now - this.#leftAt;
    this.#roundTripMs = milliseconds(Math.min(this.#roundTripMs ?? roundTripMs, roundTripMs));
  }

  #end(outcome: TransferOutcome): TransferAction {
    this.#phase = 'ended';
    this.#deadline = undefined;
    return { kind: 'end', outcome };
  }
}
