// Why a document of another site is refused: the place of the fault, the expected value, and the value found.

import { cleanText } from '../../ground/clean-text.ts';

/** The kinds of fault. The strings are stable. */
export type DocumentFaultCode =
  /** More bytes, entries or characters than the limit. */
  | 'too-large'
  /** Not text, or not in the format. */
  | 'not-readable'
  | 'too-deep'
  | 'missing'
  | 'wrong-type'
  | 'bad-value';

/** The first fault of a document. */
export interface DocumentFault {
  readonly code: DocumentFaultCode;
  /**
   * Clean: `products."com.ubuntu.cloud:server:24.04:amd64".versions`, `line 17`; empty: the whole
   * document.
   */
  readonly path: string;
  /** `a list`, `64 hexadecimal digits` … */
  readonly expected: string;
  /** The value, shortened; clean. */
  readonly found: string;
}

/** A value of a document, or the fault that prevented it. */
export type DocumentDecoded<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly fault: DocumentFault };

/** A value, or a key in a path, is cut after so many characters. */
const FOUND_SHOWN_MAX = 80;

export const documentValue = <T>(value: T): DocumentDecoded<T> => ({ ok: true, value });

/** @param found is described and cleaned */
export const documentFault = (
  code: DocumentFaultCode,
  path: string,
  expected: string,
  found: unknown,
): DocumentDecoded<never> => ({ ok: false, fault: { code, path, expected, found: describeValue(found) } });

/** The path of a member: `products."a.b"`, `versions.20240423`. */
export function memberPath(path: string, key: string): string {
  const clean = cleanText(key, FOUND_SHOWN_MAX);
  const name = /^\w{1,80}$/.test(clean) ? clean : JSON.stringify(clean);
  return path === '' ? name : `${path}.${name}`;
}

/** A fault for people: `products."x".versions: expected an object, found a list`. */
export function describeDocumentFault({ path, expected, found }: DocumentFault): string {
  const sentence = `expected ${expected}, found ${found}`;
  return path === '' ? sentence : `${path}: ${sentence}`;
}

/** Quotes a text. */
function describeValue(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(cleanText(value, FOUND_SHOWN_MAX));
  if (value === undefined) return 'nothing';
  if (Array.isArray(value)) return 'a list';
  return typeof value === 'object' && value !== null ? 'an object' : String(value);
}
