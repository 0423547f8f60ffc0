// DNS over TCP: length-prefixed messages, answered in the order they are ready. Sources: RFC 1035
// §4.2.2; RFC 7766 §6.2 (reuse, idle), §7 (order), §8 (framing); RFC 5966.
//
// 1. A connection holds at most one incomplete message, PIPELINE_MAX unanswered questions, and the
//    data of two reads. Until its questions are answered, a few at a time (`../turns.ts`), the
//    server reads no more.
// 2. A connection is closed after IDLE_MS without a whole message or an answer: trickling octets do
//    not keep it open.
// 3. While a client leaves answers unread, its questions wait and do not count as activity: it is
//    disconnected after IDLE_MS, or at once at UNREAD_OCTETS_MAX.
// 4. A message from a FrameReader is a copy.

import type { Socket } from 'node:net';
import type { Ipv4 } from '../ground/address.ts';
import type { Clock, Instant, Timer } from '../ground/clock.ts';
import type { TurnBounds, Turns, Worker } from '../ground/turns.ts';

/**
 * The work of all connections in one turn of the loop. A question counts as 1, plus 1 for each
 * WORK_OCTETS of it and its answer. Clients that pipeline fill it; all others then wait some tenths
 * of a millisecond.
 */
export const TURN_WORK_MAX = 32;
/** One connection's part of that work at a time. */
export const SHARE_WORK_MAX = 8;
const WORK_OCTETS = 512;
/** The share of time for all connections while datagrams arrive, after STRETCH_MS of work. */
export const TIME_SHARE_MAX = 0.25;
/** How long the connections may work at full speed after a rest, in milliseconds. */
export const STRETCH_MS = 1;
export const STREAM_TURNS: TurnBounds = {
  turnWork: TURN_WORK_MAX,
  shareWork: SHARE_WORK_MAX,
  timeShare: TIME_SHARE_MAX,
  stretchMs: STRETCH_MS,
};
/** Unanswered questions of one connection. A client can fill it; its own further questions then wait. */
export const PIPELINE_MAX = 64;
/** How long a connection may be idle, in milliseconds (RFC 7766 §6.2.3: seconds). */
export const IDLE_MS = 10_000;
/** Answers that a client has not read, in octets; one that does not read is disconnected. */
export const UNREAD_OCTETS_MAX = 256 * 1024;

/** A message with its length in front (RFC 1035 §4.2.2). */
export function frame(message: Uint8Array): Uint8Array {
  const framed = new Uint8Array(message.length + 2);
  framed[0] = message.length >>> 8;
  framed[1] = message.length;
  framed.set(message, 2);
  return framed;
}

/** The longest question accepted over TCP, in octets. */
const QUERY_OCTETS_MAX = 4096;

const EMPTY = new Uint8Array(0);

export class FrameReader {
  readonly #longest: number;
  /** The unread data, from `#at` on. */
  #chunk: Uint8Array = EMPTY;
  #at = 0;
  /** Length octets received, 0 to 2, and the length. */
  #lengthOctets = 0;
  #length = 0;
  /** The incomplete message, allocated in full. */
  #message: Uint8Array = EMPTY;
  #filled = 0;

  /** @param longest the most octets of a message */
  constructor(longest: number) {
    this.#longest = longest;
  }

  /** True if a message announces too many octets: the stream is then unusable. */
  get overlong(): boolean {
    return this.#lengthOctets === 2 && this.#length > this.#longest;
  }

  /** True while octets, and perhaps messages, are left. */
  get hasUnread(): boolean {
    return this.#at < this.#chunk.length;
  }

  /** Adds received data; its memory is used until `next` returns `undefined`. */
  feed(chunk: Uint8Array): void {
    const left = this.#chunk.length - this.#at;
    this.#chunk = left === 0 ? chunk : Buffer.concat([this.#chunk.subarray(this.#at), chunk]);
    this.#at = 0;
  }

