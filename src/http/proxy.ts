// Passes requests for `/MAAS/` on to the region, so that machines reach it at the rack's address in
// their own network. Sources: RFC 9110 §7.6.1 (hop-by-hop fields), §15.6.4, §15.6.5; RFC 9112 §6.
//
// 1. Only the rack states the caller's identity: fields by which a caller could claim another
//    address or a right are removed, and the rack's own are added.
// 2. A body's length is bounded, and it gets new framing, so rack and region cannot read two lengths.
// 3. While the region is away the answer is 503 at once, and says what is wrong.
// 4. Only answers of a region, or of a proxy before it, reach the caller (`isForeign`), not those
//    of a web server at a wrong region.url.
// 5. Places at the region are shared out by the caller's address and network (`net/shares/body-places.ts`).

import type { ClientRequest, IncomingMessage, OutgoingHttpHeaders, RequestOptions, ServerResponse } from 'node:http';
import { pipeline } from 'node:stream';
import type { Ipv4 } from '../ground/address.ts';
import { cleanText } from '../ground/clean-text.ts';
import type { Clock } from '../ground/clock.ts';
import { errorText, osErrorCode } from '../ground/errors.ts';
import { INTERIM_MAX, isForeign } from '../net/region-http.ts';
import { BodyPlaces, createPlacedClient } from '../net/shares/body-places.ts';
import { answerText } from './answer.ts';
import { unreachedText } from './answer-words.ts';
import type { RegionUnreached } from './events.ts';
import { isGone, onGone, sendText } from './send.ts';

/** The largest body passed on, in bytes. */
export const BODY_BYTES_MAX = 64 * 1024 * 1024;
/**
 * The most requests at the region at a time. That many hosts can fill it; then a caller with too
 * many places, or a late one, gives one up to a newcomer: it gets 503 or, if the answer has begun,
 * is cut off. So others wait some seconds at most. Places become free as the region answers, and
 * when it is silent for REGION_SILENCE_MS.
 */
export const PROXIED_MAX = 256;
/** How long the region may be silent during a request, in milliseconds. */
const REGION_SILENCE_MS = 60_000;
/** The same for a request that the rack can answer, in milliseconds. */
const UNTAKEN_SILENCE_MS = 10_000;
/**
 * The statuses by which the region, or a proxy before it, says that it cannot take the request now.
 */
const UNTAKEN: ReadonlySet<number> = new Set([502, 503, 504]);
/** How much of the region's refusal is reported, in bytes. */
const SAID_BYTES_MAX = 300;
/** Replaces the system's error if the region of this host does not listen. */
const ABSENT = 'it is still starting, or it has ended: try again in a moment. `rackboot status` says whether it runs';
/** The region's name for its refusal, and the form of such a name. */
const REFUSAL_FIELD = 'x-rackboot-refusal';
const REFUSAL_NAME = /^[a-z][a-z-]{0,63}$/;
/** In seconds. */
const RETRY_AFTER_S = 5;

export interface RegionEndpoint {
  readonly host: string;
  readonly port: number;
  readonly secure?: boolean | undefined;
  /** Used instead, without TLS. */
  readonly socketPath?: string | undefined;
}

/** `request` of node:http, and of node:https for the protocol `https:`. */
export type OpenRequest = (options: RequestOptions) => ClientRequest;

export interface Forwarding {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  /** Its share of places is used; `undefined` if this host itself asks. */
  readonly peer?: Ipv4 | undefined;
  /** The target in origin form. */
  readonly origin: string;
  readonly region: RegionEndpoint | undefined;
  /** Identity and rights. */
  readonly identity: Readonly<Record<string, string>>;
  /** The Host field if the caller gave none. */
  readonly defaultHost: string;
  /** The whole body, if already read. */
  readonly body?: Uint8Array | undefined;
  /** What is read, if more follows. */
  readonly begun?: readonly Uint8Array[] | undefined;
  /** A request that the region cannot take now is left to the caller of `forward`. */
  readonly leavesUntaken?: boolean | undefined;
}

