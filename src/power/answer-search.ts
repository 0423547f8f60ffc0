// Finds a machine's power state in a controller's answer, by two regular expressions. The answer is untrusted, and the time may grow with
// the cube of its length.
//
// 1. At most SEARCHED_CHARACTERS_MAX of an answer are searched.
// 2. Words with `.*` in between, like MAAS's defaults, are matched in one pass without the engine.
// 3. Only administrators write other expressions. One runs for at most EXPRESSION_MS_MAX, because it blocks the region's thread.
// 4. The engine reaches none of our objects: it gets two texts in a context of its own.

import { type Context, createContext, Script } from 'node:vm';

/** The searched beginning of an answer, in characters. The server can fill it; a state after it is not found. */
export const SEARCHED_CHARACTERS_MAX = 4096;
/** How long one expression may block the thread, in milliseconds. One without nested repetitions takes microseconds. */
export const EXPRESSION_MS_MAX = 5;
/** Tries of a search if the thread got too little CPU time. */
const SEARCHES_MAX = 3;

export interface AnswerExpressions {
  readonly power_on_regex: string;
  readonly power_off_regex: string;
}

type AnswerSearch =
  | { readonly kind: 'searched'; readonly state: 'on' | 'off' | undefined }
  | { readonly kind: 'too-slow'; readonly name: keyof AnswerExpressions };

/** Tries the one for `on` first. */
export function searchAnswer({ power_on_regex, power_off_regex }: AnswerExpressions, answer: string): AnswerSearch {
  const text = answer.slice(0, SEARCHED_CHARACTERS_MAX);
  const on = isFound(power_on_regex, text);
  if (on === undefined) return { kind: 'too-slow', name: 'power_on_regex' };
  if (on) return { kind: 'searched', state: 'on' };
  const off = isFound(power_off_regex, text);
  if (off === undefined) return { kind: 'too-slow', name: 'power_off_regex' };
  return { kind: 'searched', state: off ? 'off' : undefined };
}

/** Undefined if the search takes too long. */
function isFound(expression: string, text: string): boolean | undefined {
  const parts = wildcardParts(expression);
  return parts === undefined ? searchByEngine(expression, text) : hasInLine(text, parts);
}

/** A literal character, escaped or not, or a greedy `.*`. */
const PIECE = /\.\*(?![?+*{])|\\[^\w\n\r\u2028\u2029]|[^\\^$.*+?()[\]{}|\n\r\u2028\u2029]/y;

/** Undefined unless the expression is words with `.*` in between. */
export function wildcardParts(expression: string): readonly string[] | undefined {
  const parts: string[] = [];
  let word = '';
  for (PIECE.lastIndex = 0; PIECE.lastIndex < expression.length; ) {
    const piece = PIECE.exec(expression)?.[0];
    if (piece === undefined) return undefined;
    if (piece === '.*') {
      parts.push(word);
      word = '';
    } else word += piece.slice(-1);
  }
  return [...parts, word];
}

/** Lines end where `.` does not match. */
export function hasInLine(text: string, words: readonly string[]): boolean {
  return text.split(/[\n\r\u2028\u2029]/).some((line) => {
    let from = 0;
    return words.every((word) => {
      const at = line.indexOf(word, from);
      from = at + word.length;
      return at >= 0;
    });
  });
}

const SEARCH = new Script('new RegExp(expression).test(text)');
const place: Record<string, string> = {};
let context: Context | undefined;

function searchByEngine(expression: string, text: string): boolean | undefined {
  // A new context for each search would take a millisecond.
  context ??= createContext(place);
  Object.assign(place, { expression, text });
  for (let search = 0; search < SEARCHES_MAX; search += 1) {
    const before = process.threadCpuUsage();
    try {
      return SEARCH.runInContext(context, { timeout: EXPRESSION_MS_MAX }) === true;
    } catch {
      // The timeout is wall time: if the thread got the CPU for less than half of it, the expression may not be slow.
      const { user, system } = process.threadCpuUsage(before);
      if (user + system >= (EXPRESSION_MS_MAX * 1000) / 2) return undefined;
    }
  }
  return undefined;
}
