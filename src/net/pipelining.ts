// Bounds how many requests of one HTTP connection are answered at a time. Source: RFC 9112 §9.3.2 (pipelining).
//
// 1. The request beyond the bound is not taken, and nothing behind it is read: one chunk of a connection holds thousands of requests, and
//    taking each only to refuse it costs tens of microseconds of everybody's time.
// 2. What was taken is answered, in order; then its owner ends the connection.
// 3. A body in chunks of an octet costs as much as thousands of requests, also behind an answer that was sent: such a connection ends.
// 4. node:http has no such bound. Its parser drops the rest of a chunk where it is told that what follows is not HTTP; the connection and the
//    answers stay with node:http.

import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';

/**
 * The most requests of one connection that are answered at a time. Only its own client fills it: the connection ends after their answers.
 * It empties as answers are read.
 */
export const PIPELINED_MAX = 4;

/** A body has so many octets in each of its pieces, on average, from PIECES_JUDGED pieces on: each costs the loop a microsecond. */
const PIECE_OCTETS_MIN = 32;
/** Pieces of a connection before they are judged: what comes by hand, or line by line, has fewer. */
export const PIECES_JUDGED = 1024;

/** Where node:http keeps what its parser calls with each piece of a body (HTTPParser.kOnBody). */
const ON_BODY = 3;

/** What node:http returns to its parser for an upgrade: what follows in this chunk is not HTTP. */
const NOT_HTTP = 2;

/** The parser of a connection, as node:http keeps it: `onIncoming` takes a request whose header fields have come. */
interface Parser {
  onIncoming: (request: IncomingMessage, keepAlive: boolean) => number;
}

const isParser = (value: unknown): value is Parser =>
  typeof value === 'object' && value !== null && 'onIncoming' in value && typeof value.onIncoming === 'function';

/** Bounds what the parser of a connection takes: requests, while `mayTake` says so, and bodies, until `endTiny` for tiny pieces. */
export function boundParser(socket: Socket, mayTake: () => boolean, endTiny: () => void): void {
  const parser: unknown = Reflect.get(socket, 'parser');
  if (!isParser(parser)) return;
  boundRequests(parser, socket, mayTake);
  boundPieces(parser, socket, endTiny);
}

/** Behind a request that is not taken, nothing is read. */
function boundRequests(parser: Parser, socket: Socket, mayTake: () => boolean): void {
  const take = parser.onIncoming;
  parser.onIncoming = (request, keepAlive) => {
    if (mayTake()) return Reflect.apply(take, parser, [request, keepAlive]);
    socket.pause();
    return NOT_HTTP;
  };
}

/** What is known of the bodies of the connection that a parser reads now; node:http uses its parsers for one connection after the other. */
interface Watch {
  readonly socket: Socket;
  readonly refuse: () => void;
  pieces: number;
  octets: number;
}

const watches = new WeakMap<object, Watch>();

/** Calls `refuse` where a connection sends bodies in tiny pieces, be the request answered already or not. */
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
