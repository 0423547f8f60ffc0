// The link of remote racks over HTTP: `/MAAS/uplink/1/racks/<uuid>/{state,changes,events,heartbeat}`.
//
// 1. A rack's key is checked before its body is read.
// 2. A rack keeps its newest CHANGES_PER_RACK_MAX streams; one more ends the oldest, which the rack
//    has abandoned.

import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { composeJsonFaultText } from '../../ground/json-excess.ts';
import { STATE_CHANGES_IM } from '../../machines/desired-state.ts';
import { type Answer, refuse } from '../api/call/answer.ts';
import { BATCH_VALUES_MAX, HEARTBEAT_VALUES_MAX } from '../racks/rack-news.ts';
import { LINK_VERSION, type Rack } from '../records/rack.ts';
import { rackTaskJson } from '../records/rack-request.ts';
import { parseJson } from '../records/text-json.ts';
import type { Region } from '../region.ts';
import { EventAnswer } from './event-stream.ts';
import { answerLink, BATCH_UNDER_WAY, findLinkedRack, LINK_BODY_BYTES_MAX, type LinkRequest } from './link.ts';

/**
 * Streams of one rack. Only an accepted rack fills it, for itself alone; it abandons an old stream
 * when it opens a new one.
 */
export const CHANGES_PER_RACK_MAX = 4;
/** Room for all networks, with the reservations in them, and images of a rack, in bytes. */
const HEARTBEAT_BYTES_MAX = 2 * 1024 * 1024;

interface LinkListener {
  readonly region: Region;
  /** False if this caller sends too many requests without valid credentials. */
  allows(request: FastifyRequest): boolean;
  send(reply: FastifyReply, answer: Answer): Promise<FastifyReply>;
}

function getRackUuid(request: FastifyRequest) {
  const { params } = request;
  const uuid = typeof params === 'object' && params !== null ? Reflect.get(params, 'uuid') : undefined;
  return typeof uuid === 'string' ? uuid : '';
}

export function addLinkRoutes(app: FastifyInstance, listener: LinkListener): void {
  const { region, send } = listener;
  const streams = new ChangeStreams(region);
  app.addHook('preClose', (done) => {
    streams.close();
    done();
  });
  const refuseSender = async (request: FastifyRequest): Promise<Answer | undefined> => {
    const linkedRack = await findLinkedRack(region, getRackUuid(request), request.headers.authorization);
    if (linkedRack.kind === 'rack') return undefined;
    const isOver =
      linkedRack.kind === 'refusal' && linkedRack.name === 'not-authenticated' && !listener.allows(request);
    return isOver ? refuse('rate-limit', 'Too many requests with a wrong key: wait a little.') : linkedRack;
  };
  const onRequest = async (request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply | undefined> => {
    const refused = await refuseSender(request);
    return refused === undefined ? undefined : send(reply, refused);
  };
  const onEvents = async (request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply | undefined> => {
    const isUnderWay = () => region.racks.turns.has(getRackUuid(request));
    const refused = (await refuseSender(request)) ?? (isUnderWay() ? BATCH_UNDER_WAY : undefined);
    return refused === undefined ? undefined : send(reply, refused);
  };
  const answer = async (
    request: FastifyRequest,
    reply: FastifyReply,
    linkRequest: LinkRequest,
  ): Promise<FastifyReply> =>
    send(reply, await answerLink(region, getRackUuid(request), request.headers.authorization, linkRequest));
  const post = (kind: 'events' | 'heartbeat', valuesMax: number) => (request: FastifyRequest, reply: FastifyReply) => {
    const text = Buffer.isBuffer(request.body) ? request.body.toString('utf8') : '';
    const parsed = parseJson(text, valuesMax);
    if (parsed.kind === 'fault')
      return send(reply, refuse('bad-request', `the body ${composeJsonFaultText(parsed.fault)}`));
    return answer(request, reply, { kind, body: parsed.value });
  };
  const base = `/MAAS/uplink/${LINK_VERSION}/racks/:uuid`;
  app.get(`${base}/state`, { onRequest }, (request, reply) =>
    answer(request, reply, {
      kind: 'state',
      ifNoneMatch: request.headers['if-none-match'],
      takesChanges: request.headers['a-im'] === STATE_CHANGES_IM,
    }),
  );
  app.post(`${base}/events`, { onRequest: onEvents, bodyLimit: LINK_BODY_BYTES_MAX }, post('events', BATCH_VALUES_MAX));
  app.post(`${base}/heartbeat`, { onRequest, bodyLimit: HEARTBEAT_BYTES_MAX }, post('heartbeat', HEARTBEAT_VALUES_MAX));
  app.get(`${base}/changes`, { onRequest, exposeHeadRoute: false }, async (request, reply) => {
    const linkedRack = await findLinkedRack(region, getRackUuid(request), request.headers.authorization);
    if (linkedRack.kind !== 'rack') return send(reply, linkedRack);
    reply.hijack();
    streams.open(linkedRack.rack, reply);
    return reply;
  });
}

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
    const notify = () => {
      if (region.racks.find(uuid)?.state !== 'accepted') {
        end();
        return;
      }
      const version = region.announcedVersion;
      if (!answer.isReady || version === sent) return;
      sent = version;
      answer.send({ id: version, event: 'state', data: { version } });
    };
    const answer = new EventAnswer(reply.raw, {
      clock: region.clock,
      onReady: () => notify(),
      onComment: () => notify(),
      onEnd: () => leave(),
    });
    const leave = () => {
      for (const unsubscribe of subscriptions) unsubscribe();
      this.#forget(uuid, end);
    };
    const end = () => {
      // The end of a stalled answer may never reach its reader, so the stream is forgotten at once.
      leave();
      answer.close();
    };
    const subscriptions = [
      region.subscribe(notify),
      region.racks.subscribe(notify),
      region.racks.requests.carry(uuid, ({ id, task }) => {
        // One that is not sent counts as unanswered.
        if (answer.isReady) answer.send({ event: 'request', data: { id, ...rackTaskJson(task) } });
      }),
    ];
    const own = this.#streams.get(uuid) ?? [];
    own.push(end);
    this.#streams.set(uuid, own);
    if (own.length > CHANGES_PER_RACK_MAX) own[0]?.();
    notify();
  }

  #forget(uuid: string, end: () => void) {
    const rest = (this.#streams.get(uuid) ?? []).filter((entry) => entry !== end);
    if (rest.length === 0) this.#streams.delete(uuid);
    else this.#streams.set(uuid, rest);
  }

  close(): void {
    for (const own of [...this.#streams.values()]) for (const end of own) end();
  }
}
