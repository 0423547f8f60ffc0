// Opens what the HTTP room answers on: the boot listener's TCP ports and the control socket.
// Sources: RFC 9112; nodejs.org/api/http.html; unix(7).
//
// 1. Connections are bounded and shared out by address and network, and so is what one may ask for before it has read; each wait for a
//    peer has an end.
// 2. A change of the settings opens and closes only what changed; downloads under way are carried to their end.
// 3. HTTP/1.1 without a Host field is served (RFC 9112 §3.2 would refuse it): loaders leave it out.
// 4. The control socket's file is made with mode 0600, and a left-over one is removed only when nobody answers on it.

import { chmodSync, lstatSync, unlinkSync } from 'node:fs';
import type { RequestListener, Server } from 'node:http';
import { createConnection, isIP } from 'node:net';
import { join } from 'node:path';
import { systemClock } from '../clock.ts';
import { Counters } from '../counters.ts';
import { errorText, osErrorCode, RackError } from '../errors.ts';
import { ownershipRemedy } from '../files/ownership.ts';
import { formatIpv4, type Ipv4, parseIpv4 } from '../net/address.ts';
import { REQUEST_MS_MAX } from '../net/body-places.ts';
import { ConnectionShares } from '../net/connection-shares.ts';
import { socketErrorFrom } from '../net/socket-error.ts';
import { boundUnsentBytes } from '../net/unsent-bytes.ts';
import { answerText } from './answer.ts';
import { BootRequests, type BootRequestsDeps } from './boot-requests.ts';
import { CONTROL_SOCKET, type HttpConfig } from './config.ts';
import { type ControlAnswers, handleControl } from './control.ts';
import { HTTP_COUNTERS, type HttpCounter, type HttpEvent, statusCounter } from './events.ts';
import { type OpenRequest, type RegionEndpoint, RegionProxy } from './proxy.ts';
import { sendText } from './send.ts';

// `import` of this module reads each of its exports, WebSocket among them, and so loads a whole HTTP client that nobody here
// uses: 35 ms of processor time at the start, and its memory.
const { createServer, request: openRequest } = process.getBuiltinModule('node:http');

/**
 * The most connections of all boot listeners together that are served. Anybody can fill it; at the bound those who hold more than a
 * fair share lose one to each newcomer, so others notice at the most that they wait. It empties when requests are answered, when a
 * connection rests, and when nothing moves for SILENCE_MS_MAX.
 */
export const CONNECTIONS_MAX = 1024;
/**
 * The most connections that wait, unread, for one of those places; shared out alike. Beyond it they are answered with 503. It empties
 * when places become free, and after 20 s in any case.
 */
export const WAITING_MAX = 512;

/** How long a request's fields may take, and how long a connection may be idle, in milliseconds. */
const HEADERS_MS_MAX = 15_000;
const KEEP_ALIVE_MS = 15_000;
const SILENCE_MS_MAX = 120_000;
const HEADER_BYTES_MAX = 16 * 1024;
/** At the end: how long what is with the region may take, and how often connections that came to rest are closed. */
const REGION_GRACE_MS = 2000;
const LEAVE_LOOK_MS = 100;

export type BootHttpDeps = Pick<
  BootRequestsDeps,
  'resolve' | 'files' | 'clock' | 'publish' | 'rackSecret' | 'standIn' | 'vouchFor'
> & {
  /** PEM certificates by which a region at https is judged; undefined: those of the system. */
  readonly regionCa?: string | undefined;
};

/** Opens requests to a region; TLS is loaded with the first one that needs it. */
function opener(ca: string | undefined): OpenRequest {
  return (options) => {
    if (options.protocol !== 'https:') return openRequest(options);
    const host = options.host ?? '';
    // The certificate is the region's: the Host field says the rack's own name.
    const servername = isIP(host) === 0 ? host : '';
    return process
      .getBuiltinModule('node:https')
      .request({ ...options, servername, ...(ca === undefined ? {} : { ca }) });
  };
}

