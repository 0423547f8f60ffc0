// A real region with its database in virtual time that can be restarted: requests while it is down are lost.

import type { FastifyInstance } from 'fastify';
import type { Clock } from '../../src/ground/clock.ts';
import { renderRefusalBody } from '../../src/region/api/call/answer.ts';
import type { RegionConfig } from '../../src/region/config.ts';
import { answerLink, type LinkRequest as RegionRequest } from '../../src/region/http/link.ts';
import { buildApp, makeContext } from '../../src/region/http/server.ts';
import { REFUSALS } from '../../src/region/records/refusal.ts';
import type { RegionStore } from '../../src/region/records/store.ts';
import { openRegion, type Region } from '../../src/region/region.ts';
import { openRegionStore } from '../../src/store/sqlite/region-sqlite.ts';
import type { LinkAnswer, LinkRequest } from '../../src/uplink/link-transport.ts';
import { composeAuthorization, type RegionKey } from '../../src/uplink/region-key.ts';
import type { RegionEnd } from './chaos-network.ts';

const LINK_PATH = /^\/uplink\/1\/racks\/([0-9a-f-]+)\/(state|events|heartbeat|changes)$/;

interface Running {
  readonly store: RegionStore;
  readonly region: Region;
  readonly app: FastifyInstance;
}

export class ChaosRegion implements RegionEnd {
  readonly #config: RegionConfig;
  readonly #clock: Clock;
  readonly #key: RegionKey;
  #running: Running | undefined;
  /** Requests in progress: a stopping region answers them first, as a server does. */
  readonly #open = new Set<Promise<unknown>>();

  constructor(config: RegionConfig, clock: Clock, key: RegionKey) {
    this.#config = config;
    this.#clock = clock;
    this.#key = key;
  }

  async start(): Promise<void> {
    const store = openRegionStore({ stateDir: this.#config.stateDir });
    const region = await openRegion({
      config: this.#config,
      store,
      clock: this.#clock,
      onDesiredState: () => undefined,
    });
    this.#running = { store, region, app: buildApp(makeContext(region)) };
  }

  async stop(): Promise<void> {
    const running = this.#running;
    this.#running = undefined;
    if (running === undefined) return;
    await Promise.allSettled(this.#open);
    await running.app.close();
    running.region.close();
    await running.store.close();
  }

  get isUp(): boolean {
    return this.#running !== undefined;
  }

  /** The region and its store while it runs. */
  get running(): { readonly store: RegionStore; readonly region: Region } {
    if (this.#running === undefined) throw new Error('the region is down');
    return this.#running;
  }

  answer(request: LinkRequest): Promise<LinkAnswer> | undefined {
    const running = this.#running;
    if (running === undefined) return undefined;
    const [, uuid, kind] = LINK_PATH.exec(request.path) ?? [];
    if (uuid === undefined) return this.#inject(running, request, {});
    const asked: RegionRequest =
      kind === 'state'
        ? { kind, ifNoneMatch: request.ifNoneMatch, takesChanges: request.takesChanges === true }
        : { kind: kind === 'events' ? 'events' : 'heartbeat', body: JSON.parse(request.body?.text ?? 'null') };
    return this.#opened(this.#answerLink(running, uuid, asked));
  }

  async #answerLink({ region }: Running, uuid: string, asked: RegionRequest): Promise<LinkAnswer> {
    const answer = await answerLink(region, uuid, this.#authorization(), asked);
    switch (answer.kind) {
      case 'json':
        return answerOf(answer.status, answer.value);
      case 'state':
        return { ...answerOf(200, answer.state), etag: answer.tag };
      case 'state-changes':
        return { ...answerOf(226, answer.changes), etag: answer.tag };
      case 'unchanged':
        return answerOf(304, '');
      case 'refusal':
        return answerOf(REFUSALS[answer.name].status, renderRefusalBody(answer));
      default:
        throw new Error(`an answer of the kind ${answer.kind}`);
    }
  }

  /** A machine's request that the rack forwards. */
  pass(url: string, body: string, peer: string): Promise<LinkAnswer> | undefined {
    const running = this.#running;
    if (running === undefined) return undefined;
    const secret = `${this.#key.token}:${this.#key.secret}`;
    const request = {
      method: 'POST',
      path: url.replace('/MAAS', ''),
      authorized: false,
      body: { contentType: 'application/x-www-form-urlencoded', text: body },
    } as const;
    return this.#inject(running, request, { 'x-forwarded-for': peer, 'x-rackboot-rack': secret });
  }

  async #inject(
    { app }: Running,
    request: LinkRequest,
    headers: Readonly<Record<string, string>>,
  ): Promise<LinkAnswer> {
    const type = request.body === undefined ? {} : { 'content-type': request.body.contentType };
    const asking = app.inject({
      method: request.method,
      url: `/MAAS${request.path}`,
      headers: { ...headers, ...type },
      ...(request.body === undefined ? {} : { payload: request.body.text }),
    });
    const answer = await this.#opened(asking);
    const { etag } = answer.headers;
    return {
      status: answer.statusCode,
      retryAfterMs: undefined,
      body: answer.body,
      etag: String(etag ?? '') || undefined,
    };
  }

  /** Keeps an answer in progress among the open ones. */
  #opened<T>(asking: Promise<T>): Promise<T> {
    this.#open.add(asking);
    return asking.finally(() => this.#open.delete(asking));
  }

  follow(path: string, onVersion: (version: number) => void): (() => void) | undefined {
    const running = this.#running;
    const uuid = LINK_PATH.exec(path)?.[1];
    if (running === undefined || uuid === undefined) return undefined;
    const { region } = running;
    if (region.racks.find(uuid)?.state !== 'accepted') return undefined;
    onVersion(region.announcedVersion);
    return region.subscribe(onVersion);
  }

  #authorization(): string {
    return composeAuthorization(this.#key, this.#clock.wallTimeMs(), 1);
  }
}

const answerOf = (status: number, value: unknown): LinkAnswer => ({
  status,
  retryAfterMs: undefined,
  body: typeof value === 'string' ? value : JSON.stringify(value),
});