  /** A copy of the next whole message, or `undefined`. */
  next(): Uint8Array | undefined {
    while (this.#lengthOctets < 2) {
      const octet = this.#chunk[this.#at];
      if (octet === undefined) return this.#releaseChunk();
      this.#at += 1;
      this.#lengthOctets += 1;
      this.#length = (this.#length << 8) | octet;
      if (this.#lengthOctets === 2 && !this.overlong) this.#message = new Uint8Array(this.#length);
    }
    if (this.overlong) return undefined;
    const take = Math.min(this.#length - this.#filled, this.#chunk.length - this.#at);
    for (let index = 0; index < take; index += 1) {
      this.#message[this.#filled + index] = this.#chunk[this.#at + index] ?? 0;
    }
    this.#filled += take;
    this.#at += take;
    if (this.#filled < this.#length) return this.#releaseChunk();
    const message = this.#message;
    this.#message = EMPTY;
    this.#lengthOctets = this.#length = this.#filled = 0;
    return message;
  }

  /** Releases the received data, which was read to its end. */
  #releaseChunk(): undefined {
    this.#chunk = EMPTY;
    this.#at = 0;
  }
}

interface ConnectionHandlers {
  /** Called with each whole message; the server answers each once by `connection.answer`. */
  readonly onMessage: (message: Uint8Array, connection: Connection) => void;
  readonly onActive: (connection: Connection) => void;
  readonly onClosed: (connection: Connection, wasIdle: boolean) => void;
}

export class Connection implements Worker {
  readonly client: Ipv4;
  readonly #socket: Socket;
  readonly #clock: Clock;
  readonly #turns: Turns;
  readonly #handlers: ConnectionHandlers;
  readonly #frames = new FrameReader(QUERY_OCTETS_MAX);
  #unanswered = 0;
  /** In this turn; `undefined` outside the connection's. */
  #worked: number | undefined;
  #ended = false;
  #wasIdle = false;
  #idle: Timer | undefined;
  #activeAt: Instant;

  constructor(socket: Socket, client: Ipv4, clock: Clock, turns: Turns, handlers: ConnectionHandlers) {
    this.client = client;
    this.#socket = socket;
    this.#clock = clock;
    this.#turns = turns;
    this.#handlers = handlers;
    socket.setNoDelay(true);
    socket.on('data', (chunk) => {
      this.#frames.feed(chunk);
      turns.ask(this);
      if (this.#frames.hasUnread) socket.pause();
    });
    socket.on('end', () => {
      this.#ended = true;
      this.#endWhenDone();
    });
    // Reading all answers counts as activity.
    socket.on('drain', () => {
      this.#active();
      turns.ask(this);
    });
    // The socket closes after any error.
    socket.on('error', () => socket.destroy());
    socket.on('close', () => {
      this.#idle?.cancel();
      turns.forget(this);
      handlers.onClosed(this, this.#wasIdle);
    });
    this.#activeAt = clock.now();
    this.#watchIdle();
  }

  /** True if no question or answer is pending. */
  get isIdle(): boolean {
    return this.#unanswered === 0 && !this.#frames.hasUnread && !this.#socket.writableNeedDrain;
  }

  get hasWork(): boolean {
    return this.#frames.hasUnread && this.#mayTake();
  }

  /**
   * Answers a question. A message that gets no answer is not a question and ends the connection:
   * one segment can hold thousands.
   */
  answer(message: Uint8Array | undefined): void {
    this.#unanswered -= 1;
    if (this.#socket.destroyed) return;
    if (message !== undefined) this.#socket.write(frame(message));
    if (message === undefined || this.#socket.writableLength > UNREAD_OCTETS_MAX) {
      this.#socket.destroy();
      return;
    }
    if (this.#worked !== undefined) {
      this.#worked += message.length / WORK_OCTETS;
      return;
    }
    this.#active();
    this.#turns.ask(this);
    this.#endWhenDone();
  }

  close(): void {
    this.#socket.destroy();
  }

  /** Answers questions read so far, then reads on; the answers leave together. */
  work(most: number): number {
    this.#worked = 0;
    while (this.#worked < most && this.#mayTake()) {
      const message = this.#frames.next();
      if (message === undefined) break;
      if (this.#worked === 0) {
        this.#activeAt = this.#clock.now();
        if (this.#frames.hasUnread) this.#socket.cork();
      }
      this.#worked += 1 + message.length / WORK_OCTETS;
      this.#unanswered += 1;
      this.#handlers.onMessage(message, this);
    }
    this.#socket.uncork();
    const worked = this.#worked;
    this.#worked = undefined;
    if (this.#frames.overlong) this.#socket.destroy();
    if (worked > 0) this.#handlers.onActive(this);
    if (this.#mayTake() && !this.#frames.hasUnread) this.#socket.resume();
    else this.#socket.pause();
    this.#endWhenDone();
    return worked;
  }

  /** True if few questions are unanswered and the client reads its answers. */
  #mayTake(): boolean {
    return this.#unanswered < PIPELINE_MAX && !this.#socket.writableNeedDrain && !this.#socket.destroyed;
  }

  #endWhenDone(): void {
    if (this.#ended && this.#unanswered === 0 && !this.#frames.hasUnread) this.#socket.end();
  }

  #active(): void {
    if (!this.#socket.writableNeedDrain) this.#activeAt = this.#clock.now();
    this.#handlers.onActive(this);
  }

  /** One timer a connection: if it fires too early, it is set again. */
  #watchIdle(): void {
    const left = this.#activeAt + IDLE_MS - this.#clock.now();
    if (left <= 0) {
      this.#wasIdle = true;
      this.#socket.destroy();
    } else this.#idle = this.#clock.schedule(left, () => this.#watchIdle());
  }
}