function makeServer(listener: RequestListener): Server {
  const server = createServer(
    {
      requireHostHeader: false,
      headersTimeout: HEADERS_MS_MAX,
      requestTimeout: REQUEST_MS_MAX,
      keepAliveTimeout: KEEP_ALIVE_MS,
      connectionsCheckingInterval: 5000,
      maxHeaderSize: HEADER_BYTES_MAX,
    },
    listener,
  );
  server.timeout = SILENCE_MS_MAX;
  return server;
}

/** Listens where `options` say. Rejects with what the operating system reports. */
function listen(server: Server, options: { host: string; port: number } | { path: string }): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ ...options, exclusive: true }, () => {
      server.off('error', reject);
      resolve();
    });
  });
}

/** One address and port. */
interface Listener {
  readonly address: Ipv4;
  /** As configured; 0: the system chose. */
  readonly wantedPort: number;
  readonly port: number;
  readonly server: Server;
}

/** Serves the boot tree and rendered configuration by HTTP, and passes `/MAAS/` on to the region. */
export class BootHttpServer {
  readonly #deps: BootHttpDeps;
  readonly #counters = new Counters(HTTP_COUNTERS);
  readonly #requests: BootRequests;
  readonly #proxy: RegionProxy;
  readonly #connections: ConnectionShares;
  #listeners: Listener[] = [];
  /** Listeners that were given up and still serve downloads. */
  readonly #leaving = new Set<Server>();
  #region: RegionEndpoint | undefined;
  #configuring: Promise<void> = Promise.resolve();

