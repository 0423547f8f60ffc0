// Shares out the connections of an HTTP server fairly, and ends requests whose body does not arrive.
// Sources: RFC 9112 §9.3 (a connection may be idle), §9.5 (and may then be closed); RFC 9110
// §15.5.9 (408), §15.6.4 (503); `net/shares/fair-shares.ts`.
//
//   connect ─┬─ a place is free, or an address holds more than a fair share ─▶ served (`#serve`) ─▶ closed (`#remove`)
//            └─ none ─▶ waits unread (`#wait`) ─┬─ a place becomes free (`#serveWaiting`) ─▶ served
//                                               └─ after WAIT_MS_MAX (`#refuseWaiting`) ─▶ 503 with Retry-After
//
// 1. At most `max` connections are served, and `waitingMax` wait; both kinds are shared out by
//    address and by network.
// 2. A connection without a whole request for RESTING_MS makes room for any newcomer.
// 3. A body that arrives too slowly (`http/body-arrival.ts`) is refused with 408.
// 4. A connection whose sender represents another client (`findClient`) counts as that client's.
// 5. A connection with more than PIPELINED_MAX requests in progress is closed at once (RFC 9112
//    §9.3.2: its client must expect that), and only a few requests of all connections begin in one
//    turn (`request-turns.ts`). node:http still parses the rest of the 64 KiB that it has read, and
//    lets these requests go.
// 6. No received byte is read or kept here.

import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { withoutIpv4Mapping } from '../../ground/address.ts';
import { type Clock, type Instant, later, type Timer } from '../../ground/clock.ts';
import { countMovedBytes, hasBody } from './body-places.ts';
import { FairQueue, FairShares, type Place } from './fair-shares.ts';
import { TINY_PIECES } from './joined-request.ts';
import { RequestTurns, takeOver } from './request-turns.ts';

// Sends refused clients the reason. Sources: RFC 9112 §9.6 (closing with unread input discards the
// answer); RFC 9110 §15.5.9 (408), §15.6.4 (503), §10.2.3 (Retry-After).

/** How long a refused connection is read, in milliseconds. */
const DRAINING_MS = 2000;
/**
 * The most refused connections that are still read. Refused clients fill it. Beyond it connections
 * close as soon as the reason is sent, which a client that is still sending may miss. It empties
 * within DRAINING_MS.
 */
export const DRAINING_MAX = 256;

const CLOSING_FIELDS = 'Connection: close\r\nContent-Length: 0\r\n\r\n';
const UNAVAILABLE = 'HTTP/1.1 503 Service Unavailable\r\nRetry-After: 5\r\n';
const TIMED_OUT = 'HTTP/1.1 408 Request Timeout\r\n';

class ClosingConnections {
  readonly #clock: Clock;
  readonly #fields: string;
  readonly #draining = new Set<Socket>();

  /** @param fields of every answer, each with its CRLF */
  constructor(clock: Clock, fields = '') {
    this.#clock = clock;
    this.#fields = fields;
  }

  /**
   * Answers with `words` and closes the connection, after draining its input if fewer than
   * DRAINING_MAX are read.
   */
  answerAndClose(socket: Socket, statusLine: string): void {
    if (this.#draining.has(socket)) return;
    if (!socket.writable) {
      socket.destroy();
      return;
    }
    socket.end(`${statusLine}${this.#fields}${CLOSING_FIELDS}`);
    if (this.#draining.size >= DRAINING_MAX) {
      socket.destroySoon();
      return;
    }
    this.#draining.add(socket);
    socket.resume();
    const endTimer = this.#clock.schedule(DRAINING_MS, () => socket.destroy());
    socket.on('end', () => socket.destroySoon());
    socket.on('close', () => {
      endTimer.cancel();
      this.#draining.delete(socket);
    });
  }
}

// Judges whether the body of a request arrives fast enough.
//
// 1. A body that grows by less than BODY_WINDOW_BYTES_MIN in BODY_WINDOW_MS is too slow, unless the
//    handler is slow.

/** The least growth of a body per BODY_WINDOW_MS (milliseconds), in bytes, unless it ends. */
const BODY_WINDOW_BYTES_MIN = 1024;
export const BODY_WINDOW_MS = 10_000;

class ArrivingBody {
  readonly request: IncomingMessage;
  readonly #socket: Socket;
  #windowStart: Instant;
  #bytesRead: number;

  /** @param socket the connection, whose bytes are counted: below TLS, if it has TLS */
  constructor(request: IncomingMessage, socket: Socket, now: Instant) {
    this.request = request;
    this.#socket = socket;
    this.#windowStart = now;
    this.#bytesRead = socket.bytesRead;
  }

