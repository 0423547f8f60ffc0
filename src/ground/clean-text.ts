// Makes text from outside safe to show, and words of a command safe to paste. Only this file knows
// which characters are unsafe.
//
// Raw control characters let a sender act on the reader's terminal (ECMA-48 §5.4 and §8: C0, DEL
// and the 8-bit C1 set). Invisible characters and those that change direction make one text look
// like another (Unicode Technical Report 36 §2.7; UAX 9 §2 on bidi).
//
// 1. Text is cleaned where it is read, and again where it leaves: log, commands, events.
// 2. Nothing is lost: an unsafe character becomes `\xNN`, `\uNNNN` or `\u{NNNNN}`; in JSON always `\uNNNN`.
// 3. Clean text costs one scan and is returned unchanged.
// 4. Names that decide something are compared raw; only their shown copy is cleaned.
// 5. No other file decides what is safe (test/tidy.test.ts).

/** Characters shown of text from outside, by default. */
const SHOWN_CHARACTERS_MAX = 512;

// Control characters (C0, DEL, C1); format characters (direction, joiners, annotations, tags);
// characters that a font may omit (fillers, variation selectors: Unicode Standard §5.21); line and
// paragraph separators; halves of a surrogate pair.
const UNSAFE = /[\p{Cc}\p{Cf}\p{Default_Ignorable_Code_Point}\p{Zl}\p{Zp}\p{Cs}]/gu;
// Two explicit ranges instead of `\p{Cc}`: a lookahead that admits line ends and tabs is four times as slow.
const UNSAFE_IN_LINES =
  /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\p{Cf}\p{Default_Ignorable_Code_Point}\p{Zl}\p{Zp}\p{Cs}]/gu;
/** The unsafe characters that JSON does not escape. */
const UNSAFE_IN_JSON = /[\u007f-\u009f\p{Cf}\p{Default_Ignorable_Code_Point}\p{Zl}\p{Zp}\p{Cs}]/gu;

function escapeCharacter(character: string): string {
  const code = character.codePointAt(0) ?? 0;
  if (code < 0x100) return `\\x${code.toString(16).padStart(2, '0')}`;
  return code < 0x10000 ? escapeUtf16Unit(code) : `\\u{${code.toString(16)}}`;
}

const escapeUtf16Unit = (unit: number): string => `\\u${unit.toString(16).padStart(4, '0')}`;

/** JSON escapes UTF-16 code units only, so a character beyond U+FFFF takes two escapes (RFC 8259 §7). */
function escapeForJson(character: string): string {
  let escaped = '';
  for (let index = 0; index < character.length; index += 1) escaped += escapeUtf16Unit(character.charCodeAt(index));
  return escaped;
}

/** One line that is safe to show anywhere. Text longer than `charactersMax` is cut and ends in `…`. */
export function cleanText(text: string, charactersMax: number = SHOWN_CHARACTERS_MAX): string {
  // Cut first, so that a long text costs only its shown part. Cutting may halve a surrogate pair;
  // cleaning escapes the half.
  return truncateClean(text.slice(0, charactersMax + 1).replace(UNSAFE, escapeCharacter), charactersMax);
}

function truncateClean(clean: string, charactersMax: number): string {
  if (clean.length <= charactersMax) return clean;
  const text = `${clean.slice(0, charactersMax - 1).replace(/[\ud800-\udbff]$/, '')}…`;
  // A copy: a slice keeps the whole text in memory.
  return Buffer.from(text).toString();
}

/**
 * Like `cleanText` for text with line ends and tabs, such as a script's output. Unless a length is
 * set, it is not cut.
 */
export const cleanLines = (text: string, charactersMax: number = Number.POSITIVE_INFINITY): string =>
  truncateClean(text.slice(0, charactersMax + 1).replace(UNSAFE_IN_LINES, escapeCharacter), charactersMax);

/** True for printable ASCII, which is shown as text instead of digits. */
export const isPrintable = (octets: string): boolean => /^[\x20-\x7e]+$/.test(octets);

/** Equivalent JSON that is safe to show: escapes as `\uNNNN` what `JSON.stringify` leaves alone. */
export const cleanJson = (json: string): string => json.replace(UNSAFE_IN_JSON, escapeForJson);

/** The text without the passwords of URLs; URLs of HTTP lose user names too, because some are keys. */
export const withoutUsers = (text: string): string =>
  text.replace(/\b(https?:\/\/)[^\s/?#]*@/gi, '$1').replace(/(:\/\/[^\s/?#:@]*):[^\s/?#]*@/g, '$1@');

/** Leaves out everything before the last `@` of a text that should be a URL, except a scheme. */
export function withoutUser(text: string): string {
  const scheme = /^\s*[a-z][a-z0-9+.-]{0,31}:\/\//i.exec(text)?.[0] ?? '';
  return scheme + text.slice(Math.max(scheme.length, text.lastIndexOf('@') + 1));
}

/** An unexpected text, without anything secret of a URL. @param expected in words */
export const withoutUsersIn = (text: string, expected: string): string =>
  /\bURLs?\b/.test(expected) ? withoutUser(text) : withoutUsers(text);

/** Quoted for sh(1) if necessary. */
export const shellWord = (text: string): string =>
  /^[\w./:@+-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
