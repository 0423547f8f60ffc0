// Sends one request of a command to a region: with the key of a profile, or over the control socket
// of this host.
//
// Sources: RFC 9110; RFC 5849 §3.5.1 (authorization).
//
// 1. Every request ends: with its whole answer, after SILENCE_MS_MAX of silence, or at an answer
//    larger than its bound.
// 2. No message contains the key: in an answer other than a success, repeated parts of the key are
//    masked.

import { REGION_PORT } from '../../config/region-place.ts';
import { readVersion } from '../../files/program-version.ts';
import { systemClock } from '../../ground/clock.ts';
import { errorText, isTlsError, RackError } from '../../ground/errors.ts';
import { type JsonBounds, readBoundedJson } from '../../ground/json-excess.ts';
import { type HttpRequest, openHttp, readWholeAnswer } from '../../net/http-client.ts';
import { REGION_FIELD } from '../../net/region-http.ts';
import { parseAnswerText } from '../../uplink/link-answers.ts';
import { RETRYABLE_STATUSES } from '../../uplink/link-transport.ts';
import { composeAuthorization, parseRegionKey, type RegionKey } from '../../uplink/region-key.ts';
import { readGivenFile } from '../terminal/given-file.ts';
import type { Profile } from './profiles.ts';

/** The longest silence: an operation of the region may wait for a power controller. */
const SILENCE_MS_MAX = 120_000;
const ANSWER_BYTES_MAX = 256 * 1024 * 1024;

/** A request. The path is the one on the region's host: `/MAAS/api/2.0/machines/`. */
export interface RegionRequest {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  readonly path: string;
  readonly query?: URLSearchParams | undefined;
  readonly body?: { readonly type: string; readonly bytes: Uint8Array } | undefined;
  readonly headers?: Readonly<Record<string, string>> | undefined;
  readonly signal?: AbortSignal | undefined;
  /** The largest answer, in bytes; default ANSWER_BYTES_MAX. */
  readonly answerBytesMax?: number | undefined;
}

export interface RegionAnswer {
  readonly status: number;
  /** The media type without its parameters, in lower case; empty if the answer names none. */
  readonly type: string;
  readonly body: Buffer;
  /** False if a web server or a proxy answered. */
  readonly isFromRegion: boolean;
  /** The delay of Retry-After; undefined if the answer has none. */
  readonly retrySeconds: number | undefined;
}

/** Sends requests in the name of a profile or of this host's operator. */
export type RegionClient = (request: RegionRequest) => Promise<RegionAnswer>;

export interface ClientOptions {
  /** True to accept any certificate, because the person asked for it. */
  readonly isInsecure?: boolean;
  readonly onAnswer?: (status: number, headers: readonly (readonly [string, string])[]) => void;
}

/**
 * Creates a client that sends a profile's key. @throws RackError `bad-argument` if the key is
 * malformed
 */
export function profileClient(
  profile: Omit<Profile, 'api'>,
  { isInsecure = false, onAnswer }: ClientOptions = {},
): RegionClient {
  const key = profile.key === '' ? undefined : parseRegionKey(profile.key);
  if (key === undefined && profile.key !== '')
    throw new RackError(
      'bad-argument',
      'an API key has three parts, consumer:token:secret, as rackboot apikey prints it',
    );
  const trustedCertificates = profile.ca_file === undefined ? undefined : readGivenFile(profile.ca_file);
  const options = {
    ...(trustedCertificates === undefined ? {} : { ca: trustedCertificates }),
    rejectUnauthorized: !isInsecure,
  };
  const server = { name: profile.url, options: { url: new URL(profile.url), ...options }, onAnswer };
  return async (request) => {
    const nonce = Buffer.from(systemClock.randomBytes(4)).readUInt32BE();
    const header =
      key === undefined ? {} : { Authorization: composeAuthorization(key, systemClock.wallTimeMs(), nonce) };
    const answer = await sendRequest(server, request, header);
    return answer.status < 300 || key === undefined ? answer : { ...answer, body: withoutKey(answer.body, key) };
  };
}

function withoutKey(body: Buffer, { consumer, token, secret }: RegionKey): Buffer {
  let text = body.toString('latin1');
  for (const part of [secret, token, consumer]) text = text.replaceAll(part, '***');
  return Buffer.from(text, 'latin1');
}

