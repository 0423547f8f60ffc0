// How a value is written in each language, and whether one may stand as it is.
//
// Sources: POSIX Shell Command Language §2.2.2 (single quotes); YAML 1.2 §7.3.1 (double-quoted style) and 1.1, as PyYAML reads it;
// RFC 3986 §2.3 (unreserved characters); the Debian installer: `\n` in a value becomes a line break when debconf reads its database
// again, a carriage return is taken out, and a value's first blanks are cut off (tried with the installer of Debian 12).
//
// 1. Here is the one function for each language. What it cannot write is refused with a sentence that says why.
// 2. A refusal never shows the value: it may be a secret.

import { parse } from 'yaml';
import type { Language, Place } from './place.ts';
import { isList, isMapping, kindOf, Markup, textOf, type Value } from './value.ts';

/** Text as it will be written, or why it cannot be. */
export type Quoted = { readonly ok: true; readonly text: string } | { readonly ok: false; readonly reason: string };

const written = (text: string): Quoted => ({ ok: true, text });
const refused = (reason: string): Quoted => ({ ok: false, reason });

/** Characters that mean nothing to a shell, to YAML inside quotes, and to debconf. */
const WORD = /^[A-Za-z0-9_@%+=:,./-]*$/;
const CONTROL = /[\0-\x1f\x7f-\x9f\u2028\u2029]/;
/** Of one value with all its parts, quoted. */
export const QUOTED_CHARACTERS_MAX = 1024 * 1024;
const QUOTED_DEPTH_MAX = 32;
/** PyYAML reads no longer key. */
const KEY_CHARACTERS_MAX = 256;

/** Why a text cannot be one line of plain characters; undefined: it can. */
function lineProblem(text: string): string | undefined {
  if (CONTROL.test(text)) return 'it holds a line break or another control character';
  return text.isWellFormed() ? undefined : 'it holds half a character';
}

/** A debconf value: the rest of a line. */
export function quoteDebconf(text: string): Quoted {
  const problem = lineProblem(text);
  if (problem !== undefined) return refused(`${problem}, which no value of debconf can`);
  if (text !== text.trim()) return refused('it begins or ends with a blank, which debconf cuts off');
  if (text.includes('\\')) return refused('it holds a back-slash, which debconf does not keep');
  return written(text);
}

