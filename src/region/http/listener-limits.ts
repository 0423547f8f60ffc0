// The bounds that all listeners of the API share: connections, and memory for arriving bodies,
// shared out by the client's address and network. The client of a request that this process's rack
// or a load balancer of the site passes on is the one that it names. A remote rack counts as one
// network (`caller.ts`), in which each machine for which it speaks has its share.
//
// 1. A large body takes one of LARGE_BODIES_MAX places while it arrives
//    (`net/shares/body-places.ts`); small ones are bounded by the connections.
// 2. Ended connections are reported to the operator at most once a minute for each reason, with their number.

import type { IncomingMessage } from 'node:http';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { newUuid } from '../../ground/clock.ts';
import { EventSampler } from '../../ground/rate-limit.ts';
import { REGION_FIELD } from '../../net/region-http.ts';
import { BodyPlaces, createPlacedClient } from '../../net/shares/body-places.ts';
import { type ConnectionRefusal, ConnectionShares } from '../../net/shares/connection-shares.ts';
import { type Answer, refuse } from '../api/call/answer.ts';
import { findPeer, readCallerFacts } from '../api/call/caller.ts';
import type { ApiProblem } from '../api/call/problem.ts';
import type { Region } from '../region.ts';

/**
 * Served connections of all listeners together. Any host can fill it; at the bound clients that
 * hold more than a fair share lose one to each newcomer, and all other clients only wait. It
 * empties as requests are answered, when a connection is idle, and when nothing moves for a minute.
 */
export const CONNECTIONS_MAX = 1024;
/**
 * Connections waiting, unread, for one of those places; shared out in the same way. Further ones
 * get 503. It empties within 20 s.
 */
export const WAITING_MAX = 512;
/** A body is large if its announced length exceeds this, in bytes, or if it comes in chunks. */
const SMALL_BODY_BYTES_MAX = 64 * 1024;
/**
 * Large bodies that arrive at a time: at most 64 MiB of strangers' data. Hosts with as many
 * addresses can fill it; at the bound a client that holds too many places, or is late, loses one to
 * a newcomer (503), so others wait a few seconds at most. It empties as bodies arrive; a body that
 * stalls is ended within 11 s.
 */
export const LARGE_BODIES_MAX = 32;

const BUSY = refuse('bodies-limit', 'Too many large bodies are arriving: try again in a moment.', {
  'Retry-After': '5',
});
/** How often ended connections are reported to the operator, for each reason. */
export const REPORT_RATE = { perSecond: 1 / 60, burst: 1 } as const;

const isLarge = ({ headers }: IncomingMessage) =>
  headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > SMALL_BODY_BYTES_MAX;

export class ListenerLimits {
  readonly connections: ConnectionShares;
  readonly #region: Region;
  readonly #onProblem: (problem: ApiProblem) => void;
  readonly #reports = new EventSampler<ConnectionRefusal>(REPORT_RATE);
  readonly #bodies: BodyPlaces;

  constructor(region: Region, onProblem: (problem: ApiProblem) => void) {
    this.#region = region;
    this.#onProblem = onProblem;
    this.#bodies = new BodyPlaces(region.clock, LARGE_BODIES_MAX);
    this.connections = new ConnectionShares({
      clock: region.clock,
      max: CONNECTIONS_MAX,
      waitingMax: WAITING_MAX,
      fields: `${REGION_FIELD.name}: ${REGION_FIELD.value}\r\n`,
      findClient: (request) => this.#clientOf(request),
      onRefused: (address, reason) => this.#report(address, reason),
    });
  }

  guard(app: FastifyInstance): void {
    this.connections.guard(app.server);
  }

  guardBodies(app: FastifyInstance, send: (reply: FastifyReply, answer: Answer) => Promise<FastifyReply>): void {
    app.addHook('preParsing', async (request: FastifyRequest, reply: FastifyReply) => {
      if (isLarge(request.raw) && !(await this.#takeBody(request, reply))) await send(reply, BUSY);
    });
  }

  /** @returns false if there is no place for this body */
  async #takeBody({ raw }: FastifyRequest, reply: FastifyReply) {
    const { share } = findPeer(readCallerFacts(raw), this.#region.config(), this.#region.racks);
    const place = await this.#bodies.take(share, createPlacedClient(raw, reply.raw));
    if (place === 'refused' || place === 'gone') return false;
    void place.whenLost.then(() => this.connections.refuse(raw, 'body-gave-way', share));
    raw.on('end', place.release).on('close', place.release);
    if (raw.destroyed) place.release();
    return true;
  }

  /**
   * The client for which a trusted rack or a load balancer speaks; `undefined` if the sender speaks
   * for itself.
   */
  #clientOf(request: IncomingMessage) {
    const config = this.#region.config();
    const hasProxies = config.proxies !== undefined && config.proxies.length > 0;
    if (request.headers['x-rackboot-rack'] === undefined && !hasProxies) return undefined;
    const { share } = findPeer(readCallerFacts(request), config, this.#region.racks);
    return share === '' ? undefined : share;
  }

  #report(address: string, reason: ConnectionRefusal) {
    const sample = this.#reports.take(reason, this.#region.clock.now());
    if (sample === undefined) return;
    const more = (sample.count ?? 1) - 1;
    this.#onProblem({ id: newUuid(), note: { note: 'connection-ended', client: address, more, why: reason } });
  }
}
