// A client of one Redfish service: its sessions, its resources, and what may be asked of it twice.
//
//   open ─ GET root ─ POST session ─┬─ 404, 405, 501: basic authentication ─┐
//                                   └─ X-Auth-Token ────────────────────────┴─► get, send … ─ close ─ DELETE session
//
// Sources: DSP0266 1.20 §6 to §8 and §13.3 (protocol, sessions, basic authentication), DSP2046
// (SessionService, Session).
//
// 1. Everything that a service says is bounded and checked: links stay at its own origin, below
//    /redfish/, redirects are not followed, and no password leaves before the certificate is trusted.
// 2. A request that changes a machine is sent once. One that only reads, or opens a session, is
//    repeated while a BMC that restarts answers 429 or 503, within the time of the command.
// 3. An expired session is replaced once. A refused login is not tried again: BMCs lock users out.

import type { Clock } from '../ground/clock.ts';
import { type Fields, findNestedValue, isFields } from '../ground/fields.ts';
import { readBoundedJson } from '../ground/json-excess.ts';
import type { Complaint, PowerDetail } from './detail.ts';
import { cleanWords, outcome, type PowerOutcome, withSaid } from './outcome.ts';
import { type CertificateTrust, type HttpAnswer, type HttpAttempt, requestOnce } from './web-request.ts';

/** The service root (DSP0266 §6.3). */
const ROOT = '/redfish/v1/';
const REQUEST_MS_MAX = 20_000;
/** A system of a BMC with all its links and actions has some 20 kB. */
const BODY_BYTES_MAX = 256 * 1024;
const JSON_BOUNDS = { depthMax: 16, valuesMax: 8192 } as const;
const LINK_CHARACTERS_MAX = 512;
/** How long a BMC that restarts is waited for, and how often it is asked, in milliseconds. */
const BUSY_MS_MAX = 25_000;
const BUSY_EVERY_MS = 2000;
/** How many characters of an answer administrators see. */
const SAID_SHOWN_MAX = 160;

const BUSY: ReadonlySet<number> = new Set([429, 503]);
/** The statuses of a service without sessions. */
const NO_SESSIONS: ReadonlySet<number> = new Set([404, 405, 501]);

interface RedfishLogin {
  readonly origin: URL;
  readonly user: string | undefined;
  readonly password: string | undefined;
  readonly trust: CertificateTrust;
}

export interface Resource {
  readonly path: string;
  readonly fields: Fields;
  /** For If-Match; undefined: it has none. */
  readonly etag: string | undefined;
}

/** Why a request failed. */
export class RedfishFault extends Error {
  readonly outcome: PowerOutcome;
  /** Of the answer; undefined if there was none. */
  readonly status: number | undefined;

  constructor(failed: PowerOutcome, status?: number) {
    super(failed.detail.code);
    this.outcome = failed;
    this.status = status;
  }
}

type Credentials = { readonly kind: 'none' | 'basic' } | { readonly kind: 'session'; readonly token: string };

interface Message {
  readonly method: 'GET' | 'POST' | 'PATCH' | 'DELETE';
  readonly path: string;
  readonly body?: object | undefined;
  readonly etag?: string | undefined;
}

export class RedfishService {
  readonly #login: RedfishLogin;
  readonly #clock: Clock;
  readonly #secrets: readonly string[];
  #credentials: Credentials = { kind: 'none' };
  #sessionPath: string | undefined;
  #root: Promise<Resource> | undefined;
  /** Of the certificate of the last answer. */
  #fingerprint: string | undefined;

  constructor(login: RedfishLogin, clock: Clock, secrets: readonly string[]) {
    this.#login = login;
    this.#clock = clock;
    this.#secrets = secrets;
  }

  /** Of the service's certificate, once it has answered; undefined without TLS. */
  get fingerprint(): string | undefined {
    return this.#fingerprint;
  }

