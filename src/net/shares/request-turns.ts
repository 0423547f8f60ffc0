// Begins a few requests of an HTTP door in each turn of the event loop, client by client.
// Sources: libuv `uv__server_io` (one connection is accepted in each turn); `net/shares/turn-queue.ts`.
//
// 1. A turn stays short however many connections send requests at once. A new connection waits in the kernel's queue for one turn for each
//    connection before it: if turns took 200 ms, it could wait a minute.
// 2. A connection whose request waits sends only a few further ones (PIPELINED_MAX), so it does not lengthen later turns.
// 3. A client with a single request does not wait for clients that send requests without a pause.

import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Clock } from '../../clock.ts';
import { type TurnBounds, Turns } from '../../turns.ts';
import { TurnQueue } from './turn-queue.ts';

/**
 * The most requests that begin as they arrive in one turn of the event loop; as many waiting ones may begin besides. Every turn empties it.
 */
export const TURN_REQUESTS_MAX = 4;
/** The most requests of one door that wait for their turn: as many as all its connections can send. Turns empty it. */
export const WAITING_REQUESTS_MAX = 4096;
/** Requests begin in every turn, without a rest: between two turns everything else is served. */
const BEGINNINGS: TurnBounds = { turnWork: TURN_REQUESTS_MAX, shareWork: 1, timeShare: 1, stretchMs: Infinity };

interface Asked {
  readonly response: ServerResponse;
  readonly handle: () => void;
}

/** Takes the listeners of an event away from a server. @returns a function that calls them */
export function takeOver(server: Server, event: string): (...values: readonly unknown[]) => void {
  const listeners = server.listeners(event);
  server.removeAllListeners(event);
  return (...values) => {
    for (const listener of listeners) Reflect.apply(listener, server, values);
  };
}

/** The requests of one door that wait to begin. */
export class RequestTurns {
  readonly #queue: TurnQueue<Asked>;

  constructor(clock: Clock) {
    this.#queue = new TurnQueue({
      turns: new Turns(clock, BEGINNINGS, () => undefined),
      max: WAITING_REQUESTS_MAX,
      addressMax: WAITING_REQUESTS_MAX,
      take: ({ response, handle }) => {
        if (!response.destroyed && !response.req.socket.destroyed) handle();
      },
      // Only requests whose connections have ended since can exceed the bound.
      drop: ({ response }) => void response.destroy(),
    });
  }

  /** Takes over the requests of a server. @param begin called for each at once; returns the client that it counts for; undefined: it is let go */
  guard(server: Server, begin: (request: IncomingMessage, response: ServerResponse) => string | undefined): void {
    const handle = takeOver(server, 'request');
    server.on('request', (request, response) => {
      const client = begin(request, response);
      if (client !== undefined) this.#queue.offer(client, { response, handle: () => handle(request, response) });
    });
  }
}
