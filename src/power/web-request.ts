// One HTTP request to an untrusted server, which may refuse, hang or send without end.
//
// 1. The request ends within its time, and its outcome says whether it may have reached the server.
// 2. At most `bytesMax` of an answer are read; then the connection is closed.
// 3. A pinned certificate is compared before a byte of the request is sent.

import type { TLSSocket } from 'node:tls';
import type { Clock } from '../ground/clock.ts';
import { errorText, isTlsError, osErrorCode } from '../ground/errors.ts';
import { HttpFailure, openHttp, readBeginning } from '../net/http-client.ts';
import type { PowerDetail } from './detail.ts';

const LOCATION_CHARACTERS_MAX = 1024;

/**
 * Which certificate a server may have: one of a known authority, any, or the one with this SHA-256
 * fingerprint (64 hexadecimal digits).
 */
export type CertificateTrust =
  | { readonly kind: 'known' | 'any' }
  | { readonly kind: 'pinned'; readonly fingerprint: string };

interface WebRequest {
  readonly clock: Clock;
  readonly method: 'GET' | 'POST' | 'PATCH' | 'DELETE';
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string | undefined;
  readonly trust: CertificateTrust;
  readonly timeMs: number;
  readonly bytesMax: number;
  readonly signal: AbortSignal;
}

export interface HttpAnswer {
  readonly kind: 'answer';
  readonly status: number;
  /** The Location of a redirect or of a new resource, if given. */
  readonly location: string | undefined;
  /** The other header fields, by their names in lower case. */
  readonly fields: Readonly<Record<string, string>>;
  /** The text of the body, up to its bound. */
  readonly body: string;
  /** Of the server's certificate, as in `CertificateTrust`; undefined without TLS. */
  readonly fingerprint: string | undefined;
}

/** Why there is no answer. */
export type WebFault = PowerDetail<
  'cancelled' | 'web-late' | 'web-failed' | 'certificate-untrusted' | 'certificate-changed'
>;

/** The answer to a request, or why there is none: the request was never sent, or no answer came. */
export type HttpAttempt = HttpAnswer | { readonly kind: 'not-sent' | 'no-answer'; readonly why: WebFault };

/** A pinned certificate was replaced by another. */
class CertificateChanged extends Error {
  readonly fingerprint: string;

  constructor(fingerprint: string) {
    super(`the server has the certificate ${fingerprint}`);
    this.fingerprint = fingerprint;
  }
}

/** Makes one request. Redirects are not followed. Never rejects. */
export async function requestOnce(request: WebRequest): Promise<HttpAttempt> {
  const { clock, url, timeMs, bytesMax, signal, trust, method, headers, body } = request;
  const startedAt = clock.now();
  let isConnected = false;
  let socket: TLSSocket | undefined;
  try {
    if (url.protocol === 'https:') {
      socket = await openTls(request);
      isConnected = true;
    }
    const connected = socket;
    const answer = await openHttp({
      url,
      method,
      headers,
      body,
      timeLimit: { clock, ms: Math.max(1, timeMs - (clock.now() - startedAt)) },
      signals: [signal],
      onConnected: () => {
        isConnected = true;
      },
      ...(connected === undefined ? {} : { agent: undefined, createConnection: () => connected }),
    });
    const { statusCode: status = 0, headers: received } = answer;
    const location = received.location?.slice(0, LOCATION_CHARACTERS_MAX);
    const fields = Object.fromEntries(
      Object.entries(received).flatMap(([name, value]) => (typeof value === 'string' ? [[name, value] as const] : [])),
    );
    const fingerprint = socket && fingerprintOf(socket);
    return { kind: 'answer', status, location, fields, body: await readBeginning(answer, bytesMax), fingerprint };
  } catch (error) {
    const kind = isConnected ? 'no-answer' : 'not-sent';
    return { kind, why: signal.aborted ? { code: 'cancelled', params: {} } : toWebFault(error, url.host, trust) };
  } finally {
    socket?.destroy();
  }
}

/** A connection to a server whose certificate is trusted; nothing else was sent on it. */
async function openTls({ clock, url, trust, timeMs, signal }: WebRequest): Promise<TLSSocket> {
  const { promise, resolve, reject } = Promise.withResolvers<TLSSocket>();
  const host = url.hostname.replace(/^\[|\]$/g, '');
  const isAddress = /^[\d.]+$|:/.test(host);
  const socket = process.getBuiltinModule('node:tls').connect({
    host,
    port: Number(url.port) || 443,
    ...(isAddress ? {} : { servername: host }),
    rejectUnauthorized: trust.kind === 'known',
    ALPNProtocols: ['http/1.1'],
  });
  const end = (error: Error): void => void socket.destroy(error);
  const abort = (): void => end(signal.reason instanceof Error ? signal.reason : new Error('aborted'));
  const late = clock.schedule(timeMs, () => end(new HttpFailure('late', Math.round(timeMs / 1000))));
  signal.addEventListener('abort', abort);
  if (signal.aborted) abort();
  socket.once('error', reject);
  socket.once('close', () => reject(new HttpFailure('cut')));
  socket.once('secureConnect', () => {
    const fingerprint = fingerprintOf(socket);
    if (trust.kind === 'pinned' && fingerprint !== trust.fingerprint) end(new CertificateChanged(fingerprint));
    else resolve(socket);
  });
  try {
    return await promise;
  } finally {
    late.cancel();
    signal.removeEventListener('abort', abort);
  }
}

/** 64 hexadecimal digits in lower case. */
const fingerprintOf = (socket: TLSSocket): string =>
  (socket.getPeerCertificate().fingerprint256 ?? '').replaceAll(':', '').toLowerCase();

function toWebFault(error: unknown, host: string, trust: CertificateTrust): WebFault {
  if (error instanceof HttpFailure && error.code === 'late')
    return { code: 'web-late', params: { host, seconds: error.max } };
  if (error instanceof CertificateChanged && trust.kind === 'pinned')
    return { code: 'certificate-changed', params: { host, expected: trust.fingerprint, now: error.fingerprint } };
  return isTlsError(error)
    ? { code: 'certificate-untrusted', params: { host, said: osErrorCode(error) ?? '' } }
    : { code: 'web-failed', params: { host, said: errorText(error) } };
}
