// From HTTP to an operation and back: the routes of one Fastify instance.
//
// Sources: RFC 9110 §15; the plain-text error bodies of MAAS.
//
// 1. Who has not said who they are passes the rate limit before anything is read from the store.
// 2. Every refusal is counted under its name, and carries it in `X-Rackboot-Refusal`.
// 3. A list above LIST_WHOLE_MAX entries is streamed, with a turn of the event loop between its parts.

import { Readable } from 'node:stream';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { newUuid } from '../../clock.ts';
import { RackError } from '../../errors.ts';
import type { Region } from '../region.ts';
import { type Answer, REFUSALS, type RefusalName, refuse } from './answer.ts';
import { type Caller, type CallerFacts, findCaller, findPeer, type Peer } from './caller.ts';
import { apiDescription, DESCRIPTION_HASHES } from './description.ts';
import { type Fields, parseBody, parseUrlEncoded } from './form-body.ts';
import type { ApiVersion, Method, Operation } from './operation.ts';
import { API_VERSIONS, operationsByPath, runOperation } from './operations.ts';
import { renderPage, renderSignIn } from './page.ts';
import { isLocalName, type PageGuard } from './page-guard.ts';
import { PAGE_POLICY } from './page-style.ts';
import type { RateLimiter } from './rate-limit.ts';

const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'PATCH'] as const;
/** A list up to this long goes out in one piece. */
export const LIST_WHOLE_MAX = 100;
const RETRY_SECONDS = 5;

/** Something of the API that an operator should know: it failed in a way that is ours, or an address is not here yet. */
export interface ApiProblem {
  readonly kind: 'handler-failed' | 'listener-waits';
  /** Also sent to the client of a failed request, so that both can be matched. */
  readonly id: string;
  readonly text: string;
  readonly cause?: unknown;
}

/** What all listeners share. */
export interface ApiContext {
  readonly region: Region;
  readonly limiter: RateLimiter;
  readonly guard: PageGuard;
  readonly refusals: Record<RefusalName, number>;
  /** The enlistment agent; undefined: it is not part of this installation. */
  readonly agent: string | undefined;
  readonly onProblem: (problem: ApiProblem) => void;
}

function factsOf(request: FastifyRequest): CallerFacts {
  return {
    socketAddress: request.socket.remoteAddress ?? '',
    header(name) {
      const value = request.headers[name];
      return Array.isArray(value) ? value.join(', ') : value;
    },
  };
}

const RATE_REFUSAL = refuse('rate-limit', 'Too many requests without credentials from your address: wait a little.', {
  'Retry-After': String(RETRY_SECONDS),
});

/** Adds every route of the API and the page to an instance. */
export function addRoutes(app: FastifyInstance, context: ApiContext): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body));
  app.setErrorHandler((error, _request, reply) => send(context, reply, answerOfError(context, error)));
  app.setNotFoundHandler((request, reply) => send(context, reply, answerOfUnknownPath(request)));
  for (const version of API_VERSIONS) {
    for (const [path, operations] of operationsByPath(version)) {
      const url = `/MAAS/api/${version}/${path.replace(/\{(\w+)\}/g, ':$1')}/`;
      app.route({
        method: [...METHODS],
        url,
        handler: (request, reply) => answerOperation(context, version, operations, request, reply),
      });
    }
    app.get(`/MAAS/api/${version}/describe/`, (request, reply) => describe(context, version, request, reply));
  }
  app.get('/MAAS/api/version/', (_request, reply) => reply.type('text/plain; charset=utf-8').send('2.0'));
  app.get('/MAAS/rackboot/agent.sh', (request, reply) => sendAgent(context, request, reply));
  app.get('/MAAS/', (request, reply) => sendPage(context, request, reply));
  app.get('/', (_request, reply) => reply.redirect('/MAAS/', 302));
}

