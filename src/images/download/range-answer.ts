// Judges the head of an answer to a GET: which bytes of the file does the body contain?
//
// Sources: RFC 9110 §8.8 (validators), §13.1.5 (If-Range), §14.2 (Range), §14.4 (Content-Range),
// §15.3.7 (206), §15.5.17 (416), §10.2.3 (Retry-After); RFC 9112 §6.3 (length of a body).
//
// 1. Bytes are appended to those of the same URL only if the strong validators do not differ. A
//    whole file is compared with a published digest, so bytes of another URL (`mayMix`), or without
//    a validator, will do.
// 2. A server may ignore a range and send the whole file (200): the kept bytes are skipped. With
//    another validator the file starts over.
// 3. A server may begin before the first requested byte, as caches of whole blocks do. The surplus
//    is skipped. A range that leaves a gap is refused.
// 4. A document, which has no digest, must show its end: by a length or by chunks.

import { z } from 'zod';
import { type AttemptFault, DownloadError } from './fault.ts';
import type { AnswerHeaders } from './web-client.ts';

/** A Last-Modified this much older than the Date is strong (RFC 9110 §8.8.2.2), in milliseconds. */
const STRONG_AFTER_MS = 1000;

/** The file to which the kept bytes belong. */
export const keptFileShape = z.object({
  /** The URL after redirects, without query and password: signed URLs differ each time. */
  place: z.string(),
  /** Strong; undefined: none. */
  validator: z.object({ kind: z.enum(['etag', 'date']), value: z.string() }).optional(),
  /** Undefined: unknown. */
  total: z.number().optional(),
});
export type KeptFile = Readonly<z.output<typeof keptFileShape>>;

export interface Wanted {
  readonly from: number;
  /** Undefined: nothing is kept. */
  readonly kept: KeptFile | undefined;
  /** True if bytes of another URL may be appended. */
  readonly mayMix: boolean;
  readonly isDocument?: boolean;
  readonly bytes: number | undefined;
  readonly bytesMax: number;
}

interface AnswerHead {
  readonly url: URL;
  readonly status: number;
  readonly headers: AnswerHeaders;
  readonly wallTimeMs: number;
}

export type BodyPlan =
  /** @param at its first byte in the file @param isNew true if the kept bytes are of another file */
  | { readonly kind: 'body'; readonly at: number; readonly isNew: boolean; readonly file: KeptFile }
  /** The kept bytes are the whole file. */
  | { readonly kind: 'whole' }
  /** Drop the kept bytes of another file, and request again. */
  | { readonly kind: 'again' };

const placeOfUrl = ({ origin, pathname }: URL): string => `${origin}${pathname}`;

/** Range and If-Range; empty: request the whole file. */
export function rangeFields(url: URL, { from, kept, mayMix }: Wanted): Readonly<Record<string, string>> {
  if (from === 0 || kept === undefined) return {};
  const range = { Range: `bytes=${from}-` };
  if (placeOfUrl(url) !== kept.place) return mayMix ? range : {};
  return kept.validator === undefined ? range : { ...range, 'If-Range': kept.validator.value };
}

/** @throws DownloadError */
export function planBody(head: AnswerHead, wanted: Wanted): BodyPlan {
  const { status } = head;
  if (status === 416 && wanted.from > 0) return planUnsatisfied(head, wanted);
  if (status === 206 && wanted.from > 0) return planRange(head, wanted);
  if (status !== 200) throw new DownloadError(statusFault(head));
  const host = head.url.host;
  refuseEncoded(head);
  const total = parseBodyLength(head.headers);
  if (wanted.isDocument === true && total === undefined && head.headers['transfer-encoding'] === undefined) {
    throw new DownloadError({ code: 'length-unknown', params: { host } });
  }
  checkSize(host, total, wanted);
  const file = { place: placeOfUrl(head.url), validator: findValidator(head.headers), total: total ?? wanted.bytes };
  return { kind: 'body', at: 0, isNew: wanted.from === 0 || !continues(file, wanted), file };
}

function continues(file: KeptFile, { kept, mayMix }: Wanted): boolean {
  if (kept === undefined) return false;
  if (file.total !== undefined && kept.total !== undefined && file.total !== kept.total) return false;
  if (file.place !== kept.place) return mayMix;
  if (file.validator === undefined || kept.validator === undefined) return true;
  return file.validator.kind === kept.validator.kind && file.validator.value === kept.validator.value;
}

