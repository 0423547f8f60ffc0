// The regular expressions of the product, and texts that are made to be long for each of them: of its own words, repeated.

import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const ROOT = join(import.meta.dirname, '..', '..');
/** As Biome formats them, a literal stands behind one of these. */
const LITERAL =
  /(?<=(?:[=(,:[!&|?{};>]|\breturn)\s*)\/(?![/*])((?:[^/\\\n[]|\\.|\[(?:[^\]\\\n]|\\.)*\])+)\/([dgimsuvy]*)/g;
const COMMENT = /^\s*(?:\/\/|\*|\/\*)/;

/** An expression of the code. */
export interface FoundRegExp {
  /** The file below the root. */
  readonly file: string;
  readonly source: string;
  readonly flags: string;
}

/** Every literal of the files that may repeat something without bound, each once in a file. */
export function findRegExps(): readonly FoundRegExp[] {
  const found = new Map<string, FoundRegExp>();
  for (const file of globSync('src/**/*.ts', { cwd: ROOT }).sort()) {
    for (const one of regExpsIn(file, readFileSync(join(ROOT, file), 'utf8'))) {
      found.set(`${file} ${one.source}`, one);
    }
  }
  return [...found.values()];
}

/** The same for one text. */
export function regExpsIn(file: string, text: string): readonly FoundRegExp[] {
  const code = text
    .split('\n')
    .filter((line) => !COMMENT.test(line))
    .join('\n');
  return [...code.matchAll(LITERAL)].flatMap(([, source = '', flags = '']) =>
    /[*+]|\d,\}/.test(source) ? [{ file, source, flags }] : [],
  );
}

const CLASSES: Readonly<Record<string, string>> = {
  d: '1',
  w: 'a',
  s: ' ',
  n: '\n',
  t: '\t',
  r: '\r',
  S: 'a',
  D: 'a',
  W: '!',
};
const SAMPLES = ['a', '1', ' ', '\n', '-', '.', '/', '"', '\\'];

/** The parts of an expression: its characters, its words, and the members of its classes. */
function piecesOf(source: string): readonly string[] {
  const words: string[] = [];
  const singles = new Set<string>(SAMPLES);
  let word = '';
  const endWord = (): void => {
    if (word !== '') words.push(word);
    word = '';
  };
  for (const [token] of source.matchAll(/\\u[0-9a-f]{4}|\\x[0-9a-f]{2}|\\.|[^\\]/gi)) {
    const plain = /^\\[ux]/.test(token) ? String.fromCharCode(Number.parseInt(token.slice(2), 16)) : token.slice(-1);
    const meant = token.length === 2 ? (CLASSES[plain] ?? plain) : plain;
    if (token.length > 1 || !/[()[\]{}*+?|^$]/.test(token)) {
      singles.add(meant);
      if (/^\\[dwsSDW]/.test(token)) endWord();
      else word += meant;
    } else endWord();
  }
  endWord();
  return [...new Set([...singles, ...words, words.join('')])].filter((piece) => piece !== '');
}

/** Long texts for an expression: a beginning, one of its pieces or two of them again and again, and an end that fits nothing. */
export function* hostileTexts({ source }: Pick<FoundRegExp, 'source'>, characters: number): Generator<string> {
  const pieces = piecesOf(source).slice(0, 28);
  for (const pump of pieces) {
    const long = pump.repeat(Math.ceil(characters / pump.length));
    for (const start of ['', ...pieces]) {
      yield `${start}${long}\u0000`;
      if (start !== '') yield `${`${start}${pump}`.repeat(Math.ceil(characters / (start.length + pump.length)))}\u0000`;
    }
  }
}