/** Creates a client that acts for this host's operator. @param socketPath the control socket */
export const socketClient =
  (socketPath: string): RegionClient =>
  (request) =>
    sendRequest({ name: socketPath, options: { url: new URL('http://localhost'), socketPath } }, request, {});

interface RegionServer {
  /** The server's name in messages. */
  readonly name: string;
  readonly options: HttpRequest;
  readonly onAnswer?: ClientOptions['onAnswer'];
}

async function sendRequest(
  { name, options, onAnswer }: RegionServer,
  { method, path, query, body, headers: own, signal, answerBytesMax = ANSWER_BYTES_MAX }: RegionRequest,
  authorization: Readonly<Record<string, string>>,
): Promise<RegionAnswer> {
  const search = query === undefined || query.size === 0 ? '' : `?${query}`;
  const fields = {
    'User-Agent': `Rackboot/${readVersion()}`,
    Accept: 'application/json, */*',
    ...authorization,
    ...(body === undefined ? {} : { 'Content-Type': body.type }),
    ...own,
  };
  const request = { method, path: `${path}${search}`, headers: fields, body: body?.bytes };
  try {
    const answer = await openHttp({
      ...options,
      ...request,
      silenceMs: SILENCE_MS_MAX,
      signals: signal === undefined ? [] : [signal],
    });
    const { statusCode: status = 0, headers } = answer;
    onAnswer?.(
      status,
      Object.entries(headers).map(([field, text]) => [field, String(text ?? '')]),
    );
    return {
      status,
      type: (headers['content-type'] ?? '').split(';', 1)[0]?.trim().toLowerCase() ?? '',
      body: await readWholeAnswer(answer, answerBytesMax),
      isFromRegion: headers[REGION_FIELD.name.toLowerCase()] !== undefined,
      retrySeconds: parseSeconds(headers['retry-after']),
    };
  } catch (error) {
    throw toNoAnswerError(name, error);
  }
}

/** A list of 100 000 machines fits; a stranger's `[[[…` does not. */
const ANSWER_BOUNDS: JsonBounds = { depthMax: 64, valuesMax: 8_000_000, membersMax: 1_000_000 };

/** Parses the JSON of an answer; undefined if it has none, or more than any region sends. */
export function parseAnswerJson({ body }: Pick<RegionAnswer, 'body'>): unknown {
  const json = readBoundedJson(body.toString('utf8'), ANSWER_BOUNDS);
  return json.kind === 'value' ? json.value : undefined;
}

const parseSeconds = (text: string | undefined): number | undefined =>
  text !== undefined && /^\d{1,5}$/.test(text) ? Number(text) : undefined;

/**
 * The error for an answer that says "not now", because a region has no database or a proxy has no
 * region; undefined for any other answer.
 */
export function toUnavailableError(url: string, answer: RegionAnswer): RackError | undefined {
  const { status, type, body, isFromRegion: isRegions, retrySeconds } = answer;
  if (!RETRYABLE_STATUSES.has(status)) return undefined;
  // A page for a browser contains no more than the status says.
  const message = type === 'text/html' ? '' : parseAnswerText(body.toString('utf8'));
  const retryText = retrySeconds === undefined ? 'try again' : `try again in ${retrySeconds} s`;
  const observation = `${url} answers ${status}${message === '' ? '' : `: ${message}`}`;
  return new RackError(
    'not-running',
    isRegions ? `${observation}; ${retryText}` : `${observation}: no process of the region may be ready; ${retryText}`,
  );
}

/** @param name a URL or the path of a socket */
function toNoAnswerError(name: string, error: unknown): unknown {
  if (error instanceof RackError) return error;
  const { port, protocol } = URL.canParse(name) ? new URL(name) : { port: '', protocol: '' };
  const remedy = isTlsError(error)
    ? '; name the file with the certificate of its authority with --cacerts'
    : port === '' && protocol === 'http:'
      ? `; a region's default port is ${REGION_PORT}: write it after the host, as in http://rack:${REGION_PORT}/MAAS`
      : '';
  return new RackError('not-running', `no region answers at ${name}: ${errorText(error)}${remedy}`, {
    cause: error,
  });
}