function planRange(head: AnswerHead, wanted: Wanted): BodyPlan {
  const { headers, url } = head;
  const contentRange = headers['content-range'] ?? '';
  const [, first = '', last = '', whole = ''] = /^bytes (\d{1,15})-(\d{1,15})\/(\d{1,15}|\*)$/.exec(contentRange) ?? [];
  const [at, end] = [Number(first), Number(last) + 1];
  const total = whole === '*' ? (wanted.kept?.total ?? wanted.bytes) : Number(whole);
  if (first === '' || at > wanted.from || end <= at || (total !== undefined && end > total)) {
    throw new DownloadError({
      code: 'range-wrong',
      params: { host: url.host, from: wanted.from, range: cleanRange(contentRange) },
    });
  }
  refuseEncoded(head);
  checkSize(url.host, total, wanted);
  // A 206 need not repeat Last-Modified after If-Range (RFC 9110 §15.3.7): its absence proves nothing.
  const validator = findValidator(headers) ?? wanted.kept?.validator;
  const file = { place: placeOfUrl(url), validator, total };
  return continues(file, wanted) ? { kind: 'body', at, isNew: false, file } : { kind: 'again' };
}

/** 416: the kept bytes reach the end of the file, or beyond. */
function planUnsatisfied({ headers, url }: AnswerHead, wanted: Wanted): BodyPlan {
  const [, whole] = /^bytes \*\/(\d{1,15})$/.exec(headers['content-range'] ?? '') ?? [];
  const isWhole = Number(whole) === wanted.from;
  return isWhole && placeOfUrl(url) === wanted.kept?.place ? { kind: 'whole' } : { kind: 'again' };
}

const cleanRange = (contentRange: string | undefined): string =>
  /^bytes [\d*/-]{1,64}$/.exec(contentRange ?? '')?.[0] ?? '';

function checkSize(host: string, bytes: number | undefined, wanted: Wanted): void {
  if (bytes === undefined) return;
  if (wanted.bytes !== undefined && bytes !== wanted.bytes) {
    throw new DownloadError({ code: 'size-wrong', params: { host, expectedBytes: wanted.bytes, bytes } });
  }
  if (bytes > wanted.bytesMax) {
    throw new DownloadError({ code: 'too-large', params: { host, bytesMax: wanted.bytesMax } });
  }
}

/** The length of a body; undefined: unknown. */
export const parseBodyLength = (headers: AnswerHeaders): number | undefined =>
  headers['content-length'] === undefined || headers['transfer-encoding'] !== undefined
    ? undefined
    : Number(headers['content-length']);

/** The strong validator of an answer; undefined: none. */
export function findValidator(headers: AnswerHeaders): KeptFile['validator'] {
  const { etag, date } = headers;
  if (etag !== undefined && /^"[^"]{0,200}"$/.test(etag)) return { kind: 'etag', value: etag };
  const modified = headers['last-modified'];
  const isStrong = Date.parse(modified ?? '') + STRONG_AFTER_MS <= Date.parse(date ?? '');
  return modified !== undefined && isStrong ? { kind: 'date', value: modified } : undefined;
}

const ENCODED_FILES: readonly (readonly [encoding: RegExp, ending: RegExp])[] = [
  [/^(?:x-)?gzip$/, /\.(?:gz|tgz)$/],
  [/^(?:x-)?bzip2$/, /\.bz2$/],
  [/^(?:x-)?xz$/, /\.(?:xz|txz)$/],
  [/^zstd$/, /\.zst$/],
];

function refuseEncoded({ headers, url }: AnswerHead): void {
  const encoding = headers['content-encoding']?.trim().toLowerCase() ?? '';
  if (encoding === '' || encoding === 'identity') return;
  // Quirk: Apache with `AddEncoding x-gzip .gz` announces this encoding for every such file, and
  // sends it unchanged.
  if (ENCODED_FILES.some(([known, ending]) => known.test(encoding) && ending.test(url.pathname))) return;
  throw new DownloadError({
    code: 'encoded',
    params: { host: url.host, encoding: /^[a-z-]{1,16}$/.exec(encoding)?.[0] ?? 'unknown' },
  });
}

function statusFault({ status, headers, url, wallTimeMs }: AnswerHead): AttemptFault {
  const { host } = url;
  if (status === 429 || status === 503) {
    return { code: 'busy', params: { host, status, seconds: retryAfterSeconds(headers['retry-after'], wallTimeMs) } };
  }
  if (status === 206)
    return { code: 'range-wrong', params: { host, from: 0, range: cleanRange(headers['content-range']) } };
  const isRefusal = status >= 400 && status < 500 && status !== 408 && status !== 425;
  return { code: isRefusal ? 'http-refused' : 'http-failed', params: { host, status } };
}

/** A number or a date; undefined: absent, or neither. */
function retryAfterSeconds(text: string | undefined, wallTimeMs: number): number | undefined {
  if (text === undefined) return undefined;
  if (/^\d{1,9}$/.test(text)) return Number(text);
  // Date.parse accepts nearly any text as a date.
  const untilMs = / GMT$/.test(text) ? Date.parse(text) : Number.NaN;
  return Number.isNaN(untilMs) ? undefined : Math.max(0, Math.ceil((untilMs - wallTimeMs) / 1000));
}
