// The listeners of the region: the API, the page and the enlistment agent, on every configured address.
//
// Sources: RFC 9112 §9 (connections); Node's HTTP limits.
//
// 1. A request that fails gets an answer with an id; it ends neither the listener nor the thread.
// 2. Headers, bodies and connections are bounded, and so is the time each may take.
// 3. Every answer has REGION_FIELD, even one to a request that cannot be parsed.

import { chmodSync, lstatSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import type { RequestListener } from 'node:http';
import type { Socket } from 'node:net';
import { join } from 'node:path';
import Fastify, { type FastifyInstance, type FastifyReply, type RouteOptions } from 'fastify';
import { type CertificatePair, composeSecureContextOptions } from '../../files/certificate.ts';
import { describeSocketRefusal } from '../../files/socket-refusal.ts';
import { cleanLines } from '../../ground/clean-text.ts';
import type { Clock } from '../../ground/clock.ts';
import { errorText, osErrorCode, RackError } from '../../ground/errors.ts';
import { EventSampler } from '../../ground/rate-limit.ts';
import { countHosts, REGION_FIELD } from '../../net/region-http.ts';
import { REQUEST_MS_MAX } from '../../net/shares/body-places.ts';
import { JOINED_REQUEST_OPTIONS } from '../../net/shares/joined-request.ts';
import { refuse } from '../api/call/answer.ts';
import { noteOperatorRequest } from '../api/call/caller.ts';
import type { ApiProblem } from '../api/call/problem.ts';
import { OPERATOR_SOCKET, RACK_SOCKET, type RegionConfig } from '../config.ts';
import { MetadataService } from '../metadata/metadata-service.ts';
import { PageGuard } from '../page/frame/guard.ts';
import { Sessions } from '../page/frame/sessions.ts';
import { FILES_MAX } from '../page/routes.ts';
import type { Region } from '../region.ts';
import { noteText } from '../reports/notes.ts';
import { LongWork } from '../shares/long-work.ts';
import { anonymousRates } from '../shares/request-rates.ts';
import { RegionCounters } from './counters.ts';
import { EventFollowers } from './event-followers.ts';
import { StreamShares } from './image-stream-routes.ts';
import { ListenerLimits } from './listener-limits.ts';
import { type ListenerKind, ListeningApi, type RegionApi } from './listening.ts';
import { Lists } from './lists.ts';
import { PATH_VALUE_MAX } from './operation-paths.ts';
import { type ApiContext, addRoutes, BODY_BYTES_MAX } from './routes.ts';
import { sendAnswer } from './sending.ts';

const HEADER_BYTES_MAX = 16 * 1024;
const HEADERS_MS_MAX = 10_000;
const IDLE_MS_MAX = 60_000;
const KEEP_ALIVE_MS = 20_000;
const AGENT = join(import.meta.dirname, '../../images/agent');

interface ApiOptions {
  readonly onProblem?: ((problem: ApiProblem) => void) | undefined;
}

export function makeContext(region: Region, options: ApiOptions = {}): ApiContext {
  const onProblem = thinned(options.onProblem ?? warnAbout, region.clock);
  return {
    region,
    listenerLimits: new ListenerLimits(region, onProblem),
    strangers: anonymousRates(),
    mirrors: new StreamShares(),
    followers: new EventFollowers(region),
    lists: new Lists(region.clock),
    guard: new PageGuard(region),
    metadata: new MetadataService(region),
    sessions: new Sessions(region.store.sessions, region.clock),
    files: new LongWork(FILES_MAX),
    agent: readAgent(join(AGENT, 'agent.sh')),
    parts: readParts(AGENT),
    preseed: readAgent(join(AGENT, 'enlist.preseed')),
    onProblem,
  };
}

/**
 * Passes problems on, those of failed requests at most at EVENT_RATE: a client that found a bug of
 * ours must not fill the log.
 */
function thinned(tell: (problem: ApiProblem) => void, clock: Clock): (problem: ApiProblem) => void {
  const failures = new EventSampler();
  return (problem) => {
    const { note } = problem;
    if (note.note !== 'request-failed') {
      tell(problem);
      return;
    }
    const sample = failures.take(note.note, clock.now());
    if (sample !== undefined) tell({ ...problem, note: { ...note, more: (sample.count ?? 1) - 1 } });
  };
}

/**
 * Reports a problem as a warning of the process. The text is cleaned: it may come from outside, and
 * goes to a terminal.
 */
export function warnAbout(problem: ApiProblem): void {
  const cause = problem.cause instanceof Error ? (problem.cause.stack ?? problem.cause.message) : '';
  process.emitWarning(cleanLines(`${noteText(problem.note)} (${problem.id}) ${cause}`), { code: problem.note.note });
}

function readAgent(path: string) {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (osErrorCode(error) === 'ENOENT') return undefined;
    throw new RackError('tree-unreadable', `the enlistment agent ${path} cannot be read: ${errorText(error)}`, {
      cause: error,
    });
  }
}

