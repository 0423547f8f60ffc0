// The listeners of the region: the API, the page and the enlistment agent, on every address of the settings.
//
// Sources: RFC 9112 §9 (connections); Node's HTTP limits.
//
// 1. A request that fails is an answer with an id; it ends neither the listener nor the thread.
// 2. An address that this host does not have yet is tried again every LISTEN_RETRY_MS; a port that is taken is an error.
// 3. Headers, bodies, connections and the time each may take are bounded.
// 4. A renewed certificate is taken over by the listeners that are open; connections that are open go on.

import { readdirSync, readFileSync } from 'node:fs';
import type { RequestListener } from 'node:http';
import type { Server as HttpsServer } from 'node:https';
import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import Fastify, { type FastifyInstance } from 'fastify';
import { newUuid, type Timer } from '../../clock.ts';
import { errorText, osErrorCode, RackError } from '../../errors.ts';
import {
  type CertificateFiles,
  type CertificatePair,
  certificateProblem,
  readCertificatePair,
} from '../../files/certificate.ts';
import { answersAt } from '../../net/port-answer.ts';
import type { RegionConfig } from '../config.ts';
import { MetadataService } from '../metadata/metadata-service.ts';
import type { AnswersAt } from '../metadata/proxy-finder.ts';
import { PageGuard } from '../page/guard.ts';
import { Sessions } from '../page/sessions.ts';
import { isAway } from '../racks/rack.ts';
import type { Region } from '../region.ts';
import { REFUSALS, type RefusalName, refuse } from './answer.ts';
import { RegionCounters } from './counters.ts';
import { EventFollowers } from './event-followers.ts';
import { RateLimiter } from './rate-limit.ts';
import { type ApiContext, type ApiProblem, addRoutes, send } from './routes.ts';

/** Room for the facts of a machine with hundreds of disks, each character of them percent-encoded. */
export const BODY_BYTES_MAX = 2 * 1024 * 1024;
const HEADER_BYTES_MAX = 16 * 1024;
const CONNECTIONS_MAX = 1024;
const REQUEST_MS_MAX = 30_000;
const HEADERS_MS_MAX = 10_000;
const IDLE_MS_MAX = 60_000;
const KEEP_ALIVE_MS = 20_000;
const LISTEN_RETRY_MS = 1000;
const RACKS_COUNTED_MS = 2000;
const CERTIFICATE_LOOK_MS = 43_200_000;
/** Where the enlistment agent is, and what makes an installer run it. */
const AGENT = join(import.meta.dirname, '../../images/agent');
/** Answers under way may end; then their connections are cut. */
const CLOSE_MS = 2000;

export interface ApiOptions {
  /** The enlistment agent's script. Default: the one of this installation. */
  readonly agentFile?: string | undefined;
  /** Tells whether something takes connections at a port. Default: asked of the network; without listeners nobody does. */
  readonly answersAt?: AnswersAt | undefined;
  /** Told of what an operator should know. Default: a warning of the process, on its standard error. */
  readonly onProblem?: ((problem: ApiProblem) => void) | undefined;
}

/** A running API. */
export interface RegionApi {
  /** `address:port` of every listener that is open at the moment. */
  readonly addresses: readonly string[];
  /** How often the API refused, by name. */
  refusals(): Readonly<Record<RefusalName, number>>;
  /**
   * Opens the listeners that a new configuration adds, then closes those that it no longer has; the others go on. Reads the files of
   * the certificate again.
   * @throws RackError `certificate-unusable`, `address-in-use`, `permission-denied`: the old listeners are all still open then
   */
  configure(config: RegionConfig): Promise<void>;
  close(): Promise<void>;
}

const noneAnswers: AnswersAt = () => Promise.resolve(false);

