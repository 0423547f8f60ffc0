// Why a document of another site is refused: the path of the fault, the expected value, and the value found.

import { cleanText } from '../../ground/clean-text.ts';

/** The kinds of fault. The strings are stable. */
export type DocumentFaultCode =
  /** The document has more bytes, entries or characters than the limit. */
  | 'too-large'
  /** The document is not text, or not in the format. */
  | 'not-readable'
  | 'too-deep'
  | 'missing'
  | 'wrong-type'
  | 'bad-value';

/** The first fault of a document. */
export interface DocumentFault {
  readonly code: DocumentFaultCode;
  /**
   * The clean path of the fault, such as `products."com.ubuntu.cloud:server:24.04:amd64".versions`,
   * or `line 17`. Empty for the whole document.
   */
  readonly path: string;
  /** `a list`, `64 hexadecimal digits` … */
  readonly expected: string;
  /** The value that was found, shortened and clean. */
  readonly found: string;
}

/** A value of a document, or the fault that prevented it. */
export type DocumentDecoded<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly fault: DocumentFault };

/** A value, or a key in a path, is cut after this many characters. */
const FOUND_SHOWN_MAX = 80;

export const documentValue = <T>(value: T): DocumentDecoded<T> => ({ ok: true, value });

/** Builds a fault. @param found any value, which is described and cleaned */
export const documentFault = (
  code: DocumentFaultCode,
  path: string,
  expected: string,
  found: unknown,
): DocumentDecoded<never> => ({ ok: false, fault: { code, path, expected, found: describeValue(found) } });

/** Formats the path of a member, such as `products."a.b"` or `versions.20240423`. */
export function memberPath(path: string, key: string): string {
  const clean = cleanText(key, FOUND_SHOWN_MAX);
  const name = /^\w{1,80}$/.test(clean) ? clean : JSON.stringify(clean);
  return path === '' ? name : `${path}.${name}`;
}

/** Describes a fault for people, such as `products."x".versions: expected an object, found a list`. */
export function describeDocumentFault({ path, expected, found }: DocumentFault): string {
  const sentence = `expected ${expected}, found ${found}`;
  return path === '' ? sentence : `${path}: ${sentence}`;
}

/** Describes a value. Texts are quoted. */
function describeValue(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(cleanText(value, FOUND_SHOWN_MAX));
  if (value === undefined) return 'nothing';
  if (Array.isArray(value)) return 'a list';
  return typeof value === 'object' && value !== null ? 'an object' : String(value);
}
