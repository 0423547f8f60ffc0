// The driver for machines that a web service switches: three URLs, one of which answers with the
// state. Sources: MAAS's driver of this name (parameters, headers, methods, default expressions).
//
// 1. Credentials are sent only to the scheme, host and port that the operator configured: a
//    redirect elsewhere is a refusal.
// 2. A power change is sent once: its redirect is followed only if HTTP says that nothing was done
//    (RFC 9110 §15.4.8, §15.4.9).
// 3. An answer is untrusted: its beginning is searched, in linear time (RE2), and only
//    administrators see it. Deviates from MAAS: look-around and back references, which RE2 lacks,
//    are refused, and certificates are checked unless power_verify_ssl is `n`.

import { createRequire } from 'node:module';
import { z } from 'zod';
import { type ConnectOptions, defineDriver, type PowerPort } from './driver.ts';
import { cleanWords, outcome, type PowerOutcome, type PowerOutcomeKind, withSaid } from './outcome.ts';
import { secret } from './parameters.ts';
import { type CertificateTrust, type HttpAnswer, type HttpAttempt, requestOnce, type WebFault } from './web-request.ts';

const REQUEST_MS_MAX = 20_000;
const REDIRECTS_MAX = 3;
/**
 * How many characters of an answer are searched. A state after them is not found. A server can
 * reach this bound.
 */
const SEARCHED_CHARACTERS_MAX = 4096;
/**
 * The most instructions of a compiled expression. Only repetitions of a group need more. Each
 * instruction takes time for each character of the answer, in the region's thread. At the bound, a
 * search takes some 0.15 s.
 */
const INSTRUCTIONS_MAX = 600;
/**
 * The most bytes stored of an answer: enough for the searched characters at four bytes each. A
 * server can reach this bound.
 */
const BODY_BYTES_MAX = 16 * 1024;
/** How many characters of an answer are shown to administrators. */
const SHOWN_CHARACTERS_MAX = 160;

const isWebUrl = (text: string): boolean => {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  return (url?.protocol === 'http:' || url?.protocol === 'https:') && url.username === '' && url.password === '';
};
/**
 * Compiles an expression with RE2, which is loaded by the first machine that needs it. @throws if
 * `text` is no expression of RE2
 */
const compile = (text: string) => {
  const { RE2JS }: typeof import('re2js') = createRequire(import.meta.url)('re2js');
  return RE2JS.compile(text);
};
const isExpression = (text: string): boolean => {
  try {
    return compile(text).programSize() <= INSTRUCTIONS_MAX;
  } catch {
    return false;
  }
};

const uri = z.string().max(1024).refine(isWebUrl);
const expression = z.string().max(512).refine(isExpression);
const credential = () =>
  z
    .string()
    .regex(/^[\x20-\x7e]{1,1024}$/)
    .optional();

const schema = z.strictObject({
  power_on_uri: uri,
  power_off_uri: uri,
  power_query_uri: uri,
  power_on_regex: expression.default('status.*\\:.*running'),
  power_off_regex: expression.default('status.*\\:.*stopped'),
  power_user: credential(),
  power_pass: secret(credential()),
  power_token: secret(credential()),
  power_verify_ssl: z.enum(['y', 'n']).default('y'),
});
type Settings = z.infer<typeof schema>;
export type WebhookParameter = keyof Settings;

/** The driver `webhook`. */
export const webhook = defineDriver({
  name: 'webhook',
  switches: 'on-and-off',
  parameters: schema,
  connect: openWebhook,
});

function openWebhook({ machine, settings, secrets, deps: { clock } }: ConnectOptions<typeof schema>): PowerPort {
  const headers = buildHeaders(machine, settings);
  const trust: CertificateTrust = { kind: settings.power_verify_ssl === 'y' ? 'known' : 'any' };
  const sendRequest = async (method: 'GET' | 'POST', target: string, signal: AbortSignal): Promise<HttpAttempt> => {
    let url = new URL(target);
    const deadline = clock.now() + REQUEST_MS_MAX;
    for (let hop = 0; ; hop += 1) {
      const timeMs = Math.max(1, deadline - clock.now());
      const attempt = await requestOnce({
        clock,
        method,
        url,
        headers,
        trust,
        timeMs,
        bytesMax: BODY_BYTES_MAX,
        signal,
      });
      const next = attempt.kind === 'answer' ? nextUrl(attempt, method, url) : undefined;
      if (next === undefined || hop >= REDIRECTS_MAX) return attempt;
      url = next;
    }
  };
  const sendChange = async (target: string, signal: AbortSignal): Promise<PowerOutcome> =>
    judgeAttempt(await sendRequest('POST', target, signal), true, secrets);
  return {
    controller: `webhook ${new URL(settings.power_query_uri).host}`,
    on: (signal) => sendChange(settings.power_on_uri, signal),
    off: (_manner, signal) => sendChange(settings.power_off_uri, signal),
    async query(signal) {
      const attempt = await sendRequest('GET', settings.power_query_uri, signal);
      const judged = judgeAttempt(attempt, false, secrets);
      return judged.kind === 'done' && attempt.kind === 'answer'
        ? parsePowerState(attempt.body, settings, secrets)
        : judged;
    },
  };
}

