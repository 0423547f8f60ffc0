// Opens the boot listener's TCP ports. Sources: RFC 9112; nodejs.org/api/http.html.
//
// 1. Connections, the requests sent before an answer is read, and every wait for a peer are
//    bounded, and shared by address and network.
// 2. A change of settings opens and closes only what changed; downloads under way run to their end.
// 3. HTTP/1.1 without a Host field is served (RFC 9112 §3.2 would refuse it), because loaders omit
//    it. Two Host fields are refused.

import { createServer, request as openRequest, type RequestListener, type Server } from 'node:http';
import { isIP, Socket } from 'node:net';
import {
  type CertificatePair,
  composeSecureContextOptions,
  readCertificatePair,
  renewCertificate,
} from '../files/certificate.ts';
import { formatIpv4, type Ipv4, parseIpv4 } from '../ground/address.ts';
import { repeat } from '../ground/clock.ts';
import { Counters } from '../ground/counters.ts';
import { osErrorCode, RackError } from '../ground/errors.ts';
import { boundUnsentBytes } from '../net/linux/unsent-bytes.ts';
import { REQUEST_MS_MAX } from '../net/shares/body-places.ts';
import { ConnectionShares } from '../net/shares/connection-shares.ts';
import { JOINED_REQUEST_OPTIONS } from '../net/shares/joined-request.ts';
import { toSocketError } from '../net/socket-error.ts';
import { BootRequests, type BootRequestsDeps } from './boot-requests.ts';
import { formatListenSetting, type HttpConfig } from './config.ts';
import { HTTP_COUNTERS, type HttpCounter, type HttpEvent, statusCounter } from './events.ts';
import { type OpenRequest, type RegionEndpoint, RegionProxy } from './proxy.ts';

/**
 * Served connections of all boot listeners together. Any host can fill it; clients above their fair
 * share then lose one to each newcomer, so others wait at most. It empties as requests are
 * answered, when a connection is idle, and when nothing moves for SILENCE_MS_MAX.
 */
export const CONNECTIONS_MAX = 1024;
/**
 * Connections waiting, unread, for one of those places; shared out in the same way. Further ones
 * get 503. It empties as places become free, and after 20 s in any case.
 */
export const WAITING_MAX = 512;

/** The limit for a request's fields, and for an idle connection, in milliseconds. */
const HEADERS_MS_MAX = 15_000;
const KEEP_ALIVE_MS = 15_000;
const SILENCE_MS_MAX = 120_000;
const HEADER_BYTES_MAX = 16 * 1024;
/** During shutdown, in milliseconds: for requests at the region, and between closings of idle connections. */
const REGION_GRACE_MS = 2000;
const CLOSE_CHECK_MS = 100;

type BootHttpDeps = Pick<
  BootRequestsDeps,
  'resolve' | 'files' | 'clock' | 'publish' | 'rackSecret' | 'standIn' | 'vouchFor'
> & {
  /** PEM certificates of an https region; `undefined` for those of the system. */
  readonly regionCa?: string | undefined;
  /** The address in use of a region that has several; undefined: the configured one. */
  readonly linkedRegion?: (() => RegionEndpoint | undefined) | undefined;
};

/** The first request that needs TLS loads it. */
function opener(ca: string | undefined): OpenRequest {
  return (options) => {
    if (options.protocol !== 'https:') return openRequest(options);
    const host = options.host ?? '';
    // The certificate names the region, while the Host field names the rack.
    const servername = isIP(host) === 0 ? host : '';
    return process
      .getBuiltinModule('node:https')
      .request({ ...options, servername, ...(ca === undefined ? {} : { ca }) });
  };
}

/** An HTTP server with this room's bounds; with a certificate, over TLS. */
export function makeServer(listener: RequestListener, pair?: CertificatePair): Server {
  const options = {
    requireHostHeader: false,
    headersTimeout: HEADERS_MS_MAX,
    requestTimeout: REQUEST_MS_MAX,
    keepAliveTimeout: KEEP_ALIVE_MS,
    connectionsCheckingInterval: 5000,
    maxHeaderSize: HEADER_BYTES_MAX,
    ...JOINED_REQUEST_OPTIONS,
  };
  const server =
    pair === undefined
      ? createServer(options, listener)
      : process
          .getBuiltinModule('node:https')
          .createServer(
            { ...options, ...composeSecureContextOptions(pair), handshakeTimeout: HEADERS_MS_MAX },
            listener,
          );
  server.timeout = SILENCE_MS_MAX;
  return server;
}

