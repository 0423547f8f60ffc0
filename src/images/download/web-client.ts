// Opens http and https URLs with undici, follows redirects, and explains why one cannot be opened.
//
// Sources: RFC 9110 §15.4 (redirects); undici 8, EnvHttpProxyAgent and Client. undici before 8
// throws past its callers when a server ends a connection while the body waits for its reader.
//
// 1. Connecting and the header of the answer have timeouts. The header has at most 16 KiB, and so
//    has that of a proxy's answer to CONNECT.
// 2. At most REDIRECTS_MAX redirects are followed, none from https to http or to another scheme.
//    User name and password of a URL stay at its origin.
// 3. The body arrives as the server sends it. Nothing is decoded.
// 4. The host's certificate store is also trusted: it may contain the authority of a proxy that inspects TLS.
// 5. Each request opens its own connection, because the server may have closed a reused one.
// 6. Faults contain codes of the system and of undici, but no texts of a server, which could repeat
//    a password.

import type { Readable } from 'node:stream';
import type { Dispatcher } from 'undici';
import { cleanText, withoutUser } from '../../ground/clean-text.ts';
import { errorText, isTlsError, osErrorCode, RackError } from '../../ground/errors.ts';
import { type AttemptFault, cleanDetail, DownloadError, type TlsTrouble } from './fault.ts';
import type { DownloadSettings, ProxySettings } from './settings.ts';

const REDIRECTS_MAX = 8;
const REDIRECTS = [301, 302, 303, 307, 308];
/** The most answers of class 1xx before the final one. Each restarts the timeout of the header. */
const INFORMATIONAL_MAX = 8;

/** An answer whose body has not been read. */
export interface WebAnswer {
  readonly url: URL;
  readonly status: number;
  readonly headers: AnswerHeaders;
  readonly body: Readable;
  close(): void;
}

/** Header fields by names in lower case. */
export type AnswerHeaders = Readonly<Record<string, string | undefined>>;

/** Builds the header fields of a request. They depend on the URL, because a redirect leads to another one. */
type BuildFields = (url: URL) => Readonly<Record<string, string>>;
type Method = 'GET' | 'HEAD';

/** Formats a URL without user name and password, for display and stored states. */
export function formatPublicUrl(url: URL): string {
  const publicUrl = new URL(url);
  publicUrl.username = '';
  publicUrl.password = '';
  return cleanText(publicUrl.href);
}

/** Parses a URL. @throws RackError `bad-argument` for anything but an http or https URL */
export function parseWebUrl(text: string): URL {
  const url = URL.parse(text);
  if (url !== null && isWeb(url)) return url;
  throw new RackError('bad-argument', `${JSON.stringify(cleanText(withoutUser(text)))} is not an http or https URL`);
}

const isWeb = ({ protocol }: URL): boolean => protocol === 'http:' || protocol === 'https:';

type ClientSettings = Pick<DownloadSettings, 'connectMs' | 'answerMs' | 'proxy' | 'authorities'> &
  Partial<Pick<DownloadSettings, 'stallMs'>>;

export class WebClient {
  readonly #settings: ClientSettings;
  readonly #connections: number;
  #proxy: ProxySettings;
  #agents = new Map<string, Promise<Dispatcher>>();

  /**
   * @param connections bound on connections to one host at a time. Further requests wait
   * @throws RackError `bad-argument` for an unusable proxy
   */
  constructor(settings: ClientSettings, connections = 16) {
    this.#settings = settings;
    this.#connections = connections;
    this.#proxy = settings.proxy;
    checkProxies(settings.proxy);
  }

  useProxy(proxy: ProxySettings): void {
    checkProxies(proxy);
    this.#proxy = proxy;
    this.#agents = new Map();
  }

