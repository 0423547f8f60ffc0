// Opens http and https URLs, follows redirects, and explains why one cannot be opened.
//
// Sources: RFC 9110 §15.4 (redirects); Node's documentation of http.Agent (`proxyEnv`).
//
// 1. Each step has a timeout: the connection with TLS and the proxy's tunnel, then the header of the answer. `open` settles within
//    (REDIRECTS_MAX + 1) × (connectMs + answerMs), plus connectMs for the second attempt of 4, whatever a server does.
// 2. At most REDIRECTS_MAX redirects are followed, and none that leads from https to http or to another scheme. User name and password of a
//    URL stay at its origin.
// 3. The body arrives as the server sends it; nothing is decoded.
// 4. The host's certificate store is trusted, too, because it may contain the authority of a proxy that inspects TLS. The store is read only
//    when a certificate is otherwise unknown: reading it takes 0.1 s and 12 MB.
// 5. Each request opens its own connection: the server may have closed a reused one, and for large files a new one costs little.
// 6. The header of each answer has a bound: that of node:http, and TUNNEL_HEAD_BYTES_MAX for a proxy's answer to CONNECT, which node:https
//    reads without one.
//
// This file uses node:http and not `fetch`, which is undici. node:http is loaded anyway, so a first request costs 6 MB and 14 ms instead of
// 25 MB and 97 ms (measured). It never decodes or retries, and its agent supports both kinds of proxies.

import type { ClientRequest, IncomingMessage, RequestOptions } from 'node:http';
import type { Duplex } from 'node:stream';
import { cleanText, withoutUser } from '../../clean-text.ts';
import type { Clock, Timer } from '../../clock.ts';
import { errorText, isTlsError, osErrorCode, RackError } from '../../errors.ts';
import { AttemptFailure, type AttemptFault, cleanFault, cleanSaid, type TlsTrouble } from './fault.ts';
import type { DownloadSettings, ProxySettings } from './settings.ts';
import { WideRead } from './wide-read.ts';

/** The end of a text that was cut, and the mark of a hidden secret. */
const CUT = '…';
const REDIRECTS_MAX = 8;
/** Answers of the class 1xx before the answer itself. Each takes processor time, and they fit into a few bytes. */
const INFORMATION_MAX = 64;
/** The bytes of a proxy's answer to CONNECT; node:http has the same bound for every other header. */
const TUNNEL_HEAD_BYTES_MAX = 16 * 1024;
const TUNNEL_FAILED = 'ERR_PROXY_TUNNEL';
/** Node supports `proxyEnv` since 24.5; earlier versions silently ignore it. */
const PROXY_NODE = [24, 5];

/** An answer whose body has not been read. */
export interface WebAnswer {
  /** After redirects. */
  readonly url: URL;
  readonly message: IncomingMessage;
  /** From now on, bytes of the body may come to the listener instead of the message (wide-read.ts). The body must have a Content-Length. */
  divert(listener: (bytes: Uint8Array) => void): void;
  /** Stops reading from the connection, or continues. */
  hold(isHeld: boolean): void;
  /** Ends the connection. */
  close(): void;
}

/** The header fields of a request to a URL. They may depend on the URL, because a redirect leads elsewhere. */
type FieldsFor = (url: URL) => Readonly<Record<string, string>>;

type Method = 'GET' | 'HEAD';
interface Question {
  readonly method: Method;
  readonly headers: Readonly<Record<string, string>>;
}

/** A URL for display and for stored states, without user name and password. */
export function shownUrl(url: URL): string {
  const shown = new URL(url);
  shown.username = '';
  shown.password = '';
  return cleanText(shown.href);
}

/** @throws RackError `bad-argument` for anything but an http or https URL */
export function parseWebUrl(text: string): URL {
  const url = URL.parse(text);
  if (url !== null && (url.protocol === 'http:' || url.protocol === 'https:')) return url;
  throw new RackError('bad-argument', `${JSON.stringify(cleanText(withoutUser(text)))} is not an http or https URL`);
}

type Times = Pick<DownloadSettings, 'connectMs' | 'answerMs'>;

/** Opens URLs. */
export class WebClient {
  readonly #clock: Clock;
  readonly #times: Times;
  #proxy: ProxySettings;
  #authorities: readonly string[] | undefined;

