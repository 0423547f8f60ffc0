// Answers one request for `/MAAS/`: passes it on, or acts in the region's place while it is away.
//
//   body ─▶ read here ─┬─ a report, agent or preseed, and the rack has a stand-in ─▶ region ─ does not take it ─▶ kept, or the stand-in's
//                      └─ anything else ─▶ region                                                            script
//
// 1. Only a well-formed boot token is passed on, with the interface for which this rack vouches.

import type { IncomingMessage, ServerResponse } from 'node:http';
import { formatIpv4, formatMac, type Ipv4, type MacAddress } from '../ground/address.ts';
import type { Clock } from '../ground/clock.ts';
import { BodyPlaces, createPlacedClient, hasBody } from '../net/shares/body-places.ts';
import { answerText } from './answer.ts';
import { unreachedText } from './answer-words.ts';
import { BodyArrivals } from './body-arrival.ts';
import {
  BODY_BYTES_MAX,
  type Forwarding,
  type ForwardOutcome,
  type RegionEndpoint,
  type RegionProxy,
  refuseForwarding,
} from './proxy.ts';
import {
  answerQueued,
  answerScript,
  BODIES_MAX,
  type KeptReport,
  type RegionStandIn,
  readRest,
  standInFor,
} from './region-stand-in.ts';
import { sendText } from './send.ts';

export interface RegionRequestsDeps {
  readonly clock: Clock;
  readonly proxy: RegionProxy;
  readonly region: () => RegionEndpoint | undefined;
  /** Proves that the identity comes from the region's rack. */
  readonly rackSecret: string;
  /** The interface that booted from this address with this token; `undefined` if it did not. */
  readonly vouchFor?: ((token: string, peer: Ipv4) => MacAddress | undefined) | undefined;
  /** `undefined` if the region is embedded. */
  readonly standIn?: RegionStandIn | undefined;
}

interface RegionRequest {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly peer: Ipv4;
  /** The rack's address that received the request. */
  readonly local: Ipv4;
  readonly origin: string;
}

/** What a request claims about the machine's boot. */
type BootOfCaller = Pick<KeptReport, 'token' | 'bootMac'>;

/** The claims as header fields for the region. */
function bootFields({ token, bootMac }: BootOfCaller): Readonly<Record<string, string>> {
  return {
    ...(token === undefined ? {} : { 'X-Rackboot-Token': token }),
    ...(bootMac === undefined ? {} : { 'X-Rackboot-Boot': formatMac(bootMac) }),
  };
}

/** The form of a boot's token; anything else is not passed on. */
const BOOT_TOKEN = /^[A-Za-z0-9_-]{22,64}$/;
const CONTENT_TYPE_MAX = 256;
/** The Retry-After for machines, in seconds. */
const RETRY_AFTER_S = 5;

export class RegionRequests {
  readonly #deps: RegionRequestsDeps;
  readonly #arrivals: BodyArrivals;
  readonly #reports: BodyPlaces;

  constructor(deps: RegionRequestsDeps) {
    this.#deps = deps;
    this.#arrivals = new BodyArrivals(deps.clock);
    this.#reports = new BodyPlaces(deps.clock, BODIES_MAX);
  }

  /** @returns `untaken` if answered in the region's place */
  async answer(regionRequest: RegionRequest): Promise<ForwardOutcome> {
    const { request, response, peer, local, origin } = regionRequest;
    const arrivedAt = `${formatIpv4(local)}:${request.socket.localPort ?? 80}`;
    const arrived = await this.#readBody(regionRequest, {
      request,
      response,
      peer,
      origin,
      region: this.#deps.region(),
      identity: {
        'X-Forwarded-For': formatIpv4(peer),
        'X-Rackboot-Rack': this.#deps.rackSecret,
        'X-Rackboot-Local': arrivedAt,
        ...bootFields(this.#findBoot(regionRequest)),
      },
      defaultHost: arrivedAt,
    });
    if ('kind' in arrived) return arrived;
    return (await this.#withoutRegion(regionRequest, arrived)) ?? (await this.#deps.proxy.forward(arrived));
  }

