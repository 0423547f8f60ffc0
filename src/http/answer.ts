// Builds the answer to a GET or HEAD: status, header fields and byte range. Values only; sending is
// done elsewhere. Sources: RFC 9110 §8, §9.3, §14, §15; boot/asset.ts.
//
// 1. Every answer has a Content-Length, spelled exactly so. Quirk: GRUB 2.06 knows no other
//    spelling and without it waits until the connection closes.
// 2. The answer to HEAD has the same fields as the answer to GET (UEFI asks HEAD first and relies
//    on its length).

import type { IncomingHttpHeaders } from 'node:http';
import { type ByteRange, chooseRange } from '../net/byte-range.ts';
import { formatHttpDate, judgeConditions, rangeApplies, type Validators } from './conditional.ts';

/** Header fields as sent. */
export type Fields = Readonly<Record<string, string | number>>;

/** A whole text; for HEAD only its length is sent. */
export interface TextAnswer {
  readonly kind: 'text';
  readonly status: number;
  readonly fields: Fields;
  readonly text: string;
}

/** A range of a file's bytes. */
export interface FileAnswer {
  readonly kind: 'file';
  readonly status: number;
  readonly fields: Fields;
  /** Empty if the status has no content. */
  readonly range: ByteRange;
}

/** A file's metadata. */
interface FileFacts extends Validators {
  readonly sizeBytes: number;
}

/**
 * Media types by file name. EDK2 treats what it boots by HTTP as an EFI program or disk image by
 * these types (UEFI 2.10 §24.7.3.2).
 */
const MEDIA_TYPES: readonly (readonly [ending: string, type: string])[] = [
  ['.efi', 'application/efi'],
  ['.iso', 'application/vnd.efi-iso'],
  ['.json', 'application/json'],
  ['.ipxe', 'text/plain; charset=utf-8'],
  ['.cfg', 'text/plain; charset=utf-8'],
  ['.txt', 'text/plain; charset=utf-8'],
];

/** The media type of a file, by the ending of its name. */
export function findMediaType(path: string): string {
  const name = path.toLowerCase();
  return MEDIA_TYPES.find(([ending]) => name.endsWith(ending))?.[1] ?? 'application/octet-stream';
}

/**
 * Answers with a text: a refusal (one line) or a rendered configuration. No cache may keep it,
 * because the text is made per request.
 */
export function answerText(status: number, text: string, fields: Fields = {}): TextAnswer {
  return {
    kind: 'text',
    status,
    text,
    fields: {
      'Content-Type': 'text/plain; charset=utf-8',
      'Content-Length': Buffer.byteLength(text),
      'Cache-Control': 'no-store',
      ...fields,
    },
  };
}

/** Answers a GET or HEAD of an existing file. */
export function answerFile(headers: IncomingHttpHeaders, path: string, file: FileFacts): FileAnswer {
  const validators = { ETag: file.etag, 'Last-Modified': formatHttpDate(file.modifiedMs) };
  const empty = { start: 0, end: 0 };
  switch (judgeConditions(headers, file)) {
    case 'not-modified':
      return { kind: 'file', status: 304, fields: validators, range: empty };
    case 'precondition-failed':
      return { kind: 'file', status: 412, fields: { 'Content-Length': 0 }, range: empty };
    case 'proceed':
  }
  const choice = chooseRange(rangeApplies(headers, file) ? headers.range : undefined, file.sizeBytes);
  if (choice.kind === 'unsatisfiable') {
    const fields = { 'Content-Length': 0, 'Content-Range': `bytes */${file.sizeBytes}`, 'Accept-Ranges': 'bytes' };
    return { kind: 'file', status: 416, fields, range: empty };
  }
  const range = choice.kind === 'part' ? choice.range : { start: 0, end: file.sizeBytes };
  const fields = {
    'Content-Type': findMediaType(path),
    'Content-Length': range.end - range.start,
    'Accept-Ranges': 'bytes',
    ...validators,
  };
  if (choice.kind === 'whole') return { kind: 'file', status: 200, fields, range };
  const contentRange = `bytes ${range.start}-${range.end - 1}/${file.sizeBytes}`;
  return { kind: 'file', status: 206, fields: { ...fields, 'Content-Range': contentRange }, range };
}