  /** @throws RackError `bad-argument` for an unusable proxy */
  constructor(clock: Clock, settings: Times & Pick<DownloadSettings, 'proxy' | 'authorities'>) {
    this.#clock = clock;
    this.#times = settings;
    this.#proxy = settings.proxy;
    this.#authorities = settings.authorities;
    checkProxies(settings.proxy);
  }

  /** Changes the proxy of further requests. @throws RackError `bad-argument` for an unusable proxy */
  useProxy(proxy: ProxySettings): void {
    checkProxies(proxy);
    this.#proxy = proxy;
  }

  /**
   * Requests a URL, and follows redirects. @returns undefined if the signal came first
   * @throws AttemptFailure
   */
  async open(
    first: URL,
    fieldsFor: FieldsFor,
    signal: AbortSignal,
    method: Method = 'GET',
  ): Promise<WebAnswer | undefined> {
    try {
      return await this.#follow(first, fieldsFor, signal, method);
    } catch (error) {
      throw error instanceof AttemptFailure ? this.#withoutSecrets(error, first) : error;
    }
  }

  /** A server or a proxy may repeat the passwords that it was sent, and users read its words. */
  #withoutSecrets(failure: AttemptFailure, url: URL): AttemptFailure {
    const { http, https } = this.#proxy;
    const urls = [url, ...[http, https].flatMap((proxy) => (proxy === undefined ? [] : [new URL(proxy)]))];
    const secrets = urls.flatMap(secretsOf);
    return new AttemptFailure(
      cleanFault(failure.fault, (said) => hide(said, secrets)),
      failure.cause,
    );
  }

  async #follow(first: URL, fieldsFor: FieldsFor, signal: AbortSignal, method: Method): Promise<WebAnswer | undefined> {
    let url = first;
    for (let redirects = 0; ; redirects += 1) {
      const answer = await this.#ask(url, { method, headers: fieldsFor(url) }, signal);
      const location = answer?.message.headers.location;
      const isRedirect = [301, 302, 303, 307, 308].includes(answer?.message.statusCode ?? 0);
      if (answer === undefined || !isRedirect || location === undefined) return answer;
      answer.close();
      if (redirects >= REDIRECTS_MAX) {
        throw new AttemptFailure({ code: 'redirect-endless', params: { host: first.host, max: REDIRECTS_MAX } });
      }
      url = redirectedUrl(url, location);
    }
  }

  async #ask(url: URL, question: Question, signal: AbortSignal): Promise<WebAnswer | undefined> {
    const knewAuthorities = this.#authorities !== undefined;
    try {
      return await this.#request(url, question, signal);
    } catch (error) {
      const isUnknown = error instanceof AttemptFailure && isUnknownAuthority(error.fault);
      if (!isUnknown || knewAuthorities) throw error;
      const { getCACertificates } = process.getBuiltinModule('node:tls');
      this.#authorities = [...getCACertificates('default'), ...getCACertificates('system')];
      return this.#request(url, question, signal);
    }
  }

  #request(url: URL, question: Question, signal: AbortSignal): Promise<WebAnswer | undefined> {
    const { promise, resolve, reject } = Promise.withResolvers<WebAnswer | undefined>();
    const { host } = url;
    const { connectMs, answerMs } = this.#times;
    const proxy = this.#proxyFor(url);
    const wide = new WideRead();
    const sent = this.#send(url, question, wide);
    let isSent = false;
    let timer: Timer;
    const settle = (act: () => void): void => {
      timer.cancel();
      signal.removeEventListener('abort', stop);
      act();
    };
    const fail = (fault: AttemptFault, cause?: unknown): void =>
      settle(() => {
        reject(new AttemptFailure(fault, cause));
        sent.destroy();
      });
    const stop = (): void =>
      settle(() => {
        resolve(undefined);
        sent.destroy();
      });
    timer = this.#clock.schedule(connectMs, () =>
      fail({ code: 'connect-late', params: { host, proxy, seconds: Math.round(connectMs / 1000) } }),
    );
    signal.addEventListener('abort', stop, { once: true });
    sent.once('socket', (socket) => wide.attach(socket));
    // The request was handed to the system, so the connection is open and TLS is established.
    sent.once('finish', () => {
      isSent = true;
      timer.cancel();
      timer = this.#clock.schedule(answerMs, () =>
        fail({ code: 'silent', params: { host, seconds: Math.round(answerMs / 1000) } }),
      );
    });
    let informed = 0;
    sent.on('information', () => {
      informed += 1;
      if (informed === INFORMATION_MAX) {
        fail({ code: 'bad-answer', params: { host, said: 'HTTP 1xx' } });
      }
    });
    sent.on('error', (error) => fail(faultOf(error, { host, proxy, isSent }), error));
    sent.once('response', (message) => {
      const isOfProxy = message.statusCode === 407;
      if (isOfProxy) fail({ code: 'proxy-password', params: { proxy } });
      else {
        queueMicrotask(() => awaitReader(message));
        settle(() => resolve(answerOf(url, message, sent, wide)));
      }
    });
    if (signal.aborted) stop();
    else sent.end();
    return promise;
  }

  #send(url: URL, { method, headers: fields }: Question, { onread }: WideRead): ClientRequest {
    const { http, https, except } = this.#proxy;
    const proxyEnv = { http_proxy: http, https_proxy: https, no_proxy: except };
    const headers = { 'User-Agent': 'rackboot', 'Accept-Encoding': 'identity', ...fields };
    // The time limit ends a tunnel that a proxy leaves open; `destroy` does not (tried).
    const options: RequestOptions = { method, headers, timeout: this.#times.connectMs };
    if (url.protocol === 'http:') {
      const { Agent, request } = process.getBuiltinModule('node:http');
      const wide = { keepAlive: false, proxyEnv, onread };
      return request(url, { ...options, agent: new Agent(wide) });
    }
    const { Agent, request } = process.getBuiltinModule('node:https');
    const ca = this.#authorities === undefined ? {} : { ca: [...this.#authorities] };
    const agent = new Agent({ keepAlive: false, proxyEnv });
    const create = agent.createConnection.bind(agent);
    agent.createConnection = (asked, done) => {
      const connection = create(asked, done);
      // The request gets a direct connection at once, and one through a proxy when the tunnel and TLS are established.
      connection?.once('connect', () => {
        if (sent.socket === null) boundTunnelHead(connection);
      });
      return connection;
    };
    const sent = request(url, { ...options, ...ca, agent });
    return sent;
  }

  /** The configured proxy of the scheme, for messages; empty: none. */
  #proxyFor({ protocol }: URL): string {
    const proxy = protocol === 'http:' ? this.#proxy.http : this.#proxy.https;
    return proxy === undefined ? '' : shownUrl(new URL(proxy));
  }
}

