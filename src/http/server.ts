// Opens the HTTP room's listeners: the boot listener's TCP ports and the control socket.
// Sources: RFC 9112; nodejs.org/api/http.html; unix(7).
//
// 1. Connections are bounded and shared out by address and network, and so are the requests one may send before it reads; every wait for a
//    peer ends.
// 2. A change of settings opens and closes only what changed; downloads under way run to their end.
// 3. HTTP/1.1 without a Host field is served (RFC 9112 §3.2 would refuse it), because loaders omit it.
// 4. The control socket's file has mode 0600, and a stale one is removed only if no process answers on it.

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

// An `import` of this module reads each of its exports, WebSocket among them, and so loads a whole unused HTTP client: 35 ms of processor
// time at the start, and its memory.
const { createServer, request: openRequest } = process.getBuiltinModule('node:http');

/**
 * Served connections of all boot listeners together. Any host can fill it; at the bound clients that hold more than a fair share lose one
 * to each newcomer, so others wait at most. It empties as requests are answered, when a connection is idle, and when nothing moves for
 * SILENCE_MS_MAX.
 */
export const CONNECTIONS_MAX = 1024;
/**
 * Connections waiting, unread, for one of those places; shared out in the same way. Further ones get 503. It empties as places become
 * free, and after 20 s in any case.
 */
export const WAITING_MAX = 512;

/** How long a request's fields may take, and how long a connection may be idle, in milliseconds. */
const HEADERS_MS_MAX = 15_000;
const KEEP_ALIVE_MS = 15_000;
const SILENCE_MS_MAX = 120_000;
const HEADER_BYTES_MAX = 16 * 1024;
/** During shutdown: how long requests at the region may take, and how often idle connections are closed. */
const REGION_GRACE_MS = 2000;
const CLOSE_CHECK_MS = 100;

export type BootHttpDeps = Pick<
  BootRequestsDeps,
  'resolve' | 'files' | 'clock' | 'publish' | 'rackSecret' | 'standIn' | 'vouchFor'
> & {
  /** PEM certificates to verify an https region; `undefined` for those of the system. */
  readonly regionCa?: string | undefined;
};

/** Opens requests to a region; the first one that needs TLS loads it. */
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

