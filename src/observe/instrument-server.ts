// The listener of the instruments: /metrics for Prometheus, /healthz and /readyz for whoever starts and watches the service.
//
// 1. It answers GET and HEAD of these three paths and nothing else; requests and their times are bounded, and connections are shared out
//    by address and network.
// 2. A scrape costs the rack's thread milliseconds. So one is made at a time, and who asks meanwhile gets the same text; while many ask, a
//    text serves for a second.
// 3. Each address may ask so many times a second. What it asks beyond is answered late, so that asking on without a pause costs nothing.
// 4. A port that cannot be opened takes nothing down: it is told and tried again every LISTEN_RETRY_MS.

import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Clock, Timer } from '../clock.ts';
import { errorText, osErrorCode } from '../errors.ts';
import { formatIpv4, type Ipv4 } from '../net/address.ts';
import { ConnectionShares } from '../net/connection-shares.ts';
import { type Rate, RateLimit, RateLimits } from '../rate-limit.ts';
import { EXPOSITION_TYPE } from './exposition.ts';

// As in the boot listener: `import` would load an HTTP client that nobody here uses.
const { createServer } = process.getBuiltinModule('node:http');

/** How soon a port is tried again that could not be opened, in milliseconds. */
export const LISTEN_RETRY_MS = 30_000;
/**
 * The most connections of all listeners that are served. Whoever reaches a port can fill it; at the bound those who hold more than a fair
 * share lose one to each newcomer, so others notice nothing. It empties as requests are answered, and as connections rest.
 */
export const CONNECTIONS_MAX = 128;
/** The most that wait, unread, for one of those places; shared out alike. Beyond it they are answered with 503. 20 s empty it. */
export const WAITING_MAX = 16;
/**
 * Texts of /metrics that are made. Whoever asks without a pause fills it; others then read what was counted a second ago at the most. It
 * empties with time.
 */
export const SCRAPE_RATE: Rate = { perSecond: 1, burst: 20 };
/**
 * Requests of one address that are answered at once. Whoever asks without a pause fills it; what it asks beyond is answered 429, LATE_MS later.
 * Others notice nothing. It empties with time.
 */
export const ADDRESS_RATE: Rate = { perSecond: 20, burst: 100 };
/** Addresses whose rate is remembered. Whoever asks from more of them fills it: the one that came first begins anew. Others notice nothing. */
export const ADDRESSES_MAX = 1024;
/** How late an address that asks too often is answered, in milliseconds. */
export const LATE_MS = 1000;
const REQUEST_MS_MAX = 10_000;
const KEEP_ALIVE_MS = 65_000;
const HEADER_BYTES_MAX = 8 * 1024;

/** Where it listens. */
export interface InstrumentEndpoint {
  readonly address: Ipv4;
  readonly port: number;
}

/** What /readyz says. */
export interface Readiness {
  readonly ready: boolean;
  /** What is not ready, and why; empty when everything is. */
  readonly notReady: readonly { readonly what: string; readonly reason: string }[];
}

export interface InstrumentServerDeps {
  readonly clock: Clock;
  /** The text of /metrics. */
  readonly metrics: () => Promise<string>;
  readonly readiness: () => Readiness;
  readonly onListening: (endpoint: InstrumentEndpoint) => void;
  /** A port could not be opened, or not any more; `retryMs` until it is tried again. */
  readonly onFailed: (endpoint: InstrumentEndpoint, reason: string, retryMs: number) => void;
}

interface Door {
  readonly endpoint: InstrumentEndpoint;
  server: Server | undefined;
  retry: Timer | undefined;
  reason: string | undefined;
  closed: boolean;
}

const keyOf = ({ address, port }: InstrumentEndpoint): string => `${formatIpv4(address)}:${port}`;

/** Serves the instruments. */
export class InstrumentServer {
  readonly #deps: InstrumentServerDeps;
  readonly #doors = new Map<string, Door>();
  readonly #connections: ConnectionShares;
  readonly #scrapes = new RateLimit(SCRAPE_RATE);
  readonly #rates = new RateLimits<string>(ADDRESS_RATE, ADDRESSES_MAX);
  /** The scrape that is being made. */
  #scrape: Promise<Buffer> | undefined;
  /** The last one. */
  #scraped: Buffer | undefined;

  constructor(deps: InstrumentServerDeps) {
    this.#deps = deps;
    this.#connections = new ConnectionShares({ clock: deps.clock, max: CONNECTIONS_MAX, waitingMax: WAITING_MAX });
  }