/**
 * Ends a connection to a proxy if its answer to CONNECT is too long. The agent reads that answer, after this listener. Then TLS takes the
 * connection over, and nothing becomes readable here.
 */
function boundTunnelHead(connection: Duplex): void {
  let bytes = 0;
  connection.prependListener('readable', () => {
    bytes += connection.readableLength;
    if (bytes <= TUNNEL_HEAD_BYTES_MAX) return;
    const why = `its answer to CONNECT has more than ${TUNNEL_HEAD_BYTES_MAX} bytes`;
    connection.destroy(Object.assign(new Error(why), { code: TUNNEL_FAILED }));
  });
}

const answerOf = (url: URL, message: IncomingMessage, sent: ClientRequest, wide: WideRead): WebAnswer => ({
  url,
  message,
  divert: (listener) => wide.divert(message, listener),
  hold: (isHeld) => {
    for (const stream of [message, message.socket]) isHeld ? stream.pause() : stream.resume();
  },
  close: () => void sent.destroy(),
});

/**
 * Stops reading until the body is read, and joins the pieces that came with the head: in chunks of one byte they take a hundred times their
 * size. Call it in a microtask, at the end of the read, when the message has asked its connection for more.
 */
function awaitReader(message: IncomingMessage): void {
  if (message.readableFlowing !== null || message.destroyed) return;
  // To read an empty body would end it before its reader listens.
  const pieces: unknown = message.readableLength > 0 ? message.read() : null;
  if (pieces !== null) message.unshift(pieces);
  message.socket.pause();
  const resume = (): void => void message.socket.resume();
  message.once('resume', resume);
  // An asynchronous iteration listens for `readable` instead.
  message.on('newListener', (name) => {
    if (name === 'readable') resume();
  });
}

function checkProxies({ http, https }: ProxySettings): void {
  for (const proxy of [http, https]) if (proxy !== undefined) checkProxy(proxy);
}

