// Text from outside, made fit to be shown: the one place that knows which characters are not.
//
// Shown as they came, control characters let whoever sent them act on the reader's terminal (ECMA-48 §5.4 and §8: C0, DEL and the 8-bit
// C1 set), and invisible or turning characters make a text look like another (Unicode Technical Report 36 §2.7; UAX 9 §2 on bidi).
//
// 1. Text is cleaned where it is read, before it is kept, and once more where it leaves: log, commands, events. Each place calls this file.
// 2. Nothing is lost: a character that may not be shown is written as `\xNN`, `\uNNNN` or `\u{NNNNN}`; in JSON as `\uNNNN` only.
// 3. What is clean already costs one look and is returned as it is.
// 4. Names that decide something (a path, a client's class) are kept and compared as they came; what is told of them is cleaned.
// 5. No other file decides what may be shown: test/tidy.test.ts finds any that replaces such characters by itself.

/** How long a piece of text from outside may be that is shown, in characters, unless its place says another length. */
export const SHOWN_CHARACTERS_MAX = 512;

// Control characters (C0, DEL, C1); format characters (what turns text around, joins, annotates or tags it); what a font may leave out
// (fillers, variation selectors: Unicode Standard §5.21); separators of lines and paragraphs; halves of a surrogate pair.
const UNSAFE = /[\p{Cc}\p{Cf}\p{Default_Ignorable_Code_Point}\p{Zl}\p{Zp}\p{Cs}]/gu;
// Two written-out ranges in place of `\p{Cc}`: a lookahead that lets line ends and tabs pass is four times as slow.
const UNSAFE_IN_LINES =
  /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\p{Cf}\p{Default_Ignorable_Code_Point}\p{Zl}\p{Zp}\p{Cs}]/gu;
/** Of these, what JSON leaves as it is. */
const UNSAFE_IN_JSON = /[\u007f-\u009f\p{Cf}\p{Default_Ignorable_Code_Point}\p{Zl}\p{Zp}\p{Cs}]/gu;

function escapeOf(character: string): string {
  const code = character.codePointAt(0) ?? 0;
  if (code < 0x100) return `\\x${code.toString(16).padStart(2, '0')}`;
  return code < 0x10000 ? unitEscapeOf(code) : `\\u{${code.toString(16)}}`;
}

const unitEscapeOf = (unit: number): string => `\\u${unit.toString(16).padStart(4, '0')}`;

/** JSON has escapes of UTF-16 code units only: a character beyond U+FFFF is two of them (RFC 8259 §7). */
function jsonEscapeOf(character: string): string {
  let escaped = '';
  for (let index = 0; index < character.length; index += 1) escaped += unitEscapeOf(character.charCodeAt(index));
  return escaped;
}

/** One line that can be shown anywhere; longer than `charactersMax` it is cut, and ends in `…`. */
export function cleanText(text: string, charactersMax: number = SHOWN_CHARACTERS_MAX): string {
  // Cut first: what is shown of a long text must not cost more than that. Cleaning makes halves of a pair visible that cutting left.
  const clean = text.slice(0, charactersMax + 1).replace(UNSAFE, escapeOf);
  if (clean.length <= charactersMax) return clean;
  return `${clean.slice(0, charactersMax - 1).replace(/[\ud800-\udbff]$/, '')}…`;
}

/** The same for what may have lines and tabs, of any length: the output of a command, or what a script said. */
export const cleanLines = (text: string): string => text.replace(UNSAFE_IN_LINES, escapeOf);

/** True for octets that are shown as a text, because all of them are printable ASCII; others are shown as digits. */
export const isPrintable = (octets: string): boolean => /^[\x20-\x7e]+$/.test(octets);

/** JSON text that means the same and can be shown: what `JSON.stringify` leaves as it is becomes `\uNNNN`. */
export const cleanJson = (json: string): string => json.replace(UNSAFE_IN_JSON, jsonEscapeOf);