/** Who asks; or a refusal because they ask too much, or are not who they say. */
function identify(
  context: ApiContext,
  request: FastifyRequest,
): { readonly kind: 'identified'; readonly peer: Peer; readonly caller: Caller } | Answer {
  const { region, limiter } = context;
  const facts = factsOf(request);
  const config = region.config();
  const peer = findPeer(facts, config);
  if (facts.header('authorization') === undefined && facts.header('x-rackboot-control') === undefined) {
    return limiter.allows(peer.address, region.clock.now())
      ? { kind: 'identified', peer, caller: { kind: 'anonymous' } }
      : RATE_REFUSAL;
  }
  const caller = findCaller(facts, config, region.store, region.clock);
  if (caller.kind !== 'anonymous' && caller.kind !== 'rejected') return { kind: 'identified', peer, caller };
  if (!limiter.allows(peer.address, region.clock.now())) return RATE_REFUSAL;
  return refuse(
    'not-authenticated',
    'Authorization Error: the API key is not valid; rackboot apikey prints a new one.',
    {
      'WWW-Authenticate': 'OAuth realm="MAAS API"',
    },
  );
}

function answerOperation(
  context: ApiContext,
  version: ApiVersion,
  operations: readonly Operation[],
  request: FastifyRequest,
  reply: FastifyReply,
): FastifyReply {
  reply.header('X-MAAS-API-Hash', DESCRIPTION_HASHES[version]);
  const who = identify(context, request);
  if (who.kind !== 'identified') return send(context, reply, who);
  const query = queryOf(request);
  const body = parseBody(
    request.headers['content-type'] ?? '',
    Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0),
  );
  if (body.kind === 'fault') return send(context, reply, refuse(body.name, body.text));
  const call = { region: context.region, version, path: pathOf(request), caller: who.caller, peer: who.peer, query };
  return send(context, reply, runOperation(operations, methodOf(request.method), call, merge(query, body.fields)));
}

function methodOf(text: string): Method | 'HEAD' {
  // PATCH has no operation anywhere, and is refused as a method under its nearest name.
  return text === 'GET' || text === 'HEAD' || text === 'POST' || text === 'DELETE' ? text : 'PUT';
}

function pathOf(request: FastifyRequest): Readonly<Record<string, string>> {
  const { params } = request;
  if (typeof params !== 'object' || params === null) return {};
  return Object.fromEntries(
    Object.entries(params).filter((entry): entry is [string, string] => typeof entry[1] === 'string'),
  );
}

function queryOf(request: FastifyRequest): Fields {
  const target = request.raw.url ?? '';
  const mark = target.indexOf('?');
  const parsed = parseUrlEncoded(mark === -1 ? '' : target.slice(mark + 1));
  return parsed.kind === 'fields' ? parsed.fields : new Map();
}

function merge(query: Fields, body: Fields): Fields {
  const merged = new Map(query);
  for (const [name, list] of body) merged.set(name, [...(merged.get(name) ?? []), ...list]);
  return merged;
}

function describe(
  context: ApiContext,
  version: ApiVersion,
  request: FastifyRequest,
  reply: FastifyReply,
): FastifyReply {
  reply.header('X-MAAS-API-Hash', DESCRIPTION_HASHES[version]);
  if (!limited(context, request)) return send(context, reply, RATE_REFUSAL);
  const host = request.headers.host ?? '';
  const origin = /^[A-Za-z0-9.:[\]-]{1,255}$/.test(host) ? `http://${host}` : '';
  // The command line takes this media type only in exactly this spelling.
  return reply.type('application/json').send(Buffer.from(JSON.stringify(apiDescription(version, origin))));
}

function limited(context: ApiContext, request: FastifyRequest): boolean {
  const peer = findPeer(factsOf(request), context.region.config());
  return context.limiter.allows(peer.address, context.region.clock.now());
}

function sendAgent(context: ApiContext, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const who = identify(context, request);
  if (who.kind !== 'identified') return send(context, reply, who);
  if (!who.peer.isManaged && who.caller.kind === 'anonymous') {
    const text = `${who.peer.address} is in none of the managed networks: machines enlist from those only.`;
    return send(context, reply, refuse('not-from-here', text));
  }
  if (context.agent === undefined) {
    return send(context, reply, refuse('not-found', 'The enlistment agent is not part of this installation.'));
  }
  return reply.type('text/x-shellscript; charset=utf-8').header('Cache-Control', 'no-store').send(context.agent);
}

