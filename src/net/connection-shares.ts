// Shares out the connections of an HTTP door, so that nobody can take them from the others; and ends requests that do not come.
// Sources: RFC 9112 §9.3 (a connection may rest), §9.5 (and may be ended then); RFC 9110 §15.5.9 (408), §15.6.4 (503); `fair-shares.ts`.
//
//   connect ─┬─ a place is free, or somebody holds more than a fair share ─▶ served (`#serve`) ─▶ closed (`#leave`)
//            └─ none ─▶ waits unread (`#wait`) ─┬─ a place becomes free (`#serveWaiting`) ─▶ served
//                                               └─ after WAIT_MS_MAX (`#turnAway`) ─▶ 503 with Retry-After
//
// 1. At most `max` connections are served, and `waitingMax` wait; each of both is shared out by address and by network.
// 2. A connection that has waited for a whole request for RESTING_MS makes room for anybody: to end it costs its owner nothing but a new one.
// 3. A body that arrives at less than BODY_WINDOW_BYTES_MIN in BODY_WINDOW_MS is refused with 408, unless the handler is what is slow.
// 4. A connection for which another one speaks (`clientOf`) counts as its client's.
// 5. Of one connection, so many requests are answered at a time and no more (`pipelining.ts`).
// 6. No received byte is looked at here, and none is kept: bodies belong to node:http, which gives each chunk memory of its own.

import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { type Clock, type Instant, later, type Timer } from '../clock.ts';
import { FairShares, type Place } from '../fair-shares.ts';
import { withoutIpv4Mapping } from './address.ts';
import { hasBody, movedBy } from './body-places.ts';
import { boundParser, PIPELINED_MAX } from './pipelining.ts';

/** A body has to grow by so many bytes in each such time, in milliseconds, or to end. */
export const BODY_WINDOW_BYTES_MIN = 1024;
export const BODY_WINDOW_MS = 10_000;
/** How long a connection may wait for a place, in milliseconds. */
export const WAIT_MS_MAX = 20_000;
/** A connection that has waited for a whole request for so long gives way to anybody, in milliseconds. */
export const RESTING_MS = 5000;
/** How often all connections are looked at, in milliseconds. */
const LOOK_MS = 1000;
/** Connections that were told to go and may still read it, in milliseconds. */
const PARTING_MS = 2000;
/**
 * The most connections that may still read why they were ended. Anybody who is turned away fills it; beyond it others are cut without
 * a word. It empties by itself within PARTING_MS.
 */
export const PARTING_MAX = 256;
/** Of those who wait, so many are looked at in one turn of the event loop; while any of them is served, the next ones follow. */
const WAITING_LOOKS_MAX = 64;

const PARTING_FIELDS = 'Connection: close\r\nContent-Length: 0\r\n\r\n';
const UNAVAILABLE = `HTTP/1.1 503 Service Unavailable\r\nRetry-After: 5\r\n${PARTING_FIELDS}`;
const TIMED_OUT = `HTTP/1.1 408 Request Timeout\r\n${PARTING_FIELDS}`;

/** Why a connection is ended before its request was answered. */
export type ConnectionRefusal = 'too-many-connections' | 'too-slow' | 'body-gave-way' | 'tiny-chunks';

export interface ConnectionSharesOptions {
  readonly clock: Clock;
  /** The most connections that are served. */
  readonly max: number;
  /** The most that wait for a place beyond them. */
  readonly waitingMax: number;
  /** For whom a request speaks whose sender may speak for others; undefined: for its sender. */
  readonly clientOf?: ((request: IncomingMessage) => string | undefined) | undefined;
  readonly onServed?: (() => void) | undefined;
  /** `address` is empty when the peer was gone already. */
  readonly onRefused?: ((address: string, reason: ConnectionRefusal) => void) | undefined;
}

/** A body that is arriving. */
interface Arrival {
  readonly request: IncomingMessage;
  /** When the present window began, and what the connection had read by then. */
  since: Instant;
  bytesRead: number;
}

