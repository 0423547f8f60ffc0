// One HTTP or HTTPS request over Node's own client, and its answer. Used by commands, by a rack for
// its region, for power controllers, and for probes.
//
// Sources: RFC 9110 §15.2; nodejs.org/api/http.html. undici, which images are downloaded with,
// takes 100 ms of processor time and 20 MB to load: each command would pay for it.
//
// 1. A request ends with the end of its answer or with an error: an `HttpFailure`, an error of the
//    system or of its content, or the reason of a signal. After the head, an error ends the answer,
//    and its reader gets the error.
// 2. Redirections are not followed, only returned as answers: a key goes to the host of the request
//    and nowhere else.

import { type IncomingMessage, request as requestHttp } from 'node:http';
import type { RequestOptions } from 'node:https';
import { pipeline, Readable } from 'node:stream';
import { StringDecoder } from 'node:string_decoder';
import type { Clock } from '../ground/clock.ts';
import { osErrorCode } from '../ground/errors.ts';
import { INTERIM_MAX } from './region-http.ts';

/**
 * The minimum that a piece of an answer counts against its bound, in bytes: even a short piece
 * takes this much memory.
 */
const PIECE_BYTES_MIN = 128;

const FAULT_TEXTS = {
  late: (seconds: number) => `no complete answer within ${seconds} s`,
  silent: (seconds: number) => `silent for ${seconds} s`,
  interim: (count: number) => `it sends more than ${count} interim answers (1xx)`,
  'too-large': (bytes: number) => `its answer is larger than ${bytes} bytes`,
  cut: () => 'the connection ended before the end of the answer',
} as const;

/** Why a request has no whole answer, unless the system or its sender has a reason. */
export type HttpFault = keyof typeof FAULT_TEXTS;

export class HttpFailure extends Error {
  readonly code: HttpFault;
  readonly max: number;

  /** @param max the seconds, answers or bytes that were too many */
  constructor(code: HttpFault, max = 0, options?: ErrorOptions) {
    super(FAULT_TEXTS[code](max), options);
    this.code = code;
    this.max = max;
  }
}

export interface HttpRequest
  extends Pick<
    RequestOptions,
    | 'method'
    | 'headers'
    | 'socketPath'
    | 'localAddress'
    | 'agent'
    | 'ca'
    | 'allowPartialTrustChain'
    | 'rejectUnauthorized'
    | 'createConnection'
  > {
  readonly url: URL;
  /** Replaces the URL's path, unchanged. */
  readonly path?: string;
  readonly body?: string | Uint8Array | AsyncIterable<Uint8Array> | undefined;
  /** How long the connection may be silent, in milliseconds; `undefined` for no limit. */
  readonly silenceMs?: number;
  /** The time for the whole request, in milliseconds; `undefined` for no limit. */
  readonly timeLimit?: { readonly clock: Clock; readonly ms: number };
  /** The first signal that is aborted ends the request with its reason. */
  readonly signals?: readonly AbortSignal[];
  /** Called when the request can reach its server. */
  readonly onConnected?: () => void;
}

/**
 * Sends a request, by default on a connection of its own.
 * @returns the head of its answer, whose body must be read or destroyed
 */
export function openHttp({
  url,
  body,
  silenceMs = 0,
  timeLimit,
  signals = [],
  onConnected,
  ...options
}: HttpRequest): Promise<IncomingMessage> {
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
  const isTls = url.protocol === 'https:';
  const request = isTls ? process.getBuiltinModule('node:https').request : requestHttp;
  const pendingRequest = request(url, { agent: false, timeout: silenceMs, ...options });
  let answer: IncomingMessage | undefined;
  const end = (error: Error): void => void (answer ?? pendingRequest).destroy(error);
  const abort = (): void => end(signals.find(({ aborted }) => aborted)?.reason);
  const lateTimer = timeLimit?.clock.schedule(timeLimit.ms, () =>
    end(new HttpFailure('late', Math.round(timeLimit.ms / 1000))),
  );
  for (const signal of signals) signal.addEventListener('abort', abort);
  pendingRequest.on('close', () => {
    lateTimer?.cancel();
    for (const signal of signals) signal.removeEventListener('abort', abort);
    // Without an answer or an error: node:http leaves a connection that is switched to another
    // protocol (101).
    reject(new HttpFailure('cut'));
  });
  pendingRequest.on('timeout', () => end(new HttpFailure('silent', silenceMs / 1000)));
  let interimCount = 0;
  pendingRequest.on('information', () => {
    interimCount += 1;
    if (interimCount > INTERIM_MAX) end(new HttpFailure('interim', INTERIM_MAX));
  });
  if (onConnected !== undefined)
    pendingRequest.on('socket', (socket) => socket.once(isTls ? 'secureConnect' : 'connect', onConnected));
  pendingRequest.on('error', reject);
  pendingRequest.on('response', (message) => {
    answer = message;
    // Its reader gets the error, too; nobody reads an answer that was refused by its head.
    message.on('error', () => undefined);
    resolve(message);
  });
  if (signals.some(({ aborted }) => aborted)) abort();
  else if (body === undefined || typeof body === 'string' || body instanceof Uint8Array) pendingRequest.end(body);
  else pipeline(Readable.from(body), pendingRequest, (error) => error && end(error));
  return promise;
}

/** The body of an answer, and the end of the answer. @throws HttpFailure, and the errors of `openHttp` */
async function* readAnswerPieces(answer: IncomingMessage, bytesMax: number): AsyncGenerator<Buffer> {
  let bytes = 0;
  try {
    for await (const piece of answer) {
      bytes += Math.max(piece.length, PIECE_BYTES_MIN);
      if (bytes > bytesMax) throw new HttpFailure('too-large', bytesMax);
      yield piece;
    }
  } catch (error) {
    throw osErrorCode(error) === 'ECONNRESET' ? new HttpFailure('cut', 0, { cause: error }) : error;
  }
}

export const readWholeAnswer = async (answer: IncomingMessage, bytesMax: number): Promise<Buffer> =>
  Buffer.concat(await Array.fromAsync(readAnswerPieces(answer, bytesMax)));

/** The beginning of a body; the remainder is not read. */
export async function readBeginning(answer: IncomingMessage, bytesMax: number): Promise<string> {
  const pieces: Buffer[] = [];
  let bytes = 0;
  for await (const piece of readAnswerPieces(answer, Number.POSITIVE_INFINITY)) {
    pieces.push(piece);
    bytes += piece.length;
    if (bytes >= bytesMax) break;
  }
  return Buffer.concat(pieces).toString('utf8', 0, bytesMax);
}

/** A body as text, as it arrives. */
export async function* streamAnswerText(answer: IncomingMessage): AsyncGenerator<string> {
  const decoder = new StringDecoder('utf8');
  for await (const piece of readAnswerPieces(answer, Number.POSITIVE_INFINITY)) yield decoder.write(piece);
}

/** The complete lines of a body, as they arrive. */
export async function* readLines(answer: IncomingMessage, charactersMax: number): AsyncGenerator<string> {
  let incompleteLine = '';
  for await (const text of streamAnswerText(answer)) {
    const lines = (incompleteLine + text).split('\n');
    incompleteLine = lines.pop() ?? '';
    if (incompleteLine.length > charactersMax) throw new HttpFailure('too-large', charactersMax);
    yield* lines;
  }
}