/** What the listeners of a region share, made once. */
export function makeContext(region: Region, options: ApiOptions = {}): ApiContext {
  const refusals = { ...REFUSALS };
  for (const name of Object.keys(refusals)) Reflect.set(refusals, name, 0);
  return {
    region,
    limiter: new RateLimiter(),
    followers: new EventFollowers(region),
    guard: new PageGuard(region.store, region.clock),
    metadata: new MetadataService(region, options.answersAt ?? noneAnswers),
    sessions: new Sessions(region.store, region.clock),
    refusals,
    agent: readAgent(options.agentFile ?? join(AGENT, 'agent.sh')),
    parts: readParts(AGENT),
    preseed: readAgent(join(AGENT, 'enlist.preseed')),
    onProblem: options.onProblem ?? warnOf,
  };
}

function warnOf(problem: ApiProblem): void {
  const cause = problem.cause instanceof Error ? (problem.cause.stack ?? problem.cause.message) : '';
  process.emitWarning(`${problem.text} (${problem.id}) ${cause}`, { code: problem.kind });
}

function readAgent(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (osErrorCode(error) === 'ENOENT') return undefined;
    throw new RackError('tree-unreadable', `the enlistment agent ${path} cannot be read: ${errorText(error)}`, {
      cause: error,
    });
  }
}

/** What the agent does beyond the report: every other script beside it. */
function readParts(directory: string): ReadonlyMap<string, string> {
  const parts = new Map<string, string>();
  for (const name of listAgent(directory)) {
    const text = /^[a-z]+\.sh$/.test(name) && name !== 'agent.sh' ? readAgent(join(directory, name)) : undefined;
    if (text !== undefined) parts.set(name, text);
  }
  return parts;
}

function listAgent(directory: string): readonly string[] {
  try {
    return readdirSync(directory);
  } catch (error) {
    if (osErrorCode(error) === 'ENOENT') return [];
    throw error;
  }
}

const HTTP_LIMITS = {
  maxHeaderSize: HEADER_BYTES_MAX,
  headersTimeout: HEADERS_MS_MAX,
  requireHostHeader: false,
} as const;

/** What Fastify makes by itself for HTTP, for TLS. */
function makeSecureServer(pair: CertificatePair, handler: RequestListener): HttpsServer {
  const { cert, key } = pair;
  // Only a region that serves over TLS pays for loading it.
  const { createServer: createHttpsServer } = process.getBuiltinModule('node:https');
  const server = createHttpsServer({ ...HTTP_LIMITS, cert, key, handshakeTimeout: HEADERS_MS_MAX }, handler);
  server.keepAliveTimeout = KEEP_ALIVE_MS;
  server.requestTimeout = REQUEST_MS_MAX;
  server.setTimeout(IDLE_MS_MAX);
  return server;
}

/** One instance with every route, not listening yet. @param pair undefined: without TLS */
export function buildApp(context: ApiContext, pair?: CertificatePair): FastifyInstance {
  const secure =
    pair === undefined ? {} : { serverFactory: (handler: RequestListener) => makeSecureServer(pair, handler) };
  const app = Fastify({
    ...secure,
    logger: false,
    bodyLimit: BODY_BYTES_MAX,
    requestTimeout: REQUEST_MS_MAX,
    connectionTimeout: IDLE_MS_MAX,
    keepAliveTimeout: KEEP_ALIVE_MS,
    exposeHeadRoutes: true,
    return503OnClosing: false,
    routerOptions: { ignoreTrailingSlash: true, ignoreDuplicateSlashes: true, maxParamLength: 100 },
    http: HTTP_LIMITS,
    // A target that cannot be decoded never reaches a route.
    frameworkErrors: (error, _request, reply) => void send(context, reply, refuse('bad-request', error.message)),
  });
  app.server.maxConnections = CONNECTIONS_MAX;
  const counters = new RegionCounters(context.region.config().counterMemory);
  app.addHook('onResponse', async (_request, reply) => {
    const refusal = reply.getHeader('X-Rackboot-Refusal');
    counters.answered(reply.statusCode, typeof refusal === 'string' ? refusal : undefined);
  });
  addRoutes(app, context);
  return app;
}

