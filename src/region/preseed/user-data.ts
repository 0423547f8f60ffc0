// A machine's user data: its owner's instructions for cloud-init, delivered unchanged alongside Rackboot's own (vendor data).
//
// Sources: cloud-init, "User data formats" (the first line gives the kind; a MIME message may have several parts); RFC 2046 §5.1.
//
// 1. User data that cloud-init would silently ignore is refused.

import { type RefusalNamed, refusal } from '../words/refusal.ts';

/** Bytes of the owner's user data. */
export const USER_DATA_BYTES_MAX = 1024 * 1024;

/** First lines and cloud-init's MIME types for them; a longer one comes before its own prefix. */
const KINDS: readonly (readonly [string, string])[] = [
  ['#cloud-config-archive', 'text/cloud-config-archive'],
  ['#cloud-config-jsonp', 'text/cloud-config-jsonp'],
  ['#cloud-config', 'text/cloud-config'],
  ['#cloud-boothook', 'text/cloud-boothook'],
  ['#include-once', 'text/x-include-once-url'],
  ['#include', 'text/x-include-url'],
  ['#part-handler', 'text/part-handler'],
  ['## template: jinja', 'text/jinja2'],
  ['#!', 'text/x-shellscript'],
];
const MULTIPART = 'multipart';
const GZIP = 'application/gzip';

/** The type of user data that cloud-init understands, or why it would not. */
type JudgedUserData =
  | { readonly ok: true; readonly type: string }
  | { readonly ok: false; readonly refusal: RefusalNamed<'invalid-parameters'> };

/** Finds the type of user data by its beginning; empty user data is valid and has no type. */
export function judgeUserData(bytes: Uint8Array): JudgedUserData {
  if (bytes.length === 0) return { ok: true, type: '' };
  if (bytes.length > USER_DATA_BYTES_MAX)
    return {
      ok: false,
      refusal: refusal('field.user-data-long', { bytes: bytes.length, max: USER_DATA_BYTES_MAX }),
    };
  if (bytes[0] === 0x1f && bytes[1] === 0x8b) return { ok: true, type: GZIP };
  const start = Buffer.from(bytes.subarray(0, 4096)).toString('latin1').trimStart();
  const type = KINDS.find(([first]) => start.startsWith(first))?.[1];
  if (type !== undefined) return { ok: true, type };
  if (isMessage(start)) return { ok: true, type: MULTIPART };
  return { ok: false, refusal: refusal('field.user-data-kind', { known: KINDS.map(([first]) => first) }) };
}

/** True for the header of a multipart MIME message. */
const isMessage = (start: string): boolean =>
  /^(?:[A-Za-z][A-Za-z0-9-]*:[^\n]*\n(?:[ \t][^\n]*\n)*)*?content-type:\s*multipart\//i.test(start);
