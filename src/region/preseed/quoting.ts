// Quotes values for each language, and decides whether a value may be written unquoted.
//
// Sources: POSIX Shell Command Language §2.2.2 (single quotes); YAML 1.2 §7.3.1 (double-quoted
// style) and 1.1, as PyYAML reads it; RFC 3986 §2.3 (unreserved characters); the Debian installer:
// `\n` in a value becomes a line break when debconf reads its database again, a carriage return is
// removed, and a value's leading blanks are cut off (tried with the installer of Debian 12).
//
// 1. This file has the only quoting function of each language. A value it cannot quote is refused
//    with the reason.
// 2. A refusal never shows the value, which may be a secret.

import { loadYamlParser } from '../../ground/yaml-parser.ts';
import type { NotWritable, NotWritableParams } from '../records/preseed-mistake.ts';
import type { Language, WritingContext } from './context.ts';
import { getValueKind } from './fault.ts';
import { formatScalar, isList, isMapping, Markup, type Value } from './value.ts';

export type Quoted = { readonly ok: true; readonly text: string } | { readonly ok: false; readonly why: NotWritable };

const quoted = (text: string): Quoted => ({ ok: true, text });
function codedReason(code: NotWritable['code'], params: object): NotWritable;
function codedReason(code: string, params: object): unknown {
  return { code, params };
}
const refuseWriting = <Code extends NotWritable['code']>(code: Code, params: NotWritableParams[Code]): Quoted => ({
  ok: false,
  why: codedReason(code, params),
});

/** Characters without special meaning for a shell, for YAML inside quotes, and for debconf. */
const WORD = /^[A-Za-z0-9_@%+=:,./-]*$/;
const CONTROL = /[\0-\x1f\x7f-\x9f\u2028\u2029]/;
export const QUOTED_CHARACTERS_MAX = 1024 * 1024;
const QUOTED_DEPTH_MAX = 32;
/** The longest key that PyYAML reads. */
const KEY_CHARACTERS_MAX = 256;

/** Why a text is not one line of printable characters; `undefined` if it is. */
function lineProblem(text: string): 'control' | 'incomplete' | undefined {
  if (CONTROL.test(text)) return 'control';
  return text.isWellFormed() ? undefined : 'incomplete';
}

export function quoteDebconf(text: string): Quoted {
  const problem = lineProblem(text);
  if (problem !== undefined) return refuseWriting(`${problem}-debconf`, {});
  if (text !== text.trim()) return refuseWriting('blank', {});
  if (text.includes('\\')) return refuseWriting('back-slash', {});
  return quoted(text);
}

