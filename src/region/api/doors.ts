// What every listener of the API shares: its connections, and the memory for bodies that are arriving, each shared out by the address
// and network of who asks. For the rack of this process that is the machine for which it speaks; a rack elsewhere is one network of its own
// (`caller.ts`), in which each machine for which it speaks has its share.
//
// 1. A large body takes one of LARGE_BODIES_MAX places while it arrives (`net/body-places.ts`); small ones are bounded by the connections.
// 2. What an operator should know is told at most once a minute, with how often it happened.

import type { IncomingMessage } from 'node:http';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { newUuid } from '../../clock.ts';
import { BodyPlaces, clientOf } from '../../net/body-places.ts';
import { type ConnectionRefusal, ConnectionShares } from '../../net/connection-shares.ts';
import { EventSampler } from '../../rate-limit.ts';
import type { Region } from '../region.ts';
import { type Answer, refuse } from './answer.ts';
import { factsOf, findPeer } from './caller.ts';
import type { ApiProblem } from './problem.ts';

/**
 * The most connections of all listeners together that are served. Anybody can fill it; at the bound those who hold more than a fair
 * share lose one to each newcomer, so others notice at the most that they wait. It empties when requests are answered, when a
 * connection rests, and when nothing moves for a minute.
 */
export const CONNECTIONS_MAX = 1024;
/** The most that wait, unread, for one of those places; shared out alike. Beyond it they are answered with 503. 20 s empty it. */
export const WAITING_MAX = 512;
/** A body that is announced to be longer than this, or in chunks, is large: in bytes. */
export const SMALL_BODY_BYTES_MAX = 64 * 1024;
/**
 * The most large bodies that arrive at a time: 64 MiB of strangers' bodies. Hosts of as many addresses can fill it; at the bound whoever
 * holds too many, or is late, loses one to a newcomer (503), so others wait some seconds at the most. It empties as bodies arrive; what
 * stops is ended within 11 s.
 */
export const LARGE_BODIES_MAX = 32;

/** Why a connection was ended, for the operator. */
const WHY: Readonly<Record<ConnectionRefusal, string>> = {
  'too-many-connections': 'it held more than its share while all connections were taken, or waited too long for one',
  'too-slow': 'its body stopped coming',
  'tiny-chunks': 'its body came in thousands of tiny pieces',
  'body-gave-way': 'others waited for the place of its large body, which came slowly or was one of too many',
};

const BUSY = refuse('bodies-limit', 'Too many large bodies are arriving: try again in a moment.', {
  'Retry-After': '5',
});
/** How often an operator is told of connections that were ended. */
export const TOLD_RATE = { perSecond: 1 / 60, burst: 1 } as const;

const isLarge = ({ headers }: IncomingMessage): boolean =>
  headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > SMALL_BODY_BYTES_MAX;

/** The doors of one API. */
export class ApiDoors {
  readonly connections: ConnectionShares;
  readonly #region: Region;
  readonly #onProblem: (problem: ApiProblem) => void;
  readonly #told = new EventSampler<ConnectionRefusal>(TOLD_RATE);
  readonly #bodies: BodyPlaces;

  constructor(region: Region, onProblem: (problem: ApiProblem) => void) {
    this.#region = region;
    this.#onProblem = onProblem;
    this.#bodies = new BodyPlaces(region.clock, LARGE_BODIES_MAX);
    this.connections = new ConnectionShares({
      clock: region.clock,
      max: CONNECTIONS_MAX,
      waitingMax: WAITING_MAX,
      clientOf: (request) => this.#clientOf(request),
      onRefused: (address, reason) => this.#tell(address, reason),
    });
  }

  /** Takes over the connections and the large bodies of an instance. */
  guard(app: FastifyInstance, send: (reply: FastifyReply, answer: Answer) => FastifyReply): void {
    this.connections.guard(app.server);
    app.addHook('preParsing', async (request: FastifyRequest, reply: FastifyReply) => {
      if (isLarge(request.raw) && !(await this.#takeBody(request, reply))) send(reply, BUSY);
    });
  }

  /** False: there is no place for this body. */
  async #takeBody({ raw }: FastifyRequest, reply: FastifyReply): Promise<boolean> {
    const { share } = findPeer(factsOf(raw), this.#region.config(), this.#region.racks);
    const place = await this.#bodies.take(share, clientOf(raw, reply.raw));
    if (place === 'refused' || place === 'gone') return false;
    void place.lost.then(() => this.connections.refuse(raw, 'body-gave-way'));
    raw.on('end', place.release).on('close', place.release);
    if (raw.destroyed) place.release();
    return true;
  }

  /** The machine for which a rack speaks that may; undefined: the sender speaks for itself. */
  #clientOf(request: IncomingMessage): string | undefined {
    if (request.headers['x-rackboot-rack'] === undefined) return undefined;
    const { share } = findPeer(factsOf(request), this.#region.config(), this.#region.racks);
    return share === '' ? undefined : share;
  }

  #tell(address: string, reason: ConnectionRefusal): void {
    const sample = this.#told.take(reason, this.#region.clock.now());
    if (sample === undefined) return;
    const times = sample.count === undefined ? '' : `, and ${sample.count - 1} more before it`;
    const text = `the API ended a connection of ${address}${times}: ${WHY[reason]}`;
    this.#onProblem({ kind: 'connection-ended', id: newUuid(), text });
  }
}
