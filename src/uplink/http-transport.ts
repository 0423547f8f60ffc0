// The link to a remote region over HTTP and HTTPS.
//
// Sources: RFC 9110, RFC 9112; RFC 5849 §3.5.1 (authorization); nodejs.org/api/https.html.
//
// 1. Every request ends: with its whole answer, after ANSWER_MS_MAX, at an answer larger than its bound, or after INTERIM_MAX interim answers.
// 2. Redirections are not followed, only returned as answers: the key goes to region.url and nowhere else.
// 3. A certificate must match the name in region.url, and region.ca_file if it is set.
// 4. An answer without REGION_FIELD comes from a web server at a wrong address, or from a proxy. Only a proxy's own statuses are accepted of
//    these (`isForeign`).

import type { Agent, ClientRequest, IncomingMessage, RequestOptions } from 'node:http';
import { isIP } from 'node:net';
import { StringDecoder } from 'node:string_decoder';
import type { Clock } from '../clock.ts';
import { errorText, isTlsError } from '../errors.ts';
import { STATE_CHANGES_IM } from '../machines/desired-state.ts';
import { INTERIM_MAX, isForeign } from '../net/region-http.ts';
import type { LinkFault } from '../region/reports/notes.ts';
import { EventStreamReader } from './event-stream-reader.ts';
import { isRedirection, textOf } from './link-answers.ts';
import {
  ANSWER_BYTES_MAX,
  type LinkAnswer,
  LinkFailure,
  type LinkListener,
  type LinkRequest,
  NOT_NOW,
  type RegionAddress,
} from './link-transport.ts';
import { authorizationOf, type RegionKey } from './region-key.ts';

/** How long an exchange may take, in milliseconds: enough for a machine's post on a slow line, or the state of 100 000 machines. */
const ANSWER_MS_MAX = 60_000;
/** How long a connection may be silent, in milliseconds. */
const SILENCE_MS_MAX = 20_000;
/** Connections to the region. */
export const SOCKETS_MAX = 6;
/** The path of a ping: every process of a region answers it from memory. */
const PING_PATH = '/api/version/';
/** The minimum that a piece of an answer counts against the bound, in bytes: even a short piece takes this much memory. */
const PIECE_BYTES_MIN = 128;

/** Ends a request for a reason of our own. */
class OwnEnd extends Error {
  readonly fault: LinkFault;
  readonly amount: number;

  /** @param amount the seconds, bytes or answers that were too many; 0: none */
  constructor(fault: LinkFault, amount = 0) {
    super(fault);
    this.fault = fault;
    this.amount = amount;
  }
}

/** Ends a request that something else than a region answers. */
class ForeignAnswer extends Error {
  readonly status: number;
  readonly where: string;

  /** @param where it redirects to; empty: nowhere */
  constructor(status: number, where: string) {
    super(`answered ${status}`);
    this.status = status;
    this.where = where;
  }
}

/** Why an answer is not a region's; undefined if it may be. */
function foreignness(answer: IncomingMessage): ForeignAnswer | undefined {
  if (!isForeign(answer)) return undefined;
  const { statusCode: status = 0, headers } = answer;
  return new ForeignAnswer(status, isRedirection(status) ? textOf(headers.location ?? '') : '');
}

interface HttpTransportOptions {
  /** `http://region:5240/MAAS`. */
  readonly url: string;
  readonly key: RegionKey;
  /** PEM certificates to trust instead of the system's; undefined to trust the system's. */
  readonly ca?: string | undefined;
  readonly clock: Clock;
  readonly userAgent: string;
}

export function openHttpTransport(options: HttpTransportOptions): RegionAddress {
  return new HttpTransport(options);
}

class HttpTransport implements RegionAddress {
  readonly url: string;
  readonly #options: HttpTransportOptions;
  readonly #url: URL;
  readonly #agent: Agent;
  /** Pings do not wait for the connections of requests. */
  readonly #pingAgent: Agent;
  readonly #underWay = new Set<ClientRequest>();
  readonly #open: (options: RequestOptions) => ClientRequest;

