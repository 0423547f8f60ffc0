// The ways in which one attempt to fetch a file can fail: a code with parameters, what follows, and
// a sentence with the remedy.
//
// 1. Never change the meaning of a code or parameter: other threads and stored states contain them.
// 2. Every text of a DownloadError is clean and bounded: a server chooses redirects and fields.
// 3. No parameter contains the password of a URL.

import { cleanText } from '../../ground/clean-text.ts';
import { counted, mebibytes } from '../../ground/counted.ts';
import { errorText, RackError } from '../../ground/errors.ts';

const SAID_CHARACTERS_MAX = 200;

type OfHost = { readonly host: string };
type SystemWords = { readonly detail: string };
/** The URL of the configured proxy; empty: none. */
type ViaProxy = OfHost & { readonly proxy: string };

export type TlsTrouble = 'expired' | 'name' | 'authority' | 'other';

/**
 * The next step after a fault.
 *
 * - `later`: try the same source again later.
 * - `elsewhere`: this source will not deliver the file; try only other sources.
 * - `never`: this host itself cannot store the file.
 */
type Prospect = 'later' | 'elsewhere' | 'never';

const CHECK_URL = 'check the URL, or use another mirror';
const OTHER_MIRROR = 'use another mirror';

/** What Rackboot does next, or after the last attempt, that it gave up. */
interface NextStep {
  readonly again: string;
  readonly fromThere: string;
  readonly whole: string;
  readonly discarded: string;
}

const GOES_ON: NextStep = {
  again: 'Rackboot tries again',
  fromThere: 'the download continues from there',
  whole: 'Rackboot requests the whole file',
  discarded: 'Rackboot discarded it and downloads it again',
};

const TLS: Readonly<Record<TlsTrouble, string>> = {
  expired: 'its certificate has expired or is not valid yet: check the clock of this host, or use another mirror',
  name: 'its certificate is for another name: check the URL',
  authority:
    'its certificate is from an unknown authority: if a proxy inspects TLS here, install its certificate authority on this host (update-ca-certificates)',
  other: CHECK_URL,
};

const through = (proxy: string): string => (proxy === '' ? '' : ` through the proxy ${proxy}`);

/** @param words the sentence without its first capital and full stop */
const defineFault = <Params>(prospect: Prospect, words: (params: Params, next: NextStep) => string) => ({
  prospect,
  words,
});

