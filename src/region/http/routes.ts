// From HTTP to an operation and back: the routes of one Fastify instance.
//
// Sources: RFC 9110 §15; the plain-text error bodies of MAAS.
//
// 1. A request without credentials passes the rate limit before anything is read from the store.
// 2. A target with a NUL is refused before it is routed: no text in the region's database may have one.

import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { cleanText } from '../../ground/clean-text.ts';
import { newUuid } from '../../ground/clock.ts';
import { errorText, isStoreUnavailable, RackError } from '../../ground/errors.ts';
import type { Rate } from '../../ground/rate-limit.ts';
import { type Answer, HAS_NUL, type Refusal, refuse, refuseField, refuseFor } from '../api/call/answer.ts';
import {
  findCaller,
  findPeer,
  noteAdministrator,
  type Peer,
  readCallerFacts,
  shownOutage,
  withVouchedBoot,
} from '../api/call/caller.ts';
import { EVENT_PLACE } from '../api/call/event-place.ts';
import { type Fields, type ParsedFields, parseTargetQuery } from '../api/call/form-body.ts';
import type { ApiVersion, Operation } from '../api/call/operation.ts';
import type { ApiProblem } from '../api/call/problem.ts';
import { CREATE_PATH } from '../api/images/boot-upload-operations.ts';
import { API_VERSIONS, operationsByPath, runOperation } from '../api/operations.ts';
import type { MetadataService } from '../metadata/metadata-service.ts';
import type { PageGuard } from '../page/frame/guard.ts';
import type { Sessions } from '../page/frame/sessions.ts';
import {
  addPageRoutes,
  answerUnknownPage,
  looksForPage,
  movedTo,
  type PageListener,
  sendAwayPage,
  showsOutage,
} from '../page/routes.ts';
import { refuseVersion } from '../racks/rack-admission.ts';
import type { Region } from '../region.ts';
import { describeOutage, mayBeStored, noteText } from '../reports/notes.ts';
import {
  ANONYMOUS_IN_TOTAL,
  ANONYMOUS_PER_ADDRESS,
  ANONYMOUS_PER_NETWORK,
  type RatesByRack,
} from '../shares/request-rates.ts';
import { addAgentRoutes, chooseAgentOrigin, type Identified } from './agent-routes.ts';
import { apiDescription, descriptionHash } from './description.ts';
import { addImageStreamRoutes, type StreamShares } from './image-stream-routes.ts';
import { mergeFields } from './link.ts';
import { addLinkRoutes } from './link-routes.ts';
import type { ListenerLimits } from './listener-limits.ts';
import { addMetadataRoutes } from './metadata-routes.ts';
import { openApiDescription } from './openapi.ts';
import { type FoundOperations, findOperations } from './operation-paths.ts';
import { addPreseedRoutes } from './preseed-routes.ts';
import { parseRequestForm } from './request-form.ts';
import { RETRY_FIELD, type SendingDeps, sendAnswer } from './sending.ts';
import { ArrivedForm, discardRest, getUpload, readUploads, takesUploads } from './upload-bodies.ts';

/**
 * The methods that reach a path. No operation uses PATCH and OPTIONS (RFC 9110 §9.3.7); they are
 * routed so that their refusal names the methods that work.
 */
const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS'] as const;
const PLACE_SHOWN_MAX = 80;
/**
 * Room for the facts of a machine with hundreds of disks, even if every character is
 * percent-encoded; in bytes.
 */
export const BODY_BYTES_MAX = 2 * 1024 * 1024;
export interface ApiContext extends SendingDeps {
  readonly region: Region;
  readonly listenerLimits: ListenerLimits;
  readonly strangers: RatesByRack;
  readonly mirrors: StreamShares;
  readonly guard: PageGuard;
  readonly metadata: MetadataService;
  readonly sessions: Sessions;
  readonly files: PageListener['files'];
  readonly agent: string | undefined;
  /** The agent's further scripts, by file name. */
  readonly parts: ReadonlyMap<string, string>;
  readonly preseed: string | undefined;
  readonly onProblem: (problem: ApiProblem) => void;
}

const strangersText = (from: string, { burst, perSecond }: Rate) =>
  `Too many requests without credentials from ${from}: ${burst} at once, then ${perSecond} a second are allowed. Wait a little.`;

const RATE_REFUSAL = refuse('rate-limit', strangersText('your address', ANONYMOUS_PER_ADDRESS), RETRY_FIELD);
const RATE_REFUSAL_NETWORK = refuse(
  'rate-limit-network',
  strangersText('your network', ANONYMOUS_PER_NETWORK),
  RETRY_FIELD,
);
const RATE_REFUSAL_ALL = refuse('rate-limit-all', strangersText('all addresses', ANONYMOUS_IN_TOTAL), RETRY_FIELD);

