// Why a signature is not accepted, with the remedy for each reason.

/** The problem and the remedy for each code. The codes are stable. */
const REASONS = {
  'no-signature': ['it is not signed', 'use a site that signs it, or mark the source as unsigned'],
  'unreadable-signature': ['its signature cannot be read', 'fetch it again; if that does not help, ask the site'],
  'unreadable-keyring': [
    'the keyring has no OpenPGP key that can be read',
    'make one with gpg --export, binary or with --armor; a keybox of gpg (.kbx) does not work',
  ],
  'large-keyring': [
    'the keyring is too large',
    'export only the keys of the site, without the signatures of others: gpg --export --export-options export-minimal KEY',
  ],
  'unknown-key': [
    'no accepted key of the keyring made its signature',
    'if the site has a new key, verify its fingerprint and add the key',
  ],
  'expired-key': [
    'the key of its signature has expired',
    'fetch the key again: sites extend the validity of their keys',
  ],
  'revoked-key': ['the key of its signature was revoked', "take the site's new key, after verifying its fingerprint"],
  'unfit-key': [
    'the key of its signature is not allowed to sign',
    "take the site's signing key, after verifying its fingerprint",
  ],
  'expired-signature': ['its signature has expired', 'fetch it again: the site signs it regularly'],
  'future-key': ['the key of its signature was made in the future', 'set the clock of this host'],
  'future-signature': ['its signature was made in the future', 'set the clock of this host'],
  'bad-signature': [
    'its signature is wrong',
    'the file or its signature was changed or damaged in transit: fetch it from another mirror',
  ],
  'weak-algorithm': [
    'its signature uses an algorithm that is no longer accepted',
    'ask the site to sign with a newer key',
  ],
  'too-large': ['it is too large for a signed file', 'name the right file'],
} as const satisfies Readonly<Record<string, readonly [what: string, remedy: string]>>;

export type SignatureFaultCode = keyof typeof REASONS;

export interface SignatureFault {
  readonly code: SignatureFaultCode;
  readonly file: string;
  /** 16 hexadecimal digits. Undefined if unknown, or if there is no signature. */
  readonly keyId: string | undefined;
  /** A clean text such as `SHA-1` or `at most 65536 bytes`. It may be empty. */
  readonly detail: string;
}

export function describeSignatureFault({ code, file, keyId, detail }: SignatureFault): string {
  const [what, remedy] = REASONS[code];
  const key = keyId === undefined ? [] : [`key ${keyId}`];
  const details = [...key, ...(detail === '' ? [] : [detail])].join(', ');
  return `${file}: ${what}${details === '' ? '' : ` (${details})`}; ${remedy}`;
}