function buildHeaders(machine: string, settings: Settings): Readonly<Record<string, string>> {
  const { power_user: user, power_pass: pass, power_token: token } = settings;
  const login =
    user !== undefined && pass !== undefined ? Buffer.from(`${user}:${pass}`).toString('base64') : undefined;
  const authorization = token !== undefined ? `Bearer ${token}` : login !== undefined ? `Basic ${login}` : undefined;
  return {
    Accept: 'application/json',
    'User-Agent': 'Rackboot',
    System_Id: machine,
    ...(authorization === undefined ? {} : { Authorization: authorization }),
  };
}

/** The target of a redirect, if it may be followed. */
function nextUrl(answer: HttpAnswer, method: 'GET' | 'POST', currentUrl: URL): URL | undefined {
  const followedStatuses = method === 'GET' ? [301, 302, 303, 307, 308] : [307, 308];
  if (!followedStatuses.includes(answer.status) || answer.location === undefined) return undefined;
  const next = URL.canParse(answer.location, currentUrl.href) ? new URL(answer.location, currentUrl.href) : undefined;
  return next?.origin === currentUrl.origin ? next : undefined;
}

/** @param changesState false for a query */
export function judgeAttempt(attempt: HttpAttempt, changesState: boolean, secrets: readonly string[]): PowerOutcome {
  switch (attempt.kind) {
    case 'not-sent': {
      const { why } = attempt;
      return outcome(why.code === 'certificate-untrusted' ? 'refused' : 'unreachable', maskFault(why, secrets));
    }
    case 'no-answer':
      return outcome(changesState ? 'unknown' : 'unreachable', maskFault(attempt.why, secrets));
    case 'answer':
      break;
  }
  const { status, location } = attempt;
  const params = { status };
  const httpOutcome = (kind: PowerOutcomeKind): PowerOutcome =>
    withSaid(outcome(kind, { code: 'http-status', params }), shorten(attempt.body, secrets));
  if (status >= 200 && status < 300) return httpOutcome('done');
  if (status === 401 || status === 403) return httpOutcome('wrong-credentials');
  if (status >= 300 && status < 400) {
    return withSaid(outcome('refused', { code: 'http-redirect', params }), cleanWords(location ?? '', secrets));
  }
  // A gateway does not know whether the request was carried out (RFC 9110 §15.6.3, §15.6.5).
  if (changesState && (status === 502 || status === 504)) return httpOutcome('unknown');
  return httpOutcome('refused');
}

/** The fault without secrets in its quoted text. */
const maskFault = (why: WebFault, secrets: readonly string[]): WebFault =>
  why.code === 'web-failed'
    ? { code: why.code, params: { ...why.params, said: cleanWords(why.params.said, secrets) } }
    : why;

const shorten = (body: string, secrets: readonly string[]): string =>
  cleanWords(body, secrets).slice(0, SHOWN_CHARACTERS_MAX);

/** Finds the power state by the operator's expressions. The expression for `on` is tried first. */
export function parsePowerState(
  body: string,
  { power_on_regex: on, power_off_regex: off }: Pick<Settings, 'power_on_regex' | 'power_off_regex'>,
  secrets: readonly string[] = [],
): PowerOutcome {
  const answerText = shorten(body, secrets);
  const text = body.slice(0, SEARCHED_CHARACTERS_MAX);
  const matchesAnswer = (expression: string): boolean => compile(expression).matcher(text).find();
  const state = matchesAnswer(on) ? 'on' : matchesAnswer(off) ? 'off' : undefined;
  if (state !== undefined)
    return withSaid(outcome('done', { code: 'expression-matches', params: { state } }, state), answerText);
  const params = { characters: body === '' ? 0 : SEARCHED_CHARACTERS_MAX };
  return withSaid(outcome('done', { code: 'no-expression-matches', params }), answerText);
}
