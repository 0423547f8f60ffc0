// The faults with which an attempt to fetch a file can end. Each has a code with parameters, the
// next step, and a sentence with the remedy.
//
// 1. Never change the meaning of a code or parameter: other threads and stored states contain them.
// 2. Every text of a DownloadError is clean and bounded: a server chooses redirects and fields.
// 3. No parameter contains the password of a URL.

import { cleanText } from '../../ground/clean-text.ts';
import { counted, mebibytes } from '../../ground/counted.ts';
import { errorText, RackError } from '../../ground/errors.ts';

const DETAIL_CHARACTERS_MAX = 200;

type HostParams = { readonly host: string };
type DetailParams = { readonly detail: string };
/** The URL of the configured proxy. Empty if there is none. */
type ProxyParams = HostParams & { readonly proxy: string };

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

/** Texts about what Rackboot does next. After the last attempt, they say that it gave up. */
interface NextStepTexts {
  readonly again: string;
  readonly fromThere: string;
  readonly whole: string;
  readonly discarded: string;
}

const CONTINUING_TEXTS: NextStepTexts = {
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

const describeProxy = (proxy: string): string => (proxy === '' ? '' : ` through the proxy ${proxy}`);

/** @param describe returns the sentence without its first capital and full stop */
const defineFault = <Params>(prospect: Prospect, describe: (params: Params, next: NextStepTexts) => string) => ({
  prospect,
  words: describe,
});

const FAULTS = {
  'no-host': defineFault(
    'later',
    ({ host, detail: said }: HostParams & DetailParams) =>
      `the name ${host} has no address (${said}): check the name, and the DNS of this host`,
  ),
  /** `errorCode` is the system's code: `ECONNREFUSED` if nothing listens at the port. */
  unreachable: defineFault('later', ({ host, proxy, detail: said }: ProxyParams & DetailParams, next) => {
    if (!said.includes('ECONNREFUSED'))
      return `${host} cannot be reached${describeProxy(proxy)} (${said}): check the network and the firewall; ${next.again}`;
    return proxy === ''
      ? `${host} refused the connection (ECONNREFUSED): check the port, and that its server runs; ${next.again}`
      : `${host} cannot be reached${describeProxy(proxy)} (ECONNREFUSED): check the port of the proxy, and that the proxy runs; ${next.again}`;
  }),
  /** The timeout includes TLS and the proxy's tunnel. */
  'connect-late': defineFault(
    'later',
    ({ host, proxy, seconds }: ProxyParams & { readonly seconds: number }, next) =>
      `no connection to ${host}${describeProxy(proxy)} within ${seconds} s: check the network and the firewall; ${next.again}`,
  ),
  tls: defineFault(
    'elsewhere',
    ({ host, detail: errorCode, trouble }: HostParams & DetailParams & { readonly trouble: TlsTrouble }) =>
      `no secure connection to ${host} (${errorCode}): ${TLS[trouble]}`,
  ),
  proxy: defineFault(
    'later',
    ({ proxy, detail: said }: DetailParams & { readonly proxy: string }) =>
      `the proxy ${proxy} refused the request (${said}): check http_proxy, https_proxy and no_proxy`,
  ),
  /** The proxy requires a password (407). */
  'proxy-password': defineFault(
    'elsewhere',
    ({ proxy }: { readonly proxy: string }) =>
      `the proxy ${proxy} asked for a password: write http://USER:PASSWORD@HOST:PORT in http_proxy and https_proxy`,
  ),
  /** The connection was made, but no header arrived. */
  silent: defineFault(
    'later',
    ({ host, seconds }: HostParams & { readonly seconds: number }, next) =>
      `${host} did not answer within ${seconds} s: ${next.again}`,
  ),
  /**
   * 4xx: the server does not have the file, or refuses to send it.
   * @param url without query and password. Undefined if the caller names it
   * @param mirrorKey the configuration key of the mirror. Undefined if there is none
   */
  'http-refused': defineFault(
    'elsewhere',
    ({
      host,
      status,
      url = 'the file',
      mirrorKey,
    }: HostParams & {
      readonly status: number;
      readonly url?: string | undefined;
      readonly mirrorKey?: string | undefined;
    }) =>
      `${host} did not deliver ${url} (HTTP ${status}): ${CHECK_URL}${mirrorKey === undefined ? '' : `: sudo rackboot config set ${mirrorKey} URL`}`,
  ),
  /** 5xx, or another status that is not an answer to GET. */
  'http-failed': defineFault(
    'later',
    ({ host, status }: HostParams & { readonly status: number }, next) =>
      `${host} failed (HTTP ${status}): ${next.again}`,
  ),
  /** 429 or 503. @param seconds the server's Retry-After; undefined if it gives none */
  busy: defineFault(
    'later',
    ({ host, status, seconds }: HostParams & { readonly status: number; readonly seconds: number | undefined }, next) =>
      `${host} is busy (HTTP ${status}${seconds === undefined ? '' : `; it asked for a pause of ${seconds} s`}): ${next.again}`,
  ),
  'redirect-insecure': defineFault(
    'elsewhere',
    ({ host, to }: HostParams & { readonly to: string }) =>
      `${host} redirects from https to ${to}, which is insecure and not followed: ${OTHER_MIRROR}, or name the http URL on purpose`,
  ),
  /** @param to a URL that is not http or https */
  'redirect-unusable': defineFault(
    'elsewhere',
    ({ host, to }: HostParams & { readonly to: string }) =>
      `${host} redirects to ${to}, which is not an http or https URL: ${OTHER_MIRROR}`,
  ),
  'redirect-endless': defineFault(
    'elsewhere',
    ({ host, max }: HostParams & { readonly max: number }) => `${host} redirects more than ${max} times: ${CHECK_URL}`,
  ),
  /** The answer was not HTTP, its header was too large, or the connection closed before it. */
  'bad-answer': defineFault(
    'later',
    ({ host, detail: said }: HostParams & DetailParams, next) =>
      `${host} gave no usable answer (${said}): ${next.again}`,
  ),
  encoded: defineFault(
    'elsewhere',
    ({ host, encoding }: HostParams & { readonly encoding: string }) =>
      `${host} sent the file encoded (${encoding}), although the request excluded encodings: ${OTHER_MIRROR}`,
  ),
  /** The server sent another range. @param range the Content-Range. Empty if missing */
  'range-wrong': defineFault(
    'later',
    ({ host, from, range }: HostParams & { readonly from: number; readonly range: string }, next) =>
      `${host} sent ${range || 'a range without Content-Range'} instead of the bytes from ${from} on: ${next.whole}`,
  ),
  /** The end cannot be verified: no length, chunks, published size or digest. */
  'length-unknown': defineFault(
    'elsewhere',
    ({ host }: HostParams) =>
      `${host} does not announce the size of the file, so a missing end would go unnoticed: ${OTHER_MIRROR}, or give a checksum`,
  ),
  'size-wrong': defineFault(
    'elsewhere',
    ({ host, expectedBytes, bytes }: HostParams & { readonly expectedBytes: number; readonly bytes: number }) =>
      `the file from ${host} has ${counted(bytes, 'byte')} instead of ${expectedBytes}: the site may be replacing it; ${OTHER_MIRROR}`,
  ),
  'too-large': defineFault(
    'elsewhere',
    ({ host, bytesMax }: HostParams & { readonly bytesMax: number }) =>
      `the file from ${host} has more than ${bytesMax} bytes: ${CHECK_URL}`,
  ),
  /** No byte of the body arrived for `seconds`. */
  stalled: defineFault(
    'later',
    ({ host, seconds }: HostParams & { readonly seconds: number }, next) =>
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
      }: HostParams & { readonly bytesPerSecond: number; readonly bytesPerSecondMin: number; readonly seconds: number },
      next,
    ) =>
      `${host} sent only ${counted(bytesPerSecond, 'byte')} a second over ${seconds} s, fewer than ${bytesPerSecondMin}: ${next.fromThere}`,
  ),
  late: defineFault(
    'elsewhere',
    ({ host, seconds, bytes }: HostParams & { readonly seconds: number; readonly bytes: number }) =>
      `${host} had sent only ${counted(bytes, 'byte')} of the document after ${seconds} s: ${OTHER_MIRROR}`,
  ),
  /** The connection ended early. @param total size of the file. Undefined if unknown */
  cut: defineFault(
    'later',
    (
      {
        host,
        bytes,
        total,
        detail: said,
      }: HostParams & DetailParams & { readonly bytes: number; readonly total: number | undefined },
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
      }: HostParams & { readonly algorithm: string; readonly expected: string; readonly found: string },
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
    ({ path, detail: said }: DetailParams & { readonly path: string }) =>
      `${path} cannot be written (${said}): check the disk and its permissions; then resume`,
  ),
};