  /** Judges a body's rate; call it more often than once in BODY_WINDOW_MS. */
  assess(now: Instant): 'arriving' | 'whole' | 'too-slow' {
    const { request } = this;
    if (request.complete) return 'whole';
    const { bytesRead } = this.#socket;
    const isFast = bytesRead - this.#bytesRead >= BODY_WINDOW_BYTES_MIN;
    // Bytes read but not consumed mean that the server waits for the handler.
    if (isFast || request.readableLength > 0 || request.isPaused()) {
      this.#windowStart = now;
      this.#bytesRead = bytesRead;
      return 'arriving';
    }
    return now < later(this.#windowStart, BODY_WINDOW_MS) ? 'arriving' : 'too-slow';
  }
}

/** How long a connection waits for a place, in milliseconds. */
export const WAIT_MS_MAX = 20_000;
/** A connection without a whole request for this long gives way to any newcomer, in milliseconds. */
export const RESTING_MS = 5000;
/**
 * How long a connection without a request survives the closing of its listener, in milliseconds:
 * its request may be on the way.
 */
export const UNASKED_MS = 500;
/**
 * The most requests of one connection in progress. Only its own client can exceed it, and loses
 * that connection.
 */
export const PIPELINED_MAX = 4;
/** How often all connections are checked, in milliseconds. */
const CHECK_MS = 1000;
/**
 * Waiting connections considered in one turn of the event loop; if any was served, the next turn
 * continues.
 */
const WAITING_CHECKS_MAX = 64;

/** Why a connection is closed before its request was answered. */
export type ConnectionRefusal = 'too-many-connections' | 'too-slow' | 'body-gave-way' | 'tiny-chunks';

interface ConnectionSharesOptions {
  readonly clock: Clock;
  readonly max: number;
  readonly waitingMax: number;
  /** Fields of the answers to refused clients, each with its CRLF; default: none. */
  readonly fields?: string | undefined;
  /**
   * The client that a request represents, if its sender may represent others; `undefined` for the
   * sender itself.
   */
  readonly findClient?: ((request: IncomingMessage) => string | undefined) | undefined;
  readonly onServed?: (() => void) | undefined;
  readonly onRefused?: ((address: string, reason: ConnectionRefusal) => void) | undefined;
}

interface Connection {
  readonly socket: Socket;
  readonly server: Server;
  readonly name: string;
  readonly address: string;
  readonly acceptedAt: Instant;
  readonly serve: () => void;
  /** The client of its latest request (invariant 4); before the first one, its address. */
  client: string;
  place: Place<Connection> | undefined;
  /** Requests in progress. */
  activeRequests: number;
  hasAsked: boolean;
  response: ServerResponse | undefined;
  arrival: ArrivingBody | undefined;
  /** Since when the connection has no request. */
  restingSince: Instant;
  movedBytes: number;
}

/** The two ends of a connection: the same for a TCP socket and for TLS on top of it. */
const formatSocketPair = ({ remoteAddress, remotePort, localAddress, localPort }: Socket): string =>
  `${remoteAddress} ${remotePort} ${localAddress} ${localPort}`;

/** The connections of one server, which may have several listeners. */
export class ConnectionShares {
  readonly #options: ConnectionSharesOptions;
  readonly #places: FairShares<Connection>;
  /** Waiting connections. */
  readonly #queue: FairQueue<Connection>;
  readonly #requests: RequestTurns;
  /** Served connections, by name. */
  readonly #servedConnections = new Map<string, Connection>();
  /** Served connections without a request, longest idle first. */
  readonly #resting = new Set<Connection>();
  readonly #closing: ClosingConnections;
  #checkTimer: Timer | undefined;
  #isServeScheduled = false;

  constructor(options: ConnectionSharesOptions) {
    this.#options = options;
    this.#places = new FairShares({ max: options.max });
    this.#queue = new FairQueue(options.waitingMax);
    this.#requests = new RequestTurns(options.clock);
    this.#closing = new ClosingConnections(options.clock, options.fields);
  }

  /** Served connections. */
  get servedCount(): number {
    return this.#servedConnections.size;
  }

  /** Waiting connections. */
  get waitingCount(): number {
    return this.#queue.size;
  }