const FAULTS = {
  'no-host': defineFault(
    'later',
    ({ host, detail: said }: OfHost & SystemWords) =>
      `the name ${host} has no address (${said}): check the name, and the DNS of this host`,
  ),
  /** `errorCode` is the system's code: `ECONNREFUSED` if nothing listens at the port. */
  unreachable: defineFault('later', ({ host, proxy, detail: said }: ViaProxy & SystemWords, next) => {
    if (!said.includes('ECONNREFUSED'))
      return `${host} cannot be reached${through(proxy)} (${said}): check the network and the firewall; ${next.again}`;
    return proxy === ''
      ? `${host} refused the connection (ECONNREFUSED): check the port, and that its server runs; ${next.again}`
      : `${host} cannot be reached${through(proxy)} (ECONNREFUSED): check the port of the proxy, and that the proxy runs; ${next.again}`;
  }),
  /** The timeout includes TLS and the proxy's tunnel. */
  'connect-late': defineFault(
    'later',
    ({ host, proxy, seconds }: ViaProxy & { readonly seconds: number }, next) =>
      `no connection to ${host}${through(proxy)} within ${seconds} s: check the network and the firewall; ${next.again}`,
  ),
  tls: defineFault(
    'elsewhere',
    ({ host, detail: errorCode, trouble }: OfHost & SystemWords & { readonly trouble: TlsTrouble }) =>
      `no secure connection to ${host} (${errorCode}): ${TLS[trouble]}`,
  ),
  proxy: defineFault(
    'later',
    ({ proxy, detail: said }: SystemWords & { readonly proxy: string }) =>
      `the proxy ${proxy} refused the request (${said}): check http_proxy, https_proxy and no_proxy`,
  ),
  /** The proxy requires a password (407). */
  'proxy-password': defineFault(
    'elsewhere',
    ({ proxy }: { readonly proxy: string }) =>
      `the proxy ${proxy} asked for a password: write http://USER:PASSWORD@HOST:PORT in http_proxy and https_proxy`,
  ),
  /** Connected, but no header arrived. */
  silent: defineFault(
    'later',
    ({ host, seconds }: OfHost & { readonly seconds: number }, next) =>
      `${host} did not answer within ${seconds} s: ${next.again}`,
  ),
  /**
   * 4xx: the server does not have the file, or refuses to send it.
   * @param url without query and password; undefined: the caller names it
   * @param mirrorKey the configuration key of the mirror; undefined: none
   */
  'http-refused': defineFault(
    'elsewhere',
    ({
      host,
      status,
      url = 'the file',
      mirrorKey,
    }: OfHost & {
      readonly status: number;
      readonly url?: string | undefined;
      readonly mirrorKey?: string | undefined;
    }) =>
      `${host} did not deliver ${url} (HTTP ${status}): ${CHECK_URL}${mirrorKey === undefined ? '' : `: sudo rackboot config set ${mirrorKey} URL`}`,
  ),
  /** 5xx, or another status that is not an answer to GET. */
  'http-failed': defineFault(
    'later',
    ({ host, status }: OfHost & { readonly status: number }, next) => `${host} failed (HTTP ${status}): ${next.again}`,
  ),
  /** 429 or 503. @param seconds the server's Retry-After; undefined if it gives none */
  busy: defineFault(
    'later',
    ({ host, status, seconds }: OfHost & { readonly status: number; readonly seconds: number | undefined }, next) =>
      `${host} is busy (HTTP ${status}${seconds === undefined ? '' : `; it asked for a pause of ${seconds} s`}): ${next.again}`,
  ),
  'redirect-insecure': defineFault(
    'elsewhere',
    ({ host, to }: OfHost & { readonly to: string }) =>
      `${host} redirects from https to ${to}, which is insecure and not followed: ${OTHER_MIRROR}, or name the http URL on purpose`,
  ),
  /** @param to a URL that is not http or https */
  'redirect-unusable': defineFault(
    'elsewhere',
    ({ host, to }: OfHost & { readonly to: string }) =>
      `${host} redirects to ${to}, which is not an http or https URL: ${OTHER_MIRROR}`,
  ),
  'redirect-endless': defineFault(
    'elsewhere',
    ({ host, max }: OfHost & { readonly max: number }) => `${host} redirects more than ${max} times: ${CHECK_URL}`,
  ),
  /** Not HTTP, too large a header, or closed before the answer. */
  'bad-answer': defineFault(
    'later',
    ({ host, detail: said }: OfHost & SystemWords, next) => `${host} gave no usable answer (${said}): ${next.again}`,
  ),
  encoded: defineFault(
    'elsewhere',
    ({ host, encoding }: OfHost & { readonly encoding: string }) =>
      `${host} sent the file encoded (${encoding}), although the request excluded encodings: ${OTHER_MIRROR}`,
  ),
  /** @param range empty: missing */
  'range-wrong': defineFault(
    'later',
    ({ host, from, range }: OfHost & { readonly from: number; readonly range: string }, next) =>
      `${host} sent ${range || 'a range without Content-Range'} instead of the bytes from ${from} on: ${next.whole}`,
  ),
  /** The end cannot be verified: no length, chunks, published size or digest. */
  'length-unknown': defineFault(
    'elsewhere',
    ({ host }: OfHost) =>
      `${host} does not announce the size of the file, so a missing end would go unnoticed: ${OTHER_MIRROR}, or give a checksum`,
  ),
  'size-wrong': defineFault(
    'elsewhere',
    ({ host, expectedBytes, bytes }: OfHost & { readonly expectedBytes: number; readonly bytes: number }) =>
      `the file from ${host} has ${counted(bytes, 'byte')} instead of ${expectedBytes}: the site may be replacing it; ${OTHER_MIRROR}`,
  ),
  'too-large': defineFault(
    'elsewhere',
    ({ host, bytesMax }: OfHost & { readonly bytesMax: number }) =>
      `the file from ${host} has more than ${bytesMax} bytes: ${CHECK_URL}`,
  ),
  /** No byte of the body arrived for `seconds`. */
  stalled: defineFault(
    'later',
    ({ host, seconds }: OfHost & { readonly seconds: number }, next) =>
      `${host} sent nothing for ${seconds} s: ${next.fromThere}`,
  ),
  slow: defineFault(
    'later',
    (
      {
        host,
        bytesPerSecond,
        bytesPerSecondMin,
        seconds,
      }: OfHost & { readonly bytesPerSecond: number; readonly bytesPerSecondMin: number; readonly seconds: number },
      next,
    ) =>
      `${host} sent only ${counted(bytesPerSecond, 'byte')} a second over ${seconds} s, fewer than ${bytesPerSecondMin}: ${next.fromThere}`,
  ),
  late: defineFault(
    'elsewhere',
    ({ host, seconds, bytes }: OfHost & { readonly seconds: number; readonly bytes: number }) =>
      `${host} had sent only ${counted(bytes, 'byte')} of the document after ${seconds} s: ${OTHER_MIRROR}`,
  ),
  /** The connection ended early. @param total undefined: unknown */
  cut: defineFault(
    'later',
    (
      {
        host,
        bytes,
        total,
        detail: said,
      }: OfHost & SystemWords & { readonly bytes: number; readonly total: number | undefined },
      next,
    ) =>
      `${host} ended the connection after ${bytes}${total === undefined ? '' : ` of ${total}`} bytes (${said}): ${next.fromThere}`,
  ),
  'digest-wrong': defineFault(
    'later',
    (
      {
        host,
        algorithm,
        expected,
        found,
      }: OfHost & { readonly algorithm: string; readonly expected: string; readonly found: string },
      next,
    ) => `the file from ${host} has the ${algorithm} ${found} instead of ${expected}: ${next.discarded}`,
  ),
  /** Too little free space. @param freeBytes excluding the space that other downloads have reserved */
  'no-room': defineFault(
    'never',
    ({
      directory,
      freeBytes,
      neededBytes,
    }: {
      readonly directory: string;
      readonly freeBytes: number;
      readonly neededBytes: number;
    }) =>
      `${directory} has ${mebibytes(freeBytes)} left, but needs ${mebibytes(neededBytes)}: free space, or remove unneeded images; then resume`,
  ),
  'disk-failed': defineFault(
    'never',
    ({ path, detail: said }: SystemWords & { readonly path: string }) =>
      `${path} cannot be written (${said}): check the disk and its permissions; then resume`,
  ),
};

