// Decodes the bytes of a simplestreams document as JSON, within bounds.
//
// The largest known document, of cloud images, has some 12 MB and 150 000 values.

import { type Fields, isFields } from '../../ground/fields.ts';
import { type JsonBounds, readBoundedJson } from '../../ground/json-excess.ts';
import { type DocumentDecoded, documentFault, documentValue } from './document-fault.ts';

/** Decodes UTF-8. Invalid UTF-8 is refused: replacement characters could make two names equal. */
export function decodeText(bytes: Uint8Array, bytesMax: number): DocumentDecoded<string> {
  if (bytes.length > bytesMax) return documentFault('too-large', '', `at most ${bytesMax} bytes`, bytes.length);
  try {
    return documentValue(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch {
    return documentFault('not-readable', '', 'text in UTF-8', undefined);
  }
}

// JSON of another site may be crafted to exhaust its reader.
//
// 1. Values and depth are counted before parsing: `[[[…` of 64 MiB would take more than a GiB of memory.
// 2. Nothing here throws.

export function decodeJson(text: string, bounds: JsonBounds): DocumentDecoded<unknown> {
  const json = readBoundedJson(text, bounds);
  if (json.kind === 'value') return documentValue(json.value);
  const { fault } = json;
  if (fault.kind === 'malformed') return documentFault('not-readable', '', 'JSON', undefined);
  if (fault.kind === 'deep') return documentFault('too-deep', '', `at most ${fault.max} levels`, fault.max + 1);
  return documentFault('too-large', '', `at most ${fault.max} values`, fault.max + 1);
}

const DOCUMENT_BYTES_MAX = 32 * 1024 * 1024;
/** Bound on the members and elements of one document. */
const VALUES_MAX = 2_000_000;
const DEPTH_MAX = 16;
/**
 * Bound on the members of one object, and on the elements of one list. The largest list that a
 * decoder accepts has 20 000 products.
 */
const MEMBERS_MAX = 100_000;

/** Decodes a document, whose `format` must match. @param document bytes, or clear-signed text */
export function decodeStreamText(document: Uint8Array | string, format: string): DocumentDecoded<Fields> {
  const text = typeof document === 'string' ? limitText(document) : decodeText(document, DOCUMENT_BYTES_MAX);
  if (!text.ok) return text;
  const json = decodeJson(text.value, { valuesMax: VALUES_MAX, membersMax: MEMBERS_MAX, depthMax: DEPTH_MAX });
  if (!json.ok) return json;
  if (!isFields(json.value)) return documentFault('wrong-type', '', 'an object', json.value);
  const writtenFormat = Object.hasOwn(json.value, 'format') ? json.value.format : undefined;
  if (writtenFormat === format) return documentValue(json.value);
  return documentFault(
    writtenFormat === undefined ? 'missing' : 'bad-value',
    'format',
    JSON.stringify(format),
    writtenFormat,
  );
}

function limitText(text: string): DocumentDecoded<string> {
  if (text.length <= DOCUMENT_BYTES_MAX) return documentValue(text);
  return documentFault('too-large', '', `at most ${DOCUMENT_BYTES_MAX} characters`, text.length);
}