function readParts(directory: string): ReadonlyMap<string, string> {
  const parts = new Map<string, string>();
  for (const name of listAgent(directory)) {
    const text = /^[a-z]+\.sh$/.test(name) && name !== 'agent.sh' ? readAgent(join(directory, name)) : undefined;
    if (text !== undefined) parts.set(name, text);
  }
  return parts;
}

function listAgent(directory: string): readonly string[] {
  try {
    return readdirSync(directory);
  } catch (error) {
    if (osErrorCode(error) === 'ENOENT') return [];
    throw error;
  }
}

const HTTP_LIMITS = {
  maxHeaderSize: HEADER_BYTES_MAX,
  headersTimeout: HEADERS_MS_MAX,
  requireHostHeader: false,
  ...JOINED_REQUEST_OPTIONS,
} as const;

function makeSecureServer(pair: CertificatePair, handler: RequestListener) {
  // Only a region that serves over TLS pays for loading it.
  const { createServer: createHttpsServer } = process.getBuiltinModule('node:https');
  const server = createHttpsServer(
    { ...HTTP_LIMITS, ...composeSecureContextOptions(pair), handshakeTimeout: HEADERS_MS_MAX },
    handler,
  );
  server.keepAliveTimeout = KEEP_ALIVE_MS;
  server.requestTimeout = REQUEST_MS_MAX;
  server.setTimeout(IDLE_MS_MAX);
  return server;
}

const noCompiler = (): never => {
  throw new Error('routes have no schema: operations check their parameters themselves');
};
/**
 * Replaces Fastify's schema compilers: it would load their 115 or so files although no route has a
 * schema.
 */
const NO_COMPILERS = { buildValidator: () => noCompiler, buildSerializer: () => noCompiler };

/**
 * Makes a route of GET answer HEAD, too, unless it says otherwise. Fastify would add a second
 * route, with the same answers.
 */
function answerHead(route: RouteOptions) {
  const methods = [route.method].flat();
  if (!methods.includes('GET') || methods.includes('HEAD') || route.exposeHeadRoute === false) return;
  route.method = [...methods, 'HEAD'];
  route.onSend = (request, reply, payload, done) => {
    if (request.method === 'HEAD' && payload === undefined) reply.header('content-length', '0');
    done(null, payload);
  };
}

/**
 * Adds REGION_FIELD, below Fastify, whose own fields a stream of events does not send; and the type
 * of an answer that has no other. Fastify would take it from an empty one, and MAAS's command ends
 * with an error when a 204 has none.
 */
function nameRegion(reply: FastifyReply) {
  reply.raw.setHeader(REGION_FIELD.name, REGION_FIELD.value);
  reply.raw.setHeader('Content-Type', 'text/plain');
  return reply;
}

/** The answers to requests that never reach a route, by Node's code; to others 400. */
const UNPARSED: ReadonlyMap<string, string> = new Map([
  ['ERR_HTTP_REQUEST_TIMEOUT', '408 Request Timeout'],
  ['HPE_HEADER_OVERFLOW', '431 Request Header Fields Too Large'],
]);

