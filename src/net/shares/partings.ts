// Sends refused clients the reason, and closes their connections. Sources: RFC 9112 §9.6 (closing with unread input discards the answer);
// RFC 9110 §15.5.9 (408), §15.6.4 (503), §10.2.3 (Retry-After).

import type { Socket } from 'node:net';
import type { Clock } from '../../clock.ts';

/** How long a refused connection is read until it has its answer, in milliseconds. */
const PARTING_MS = 2000;
/**
 * The most refused connections that are read until their client has the reason. Refused clients fill it. Beyond it connections are closed
 * as soon as the reason is sent, and a client that is still sending may not get it. It empties within PARTING_MS.
 */
export const PARTING_MAX = 256;

const END = 'Connection: close\r\nContent-Length: 0\r\n\r\n';
/** The beginnings of answers. */
export const UNAVAILABLE = 'HTTP/1.1 503 Service Unavailable\r\nRetry-After: 5\r\n';
export const TIMED_OUT = 'HTTP/1.1 408 Request Timeout\r\n';

/** The refused connections of one door. */
export class Partings {
  readonly #clock: Clock;
  readonly #fields: string;
  readonly #parting = new Set<Socket>();

  /** @param fields of every answer, each with its CRLF */
  constructor(clock: Clock, fields = '') {
    this.#clock = clock;
    this.#fields = fields;
  }

  /** Sends an answer that begins with `words`, and closes the connection. While fewer than PARTING_MAX are read, its unread input is drained first. */
  tell(socket: Socket, words: string): void {
    if (this.#parting.has(socket)) return;
    if (!socket.writable) {
      socket.destroy();
      return;
    }
    socket.end(`${words}${this.#fields}${END}`);
    if (this.#parting.size >= PARTING_MAX) {
      socket.destroySoon();
      return;
    }
    this.#parting.add(socket);
    socket.resume();
    const end = this.#clock.schedule(PARTING_MS, () => socket.destroy());
    socket.on('end', () => socket.destroySoon());
    socket.on('close', () => {
      end.cancel();
      this.#parting.delete(socket);
    });
  }
}
