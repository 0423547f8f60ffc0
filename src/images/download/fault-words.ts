// Describes a fault in a sentence: what happened, with its values, and what to do, or what Rackboot does next.

import { counted, mebibytes } from '../../counted.ts';
import type { AttemptFault, AttemptFaultParams, TlsTrouble } from './fault.ts';

/** The attempts of a download that are remembered. */
export const ATTEMPTS_KEPT_MAX = 16;

const CHECK_URL = 'check the URL, or use another mirror';
const OTHER_MIRROR = 'use another mirror';

/** What Rackboot does after a fault, by the fault's kind; after the last attempt, that it gave up. */
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

const WORDS: {
  readonly [Code in keyof AttemptFaultParams]: (params: AttemptFaultParams[Code], next: NextStep) => string;
} = {
  'no-host': ({ host, said }) => `the name ${host} has no address (${said}): check the name, and the DNS of this host`,
  unreachable: ({ host, proxy, said }, next) => {
    if (!said.includes('ECONNREFUSED'))
      return `${host} cannot be reached${through(proxy)} (${said}): check the network and the firewall; ${next.again}`;
    return proxy === ''
      ? `${host} refused the connection (ECONNREFUSED): check the port, and that its server runs; ${next.again}`
      : `${host} cannot be reached${through(proxy)} (ECONNREFUSED): check the port of the proxy, and that the proxy runs; ${next.again}`;
  },
  'connect-late': ({ host, proxy, seconds }, next) =>
    `no connection to ${host}${through(proxy)} within ${seconds} s: check the network and the firewall; ${next.again}`,
  tls: ({ host, said, trouble }) => `no secure connection to ${host} (${said}): ${TLS[trouble]}`,
  proxy: ({ proxy, said }) =>
    `the proxy ${proxy} refused the request (${said}): check http_proxy, https_proxy and no_proxy`,
  'proxy-password': ({ proxy }) =>
    `the proxy ${proxy} asked for a password: write http://USER:PASSWORD@HOST:PORT in http_proxy and https_proxy`,

  silent: ({ host, seconds }, next) => `${host} did not answer within ${seconds} s: ${next.again}`,
  'http-refused': ({ host, status, url = 'the file', mirrorKey }) =>
    `${host} did not deliver ${url} (HTTP ${status}): ${CHECK_URL}${mirrorKey === undefined ? '' : `: sudo rackboot config set ${mirrorKey} URL`}`,
  'http-failed': ({ host, status }, next) => `${host} failed (HTTP ${status}): ${next.again}`,
  busy: ({ host, status, seconds }, next) =>
    `${host} is busy (HTTP ${status}${seconds === undefined ? '' : `; it asked for a pause of ${seconds} s`}): ${next.again}`,
  'redirect-insecure': ({ host, to }) =>
    `${host} redirects from https to ${to}, which is insecure and not followed: ${OTHER_MIRROR}, or name the http URL on purpose`,
  'redirect-unusable': ({ host, to }) =>
    `${host} redirects to ${to}, which is not an http or https URL: ${OTHER_MIRROR}`,
  'redirect-endless': ({ host, max }) => `${host} redirects more than ${max} times: ${CHECK_URL}`,
  'bad-answer': ({ host, said }, next) => `${host} gave no usable answer (${said}): ${next.again}`,
  encoded: ({ host, encoding }) =>
    `${host} sent the file encoded (${encoding}), although the request excluded encodings: ${OTHER_MIRROR}`,
  'range-wrong': ({ host, from, range }, next) =>
    `${host} sent ${range || 'a range without Content-Range'} instead of the bytes from ${from} on: ${next.whole}`,
  'length-unknown': ({ host }) =>
    `${host} does not announce the size of the file, so a missing end would go unnoticed: ${OTHER_MIRROR}, or give a checksum`,
  'size-wrong': ({ host, expectedBytes, bytes }) =>
    `the file from ${host} has ${counted(bytes, 'byte')} instead of ${expectedBytes}: the site may be replacing it; ${OTHER_MIRROR}`,
  'too-large': ({ host, bytesMax }) => `the file from ${host} has more than ${bytesMax} bytes: ${CHECK_URL}`,

  stalled: ({ host, seconds }, next) => `${host} sent nothing for ${seconds} s: ${next.fromThere}`,
  slow: ({ host, bytesPerSecond, bytesPerSecondMin, seconds }, next) =>
    `${host} sent only ${counted(bytesPerSecond, 'byte')} a second over ${seconds} s, fewer than ${bytesPerSecondMin}: ${next.fromThere}`,
  late: ({ host, seconds, bytes }) =>
    `${host} had sent only ${counted(bytes, 'byte')} of the document after ${seconds} s: ${OTHER_MIRROR}`,
  cut: ({ host, bytes, total, said }, next) =>
    `${host} ended the connection after ${bytes}${total === undefined ? '' : ` of ${total}`} bytes (${said}): ${next.fromThere}`,
  'digest-wrong': ({ host, algorithm, expected, found }, next) =>
    `the file from ${host} has the ${algorithm} ${found} instead of ${expected}: ${next.discarded}`,

  'no-room': ({ directory, freeBytes, neededBytes }) =>
    `${directory} has ${mebibytes(freeBytes)} left, but needs ${mebibytes(neededBytes)}: free space, or remove unneeded images; then resume`,
  'disk-failed': ({ path, said }) =>
    `${path} cannot be written (${said}): check the disk and its permissions; then resume`,
};

/** True if this version knows the code of a stored fault. Another version may have stored it. */
export const isAttemptFault = (stored: { readonly code: string; readonly params: unknown }): stored is AttemptFault =>
  Object.hasOwn(WORDS, stored.code);

/** A fault as a sentence without its first capital and full stop. */
export function describeAttemptFault<Code extends keyof AttemptFaultParams>({
  code,
  params,
}: AttemptFault<Code>): string {
  return WORDS[code](params, GOES_ON);
}

/** A download that has failed: how many of its attempts are remembered, and how many bytes are kept. */
interface FailedDownload {
  readonly attempts: readonly unknown[];
  readonly growth: { readonly bytes: number };
}

/**
 * The fault that ended a download, as a sentence without its first capital and full stop.
 * @param failed undefined: a document, of which nothing is kept
 */
export function describeLastFault<Code extends keyof AttemptFaultParams>(
  { code, params }: AttemptFault<Code>,
  failed?: FailedDownload,
): string {
  const gaveUp = `Rackboot gave up${failed === undefined ? '' : ` after ${attempts(failed.attempts.length)}`}`;
  const bytes = failed?.growth.bytes ?? 0;
  const kept =
    bytes === 0 ? 'repeat the command later' : `it keeps ${mebibytes(bytes)}: repeat the command to continue`;
  const stops = `${gaveUp}; ${kept}`;
  const discarded = `the site's file does not match its list. ${gaveUp}; repeat the command later, or use another source`;
  return WORDS[code](params, { again: stops, fromThere: stops, whole: stops, discarded });
}

const attempts = (kept: number): string =>
  kept >= ATTEMPTS_KEPT_MAX ? `${counted(kept, 'attempt')} or more` : counted(Math.max(1, kept), 'attempt');