  /** Reads the whole body, or its first part; or returns why the request is not passed on. */
  async #readBody(regionRequest: RegionRequest, forwarding: Forwarding): Promise<Forwarding | ForwardOutcome> {
    const { request, response, peer } = regionRequest;
    const isTooLarge = Number(request.headers['content-length'] ?? 0) > BODY_BYTES_MAX;
    if (!hasBody(request) || isTooLarge) return forwarding;
    const arrived = await this.#arrivals.read(request, response, peer);
    switch (arrived.kind) {
      case 'whole':
        return { ...forwarding, body: arrived.bytes };
      case 'begun':
        return { ...forwarding, begun: arrived.chunks };
      case 'refused':
        return refuseForwarding(forwarding, 503, 'proxy-busy');
      case 'gone':
        return { kind: 'aborted' };
    }
  }

  /** The token, and the interface that this rack vouches for. */
  #findBoot({ request, peer }: RegionRequest): BootOfCaller {
    const token = request.headers['x-rackboot-token'];
    if (typeof token !== 'string' || !BOOT_TOKEN.test(token)) return {};
    return { token, bootMac: this.#deps.vouchFor?.(token, peer) };
  }

  /** Tries the region first, then the rack; `undefined`: pass it on as usual. */
  async #withoutRegion(regionRequest: RegionRequest, forwarding: Forwarding): Promise<ForwardOutcome | undefined> {
    const { standIn, proxy } = this.#deps;
    const { request, response, origin } = forwarding;
    const kind = standIn === undefined ? undefined : standInFor(request, origin);
    if (standIn === undefined || kind === undefined) return undefined;
    const ask = (body: Uint8Array | undefined): Promise<ForwardOutcome> =>
      standIn.isAway()
        ? Promise.resolve({ kind: 'untaken' })
        : proxy.forward({ ...forwarding, body, leavesUntaken: true });
    if (kind !== 'report') {
      const script = standIn[kind];
      if (script === undefined) return undefined;
      const outcome = await ask(undefined);
      if (outcome.kind === 'untaken') answerScript(response, kind, script);
      return outcome;
    }
    if (!standIn.isManaged(regionRequest.peer)) return undefined;
    // While the region accepts requests, no report waits for a place.
    const place = await this.#reports.take(regionRequest.peer, createPlacedClient(request, response), standIn.isAway());
    if (typeof place === 'string') return place === 'gone' ? { kind: 'aborted' } : undefined;
    try {
      const { body: whole, begun = [] } = forwarding;
      const body = whole ?? (await Promise.race([readRest(request, response, begun), place.whenLost]));
      if (body === 'lost') return refuseForwarding(forwarding, 503, 'proxy-busy');
      if (body === undefined) return this.#withoutBody(response);
      const outcome = await ask(body);
      return outcome.kind === 'untaken' ? await this.#keep(standIn, regionRequest, body) : outcome;
    } finally {
      place.release();
    }
  }

  #withoutBody(response: ServerResponse): ForwardOutcome {
    if (response.destroyed) return { kind: 'aborted' };
    sendText(response, 'POST', answerText(413, 'body-too-large\n', { Connection: 'close' }));
    return { kind: 'refused', reason: 'body-too-large' };
  }

  async #keep(standIn: RegionStandIn, regionRequest: RegionRequest, body: Uint8Array): Promise<ForwardOutcome> {
    const { request, response, peer, origin } = regionRequest;
    const contentType = (request.headers['content-type'] ?? '').slice(0, CONTENT_TYPE_MAX);
    const reason = await standIn.keep({
      peer,
      contentType,
      path: origin,
      body,
      ...this.#findBoot(regionRequest),
    });
    if (reason === undefined) {
      answerQueued(response);
      return { kind: 'untaken' };
    }
    const unreached = { kind: 'unreachable', reason } as const;
    const fields = { 'Retry-After': RETRY_AFTER_S };
    sendText(response, 'POST', answerText(503, `${unreachedText(unreached)}\n`, fields));
    return unreached;
  }
}