  /** Takes over the connections of a server. Call it before the server listens. */
  guard(server: Server): void {
    const serve = takeOver(server, 'connection');
    server.on('connection', (socket: Socket) => this.#accept(server, socket, () => serve(socket)));
    this.#requests.guard(server, (request, response) => this.#beginRequest(request, response));
    // node:http would answer these itself, uncounted; an unknown expectation may be ignored (RFC
    // 9110 §10.1.1).
    server.on('checkExpectation', (request, response) => server.emit('request', request, response));
  }

  getCount(address: string): number {
    return this.#places.getCount(address);
  }

  /** Refuses a request with 503 and closes its connection. */
  refuse(request: IncomingMessage, reason: ConnectionRefusal, client?: string): void {
    this.#options.onRefused?.(client ?? request.socket.remoteAddress ?? '', reason);
    this.#closing.answerAndClose(request.socket, UNAVAILABLE);
  }

  /**
   * Closes idle connections, including waiting ones. Spares those that may still send a request
   * within UNASKED_MS: call it again for these.
   */
  endResting(server?: Server): void {
    const now = this.#options.clock.now();
    const isOwn = (connection: Connection): boolean => server === undefined || connection.server === server;
    for (const connection of [...this.#queue].filter(isOwn))
      this.#closing.answerAndClose(connection.socket, UNAVAILABLE);
    for (const connection of [...this.#resting].filter(isOwn)) {
      const mayAsk = !connection.hasAsked && now < later(connection.acceptedAt, UNASKED_MS);
      if (!mayAsk) connection.socket.destroySoon();
    }
  }

  #accept(server: Server, socket: Socket, serve: () => void): void {
    const now = this.#options.clock.now();
    const address = withoutIpv4Mapping(socket.remoteAddress ?? '');
    if (address === '') {
      socket.destroy();
      return;
    }
    const connection: Connection = {
      socket,
      server,
      name: formatSocketPair(socket),
      address,
      acceptedAt: now,
      serve,
      client: address,
      place: undefined,
      activeRequests: 0,
      hasAsked: false,
      response: undefined,
      arrival: undefined,
      restingSince: now,
      movedBytes: 0,
    };
    socket.on('close', () => this.#remove(connection));
    if (!this.#tryToServe(connection)) this.#wait(connection);
    this.#scheduleCheck();
  }

  #tryToServe(connection: Connection): boolean {
    let admission = this.#places.admit(connection.address, connection);
    if (admission.kind === 'refused' && this.#evictSilent()) {
      admission = this.#places.admit(connection.address, connection);
    }
    if (admission.kind === 'refused') return false;
    connection.place = admission.place;
    connection.restingSince = this.#options.clock.now();
    this.#servedConnections.set(connection.name, connection);
    this.#resting.add(connection);
    if (admission.evicted !== undefined) this.#closeEvicted(admission.evicted);
    this.#options.onServed?.();
    connection.serve();
    return true;
  }

  /** Closes the connection that has been idle longest, if it was idle for at least RESTING_MS. */
  #evictSilent(): boolean {
    const [longestIdle] = this.#resting;
    if (longestIdle === undefined || this.#options.clock.now() < later(longestIdle.restingSince, RESTING_MS))
      return false;
    this.#closeEvicted(longestIdle);
    return true;
  }

  #wait(connection: Connection): void {
    const { socket, address } = connection;
    // No other listener exists yet, and an unhandled error would end the process.
    socket.on('error', () => undefined);
    const displaced = this.#queue.enter(address, connection);
    if (displaced !== undefined) this.#refuseWaiting(displaced);
  }

  #refuseWaiting(connection: Connection): void {
    this.#queue.leave(connection);
    this.#options.onRefused?.(connection.address, 'too-many-connections');
    this.#closing.answerAndClose(connection.socket, UNAVAILABLE);
  }

  /**
   * Serves waiting connections at most once per turn of the event loop, however many places became
   * free in it.
   */
  #scheduleServeWaiting(): void {
    if (this.#isServeScheduled || this.#queue.size === 0) return;
    this.#isServeScheduled = true;
    setImmediate(() => {
      this.#isServeScheduled = false;
      this.#serveWaiting();
    });
  }

  #serveWaiting(): void {
    let checkedCount = 0;
    const refusedAddresses = new Set<string>();
    for (const connection of [...this.#queue]) {
      if (checkedCount >= WAITING_CHECKS_MAX) break;
      if (refusedAddresses.has(connection.address) || !this.#queue.has(connection)) continue;
      checkedCount += 1;
      if (this.#tryToServe(connection)) this.#queue.leave(connection);
      else refusedAddresses.add(connection.address);
    }
    // A connection was served, so the next ones may be too.
    if (checkedCount > refusedAddresses.size) this.#scheduleServeWaiting();
  }

  /** Closes a connection that lost its place. */
  #closeEvicted(connection: Connection, reason: ConnectionRefusal = 'too-many-connections'): void {
    const { socket, response, server } = connection;
    this.#remove(connection);
    if (response !== undefined || reason === 'tiny-chunks') this.#options.onRefused?.(connection.client, reason);
    if (reason === 'tiny-chunks' || response?.headersSent === true) socket.destroy();
    else if (response !== undefined) this.#closing.answerAndClose(response.req.socket, UNAVAILABLE);
    // The client may be about to send a request, so it gets the reason. Below TLS no text can be
    // sent, so a TLS connection is only closed.
    else if ('setSecureContext' in server) socket.destroy();
    else this.#closing.answerAndClose(socket, UNAVAILABLE);
  }

  #remove(connection: Connection): void {
    this.#queue.leave(connection);
    this.#resting.delete(connection);
    if (this.#servedConnections.get(connection.name) === connection) this.#servedConnections.delete(connection.name);
    if (connection.place === undefined) return;
    this.#places.release(connection.place);
    connection.place = undefined;
    this.#scheduleServeWaiting();
  }

  /** @returns the client that the request counts for; `undefined` if its connection is closed */
  #beginRequest(request: IncomingMessage, response: ServerResponse): string | undefined {
    const connection = this.#servedConnections.get(formatSocketPair(request.socket));
    if (connection?.place === undefined) return undefined;
    if (connection.activeRequests >= PIPELINED_MAX) {
      this.#remove(connection);
      connection.socket.destroy();
      return undefined;
    }
    connection.hasAsked = true;
    connection.activeRequests += 1;
    connection.response = response;
    this.#resting.delete(connection);
    const client = this.#options.findClient?.(request) ?? connection.address;
    this.#attribute(connection, client);
    if (hasBody(request)) this.#watchBody(connection, request, response);
    response.on('close', () => this.#endRequest(connection, response));
    return client;
  }

  #watchBody(connection: Connection, request: IncomingMessage, response: ServerResponse): void {
    connection.arrival = new ArrivingBody(request, connection.socket, this.#options.clock.now());
    request.once(TINY_PIECES, () => this.#closeEvicted(connection, 'tiny-chunks'));
    // node:http would drop, uncounted, the pieces of a body that nobody has read until its answer is sent.
    response.prependListener('finish', () => {
      if (request.readableFlowing === null) request.resume().read(0);
    });
  }

  #endRequest(connection: Connection, response: ServerResponse): void {
    connection.activeRequests -= 1;
    if (connection.response === response) connection.response = undefined;
    if (connection.activeRequests > 0 || connection.place === undefined) return;
    connection.arrival = undefined;
    connection.restingSince = this.#options.clock.now();
    this.#resting.add(connection);
  }

  #attribute(connection: Connection, address: string): void {
    const { place } = connection;
    connection.client = address;
    if (place === undefined) return;
    if (place.address === address) {
      this.#places.touch(place, false);
      return;
    }
    this.#places.release(place);
    const admission = this.#places.admit(address, connection);
    connection.place = admission.kind === 'admitted' ? admission.place : undefined;
  }

  #scheduleCheck(): void {
    this.#checkTimer ??= this.#options.clock.schedule(CHECK_MS, () => {
      this.#checkTimer = undefined;
      this.#checkAll();
      if (this.#servedConnections.size > 0 || this.#queue.size > 0) this.#scheduleCheck();
    });
  }

