// The form in which the region keeps the secrets of keys, sessions and boot tokens, and by which it finds a long SSH key.

import { createHash } from 'node:crypto';

/** SHA-256 of a text, in hexadecimal. */
export const digestOf = (text: string): string => createHash('sha256').update(text).digest('hex');