/**
 * Opens the listeners of a configuration.
 * @throws RackError `certificate-unusable`, `address-in-use`, `permission-denied`
 */
export async function startApi(region: Region, config: RegionConfig, options: ApiOptions = {}): Promise<RegionApi> {
  const api = new ListeningApi(makeContext(region, { answersAt, ...options }));
  try {
    await api.configure(config);
  } catch (error) {
    await api.close();
    throw error;
  }
  return api;
}

/** `host:port`, as it is written for people. */
const formatEndpoint = (host: string, port: number): string => `${host.includes(':') ? `[${host}]` : host}:${port}`;

const isSecure = (server: object): server is HttpsServer => 'setSecureContext' in server;

/** One listener that a configuration wants. */
interface Door {
  readonly host: string;
  readonly port: number;
  readonly isSecure: boolean;
}

/** `https://` before what listens over TLS. */
const nameOf = ({ host, port, isSecure }: Door): string => `${isSecure ? 'https://' : ''}${formatEndpoint(host, port)}`;

function doorsOf(config: RegionConfig): readonly Door[] {
  return [
    ...config.listen.map((door) => ({ ...door, isSecure: false })),
    ...(config.tls?.listen ?? []).map((door) => ({ ...door, isSecure: true })),
  ];
}

/**
 * Accepts who knocked before this: a connection in the kernel's queue is reset when its socket closes. One is accepted in each turn of
 * the event loop; the first turn after this may end a look at the sockets that began earlier, the second one is whole.
 */
async function letIn(server: FastifyInstance['server']): Promise<void> {
  let accepted = 0;
  const count = (): void => {
    accepted += 1;
  };
  server.on('connection', count);
  for (let before = -1, turns = 0; accepted > before && turns < CONNECTIONS_MAX; turns += 1) {
    before = accepted;
    await nextTurn();
    await nextTurn();
  }
  server.off('connection', count);
}

class ListeningApi implements RegionApi {
  readonly #context: ApiContext;
  readonly #counters: RegionCounters;
  #rackCount: Timer | undefined;
  /** By the name of the door. */
  readonly #apps = new Map<string, FastifyInstance>();
  readonly #waiting = new Map<string, Timer>();
  #pair: CertificatePair | undefined;
  #tls: CertificateFiles | undefined;
  #certificateLook: Timer | undefined;
  #closed = false;

  constructor(context: ApiContext) {
    this.#context = context;
    this.#counters = new RegionCounters(context.region.config().counterMemory);
    this.#countRacks();
  }

