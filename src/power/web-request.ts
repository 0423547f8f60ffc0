// One HTTP request to a server that may do anything with it: refuse, hang, send without end.
//
// 1. It ends within its time, with what is known of whether the server got it.
// 2. At most BODY_BYTES_MAX of an answer are kept; the connection is closed then.

import { type ClientRequest, request as httpRequest, type IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import type { Clock } from '../clock.ts';
import { errorText, osErrorCode } from '../errors.ts';
import { viewBytes } from '../net/borrowed-bytes.ts';

/** How much of an answer is kept, in bytes: what is searched of it, in characters of four bytes. Whoever answers can fill it. */
const BODY_BYTES_MAX = 16 * 1024;
const LOCATION_CHARACTERS_MAX = 1024;

/** What is asked. */
export interface WebRequest {
  readonly clock: Clock;
  readonly method: 'GET' | 'POST';
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  /** False: whoever answers is believed, as long as it speaks TLS. */
  readonly checkCertificate: boolean;
  readonly timeMs: number;
  readonly signal: AbortSignal;
}

export interface HttpAnswer {
  readonly kind: 'answer';
  readonly status: number;
  /** Where a redirect leads; undefined: nothing is said of that. */
  readonly location: string | undefined;
  /** The text, as far as it was kept. */
  readonly body: string;
}

/** An answer; or the request was never sent (`isRefusal`: not for want of an answer); or it was sent and nobody knows more. */
export type HttpAttempt =
  | HttpAnswer
  | { readonly kind: 'not-sent'; readonly isRefusal: boolean; readonly text: string }
  | { readonly kind: 'no-answer'; readonly text: string };

/** Makes one request. Redirects are answers. */
export function requestOnce(asked: WebRequest): Promise<HttpAttempt> {
  const { clock, method, url, headers, timeMs, signal } = asked;
  const isTls = url.protocol === 'https:';
  return new Promise((resolve) => {
    let isConnected = false;
    const length = method === 'POST' ? { 'Content-Length': '0' } : {};
    // A connection of its own: one that was kept may have been closed by the other side already.
    const options = { method, headers: { ...headers, ...length }, agent: false as const };
    const sent: ClientRequest = isTls
      ? httpsRequest(url, { ...options, rejectUnauthorized: asked.checkCertificate })
      : httpRequest(url, options);
    const finish = (attempt: HttpAttempt): void => {
      timer.cancel();
      signal.removeEventListener('abort', abort);
      resolve(attempt);
      sent.destroy();
    };
    const fail = (text: string, isRefusal = false): void =>
      finish(isConnected ? { kind: 'no-answer', text } : { kind: 'not-sent', isRefusal, text });
    const abort = (): void => fail('it was called off');
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

/** What an error says, and whether it says no. */
function complaint(error: Error, host: string): [text: string, isRefusal: boolean] {
  const code = osErrorCode(error) ?? '';
  if (/CERT|SIGN|ISSUER|VERIFY|ALTNAME|^ERR_TLS/.test(code)) {
    const text = `the certificate of ${host} is not believed (${code}): give it one of a known authority, or set power_verify_ssl to n`;
    return [text, true];
  }
  return [`${host}: ${errorText(error) || code}`, false];
}
