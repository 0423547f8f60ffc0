// Opens and closes the listeners of the API, as the newest configuration has them.
//
// Sources: RFC 9112 §9 (connections).
//
// 1. Configurations, retries and the shutdown run one after the other, each from the listeners that
//    the previous one left. So no listener is opened twice, and none that the newest configuration
//    lacks.
// 2. An address that this host does not have yet is retried every LISTEN_RETRY_MS. A port in use is
//    an error, unless the address came late.
// 3. Two listeners are this process's own: for the operator of this host (`OPERATOR_SOCKET`),
//    exempt from fair shares, and for the machines' requests of its boot listener (`RACK_SOCKET`).
// 4. Open listeners use a renewed certificate for new connections; open connections continue.

import { setImmediate as nextTurn } from 'node:timers/promises';
import type { FastifyInstance } from 'fastify';
import {
  type CertificateFiles,
  type CertificatePair,
  findCertificateProblem,
  readCertificatePair,
  renewCertificate,
} from '../../files/certificate.ts';
import { newUuid, repeat, type Timer } from '../../ground/clock.ts';
import { errorText, osErrorCode, RackError } from '../../ground/errors.ts';
import type { RegionConfig } from '../config.ts';
import { isAway } from '../records/rack.ts';
import { RegionCounters } from './counters.ts';
import { CONNECTIONS_MAX } from './listener-limits.ts';
import type { ApiContext } from './routes.ts';

const LISTEN_RETRY_MS = 1000;
const RACKS_COUNTED_MS = 2000;
const CERTIFICATE_CHECK_MS = 43_200_000;
/**
 * How long answers under way may take when a listener closes, in milliseconds; then their
 * connections are cut.
 */
const CLOSE_MS = 2000;
/** How often connections that became idle are closed meanwhile, in milliseconds. */
const CLOSE_CHECK_MS = 100;

type BuildApp = (context: ApiContext, kind?: ListenerKind) => FastifyInstance;
/**
 * The kind of a listener. The operators' listener is exempt from fair shares. In the racks'
 * listener only connections are exempt: there are at most as many as the boot listener passes on
 * (`http/proxy.ts` PROXIED_MAX).
 */
export interface ListenerKind {
  readonly pair?: CertificatePair | undefined;
  readonly of?: 'operators' | 'racks';
}

export interface UnopenedListener {
  readonly host: string;
  /** Names the listener, the reason, and the remedy with the setting. */
  readonly text: string;
}

export interface RegionApi {
  readonly addresses: readonly string[];
  /** The number of served connections; with an address, of those that count as its own. */
  connections(address?: string): number;
  /**
   * Opens the listeners that a new configuration adds, then closes those that it no longer has; the
   * others stay open. Rereads the files of the certificate.
   * @throws RackError `certificate-unusable`, `address-in-use`, `permission-denied`: all old
   * listeners are still open then
   */
  configure(config: RegionConfig): Promise<void>;
  /**
   * Calls `onChange` with the open listeners, and `onUnopened` with the configured others: now, and
   * after every change.
   */
  watch(
    onChange: (addresses: readonly string[]) => void,
    onUnopened?: (listeners: readonly UnopenedListener[]) => void,
  ): void;
  close(): Promise<void>;
}

const formatEndpoint = (host: string, port: number) => `${host.includes(':') ? `[${host}]` : host}:${port}`;

interface Endpoint {
  readonly host: string;
  readonly port: number;
  readonly isSecure: boolean;
}

const formatListenAddress = ({ host, port, isSecure }: Endpoint) =>
  `${isSecure ? 'https://' : ''}${formatEndpoint(host, port)}`;

function listListeners(config: RegionConfig): readonly Endpoint[] {
  return [
    ...config.listen.map((endpoint) => ({ ...endpoint, isSecure: false })),
    ...(config.tls?.listen ?? []).map((endpoint) => ({ ...endpoint, isSecure: true })),
  ];
}

/**
 * Accepts connections still queued in the kernel, which closing would reset. Each turn of the event
 * loop accepts one. The first turn may only finish a poll of the sockets that began earlier; the
 * second one is complete.
 */
