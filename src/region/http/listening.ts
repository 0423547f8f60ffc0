// Which listeners of the API are open: those of the newest configuration.
//
// Sources: RFC 9112 §9 (connections).
//
// 1. Configurations, retries and the end take their turns in one queue: each finds the listeners that the one before it left, so no door is
//    opened twice, and none opens that the newest configuration does not have.
// 2. An address that this host does not have yet is tried again every LISTEN_RETRY_MS; a port that is taken is an error.
// 3. The operator of this host comes by a door of its own (`OPERATOR_SOCKET`), whose connections and bodies are in nobody's share.
// 4. A renewed certificate is taken over by the listeners that are open; connections that are open go on.

import type { Server as HttpsServer } from 'node:https';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { FastifyInstance } from 'fastify';
import { newUuid, type Timer } from '../../clock.ts';
import { errorText, osErrorCode, RackError } from '../../errors.ts';
import {
  type CertificateFiles,
  type CertificatePair,
  certificateProblem,
  readCertificatePair,
} from '../../files/certificate.ts';
import type { RefusalName } from '../api/answer.ts';
import { CONNECTIONS_MAX } from '../api/doors.ts';
import type { RegionConfig } from '../config.ts';
import { isAway } from '../records/rack.ts';
import { RegionCounters } from './counters.ts';
import type { ApiContext } from './routes.ts';

const LISTEN_RETRY_MS = 1000;
const RACKS_COUNTED_MS = 2000;
const CERTIFICATE_LOOK_MS = 43_200_000;
/** Answers under way may end; then their connections are cut. */
const CLOSE_MS = 2000;

/** Makes one instance with every route, not listening yet. @param door with the certificate of one that speaks TLS */
export type BuildApp = (context: ApiContext, door?: DoorKind) => FastifyInstance;
/** What is different about a door; `isOperators`: nobody's share is asked. */
export interface DoorKind {
  readonly pair?: CertificatePair | undefined;
  readonly isOperators?: boolean;
}

/** A running API. */
export interface RegionApi {
  /** `address:port` of every listener that is open at the moment. */
  readonly addresses: readonly string[];
  /** Connections that are served; with an address those that count as its own. */
  connections(address?: string): number;
  /** How often the API refused, by name. */
  refusals(): Readonly<Record<RefusalName, number>>;
  /**
   * Opens the listeners that a new configuration adds, then closes those that it no longer has; the others go on. Reads the files of
   * the certificate again.
   * @throws RackError `certificate-unusable`, `address-in-use`, `permission-denied`: the old listeners are all still open then
   */
  configure(config: RegionConfig): Promise<void>;
  /** Calls `onChange` with the listeners that are open: now, and whenever others are. */
  watch(onChange: (addresses: readonly string[]) => void): void;
  close(): Promise<void>;
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

/** The listeners of one region. */
export class ListeningApi implements RegionApi {
  readonly #context: ApiContext;
  readonly #build: BuildApp;
  readonly #counters: RegionCounters;
  #rackCount: Timer | undefined;
  /** By the name of the door. */
  readonly #apps = new Map<string, FastifyInstance>();
  readonly #waiting = new Map<string, Timer>();
  #operators: FastifyInstance | undefined;
  #pair: CertificatePair | undefined;
  #tls: CertificateFiles | undefined;
  #certificateLook: Timer | undefined;
  #turn: Promise<void> = Promise.resolve();
  #onChange: ((addresses: readonly string[]) => void) | undefined;
  #told: string | undefined;
  #closed = false;

  constructor(context: ApiContext, build: BuildApp) {
    this.#context = context;
    this.#build = build;
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

  connections(address?: string): number {
    const { connections } = this.#context.doors;
    return address === undefined ? connections.open : connections.countOf(address);
  }

  configure(config: RegionConfig): Promise<void> {
    return this.#inTurn(() => this.#configure(config));
  }

  /** Opens the operator's door, at a path where nothing is. */
  async openForOperator(path: string): Promise<void> {
    this.#operators = this.#build(this.#context, { isOperators: true });
    await this.#operators.listen({ path });
  }

  watch(onChange: (addresses: readonly string[]) => void): void {
    this.#onChange = onChange;
    this.#tell();
  }

  /** Runs `action` when everything that was asked before it is done. */
  #inTurn(action: () => Promise<void>): Promise<void> {
    const run = this.#turn.then(action).finally(() => this.#tell());
    this.#turn = run.catch(() => undefined);
    return run;
  }

  #tell(): void {
    const { addresses } = this;
    const text = addresses.join(' ');
    if (this.#onChange === undefined || this.#closed || text === this.#told) return;
    this.#told = text;
    this.#onChange(addresses);
  }

  async #configure(config: RegionConfig): Promise<void> {
    if (this.#closed) return;
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
    const app = this.#build(this.#context, door.isSecure ? { pair: this.#pair } : {});
    try {
      await app.listen({ host, port });
    } catch (error) {
      await app.close();
      this.#handleListenError(door, error);
      return;
    }
    this.#apps.set(name, app);
    this.#waiting.delete(name);
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
      this.#inTurn(() => this.#retry(door, timer)).catch((error: unknown) => {
        this.#context.onProblem({ kind: 'listener-waits', id: newUuid(), text: errorText(error), cause: error });
      });
    });
    this.#waiting.set(name, timer);
  }

  /** Tries a door again that waits, unless a configuration has taken it away or asked for it anew since `timer` was set. */
  async #retry(door: Door, timer: Timer): Promise<void> {
    const name = nameOf(door);
    if (this.#closed || this.#waiting.get(name) !== timer) return;
    try {
      await this.#listen(door);
    } finally {
      if (this.#waiting.get(name) === timer) this.#waiting.delete(name);
    }
  }

  close(): Promise<void> {
    this.#closed = true;
    this.#certificateLook?.cancel();
    this.#rackCount?.cancel();
    this.#context.followers.close();
    return this.#inTurn(async () => {
      for (const timer of this.#waiting.values()) timer.cancel();
      this.#waiting.clear();
      await this.#closeApps([...this.#apps.keys()]);
      if (this.#operators !== undefined) await this.#closeApp(this.#operators);
    });
  }

  async #closeApps(endpoints: readonly string[]): Promise<void> {
    const closing = endpoints.map(async (endpoint) => {
      const app = this.#apps.get(endpoint);
      if (app === undefined) return;
      this.#apps.delete(endpoint);
      await this.#closeApp(app);
    });
    await Promise.all(closing);
  }

  async #closeApp(app: FastifyInstance): Promise<void> {
    await letIn(app.server);
    this.#context.doors.connections.endResting(app.server);
    const cut = this.#context.region.clock.schedule(CLOSE_MS, () => app.server.closeAllConnections());
    await app.close();
    cut.cancel();
  }
}
