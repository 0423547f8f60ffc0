// The link of remote racks over HTTP: `/MAAS/uplink/1/racks/<uuid>/{state,changes,events,heartbeat}`.
//
// 1. A rack's key is checked before its body is read.
// 2. A rack keeps its newest CHANGES_PER_RACK_MAX streams; one more ends the oldest, which the rack has abandoned.

import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { RackError } from '../../errors.ts';
import { type Answer, refuse } from '../api/answer.ts';
import { EventAnswer } from '../api/event-stream.ts';
import { BATCH_VALUES_MAX, HEARTBEAT_VALUES_MAX } from '../racks/rack-news.ts';
import { LINK_VERSION, type Rack } from '../records/rack.ts';
import { parseJson } from '../records/text-json.ts';
import type { Region } from '../region.ts';
import { answerLink, BATCH_UNDER_WAY, findLinkedRack, LINK_BODY_BYTES_MAX, type LinkRequest } from './link.ts';

/** Streams of one rack. Only an accepted rack fills it, for itself alone; it abandons an old stream when it opens a new one. */
export const CHANGES_PER_RACK_MAX = 4;
/** Room for all networks and images of a rack, in bytes. */
const HEARTBEAT_BYTES_MAX = 1024 * 1024;

/** What the routes need from their listener. */
export interface LinkListener {
  readonly region: Region;
  /** False if this caller sends too many requests without valid credentials. */
  allows(request: FastifyRequest): boolean;
  send(reply: FastifyReply, answer: Answer): FastifyReply;
}

function uuidOf(request: FastifyRequest): string {
  const { params } = request;
  const uuid = typeof params === 'object' && params !== null ? Reflect.get(params, 'uuid') : undefined;
  return typeof uuid === 'string' ? uuid : '';
}

/** Adds the routes of the link to an instance. */
export function addLinkRoutes(app: FastifyInstance, listener: LinkListener): void {
  const { region, send } = listener;
  const streams = new ChangeStreams(region);
  app.addHook('preClose', (done) => {
    streams.close();
    done();
  });
  /** Runs before the body is read. */
  const onRequest = async (request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply | undefined> => {
    const found = findLinkedRack(region, uuidOf(request), request.headers.authorization);
    if (found.kind === 'rack') return undefined;
    const isOver = found.kind === 'refusal' && found.name === 'not-authenticated' && !listener.allows(request);
    return send(reply, isOver ? refuse('rate-limit.wrong-key') : found);
  };
  const onEvents = async (request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply | undefined> => {
    const refused = await onRequest(request, reply);
    if (refused !== undefined || !region.racks.turns.has(uuidOf(request))) return refused;
    return send(reply, BATCH_UNDER_WAY);
  };
  const answer = (
    request: FastifyRequest,
    reply: FastifyReply,
    asked: LinkRequest,
  ): FastifyReply | Promise<FastifyReply> => {
    const given = answerLink(region, uuidOf(request), request.headers.authorization, asked);
    // Awaited here, so that a failure is answered like that of any other handler.
    return given.kind === 'later' ? given.answer.then((now) => send(reply, now)) : send(reply, given);
  };
  const post = (kind: 'events' | 'heartbeat', valuesMax: number) => (request: FastifyRequest, reply: FastifyReply) => {
    const text = Buffer.isBuffer(request.body) ? request.body.toString('utf8') : '';
    const parsed = parseJson(text, valuesMax);
    if (parsed.kind === 'fault') return send(reply, refuse('bad-request.json', { fault: parsed.fault }));
    return answer(request, reply, { kind, body: parsed.value });
  };
  const base = `/MAAS/uplink/${LINK_VERSION}/racks/:uuid`;
  app.get(`${base}/state`, { onRequest }, (request, reply) =>
    answer(request, reply, { kind: 'state', ifNoneMatch: request.headers['if-none-match'] }),
  );
  app.post(`${base}/events`, { onRequest: onEvents, bodyLimit: LINK_BODY_BYTES_MAX }, post('events', BATCH_VALUES_MAX));
  app.post(`${base}/heartbeat`, { onRequest, bodyLimit: HEARTBEAT_BYTES_MAX }, post('heartbeat', HEARTBEAT_VALUES_MAX));
  app.get(`${base}/changes`, { onRequest, exposeHeadRoute: false }, (request, reply) => {
    const found = findLinkedRack(region, uuidOf(request), request.headers.authorization);
    if (found.kind !== 'rack') return send(reply, found);
    reply.hijack();
    streams.open(found.rack, reply);
    return reply;
  });
}

/** The version of a rack's state; `undefined` if the store is unavailable: the stream's next comment line triggers another attempt. */
function versionFor(region: Region, uuid: string): number | undefined {
  try {
    return region.desiredState(uuid).version;
  } catch (error) {
    if (error instanceof RackError && error.code === 'store-unavailable') return undefined;
    throw error;
  }
}

/** The streams of one listener that notify racks of changes. */
class ChangeStreams {
  readonly #region: Region;
  /** By rack: functions that end its streams, oldest first. */
  readonly #streams = new Map<string, (() => void)[]>();

  constructor(region: Region) {
    this.#region = region;
  }

  open({ uuid }: Rack, reply: FastifyReply): void {
    const region = this.#region;
    let sent = -1;
    const notify = (): void => {
      if (region.racks.find(uuid)?.state !== 'accepted') {
        end();
        return;
      }
      const version = versionFor(region, uuid);
      if (!answer.isReady || version === undefined || version === sent) return;
      sent = version;
      answer.send({ id: version, event: 'state', data: { version } });
    };
    const answer = new EventAnswer(reply.raw, {
      clock: region.clock,
      onReady: () => notify(),
      onComment: () => notify(),
      onEnd: () => leave(),
    });
    const leave = (): void => {
      for (const unsubscribe of subscriptions) unsubscribe();
      this.#forget(uuid, end);
    };
    const end = (): void => {
      // The end of a stalled answer may never reach its reader, so the stream is forgotten at once.
      leave();
      answer.close();
    };
    const subscriptions = [region.subscribe(notify), region.racks.subscribe(notify)];
    const own = this.#streams.get(uuid) ?? [];
    own.push(end);
    this.#streams.set(uuid, own);
    if (own.length > CHANGES_PER_RACK_MAX) own[0]?.();
    notify();
  }

  #forget(uuid: string, end: () => void): void {
    const rest = (this.#streams.get(uuid) ?? []).filter((one) => one !== end);
    if (rest.length === 0) this.#streams.delete(uuid);
    else this.#streams.set(uuid, rest);
  }

  close(): void {
    for (const own of [...this.#streams.values()]) for (const end of own) end();
  }
}