  /** Logs in, and reads the service root. @throws RedfishFault */
  open(signal: AbortSignal): Promise<Resource> {
    this.#root ??= this.#open(signal).catch((error: unknown) => {
      this.#root = undefined;
      throw error;
    });
    return this.#root;
  }

  async #open(signal: AbortSignal): Promise<Resource> {
    const root = this.#resource(ROOT, await this.#ask({ method: 'GET', path: ROOT }, signal));
    if (typeof root.fields.RedfishVersion !== 'string') throw refuseWith('no-redfish');
    await this.#logIn(root, signal);
    return root;
  }

  async #logIn(root: Resource, signal: AbortSignal): Promise<void> {
    const { user, password } = this.#login;
    if (user === undefined || password === undefined) return;
    const path = linkIn(root.fields, 'Links', 'Sessions') ?? `${ROOT}SessionService/Sessions`;
    const body = { UserName: user, Password: password };
    const answer = await this.#ask({ method: 'POST', path, body }, signal, NO_SESSIONS);
    const token = answer.fields['x-auth-token'];
    if (NO_SESSIONS.has(answer.status) || token === undefined) {
      this.#credentials = { kind: 'basic' };
      return;
    }
    this.#credentials = { kind: 'session', token };
    // The Location may be absolute (DSP0266 §13.3.4.2).
    this.#sessionPath = this.#pathOf(answer.location ?? linkIn(parseFields(answer)) ?? '');
  }

  /** @throws RedfishFault */
  async get(path: string, signal: AbortSignal): Promise<Resource> {
    return this.#resource(path, await this.#withSession({ method: 'GET', path }, signal));
  }

  /**
   * Sends a change once. @throws RedfishFault whose outcome is `unknown` if it may have been
   * carried out
   */
  async send(message: Message & { readonly method: 'POST' | 'PATCH' }, signal: AbortSignal): Promise<HttpAnswer> {
    return await this.#withSession(message, signal);
  }

  /** Ends the session. Never rejects. */
  async close(signal: AbortSignal): Promise<void> {
    const path = this.#sessionPath;
    this.#sessionPath = undefined;
    this.#root = undefined;
    if (path === undefined) return;
    // The BMC forgets it in half an hour at most.
    await this.#ask({ method: 'DELETE', path }, signal).catch(() => undefined);
    this.#credentials = { kind: 'none' };
  }

  /** A session may have ended meanwhile: then nothing was done, and a new one is opened once. */
  async #withSession(message: Message, signal: AbortSignal): Promise<HttpAnswer> {
    const root = await this.open(signal);
    try {
      return await this.#ask(message, signal);
    } catch (error) {
      if (!(error instanceof RedfishFault) || error.status !== 401 || this.#credentials.kind !== 'session') throw error;
      this.#credentials = { kind: 'none' };
      await this.#logIn(root, signal);
      return await this.#ask(message, signal);
    }
  }

  /** @param accepted statuses of errors that are answers, too @throws RedfishFault */
  async #ask(message: Message, signal: AbortSignal, accepted?: ReadonlySet<number>): Promise<HttpAnswer> {
    const isLogin = message.method === 'POST' && this.#credentials.kind === 'none';
    const isChange = message.method === 'PATCH' || (message.method === 'POST' && !isLogin);
    const mayRepeat = message.method === 'GET' || isLogin;
    const deadline = this.#clock.now() + BUSY_MS_MAX;
    for (;;) {
      const attempt = await this.#attempt(message, signal);
      if (attempt.kind === 'answer') this.#fingerprint = attempt.fingerprint;
      const isBusy = attempt.kind === 'answer' && BUSY.has(attempt.status);
      if (isBusy && mayRepeat && this.#clock.now() + BUSY_EVERY_MS < deadline && !signal.aborted) {
        await this.#pause(signal);
        continue;
      }
      return this.#judge(attempt, isChange, accepted);
    }
  }

  #attempt({ method, path, body, etag }: Message, signal: AbortSignal): Promise<HttpAttempt> {
    const { origin, trust } = this.#login;
    const text = body === undefined ? undefined : JSON.stringify(body);
    const headers = {
      Accept: 'application/json',
      'OData-Version': '4.0',
      'User-Agent': 'Rackboot',
      ...(text === undefined
        ? {}
        : { 'Content-Type': 'application/json', 'Content-Length': String(Buffer.byteLength(text)) }),
      ...(etag === undefined ? {} : { 'If-Match': etag }),
      ...this.#authorization(),
    };
    const bounds = { timeMs: REQUEST_MS_MAX, bytesMax: BODY_BYTES_MAX };
    const url = new URL(path, origin);
    return requestOnce({ clock: this.#clock, method, url, headers, body: text, trust, signal, ...bounds });
  }

  #authorization(): Readonly<Record<string, string>> {
    const { user = '', password = '' } = this.#login;
    switch (this.#credentials.kind) {
      case 'none':
        return {};
      case 'basic':
        return { Authorization: `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}` };
      case 'session':
        return { 'X-Auth-Token': this.#credentials.token };
    }
  }

  #judge(attempt: HttpAttempt, isChange: boolean, accepted: ReadonlySet<number> | undefined): HttpAnswer {
    if (attempt.kind !== 'answer') {
      const isRefused = attempt.why.code === 'certificate-untrusted' || attempt.why.code === 'certificate-changed';
      const mayBeDone = isChange && attempt.kind === 'no-answer';
      const kind = isRefused ? 'refused' : mayBeDone ? 'unknown' : 'unreachable';
      throw new RedfishFault(outcome(kind, this.#mask(attempt.why)));
    }
    const { status } = attempt;
    if ((status >= 200 && status < 300) || accepted?.has(status) === true) return attempt;
    throw new RedfishFault(
      withSaid(outcome(kindOf(status, isChange), statusDetail(status)), this.#said(attempt)),
      status,
    );
  }

  /** The service's own sentences (DSP0266 §8.6), or the beginning of its answer. */
  #said(answer: HttpAnswer): string {
    const info = findNestedValue(parseFields(answer), ['error', '@Message.ExtendedInfo']);
    const messages = (Array.isArray(info) ? info : []).flatMap((entry) => {
      const text = isFields(entry) ? (entry.Message ?? entry.MessageId) : undefined;
      return typeof text === 'string' ? [text] : [];
    });
    const text = messages.length === 0 ? answer.body : messages.join('; ');
    return cleanWords(text, this.#secrets).slice(0, SAID_SHOWN_MAX);
  }

  #mask<T extends PowerDetail>(why: T): T {
    return why.code === 'web-failed'
      ? { ...why, params: { ...why.params, said: cleanWords(why.params.said, this.#secrets) } }
      : why;
  }

  #resource(path: string, answer: HttpAnswer): Resource {
    const fields = parseFields(answer);
    if (fields === undefined) throw refuseWith('no-redfish', this.#said(answer));
    const { etag = fields['@odata.etag'] } = answer.fields;
    return { path, fields, etag: typeof etag === 'string' ? etag : undefined };
  }

  /** The path of a link at this service; undefined for one that leads elsewhere. */
  #pathOf(link: string): string | undefined {
    const { origin } = this.#login;
    if (link === '' || link.length > LINK_CHARACTERS_MAX || !URL.canParse(link, origin.href)) return undefined;
    const url = new URL(link, origin.href);
    return url.origin === origin.origin && isResourcePath(url.pathname) ? url.pathname : undefined;
  }

  #pause(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const end = (): void => {
        timer.cancel();
        signal.removeEventListener('abort', end);
        resolve();
      };
      const timer = this.#clock.schedule(BUSY_EVERY_MS, end);
      signal.addEventListener('abort', end, { once: true });
    });
  }
}

