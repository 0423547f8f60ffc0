// Reads a certificate and its key, checked as a pair, and certificates of authorities.
//
// Sources: RFC 7468 (PEM), RFC 5280 §4.1.2.5 (validity), RFC 5246 §7.2.2 (`no_renegotiation`).
//
// 1. The key belongs to the first certificate, and the two form a valid TLS context.
// 2. No message contains the key.

import { constants, createPrivateKey, X509Certificate } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import type { Server as HttpsServer } from 'node:https';
import { errorText, osErrorCode, RackError } from '../ground/errors.ts';
import { toFileFault } from './read-fault.ts';

/** A certificate is reported this long before its end, in milliseconds. */
const EXPIRING_MS = 14 * 86_400_000;
const READABLE_BY_ALL = 0o004;

/** Elliptic curves that TLS 1.3 has for certificates, by their names in Node (RFC 8446 §4.2.3). */
const CURVES = ['prime256v1', 'secp384r1', 'secp521r1'];

export interface CertificatePair {
  readonly cert: string;
  readonly key: string;
  /** Validity, wall time in milliseconds. */
  readonly validFromMs: number;
  readonly validUntilMs: number;
  readonly isRsa: boolean;
  /** Every user of this host can read the key's file. */
  readonly isKeyOpen: boolean;
}

export interface CertificateFiles {
  readonly cert: string;
  readonly key: string;
}

/**
 * @throws RackError `certificate-unusable` if a file cannot be read, is not PEM, or the two are not
 * a pair
 */
export function readCertificatePair(files: CertificateFiles): CertificatePair {
  const cert = readPem(files.cert);
  const key = readPem(files.key);
  const certificate = describeFailure(
    () => new X509Certificate(cert),
    `${files.cert} holds no certificate in PEM form`,
  );
  const privateKey = describeFailure(
    () => createPrivateKey(key),
    `${files.key} holds no private key in PEM form, or one with a passphrase; write it without one`,
  );
  const { namedCurve } = privateKey.asymmetricKeyDetails ?? {};
  if (namedCurve !== undefined && !CURVES.includes(namedCurve))
    throw new RackError(
      'certificate-unusable',
      `${files.key} is on the curve ${namedCurve}, with which no client connects: make a key on P-256 (prime256v1)`,
    );
  if (!certificate.checkPrivateKey(privateKey)) {
    throw new RackError(
      'certificate-unusable',
      `${files.key} is not the key of the first certificate in ${files.cert}: configure a matching pair`,
    );
  }
  // Loaded here, so that a region without TLS does not pay for it.
  const { createSecureContext } = process.getBuiltinModule('node:tls');
  describeFailure(() => createSecureContext({ cert, key }), `${files.cert} and ${files.key} form no TLS context`);
  return {
    cert,
    key,
    validFromMs: Date.parse(certificate.validFrom),
    validUntilMs: Date.parse(certificate.validTo),
    isRsa: privateKey.asymmetricKeyType === 'rsa',
    isKeyOpen: (statSync(files.key).mode & READABLE_BY_ALL) !== 0,
  };
}

/** A client may not repeat its handshake (TLS 1.2): each costs the server as much as the first. */
export const composeSecureContextOptions = ({ cert, key }: CertificatePair) => ({
  cert,
  key,
  secureOptions: constants.SSL_OP_NO_RENEGOTIATION,
});

const isSecure = (server: object): server is HttpsServer => 'setSecureContext' in server;

/** Makes a server over TLS use this certificate for new connections; leaves another server as it is. */
export function renewCertificate(server: object, pair: CertificatePair): void {
  if (isSecure(server)) server.setSecureContext(composeSecureContextOptions(pair));
}

const CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g;

/**
 * The certificates that verify another host.
 * @returns the file's text
 * @throws RackError `config-invalid` if it cannot be read, or has no certificate or a damaged one
 */
export function readAuthorities(path: string): string {
  const text = readNamedFile(path);
  const blocks = text.match(CERTIFICATE) ?? [];
  if (blocks.length === 0)
    throw new RackError(
      'config-invalid',
      `${path} holds no certificate in PEM form: write the authority's into it, from -----BEGIN CERTIFICATE----- to -----END CERTIFICATE-----`,
    );
  blocks.forEach((pem, index) => {
    try {
      new X509Certificate(pem);
    } catch (cause) {
      const certificateName = blocks.length === 1 ? 'the certificate' : `certificate ${index + 1} of ${blocks.length}`;
      throw new RackError(
        'config-invalid',
        `${certificateName} in ${path} is damaged (${errorText(cause)}): copy the authority's file again`,
        { cause },
      );
    }
  });
  return text;
}

/** @throws RackError `config-invalid`, with the remedy */
export function readNamedFile(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (cause) {
    throw new RackError('config-invalid', toFileFault(path, cause).message, { cause });
  }
}

function readPem(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (cause) {
    const code = osErrorCode(cause);
    const remedy =
      code === 'ENOENT'
        ? 'put it there, or correct the setting that names it'
        : 'give it to the user that runs Rackboot';
    throw new RackError('certificate-unusable', `${path} cannot be read (${code ?? errorText(cause)}): ${remedy}`, {
      cause,
    });
  }
}

function describeFailure<T>(work: () => T, problem: string): T {
  try {
    return work();
  } catch (cause) {
    throw new RackError('certificate-unusable', `${problem} (${errorText(cause)})`, { cause });
  }
}

/** Times are those of RFC 3339. */
type CertificateProblem =
  | { readonly note: 'certificate-expired' | 'certificate-expiring'; readonly file: string; readonly until: string }
  | { readonly note: 'certificate-early'; readonly file: string; readonly from: string }
  | { readonly note: 'key-readable'; readonly file: string };

/** `undefined` if there is none. */
export function findCertificateProblem(
  pair: CertificatePair,
  { cert: file, key }: CertificateFiles,
  nowMs: number,
): CertificateProblem | undefined {
  const until = new Date(pair.validUntilMs).toISOString();
  if (nowMs >= pair.validUntilMs) return { note: 'certificate-expired', file, until };
  if (nowMs < pair.validFromMs)
    return { note: 'certificate-early', file, from: new Date(pair.validFromMs).toISOString() };
  if (pair.validUntilMs - nowMs < EXPIRING_MS) return { note: 'certificate-expiring', file, until };
  return pair.isKeyOpen ? { note: 'key-readable', file: key } : undefined;
}