  /**
   * Requests a URL and follows redirects. @returns undefined if the signal came first. A later
   * signal ends the body
   * @throws DownloadError
   */
  async open(
    startUrl: URL,
    buildFields: BuildFields,
    signal: AbortSignal,
    method: Method = 'GET',
  ): Promise<WebAnswer | undefined> {
    let url = startUrl;
    for (let redirects = 0; ; redirects += 1) {
      const answer = await this.#request(url, method, buildFields(url), signal);
      const location = answer?.headers.location;
      if (answer === undefined || !REDIRECTS.includes(answer.status) || location === undefined) return answer;
      answer.close();
      if (redirects >= REDIRECTS_MAX)
        throw new DownloadError({ code: 'redirect-endless', params: { host: startUrl.host, max: REDIRECTS_MAX } });
      url = resolveRedirect(url, location);
    }
  }

  async #request(
    url: URL,
    method: Method,
    fields: Readonly<Record<string, string>>,
    signal: AbortSignal,
  ): Promise<WebAnswer | undefined> {
    const { request } = await import('undici');
    const attemptAbort = new AbortController();
    const { answerMs, stallMs = 0 } = this.#settings;
    let informationalCount = 0;
    const options = {
      method,
      headers: { 'user-agent': 'rackboot', 'accept-encoding': 'identity', ...buildCredentials(url), ...fields },
      headersTimeout: answerMs,
      bodyTimeout: stallMs,
      signal: AbortSignal.any([signal, attemptAbort.signal]),
      onInfo: () => {
        informationalCount += 1;
        if (informationalCount === INFORMATIONAL_MAX) attemptAbort.abort();
      },
    };
    try {
      const dispatcher = await this.#getAgent(url);
      const { statusCode, headers, body } = await request(url, { ...options, dispatcher });
      body.on('error', () => undefined);
      if (statusCode === 407)
        throw new DownloadError({ code: 'proxy-password', params: { proxy: this.#describeProxy(url) } });
      const singleHeaders = Object.entries(headers).map(([name, value]) => [
        name,
        Array.isArray(value) ? value[0] : value,
      ]);
      return {
        url,
        status: statusCode,
        headers: Object.fromEntries(singleHeaders),
        body,
        close: () => void body.destroy(),
      };
    } catch (error) {
      if (signal.aborted) return undefined;
      if (error instanceof DownloadError) throw error;
      if (attemptAbort.signal.aborted)
        throw new DownloadError({ code: 'bad-answer', params: { host: url.host, detail: 'HTTP 1xx' } }, error);
      throw new DownloadError(this.#toFault(error, url), error);
    }
  }

  #getAgent({ protocol }: URL): Promise<Dispatcher> {
    const agent = this.#agents.get(protocol) ?? this.#newAgent(protocol);
    this.#agents.set(protocol, agent);
    return agent;
  }

  async #newAgent(protocol: string): Promise<Dispatcher> {
    const { EnvHttpProxyAgent, Pool } = await import('undici');
    const { connectMs, answerMs } = this.#settings;
    const { http, https, except } = this.#proxy;
    const connect = {
      timeout: connectMs,
      ...(protocol === 'https:' ? { secureContext: this.#createTrustContext() } : {}),
    };
    return new EnvHttpProxyAgent({
      httpProxy: withoutPath(http),
      httpsProxy: withoutPath(https),
      noProxy: except ?? '',
      proxyTunnel: false,
      allowH2: false,
      connect,
      proxyTls: connect,
      requestTls: connect,
      // The same timeout applies to a proxy's answer to CONNECT.
      factory: (origin: string | URL, poolOptions: object) =>
        new Pool(origin, { ...poolOptions, connections: this.#connections, pipelining: 0 }),
      clientFactory: (origin: string | URL, poolOptions: object) =>
        new Pool(origin, { ...poolOptions, headersTimeout: answerMs }),
    });
  }

  #createTrustContext() {
    const { createSecureContext, getCACertificates } = process.getBuiltinModule('node:tls');
    const { authorities } = this.#settings;
    return createSecureContext({
      ca:
        authorities === undefined
          ? [...getCACertificates('default'), ...getCACertificates('system')]
          : [...authorities],
    });
  }

  /** Describes the proxy of the scheme, for messages. Empty if there is none. */
  #describeProxy({ protocol }: URL): string {
    const proxy = protocol === 'http:' ? this.#proxy.http : this.#proxy.https;
    return proxy === undefined ? '' : formatPublicUrl(new URL(proxy));
  }

  #toFault(error: unknown, url: URL): AttemptFault {
    const { host } = url;
    const { connectMs, answerMs } = this.#settings;
    const proxy = this.#describeProxy(url);
    const code = osErrorCode(error) ?? '';
    const [, status] = /^Proxy \D*\((\d+)\)/.exec(errorText(error)) ?? [];
    if (status === '407') return { code: 'proxy-password', params: { proxy } };
    if (status !== undefined) return { code: 'proxy', params: { proxy, detail: `HTTP ${status}` } };
    if (code === 'UND_ERR_CONNECT_TIMEOUT')
      return { code: 'connect-late', params: { host, proxy, seconds: Math.round(connectMs / 1000) } };
    if (code === 'UND_ERR_HEADERS_TIMEOUT')
      return { code: 'silent', params: { host, seconds: Math.round(answerMs / 1000) } };
    if (error instanceof Error && isTlsError(error))
      return { code: 'tls', params: { host, detail: code || cleanDetail(error), trouble: classifyTlsError(code) } };
    if (code === 'ENOTFOUND' || code === 'EAI_AGAIN') return { code: 'no-host', params: { host, detail: code } };
    const isSystemError = /^E[A-Z]+$/.test(code) && code !== 'ECONNRESET' && code !== 'EPIPE';
    return isSystemError
      ? { code: 'unreachable', params: { host, proxy, detail: code } }
      : { code: 'bad-answer', params: { host, detail: cleanDetail(error) } };
  }
}

function checkProxies({ http, https }: ProxySettings): void {
  for (const text of [http, https]) {
    const url = text === undefined ? undefined : URL.parse(text);
    if (url === undefined || (url !== null && isWeb(url))) continue;
    // A text without a host may contain a password anywhere, so it is not shown.
    const proxyText = url === null || url.host === '' ? '' : ` ${cleanText(`${url.protocol}//${url.host}`)}`;
    const remedy = 'write http://HOST:PORT in http_proxy and https_proxy';
    throw new RackError('bad-argument', `the proxy${proxyText} is not an http or https URL: ${remedy}`);
  }
}

const withoutPath = (proxy: string | undefined): string => (proxy === undefined ? '' : new URL('/', proxy).href);

function buildCredentials({ username, password }: URL): Readonly<Record<string, string>> {
  if (username === '' && password === '') return {};
  const decodedParts = [username, password].map((credential) =>
    Buffer.from(credential)
      .toString()
      .replaceAll(/%[0-9a-f]{2}/gi, (octet) => String.fromCharCode(Number.parseInt(octet.slice(1), 16))),
  );
  return { authorization: `Basic ${Buffer.from(decodedParts.join(':'), 'latin1').toString('base64')}` };
}

function resolveRedirect(source: URL, location: string): URL {
  const { host } = source;
  const url = URL.parse(location, source.href);
  if (url === null || !isWeb(url))
    throw new DownloadError({ code: 'redirect-unusable', params: { host, to: url?.protocol ?? 'no URL' } });
  if (source.protocol === 'https:' && url.protocol === 'http:')
    throw new DownloadError({ code: 'redirect-insecure', params: { host, to: url.origin } });
  // A server must not choose which other server gets a password.
  const isSameOrigin = url.origin === source.origin;
  url.username = isSameOrigin ? source.username : '';
  url.password = isSameOrigin ? source.password : '';
  return url;
}

function classifyTlsError(code: string): TlsTrouble {
  if (code === 'CERT_HAS_EXPIRED' || code === 'CERT_NOT_YET_VALID') return 'expired';
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID' || code === 'HOSTNAME_MISMATCH') return 'name';
  return /^(?:UNABLE_TO_|SELF_SIGNED_|DEPTH_ZERO_|CERT_UNTRUSTED)/.test(code) ? 'authority' : 'other';
}
