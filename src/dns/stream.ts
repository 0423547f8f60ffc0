// DNS over TCP: messages with their length before them, many to a connection, answered in whatever order they are ready.
// Sources: RFC 1035 §4.2.2; RFC 7766 §6.2 (reuse, idle), §7 (order), §8 (framing); RFC 5966.
//
// 1. A connection holds at most one message that is not whole, PIPELINE_MAX questions that are not answered, and what two reads brought:
//    while questions of them are left it is not read, and they are answered a few at a time (`../turns.ts`).
// 2. A connection on which no whole message came and none was answered for IDLE_MS is closed: sending one octet now and then
//    keeps nothing open.
// 3. While a client leaves answers unread, no question of it is taken and nothing it sends counts as activity: after IDLE_MS it is cut
//    off, at UNREAD_OCTETS_MAX at once.
// 4. What comes out of a FrameReader is a copy: nobody else has its memory.

import type { Socket } from 'node:net';
import type { Clock, Instant, Timer } from '../clock.ts';
import type { Ipv4 } from '../net/address.ts';
import type { TurnBounds, Turns, Worker } from '../turns.ts';

/**
 * The work of all connections in one turn of the loop. A question is 1, and 1 more for each WORK_OCTETS of it and of its answer. Clients
 * that pipeline fill it; everybody else notices the turn, some tenths of a millisecond. It empties with the turn.
 */
export const TURN_WORK_MAX = 32;
/** Of it, that of one connection at a time. */
export const SHARE_WORK_MAX = 8;
/** So many octets of a message are as much work as a question. */
export const WORK_OCTETS = 512;
/** The share of time that all connections may work while others send datagrams, whenever they work for longer than STRETCH_MS. */
export const TIME_SHARE_MAX = 0.25;
/** So long may be worked after a time without work, in milliseconds. */
export const STRETCH_MS = 1;
/** What the connections of a server may do. */
export const STREAM_TURNS: TurnBounds = {
  turnWork: TURN_WORK_MAX,
  shareWork: SHARE_WORK_MAX,
  timeShare: TIME_SHARE_MAX,
  stretchMs: STRETCH_MS,
};
/** Unanswered questions of one connection. A client can fill it; only its own further questions wait, until answers have left. */
export const PIPELINE_MAX = 64;
/** How long a connection may be idle, in milliseconds (RFC 7766 §6.2.3: seconds). */
export const IDLE_MS = 10_000;
/** Answers that a client has not taken, in octets. A client that does not read fills it, and is cut off. */
export const UNREAD_OCTETS_MAX = 256 * 1024;

/** The message with its length before it (RFC 1035 §4.2.2). */
export function frame(message: Uint8Array): Uint8Array {
  const framed = new Uint8Array(message.length + 2);
  framed[0] = message.length >>> 8;
  framed[1] = message.length;
  framed.set(message, 2);
  return framed;
}

/** The longest question taken over TCP, in octets: far more than one name needs, so that a slow sender costs little. */
export const QUERY_OCTETS_MAX = 4096;

const EMPTY = new Uint8Array(0);

/** Cuts a stream of octets into messages. */
export class FrameReader {
  readonly #longest: number;
  /** What came and was not looked at, from `#at` on. */
  #chunk: Uint8Array = EMPTY;
  #at = 0;
  /** Octets of the length that came, 0 to 2, and the length. */
  #lengthOctets = 0;
  #length = 0;
  /** The message that is not whole, with room for all of it. */
  #message: Uint8Array = EMPTY;
  #filled = 0;

  /** @param longest a message may have so many octets. */
  constructor(longest: number) {
    this.#longest = longest;
  }

  /** True when a message announces more octets than allowed: the stream is of no use any more. */
  get overlong(): boolean {
    return this.#lengthOctets === 2 && this.#length > this.#longest;
  }

  /** True while octets that came were not looked at: whole messages may be among them. */
  get hasRest(): boolean {
    return this.#at < this.#chunk.length;
  }