async function sendPage(context: ApiContext, request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
  const { region, guard } = context;
  const facts = factsOf(request);
  const peer = findPeer(facts, region.config());
  reply
    .type('text/html; charset=utf-8')
    .header('Cache-Control', 'no-store')
    .header('Content-Security-Policy', PAGE_POLICY)
    .header('X-Content-Type-Options', 'nosniff')
    .header('Referrer-Policy', 'no-referrer');
  if (peer.isLocal && isLocalName(request.headers.host)) return reply.send(renderPage(region));
  const header = facts.header('authorization');
  const verdict = header === undefined ? 'wrong' : await guard.check(header);
  if (verdict === 'right') return reply.send(renderPage(region));
  if (verdict === 'busy' || !limited(context, request)) return send(context, reply, RATE_REFUSAL);
  context.refusals['not-authenticated'] += 1;
  return reply
    .code(REFUSALS['not-authenticated'])
    .header('WWW-Authenticate', 'Basic realm="Rackboot", charset="UTF-8"')
    .header('X-Rackboot-Refusal', 'not-authenticated')
    .send(renderSignIn());
}

function answerOfUnknownPath(request: FastifyRequest): Answer {
  const version = /^\/+MAAS\/+api\/+([^/?]+)/.exec(request.raw.url ?? '')?.[1];
  if (version !== undefined && version !== '1.0' && version !== '2.0') {
    return refuse('unknown-version', 'Unknown API version. This region speaks 1.0 and 2.0.');
  }
  return refuse('not-found', 'Nothing is here.');
}

function answerOfError(context: ApiContext, error: unknown): Answer {
  if (error instanceof RackError && error.code === 'store-unavailable') {
    return refuse('store-unavailable', error.message, { 'Retry-After': String(RETRY_SECONDS) });
  }
  const status = isFastifyError(error) ? (error.statusCode ?? 500) : 500;
  if (status === 413) return refuse('body-too-large', 'The body is longer than this region takes.');
  if (status >= 400 && status < 500)
    return refuse('bad-request', error instanceof Error ? error.message : 'Bad request.');
  const id = newUuid();
  context.onProblem({ kind: 'handler-failed', id, text: 'a request failed inside the region', cause: error });
  return refuse('internal-error', `The region failed at this request; its log says more under ${id}.`);
}

const isFastifyError = (error: unknown): error is FastifyError => error instanceof Error && 'statusCode' in error;

/** Sends an answer of any kind. */
export function send(context: Pick<ApiContext, 'refusals'>, reply: FastifyReply, answer: Answer): FastifyReply {
  reply.header('Cache-Control', 'no-store').header('X-Content-Type-Options', 'nosniff').header('Vary', 'Authorization');
  switch (answer.kind) {
    case 'json':
      return reply.type('application/json').send(Buffer.from(JSON.stringify(answer.value)));
    case 'text':
      return reply.type(answer.contentType).send(answer.text);
    case 'empty':
      return reply.code(204).send();
    case 'list':
      return sendList(reply, answer.chunks);
    case 'refusal': {
      context.refusals[answer.name] += 1;
      reply.code(REFUSALS[answer.name]).header('X-Rackboot-Refusal', answer.name);
      for (const [name, value] of Object.entries(answer.headers ?? {})) reply.header(name, value);
      return typeof answer.body === 'string'
        ? reply.type('text/plain; charset=utf-8').send(answer.body)
        : reply.type('application/json').send(Buffer.from(JSON.stringify(answer.body)));
    }
  }
}

/** A short list in one piece, a long one in parts. */
function sendList(reply: FastifyReply, chunks: Iterator<readonly unknown[]>): FastifyReply {
  const first: unknown[] = [];
  let isWhole = false;
  while (!isWhole && first.length <= LIST_WHOLE_MAX) {
    const next = chunks.next();
    if (next.done === true) isWhole = true;
    else first.push(...next.value);
  }
  reply.type('application/json');
  if (isWhole) return reply.send(Buffer.from(JSON.stringify(first)));
  return reply.send(Readable.from(listText(first, chunks), { objectMode: false }));
}

async function* listText(first: readonly unknown[], chunks: Iterator<readonly unknown[]>): AsyncGenerator<Buffer> {
  const textOf = (entries: readonly unknown[]): string => entries.map((entry) => JSON.stringify(entry)).join(',');
  yield Buffer.from(`[${textOf(first)}`);
  for (let next = chunks.next(); next.done !== true; next = chunks.next()) {
    await nextTurn();
    yield Buffer.from(`,${textOf(next.value)}`);
  }
  yield Buffer.from(']');
}
