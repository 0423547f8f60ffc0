// Watches the files being sent: whether each still makes progress, and whether the rack ended it.
//
//   begin ─ look, every STALL_CHECK_MS ─┬─ bytes moved
//                                      └─ none for STALLED_MS ─▶ reported once, and again only after it has moved and stalled again
//   the connection's own time is up (`timeout`) ─▶ ended by the rack ─ endedByRack
//
// 1. Progress shows only piece by piece, as pieces are handed to a connection. A reader that needs
//    longer than STALLED_MS for a piece, at about 4 KiB/s, is therefore reported as stalled, with
//    no other effect.
// 2. Sending a piece costs nothing here.

import type { ServerResponse } from 'node:http';
import type { Ipv4 } from '../ground/address.ts';
import { type Clock, type Instant, later, type Timer } from '../ground/clock.ts';

/** A download without progress for this long has stalled, in milliseconds. */
export const STALLED_MS = 30_000;
/** How often the downloads are checked, in milliseconds. */
export const STALL_CHECK_MS = 5000;

/** One request being answered. */
interface FileSend {
  readonly response: ServerResponse;
  readonly peer: Ipv4;
}

/** For how long a download has stalled, and how many bytes it sent before. */
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

/** All answers being sent. */
export class FileSends<T extends FileSend> {
  readonly #clock: Clock;
  readonly #onStalled: (send: T, stall: Stall) => void;
  readonly #sendings = new Map<ServerResponse, Sending<T>>();
  readonly #endedByRack = new WeakSet<ServerResponse>();
  #timer: Timer | undefined;

  /** @param onStalled called once each time a download stalls */
  constructor(clock: Clock, onStalled: (send: T, stall: Stall) => void) {
    this.#clock = clock;
    this.#onStalled = onStalled;
  }

  get size(): number {
    return this.#sendings.size;
  }

  begin(send: T): void {
    const { response } = send;
    const left = countSentBytes(response);
    this.#sendings.set(response, { send, leftBefore: left, left, movedAt: this.#clock.now(), isStalled: false });
    // With a listener on `timeout`, Node leaves it to the listener to end the connection.
    response.on('timeout', () => {
      this.#endedByRack.add(response);
      response.req.socket.destroy();
    });
    this.#timer ??= this.#clock.schedule(STALL_CHECK_MS, () => this.#check());
  }

  end({ response }: FileSend): void {
    this.#sendings.delete(response);
  }

  /** True for an answer that the rack gave up, because the client took nothing of it. */
  endedByRack(response: ServerResponse): boolean {
    return this.#endedByRack.has(response);
  }

  /** Visits each download's address, with the time of its last progress. @returns the number of downloads */
  visitLoading(visit: (address: Ipv4, heardAt: Instant) => void): number {
    const now = this.#clock.now();
    for (const sending of this.#sendings.values()) {
      noteProgress(sending, now);
      visit(sending.send.peer, sending.movedAt);
    }
    return this.#sendings.size;
  }

  #check(): void {
    this.#timer = undefined;
    const now = this.#clock.now();
    for (const sending of this.#sendings.values()) {
      noteProgress(sending, now);
      if (sending.isStalled || later(sending.movedAt, STALLED_MS) > now) continue;
      sending.isStalled = true;
      const milliseconds = Math.round(now - sending.movedAt);
      this.#onStalled(sending.send, { milliseconds, bytes: Math.max(0, sending.left - sending.leftBefore) });
    }
    if (this.#sendings.size > 0) this.#timer = this.#clock.schedule(STALL_CHECK_MS, () => this.#check());
  }
}

function noteProgress(sending: Sending<FileSend>, now: Instant): void {
  const left = countSentBytes(sending.send.response);
  if (left === sending.left) return;
  sending.left = left;
  sending.movedAt = now;
  sending.isStalled = false;
}

/** The bytes of a connection that the operating system has accepted. */
function countSentBytes({ req: { socket } }: ServerResponse): number {
  return socket.bytesWritten - socket.writableLength;
}
