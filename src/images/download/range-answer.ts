// Decides from the header of an answer to a GET which bytes of the file its body contains.
//
// Sources: RFC 9110 §8.8 (validators), §13.1.5 (If-Range), §14.2 (Range), §14.4 (Content-Range),
// §15.3.7 (206), §15.5.17 (416), §10.2.3 (Retry-After); RFC 9112 §6.3 (length of a body).
//
// 1. Bytes are appended to kept bytes of the same URL only if the strong validators do not differ.
//    Bytes of another URL (`mayMix`), or without a validator, may also be appended, because the
//    whole file is compared with a published digest.
// 2. A server may ignore a range and send the whole file (200): the kept bytes are skipped. With
//    another validator the file starts over.
// 3. A server may begin before the first requested byte, as caches of whole blocks do. The surplus
//    bytes are skipped. A range that leaves a gap is refused.
// 4. A document has no digest, so it must show its end, by a length or by chunks.

import { z } from 'zod';
import { type AttemptFault, DownloadError } from './fault.ts';
import type { AnswerHeaders } from './web-client.ts';

/** A Last-Modified this much older than the Date is strong (RFC 9110 §8.8.2.2), in milliseconds. */
const STRONG_AFTER_MS = 1000;

/** The file to which the kept bytes belong. */
export const keptFileShape = z.object({
  /** The URL after redirects, without query and password, because signed URLs differ each time. */
  place: z.string(),
  /** The strong validator. Undefined if there is none. */
  validator: z.object({ kind: z.enum(['etag', 'date']), value: z.string() }).optional(),
  /** Undefined if unknown. */
  total: z.number().optional(),
});
export type KeptFile = Readonly<z.output<typeof keptFileShape>>;