  constructor(options: HttpTransportOptions) {
    this.#options = options;
    this.url = options.url;
    this.#url = new URL(options.url);
    const settings = { keepAlive: true, maxSockets: SOCKETS_MAX, maxFreeSockets: 2, scheduling: 'lifo' } as const;
    if (this.#url.protocol === 'https:') {
      // Load TLS only for a link that needs it.
      const https = process.getBuiltinModule('node:https');
      const trust = options.ca === undefined ? {} : { ca: options.ca };
      this.#agent = new https.Agent({ ...settings, ...trust });
      this.#pingAgent = new https.Agent({ ...settings, ...trust, maxSockets: 1 });
      this.#open = https.request;
    } else {
      const http = process.getBuiltinModule('node:http');
      this.#agent = new http.Agent(settings);
      this.#pingAgent = new http.Agent({ ...settings, maxSockets: 1 });
      this.#open = http.request;
    }
  }

  ask(request: LinkRequest): Promise<LinkAnswer> {
    return new Promise((resolve, reject) => {
      const asking = this.#begin(request, (answer) => {
        const foreign = foreignness(answer);
        if (foreign !== undefined) {
          reject(this.#failureOf(foreign));
          asking.destroy();
          return;
        }
        collect(answer, request.answerBytesMax ?? ANSWER_BYTES_MAX, resolve, (error) => asking.destroy(error));
      });
      const late = this.#options.clock.schedule(ANSWER_MS_MAX, () =>
        asking.destroy(new OwnEnd('late', ANSWER_MS_MAX / 1000)),
      );
      asking.on('timeout', () => asking.destroy(new OwnEnd('silent', SILENCE_MS_MAX / 1000)));
      asking.on('error', (error) => reject(this.#failureOf(error)));
      asking.on('close', () => {
        late.cancel();
        // No effect unless the answer was truncated.
        reject(this.#failureOf(new OwnEnd('cut')));
      });
      asking.end(request.body?.text);
    });
  }

  follow(path: string, listener: LinkListener): { close(): void } {
    let isOver = false;
    const end = (status?: number): void => {
      if (isOver) return;
      isOver = true;
      asking.destroy();
      listener.onEnd(status);
    };
    const asking = this.#begin({ method: 'GET', path, authorized: true }, (answer) => {
      if (answer.statusCode !== 200 || foreignness(answer) !== undefined) {
        answer.resume();
        end(foreignness(answer) === undefined ? answer.statusCode : undefined);
        return;
      }
      // The caller limits how long a stream may be silent.
      asking.setTimeout(0);
      listener.onOpen();
      this.#read(answer, listener, end, () => isOver);
    });
    asking.on('timeout', () => end());
    asking.on('error', () => end());
    asking.end();
    return {
      close: () => {
        isOver = true;
        asking.destroy();
      },
    };
  }

  ping(signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const request = { method: 'GET', path: PING_PATH, authorized: false } as const;
      const onAnswer = (answer: IncomingMessage): void => {
        answer.resume();
        const isNotNow = NOT_NOW.has(answer.statusCode ?? 0);
        const refusal = isNotNow ? new Error(`answered ${answer.statusCode}, "not now"`) : foreignness(answer);
        if (refusal === undefined) {
          resolve();
          return;
        }
        reject(this.#failureOf(refusal));
        asking.destroy();
      };
      const asking = this.#begin(request, onAnswer, { agent: this.#pingAgent, signal });
      asking.on('error', (error) => reject(this.#failureOf(error)));
      asking.on('timeout', () => asking.destroy(new OwnEnd('silent', SILENCE_MS_MAX / 1000)));
      asking.on('close', () => reject(this.#failureOf(new OwnEnd('cut'))));
      asking.end();
    });
  }

  abandon(): void {
    for (const asking of this.#underWay) asking.destroy(new OwnEnd('hanging'));
  }

  close(): void {
    this.#agent.destroy();
    this.#pingAgent.destroy();
  }

  #read(answer: IncomingMessage, listener: LinkListener, end: () => void, isOver: () => boolean): void {
    const reader = new EventStreamReader();
    const decoder = new StringDecoder('utf8');
    answer.on('data', (chunk: Buffer) => {
      if (isOver()) return;
      listener.onAlive();
      const events = reader.read(decoder.write(chunk));
      // A line of the stream is too long.
      if (events === undefined) end();
      for (const { event, data } of events ?? []) if (!isOver()) listener.onEvent(event, data);
    });
    answer.on('error', () => end());
    answer.on('close', () => end());
  }

  #begin(
    request: LinkRequest,
    onAnswer: (answer: IncomingMessage) => void,
    how: RequestOptions = { agent: this.#agent },
  ): ClientRequest {
    const { hostname, port, pathname } = this.#url;
    const { userAgent, key, clock } = this.#options;
    const host = hostname.replace(/^\[|\]$/g, '');
    const [nonce = 0] = new Uint32Array(Uint8Array.from(clock.randomBytes(4)).buffer);
    const { body, ifNoneMatch, takesChanges = false } = request;
    const asking = this.#open({
      host,
      ...(port === '' ? {} : { port: Number(port) }),
      method: request.method,
      path: `${pathname.replace(/\/+$/, '')}${request.path}`,
      ...how,
      timeout: SILENCE_MS_MAX,
      // SNI carries host names only, not addresses (RFC 6066 §3).
      ...(this.#url.protocol === 'https:' ? { servername: isIP(host) === 0 ? host : '' } : {}),
      headers: {
        'User-Agent': userAgent,
        Accept: 'application/json, text/event-stream',
        ...(request.authorized ? { Authorization: authorizationOf(key, clock.wallTimeMs(), nonce) } : {}),
        ...(ifNoneMatch === undefined ? {} : { 'If-None-Match': ifNoneMatch }),
        ...(takesChanges ? { 'A-IM': STATE_CHANGES_IM } : {}),
        ...(body === undefined
          ? {}
          : { 'Content-Type': body.contentType, 'Content-Length': Buffer.byteLength(body.text) }),
      },
    });
    let interim = 0;
    asking.on('information', () => {
      interim += 1;
      if (interim > INTERIM_MAX) asking.destroy(new OwnEnd('interim', INTERIM_MAX));
    });
    asking.on('response', onAnswer);
    this.#underWay.add(asking);
    asking.on('close', () => this.#underWay.delete(asking));
    return asking;
  }

  /** Names the region, never its key. Cleans the system's words: they may quote a foreign server's certificate. */
  #failureOf(error: Error): LinkFailure {
    const { url } = this.#options;
    if (error instanceof ForeignAnswer) {
      const { status, where } = error;
      return new LinkFailure({ note: 'link-foreign', url, status, where, more: 0 }, { cause: error });
    }
    const failure = (fault: LinkFault, said: string, max: number): LinkFailure =>
      new LinkFailure({ note: 'link-unanswered', url, fault, said, max, more: 0 }, { cause: error });
    if (error instanceof OwnEnd) return failure(error.fault, '', error.amount);
    const words =
      error instanceof AggregateError ? error.errors.map((one) => errorText(one)).join('; ') : errorText(error);
    const said = textOf(words || error.name);
    return failure(isTlsError(error) ? 'untrusted' : 'failed', said, 0);
  }
}

function collect(
  answer: IncomingMessage,
  bytesMax: number,
  resolve: (answer: LinkAnswer) => void,
  fail: (error: Error) => void,
): void {
  const chunks: Buffer[] = [];
  let bytes = 0;
  answer.on('data', (chunk: Buffer) => {
    bytes += Math.max(chunk.length, PIECE_BYTES_MIN);
    if (bytes > bytesMax) fail(new OwnEnd('too-large', bytesMax));
    else chunks.push(chunk);
  });
  answer.on('end', () => {
    const retryAfterS = Number(answer.headers['retry-after']);
    const { location, etag } = answer.headers;
    resolve({
      ...(location === undefined ? {} : { location }),
      ...(etag === undefined ? {} : { etag }),
      status: answer.statusCode ?? 0,
      retryAfterMs: Number.isFinite(retryAfterS) ? retryAfterS * 1000 : undefined,
      body: Buffer.concat(chunks).toString('utf8'),
    });
  });
}