interface Connection {
  readonly socket: Socket;
  readonly server: Server;
  readonly name: string;
  readonly address: string;
  readonly since: Instant;
  /** Hands it to the HTTP server. */
  readonly serve: () => void;
  place: Place<Connection> | undefined;
  /** Requests that are being answered. */
  active: number;
  /** Further requests: counted, or none is taken because one was too many. */
  further: 'uncounted' | 'counted' | 'none';
  /** The newest of them. */
  response: ServerResponse | undefined;
  arrival: Arrival | undefined;
  /** Since when there is no request. */
  restingSince: Instant;
  /** Bytes that had been moved at the last look. */
  moved: number;
}

/** The two ends of a connection: what is the same of a TCP socket and of the TLS on top of it. */
const nameOf = ({ remoteAddress, remotePort, localAddress, localPort }: Socket): string =>
  `${remoteAddress} ${remotePort} ${localAddress} ${localPort}`;

/** One request more; after a refused one, none. */
function mayTake(connection: Connection): boolean {
  if (connection.place === undefined || connection.active >= PIPELINED_MAX) connection.further = 'none';
  return connection.further !== 'none';
}

/** The connections of one door, which may have several listeners. */
export class ConnectionShares {
  readonly #options: ConnectionSharesOptions;
  readonly #places: FairShares<Connection>;
  readonly #queue: FairShares<Connection>;
  /** Those that are served, by name. */
  readonly #served = new Map<string, Connection>();
  /** Those that wait for a place, first come first. */
  readonly #waiting = new Map<Connection, Place<Connection>>();
  /** Those that are served and wait for a request, the longest first. */
  readonly #resting = new Set<Connection>();
  readonly #parting = new Set<Socket>();
  #look: Timer | undefined;
  #servesSoon = false;

  constructor(options: ConnectionSharesOptions) {
    this.#options = options;
    this.#places = new FairShares({ max: options.max });
    this.#queue = new FairShares({ max: options.waitingMax });
  }

  /** Connections that are served. */
  get open(): number {
    return this.#served.size;
  }

  /** Connections that wait for a place. */
  get waiting(): number {
    return this.#waiting.size;
  }