  get addresses(): readonly string[] {
    return [...this.#apps].map(([name, app]) => {
      const address = app.server.address();
      if (typeof address !== 'object' || address === null) return '';
      return nameOf({ host: address.address, port: address.port, isSecure: name.startsWith('https:') });
    });
  }

  refusals(): Readonly<Record<RefusalName, number>> {
    return { ...this.#context.refusals };
  }

  async configure(config: RegionConfig): Promise<void> {
    const doors = doorsOf(config);
    const wanted = new Set(doors.map(nameOf));
    this.#readCertificate(config.tls);
    for (const door of doors) {
      const name = nameOf(door);
      if (!this.#apps.has(name) && !this.#waiting.has(name)) await this.#listen(door);
    }
    for (const [endpoint, timer] of this.#waiting) {
      if (wanted.has(endpoint)) continue;
      timer.cancel();
      this.#waiting.delete(endpoint);
    }
    await this.#closeApps([...this.#apps.keys()].filter((endpoint) => !wanted.has(endpoint)));
  }

  #countRacks(): void {
    const { racks, clock } = this.#context.region;
    const counts = { pending: 0, accepted: 0, rejected: 0, away: 0 };
    for (const rack of racks.list()) {
      counts[rack.state] += 1;
      if (isAway(rack, clock.wallTimeMs())) counts.away += 1;
    }
    this.#counters.setRacks(counts);
    this.#rackCount = clock.schedule(RACKS_COUNTED_MS, () => this.#countRacks());
  }

  /** Reads the files anew, and has the listeners that are open use them. @throws RackError `certificate-unusable` */
  #readCertificate(tls: CertificateFiles | undefined): void {
    this.#certificateLook?.cancel();
    this.#tls = tls;
    if (tls === undefined) return;
    const pair = readCertificatePair(tls);
    this.#pair = pair;
    for (const { server } of this.#apps.values()) {
      if (isSecure(server)) server.setSecureContext({ cert: pair.cert, key: pair.key });
    }
    this.#lookAtCertificate();
  }

  /** Tells of a certificate that ends soon, again and again. */
  #lookAtCertificate(): void {
    const { clock } = this.#context.region;
    if (this.#pair === undefined || this.#tls === undefined || this.#closed) return;
    const text = certificateProblem(this.#pair, this.#tls, clock.wallTimeMs());
    if (text !== undefined) this.#context.onProblem({ kind: 'certificate', id: newUuid(), text });
    this.#certificateLook = clock.schedule(CERTIFICATE_LOOK_MS, () => this.#lookAtCertificate());
  }

  async #listen(door: Door): Promise<void> {
    const { host, port } = door;
    const name = nameOf(door);
    const app = buildApp(this.#context, door.isSecure ? this.#pair : undefined);
    try {
      await app.listen({ host, port });
    } catch (error) {
      await app.close();
      this.#handleListenError(door, error);
      return;
    }
    this.#apps.set(name, app);
    this.#waiting.delete(name);
    if (this.#closed) await this.#closeApps([name]);
  }

  #handleListenError(door: Door, cause: unknown): void {
    const where = formatEndpoint(door.host, door.port);
    const setting = door.isSecure ? 'region.tls.listen' : 'region.listen';
    switch (osErrorCode(cause)) {
      case 'EADDRNOTAVAIL':
        this.#wait(door);
        return;
      case 'EADDRINUSE':
        throw new RackError(
          'address-in-use',
          `${where} is in use: end its owner (ss -ltnp shows it), or change ${setting}`,
          {
            cause,
          },
        );
      case 'EACCES':
        throw new RackError(
          'permission-denied',
          `${where} needs a privilege: start with CAP_NET_BIND_SERVICE, or set ${setting} to a port above 1023`,
          { cause },
        );
      default:
        throw cause;
    }
  }

  /** The address may come later: an interface without a link, or one that asks DHCP itself. */
  #wait(door: Door): void {
    if (this.#closed) return;
    const name = nameOf(door);
    if (!this.#waiting.has(name)) {
      const text = `${name} is no address of this host yet; the API will listen there once it is`;
      this.#context.onProblem({ kind: 'listener-waits', id: newUuid(), text });
    }
    const timer = this.#context.region.clock.schedule(LISTEN_RETRY_MS, () => {
      if (this.#closed || !this.#waiting.has(name)) return;
      this.#listen(door).catch((error: unknown) => {
        this.#waiting.delete(name);
        this.#context.onProblem({ kind: 'listener-waits', id: newUuid(), text: errorText(error), cause: error });
      });
    });
    this.#waiting.set(name, timer);
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#certificateLook?.cancel();
    this.#rackCount?.cancel();
    for (const timer of this.#waiting.values()) timer.cancel();
    this.#waiting.clear();
    this.#context.followers.close();
    await this.#closeApps([...this.#apps.keys()]);
  }

  async #closeApps(endpoints: readonly string[]): Promise<void> {
    const closing = endpoints.map(async (endpoint) => {
      const app = this.#apps.get(endpoint);
      if (app === undefined) return;
      this.#apps.delete(endpoint);
      await letIn(app.server);
      const cut = this.#context.region.clock.schedule(CLOSE_MS, () => app.server.closeAllConnections());
      await app.close();
      cut.cancel();
    });
    await Promise.all(closing);
  }
}
