// One HTTP request without a body to an untrusted server, which may refuse, hang or send without end.
//
// 1. The request ends within its time, and its outcome says whether it may have reached the server.
// 2. At most BODY_BYTES_MAX of an answer are read; then the connection is closed.

import type { Clock } from '../ground/clock.ts';
import { errorText, isTlsError, osErrorCode } from '../ground/errors.ts';
import { HttpFailure, openHttp, readBeginning } from '../net/http-client.ts';
import type { PowerDetail } from './detail.ts';

/**
 * The most bytes stored of an answer: enough for the searched characters at four bytes each. A
 * server can reach this bound.
 */
const BODY_BYTES_MAX = 16 * 1024;
const LOCATION_CHARACTERS_MAX = 1024;

interface WebRequest {
  readonly clock: Clock;
  readonly method: 'GET' | 'POST';
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  /** False to accept any certificate. */
  readonly checkCertificate: boolean;
  readonly timeMs: number;
  readonly signal: AbortSignal;
}

export interface HttpAnswer {
  readonly kind: 'answer';
  readonly status: number;
  /** The Location of a redirect, if given. */
  readonly location: string | undefined;
  /** The text of the body, up to its bound. */
  readonly body: string;
}

/** Why there is no answer. */
export type WebFault = PowerDetail<'cancelled' | 'web-late' | 'web-failed' | 'certificate-untrusted'>;

/** The answer to a request, or why there is none: the request was never sent, or no answer came. */
export type HttpAttempt = HttpAnswer | { readonly kind: 'not-sent' | 'no-answer'; readonly why: WebFault };

/** Makes one request. Redirects are not followed. Never rejects. */
export async function requestOnce(request: WebRequest): Promise<HttpAttempt> {
  const { clock, url, timeMs, signal, checkCertificate, method, headers } = request;
  let isConnected = false;
  const onConnected = (): void => {
    isConnected = true;
  };
  try {
    const options = {
      within: { clock, ms: timeMs },
      signals: [signal],
      onConnected,
      rejectUnauthorized: checkCertificate,
    };
    const answer = await openHttp({ url, method, headers, ...options });
    const { statusCode: status = 0, headers: fields } = answer;
    const location = fields.location?.slice(0, LOCATION_CHARACTERS_MAX);
    return { kind: 'answer', status, location, body: await readBeginning(answer, BODY_BYTES_MAX) };
  } catch (error) {
    const kind = isConnected ? 'no-answer' : 'not-sent';
    return { kind, why: signal.aborted ? { code: 'cancelled', params: {} } : toWebFault(error, url.host) };
  }
}

function toWebFault(error: unknown, host: string): WebFault {
  if (error instanceof HttpFailure && error.code === 'late')
    return { code: 'web-late', params: { host, seconds: error.max } };
  return isTlsError(error)
    ? { code: 'certificate-untrusted', params: { host, said: osErrorCode(error) ?? '' } }
    : { code: 'web-failed', params: { host, said: errorText(error) } };
}