  /** Takes over the connections of a server that does not listen yet. */
  guard(server: Server): void {
    const listeners = server.listeners('connection');
    server.removeAllListeners('connection');
    server.on('connection', (socket: Socket) => {
      const serve = (): void => {
        for (const listener of listeners) Reflect.apply(listener, server, [socket]);
      };
      this.#enter(server, socket, serve);
    });
    server.prependListener('request', (request, response) => this.#begin(request, response));
    // node:http would answer these by itself, uncounted; an unknown expectation may be passed over (RFC 9110 §10.1.1).
    server.on('checkExpectation', (request, response) => server.emit('request', request, response));
  }

  /** Connections that are served and count as those of this address. */
  countOf(address: string): number {
    return this.#places.countOf(address);
  }

  /** Ends the connection of a request that is not to be taken, with 503. */
  refuse(request: IncomingMessage, reason: ConnectionRefusal): void {
    this.#options.onRefused?.(request.socket.remoteAddress ?? '', reason);
    this.#part(request.socket, UNAVAILABLE);
  }

  /** Ends the connections without a request, those that wait for a place among them. @param server only its own */
  endResting(server?: Server): void {
    const isOwn = (connection: Connection): boolean => server === undefined || connection.server === server;
    for (const connection of [...this.#waiting.keys()].filter(isOwn)) this.#part(connection.socket, UNAVAILABLE);
    for (const connection of [...this.#resting].filter(isOwn)) connection.socket.destroySoon();
  }

  #enter(server: Server, socket: Socket, serve: () => void): void {
    const now = this.#options.clock.now();
    const address = withoutIpv4Mapping(socket.remoteAddress ?? '');
    if (address === '') {
      socket.destroy();
      return;
    }
    const connection: Connection = {
      socket,
      server,
      name: nameOf(socket),
      address,
      since: now,
      serve,
      place: undefined,
      active: 0,
      further: 'uncounted',
      response: undefined,
      arrival: undefined,
      restingSince: now,
      moved: 0,
    };
    socket.on('close', () => this.#leave(connection));
    if (!this.#tryToServe(connection)) this.#wait(connection);
    this.#lookLater();
  }

  #tryToServe(connection: Connection): boolean {
    let admission = this.#places.admit(connection.address, connection);
    if (admission.kind === 'refused' && this.#endSilent()) {
      admission = this.#places.admit(connection.address, connection);
    }
    if (admission.kind === 'refused') return false;
    connection.place = admission.place;
    connection.restingSince = this.#options.clock.now();
    this.#served.set(connection.name, connection);
    this.#resting.add(connection);
    if (admission.evicted !== undefined) this.#cut(admission.evicted);
    this.#options.onServed?.();
    connection.serve();
    return true;
  }

  /** Ends the connection that has waited longest for a request, if that is long enough. */
  #endSilent(): boolean {
    const [longest] = this.#resting;
    if (longest === undefined || this.#options.clock.now() < later(longest.restingSince, RESTING_MS)) return false;
    this.#cut(longest);
    return true;
  }

  #wait(connection: Connection): void {
    const { socket, address } = connection;
    // Nobody else listens yet, and an error that nobody hears ends the process.
    socket.on('error', () => undefined);
    const admission = this.#queue.admit(address, connection);
    if (admission.kind === 'refused') {
      this.#turnAway(connection);
      return;
    }
    this.#waiting.set(connection, admission.place);
    if (admission.evicted !== undefined) this.#turnAway(admission.evicted);
  }

  /** Tells one that waits that there is no place. */
  #turnAway(connection: Connection): void {
    this.#unqueue(connection);
    this.#options.onRefused?.(connection.address, 'too-many-connections');
    this.#part(connection.socket, UNAVAILABLE);
  }

  #unqueue(connection: Connection): void {
    const queued = this.#waiting.get(connection);
    if (queued === undefined) return;
    this.#waiting.delete(connection);
    this.#queue.release(queued);
  }

  /** Gives places to those who wait: once in a turn of the event loop, however many places became free in it. */
  #serveWaitingSoon(): void {
    if (this.#servesSoon || this.#waiting.size === 0) return;
    this.#servesSoon = true;
    setImmediate(() => {
      this.#servesSoon = false;
      this.#serveWaiting();
    });
  }

  #serveWaiting(): void {
    let looks = 0;
    const refused = new Set<string>();
    for (const connection of [...this.#waiting.keys()]) {
      if (looks >= WAITING_LOOKS_MAX) break;
      if (refused.has(connection.address) || !this.#waiting.has(connection)) continue;
      looks += 1;
      if (this.#tryToServe(connection)) this.#unqueue(connection);
      else refused.add(connection.address);
    }
    // Somebody was served, so the next ones may be, too.
    if (looks > refused.size) this.#serveWaitingSoon();
  }

  /** Ends a connection whose place is somebody else's now. */
  #cut(connection: Connection, reason: ConnectionRefusal = 'too-many-connections'): void {
    const { socket, response } = connection;
    this.#leave(connection);
    if (response !== undefined || reason === 'tiny-chunks') this.#options.onRefused?.(connection.address, reason);
    if (response === undefined || response.headersSent || reason === 'tiny-chunks') socket.destroy();
    else this.#part(response.req.socket, UNAVAILABLE);
  }

  #leave(connection: Connection): void {
    this.#unqueue(connection);
    this.#resting.delete(connection);
    if (this.#served.get(connection.name) === connection) this.#served.delete(connection.name);
    if (connection.place === undefined) return;
    this.#places.release(connection.place);
    connection.place = undefined;
    this.#serveWaitingSoon();
  }

  /** Says why, and ends: what was sent and not read is read away, for otherwise the answer would be lost with it (RFC 9112 §9.6). */
  #part(socket: Socket, words: string): void {
    if (this.#parting.has(socket)) return;
    if (this.#parting.size >= PARTING_MAX || !socket.writable) {
      socket.destroy();
      return;
    }
    this.#parting.add(socket);
    socket.end(words);
    socket.resume();
    const end = this.#options.clock.schedule(PARTING_MS, () => socket.destroy());
    socket.on('end', () => socket.destroySoon());
    socket.on('close', () => {
      end.cancel();
      this.#parting.delete(socket);
    });
  }

  #begin(request: IncomingMessage, response: ServerResponse): void {
    const connection = this.#served.get(nameOf(request.socket));
    if (connection?.place === undefined) return;
    if (connection.further === 'uncounted') {
      connection.further = 'counted';
      boundParser(
        request.socket,
        () => mayTake(connection),
        () => this.#cut(connection, 'tiny-chunks'),
      );
    }
    connection.active += 1;
    connection.response = response;
    this.#resting.delete(connection);
    this.#attribute(connection, this.#options.clientOf?.(request) ?? connection.address);
    if (hasBody(request)) {
      connection.arrival = { request, since: this.#options.clock.now(), bytesRead: connection.socket.bytesRead };
    }
    response.on('close', () => this.#end(connection, response));
  }

  #end(connection: Connection, response: ServerResponse): void {
    connection.active -= 1;
    if (connection.response === response) connection.response = undefined;
    if (connection.active > 0 || connection.place === undefined) return;
    if (connection.further === 'none') this.#part(response.req.socket, UNAVAILABLE);
    connection.arrival = undefined;
    connection.restingSince = this.#options.clock.now();
    this.#resting.add(connection);
  }

  /** Counts a connection as that of somebody from now on. */
  #attribute(connection: Connection, address: string): void {
    const { place } = connection;
    if (place === undefined) return;
    if (place.address === address) {
      this.#places.touch(place, false);
      return;
    }
    this.#places.release(place);
    const admission = this.#places.admit(address, connection);
    connection.place = admission.kind === 'admitted' ? admission.place : undefined;
  }

  #lookLater(): void {
    this.#look ??= this.#options.clock.schedule(LOOK_MS, () => {
      this.#look = undefined;
      this.#lookAtAll();
      if (this.#served.size > 0 || this.#waiting.size > 0) this.#lookLater();
    });
  }

