// Judges whether the body of a request arrives fast enough.
//
// 1. A body that grows by less than BODY_WINDOW_BYTES_MIN in BODY_WINDOW_MS is too slow, unless the handler is slow.
// 2. No received byte is read here.

import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { type Instant, later } from '../../clock.ts';

/** The least growth of a body per BODY_WINDOW_MS (milliseconds), in bytes, unless it ends. */
const BODY_WINDOW_BYTES_MIN = 1024;
export const BODY_WINDOW_MS = 10_000;

/** A body that is arriving. */
export class ArrivingBody {
  readonly request: IncomingMessage;
  readonly #socket: Socket;
  /** When the current window began, and the bytes read by then. */
  #since: Instant;
  #bytesRead: number;

  /** @param socket the connection, whose bytes are counted: below TLS, if it has TLS */
  constructor(request: IncomingMessage, socket: Socket, now: Instant) {
    this.request = request;
    this.#socket = socket;
    this.#since = now;
    this.#bytesRead = socket.bytesRead;
  }

  /** Call it regularly, more often than once in BODY_WINDOW_MS. */
  judge(now: Instant): 'arriving' | 'whole' | 'too-slow' {
    const { request } = this;
    if (request.complete) return 'whole';
    const { bytesRead } = this.#socket;
    const isFast = bytesRead - this.#bytesRead >= BODY_WINDOW_BYTES_MIN;
    // Bytes read but not consumed mean that the server waits for the handler.
    if (isFast || request.readableLength > 0 || request.isPaused()) {
      this.#since = now;
      this.#bytesRead = bytesRead;
      return 'arriving';
    }
    return now < later(this.#since, BODY_WINDOW_MS) ? 'arriving' : 'too-slow';
  }
}