export interface BodyRequest {
  readonly from: number;
  /** Undefined if nothing is kept. */
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
  /** @param at offset of the body in the file @param isNew true if the kept bytes belong to another file */
  | { readonly kind: 'body'; readonly at: number; readonly isNew: boolean; readonly file: KeptFile }
  /** The kept bytes are the whole file. */
  | { readonly kind: 'whole' }
  /** Drop the kept bytes of another file, and request again. */
  | { readonly kind: 'again' };

const formatPlace = ({ origin, pathname }: URL): string => `${origin}${pathname}`;

/** Builds Range and If-Range. Empty to request the whole file. */
export function buildRangeFields(url: URL, { from, kept, mayMix }: BodyRequest): Readonly<Record<string, string>> {
  if (from === 0 || kept === undefined) return {};
  const range = { Range: `bytes=${from}-` };
  if (formatPlace(url) !== kept.place) return mayMix ? range : {};
  return kept.validator === undefined ? range : { ...range, 'If-Range': kept.validator.value };
}

/** Plans what to do with a body. @throws DownloadError */
export function planBody(head: AnswerHead, request: BodyRequest): BodyPlan {
  const { status } = head;
  if (status === 416 && request.from > 0) return planUnsatisfied(head, request);
  if (status === 206 && request.from > 0) return planRange(head, request);
  if (status !== 200) throw new DownloadError(buildStatusFault(head));
  const host = head.url.host;
  refuseEncoded(head);
  const total = parseBodyLength(head.headers);
  if (request.isDocument === true && total === undefined && head.headers['transfer-encoding'] === undefined) {
    throw new DownloadError({ code: 'length-unknown', params: { host } });
  }
  checkSize(host, total, request);
  const file = { place: formatPlace(head.url), validator: findValidator(head.headers), total: total ?? request.bytes };
  return { kind: 'body', at: 0, isNew: request.from === 0 || !continuesKeptFile(file, request), file };
}

function continuesKeptFile(file: KeptFile, { kept, mayMix }: BodyRequest): boolean {
  if (kept === undefined) return false;
  if (file.total !== undefined && kept.total !== undefined && file.total !== kept.total) return false;
  if (file.place !== kept.place) return mayMix;
  if (file.validator === undefined || kept.validator === undefined) return true;
  return file.validator.kind === kept.validator.kind && file.validator.value === kept.validator.value;
}

function planRange(head: AnswerHead, request: BodyRequest): BodyPlan {
  const { headers, url } = head;
  const contentRange = headers['content-range'] ?? '';
  const [, firstText = '', lastText = '', totalText = ''] =
    /^bytes (\d{1,15})-(\d{1,15})\/(\d{1,15}|\*)$/.exec(contentRange) ?? [];
  const [at, end] = [Number(firstText), Number(lastText) + 1];
  const total = totalText === '*' ? (request.kept?.total ?? request.bytes) : Number(totalText);
  if (firstText === '' || at > request.from || end <= at || (total !== undefined && end > total)) {
    throw new DownloadError({
      code: 'range-wrong',
      params: { host: url.host, from: request.from, range: cleanContentRange(contentRange) },
    });
  }
  refuseEncoded(head);
  checkSize(url.host, total, request);
  // A 206 need not repeat Last-Modified after If-Range (RFC 9110 §15.3.7): its absence proves nothing.
  const validator = findValidator(headers) ?? request.kept?.validator;
  const file = { place: formatPlace(url), validator, total };
  return continuesKeptFile(file, request) ? { kind: 'body', at, isNew: false, file } : { kind: 'again' };
}

/** Plans the answer 416, for which the kept bytes reach the end of the file, or beyond. */
function planUnsatisfied({ headers, url }: AnswerHead, request: BodyRequest): BodyPlan {
  const [, totalText] = /^bytes \*\/(\d{1,15})$/.exec(headers['content-range'] ?? '') ?? [];
  const isComplete = Number(totalText) === request.from;
  return isComplete && formatPlace(url) === request.kept?.place ? { kind: 'whole' } : { kind: 'again' };
}

const cleanContentRange = (contentRange: string | undefined): string =>
  /^bytes [\d*/-]{1,64}$/.exec(contentRange ?? '')?.[0] ?? '';

function checkSize(host: string, bytes: number | undefined, request: BodyRequest): void {
  if (bytes === undefined) return;
  if (request.bytes !== undefined && bytes !== request.bytes) {
    throw new DownloadError({ code: 'size-wrong', params: { host, expectedBytes: request.bytes, bytes } });
  }
  if (bytes > request.bytesMax) {
    throw new DownloadError({ code: 'too-large', params: { host, bytesMax: request.bytesMax } });
  }
}

/** Parses the length of a body. Undefined if unknown. */
export const parseBodyLength = (headers: AnswerHeaders): number | undefined =>
  headers['content-length'] === undefined || headers['transfer-encoding'] !== undefined
    ? undefined
    : Number(headers['content-length']);

/** Finds the strong validator of an answer. Undefined if there is none. */
export function findValidator(headers: AnswerHeaders): KeptFile['validator'] {
  const { etag, date } = headers;
  if (etag !== undefined && /^"[^"]{0,200}"$/.test(etag)) return { kind: 'etag', value: etag };
  const modified = headers['last-modified'];
  const isStrong = Date.parse(modified ?? '') + STRONG_AFTER_MS <= Date.parse(date ?? '');
  return modified !== undefined && isStrong ? { kind: 'date', value: modified } : undefined;
}

const MISLABELLED_ENCODINGS: readonly (readonly [encoding: RegExp, ending: RegExp])[] = [
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
  if (
    MISLABELLED_ENCODINGS.some(([knownEncoding, ending]) => knownEncoding.test(encoding) && ending.test(url.pathname))
  )
    return;
  throw new DownloadError({
    code: 'encoded',
    params: { host: url.host, encoding: /^[a-z-]{1,16}$/.exec(encoding)?.[0] ?? 'unknown' },
  });
}

function buildStatusFault({ status, headers, url, wallTimeMs }: AnswerHead): AttemptFault {
  const { host } = url;
  if (status === 429 || status === 503) {
    return { code: 'busy', params: { host, status, seconds: parseRetryAfter(headers['retry-after'], wallTimeMs) } };
  }
  if (status === 206)
    return { code: 'range-wrong', params: { host, from: 0, range: cleanContentRange(headers['content-range']) } };
  const isRefusal = status >= 400 && status < 500 && status !== 408 && status !== 425;
  return { code: isRefusal ? 'http-refused' : 'http-failed', params: { host, status } };
}

/** Parses a Retry-After, which is a number or a date. Undefined if it is absent, or neither. */
function parseRetryAfter(text: string | undefined, wallTimeMs: number): number | undefined {
  if (text === undefined) return undefined;
  if (/^\d{1,9}$/.test(text)) return Number(text);
  // Date.parse accepts nearly any text as a date.
  const untilMs = / GMT$/.test(text) ? Date.parse(text) : Number.NaN;
  return Number.isNaN(untilMs) ? undefined : Math.max(0, Math.ceil((untilMs - wallTimeMs) / 1000));
}