  #lookAtAll(): void {
    const now = this.#options.clock.now();
    for (const connection of this.#served.values()) this.#lookAt(connection, now);
    for (const connection of [...this.#waiting.keys()]) {
      if (now < later(connection.since, WAIT_MS_MAX)) break;
      this.#turnAway(connection);
    }
    this.#serveWaitingSoon();
  }

  #lookAt(connection: Connection, now: Instant): void {
    const { place, socket } = connection;
    if (place === undefined) return;
    if (connection.active === 0) {
      if (!place.idle && now >= later(connection.restingSince, RESTING_MS)) this.#places.touch(place, true);
      return;
    }
    const moved = movedBy(socket);
    if (moved !== connection.moved) this.#places.touch(place, false);
    connection.moved = moved;
    if (connection.arrival !== undefined) this.#lookAtBody(connection, connection.arrival, now);
  }

  #lookAtBody(connection: Connection, arrival: Arrival, now: Instant): void {
    const { request } = arrival;
    if (request.complete) {
      connection.arrival = undefined;
      return;
    }
    const { bytesRead } = connection.socket;
    const isFast = bytesRead - arrival.bytesRead >= BODY_WINDOW_BYTES_MIN;
    // What was read and not taken shows that it is the handler for which one waits.
    if (isFast || request.readableLength > 0 || request.isPaused()) {
      arrival.since = now;
      arrival.bytesRead = bytesRead;
      return;
    }
    if (now < later(arrival.since, BODY_WINDOW_MS)) return;
    connection.arrival = undefined;
    this.#options.onRefused?.(connection.address, 'too-slow');
    if (connection.response?.headersSent === true) request.socket.destroy();
    else this.#part(request.socket, TIMED_OUT);
  }
}
