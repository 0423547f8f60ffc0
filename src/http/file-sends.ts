// The files that are being sent, watched: whether each still moves, and who ended it.
//
//   begin ─ look, every LOOK_MS ─┬─ bytes moved
//                                └─ none for STALLED_MS ─▶ told once, and again after it has moved on and stopped anew
//   the connection's own time is up (`timeout`) ─▶ ended by the rack ─ endedByRack
//
// 1. What moves is seen in pieces of what is handed to a connection at a time: a reader that is slower than that in STALLED_MS, about 4 KiB/s,
//    is told of as one that stands still, which costs it nothing.
// 2. Nothing is done for a piece that is sent.

import type { ServerResponse } from 'node:http';
import { type Clock, type Instant, later, type Timer } from '../clock.ts';
import type { Ipv4 } from '../net/address.ts';

/** A download of which no byte has moved for so long, in milliseconds, stands still. */
export const STALLED_MS = 30_000;
/** How often the downloads are looked at, in milliseconds. */
export const STALL_LOOK_MS = 5000;

/** One request that is being answered. */
export interface FileSend {
  readonly response: ServerResponse;
  readonly peer: Ipv4;
}

/** How a download stands still: since when, and how many bytes had left by then. */
export interface Stall {
  readonly milliseconds: number;
  readonly bytes: number;
}

interface Sending<T extends FileSend> {
  readonly send: T;
  readonly leftBefore: number;
  left: number;
  movedAt: Instant;
  isStalled: boolean;
}

/** Every answer that is being sent. */
export class FileSends<T extends FileSend> {
  readonly #clock: Clock;
  readonly #onStalled: (send: T, stall: Stall) => void;
  readonly #sendings = new Map<ServerResponse, Sending<T>>();
  readonly #endedByRack = new WeakSet<ServerResponse>();
  #timer: Timer | undefined;

  /** @param onStalled told once of each time that a download comes to a stand */
  constructor(clock: Clock, onStalled: (send: T, stall: Stall) => void) {
    this.#clock = clock;
    this.#onStalled = onStalled;
  }

  get size(): number {
    return this.#sendings.size;
  }

  begin(send: T): void {
    const { response } = send;
    const left = leftOf(response);
    this.#sendings.set(response, { send, leftBefore: left, left, movedAt: this.#clock.now(), isStalled: false });
    // Who listens has to end the connection itself.
    response.on('timeout', () => {
      this.#endedByRack.add(response);
      response.req.socket.destroy();
    });
    this.#timer ??= this.#clock.schedule(STALL_LOOK_MS, () => this.#look());
  }

  end({ response }: FileSend): void {
    this.#sendings.delete(response);
  }

  /** True for an answer that this rack gave up, because nobody took it. */
  endedByRack(response: ServerResponse): boolean {
    return this.#endedByRack.has(response);
  }

  /** Visits the address of each download, and when it was last seen to move. @returns how many there are */
  visitLoading(visit: (address: Ipv4, heardAt: Instant) => void): number {
    const now = this.#clock.now();
    for (const sending of this.#sendings.values()) {
      note(sending, now);
      visit(sending.send.peer, sending.movedAt);
    }
    return this.#sendings.size;
  }

  #look(): void {
    this.#timer = undefined;
    const now = this.#clock.now();
    for (const sending of this.#sendings.values()) {
      note(sending, now);
      if (sending.isStalled || later(sending.movedAt, STALLED_MS) > now) continue;
      sending.isStalled = true;
      const milliseconds = Math.round(now - sending.movedAt);
      this.#onStalled(sending.send, { milliseconds, bytes: Math.max(0, sending.left - sending.leftBefore) });
    }
    if (this.#sendings.size > 0) this.#timer = this.#clock.schedule(STALL_LOOK_MS, () => this.#look());
  }
}

function note(sending: Sending<FileSend>, now: Instant): void {
  const left = leftOf(sending.send.response);
  if (left === sending.left) return;
  sending.left = left;
  sending.movedAt = now;
  sending.isStalled = false;
}

/** Bytes of a connection that the operating system has taken. */
function leftOf({ req: { socket } }: ServerResponse): number {
  return socket.bytesWritten - socket.writableLength;
}