const NUL_IN_TARGET = /%00|\0/;

function refuseRate({ strangers, region }: ApiContext, { address, rackUuid }: Peer): Answer | undefined {
  switch (strangers.of(rackUuid).excess(address, region.clock.now())) {
    case undefined:
      return undefined;
    case 'address':
      return RATE_REFUSAL;
    case 'network':
      return RATE_REFUSAL_NETWORK;
    case 'all':
      return RATE_REFUSAL_ALL;
  }
}

export function addRoutes(app: FastifyInstance, context: ApiContext): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body));
  app.addHook('onRequest', async ({ raw }, reply) => {
    if (NUL_IN_TARGET.test(raw.url ?? '')) return sendAnswer(context, reply, refuse('bad-request', HAS_NUL));
    // RFC 9110 §8.3: an empty value names no type, as if the field were absent. Fastify would
    // refuse even a request without a body.
    if (raw.headers['content-type']?.trim() === '') Reflect.deleteProperty(raw.headers, 'content-type');
  });
  app.setErrorHandler(async (error, request, reply) => {
    // A client that sends its whole body before it reads would get a reset connection.
    if (isFastifyError(error) && error.statusCode === 413) await discardRest(request);
    return sendError(context, error, request, reply);
  });
  for (const version of API_VERSIONS) addApiRoutes(app, context, version);
  addLinkRoutes(app, {
    region: context.region,
    allows: (request) => isWithinRate(context, request),
    send: (reply, answer) => sendAnswer(context, reply, answer),
  });
  app.get('/MAAS/api/version/', (_request, reply) => reply.type('text/plain; charset=utf-8').send('2.0'));
  const { region, metadata, agent, parts, preseed } = context;
  const listener = {
    region,
    metadata,
    identify: (request: FastifyRequest) => identifyRequest(context, request),
    send: (reply: FastifyReply, answer: Answer) => sendAnswer(context, reply, answer),
  };
  addMetadataRoutes(app, listener);
  addPreseedRoutes(app, listener);
  addAgentRoutes(app, {
    ...listener,
    agent,
    parts,
    preseed,
    giveBack: ({ address, rackUuid }) => context.strangers.of(rackUuid).giveBack(address),
  });
  const strangers = {
    region,
    peerOf: async (request: FastifyRequest) => {
      await region.racks.refresh();
      return findPeer(readCallerFacts(request.raw), region.config(), region.racks);
    },
    excess: (peer: Peer) => refuseRate(context, peer),
    send: listener.send,
  };
  addImageStreamRoutes(app, { ...strangers, mirrors: context.mirrors });
  const pages: PageListener = {
    ...strangers,
    guard: context.guard,
    sessions: context.sessions,
    files: context.files,
    pathOf: getRequestPath,
    originOf: (request, peer) => chooseAgentOrigin(request, peer, context.region),
    readFiles: (inner, mayWrite) => streamUploads(context, inner, CREATE_PATH, mayWrite),
    arrivedForm: ({ body }) => (body instanceof ArrivedForm ? body : undefined),
  };
  addPageRoutes(app, pages);
  app.setNotFoundHandler((request, reply) => {
    const moved = movedTo(request);
    if (moved !== undefined) return reply.redirect(moved, 302);
    return looksForPage(request) ? answerUnknownPage(pages, request, reply) : answerUnknown(context, request, reply);
  });
}

function addApiRoutes(app: FastifyInstance, context: ApiContext, version: ApiVersion) {
  const base = `/MAAS/api/${version}`;
  const addRoute = (to: FastifyInstance, url: string): unknown =>
    to.route({
      method: [...METHODS],
      url,
      handler: (request, reply) => answerPath(context, version, request, reply),
    });
  addRoute(app, `${base}/*`);
  for (const path of operationsByPath(version).keys()) {
    if (!takesUploads(path)) continue;
    void app.register((inner, _options, done) => {
      streamUploads(context, inner, path);
      addRoute(inner, `${base}/${path.replace(/\{(\w+)\}/g, ':$1')}/`);
      done();
    });
  }
  app.get(`${base}/describe/`, (request, reply) => sendDescription(context, version, request, reply));
  app.get(`${base}/openapi.json`, (request, reply) =>
    sendDescription(context, version, request, reply, openApiDescription),
  );
}

