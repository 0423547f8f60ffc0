// User data of a machine: what its owner wants cloud-init to do, and how our own wishes (`vendordata`) go along with it where only one
// document can be handed over.
//
// Sources: cloud-init, "User data formats" (the first line tells the kind; a MIME message may hold several); RFC 2045 §6.4 and §6.8,
// RFC 2046 §5.1.
//
// 1. The owner's part comes after ours: where both say something, cloud-init takes the last.
// 2. What cloud-init would pass over in silence is refused when it is given.
// 3. The owner's bytes arrive as they are. The same parts give the same message.

import { createHash } from 'node:crypto';

/** Bytes of the owner's user data. */
export const USER_DATA_BYTES_MAX = 1024 * 1024;
/** Characters of a line of base64 (RFC 2045 §6.8). */
const LINE_CHARACTERS = 76;

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
    return { ok: false, reason: `the user data have ${bytes.length} bytes; ${USER_DATA_BYTES_MAX} are the most` };
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

/**
 * One document of both; the owner's alone when there are no wishes of ours, and the other way round.
 *
 * @param vendor a cloud-config, as `vendordata` renders it; empty: none
 * @param user of a kind that `judgeUserData` found right
 */
export function combineUserData(vendor: string, user: Uint8Array): Uint8Array {
  if (vendor === '') return user;
  const judged = judgeUserData(user);
  if (user.length === 0 || !judged.ok) return Buffer.from(vendor, 'utf8');
  const own = part('text/cloud-config', 'vendor', Buffer.from(vendor, 'utf8'));
  const theirs = judged.type === MULTIPART ? Buffer.from(user) : part(judged.type, 'user', user);
  const boundary = `_rackboot_${createHash('sha256').update(own).update(theirs).digest('hex').slice(0, 32)}_`;
  const head = `MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary="${boundary}"\r\n\r\n`;
  const separator = `--${boundary}\r\n`;
  return Buffer.concat([
    Buffer.from(`${head}${separator}`, 'latin1'),
    own,
    Buffer.from(`\r\n${separator}`, 'latin1'),
    theirs,
    Buffer.from(`\r\n--${boundary}--\r\n`, 'latin1'),
  ]);
}

function part(type: string, name: string, bytes: Uint8Array): Buffer {
  const lines = Buffer.from(bytes)
    .toString('base64')
    .match(new RegExp(`.{1,${LINE_CHARACTERS}}`, 'g'));
  const charset = type.startsWith('text/') ? '; charset="utf-8"' : '';
  const head = [
    `Content-Type: ${type}${charset}`,
    'MIME-Version: 1.0',
    'Content-Transfer-Encoding: base64',
    `Content-Disposition: attachment; filename="${name}"`,
  ];
  return Buffer.from([...head, '', ...(lines ?? [])].join('\r\n'), 'latin1');
}
