// DNS over TCP: messages with their length before them, many to a connection, answered in whatever order they are ready.
// Sources: RFC 1035 §4.2.2; RFC 7766 §6.2 (reuse, idle), §7 (order), §8 (framing); RFC 5966.
//
// 1. A connection holds at most one message that is not whole, and PIPELINE_MAX questions that are not answered: then it is
//    not read any further until answers have left.
// 2. A connection on which no whole message came and none was answered for IDLE_MS is closed: sending one octet now and then
//    keeps nothing open.
// 3. A client that does not read its answers is cut off at UNREAD_OCTETS_MAX.

import type { Socket } from 'node:net';
import type { Clock, Instant, Timer } from '../clock.ts';
import type { Ipv4 } from '../net/address.ts';

/** Unanswered questions of one connection. */
export const PIPELINE_MAX = 64;
/** How long a connection may be idle, in milliseconds (RFC 7766 §6.2.3: seconds). */
export const IDLE_MS = 10_000;
/** Answers that a client has not taken, in octets. */
export const UNREAD_OCTETS_MAX = 512 * 1024;

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

/** Cuts a stream of octets into messages. */
export class FrameReader {
  readonly #longest: number;
  #pending: Uint8Array = new Uint8Array(0);

  /** @param longest a message may have so many octets. */
  constructor(longest: number) {
    this.#longest = longest;
  }

  /** True when a message announces more octets than allowed: the stream is of no use any more. */
  get overlong(): boolean {
    return this.#pending.length >= 2 && this.#announced() > this.#longest;
  }

  #announced(): number {
    return ((this.#pending[0] ?? 0) << 8) | (this.#pending[1] ?? 0);
  }

  /** Takes what came. */
  feed(chunk: Uint8Array): void {
    this.#pending = this.#pending.length === 0 ? chunk : Buffer.concat([this.#pending, chunk]);
  }

  /** The next whole message, or undefined. */
  next(): Uint8Array | undefined {
    const pending = this.#pending;
    if (pending.length < 2) return undefined;
    const end = 2 + this.#announced();
    if (pending.length < end) return undefined;
    this.#pending = pending.subarray(end);
    return pending.subarray(2, end);
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
export class Connection {
  readonly client: Ipv4;
  readonly #socket: Socket;
  readonly #clock: Clock;
  readonly #handlers: ConnectionHandlers;
  readonly #frames = new FrameReader(QUERY_OCTETS_MAX);
  #unanswered = 0;
  #draining = false;
  #ended = false;
  #wasIdle = false;
  #idle: Timer | undefined;
  #activeAt: Instant;

  constructor(socket: Socket, client: Ipv4, clock: Clock, handlers: ConnectionHandlers) {
    this.client = client;
    this.#socket = socket;
    this.#clock = clock;
    this.#handlers = handlers;
    socket.setNoDelay(true);
    socket.on('data', (chunk) => {
      this.#frames.feed(chunk);
      this.#drain();
    });
    socket.on('end', () => {
      this.#ended = true;
      this.#endWhenDone();
    });
    // The socket closes after an error; what it was does not matter to anybody.
    socket.on('error', () => socket.destroy());
    socket.on('close', () => {
      this.#idle?.cancel();
      handlers.onClosed(this, this.#wasIdle);
    });
    this.#activeAt = clock.now();
    this.#watchIdle();
  }

  /** True while no question waits for its answer. */
  get isIdle(): boolean {
    return this.#unanswered === 0;
  }

  /** Answers one of the questions; without an answer it is only counted as done. */
  answer(message: Uint8Array | undefined): void {
    this.#unanswered -= 1;
    if (this.#socket.destroyed) return;
    if (message !== undefined) {
      this.#socket.write(frame(message));
      if (this.#socket.writableLength > UNREAD_OCTETS_MAX) {
        this.#socket.destroy();
        return;
      }
    }
    this.#active();
    if (!this.#draining) this.#drain();
    this.#endWhenDone();
  }

  close(): void {
    this.#socket.destroy();
  }

  #drain(): void {
    this.#draining = true;
    while (this.#unanswered < PIPELINE_MAX && !this.#socket.destroyed) {
      const message = this.#frames.next();
      if (message === undefined) break;
      this.#unanswered += 1;
      this.#active();
      this.#handlers.onMessage(message, this);
    }
    this.#draining = false;
    if (this.#frames.overlong) this.#socket.destroy();
    if (this.#unanswered >= PIPELINE_MAX) this.#socket.pause();
    else this.#socket.resume();
    this.#endWhenDone();
  }

  #endWhenDone(): void {
    if (this.#ended && this.#unanswered === 0 && !this.#draining) this.#socket.end();
  }

  #active(): void {
    this.#activeAt = this.#clock.now();
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