  /** Takes what came; it is read until `next` has returned undefined. */
  feed(chunk: Uint8Array): void {
    const left = this.#chunk.length - this.#at;
    this.#chunk = left === 0 ? chunk : Buffer.concat([this.#chunk.subarray(this.#at), chunk]);
    this.#at = 0;
  }

  /** The next whole message, a copy, or undefined. */
  next(): Uint8Array | undefined {
    while (this.#lengthOctets < 2) {
      const octet = this.#chunk[this.#at];
      if (octet === undefined) return this.#await();
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
    if (this.#filled < this.#length) return this.#await();
    const message = this.#message;
    this.#message = EMPTY;
    this.#lengthOctets = this.#length = this.#filled = 0;
    return message;
  }

  /** Everything that came was read: its memory is let go. */
  #await(): undefined {
    this.#chunk = EMPTY;
    this.#at = 0;
  }
}

/** What a connection tells its server. */
export interface ConnectionHandlers {
  /** A whole message came; each is answered once by `connection.answer`. */
  readonly onMessage: (message: Uint8Array, connection: Connection) => void;
  readonly onActive: (connection: Connection) => void;
  readonly onClosed: (connection: Connection, wasIdle: boolean) => void;
}

/** One client's connection. */
export class Connection implements Worker {
  readonly client: Ipv4;
  readonly #socket: Socket;
  readonly #clock: Clock;
  readonly #turns: Turns;
  readonly #handlers: ConnectionHandlers;
  readonly #frames = new FrameReader(QUERY_OCTETS_MAX);
  #unanswered = 0;
  /** The work done in this turn; undefined while it is not this connection's turn. */
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
      if (this.#frames.hasRest) socket.pause();
    });
    socket.on('end', () => {
      this.#ended = true;
      this.#endWhenDone();
    });
    // The client has taken everything: its answers are what it does now.
    socket.on('drain', () => {
      this.#active();
      turns.ask(this);
    });
    // The socket closes after an error; what it was does not matter to anybody.
    socket.on('error', () => socket.destroy());
    socket.on('close', () => {
      this.#idle?.cancel();
      turns.forget(this);
      handlers.onClosed(this, this.#wasIdle);
    });
    this.#activeAt = clock.now();
    this.#watchIdle();
  }

  /** True while no question waits for its answer, and no answers for a reader. */
  get isIdle(): boolean {
    return this.#unanswered === 0 && !this.#frames.hasRest && !this.#socket.writableNeedDrain;
  }

  get hasWork(): boolean {
    return this.#frames.hasRest && this.#mayTake();
  }

  /** Answers one of the questions. What has no answer is no question, and ends the connection: thousands of them fit into one segment. */
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

  /** Takes questions: their answers leave together, and what was read is read on once nothing is left of it. */
  work(most: number): number {
    this.#worked = 0;
    while (this.#worked < most && this.#mayTake()) {
      const message = this.#frames.next();
      if (message === undefined) break;
      if (this.#worked === 0) {
        this.#activeAt = this.#clock.now();
        if (this.#frames.hasRest) this.#socket.cork();
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
    if (this.#mayTake() && !this.#frames.hasRest) this.#socket.resume();
    else this.#socket.pause();
    this.#endWhenDone();
    return worked;
  }

  /** True while a further question may be taken: few are unanswered, and the client reads its answers. */
  #mayTake(): boolean {
    return this.#unanswered < PIPELINE_MAX && !this.#socket.writableNeedDrain && !this.#socket.destroyed;
  }

  #endWhenDone(): void {
    if (this.#ended && this.#unanswered === 0 && !this.#frames.hasRest) this.#socket.end();
  }

  #active(): void {
    if (!this.#socket.writableNeedDrain) this.#activeAt = this.#clock.now();
    this.#handlers.onActive(this);
  }

  /** One timer a connection: when it fires too early it is set again for the rest. */
  #watchIdle(): void {
    const left = this.#activeAt + IDLE_MS - this.#clock.now();
    if (left <= 0) {
      this.#wasIdle = true;
      this.#socket.destroy();
    } else this.#idle = this.#clock.schedule(left, () => this.#watchIdle());
  }
}