type Code = keyof typeof FAULTS;
type FaultParams = { readonly [C in Code]: Parameters<(typeof FAULTS)[C]['words']>[0] };
const FAULT_TEXTS: {
  readonly [C in Code]: { readonly words: (params: FaultParams[C], next: NextStepTexts) => string };
} = FAULTS;

export type AttemptFault<Codes extends Code = Code> = {
  readonly [C in Codes]: { readonly code: C; readonly params: FaultParams[C] };
}[Codes];

/** Decides the next step after a fault. */
export const decideProspect = ({ code }: AttemptFault): Prospect => FAULTS[code].prospect;

/** Cleans a text of a server, a proxy or the system for a parameter. */
export const cleanDetail = (detail: unknown): string => cleanText(errorText(detail), DETAIL_CHARACTERS_MAX);

/** Returns the fault with clean texts of at most 512 characters. */
export function cleanFault(fault: AttemptFault): AttemptFault {
  const texts = Object.entries<unknown>(fault.params).filter(([, value]) => typeof value === 'string');
  const cleanTexts = Object.fromEntries(texts.map(([name, text]) => [name, cleanText(String(text))]));
  return Object.assign({}, fault, { params: Object.assign({}, fault.params, cleanTexts) });
}

/** Faults that a host without Internet access has with every source. */
const NETWORK_FAULTS: ReadonlySet<string> = new Set<AttemptFault['code']>([
  'no-host',
  'unreachable',
  'connect-late',
  'proxy',
  'proxy-password',
]);

