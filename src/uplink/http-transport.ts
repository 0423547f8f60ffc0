// The link to a remote region over HTTP and HTTPS.
//
// Sources: RFC 9110, RFC 9112; RFC 5849 §3.5.1 (authorization); nodejs.org/api/https.html.
//
// 1. Every request ends (`net/http-client.ts`): with its whole answer, after ANSWER_MS_MAX, or at
//    an answer larger than its bound.
// 2. A certificate must match the name in region.url, and region.ca_file if it is set.
// 3. An answer without REGION_FIELD comes from a web server at a wrong address, or from a proxy. Of
//    such answers, only a proxy's own statuses are accepted (`isForeign`).

import type { Agent, IncomingMessage } from 'node:http';
import type { Clock } from '../ground/clock.ts';
import { assertOutside, errorText, isTlsError } from '../ground/errors.ts';
import { STATE_CHANGES_IM } from '../machines/desired-state.ts';
import { HttpFailure, type HttpRequest, openHttp, readWholeAnswer, streamAnswerText } from '../net/http-client.ts';
import { isForeign } from '../net/region-http.ts';
import type { LinkFault } from '../region/reports/notes.ts';
import { EventStreamReader } from './event-stream-reader.ts';
import { isRedirection, parseAnswerText } from './link-answers.ts';
import {
  ANSWER_BYTES_MAX,
  type LinkAnswer,
  LinkFailure,
  type LinkListener,
  type LinkRequest,
  RETRYABLE_STATUSES,
  type RegionAddress,
} from './link-transport.ts';
import { composeAuthorization, type RegionKey } from './region-key.ts';

/**
 * How long an exchange may take, in milliseconds: enough for a machine's post on a slow line, or
 * the state of 100 000 machines.
 */
const ANSWER_MS_MAX = 60_000;
/** How long a connection may be silent, in milliseconds. */
const SILENCE_MS_MAX = 20_000;
/** Connections to the region. */
export const SOCKETS_MAX = 6;
/** The path of a ping: every process of a region answers it from memory. */
const PING_PATH = '/api/version/';

/** Ends the requests of an address that answers no ping. */
class AbandonedError extends Error {
  readonly code = 'hanging';
}

/** Ends a request that something other than a region answers. */
class ForeignAnswer extends Error {
  readonly code = 'foreign';
  readonly status: number;
  /** Where it redirects to; empty if it does not. */
  readonly location: string;

  constructor({ statusCode: status = 0, headers }: IncomingMessage) {
    super(`answered ${status}`);
    this.status = status;
    this.location = isRedirection(status) ? parseAnswerText(headers.location ?? '') : '';
  }
}

interface HttpTransportOptions {
  /** `http://region:5240/MAAS`. */
  readonly url: string;
  readonly key: RegionKey;
  /** PEM certificates to trust instead of the system's; `undefined` to trust the system's. */
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
  #abandonController = new AbortController();

  constructor(options: HttpTransportOptions) {
    this.#options = options;
    this.url = options.url;
    this.#url = new URL(options.url);
    // Load TLS only for a link that needs it.
    const { Agent } =
      this.#url.protocol === 'https:' ? process.getBuiltinModule('node:https') : process.getBuiltinModule('node:http');
    const trustOptions = options.ca === undefined ? {} : { ca: options.ca };
    const settings = { ...trustOptions, keepAlive: true, maxFreeSockets: 2, scheduling: 'lifo' } as const;
    this.#agent = new Agent({ ...settings, maxSockets: SOCKETS_MAX });
    this.#pingAgent = new Agent({ ...settings, maxSockets: 1 });
  }

