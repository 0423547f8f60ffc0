// Splits a template into text and directives.
//
//   d-i netcfg/hostname string {{hostname}}          a directive that writes a value
//   {{if http_proxy}}                                a directive alone on its line: the line is removed with it
//   {{# for people #}}                               a comment
//
// 1. A directive ends at the first `}}` outside quotes. It may span lines.
// 2. A statement or comment alone on its line removes the whole line, including the line break.

import { failAt } from './fault.ts';

export const TEMPLATE_CHARACTERS_MAX = 256 * 1024;

export type Token =
  | { readonly kind: 'text'; readonly text: string; readonly line: number }
  /** `word` is the statement's first word, empty if the directive writes a value; `rest` is the remainder. */
  | { readonly kind: 'directive'; readonly word: string; readonly rest: string; readonly line: number };

const STATEMENTS: ReadonlySet<string> = new Set([
  'if',
  'elif',
  'else',
  'endif',
  'for',
  'endfor',
  'def',
  'enddef',
  'default',
  'inherit',
  'include',
  'language',
  'py',
  'break',
  'continue',
]);

export function scanTemplate(file: string, source: string): readonly Token[] {
  if (source.length > TEMPLATE_CHARACTERS_MAX)
    failAt({ file, line: 1 }, 'template-long', { max: TEMPLATE_CHARACTERS_MAX });
  const text = source.replace(/^\ufeff/, '').replace(/\r\n/g, '\n');
  const tokens: Token[] = [];
  let at = 0;
  let line = 1;
  let lineStart = 0;
  const advance = (end: number): void => {
    for (let index = at; index < end; index += 1) {
      if (text.charCodeAt(index) !== 10) continue;
      line += 1;
      lineStart = index + 1;
    }
    at = end;
  };
  while (at < text.length) {
    const from = at;
    const textLine = line;
    const open = text.indexOf('{{', at);
    advance(open === -1 ? text.length : open);
    const close = open === -1 ? -1 : findEnd(text, open + 2);
    if (open !== -1 && close === -1) failAt({ file, line }, 'directive-open', {});
    const parsed = open === -1 ? undefined : directive(text.slice(open + 2, close), line);
    const rest = parsed === undefined || parsed.word === '' ? -1 : restOfLine(text, lineStart, open, close + 2);
    const end = rest === -1 ? at : Math.max(from, lineStart);
    if (end > from) tokens.push({ kind: 'text', text: text.slice(from, end), line: textLine });
    if (parsed === undefined) break;
    tokens.push(parsed);
    advance(rest === -1 ? close + 2 : rest);
  }
  return tokens;
}

/** The start of the next line if the directive is alone on its line; otherwise -1. */
function restOfLine(text: string, lineStart: number, open: number, close: number): number {
  if (text.slice(lineStart, open).trim() !== '') return -1;
  const blank = /[ \t]*(?:\n|$)/y;
  blank.lastIndex = close;
  return blank.test(text) ? blank.lastIndex : -1;
}

function findEnd(text: string, from: number): number {
  if (text[from] === '#') return text.indexOf('}}', from);
  let quote = '';
  for (let at = from; at < text.length; at += 1) {
    const character = text[at] ?? '';
    if (quote !== '') {
      if (character === '\\') at += 1;
      else if (character === quote) quote = '';
    } else if (character === '"' || character === "'") quote = character;
    else if (character === '}' && text[at + 1] === '}') return at;
  }
  return -1;
}

function directive(body: string, line: number): Token & { readonly kind: 'directive' } {
  if (body.startsWith('#')) return { kind: 'directive', word: '#', rest: '', line };
  const trimmed = body.trim();
  const [word = ''] = /^[a-z]+(?![\w.])/.exec(trimmed) ?? [];
  if (!STATEMENTS.has(word)) return { kind: 'directive', word: '', rest: trimmed, line };
  // In the older language, `if` and similar statements may end with a colon.
  const rest = trimmed.slice(word.length).replace(word === 'py' ? /^:/ : /:$/, '');
  return { kind: 'directive', word, rest: rest.trim(), line };
}