  constructor(deps: BootHttpDeps) {
    this.#deps = deps;
    this.#proxy = new RegionProxy(opener(deps.regionCa), deps.clock);
    this.#requests = new BootRequests({
      ...deps,
      counters: this.#counters,
      proxy: this.#proxy,
      region: () => this.#region,
    });
    this.#connections = new ConnectionShares({
      clock: deps.clock,
      max: CONNECTIONS_MAX,
      waitingMax: WAITING_MAX,
      onServed: () => this.#counters.add('connections'),
      onRefused: (address, reason) => this.#requests.refuseConnection(parseIpv4(address), reason),
    });
  }

  /** Addresses and ports where requests are taken now. */
  get listening(): readonly { readonly address: Ipv4; readonly port: number }[] {
    return this.#listeners.map(({ address, port }) => ({ address, port }));
  }

  /** What happened since the start, by name; connections that are open, and requests that are with the region. */
  counters(): Readonly<Record<HttpCounter, number>> & { readonly open: number; readonly forwarding: number } {
    return { ...this.#counters.read(), open: this.#connections.open, forwarding: this.#proxy.active };
  }

  /**
   * Serves these addresses from now on. When one cannot be opened the others are, nothing is closed, and the failure is thrown;
   * calling again tries what is missing. An address that is not here yet is thrown, too, only after everything else is as wanted.
   * @throws RackError `address-in-use`, `permission-denied`, `socket-refused`; where nothing else failed `address-not-here`
   */
  configure(config: HttpConfig): Promise<void> {
    const run = this.#configuring.then(() => this.#configure(config));
    this.#configuring = run.catch(() => undefined);
    return run;
  }

  /** Files that are being sent. */
  get sending(): number {
    return this.#requests.sending;
  }
  /** As `FileSends.visitLoading`. */
  visitLoading: BootRequests['visitLoading'] = (visit) => this.#requests.visitLoading(visit);

  /**
   * Takes no more connections, lets downloads go on for up to `graceMs` and what is with the region for up to REGION_GRACE_MS,
   * then closes everything.
   */
  async close(graceMs = 0): Promise<void> {
    await this.#configuring;
    for (const { server } of this.#listeners) this.#leave(server);
    this.#listeners = [];
    const leaving = [...this.#leaving];
    const { clock } = this.#deps;
    const startedAt = clock.now();
    const look = (): void => {
      const sinceMs = clock.now() - startedAt;
      // What follows the region's events has no end of its own.
      const cut = sinceMs >= (this.sending > 0 ? graceMs : Math.min(graceMs, REGION_GRACE_MS));
      for (const server of leaving) {
        if (cut) server.closeAllConnections();
      }
      // Not closeIdleConnections: it leaves those that have not asked for anything yet.
      this.#connections.endResting();
      looking = clock.schedule(LEAVE_LOOK_MS, look);
    };
    let looking = clock.schedule(0, look);
    await Promise.all(leaving.map((server) => new Promise<void>((resolve) => this.#whenClosed(server, resolve))));
    looking.cancel();
  }

  async #configure(config: HttpConfig): Promise<void> {
    this.#region = config.region;
    const wants = ({ address, wantedPort }: Listener): boolean =>
      config.listen.some((one) => one.address === address && one.port === wantedPort);
    const failures: RackError[] = [];
    for (const { address, port } of config.listen) {
      if (this.#listeners.some((one) => one.address === address && one.wantedPort === port)) continue;
      try {
        this.#listeners.push(await this.#listen(address, port));
      } catch (error) {
        if (!(error instanceof RackError)) throw error;
        failures.push(error);
      }
    }
    const failed = failures.find(({ code }) => code !== 'address-not-here');
    if (failed !== undefined) throw failed;
    for (const listener of this.#listeners) if (!wants(listener)) this.#leave(listener.server);
    this.#listeners = this.#listeners.filter(wants);
    if (failures[0] !== undefined) throw failures[0];
  }

  async #listen(address: Ipv4, port: number): Promise<Listener> {
    const server = makeServer((request, response) => {
      response.on('close', () => {
        const status = response.headersSent ? statusCounter(response.statusCode) : undefined;
        if (status !== undefined) this.#counters.add(status);
      });
      this.#requests.handle(request, response);
    });
    this.#connections.guard(server);
    server.on('clientError', (_error, socket) => {
      this.#counters.add('malformed');
      if (socket.writable) socket.end('HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n');
      else socket.destroy();
    });
    try {
      await listen(server, { host: formatIpv4(address), port });
    } catch (error) {
      throw socketErrorFrom(error, { address, port, protocol: 'TCP', setting: 'boot.http.listen' });
    }
    // Without a listener an error of accept(2), such as too many open files, would end the process.
    server.on('error', () => this.#requests.refuseConnection(undefined, 'not-accepted'));
    await boundUnsentBytes(server);
    const bound = server.address();
    const actual = typeof bound === 'object' && bound !== null ? bound.port : port;
    const event: HttpEvent = { kind: 'http.listening', at: this.#deps.clock.now(), address, port: actual };
    this.#deps.publish(event);
    return { address, wantedPort: port, port: actual, server };
  }

  #leave(server: Server): void {
    this.#leaving.add(server);
    server.close(() => this.#leaving.delete(server));
    server.closeIdleConnections();
  }

  #whenClosed(server: Server, resolve: () => void): void {
    if (this.#leaving.has(server)) server.once('close', resolve);
    else resolve();
  }
}

const ELSEWHERE = 'or set state_dir to another one';
const makeRoom = (): string => `make room there, ${ELSEWHERE} on another file system`;
const giveAway = (path: string, stateDir: string): string => `${ownershipRemedy(path, stateDir)}; ${ELSEWHERE}`;

/** What to do where the system refuses to make the socket's file, by the code of its error. */
const SOCKET_REMEDIES: ReadonlyMap<string, (path: string, stateDir: string) => string> = new Map([
  ['EACCES', giveAway],
  ['EPERM', giveAway],
  ['EROFS', () => `the file system is read-only: mount it writable (mount -o remount,rw), ${ELSEWHERE}`],
  ['ENOSPC', makeRoom],
  ['EDQUOT', makeRoom],
]);

export interface ControlServerDeps {
  /** Where the socket's file is made; must exist. */
  readonly stateDir: string;
  readonly answers: ControlAnswers;
  /** Where the region is at this moment. */
  readonly region: () => RegionEndpoint | undefined;
  /** Tells the region that the caller is an administrator of this host. */
  readonly secret: string;
  /** The URL of a region elsewhere; undefined: it is this host's. */
  readonly elsewhere?: string | undefined;
  /** False while everything is answered 503: the process starts, and nobody else may. Undefined: always true. */
  readonly isServing?: (() => boolean) | undefined;
}

/** Answers the command line on this host, over a socket that only its user and root may open. */
export class ControlServer {
  readonly #deps: ControlServerDeps;
  readonly #path: string;
  #server: Server | undefined;

  constructor(deps: ControlServerDeps) {
    this.#deps = deps;
    this.#path = join(deps.stateDir, CONTROL_SOCKET);
  }

  /** @throws RackError `already-running` when another Rackboot answers there, `store-unwritable`, `socket-refused` */
  async open(): Promise<void> {
    try {
      await this.#removeStale();
    } catch (cause) {
      throw this.#cannotMake(cause);
    }
    const proxy = new RegionProxy(openRequest, systemClock);
    const server = makeServer((request, response) => {
      if (this.#deps.isServing?.() === false)
        sendText(response, request.method, answerText(503, 'it is starting: ask again\n', { Connection: 'close' }));
      else void handleControl({ ...this.#deps, proxy }, request, response);
    });
    // Binding happens within the call, so the mask is in force for this file only.
    const mask = process.umask(0o177);
    const bound = listen(server, { path: this.#path });
    process.umask(mask);
    try {
      await bound;
      chmodSync(this.#path, 0o600);
    } catch (cause) {
      throw this.#cannotMake(cause);
    }
    // The asker sees that it is not answered; the process goes on.
    server.on('error', () => undefined);
    this.#server = server;
  }

  /** Why there is no socket, and what to do; what has a name already keeps it. */
  #cannotMake(cause: unknown): RackError {
    if (cause instanceof RackError) return cause;
    const code = osErrorCode(cause);
    const { stateDir } = this.#deps;
    const remedy = SOCKET_REMEDIES.get(code ?? '')?.(this.#path, stateDir);
    const text = `the control socket ${this.#path} cannot be made: ${code ?? errorText(cause)}; ${remedy ?? 'keep its path below 90 characters'}`;
    const name = remedy === undefined ? 'socket-refused' : 'store-unwritable';
    return new RackError(name, text, { cause });
  }

  async close(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    if (server === undefined) return;
    await new Promise<void>((resolve) => {
      // Removes the socket's file, too.
      server.close(() => resolve());
      server.closeAllConnections();
    });
  }

  async #removeStale(): Promise<void> {
    const found = lstatSync(this.#path, { throwIfNoEntry: false });
    if (found === undefined) return;
    if (!found.isSocket()) {
      throw new RackError('socket-refused', `${this.#path} is in the way of the control socket: move it away`);
    }
    const answered = await new Promise<boolean>((resolve, reject) => {
      const probe = createConnection(this.#path);
      probe.on('connect', () => {
        probe.destroy();
        resolve(true);
      });
      // Only a refusal tells that nobody has it. Without the right to ask, somebody may; but then the file is not ours to take, either.
      probe.on('error', (error) => {
        const code = osErrorCode(error);
        if (code === 'EACCES' || code === 'EPERM') reject(error);
        else resolve(code !== 'ECONNREFUSED' && code !== 'ENOENT');
      });
    });
    if (answered) {
      throw new RackError(
        'already-running',
        `another Rackboot answers at ${this.#path}: stop it, or give this one a state_dir of its own`,
      );
    }
    unlinkSync(this.#path);
  }
}
