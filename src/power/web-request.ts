// One HTTP request without a body to an untrusted server, which may refuse, hang or send without end.
//
// 1. The request ends within its time, and its outcome says whether it may have reached the server.
// 2. At most BODY_BYTES_MAX of an answer are read; then the connection is closed.

import type { ClientRequest, IncomingMessage } from 'node:http';
import type { Clock } from '../clock.ts';
import { errorText, osErrorCode } from '../errors.ts';
import { viewBytes } from '../net/borrowed-bytes.ts';
import type { PowerDetail } from './detail.ts';

// An `import` of this module reads each of its exports, and so loads an unused HTTP client: see `http/server.ts`.
const { request: httpRequest } = process.getBuiltinModule('node:http');

/** The stored bytes of an answer: enough for the searched characters at four bytes each. The server can fill it. */
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

/** An answer; or a request that was never sent; or one that was sent without an answer. */
export type HttpAttempt = HttpAnswer | { readonly kind: 'not-sent' | 'no-answer'; readonly why: WebFault };

/** Makes one request. Redirects are not followed. Never rejects. */
export function requestOnce(asked: WebRequest): Promise<HttpAttempt> {
  const { clock, method, url, headers, timeMs, signal } = asked;
  const isTls = url.protocol === 'https:';
  return new Promise((resolve) => {
    let isConnected = false;
    const length = method === 'POST' ? { 'Content-Length': '0' } : {};
    // Always a new connection: the other side may have closed a kept one.
    const options = { method, headers: { ...headers, ...length }, agent: false as const };
    const sent: ClientRequest = isTls
      ? process.getBuiltinModule('node:https').request(url, { ...options, rejectUnauthorized: asked.checkCertificate })
      : httpRequest(url, options);
    const finish = (attempt: HttpAttempt): void => {
      timer.cancel();
      signal.removeEventListener('abort', abort);
      resolve(attempt);
      sent.destroy();
    };
    const { host } = url;
    const fail = (why: WebFault): void => finish({ kind: isConnected ? 'no-answer' : 'not-sent', why });
    const abort = (): void => fail({ code: 'cancelled', params: {} });
    const seconds = Math.round(timeMs / 1000);
    const timer = clock.schedule(timeMs, () => fail({ code: 'web-late', params: { host, seconds } }));
    signal.addEventListener('abort', abort, { once: true });
    sent.on('socket', (socket) =>
      socket.once(isTls ? 'secureConnect' : 'connect', () => {
        isConnected = true;
      }),
    );
    const failed = (error: Error): void => fail(faultOf(error, host));
    sent.on('error', failed);
    sent.on('response', (answer) => readAnswer(answer, finish, failed));
    if (signal.aborted) abort();
    else sent.end();
  });
}

function readAnswer(
  answer: IncomingMessage,
  finish: (attempt: HttpAttempt) => void,
  failed: (error: Error) => void,
): void {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  const done = (): void =>
    finish({
      kind: 'answer',
      status: answer.statusCode ?? 0,
      location: answer.headers.location?.slice(0, LOCATION_CHARACTERS_MAX),
      body: Buffer.concat(chunks).toString('utf8'),
    });
  answer.on('data', (chunk: Buffer) => {
    chunks.push(viewBytes(chunk, 0, BODY_BYTES_MAX - bytes));
    bytes += chunk.length;
    if (bytes >= BODY_BYTES_MAX) done();
  });
  answer.on('end', done);
  answer.on('error', failed);
}

function faultOf(error: Error, host: string): WebFault {
  const code = osErrorCode(error) ?? '';
  return /CERT|SIGN|ISSUER|VERIFY|ALTNAME|^ERR_TLS/.test(code)
    ? { code: 'certificate-untrusted', params: { host, said: code } }
    : { code: 'web-failed', params: { host, said: errorText(error) || code } };
}