type Code = keyof typeof FAULTS;
type FaultParams = { readonly [C in Code]: Parameters<(typeof FAULTS)[C]['words']>[0] };
const WORDS: { readonly [C in Code]: { readonly words: (params: FaultParams[C], next: NextStep) => string } } = FAULTS;

export type AttemptFault<Of extends Code = Code> = {
  readonly [C in Of]: { readonly code: C; readonly params: FaultParams[C] };
}[Of];

/** Decides the next step after a fault. */
export const decideProspect = ({ code }: AttemptFault): Prospect => FAULTS[code].prospect;

/** Cleans a text of a server, a proxy or the system for a parameter. */
export const cleanSaid = (words: unknown): string => cleanText(errorText(words), SAID_CHARACTERS_MAX);

/** The fault with clean texts of at most 512 characters. */
export function cleanFault(fault: AttemptFault): AttemptFault {
  const texts = Object.entries<unknown>(fault.params).filter(([, value]) => typeof value === 'string');
  const clean = Object.fromEntries(texts.map(([name, text]) => [name, cleanText(String(text))]));
  return Object.assign({}, fault, { params: Object.assign({}, fault.params, clean) });
}

/** A host without the Internet has these for every source. */
const OF_NETWORK: ReadonlySet<string> = new Set<AttemptFault['code']>([
  'no-host',
  'unreachable',
  'connect-late',
  'proxy',
  'proxy-password',
]);

/** The code of a fault of the network; undefined: the error has another reason. */
export function networkFault(error: unknown): string | undefined {
  if (error instanceof DownloadError) return OF_NETWORK.has(error.fault.code) ? error.fault.code : undefined;
  return error instanceof Error ? networkFault(error.cause) : undefined;
}

/** The fault of an attempt, or of the last one: then with a message for people. */
export class DownloadError extends RackError {
  readonly fault: AttemptFault;

  constructor(fault: AttemptFault, cause?: unknown, message: string = fault.code) {
    super('source-failed', message, { cause });
    this.fault = cleanFault(fault);
  }
}

/** Another version may have stored the code. */
export const isAttemptFault = (stored: { readonly code: string; readonly params: unknown }): stored is AttemptFault =>
  Object.hasOwn(FAULTS, stored.code);

/** A fault as a sentence without its first capital and full stop. */
export function describeAttemptFault<Of extends Code>({ code, params }: AttemptFault<Of>): string {
  return WORDS[code].words(params, GOES_ON);
}

interface FailedDownload {
  readonly attempts: number;
  /** What is kept. */
  readonly bytes: number;
}

/**
 * As `describeAttemptFault`, for the fault that ended a download.
 * @param failed undefined: a document, of which nothing is kept
 */
export function describeLastFault<Of extends Code>(
  { code, params }: AttemptFault<Of>,
  failed?: FailedDownload,
): string {
  const gaveUp = `Rackboot gave up${failed === undefined ? '' : ` after ${counted(Math.max(1, failed.attempts), 'attempt')}`}`;
  const bytes = failed?.bytes ?? 0;
  const rest =
    bytes === 0 ? 'repeat the command later' : `it keeps ${mebibytes(bytes)}: repeat the command to continue`;
  const stops = `${gaveUp}; ${rest}`;
  const discarded = `the site's file does not match its list. ${gaveUp}; repeat the command later, or use another source`;
  return WORDS[code].words(params, { again: stops, fromThere: stops, whole: stops, discarded });
}
