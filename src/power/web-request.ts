// One HTTP request without a body to an untrusted server, which may refuse, hang or send without end.
//
// 1. The request ends within its time, and its outcome says whether it may have reached the server.
// 2. At most BODY_BYTES_MAX of an answer are read; then the connection is closed.

import type { ClientRequest, IncomingMessage } from 'node:http';
import type { Clock } from '../clock.ts';
import { errorText, osErrorCode } from '../errors.ts';
import { viewBytes } from '../net/borrowed-bytes.ts';

// An `import` of this module reads each of its exports, and so loads an unused HTTP client: see `http/server.ts`.
const { request: httpRequest } = process.getBuiltinModule('node:http');

/** The stored bytes of an answer: enough for the searched characters at four bytes each. The server can fill it. */
const BODY_BYTES_MAX = 16 * 1024;
const LOCATION_CHARACTERS_MAX = 1024;

/** A request. */
export interface WebRequest {
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

/** An answer; or a request that was never sent; or one that was sent without an answer. */
export type HttpAttempt =
  | HttpAnswer
  | { readonly kind: 'not-sent'; readonly isBadCertificate: boolean; readonly text: string }
  | { readonly kind: 'no-answer'; readonly text: string };

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
    const fail = (text: string, isBadCertificate = false): void =>
      finish(isConnected ? { kind: 'no-answer', text } : { kind: 'not-sent', isBadCertificate, text });
    const abort = (): void => fail('it was cancelled');
    const timer = clock.schedule(timeMs, () => fail(`${url.host} did not answer in ${Math.round(timeMs / 1000)} s`));
    signal.addEventListener('abort', abort, { once: true });
    sent.on('socket', (socket) =>
      socket.once(isTls ? 'secureConnect' : 'connect', () => {
        isConnected = true;
      }),
    );
    sent.on('error', (error) => fail(...complaint(error, url.host)));
    sent.on('response', (answer) => readAnswer(answer, finish, fail));
    if (signal.aborted) abort();
    else sent.end();
  });
}

function readAnswer(
  answer: IncomingMessage,
  finish: (attempt: HttpAttempt) => void,
  fail: (text: string) => void,
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
  answer.on('error', (error) => fail(errorText(error)));
}

/** The text of an error, and whether it is a refusal. */
function complaint(error: Error, host: string): [text: string, isBadCertificate: boolean] {
  const code = osErrorCode(error) ?? '';
  if (/CERT|SIGN|ISSUER|VERIFY|ALTNAME|^ERR_TLS/.test(code)) {
    const text = `the certificate of ${host} is not trusted (${code}): install one from a known authority, or set power_verify_ssl to n`;
    return [text, true];
  }
  return [`${host}: ${errorText(error) || code}`, false];
}