/** Listens as `options` say. Rejects with the operating system's error. */
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
  /** As configured; 0 if the system chooses. */
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
  /** Removed listeners that still serve downloads. */
  readonly #closing = new Set<Server>();
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

  /** The addresses and ports now listened on. */
  get listening(): readonly { readonly address: Ipv4; readonly port: number }[] {
    return this.#listeners.map(({ address, port }) => ({ address, port }));
  }

  /** Counters since start, open connections, and requests at the region. */
  counters(): Readonly<Record<HttpCounter, number>> & { readonly open: number; readonly forwarding: number } {
    return { ...this.#counters.read(), open: this.#connections.open, forwarding: this.#proxy.active };
  }

  /**
   * Listens on these addresses from now on. If one cannot be opened, the others are, nothing is closed, and the failure is thrown; another
   * call tries the missing ones. An address the host does not have yet is thrown too, but only after everything else was applied.
   * @throws RackError `address-in-use`, `permission-denied`, `socket-refused`; if nothing else failed, `address-not-here`
   */
  configure(config: HttpConfig): Promise<void> {
    const run = this.#configuring.then(() => this.#configure(config));
    this.#configuring = run.catch(() => undefined);
    return run;
  }

  /** The number of files being sent. */
  get sending(): number {
    return this.#requests.sending;
  }
  /** As `FileSends.visitLoading`. */
  visitLoading: BootRequests['visitLoading'] = (visit) => this.#requests.visitLoading(visit);

  /**
   * Accepts no more connections, lets downloads continue for up to `graceMs` and requests at the region for up to REGION_GRACE_MS, then
   * closes everything.
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
      // Not closeIdleConnections, which leaves connections without any request open.
      this.#connections.endResting();
      checking = clock.schedule(CLOSE_CHECK_MS, check);
    };
    let checking = clock.schedule(0, check);
    await Promise.all(closing.map((server) => new Promise<void>((resolve) => this.#whenClosed(server, resolve))));
    checking.cancel();
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
    for (const listener of this.#listeners) if (!wants(listener)) this.#closeGradually(listener.server);
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
    // Without this listener an error of accept(2), such as too many open files, would end the process.
    server.on('error', () => this.#requests.refuseConnection(undefined, 'not-accepted'));
    await boundUnsentBytes(server);
    const bound = server.address();
    const actual = typeof bound === 'object' && bound !== null ? bound.port : port;
    const event: HttpEvent = { kind: 'http.listening', at: this.#deps.clock.now(), address, port: actual };
    this.#deps.publish(event);
    return { address, wantedPort: port, port: actual, server };
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

const ELSEWHERE = 'or set state_dir to another one';
const makeRoom = (): string => `make room there, ${ELSEWHERE} on another file system`;
const giveAway = (path: string, stateDir: string): string => `${ownershipRemedy(path, stateDir)}; ${ELSEWHERE}`;

/** The remedy when the system refuses to create the socket's file, by error code. */
const SOCKET_REMEDIES: ReadonlyMap<string, (path: string, stateDir: string) => string> = new Map([
  ['EACCES', giveAway],
  ['EPERM', giveAway],
  ['EROFS', () => `the file system is read-only: mount it writable (mount -o remount,rw), ${ELSEWHERE}`],
  ['ENOSPC', makeRoom],
  ['EDQUOT', makeRoom],
]);

export interface ControlServerDeps {
  /** The directory of the socket's file; must exist. */
  readonly stateDir: string;
  readonly answers: ControlAnswers;
  /** The region's current endpoint. */
  readonly region: () => RegionEndpoint | undefined;
  /** The secret that proves to the region that the caller is an administrator of this host. */
  readonly secret: string;
  /** The URL of a region on another host; `undefined` if it is on this host. */
  readonly elsewhere?: string | undefined;
  /** False while the process starts: every request gets 503, and the open socket keeps other instances out. `undefined`: always true. */
  readonly isServing?: (() => boolean) | undefined;
}

/** Answers the command line on this host, over a socket that only its user and root can open. */
export class ControlServer {
  readonly #deps: ControlServerDeps;
  readonly #path: string;
  #server: Server | undefined;

  constructor(deps: ControlServerDeps) {
    this.#deps = deps;
    this.#path = join(deps.stateDir, CONTROL_SOCKET);
  }

  /** @throws RackError `already-running` if another Rackboot answers there, `store-unwritable`, `socket-refused` */
  async open(): Promise<void> {
    try {
      await this.#removeStale();
    } catch (cause) {
      throw this.#cannotCreate(cause);
    }
    const proxy = new RegionProxy(openRequest, systemClock);
    const server = makeServer((request, response) => {
      if (this.#deps.isServing?.() === false)
        sendText(
          response,
          request.method,
          answerText(503, 'Rackboot is starting: try again\n', { Connection: 'close' }),
        );
      else void handleControl({ ...this.#deps, proxy }, request, response);
    });
    // The socket is bound within this call, so the mask applies to its file only.
    const mask = process.umask(0o177);
    const bound = listen(server, { path: this.#path });
    process.umask(mask);
    try {
      await bound;
      chmodSync(this.#path, 0o600);
    } catch (cause) {
      throw this.#cannotCreate(cause);
    }
    // The client sees that it gets no answer; the process goes on.
    server.on('error', () => undefined);
    this.#server = server;
  }

  /** Explains why the socket could not be created, with the remedy; an error that already has a code keeps it. */
  #cannotCreate(cause: unknown): RackError {
    if (cause instanceof RackError) return cause;
    const code = osErrorCode(cause);
    const { stateDir } = this.#deps;
    const remedy = SOCKET_REMEDIES.get(code ?? '')?.(this.#path, stateDir);
    const text = `the control socket ${this.#path} cannot be created: ${code ?? errorText(cause)}; ${remedy ?? 'keep its path below 90 characters'}`;
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
      // Only a refused connection proves that no process has the socket. Without permission, one may; but then the file is not ours to remove.
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