export const refuseWith = (meaning: Complaint, said = ''): RedfishFault =>
  new RedfishFault(outcome('refused', { code: 'complaint', params: { meaning, said } }));

const statusDetail = (status: number): PowerDetail =>
  status >= 300 && status < 400
    ? { code: 'http-redirect', params: { status } }
    : { code: 'http-status', params: { status } };

function kindOf(status: number, isChange: boolean): PowerOutcome['kind'] {
  if (status === 401 || status === 403) return 'wrong-credentials';
  // A gateway does not know whether the request was carried out (RFC 9110 §15.6.3, §15.6.5).
  if (isChange && (status === 502 || status === 504)) return 'unknown';
  return BUSY.has(status) ? 'unreachable' : 'refused';
}

function parseFields({ body }: HttpAnswer): Fields | undefined {
  const json = readBoundedJson(body, JSON_BOUNDS);
  return json.kind === 'value' && isFields(json.value) ? json.value : undefined;
}

const isResourcePath = (path: string): boolean => path.startsWith('/redfish/') && !path.includes('..');

/** The path of the link at a place in a resource (`@odata.id`); undefined: none, or one that leads elsewhere. */
export function linkIn(fields: unknown, ...place: readonly string[]): string | undefined {
  const link = findNestedValue(fields, [...place, '@odata.id']);
  return typeof link === 'string' && link.length <= LINK_CHARACTERS_MAX && isResourcePath(link) ? link : undefined;
}
