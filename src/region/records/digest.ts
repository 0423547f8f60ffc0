// Digests of texts: the form in which the region keeps secrets of keys, sessions and boot tokens.
// And numbers for objects that have only a text.

import { createHash } from 'node:crypto';

/** SHA-256 of a text, in hexadecimal. */
export const hashSha256 = (text: string): string => createHash('sha256').update(text).digest('hex');

/** FNV-1a of 32 bits, without the sign: fast enough for long lists; a collision gives an attacker nothing. */
export function hashFnv1a(text: string): number {
  let digest = 0x811c9dc5;
  for (let index = 0; index < text.length; index += 1) {
    digest = Math.imul(digest ^ text.charCodeAt(index), 0x01000193);
  }
  return digest >>> 0;
}