/**
 * The TCP socket below TLS. Quirk: only this one, which Node does not document, knows its peer
 * after the client has closed it.
 */
function socketBelow(socket: Socket): Socket {
  const below: unknown = Reflect.get(socket, '_parent');
  return below instanceof Socket ? below : socket;
}

/** Rejects with the system's error. */
export function listen(server: Server, options: { host: string; port: number } | { path: string }): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ ...options, exclusive: true }, () => {
      server.off('error', reject);
      resolve();
    });
  });
}

interface Listener {
  readonly address: Ipv4;
  /** 0 if the system chooses. */
  readonly wantedPort: number;
  readonly port: number;
  readonly server: Server;
  readonly secure: boolean;
}

interface ForgoneListener {
  readonly address: Ipv4;
  readonly port: number;
  /** Names the program that has the port, the missing right, or what is wrong with the certificate. */
  readonly error: RackError;
}

/** Failures of an optional listener that change nothing for the others. */
const FORGONE: ReadonlySet<string> = new Set(['address-in-use', 'permission-denied']);

/** What the boot listener needs to pass requests on. */
export type RegionPassing = Pick<BootHttpDeps, 'rackSecret' | 'standIn' | 'regionCa' | 'linkedRegion'>;

export class BootHttpServer {
  readonly #deps: BootHttpDeps;
  readonly #counters = new Counters(HTTP_COUNTERS);
  readonly #requests: BootRequests;
  readonly #proxy: RegionProxy;
  readonly #connections: ConnectionShares;
  #listeners: Listener[] = [];
  #forgone: readonly ForgoneListener[] = [];
  /** Removed listeners that still serve downloads. */
  readonly #closing = new Set<Server>();
  #region: RegionEndpoint | undefined;
  #configuring: Promise<void> = Promise.resolve();
  #pair: CertificatePair | undefined;