  /** `address:port` of every listener that is open; the port is the real one when 0 was asked. */
  get listening(): readonly string[] {
    return [...this.#doors.values()].flatMap(({ server, endpoint }) => {
      const bound = server?.address();
      return typeof bound === 'object' && bound !== null ? [`${formatIpv4(endpoint.address)}:${bound.port}`] : [];
    });
  }

  /** Listens where `listen` says from now on; resolves when each was tried once. Never rejects. */
  async configure(listen: readonly InstrumentEndpoint[]): Promise<void> {
    const wanted = new Map(listen.map((endpoint) => [keyOf(endpoint), endpoint]));
    for (const [key, door] of this.#doors) {
      if (wanted.has(key)) continue;
      this.#doors.delete(key);
      this.#shut(door);
    }
    const opening: Promise<void>[] = [];
    for (const [key, endpoint] of wanted) {
      if (this.#doors.has(key)) continue;
      const door: Door = { endpoint, server: undefined, retry: undefined, reason: undefined, closed: false };
      this.#doors.set(key, door);
      opening.push(this.#open(door));
    }
    await Promise.all(opening);
  }

  close(): void {
    for (const door of this.#doors.values()) this.#shut(door);
    this.#doors.clear();
  }

  async #open(door: Door): Promise<void> {
    const { endpoint } = door;
    const server = createServer(
      {
        headersTimeout: REQUEST_MS_MAX,
        requestTimeout: REQUEST_MS_MAX,
        keepAliveTimeout: KEEP_ALIVE_MS,
        maxHeaderSize: HEADER_BYTES_MAX,
        requireHostHeader: false,
      },
      (request, response) => void this.#answer(request, response),
    );
    this.#connections.guard(server);
    const failure = await new Promise<unknown>((resolve) => {
      server.once('error', resolve);
      server.listen({ host: formatIpv4(endpoint.address), port: endpoint.port, exclusive: true }, () =>
        resolve(undefined),
      );
    });
    if (door.closed) {
      server.close();
      return;
    }
    if (failure !== undefined) {
      this.#tryLater(door, osErrorCode(failure) ?? errorText(failure));
      return;
    }
    // An error of accepting (too many open files): the next connection is tried anew.
    server.on('error', () => undefined);
    door.server = server;
    door.reason = undefined;
    this.#deps.onListening(endpoint);
  }

  #tryLater(door: Door, reason: string): void {
    // Told once for each reason, not at each try.
    if (door.reason !== reason) this.#deps.onFailed(door.endpoint, reason, LISTEN_RETRY_MS);
    door.reason = reason;
    door.retry = this.#deps.clock.schedule(LISTEN_RETRY_MS, () => void this.#open(door));
  }

  #shut(door: Door): void {
    const { server, retry } = door;
    door.closed = true;
    retry?.cancel();
    if (server === undefined) return;
    server.close();
    this.#connections.endResting(server);
    server.closeAllConnections();
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    try {
      const { clock } = this.#deps;
      if (!this.#rates.allows(request.socket.remoteAddress ?? '', clock.now())) {
        const { promise, resolve } = Promise.withResolvers<void>();
        clock.schedule(LATE_MS, resolve);
        await promise;
        response.setHeader('Retry-After', '1');
        send(request, response, 429, 'text/plain; charset=utf-8', 'this address asks too often\n');
        return;
      }
      if (request.method !== 'GET' && request.method !== 'HEAD') {
        send(request, response, 405, 'text/plain; charset=utf-8', 'only GET and HEAD are for these paths\n');
        return;
      }
      switch ((request.url ?? '').replace(/\?.*/, '')) {
        case '/metrics':
          send(request, response, 200, EXPOSITION_TYPE, await this.#scrapeOnce());
          return;
        case '/healthz':
          send(request, response, 200, 'text/plain; charset=utf-8', 'ok\n');
          return;
        case '/readyz': {
          const readiness = this.#deps.readiness();
          const text = `${JSON.stringify(readiness)}\n`;
          send(request, response, readiness.ready ? 200 : 503, 'application/json', text);
          return;
        }
        default:
          send(request, response, 404, 'text/plain; charset=utf-8', 'there are /metrics, /healthz and /readyz\n');
      }
    } catch (error) {
      send(request, response, 500, 'text/plain; charset=utf-8', `${errorText(error)}\n`);
    }
  }

  /** The text of now; while others ask too often, that of a second ago. */
  #scrapeOnce(): Promise<Buffer> {
    if (this.#scrape !== undefined) return this.#scrape;
    if (!this.#scrapes.allows(this.#deps.clock.now()) && this.#scraped !== undefined)
      return Promise.resolve(this.#scraped);
    this.#scrape = this.#makeScrape().finally(() => {
      this.#scrape = undefined;
    });
    return this.#scrape;
  }

  async #makeScrape(): Promise<Buffer> {
    this.#scraped = undefined;
    this.#scraped = Buffer.from(await this.#deps.metrics(), 'utf8');
    return this.#scraped;
  }
}

function send(
  request: IncomingMessage,
  response: ServerResponse,
  status: number,
  type: string,
  text: string | Buffer,
): void {
  const fields = { 'Content-Type': type, 'Content-Length': Buffer.byteLength(text), 'Cache-Control': 'no-store' };
  response.writeHead(status, fields);
  response.end(request.method === 'HEAD' ? undefined : text);
}
