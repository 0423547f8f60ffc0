// Validates the SSH keys with which people log in to machines.
//
// Sources: OpenSSH's sshd(8) "AUTHORIZED_KEYS FILE FORMAT"; RFC 4253 §6.6 and RFC 5656, RFC 8709
// (the names inside the key).
//
// 1. A key is one line of printable ASCII without options, because options could run or forbid commands.
// 2. The algorithm's name before the key equals the one inside it.

import { createHash } from 'node:crypto';

export const SSH_KEYS_PER_USER_MAX = 64;
const KEY_CHARACTERS_MAX = 16_384;
const COMMENT_MAX = 255;

const ALGORITHMS: ReadonlySet<string> = new Set([
  'ssh-ed25519',
  'ssh-rsa',
  'ecdsa-sha2-nistp256',
  'ecdsa-sha2-nistp384',
  'ecdsa-sha2-nistp521',
  'sk-ssh-ed25519@openssh.com',
  'sk-ecdsa-sha2-nistp256@openssh.com',
]);

type ParsedSshKey = { readonly kind: 'key'; readonly key: string } | { readonly kind: 'fault'; readonly fault: string };

/** Parses a key into one form: algorithm, key and comment, separated by single spaces. */
export function parseSshKey(text: string): ParsedSshKey {
  const fault = (why: string): ParsedSshKey => ({ kind: 'fault', fault: why });
  const line = text.trim();
  if (line.length > KEY_CHARACTERS_MAX) return fault(`the key is longer than ${KEY_CHARACTERS_MAX} characters`);
  if (/PRIVATE KEY/.test(line)) return fault('this is a private key: give the public one, the file that ends in .pub');
  if (!/^[\x20-\x7e]+$/.test(line))
    return fault('a key must be one line of printable characters, as in a file that ends in .pub');
  const [algorithm = '', encoded = '', ...rest] = line.split(/ +/);
  if (!ALGORITHMS.has(algorithm))
    return fault(
      `the line does not begin with a known key type: give one of ${[...ALGORITHMS].join(', ')}, without options`,
    );
  if (!/^[A-Za-z0-9+/]{16,}={0,2}$/.test(encoded)) return fault('the key itself is not Base64');
  const bytes = Buffer.from(encoded, 'base64');
  const length = bytes.length < 4 ? 0 : bytes.readUInt32BE(0);
  const name = bytes.toString('latin1', 4, 4 + length);
  if (name !== algorithm || bytes.length < 4 + length + 4 + 32)
    return fault(`the key is truncated, or is not of the type ${algorithm}`);
  const comment = rest.join(' ').slice(0, COMMENT_MAX);
  return { kind: 'key', key: [algorithm, encoded, ...(comment === '' ? [] : [comment])].join(' ') };
}

/** The fingerprint of a key as ssh-keygen prints it: `SHA256:…`. */
export function computeFingerprint(key: string): string {
  const bytes = Buffer.from(key.split(' ')[1] ?? '', 'base64');
  return `SHA256:${createHash('sha256').update(bytes).digest('base64').replaceAll('=', '')}`;
}