function checkProxy(text: string): void {
  const url = URL.parse(text);
  if (url === null || (url.protocol !== 'http:' && url.protocol !== 'https:')) {
    // A text without a host may have a password anywhere.
    const shown = url === null || url.host === '' ? '' : ` ${cleanText(`${url.protocol}//${url.host}`)}`;
    const remedy = 'write http://HOST:PORT in http_proxy and https_proxy';
    throw new RackError('bad-argument', `the proxy${shown} is not an http or https URL: ${remedy}`);
  }
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  const [majorMin = 0, minorMin = 0] = PROXY_NODE;
  if (major > majorMin || (major === majorMin && minor >= minorMin)) return;
  const remedy = `install Node ${PROXY_NODE.join('.')} or later, or start Rackboot with bin/rackboot.js, which brings its own`;
  throw new RackError('bad-argument', `Node ${process.versions.node} cannot use a proxy: ${remedy}`);
}

/** The password in a URL, in the forms in which it is sent; a shorter one says nothing. */
function secretsOf({ username, password }: URL): readonly string[] {
  const plain = safeDecode(password);
  const sent = Buffer.from(`${safeDecode(username)}:${plain}`).toString('base64');
  return password.length < 3 ? [] : [sent, sent.replaceAll('=', ''), plain, password];
}

/** A text without secrets, and without the beginning of one if the text was cut there. */
function hide(said: string, secrets: readonly string[]): string {
  const shown = secrets.reduce((text, secret) => text.replaceAll(secret, CUT), said);
  if (!said.endsWith(CUT)) return shown;
  const kept = shown.slice(0, -CUT.length);
  const begun = Math.max(0, ...secrets.map((secret) => beginningAtEnd(kept, secret)));
  return `${kept.slice(0, kept.length - begun)}${CUT}`;
}

/** How many characters of a secret's beginning are at the end of a text. */
function beginningAtEnd(text: string, secret: string): number {
  let characters = secret.length;
  while (characters > 0 && !text.endsWith(secret.slice(0, characters))) characters -= 1;
  return characters;
}

function safeDecode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function redirectedUrl(from: URL, location: string): URL {
  const { host } = from;
  const url = URL.parse(location, from.href);
  const to = cleanSaid(url === null ? location : shownUrl(url));
  if (url === null || (url.protocol !== 'http:' && url.protocol !== 'https:')) {
    throw new AttemptFailure({ code: 'redirect-unusable', params: { host, to } });
  }
  if (from.protocol === 'https:' && url.protocol === 'http:') {
    throw new AttemptFailure({ code: 'redirect-insecure', params: { host, to } });
  }
  // A server must not choose with which password this host comes to another one.
  const isSameOrigin = url.origin === from.origin;
  url.username = isSameOrigin ? from.username : '';
  url.password = isSameOrigin ? from.password : '';
  return url;
}

const UNKNOWN_AUTHORITY = /^(?:UNABLE_TO_|SELF_SIGNED_|DEPTH_ZERO_|CERT_UNTRUSTED)/;
const isUnknownAuthority = (fault: AttemptFault): boolean =>
  fault.code === 'tls' && fault.params.trouble === 'authority';

function tlsTrouble(code: string): TlsTrouble {
  if (code === 'CERT_HAS_EXPIRED' || code === 'CERT_NOT_YET_VALID') return 'expired';
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID' || code === 'HOSTNAME_MISMATCH') return 'name';
  return UNKNOWN_AUTHORITY.test(code) ? 'authority' : 'other';
}

/** The fault of a request without an answer. */
function faultOf(
  error: Error,
  asked: { readonly host: string; readonly proxy: string; readonly isSent: boolean },
): AttemptFault {
  const { host, proxy, isSent } = asked;
  const code = osErrorCode(error) ?? '';
  const said = cleanSaid(errorText(error) || code);
  if (code === TUNNEL_FAILED) return { code: 'proxy', params: { proxy, said } };
  if (isTlsError(error)) {
    return { code: 'tls', params: { host, said: code || said, trouble: tlsTrouble(code) } };
  }
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN') return { code: 'no-host', params: { host, said: code } };
  if (isSent || code.startsWith('HPE_')) return { code: 'bad-answer', params: { host, said } };
  // The system's text repeats the address.
  return { code: 'unreachable', params: { host, proxy, said: /^E[A-Z]+$/.test(code) ? code : said } };
}