  async ask(request: LinkRequest): Promise<LinkAnswer> {
    const timeLimit = { clock: this.#options.clock, ms: ANSWER_MS_MAX };
    try {
      const answer = await this.#open(request, { agent: this.#agent, timeLimit });
      const body = await readWholeAnswer(answer, request.answerBytesMax ?? ANSWER_BYTES_MAX);
      const { location, etag, 'retry-after': retryAfter } = answer.headers;
      const retryAfterS = Number(retryAfter);
      return {
        ...(location === undefined ? {} : { location }),
        ...(etag === undefined ? {} : { etag }),
        status: answer.statusCode ?? 0,
        retryAfterMs: Number.isFinite(retryAfterS) ? retryAfterS * 1000 : undefined,
        body: body.toString('utf8'),
      };
    } catch (error) {
      throw this.#composeFailure(error);
    }
  }

  follow(path: string, listener: LinkListener): { close(): void } {
    const closeController = new AbortController();
    const { signal } = closeController;
    const end = (status: number | undefined): void => {
      if (!signal.aborted) listener.onEnd(status);
    };
    void this.#follow(path, listener, signal).then(end);
    return { close: () => closeController.abort() };
  }

  /** @returns the status of an answer that is not a stream */
  async #follow(path: string, listener: LinkListener, signal: AbortSignal): Promise<number | undefined> {
    try {
      const answer = await this.#open(
        { method: 'GET', path, authorized: true },
        { agent: this.#agent, signals: [signal] },
      );
      if (answer.statusCode !== 200) {
        answer.destroy();
        return answer.statusCode;
      }
      // The caller limits how long a stream may be silent.
      answer.setTimeout(0);
      listener.onOpen();
      const reader = new EventStreamReader();
      for await (const text of streamAnswerText(answer)) {
        if (signal.aborted) break;
        listener.onAlive();
        const events = reader.read(text);
        // A line of the stream is too long.
        if (events === undefined) break;
        for (const { event, data } of events) if (!signal.aborted) listener.onEvent(event, data);
      }
    } catch (error) {
      if (!signal.aborted) assertOutside(error);
    }
    return undefined;
  }

  async ping(signal: AbortSignal): Promise<void> {
    try {
      const request = { method: 'GET', path: PING_PATH, authorized: false } as const;
      const answer = await this.#open(request, { agent: this.#pingAgent, signals: [signal] });
      if (RETRYABLE_STATUSES.has(answer.statusCode ?? 0)) {
        answer.destroy();
        throw new Error(`answered ${answer.statusCode}, "not now"`);
      }
      answer.resume();
    } catch (error) {
      throw this.#composeFailure(error);
    }
  }

  abandon(): void {
    this.#abandonController.abort(new AbandonedError());
    this.#abandonController = new AbortController();
  }

  close(): void {
    this.#agent.destroy();
    this.#pingAgent.destroy();
  }

  /** The answer of a region, or of a proxy before it. @throws ForeignAnswer, and as `openHttp` */
  async #open(
    { method, path, authorized, body, ifNoneMatch, takesChanges = false }: LinkRequest,
    { signals = [], ...requestOptions }: Pick<HttpRequest, 'agent' | 'signals' | 'timeLimit'>,
  ): Promise<IncomingMessage> {
    const { userAgent, key, clock } = this.#options;
    const [nonce = 0] = new Uint32Array(Uint8Array.from(clock.randomBytes(4)).buffer);
    const answer = await openHttp({
      ...requestOptions,
      url: this.#url,
      method,
      path: `${this.#url.pathname.replace(/\/+$/, '')}${path}`,
      body: body?.text,
      silenceMs: SILENCE_MS_MAX,
      signals: [...signals, this.#abandonController.signal],
      headers: {
        'User-Agent': userAgent,
        Accept: 'application/json, text/event-stream',
        ...(authorized ? { Authorization: composeAuthorization(key, clock.wallTimeMs(), nonce) } : {}),
        ...(ifNoneMatch === undefined ? {} : { 'If-None-Match': ifNoneMatch }),
        ...(takesChanges ? { 'A-IM': STATE_CHANGES_IM } : {}),
        ...(body === undefined ? {} : { 'Content-Type': body.contentType }),
      },
    });
    if (!isForeign(answer)) return answer;
    answer.destroy();
    throw new ForeignAnswer(answer);
  }

  /**
   * Names the region, never its key. Cleans the system's words: they may quote a foreign server's
   * certificate.
   */
  #composeFailure(error: unknown): LinkFailure {
    const { url } = this.#options;
    if (error instanceof ForeignAnswer) {
      const { status, location } = error;
      return new LinkFailure({ note: 'link-foreign', url, status, where: location, more: 0 }, { cause: error });
    }
    const failure = (fault: LinkFault, message: string, max: number): LinkFailure =>
      new LinkFailure({ note: 'link-unanswered', url, fault, said: message, max, more: 0 }, { cause: error });
    if (error instanceof HttpFailure) return failure(error.code, '', error.max);
    if (error instanceof AbandonedError) return failure(error.code, '', 0);
    return failure(isTlsError(error) ? 'untrusted' : 'failed', parseAnswerText(errorText(error)), 0);
  }
}