/** One shell word. @param language in `debconf`, back-slashes and line breaks are refused */
export function quoteShell(text: string, language: Language = 'shell'): Quoted {
  if (text.includes('\0')) return refuseWriting('zero', {});
  if (!text.isWellFormed()) return refuseWriting('incomplete', {});
  if (language === 'debconf') {
    const problem = lineProblem(text);
    if (problem !== undefined) return refuseWriting(`${problem}-debconf`, {});
    if (text.includes('\\')) return refuseWriting('back-slash', {});
  }
  if (text !== '' && WORD.test(text)) return quoted(text);
  return quoted(`'${text.replaceAll("'", `'"'"'`)}'`);
}

/** A YAML value that is also JSON: texts in double quotes, lists and maps in one line. */
export function quoteYaml(value: Value): Quoted {
  let left = QUOTED_CHARACTERS_MAX;
  let problem: Quoted | undefined;
  const text = (plain: string): string => {
    left -= plain.length + 4;
    if (left < 0) problem ??= refuseWriting('long', { max: QUOTED_CHARACTERS_MAX });
    if (!plain.isWellFormed()) problem ??= refuseWriting('incomplete', {});
    if (problem !== undefined) return '""';
    return JSON.stringify(plain).replace(
      /[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]/g,
      (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
    );
  };
  const write = (part: Value, depth: number): string => {
    if (depth > QUOTED_DEPTH_MAX) problem ??= refuseWriting('deep', { max: QUOTED_DEPTH_MAX });
    if (problem !== undefined) return '""';
    if (isList(part)) return `[${part.map((item) => write(item, depth + 1)).join(', ')}]`;
    if (isMapping(part)) {
      const entries = Object.entries(part);
      if (entries.some(([key]) => key.length > KEY_CHARACTERS_MAX))
        problem ??= refuseWriting('key-long', { max: KEY_CHARACTERS_MAX });
      return `{${entries.map(([key, item]) => `${text(key)}: ${write(item, depth + 1)}`).join(', ')}}`;
    }
    if (part instanceof Markup || typeof part === 'string') return text(part instanceof Markup ? part.text : part);
    left -= 8;
    return String(part);
  };
  const renderedText = write(value, 0);
  return problem ?? quoted(renderedText);
}

/**
 * Kernel arguments that reach the boot loader unchanged: the installer inserts them into its
 * configuration with sed, and a shell then reads that configuration.
 */
export function quoteKernel(text: string): Quoted {
  const trimmed = text.trim();
  if (!/^[\x20-\x7e]*$/.test(trimmed)) return refuseWriting('kernel-character', {});
  const odd = /["'`$\\!&|;<>#*?[\]~]/.exec(trimmed)?.[0];
  if (odd !== undefined) return refuseWriting('kernel-sign', { sign: odd });
  return quoted(trimmed);
}

export function quoteUrl(text: string): Quoted {
  if (!text.isWellFormed()) return refuseWriting('incomplete', {});
  return quoted(
    encodeURIComponent(text).replace(
      /[!'()*]/g,
      (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
    ),
  );
}

/** The Base64 encoding of the text in UTF-8: letters, digits, `+/=`. */
export function quoteBase64(text: string): Quoted {
  if (!text.isWellFormed()) return refuseWriting('incomplete', {});
  return quoted(Buffer.from(text, 'utf8').toString('base64'));
}

/** A value as written in its context, filtered or not. */
export function writeValue(value: Value, context: WritingContext, language: Language): Quoted {
  const text = formatScalar(value);
  if (text === undefined) return refuseWriting('not-text', { value: getValueKind(value) });
  const markup = value instanceof Markup ? value.language : undefined;
  if (markup === 'any' || (markup !== undefined && markup === language && markup !== 'shell' && markup !== 'yaml'))
    return quoted(text);
  switch (context.kind) {
    case 'comment':
      return language === 'debconf' ? quoteDebconf(text) : oneLine(text);
    case 'debconf-value':
      return quoteDebconf(text);
    case 'text':
      return oneLine(text);
    case 'kernel':
      return quoteKernel(text);
    // What parses this place later may take code for a comment; plain words are harmless in both.
    case 'shell-comment':
    case 'debconf-name':
    case 'here-document':
      return WORD.test(text) ? quoted(text) : refuseWriting('words-only', {});
    case 'shell':
      return writeInShell(text, context, markup === 'shell', language);
    case 'yaml':
      return writeInYaml(text, context, kindInYaml(value));
  }
}

function oneLine(text: string): Quoted {
  const problem = lineProblem(text);
  return problem === undefined ? quoted(text) : refuseWriting(problem, {});
}

function writeInShell(
  text: string,
  context: WritingContext & { kind: 'shell' },
  isQuoted: boolean,
  language: Language,
): Quoted {
  if (WORD.test(text)) return quoted(text);
  if (context.quote !== '') return refuseWriting('words-only-in-quotes', { filter: 'shell' });
  if (!isQuoted) return refuseWriting('shell-acts', {});
  // A value quoted for a shell may have characters that debconf does not keep.
  return language === 'debconf' ? quoteDebconf(text) : quoted(text);
}

/** `ready`: quoted for YAML, or a number or boolean. */
const kindInYaml = (value: Value): 'ready' | 'text' =>
  (value instanceof Markup && value.language === 'yaml') || typeof value === 'number' || typeof value === 'boolean'
    ? 'ready'
    : 'text';

function writeInYaml(text: string, context: WritingContext & { kind: 'yaml' }, kind: 'ready' | 'text'): Quoted {
  const isWord = WORD.test(text);
  if (context.quote !== '') {
    if (isWord) return quoted(text);
    return refuseWriting('words-only-in-quotes', { filter: 'yaml' });
  }
  if (kind === 'ready') {
    if (context.isStart || isWord) return quoted(text);
    return refuseWriting('yaml-part', {});
  }
  const isPlain = /^[A-Za-z0-9_./+][A-Za-z0-9_./+@%=:-]*$/.test(text) && !text.endsWith(':');
  if (isPlain && (!context.isStart || isTextInYaml(text))) return quoted(text);
  return refuseWriting('yaml-else', {});
}

/** True if both YAML versions read a plain word as text (in 1.1, `no` is false). */
function isTextInYaml(word: string): boolean {
  if (/^(y|n|yes|no|on|off|true|false|null|~)$/i.test(word) || /^[\d.+-][\d_:.,+-]*$/.test(word)) return false;
  const { parse } = loadYamlParser();
  return typeof parse(word, { version: '1.1' }) === 'string' && typeof parse(word) === 'string';
}