function refuseUnparsed({ code }: { readonly code?: string }, socket: Socket) {
  const status = UNPARSED.get(code ?? '') ?? '400 Bad Request';
  const fields = `${REGION_FIELD.name}: ${REGION_FIELD.value}\r\nConnection: close\r\nContent-Type: text/plain\r\nContent-Length: 0`;
  if (code !== 'ECONNRESET' && socket.writable) socket.write(`HTTP/1.1 ${status}\r\n${fields}\r\n\r\n`);
  socket.destroy();
}

export function buildApp(context: ApiContext, { pair, of }: ListenerKind = {}): FastifyInstance {
  const secure =
    pair === undefined ? {} : { serverFactory: (handler: RequestListener) => makeSecureServer(pair, handler) };
  const app = Fastify({
    ...secure,
    logger: false,
    schemaController: { compilersFactory: NO_COMPILERS },
    bodyLimit: BODY_BYTES_MAX,
    requestTimeout: REQUEST_MS_MAX,
    connectionTimeout: IDLE_MS_MAX,
    keepAliveTimeout: KEEP_ALIVE_MS,
    exposeHeadRoutes: false,
    return503OnClosing: false,
    routerOptions: { ignoreTrailingSlash: true, ignoreDuplicateSlashes: true, maxParamLength: PATH_VALUE_MAX },
    http: HTTP_LIMITS,
    // Answers a request whose target cannot be decoded: it never reaches a route.
    frameworkErrors: (error, _request, reply) =>
      void sendAnswer(context, nameRegion(reply), refuse('bad-request', error.message)),
    clientErrorHandler: refuseUnparsed,
  });
  app.addHook('onRoute', answerHead);
  app.addHook('onRequest', async (_request, reply) => void nameRegion(reply));
  app.addHook('onRequest', async ({ raw }, reply) => {
    const hosts = countHosts(raw.rawHeaders);
    // RFC 9112 §3.2. A request of HTTP/1.0 needs no Host.
    if (hosts > 1 || (hosts === 0 && raw.httpVersion === '1.1'))
      return await sendAnswer(
        context,
        reply,
        refuse('bad-request', hosts === 0 ? 'The request has no Host field.' : 'The request has several Host fields.', {
          Connection: 'close',
        }),
      );
  });
  if (of === 'operators') app.addHook('onRequest', async ({ raw }) => noteOperatorRequest(raw));
  else context.listenerLimits.guardBodies(app, (reply, answer) => sendAnswer(context, reply, answer));
  if (of === undefined) context.listenerLimits.guard(app);
  const counters = new RegionCounters(context.region.config().counterMemory);
  app.addHook('onResponse', async (_request, reply) => {
    const refusal = reply.getHeader('X-Rackboot-Refusal');
    counters.answered(reply.statusCode, typeof refusal === 'string' ? refusal : undefined);
  });
  addRoutes(app, context);
  return app;
}

/**
 * Opens the listeners of this process. Removes the sockets of a dead one: the state directory
 * belongs to this process alone.
 */
async function openOwnListeners(api: ListeningApi, stateDir: string) {
  for (const [name, of] of [
    [OPERATOR_SOCKET, 'operators'],
    [RACK_SOCKET, 'racks'],
  ] as const) {
    const path = join(stateDir, name);
    try {
      removeSocket(path);
      await api.openSocket(path, { of });
      // Until now other users could open it, but the socket alone gives no rights.
      chmodSync(path, 0o600);
    } catch (cause) {
      throw describeSocketRefusal("the region's socket", cause, path, stateDir);
    }
  }
}

/** @throws RackError `socket-refused` if something else is there */
function removeSocket(path: string) {
  const stats = lstatSync(path, { throwIfNoEntry: false });
  if (stats === undefined) return;
  if (!stats.isSocket())
    throw new RackError('socket-refused', `${path} is in the way of the region's socket: move it away`);
  rmSync(path, { force: true });
}

export async function startApi(region: Region, config: RegionConfig, options: ApiOptions = {}): Promise<RegionApi> {
  const api = new ListeningApi(makeContext(region, options), buildApp);
  try {
    await api.configure(config);
    await openOwnListeners(api, config.stateDir);
  } catch (error) {
    await api.close();
    throw error;
  }
  return api;
}
