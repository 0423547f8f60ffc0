// The HTTP listener of the instruments: /metrics for Prometheus, /healthz and /readyz for supervisors.
//
// 1. It answers only GET and HEAD of these three paths, within a time; connections are shared out
//    by address and network.
// 2. A scrape costs the rack's thread milliseconds: one is rendered at a time, shared, and under
//    load reused for a second.
// 3. Requests beyond the rate of an address are answered late, so that a client in a tight loop
//    costs nothing.
// 4. A port that cannot be opened affects nothing else: it is reported, and retried every LISTEN_RETRY_MS.

import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { formatIpv4, type Ipv4 } from '../ground/address.ts';
import { type Clock, pause, type Timer } from '../ground/clock.ts';
import { errorText, osErrorCode } from '../ground/errors.ts';
import { type Rate, RateLimit, RateLimits } from '../ground/rate-limit.ts';
import { ConnectionShares } from '../net/shares/connection-shares.ts';
import { JOINED_REQUEST_OPTIONS } from '../net/shares/joined-request.ts';
import { socketError } from '../net/socket-error.ts';
import { EXPOSITION_TYPE } from './exposition.ts';

/** How soon a port that could not be opened is retried, in milliseconds. */
const LISTEN_RETRY_MS = 30_000;
/**
 * The most served connections of all listeners. Any host that reaches a port can fill it; at the
 * bound, hosts with more than a fair share lose one to each newcomer, so others notice nothing. It
 * empties as requests are answered and idle connections close.
 */
export const CONNECTIONS_MAX = 128;
/**
 * The most connections that wait, unread, for one of those places; shared out in the same way.
 * Further ones get a 503. It empties within 20 s.
 */
export const WAITING_MAX = 16;
/**
 * The rate of rendering /metrics. A client in a tight loop can use it up; others then get numbers
 * that are at most a second old. It refills with time.
 */
const SCRAPE_RATE: Rate = { perSecond: 1, burst: 20 };
/**
 * The request rate of one address. A client in a tight loop can use it up; its further requests get
 * a 429 after LATE_MS. Others notice nothing. It refills with time.
 */
const ADDRESS_RATE: Rate = { perSecond: 20, burst: 100 };
/**
 * The most addresses with a recorded rate. A host with more addresses can fill it; the oldest then
 * starts afresh. Others notice nothing.
 */
const ADDRESSES_MAX = 1024;
/** The delay of a 429 response, in milliseconds. */
const LATE_MS = 1000;
const REQUEST_MS_MAX = 10_000;
const KEEP_ALIVE_MS = 65_000;
const HEADER_BYTES_MAX = 8 * 1024;

interface InstrumentEndpoint {
  readonly address: Ipv4;
  readonly port: number;
}

/** The content of /readyz. */
export interface Readiness {
  readonly ready: boolean;
  readonly notReady: readonly { readonly what: string; readonly reason: string }[];
}

interface InstrumentServerDeps {
  readonly clock: Clock;
  readonly metrics: () => Promise<string>;
  /**
   * Called for each request to /readyz. If it takes time, it must be bounded, and shared by
   * concurrent requests.
   */
  readonly readiness: () => Readiness | Promise<Readiness>;
  readonly onListening: (endpoint: InstrumentEndpoint) => void;
  /** A port could not be opened; it is retried after `retryMs`. */
  readonly onFailed: (endpoint: InstrumentEndpoint, reason: string, retryMs: number) => void;
}

interface Listener {
  readonly endpoint: InstrumentEndpoint;
  server: Server | undefined;
  retryTimer: Timer | undefined;
  reason: string | undefined;
  isClosed: boolean;
}

/** Serves the instruments. */
export class InstrumentServer {
  readonly #deps: InstrumentServerDeps;
  readonly #listeners = new Map<string, Listener>();
  readonly #connections: ConnectionShares;
  readonly #scrapeLimit = new RateLimit(SCRAPE_RATE);
  readonly #addressLimits = new RateLimits<string>(ADDRESS_RATE, ADDRESSES_MAX);
  #pendingScrape: Promise<Buffer> | undefined;
  #lastScrape: Buffer | undefined;

  constructor(deps: InstrumentServerDeps) {
    this.#deps = deps;
    this.#connections = new ConnectionShares({ clock: deps.clock, max: CONNECTIONS_MAX, waitingMax: WAITING_MAX });
  }