async function identifyRequest(context: ApiContext, request: FastifyRequest): Promise<Identified | Answer> {
  const { region } = context;
  const facts = readCallerFacts(request.raw);
  const config = region.config();
  await region.racks.refresh();
  const peer = await withVouchedBoot(findPeer(facts, config, region.racks), facts, config, region.racks);
  if (facts.header('authorization') === undefined && facts.header('x-rackboot-control') === undefined) {
    return refuseRate(context, peer) ?? { kind: 'identified', peer, caller: { kind: 'anonymous' } };
  }
  const caller = await findCaller(facts, config, region.store, region.clock, region.racks);
  if (caller.kind === 'user') noteAdministrator(request.raw, caller);
  if (caller.kind !== 'anonymous' && caller.kind !== 'rejected') return { kind: 'identified', peer, caller };
  const tooMuch = refuseRate(context, peer);
  if (tooMuch !== undefined) return tooMuch;
  return refuse(
    'not-authenticated',
    'Authorization Error: the API key is not valid; sudo rackboot apikey prints a new one.',
    { 'WWW-Authenticate': 'OAuth realm="MAAS API"' },
  );
}

async function answerPath(
  context: ApiContext,
  version: ApiVersion,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const match = findOperations(version, request.raw.url ?? '');
  if (match.kind === 'operations') return answerOperation(context, version, match, request, reply);
  if (match.tooLong === undefined) return answerUnknown(context, request, reply);
  return sendAnswer(context, reply, refuse('bad-request', `'${match.tooLong}' is exceeding the max param length`));
}

async function answerOperation(
  context: ApiContext,
  version: ApiVersion,
  { operations, path }: FoundOperations,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  reply.header('X-MAAS-API-Hash', descriptionHash(version));
  const who = await identifyRequest(context, request);
  if (who.kind !== 'identified') return sendAnswer(context, reply, who);
  const query = parseTargetQuery(request.raw.url);
  const body = readRequestBody(request);
  if ('kind' in body) return sendAnswer(context, reply, body);
  const call = {
    region: context.region,
    version,
    path,
    caller: who.caller,
    peer: who.peer,
    query,
    ...getUpload(request),
    files: body.files,
    hasLeft: () => request.raw.socket.destroyed,
  };
  const fields = streamFields(request, operations, mergeFields(query, body.fields));
  if ('kind' in fields) return sendAnswer(context, reply, fields);
  return sendAnswer(context, reply, await runOperation(operations, parseMethod(request.method), call, fields));
}

function readRequestBody(request: FastifyRequest): Omit<ParsedFields, 'kind'> | Answer {
  const { body } = request;
  if (body instanceof ArrivedForm) return body.refusal ?? { fields: body.fields };
  const parsed = parseRequestForm(request);
  return parsed.kind === 'fault' ? refuseFor([parsed.refusal]) : { fields: parsed.fields, files: parsed.files };
}

async function identifyUser(context: ApiContext, request: FastifyRequest) {
  const who = await identifyRequest(context, request);
  return who.kind === 'identified' && who.caller.kind === 'user' ? who.caller : undefined;
}

/**
 * Makes an instance read the bodies of a path while they arrive. A file that no upload took is
 * removed after the answer.
 */
function streamUploads(
  context: ApiContext,
  app: FastifyInstance,
  path: string,
  mayWrite = async (request: FastifyRequest) => (await identifyUser(context, request))?.isAdmin === true,
) {
  const { uploads } = context.region.bootImages;
  const isOfUser = async (request: FastifyRequest) => (await identifyUser(context, request)) !== undefined;
  readUploads(app, path, { uploads, bodyMax: BODY_BYTES_MAX, mayWrite, isOfUser });
  app.addHook('onSend', discardRest);
  app.addHook('onResponse', async ({ body }) => {
    if (body instanceof ArrivedForm && body.file !== undefined) await uploads.discard(body.file);
  });
}

const parseMethod = (text: string): (typeof METHODS)[number] => METHODS.find((method) => method === text) ?? 'OPTIONS';

function getRequestPath(request: FastifyRequest): Readonly<Record<string, string>> {
  const { params } = request;
  if (typeof params !== 'object' || params === null) return {};
  return Object.fromEntries(
    Object.entries(params).filter((entry): entry is [string, string] => typeof entry[1] === 'string'),
  );
}

/**
 * Adds the parameters that a client of an event stream sends as headers: `op=follow` by `Accept`,
 * `after` by `Last-Event-ID`. A client that sends an invalid place is refused, and its EventSource
 * ends with an error: a stream from now on would skip events unnoticed. An empty value means none,
 * as in an EventSource (HTML Living Standard §9.2.3).
 */
