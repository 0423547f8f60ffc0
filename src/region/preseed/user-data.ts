// User data of a machine: what its owner wants cloud-init to do. It is handed over as it is, beside our own wishes (vendor data).
//
// Sources: cloud-init, "User data formats" (the first line tells the kind; a MIME message may hold several); RFC 2046 §5.1.
//
// 1. What cloud-init would pass over in silence is refused when it is given.

import { counted } from '../../counted.ts';

/** Bytes of the owner's user data. */
export const USER_DATA_BYTES_MAX = 1024 * 1024;

/** First lines, and the MIME types that cloud-init knows them by; a longer one stands before one that it begins with. */
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

/** User data that cloud-init understands, with their type; or why it would not. */
export type JudgedUserData =
  | { readonly ok: true; readonly type: string }
  | { readonly ok: false; readonly reason: string };

/** Tells what user data are by their beginning; empty ones are right, and of no type. */
export function judgeUserData(bytes: Uint8Array): JudgedUserData {
  if (bytes.length === 0) return { ok: true, type: '' };
  if (bytes.length > USER_DATA_BYTES_MAX)
    return {
      ok: false,
      reason: `the user data have ${counted(bytes.length, 'byte')}; ${USER_DATA_BYTES_MAX} are the most`,
    };
  if (bytes[0] === 0x1f && bytes[1] === 0x8b) return { ok: true, type: GZIP };
  const start = Buffer.from(bytes.subarray(0, 4096)).toString('latin1').trimStart();
  const type = KINDS.find(([first]) => start.startsWith(first))?.[1];
  if (type !== undefined) return { ok: true, type };
  if (isMessage(start)) return { ok: true, type: MULTIPART };
  const known = KINDS.map(([first]) => first).join(', ');
  return {
    ok: false,
    reason: `cloud-init passes over user data that begin with none of: ${known}, a MIME message, gzip`,
  };
}

/** True for the head of a MIME message of several parts. */
const isMessage = (start: string): boolean =>
  /^(?:[A-Za-z][A-Za-z0-9-]*:[^\n]*\n(?:[ \t][^\n]*\n)*)*?content-type:\s*multipart\//i.test(start);