/** One word of a shell. In a debconf value a back-slash or line break cannot be carried. */
export function quoteShell(text: string, language: Language = 'shell'): Quoted {
  if (text.includes('\0')) return refused('it holds a zero byte, which no shell can');
  if (!text.isWellFormed()) return refused('it holds half a character');
  if (language === 'debconf') {
    const problem = lineProblem(text);
    if (problem !== undefined) return refused(`${problem}, which no value of debconf can`);
    if (text.includes('\\')) return refused('it holds a back-slash, which debconf does not keep');
  }
  if (text !== '' && WORD.test(text)) return written(text);
  return written(`'${text.replaceAll("'", `'"'"'`)}'`);
}

/** A value of YAML, and of JSON: texts in double quotes, lists and maps in one line. */
export function quoteYaml(value: Value): Quoted {
  let left = QUOTED_CHARACTERS_MAX;
  let problem = '';
  const text = (plain: string): string => {
    left -= plain.length + 4;
    if (left < 0) problem ||= `it is longer than ${QUOTED_CHARACTERS_MAX} characters`;
    if (!plain.isWellFormed()) problem ||= 'it holds half a character';
    if (problem !== '') return '""';
    return JSON.stringify(plain).replace(
      /[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]/g,
      (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
    );
  };
  const write = (part: Value, depth: number): string => {
    if (depth > QUOTED_DEPTH_MAX) problem ||= `it is deeper than ${QUOTED_DEPTH_MAX} levels`;
    if (problem !== '') return '""';
    if (isList(part)) return `[${part.map((one) => write(one, depth + 1)).join(', ')}]`;
    if (isMapping(part)) {
      const entries = Object.entries(part);
      if (entries.some(([key]) => key.length > KEY_CHARACTERS_MAX))
        problem ||= `a name in it is longer than ${KEY_CHARACTERS_MAX} characters`;
      return `{${entries.map(([key, one]) => `${text(key)}: ${write(one, depth + 1)}`).join(', ')}}`;
    }
    if (part instanceof Markup || typeof part === 'string') return text(part instanceof Markup ? part.text : part);
    left -= 8;
    return String(part);
  };
  const found = write(value, 0);
  return problem === '' ? written(found) : refused(problem);
}

/**
 * Arguments of a kernel as an installer hands them on: into the boot loader's configuration, which a shell reads, by a script that
 * puts them in with sed.
 */
export function quoteKernel(text: string): Quoted {
  const trimmed = text.trim();
  if (!/^[\x20-\x7e]*$/.test(trimmed)) return refused('it holds a character that no kernel line can');
  const odd = /["'`$\\!&|;<>#*?[\]~]/.exec(trimmed)?.[0];
  if (odd !== undefined) return refused(`it holds ${odd}, which would not reach the installed system's boot loader`);
  return written(trimmed);
}

/** Part of a URL: everything but letters, digits and `-._~` is percent-encoded. */
export function quoteUrl(text: string): Quoted {
  if (!text.isWellFormed()) return refused('it holds half a character');
  return written(
    encodeURIComponent(text).replace(
      /[!'()*]/g,
      (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
    ),
  );
}

/** The text in base64, of its UTF-8 form: letters, digits, `+/=`. */
export function quoteBase64(text: string): Quoted {
  if (!text.isWellFormed()) return refused('it holds half a character');
  return written(Buffer.from(text, 'utf8').toString('base64'));
}

/** What a value becomes where it stands, with no filter or behind one. */
export function writeValue(value: Value, place: Place, language: Language): Quoted {
  const text = textOf(value);
  if (text === undefined) return refused(`${kindOf(value)} cannot be written as it is; go through it with {{for}}`);
  const markup = value instanceof Markup ? value.language : undefined;
  if (markup === 'any' || (markup !== undefined && markup === language && markup !== 'shell' && markup !== 'yaml'))
    return written(text);
  switch (place.kind) {
    case 'comment':
      return language === 'debconf' ? quoteDebconf(text) : oneLine(text);
    case 'debconf-value':
      return quoteDebconf(text);
    case 'text':
      return oneLine(text);
    case 'kernel':
      return quoteKernel(text);
    // Whether this is a comment of a shell can be seen wrongly; plain words do no harm elsewhere either.
    case 'shell-comment':
    case 'debconf-name':
    case 'here-document':
      return WORD.test(text) ? written(text) : refused(wordsOnly('in this place'));
    case 'shell':
      return writeInShell(text, place, markup === 'shell', language);
    case 'yaml':
      return writeInYaml(text, place, kindInYaml(value));
  }
}

const wordsOnly = (where: string): string => `${where} a value may hold letters, digits and _@%+=:,./- only`;

function oneLine(text: string): Quoted {
  const problem = lineProblem(text);
  return problem === undefined ? written(text) : refused(problem);
}

function writeInShell(text: string, place: Place & { kind: 'shell' }, isQuoted: boolean, language: Language): Quoted {
  if (WORD.test(text)) return written(text);
  if (place.quote !== '') return refused(`${wordsOnly('inside quotes')}: take the quotes away and write {{…|shell}}`);
  if (!isQuoted) return refused(`a shell would read it: write {{…|shell}}`);
  // What was quoted for a shell elsewhere may hold what debconf does not keep.
  return language === 'debconf' ? quoteDebconf(text) : written(text);
}

/** `ready`: quoted for YAML, or a number or the like. */
const kindInYaml = (value: Value): 'ready' | 'text' =>
  (value instanceof Markup && value.language === 'yaml') || typeof value === 'number' || typeof value === 'boolean'
    ? 'ready'
    : 'text';

function writeInYaml(text: string, place: Place & { kind: 'yaml' }, kind: 'ready' | 'text'): Quoted {
  const isWord = WORD.test(text);
  if (place.quote !== '') {
    if (isWord) return written(text);
    return refused(`${wordsOnly('inside quotes')}: take the quotes away and write {{…|yaml}}`);
  }
  if (kind === 'ready') {
    if (place.isStart || isWord) return written(text);
    return refused('a quoted value must be the whole value: join the texts first, as in {{"a" + b|yaml}}');
  }
  const isPlain = /^[A-Za-z0-9_./+][A-Za-z0-9_./+@%=:-]*$/.test(text) && !text.endsWith(':');
  if (isPlain && (!place.isStart || isTextInYaml(text))) return written(text);
  return refused('YAML would read it as something else: write {{…|yaml}}');
}

/** True when YAML takes a plain word for a text, in its old version, too (where `no` is false). */
function isTextInYaml(word: string): boolean {
  if (/^(y|n|yes|no|on|off|true|false|null|~)$/i.test(word) || /^[\d.+-][\d_:.,+-]*$/.test(word)) return false;
  return typeof parse(word, { version: '1.1' }) === 'string' && typeof parse(word) === 'string';
}