  #checkAll(): void {
    const now = this.#options.clock.now();
    for (const connection of this.#servedConnections.values()) this.#checkConnection(connection, now);
    for (const connection of [...this.#queue]) {
      if (now < later(connection.acceptedAt, WAIT_MS_MAX)) break;
      this.#refuseWaiting(connection);
    }
    this.#scheduleServeWaiting();
  }

  #checkConnection(connection: Connection, now: Instant): void {
    const { place, socket } = connection;
    if (place === undefined) return;
    if (connection.activeRequests === 0) {
      if (!place.isIdle && now >= later(connection.restingSince, RESTING_MS)) this.#places.touch(place, true);
      return;
    }
    const movedBytes = countMovedBytes(socket);
    if (movedBytes !== connection.movedBytes) this.#places.touch(place, false);
    connection.movedBytes = movedBytes;
    if (connection.arrival !== undefined) this.#checkBody(connection, connection.arrival, now);
  }

  #checkBody(connection: Connection, body: ArrivingBody, now: Instant): void {
    const state = body.assess(now);
    if (state === 'arriving') return;
    connection.arrival = undefined;
    if (state === 'whole') return;
    this.#options.onRefused?.(connection.client, 'too-slow');
    const { socket } = body.request;
    if (connection.response?.headersSent === true) socket.destroy();
    else this.#closing.answerAndClose(socket, TIMED_OUT);
  }
}