export type ForwardOutcome =
  | {
      readonly kind: 'answered';
      readonly status: number;
      readonly bytes: number;
      /** For a status from 400 on: the region's name for its refusal. */
      readonly refusal: string | undefined;
      /** For a status from 400 on: the beginning of its text, without control characters. */
      readonly said: string | undefined;
    }
  | {
      readonly kind: 'unreachable';
      readonly reason: RegionUnreached;
      /** Where no region answers: the host and port, and the error or what answered. */
      readonly region?: string;
      readonly said?: string;
    }
  | { readonly kind: 'refused'; readonly reason: 'body-too-large' | 'proxy-busy' }
  /** Only with `leavesUntaken`: the region cannot take the request now, and nothing was answered. */
  | { readonly kind: 'untaken' }
  /** The caller went away. */
  | { readonly kind: 'aborted' };

/** Fields that belong to one connection (RFC 9110 §7.6.1), and those that frame a body. */
const HOP_FIELDS: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'proxy-authenticate',
  'proxy-authorization',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'expect',
]);
const CLAIM_FIELD = /^(?:forwarded|via|x-real-ip|x[-_]forwarded[-_].*|x[-_]rackboot[-_].*)$/;

/**
 * The fields of this hop only, also those that Connection names, except what every request needs.
 */
function hopFields(message: IncomingMessage): ReadonlySet<string> {
  const named = (message.headers.connection ?? '').toLowerCase().split(/[\s,]+/);
  return new Set([...HOP_FIELDS, ...named.filter((name) => name !== 'host' && name !== 'content-length')]);
}

function forwardedFields(forwarding: Omit<Forwarding, 'response' | 'region' | 'origin'>): OutgoingHttpHeaders {
  const { request, identity, defaultHost, body } = forwarding;
  const dropped = hopFields(request);
  const fields: Record<string, string[]> = {};
  for (const [name, values] of Object.entries(request.headersDistinct)) {
    if (values === undefined || dropped.has(name) || name === 'content-length' || CLAIM_FIELD.test(name)) continue;
    fields[name] = values;
  }
  const host = request.headers.host;
  const length = request.headers['content-length'];
  const framing: OutgoingHttpHeaders =
    body !== undefined
      ? { 'Content-Length': body.length }
      : request.headers['transfer-encoding'] !== undefined
        ? { 'Transfer-Encoding': 'chunked' }
        : length !== undefined || (request.method !== 'GET' && request.method !== 'HEAD')
          ? { 'Content-Length': length ?? '0' }
          : {};
  return { ...fields, host: host === undefined || host === '' ? defaultHost : host, ...framing, ...identity };
}

/** Names and values in turn. */
function answeredFields(answer: IncomingMessage): string[] {
  const dropped = hopFields(answer);
  const fields: string[] = [];
  for (let index = 0; index + 1 < answer.rawHeaders.length; index += 2) {
    const name = answer.rawHeaders[index] ?? '';
    const lower = name.toLowerCase();
    if (dropped.has(lower)) continue;
    // Quirk: GRUB 2.06 knows this spelling only.
    fields.push(lower === 'content-length' ? 'Content-Length' : name, answer.rawHeaders[index + 1] ?? '');
  }
  return fields;
}

/** A message, not a page. */
const WORDS_TYPE = /^(?:text\/plain|application\/json)\b/i;

function refusalName(answer: IncomingMessage): string | undefined {
  const name = answer.headers[REFUSAL_FIELD];
  return typeof name === 'string' && REFUSAL_NAME.test(name) ? name : undefined;
}

function decodeRefusalText(words: readonly Uint8Array[]): string | undefined {
  const text = Buffer.concat(words).toString('utf8').replace(/\s+/g, ' ').trim();
  return text === '' ? undefined : cleanText(text, SAID_BYTES_MAX);
}

