// Begins a few requests of an HTTP server in each turn, client by client. Sources: libuv
// `uv__server_io` (one connection is accepted in each turn); `net/shares/turn-queue.ts`.
//
// 1. A turn stays short however many connections send requests at once. A new connection waits a
//    turn for each one before it in the kernel's queue: if turns took 200 ms, it could wait a
// 2. A waiting connection sends at most PIPELINED_MAX further requests.
// 2. A waiting connection sends only PIPELINED_MAX further requests.
// 3. A client with one request does not wait for clients that never pause.

import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Clock } from '../../ground/clock.ts';
import { type TurnBounds, Turns } from '../../ground/turns.ts';
import { TurnQueue } from './turn-queue.ts';

/** Requests that begin as they arrive in one turn; as many waiting ones besides. Every turn empties it. */
export const TURN_REQUESTS_MAX = 4;
/** Requests of one server that wait: as many as all its connections can send. Turns empty it. */
export const WAITING_REQUESTS_MAX = 4096;
/** Requests begin in every turn, without a rest: between two turns everything else is served. */
const REQUEST_BOUNDS: TurnBounds = { turnWork: TURN_REQUESTS_MAX, shareWork: 1, timeShare: 1, stretchMs: Infinity };

interface WaitingRequest {
  readonly response: ServerResponse;
  readonly handle: () => void;
}

/** @returns a function that calls the former listeners */
export function takeOver(server: Server, event: string): (...values: readonly unknown[]) => void {
  const listeners = server.listeners(event);
  server.removeAllListeners(event);
  return (...values) => {
    for (const listener of listeners) Reflect.apply(listener, server, values);
  };
}

export class RequestTurns {
  readonly #queue: TurnQueue<WaitingRequest>;

  constructor(clock: Clock) {
    this.#queue = new TurnQueue({
      turns: new Turns(clock, REQUEST_BOUNDS, () => undefined),
      max: WAITING_REQUESTS_MAX,
      addressMax: WAITING_REQUESTS_MAX,
      serve: ({ response, handle }) => {
        if (!response.destroyed && !response.req.socket.destroyed) handle();
      },
      // Only requests of ended connections can exceed the bound.
      drop: ({ response }) => void response.destroy(),
    });
  }

  /**
   * @param begin called at once for each request; returns the client that the request counts for,
   * or `undefined` to drop the request
   */
  guard(server: Server, begin: (request: IncomingMessage, response: ServerResponse) => string | undefined): void {
    const handle = takeOver(server, 'request');
    server.on('request', (request, response) => {
      const client = begin(request, response);
      if (client !== undefined) this.#queue.offer(client, { response, handle: () => handle(request, response) });
    });
  }
}