async function acceptQueued(server: FastifyInstance['server']) {
  let accepted = 0;
  const count = () => {
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

export class ListeningApi implements RegionApi {
  readonly #context: ApiContext;
  readonly #build: BuildApp;
  readonly #counters: RegionCounters;
  #rackCount: Timer | undefined;
  readonly #apps = new Map<string, FastifyInstance>();
  readonly #waiting = new Map<string, { readonly timer: Timer; readonly listener: UnopenedListener }>();
  readonly #own: FastifyInstance[] = [];
  #pair: CertificatePair | undefined;
  #tls: CertificateFiles | undefined;
  #certificateLook: Timer | undefined;
  #turn: Promise<void> = Promise.resolve();
  #onChange: ((addresses: readonly string[]) => void) | undefined;
  #onUnopened: ((listeners: readonly UnopenedListener[]) => void) | undefined;
  #reported: string | undefined;
  #reportedUnopened = '';
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
      return formatListenAddress({ host: address.address, port: address.port, isSecure: name.startsWith('https:') });
    });
  }

  connections(address?: string): number {
    const { connections } = this.#context.listenerLimits;
    return address === undefined ? connections.servedCount : connections.getCount(address);
  }

  configure(config: RegionConfig): Promise<void> {
    return this.#inTurn(() => this.#configure(config));
  }

  async openSocket(path: string, kind: ListenerKind): Promise<void> {
    const app = this.#build(this.#context, kind);
    this.#own.push(app);
    await app.listen({ path });
  }

  watch(
    onChange: (addresses: readonly string[]) => void,
    onUnopened?: (listeners: readonly UnopenedListener[]) => void,
  ): void {
    this.#onChange = onChange;
    this.#onUnopened = onUnopened;
    this.#report();
  }

  #inTurn(action: () => Promise<void>) {
    const run = this.#turn.then(action).finally(() => this.#report());
    this.#turn = run.catch(() => undefined);
    return run;
  }

  #report() {
    this.#reportUnopened();
    const { addresses } = this;
    const text = addresses.join(' ');
    if (this.#onChange === undefined || this.#closed || text === this.#reported) return;
    this.#reported = text;
    this.#onChange(addresses);
  }

  #reportUnopened() {
    const listeners = [...this.#waiting.values()].map(({ listener }) => listener);
    const text = listeners.map((listener) => listener.text).join('\n');
    if (this.#onUnopened === undefined || this.#closed || text === this.#reportedUnopened) return;
    this.#reportedUnopened = text;
    this.#onUnopened(listeners);
  }

  async #configure(config: RegionConfig) {
    if (this.#closed) return;
    const endpoints = listListeners(config);
    const wanted = new Set(endpoints.map(formatListenAddress));
    this.#readCertificate(config.tls);
    for (const endpoint of endpoints) {
      const name = formatListenAddress(endpoint);
      if (!this.#apps.has(name) && !this.#waiting.has(name)) await this.#listen(endpoint);
    }
    for (const [endpoint, { timer }] of this.#waiting) {
      if (wanted.has(endpoint)) continue;
      timer.cancel();
      this.#waiting.delete(endpoint);
    }
    await this.#closeApps([...this.#apps.keys()].filter((endpoint) => !wanted.has(endpoint)));
  }

  #countRacks() {
    const { racks, clock } = this.#context.region;
    const counts = { pending: 0, accepted: 0, rejected: 0, away: 0 };
    for (const rack of racks.list()) {
      counts[rack.state] += 1;
      if (isAway(rack, clock.wallTimeMs())) counts.away += 1;
    }
    this.#counters.setRacks(counts);
    this.#rackCount = clock.schedule(RACKS_COUNTED_MS, () => this.#countRacks());
  }

  #readCertificate(tls: CertificateFiles | undefined) {
    this.#certificateLook?.cancel();
    this.#tls = tls;
    if (tls === undefined) return;
    const pair = readCertificatePair(tls);
    this.#pair = pair;
    for (const { server } of this.#apps.values()) renewCertificate(server, pair);
    this.#lookAtCertificate();
  }

  /** Reports a certificate that expires soon, every CERTIFICATE_CHECK_MS. */
  #lookAtCertificate() {
    const { clock } = this.#context.region;
    if (this.#pair === undefined || this.#tls === undefined || this.#closed) return;
    const note = findCertificateProblem(this.#pair, this.#tls, clock.wallTimeMs());
    if (note !== undefined) this.#context.onProblem({ id: newUuid(), note });
    this.#certificateLook = clock.schedule(CERTIFICATE_CHECK_MS, () => this.#lookAtCertificate());
  }

  async #listen(endpoint: Endpoint) {
    const { host, port } = endpoint;
    const name = formatListenAddress(endpoint);
    const app = this.#build(this.#context, endpoint.isSecure ? { pair: this.#pair } : {});
    try {
      await app.listen({ host, port });
    } catch (error) {
      await app.close();
      const reported = this.#listenError(endpoint, name, error);
      if (!(reported instanceof RackError && reported.code === 'address-not-here')) throw reported;
      this.#wait(endpoint, reported.message);
      return;
    }
    this.#apps.set(name, app);
    this.#waiting.delete(name);
  }

  #listenError(endpoint: Endpoint, name: string, cause: unknown): unknown {
    const where = formatEndpoint(endpoint.host, endpoint.port);
    const setting = endpoint.isSecure ? 'region.tls.listen' : 'region.listen';
    switch (osErrorCode(cause)) {
      case 'EADDRNOTAVAIL': {
        const text = `${name} is not an address of this host yet; the API will listen there once it is. Give it to an interface, or change ${setting}`;
        return new RackError('address-not-here', text, { cause });
      }
      case 'EADDRINUSE': {
        const text = `${where} is in use: stop its owner (ss -ltnp shows it), or change ${setting}`;
        return new RackError('address-in-use', text, { cause });
      }
      case 'EACCES': {
        const text = `${where} needs a privilege: start with CAP_NET_BIND_SERVICE, or set ${setting} to a port above 1023`;
        return new RackError('permission-denied', text, { cause });
      }
      default:
        return cause;
    }
  }

  /**
   * Waits until the listener can be opened: for the address of an interface without carrier, or one
   * configured by DHCP.
   */
  #wait(endpoint: Endpoint, text: string) {
    if (this.#closed) return;
    const name = formatListenAddress(endpoint);
    const report = (reason: string) =>
      this.#context.onProblem({ id: newUuid(), note: { note: 'listener-waits', reason } });
    if (this.#waiting.get(name)?.listener.text !== text) report(text);
    const timer = this.#context.region.clock.schedule(LISTEN_RETRY_MS, () => {
      this.#inTurn(() => this.#retry(endpoint, timer)).catch((error: unknown) => report(errorText(error)));
    });
    this.#waiting.set(name, { timer, listener: { host: endpoint.host, text } });
  }

  /**
   * Retries a waiting listener, unless a configuration has removed it or requested it again since
   * `timer` was set.
   */
  async #retry(endpoint: Endpoint, timer: Timer) {
    const name = formatListenAddress(endpoint);
    if (this.#closed || this.#waiting.get(name)?.timer !== timer) return;
    try {
      await this.#listen(endpoint);
    } catch (error) {
      // Another program may have taken the port of the late address, and may leave it again.
      if (!(error instanceof RackError)) throw error;
      this.#wait(endpoint, error.message);
    } finally {
      if (this.#waiting.get(name)?.timer === timer) this.#waiting.delete(name);
    }
  }

  close(): Promise<void> {
    this.#closed = true;
    this.#certificateLook?.cancel();
    this.#rackCount?.cancel();
    this.#context.followers.close();
    return this.#inTurn(async () => {
      for (const { timer } of this.#waiting.values()) timer.cancel();
      this.#waiting.clear();
      await this.#closeApps([...this.#apps.keys()]);
      for (const app of this.#own) await this.#closeApp(app);
    });
  }

  async #closeApps(endpoints: readonly string[]) {
    const closing = endpoints.map(async (endpoint) => {
      const app = this.#apps.get(endpoint);
      if (app === undefined) return;
      this.#apps.delete(endpoint);
      await this.#closeApp(app);
    });
    await Promise.all(closing);
  }

  async #closeApp(app: FastifyInstance) {
    const { connections } = this.#context.listenerLimits;
    const { clock } = this.#context.region;
    await acceptQueued(app.server);
    const timer = repeat(clock, CLOSE_CHECK_MS, () => connections.endResting(app.server), 0);
    const cut = clock.schedule(CLOSE_MS, () => app.server.closeAllConnections());
    await app.close();
    timer.cancel();
    cut.cancel();
  }
}
