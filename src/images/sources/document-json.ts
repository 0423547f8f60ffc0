// Parses JSON of another site, which may be crafted to exhaust its reader.
//
// 1. The values and the depth are counted before the text is parsed: `[[[…` of 64 MiB would take more than a GiB of memory.
// 2. Nothing here throws.

import { errorText } from '../../errors.ts';
import { findJsonExcess, type JsonBounds } from '../../json-excess.ts';
import { type DocumentDecoded, documentFault, documentValue } from './document-fault.ts';

/** Parses a JSON text. */
export function decodeJson(text: string, bounds: JsonBounds): DocumentDecoded<unknown> {
  const excess = findJsonExcess(text, bounds);
  if (excess?.kind === 'deep') return documentFault('too-deep', '', `at most ${excess.max} levels`, excess.max + 1);
  if (excess?.kind === 'long') return documentFault('too-large', '', `at most ${excess.max} values`, excess.max + 1);
  try {
    return documentValue(JSON.parse(text));
  } catch (error) {
    return documentFault('not-readable', '', 'JSON', errorText(error));
  }
}