  constructor(deps: BootHttpDeps) {
    this.#deps = deps;
    this.#proxy = new RegionProxy(opener(deps.regionCa), deps.clock);
    this.#requests = new BootRequests({
      ...deps,
      counters: this.#counters,
      proxy: this.#proxy,
      region: () => deps.linkedRegion?.() ?? this.#region,
    });
    this.#connections = new ConnectionShares({
      clock: deps.clock,
      max: CONNECTIONS_MAX,
      waitingMax: WAITING_MAX,
      onServed: () => this.#counters.add('connections'),
      onRefused: (address, reason) => this.#requests.refuseConnection(parseIpv4(address), reason),
    });
  }

  get listening(): readonly { readonly address: Ipv4; readonly port: number }[] {
    return this.#listeners.map(({ address, port }) => ({ address, port }));
  }

  /**
   * Optional listeners, and those over TLS without a usable certificate, that could not be opened
   * the last time.
   */
  get forgone(): readonly ForgoneListener[] {
    return this.#forgone;
  }

  /** Counters since start, open connections, and requests at the region. */
  counters(): Readonly<Record<HttpCounter, number>> & { readonly open: number; readonly forwarding: number } {
    return { ...this.#counters.read(), open: this.#connections.servedCount, forwarding: this.#proxy.active };
  }

  /**
   * Listens on these addresses, but not on an optional one that another program has, and over TLS
   * only with a usable certificate. If another listener cannot be opened, all others are opened,
   * none is closed, and the failure is thrown; another call tries the missing ones. An address that
   * the host does not have yet is thrown too, but only after everything else was applied. The files
   * of the certificate are read again; open connections keep theirs.
   * @throws RackError `certificate-unusable` if a listener over TLS is open, which keeps its
   * certificate; `address-in-use`, `permission-denied`, `socket-refused`; if nothing else failed,
   * `address-not-here`
   */
  configure(config: HttpConfig): Promise<void> {
    const run = this.#configuring.then(() => this.#configure(config));
    this.#configuring = run.catch(() => undefined);
    return run;
  }

  get sending(): number {
    return this.#requests.sending;
  }
  /** As `FileSends.visitLoading`. */
  visitLoading: BootRequests['visitLoading'] = (visit) => this.#requests.visitLoading(visit);

  /**
   * Accepts no more, waits `graceMs` for downloads and REGION_GRACE_MS for the region, then closes
   * everything.
   */
  async close(graceMs = 0): Promise<void> {
    await this.#configuring;
    for (const { server } of this.#listeners) this.#closeGradually(server);
    this.#listeners = [];
    const closing = [...this.#closing];
    const { clock } = this.#deps;
    const startedAt = clock.now();
    const check = (): void => {
      const sinceMs = clock.now() - startedAt;
      // A request that follows the region's events does not end on its own.
      const cut = sinceMs >= (this.sending > 0 ? graceMs : Math.min(graceMs, REGION_GRACE_MS));
      for (const server of closing) {
        if (cut) server.closeAllConnections();
      }
      // `closeIdleConnections` leaves those that have had no request.
      this.#connections.endResting();
    };
    const checking = repeat(clock, CLOSE_CHECK_MS, check, 0);
    await Promise.all(closing.map((server) => new Promise<void>((resolve) => this.#whenClosed(server, resolve))));
    checking.cancel();
  }

  async #configure(config: HttpConfig): Promise<void> {
    this.#region = config.region;
    const unusable = this.#readCertificate(config.tls);
    if (unusable !== undefined && this.#listeners.some(({ secure }) => secure)) throw unusable;
    const isOf = ({ address, port, secure = false }: HttpConfig['listen'][number], listener: Listener): boolean =>
      listener.address === address && listener.wantedPort === port && listener.secure === secure;
    const wants = (listener: Listener): boolean => config.listen.some((wantedPlace) => isOf(wantedPlace, listener));
    const failures: RackError[] = [];
    const forgone: ForgoneListener[] = [];
    for (const place of config.listen) {
      const { address, port, optional, secure = false } = place;
      if (this.#listeners.some((listener) => isOf(place, listener))) continue;
      // DHCP, TFTP and HTTP without TLS do not end with a certificate.
      if (secure && unusable !== undefined) {
        forgone.push({ address, port, error: unusable });
        continue;
      }
      try {
        this.#listeners.push(await this.#listen(address, port, secure));
      } catch (error) {
        if (!(error instanceof RackError)) throw error;
        if (optional === true && FORGONE.has(error.code)) forgone.push({ address, port, error });
        else failures.push(error);
      }
    }
    this.#forgone = forgone;
    const failed = failures.find(({ code }) => code !== 'address-not-here');
    if (failed !== undefined) throw failed;
    for (const listener of this.#listeners) if (!wants(listener)) this.#closeGradually(listener.server);
    this.#listeners = this.#listeners.filter(wants);
    if (failures[0] !== undefined) throw failures[0];
  }

  /** @returns why it cannot be used */
  #readCertificate(tls: HttpConfig['tls']): RackError | undefined {
    try {
      const pair = tls && readCertificatePair(tls);
      this.#pair = pair;
      if (pair !== undefined) for (const { server } of this.#listeners) renewCertificate(server, pair);
      return undefined;
    } catch (error) {
      if (!(error instanceof RackError)) throw error;
      return error;
    }
  }

  async #listen(address: Ipv4, port: number, secure: boolean): Promise<Listener> {
    const serve: RequestListener = (request, response) => {
      response.on('close', () => {
        const status = response.headersSent ? statusCounter(response.statusCode) : undefined;
        if (status !== undefined) this.#counters.add(status);
      });
      this.#requests.handle(request, response);
    };
    const server = makeServer(serve, secure ? this.#pair : undefined);
    this.#connections.guard(server);
    server.on('tlsClientError', (error: Error, socket: Socket) => {
      const peer = parseIpv4(socketBelow(socket).remoteAddress ?? '');
      this.#requests.failHandshake(peer, address, osErrorCode(error) ?? 'unknown');
    });
    server.on('clientError', (_error, socket) => {
      this.#counters.add('malformed');
      if (socket.writable) socket.end('HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n');
      else socket.destroy();
    });
    try {
      await listen(server, { host: formatIpv4(address), port });
    } catch (error) {
      throw toSocketError(error, { address, port, protocol: 'TCP', setting: formatListenSetting(secure) });
    }
    // An error of accept(2), such as too many open files, would end the process.
    server.on('error', () => this.#requests.refuseConnection(undefined, 'not-accepted'));
    boundUnsentBytes(server);
    const bound = server.address();
    const actual = typeof bound === 'object' && bound !== null ? bound.port : port;
    const event: HttpEvent = { kind: 'http.listening', at: this.#deps.clock.now(), address, port: actual };
    this.#deps.publish(event);
    return { address, wantedPort: port, port: actual, server, secure };
  }

  #closeGradually(server: Server): void {
    this.#closing.add(server);
    server.close(() => this.#closing.delete(server));
    server.closeIdleConnections();
  }

  #whenClosed(server: Server, resolve: () => void): void {
    if (this.#closing.has(server)) server.once('close', resolve);
    else resolve();
  }
}
