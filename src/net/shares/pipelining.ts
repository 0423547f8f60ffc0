// Bounds how many requests of one HTTP connection are in progress. Source: RFC 9112 §9.3.2 (pipelining).
//
// 1. The request beyond the bound is not taken, and nothing behind it is read: one chunk of a connection may hold thousands of requests, and
//    taking each only to refuse it would cost every client tens of microseconds.
// 2. The taken requests are answered in order; then the connection's owner closes it.
// 3. A body in chunks of one octet costs as much as thousands of requests, even after its answer was sent: such a connection is closed.
// 4. node:http has no such bound. Its parser drops the rest of a chunk when `onIncoming` returns NOT_HTTP; the connection and the
//    answers stay with node:http.

import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';

/**
 * The most requests of one connection in progress. Only its own client can fill it; the connection then closes after their answers. It empties
 * as answers are read.
 */
export const PIPELINED_MAX = 4;

/** The least average octets per piece of a body, from PIECES_JUDGED pieces on: each piece costs the event loop a microsecond. */
const PIECE_OCTETS_MIN = 32;
/** How many pieces of a connection pass unjudged: a body sent by hand or line by line has fewer. */
export const PIECES_JUDGED = 1024;

/** The parser's callback for each piece of a body (HTTPParser.kOnBody). */
const ON_BODY = 3;

/** The return value of node:http's callback for an upgrade: the rest of the chunk is not HTTP. */
const NOT_HTTP = 2;

/** node:http's parser of a connection: `onIncoming` takes a request whose header fields are complete. */
interface Parser {
  onIncoming: (request: IncomingMessage, keepAlive: boolean) => number;
}

const isParser = (value: unknown): value is Parser =>
  typeof value === 'object' && value !== null && 'onIncoming' in value && typeof value.onIncoming === 'function';

/** Bounds a connection's parser: it takes requests while `mayTake` allows it, and `endTiny` is called for bodies in tiny pieces. */
export function boundParser(socket: Socket, mayTake: () => boolean, endTiny: () => void): void {
  const parser: unknown = Reflect.get(socket, 'parser');
  if (!isParser(parser)) return;
  boundRequests(parser, socket, mayTake);
  boundPieces(parser, socket, endTiny);
}

/** Stops reading at the first request that is not taken. */
function boundRequests(parser: Parser, socket: Socket, mayTake: () => boolean): void {
  const take = parser.onIncoming;
  parser.onIncoming = (request, keepAlive) => {
    if (mayTake()) return Reflect.apply(take, parser, [request, keepAlive]);
    socket.pause();
    return NOT_HTTP;
  };
}

/** The body counts of the connection that a parser reads now; node:http reuses parsers for later connections. */
interface Watch {
  readonly socket: Socket;
  readonly refuse: () => void;
  pieces: number;
  octets: number;
}

const watches = new WeakMap<object, Watch>();

/** Calls `refuse` if a connection sends bodies in tiny pieces, even after their answer. */
function boundPieces(parser: Parser, socket: Socket, refuse: () => void): void {
  const isWatched = watches.has(parser);
  watches.set(parser, { socket, refuse, pieces: 0, octets: 0 });
  const take: unknown = Reflect.get(parser, ON_BODY);
  if (isWatched || typeof take !== 'function') return;
  Reflect.set(parser, ON_BODY, (piece: Uint8Array) => {
    const watch = watches.get(parser);
    if (watch !== undefined && Reflect.get(parser, 'socket') === watch.socket) count(watch, piece.length);
    return Reflect.apply(take, parser, [piece]);
  });
}

function count(watch: Watch, octets: number): void {
  watch.pieces += 1;
  watch.octets += octets;
  if (watch.pieces < PIECES_JUDGED || watch.octets >= watch.pieces * PIECE_OCTETS_MIN) return;
  watch.pieces = Number.NEGATIVE_INFINITY;
  watch.refuse();
}