export class RegionProxy {
  readonly #open: OpenRequest;
  readonly #places: BodyPlaces;

  constructor(open: OpenRequest, clock: Clock) {
    this.#open = open;
    this.#places = new BodyPlaces(clock, PROXIED_MAX);
  }

  get active(): number {
    return this.#places.size;
  }

  /** Never rejects. */
  async forward(forwarding: Forwarding): Promise<ForwardOutcome> {
    const { request, response, region } = forwarding;
    const length = Number(request.headers['content-length'] ?? 0);
    if (length > BODY_BYTES_MAX) return refuseForwarding(forwarding, 413, 'body-too-large');
    if (region === undefined) {
      if (forwarding.leavesUntaken === true) return { kind: 'untaken' };
      return answerUnreachable(response, request.method, 503, { kind: 'unreachable', reason: 'no-region' });
    }
    const place = await this.#places.take(forwarding.peer ?? THIS_HOST, createPlacedClient(request, response));
    if (place === 'refused') return refuseForwarding(forwarding, 503, 'proxy-busy');
    if (place === 'gone') return { kind: 'aborted' };
    try {
      if (isGone(response)) return { kind: 'aborted' };
      const passage = new Passage(forwarding);
      void place.whenLost.then(() => passage.evict());
      return await passage.travel(region, this.#open);
    } finally {
      place.release();
    }
  }
}

/** Counts the places of the control socket. */
const THIS_HOST = 'this host';

export function refuseForwarding(
  to: Forwarding,
  status: number,
  reason: 'body-too-large' | 'proxy-busy',
): ForwardOutcome {
  const retry = status === 503 ? { 'Retry-After': RETRY_AFTER_S } : {};
  // The unread body makes the connection unusable.
  sendText(to.response, to.request.method, answerText(status, `${reason}\n`, { ...retry, Connection: 'close' }));
  return { kind: 'refused', reason };
}

type Unreachable = Extract<ForwardOutcome, { readonly kind: 'unreachable' }>;

function answerUnreachable(
  response: ServerResponse,
  method: string | undefined,
  status: number,
  unreachable: Unreachable,
): ForwardOutcome {
  const fields = { 'Retry-After': RETRY_AFTER_S, Connection: 'close' };
  sendText(response, method, answerText(status, `${unreachedText(unreachable)}\n`, fields));
  return unreachable;
}

class Passage {
  readonly #to: Forwarding;
  readonly #ended = Promise.withResolvers<ForwardOutcome>();
  #where = '';
  #isHere = false;
  #onward: ClientRequest | undefined;
  #forget: (() => void) | undefined;
  #bodyBytes = 0;
  #silent = false;
  #done = false;

  constructor(to: Forwarding) {
    this.#to = to;
  }

