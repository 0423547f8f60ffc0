// Decodes bytes as text, up to a bound.

import { type DocumentDecoded, documentFault, documentValue } from './document-fault.ts';

/** Decodes UTF-8. Invalid UTF-8 is refused, because replacement characters could make two names equal. */
export function decodeText(bytes: Uint8Array, bytesMax: number): DocumentDecoded<string> {
  if (bytes.length > bytesMax) return documentFault('too-large', '', `at most ${bytesMax} bytes`, bytes.length);
  try {
    return documentValue(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch {
    return documentFault('not-readable', '', 'text in UTF-8', undefined);
  }
}
