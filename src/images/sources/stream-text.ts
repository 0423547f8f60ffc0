// Decodes the bytes of a simplestreams document as JSON, within bounds.
//
// The largest known document, of cloud images, has some 12 MB and 150 000 values.

import { type Fields, isFields } from '../../fields.ts';
import { type DocumentDecoded, documentFault, documentValue } from './document-fault.ts';
import { decodeJson } from './document-json.ts';
import { decodeText } from './document-text.ts';

/** The largest document, in bytes. */
const DOCUMENT_BYTES_MAX = 32 * 1024 * 1024;
/** Members and elements of one document. */
const VALUES_MAX = 2_000_000;
/** The format has eight levels. */
const DEPTH_MAX = 16;

/** Decodes a document whose `format` must be the given one. @param document its bytes, or its text without the clear signature */
export function decodeStreamText(document: Uint8Array | string, format: string): DocumentDecoded<Fields> {
  const text = typeof document === 'string' ? boundedText(document) : decodeText(document, DOCUMENT_BYTES_MAX);
  if (!text.ok) return text;
  const json = decodeJson(text.value, { valuesMax: VALUES_MAX, depthMax: DEPTH_MAX });
  if (!json.ok) return json;
  if (!isFields(json.value)) return documentFault('wrong-type', '', 'an object', json.value);
  const found = Object.hasOwn(json.value, 'format') ? json.value.format : undefined;
  if (found === format) return documentValue(json.value);
  return documentFault(found === undefined ? 'missing' : 'bad-value', 'format', JSON.stringify(format), found);
}

function boundedText(text: string): DocumentDecoded<string> {
  if (text.length <= DOCUMENT_BYTES_MAX) return documentValue(text);
  return documentFault('too-large', '', `at most ${DOCUMENT_BYTES_MAX} characters`, text.length);
}