  travel(region: RegionEndpoint, open: OpenRequest): Promise<ForwardOutcome> {
    const { request, response, origin, leavesUntaken, body, begun } = this.#to;
    this.#where = `${region.host}:${region.port}`;
    this.#isHere = region.socketPath !== undefined;
    const silenceMs = leavesUntaken === true ? UNTAKEN_SILENCE_MS : REGION_SILENCE_MS;
    const onward = open({
      protocol: region.secure === true ? 'https:' : 'http:',
      host: region.host,
      port: region.port,
      ...(region.socketPath === undefined ? {} : { socketPath: region.socketPath }),
      method: request.method ?? 'GET',
      path: origin,
      headers: forwardedFields(this.#to),
      agent: false,
      timeout: silenceMs,
    });
    this.#onward = onward;
    let interim = 0;
    onward.on('information', () => {
      interim += 1;
      if (interim > INTERIM_MAX)
        onward.destroy(new Error(`it sends more than ${INTERIM_MAX} interim answers (1xx) and no other`));
    });
    onward.on('response', (answer) => this.#onAnswer(answer));
    onward.on('timeout', () => {
      this.#silent = true;
      onward.destroy(new Error(`no answer for ${silenceMs / 1000} s`));
    });
    onward.on('error', (error) => this.#onFailure(error));
    this.#forget = onGone(response, () => {
      if (!response.writableFinished) this.#end({ kind: 'aborted' });
    });
    if (body !== undefined) {
      onward.end(body);
      return this.#ended.promise;
    }
    for (const chunk of begun ?? []) {
      this.#countBody(chunk.length);
      onward.write(chunk);
    }
    request.on('data', (chunk: Uint8Array) => this.#countBody(chunk.length));
    request.pipe(onward);
    return this.#ended.promise;
  }

  evict(): void {
    if (this.#done) return;
    this.#stopBody();
    const { response } = this.#to;
    if (!response.headersSent) {
      this.#end(refuseForwarding(this.#to, 503, 'proxy-busy'));
      return;
    }
    response.destroy();
    this.#end({ kind: 'aborted' });
  }

  #countBody(bytes: number): void {
    this.#bodyBytes += bytes;
    if (this.#bodyBytes <= BODY_BYTES_MAX || this.#done) return;
    this.#stopBody();
    this.#end(this.#to.response.headersSent ? { kind: 'aborted' } : refuseForwarding(this.#to, 413, 'body-too-large'));
  }

  #onAnswer(answer: IncomingMessage): void {
    const { response } = this.#to;
    if (this.#done || response.destroyed) {
      answer.destroy();
      return;
    }
    const status = answer.statusCode ?? 502;
    if (isForeign(answer)) {
      answer.destroy();
      this.#failAs('region-foreign', 503, `answered ${status}`);
      return;
    }
    if (this.#to.leavesUntaken === true && UNTAKEN.has(status)) {
      answer.destroy();
      this.#end({ kind: 'untaken' });
      return;
    }
    let bytes = 0;
    const words: Uint8Array[] = [];
    const isReported = status >= 400 && WORDS_TYPE.test(answer.headers['content-type'] ?? '');
    answer.on('data', (chunk: Uint8Array) => {
      if (isReported && bytes < SAID_BYTES_MAX) words.push(chunk.subarray(0, SAID_BYTES_MAX - bytes));
      bytes += chunk.length;
    });
    response.writeHead(status, answeredFields(answer));
    // A truncated answer must not look whole.
    pipeline(answer, response, (error) => {
      const refusal = status >= 400 ? refusalName(answer) : undefined;
      const whole: ForwardOutcome = { kind: 'answered', status, bytes, refusal, said: decodeRefusalText(words) };
      this.#end(error === undefined || error === null ? whole : { kind: 'aborted' });
    });
  }

  #onFailure(error: Error): void {
    // Once an answer has begun, its pipeline reports the end.
    if (this.#done || this.#to.response.headersSent) return;
    const isAbsent = this.#isHere && ['ENOENT', 'ECONNREFUSED'].includes(osErrorCode(error) ?? '');
    this.#failAs('region-silent', this.#silent ? 504 : 503, isAbsent ? ABSENT : errorText(error));
  }

  #failAs(reason: RegionUnreached, status: number, message: string): void {
    const { request, response, leavesUntaken } = this.#to;
    this.#stopBody();
    if (leavesUntaken === true) {
      this.#end({ kind: 'untaken' });
      return;
    }
    const unreachable = { kind: 'unreachable', reason, region: this.#where, said: message } as const;
    this.#end(answerUnreachable(response, request.method, status, unreachable));
  }

  /** The connection ends with the answer. */
  #stopBody(): void {
    if (this.#onward !== undefined) this.#to.request.unpipe(this.#onward);
    this.#to.request.resume();
  }

  #end(outcome: ForwardOutcome): void {
    if (this.#done) return;
    this.#done = true;
    this.#forget?.();
    this.#onward?.destroy();
    this.#ended.resolve(outcome);
  }
}
