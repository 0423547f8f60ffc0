// Bounds how many requests of one HTTP connection are answered at a time. Source: RFC 9112 §9.3.2 (pipelining).
//
// 1. The request beyond the bound is not taken, and nothing behind it is read: one chunk of a connection holds thousands of requests, and
//    taking each only to refuse it costs tens of microseconds of everybody's time.
// 2. What was taken is answered, in order; then its owner ends the connection.
// 3. node:http has no such bound. Its parser drops the rest of a chunk where it is told that what follows is not HTTP; the connection and the
//    answers stay with node:http.

import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';

/**
 * The most requests of one connection that are answered at a time. Only its own client fills it: the connection ends after their answers.
 * It empties as answers are read.
 */
export const PIPELINED_MAX = 4;

/** What node:http returns to its parser for an upgrade: what follows in this chunk is not HTTP. */
const NOT_HTTP = 2;

/** The parser of a connection, as node:http keeps it: `onIncoming` takes a request whose header fields have come. */
interface Parser {
  onIncoming: (request: IncomingMessage, keepAlive: boolean) => number;
}

const isParser = (value: unknown): value is Parser =>
  typeof value === 'object' && value !== null && 'onIncoming' in value && typeof value.onIncoming === 'function';

/** Takes a request of a connection only if `mayTake` says so; behind one that is not taken, nothing is read. */
export function boundRequests(socket: Socket, mayTake: () => boolean): void {
  const parser: unknown = Reflect.get(socket, 'parser');
  if (!isParser(parser)) return;
  const take = parser.onIncoming;
  parser.onIncoming = (request, keepAlive) => {
    if (mayTake()) return Reflect.apply(take, parser, [request, keepAlive]);
    socket.pause();
    return NOT_HTTP;
  };
}