function streamFields(request: FastifyRequest, operations: readonly Operation[], fields: Fields): Fields | Refusal {
  const wantsStream =
    fields.get('op')?.at(-1) === 'follow' || /(^|,)\s*text\/event-stream\b/.test(request.headers.accept ?? '');
  const last = String(request.headers['last-event-id'] ?? '');
  if (!wantsStream || !operations.some(({ op }) => op === 'follow')) return fields;
  if (last !== '' && !EVENT_PLACE.test(last)) {
    return refuseField(
      'Last-Event-ID',
      `${cleanText(last, PLACE_SHOWN_MAX)} is not a place in the event log: send the last id of the stream, or omit the header to start now`,
    );
  }
  return new Map([['op', ['follow']], ...fields, ...(last === '' ? [] : ([['after', [last]]] as const))]);
}

async function sendDescription(
  context: ApiContext,
  version: ApiVersion,
  request: FastifyRequest,
  reply: FastifyReply,
  make: typeof apiDescription = apiDescription,
): Promise<FastifyReply> {
  reply.header('X-MAAS-API-Hash', descriptionHash(version));
  const who = await identifyRequest(context, request);
  // The description is public: a caller with an invalid key gets it as a stranger.
  const isStranger = who.kind === 'refusal' && who.name === 'not-authenticated';
  if (who.kind !== 'identified' && !isStranger) return sendAnswer(context, reply, who);
  const host = request.headers.host ?? '';
  const origin = /^[A-Za-z0-9.:[\]-]{1,255}$/.test(host) ? `${request.protocol}://${host}` : '';
  // The maas command line accepts only this exact media type, without a charset.
  return reply.type('application/json').send(Buffer.from(JSON.stringify(make(version, origin))));
}

function isWithinRate(context: ApiContext, request: FastifyRequest) {
  const peer = findPeer(readCallerFacts(request.raw), context.region.config(), context.region.racks);
  return context.strangers.of(peer.rackUuid).allows(peer.address, context.region.clock.now());
}

function answerUnknown(context: ApiContext, request: FastifyRequest, reply: FastifyReply) {
  const version = versionIn(request);
  if (version === '1.0' || version === '2.0') reply.header('X-MAAS-API-Hash', descriptionHash(version));
  return sendAnswer(context, reply, answerOfUnknownPath(request));
}

const versionIn = (request: FastifyRequest) => /^\/+MAAS\/+api\/+([^/?]+)/.exec(request.raw.url ?? '')?.[1];

function answerOfUnknownPath(request: FastifyRequest): Answer {
  const version = versionIn(request);
  const link = /^\/+MAAS\/+uplink\/+(\d{1,5})\//.exec(request.raw.url ?? '')?.[1];
  const problem = link === undefined ? undefined : refuseVersion(Number(link));
  if (problem !== undefined) return refuseFor([problem]);
  if (version !== undefined && version !== '1.0' && version !== '2.0') {
    return refuse('unknown-version', 'Unknown API version. This region speaks 1.0 and 2.0.');
  }
  return refuse('not-found', 'Nothing is here.');
}

function sendError(context: ApiContext, error: unknown, request: FastifyRequest, reply: FastifyReply) {
  if (!isStoreUnavailable(error)) return sendAnswer(context, reply, answerOfError(context, error));
  const outage = shownOutage(describeOutage(error), request.raw);
  if (showsOutage(request)) return sendAwayPage(request, reply, outage);
  return sendAnswer(
    context,
    reply,
    refuse('store-unavailable', noteText(outage), mayBeStored(outage) ? {} : RETRY_FIELD),
  );
}

function answerOfError(context: ApiContext, error: unknown): Answer {
  if (error instanceof RackError && error.code === 'text-unstorable') return refuse('bad-request', HAS_NUL);
  if (error instanceof RackError && error.code === 'tree-unreadable')
    return refuse('images-unreadable', `The images of this host cannot be listed: ${errorText(error)}.`);
  const status = isFastifyError(error) ? (error.statusCode ?? 500) : 500;
  if (status === 413) return refuse('body-too-large', 'The body is longer than this region accepts.');
  if (status === 415)
    return refuse(
      'unknown-body',
      'send parameters as application/x-www-form-urlencoded, multipart/form-data or application/json',
    );
  if (status >= 400 && status < 500)
    return error instanceof Error ? refuse('bad-request', error.message) : refuse('bad-request', 'Bad request.');
  const id = newUuid();
  context.onProblem({ id, note: { note: 'request-failed', more: 0, reason: errorText(error) }, cause: error });
  return refuse('internal-error', `The request failed inside the region; its log has details under ${id}.`);
}

const isFastifyError = (error: unknown): error is FastifyError => error instanceof Error && 'statusCode' in error;