/** Finds the code of a fault of the network. Undefined if the error has another reason. */
export function findNetworkFault(error: unknown): string | undefined {
  if (error instanceof DownloadError) return NETWORK_FAULTS.has(error.fault.code) ? error.fault.code : undefined;
  return error instanceof Error ? findNetworkFault(error.cause) : undefined;
}

/** The fault of an attempt. The fault of the last attempt has a message for people. */
export class DownloadError extends RackError {
  readonly fault: AttemptFault;

  constructor(fault: AttemptFault, cause?: unknown, message: string = fault.code) {
    super('source-failed', message, { cause });
    this.fault = cleanFault(fault);
  }
}

/** True for a known fault. Another version of Rackboot may have stored an unknown code. */
export const isAttemptFault = (stored: { readonly code: string; readonly params: unknown }): stored is AttemptFault =>
  Object.hasOwn(FAULTS, stored.code);

/** Describes a fault as a sentence without its first capital and full stop. */
export function describeAttemptFault<Of extends Code>({ code, params }: AttemptFault<Of>): string {
  return FAULT_TEXTS[code].words(params, CONTINUING_TEXTS);
}

interface FailedDownload {
  readonly attempts: number;
  /** The kept bytes. */
  readonly bytes: number;
}

/**
 * Describes the fault that ended a download, as `describeAttemptFault` does.
 * @param progress undefined for a document, of which nothing is kept
 */
export function describeLastFault<Of extends Code>(
  { code, params }: AttemptFault<Of>,
  progress?: FailedDownload,
): string {
  const giveUpText = `Rackboot gave up${progress === undefined ? '' : ` after ${counted(Math.max(1, progress.attempts), 'attempt')}`}`;
  const bytes = progress?.bytes ?? 0;
  const remedy =
    bytes === 0 ? 'repeat the command later' : `it keeps ${mebibytes(bytes)}: repeat the command to continue`;
  const endText = `${giveUpText}; ${remedy}`;
  const discardedText = `the site's file does not match its list. ${giveUpText}; repeat the command later, or use another source`;
  return FAULT_TEXTS[code].words(params, {
    again: endText,
    fromThere: endText,
    whole: endText,
    discarded: discardedText,
  });
}