  /** `address:port` of every open listener; the actual port if 0 was configured. */
  get listening(): readonly string[] {
    return [...this.#listeners.values()].flatMap(({ server, endpoint }) => {
      const boundAddress = server?.address();
      return typeof boundAddress === 'object' && boundAddress !== null
        ? [`${formatIpv4(endpoint.address)}:${boundAddress.port}`]
        : [];
    });
  }

  get problems(): readonly string[] {
    return [...this.#listeners.values()].flatMap(({ endpoint, reason }) =>
      reason === undefined
        ? []
        : [socketError(reason, { ...endpoint, protocol: 'TCP', setting: 'metrics.listen' }).message],
    );
  }

  /** Listens on these addresses; resolves when each was tried once. Never rejects. */
  async configure(listen: readonly InstrumentEndpoint[]): Promise<void> {
    const wantedEndpoints = new Map(
      listen.map((endpoint) => [`${formatIpv4(endpoint.address)}:${endpoint.port}`, endpoint]),
    );
    for (const [key, listener] of this.#listeners) {
      if (wantedEndpoints.has(key)) continue;
      this.#listeners.delete(key);
      this.#closeListener(listener);
    }
    const opening: Promise<void>[] = [];
    for (const [key, endpoint] of wantedEndpoints) {
      if (this.#listeners.has(key)) continue;
      const listener: Listener = {
        endpoint,
        server: undefined,
        retryTimer: undefined,
        reason: undefined,
        isClosed: false,
      };
      this.#listeners.set(key, listener);
      opening.push(this.#openListener(listener));
    }
    await Promise.all(opening);
  }

  close(): void {
    for (const listener of this.#listeners.values()) this.#closeListener(listener);
    this.#listeners.clear();
  }

  async #openListener(listener: Listener): Promise<void> {
    const { endpoint } = listener;
    const server = createServer(
      {
        headersTimeout: REQUEST_MS_MAX,
        requestTimeout: REQUEST_MS_MAX,
        keepAliveTimeout: KEEP_ALIVE_MS,
        maxHeaderSize: HEADER_BYTES_MAX,
        requireHostHeader: false,
        ...JOINED_REQUEST_OPTIONS,
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
    if (listener.isClosed) {
      server.close();
      return;
    }
    if (failure !== undefined) {
      this.#retryLater(listener, osErrorCode(failure) ?? errorText(failure));
      return;
    }
    // A failed accept (too many open files) does not affect the next connection.
    server.on('error', () => undefined);
    listener.server = server;
    listener.reason = undefined;
    this.#deps.onListening(endpoint);
  }

  #retryLater(listener: Listener, reason: string): void {
    // Report each reason once, not at each attempt.
    if (listener.reason !== reason) this.#deps.onFailed(listener.endpoint, reason, LISTEN_RETRY_MS);
    listener.reason = reason;
    listener.retryTimer = this.#deps.clock.schedule(LISTEN_RETRY_MS, () => void this.#openListener(listener));
  }

  #closeListener(listener: Listener): void {
    const { server, retryTimer } = listener;
    listener.isClosed = true;
    retryTimer?.cancel();
    if (server === undefined) return;
    server.close();
    this.#connections.endResting(server);
    server.closeAllConnections();
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    try {
      const { clock } = this.#deps;
      if (!this.#addressLimits.allows(request.socket.remoteAddress ?? '', clock.now())) {
        await pause(clock, LATE_MS);
        response.setHeader('Retry-After', '1');
        sendText(request, response, 429, 'text/plain; charset=utf-8', 'too many requests from this address\n');
        return;
      }
      if (request.method !== 'GET' && request.method !== 'HEAD') {
        sendText(request, response, 405, 'text/plain; charset=utf-8', 'only GET and HEAD are allowed\n');
        return;
      }
      switch ((request.url ?? '').replace(/\?.*/, '')) {
        case '/metrics':
          sendText(request, response, 200, EXPOSITION_TYPE, await this.#scrapeOnce());
          return;
        case '/healthz':
          sendText(request, response, 200, 'text/plain; charset=utf-8', 'ok\n');
          return;
        case '/readyz': {
          const readiness = await this.#deps.readiness();
          const text = `${JSON.stringify(readiness)}\n`;
          sendText(request, response, readiness.ready ? 200 : 503, 'application/json', text);
          return;
        }
        default:
          sendText(
            request,
            response,
            404,
            'text/plain; charset=utf-8',
            'the paths are /metrics, /healthz and /readyz\n',
          );
      }
    } catch (error) {
      sendText(request, response, 500, 'text/plain; charset=utf-8', `${errorText(error)}\n`);
    }
  }

  /** A fresh scrape, or the last one while the rate is used up. */
  #scrapeOnce(): Promise<Buffer> {
    if (this.#pendingScrape !== undefined) return this.#pendingScrape;
    if (!this.#scrapeLimit.allows(this.#deps.clock.now()) && this.#lastScrape !== undefined)
      return Promise.resolve(this.#lastScrape);
    this.#pendingScrape = this.#renderScrape().finally(() => {
      this.#pendingScrape = undefined;
    });
    return this.#pendingScrape;
  }

  async #renderScrape(): Promise<Buffer> {
    this.#lastScrape = undefined;
    this.#lastScrape = Buffer.from(await this.#deps.metrics(), 'utf8');
    return this.#lastScrape;
  }
}

function sendText(
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
