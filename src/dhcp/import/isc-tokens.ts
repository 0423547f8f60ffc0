// The tokens of ISC's configuration language: words, quoted texts, marks; comments are skipped.
// Source: dhcpd.leases(5), dhcpd.conf(5).
//
// 1. Reading line by line, a file of any size needs the memory of one.
// 2. A text that does not end on its line, or an impossible byte, is a `fault`; reading continues
//    with the next line.

import { FILE_LINE_MAX } from './foreign-lease.ts';

/** One token. */
export interface IscToken {
  /** `text` was quoted; `mark` is one of `{ } ; , = ( )`; `end` comes once, after the last line. */
  readonly kind: 'word' | 'text' | 'mark' | 'fault' | 'end';
  readonly text: string;
  /** From 1. */
  readonly line: number;
}

export const joinTokens = (tokens: readonly IscToken[]): string => tokens.map(({ text }) => text).join(' ');

const SPACE = /[\s\0]/;
const MARK = '{};,=()';
const OCTAL = /^[0-3]?[0-7]{1,2}/;
const ESCAPES: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t', b: '\b' };

export function* iscTokens(lines: Iterable<string>): Generator<IscToken, void> {
  let line = 0;
  for (const text of lines) {
    line += 1;
    if (text.length > FILE_LINE_MAX) yield { kind: 'fault', text: 'the line is too long', line };
    else yield* tokensOfLine(text, line);
  }
  yield { kind: 'end', text: '', line };
}

function* tokensOfLine(text: string, line: number): Generator<IscToken, void> {
  let at = 0;
  while (at < text.length) {
    const char = text.charAt(at);
    if (SPACE.test(char)) at += 1;
    else if (char === '#') return;
    else if (MARK.includes(char)) {
      yield { kind: 'mark', text: char, line };
      at += 1;
    } else if (char === '"') {
      const quoted = readQuoted(text, at + 1);
      if (quoted === undefined) {
        yield { kind: 'fault', text: 'a quoted text does not end', line };
        return;
      }
      yield { kind: 'text', text: quoted.text, line };
      at = quoted.end;
    } else {
      const end = endOfWord(text, at);
      yield { kind: 'word', text: text.slice(at, end), line };
      at = end;
    }
  }
}

function endOfWord(text: string, from: number): number {
  let at = from;
  while (at < text.length) {
    const char = text.charAt(at);
    if (SPACE.test(char) || char === '#' || char === '"' || MARK.includes(char)) break;
    at += 1;
  }
  return at;
}

/** The text after an opening quote, one character a byte, and its end. */
function readQuoted(text: string, from: number): { readonly text: string; readonly end: number } | undefined {
  let value = '';
  let at = from;
  while (at < text.length) {
    const char = text.charAt(at);
    if (char === '"') return { text: value, end: at + 1 };
    if (char !== '\\') {
      value += char;
      at += 1;
      continue;
    }
    const octal = OCTAL.exec(text.slice(at + 1, at + 4))?.[0];
    const hex = /^x([0-9a-f]{1,2})/i.exec(text.slice(at + 1, at + 4))?.[1];
    if (octal !== undefined) value += String.fromCharCode(Number.parseInt(octal, 8));
    else if (hex !== undefined) value += String.fromCharCode(Number.parseInt(hex, 16));
    else value += ESCAPES[text.charAt(at + 1)] ?? text.charAt(at + 1);
    at += 1 + (octal?.length ?? (hex === undefined ? 1 : hex.length + 1));
  }
  return undefined;
}
