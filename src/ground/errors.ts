// Failures of the outside world: a port in use, a full disk, a wrong configuration. A bug of our
// own is an assertion, and bad input from a peer is a `Decoded` fault or a named refusal; neither
// is a RackError.

/** Every code, with its meaning. The strings are stable: scripts and log searches rely on them. */
export const RACK_ERROR_CODES = {
  'config-invalid': 'The configuration file has problems; each is listed with its path.',
  'config-unreadable': 'The configuration file cannot be read.',
  'address-in-use': 'Another process owns a port that Rackboot needs.',
  'address-not-here': 'A configured address is not an address of this host.',
  'permission-denied': 'Rackboot lacks a privilege that the operating system demands.',
  'interface-missing': 'A configured network interface does not exist.',
  'already-running': 'Another Rackboot serves this host or this state directory.',
  'store-unavailable': 'A database cannot be written at the moment.',
  'store-broken': 'A database is damaged or was not written by Rackboot.',
  'store-newer': 'A database was written by a newer Rackboot.',
  'store-refused': 'A database on the network refuses this Rackboot, or has another certificate than expected.',
  'text-unstorable': 'A text has a character that the database cannot hold, such as NUL.',
  'store-unwritable': 'The state directory, or another one that Rackboot writes, cannot be created or written.',
  'tree-unreadable': 'The boot tree cannot be read.',
  'region-failed': 'The region thread ended.',
  'not-found': 'Something named on the command line does not exist.',
  'already-exists': 'Something with that name already exists.',
  'limit-reached': 'There are as many of something as there may be.',
  'tool-missing': 'A required program of the operating system is not installed.',
  'tool-failed': 'A program of the operating system failed.',
  'source-failed': 'A source of images does not answer as it should, or its signature is not accepted.',
  'bad-argument': 'A value on the command line is invalid.',
  cancelled: 'A person cancelled a prompt with Ctrl-C or Ctrl-D.',
  'not-running': 'No running Rackboot answers here.',
  'try-later': 'The running Rackboot has too many requests at once.',
  'socket-refused': 'The operating system refused a socket for a reason without a code here.',
  'certificate-unusable': 'A certificate or its key cannot be used.',
  'native-unavailable': 'Native socket calls are not available on this host.',
} as const;

export type RackErrorCode = keyof typeof RACK_ERROR_CODES;

/** A stable code, a one-line message that names the value and the remedy, and its cause. */
export class RackError extends Error {
  readonly code: RackErrorCode;
  constructor(code: RackErrorCode, message: string, options?: { readonly cause?: unknown }) {
    super(message, options);
    this.name = 'RackError';
    this.code = code;
  }
}

/** `EADDRINUSE`, `ENOSPC` …, or `undefined`. */
export function osErrorCode(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null || !('code' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}

/** Node adds this to a certificate's fault. */
const NODE_ADVICE = /; if the root CA is installed locally, .*$/;
/**
 * Node's codes for certificates (nodejs.org/api/tls.html, "X509 certificate error codes") and for a
 * handshake that fails.
 */
const TLS_CODE =
  /^(?:ERR_TLS_|ERR_SSL_|CERT_|CRL_|DEPTH_ZERO_|UNABLE_TO_|SELF_SIGNED_|ERROR_IN_C|INVALID_CA$|INVALID_PURPOSE$|PATH_LENGTH_EXCEEDED$|HOSTNAME_MISMATCH$|UNSPECIFIED$|EPROTO$)/;

export function errorText(error: unknown): string {
  // Of a host with several addresses, each has failed.
  if (error instanceof AggregateError) return error.errors.map(errorText).join('; ');
  return error instanceof Error ? error.message.replace(NODE_ADVICE, '') || error.name : String(error);
}

/** True for an error of TLS, such as that of a certificate that cannot be verified. */
export const isTlsError = (error: unknown): boolean => TLS_CODE.test(osErrorCode(error) ?? '');

/** False for our own bugs. */
export const isOutside = (error: unknown): boolean => error instanceof RackError || osErrorCode(error) !== undefined;

/** @throws any other error: it is our own bug */
export function assertOutside(error: unknown): void {
  if (!isOutside(error)) throw error;
}

/** The work can be tried again later. */
export const isStoreUnavailable = (error: unknown): error is RackError =>
  error instanceof RackError && error.code === 'store-unavailable';

/**
 * Runs work that is tried again later, or that may be lost.
 * @returns false if the store is unavailable
 * @throws any other error
 */
export async function reachesStore(work: () => Promise<unknown>): Promise<boolean> {
  try {
    await work();
    return true;
  } catch (error) {
    if (isStoreUnavailable(error)) return false;
    throw error;
  }
}

/** The compiler refuses a missing case; at run time it is our bug. */
export function unreachable(value: never): never {
  throw new Error(`unreachable: ${JSON.stringify(value)}`);
}

/** Joins failures into one with the first one's code, one line each; `undefined` if there are none. */
export function joinFailures(failures: readonly RackError[]): RackError | undefined {
  const [firstFailure] = failures;
  const texts = [...new Set(failures.map(({ message }) => message))];
  return firstFailure === undefined || texts.length === 1
    ? firstFailure
    : new RackError(firstFailure.code, texts.join('\n'), { cause: firstFailure });
}
