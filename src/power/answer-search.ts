// Finds the state of a machine in what its controller answered, by two regular expressions. The answer is a stranger's text, and V8 tries
// an expression with several repetitions at every position again, so the time may grow with the cube of the length.
//
// 1. At most SEARCHED_CHARACTERS_MAX of an answer are searched.
// 2. Words with `.*` between them, as MAAS's defaults are, are found in one pass, without the engine.
// 3. Every other expression is an administrator's. The engine runs it for EXPRESSION_MS_MAX at the most, for the region's thread waits.
// 4. Nothing of ours is in reach of the engine: two texts and the place of one name.

import { type Context, createContext, Script } from 'node:vm';

/** How much of an answer is searched, in characters. Whoever answers can fill it; what stands behind it is not found. */
export const SEARCHED_CHARACTERS_MAX = 4096;
/** How long one answer may keep the thread, in milliseconds. An expression without nested repetitions takes microseconds. */
export const EXPRESSION_MS_MAX = 5;
/** How often a search begins anew because the thread itself had no processor while its time passed. */
const SEARCHES_MAX = 3;

/** The expressions of a machine. */
export interface AnswerExpressions {
  readonly power_on_regex: string;
  readonly power_off_regex: string;
}

/** What was found; or the name of the expression that takes too long. */
export type AnswerSearch =
  | { readonly kind: 'searched'; readonly state: 'on' | 'off' | undefined }
  | { readonly kind: 'too-slow'; readonly name: keyof AnswerExpressions };

/** Finds which expression matches an answer; the one for `on` goes first. */
export function searchAnswer({ power_on_regex, power_off_regex }: AnswerExpressions, answer: string): AnswerSearch {
  const text = answer.slice(0, SEARCHED_CHARACTERS_MAX);
  const on = isFound(power_on_regex, text);
  if (on === undefined) return { kind: 'too-slow', name: 'power_on_regex' };
  if (on) return { kind: 'searched', state: 'on' };
  const off = isFound(power_off_regex, text);
  if (off === undefined) return { kind: 'too-slow', name: 'power_off_regex' };
  return { kind: 'searched', state: off ? 'off' : undefined };
}

/** Undefined: nobody knows within the time. */
function isFound(expression: string, text: string): boolean | undefined {
  const parts = wildcardParts(expression);
  return parts === undefined ? searchByEngine(expression, text) : hasInLine(text, parts);
}

/** A character that stands for itself, also behind a backslash; or `.*`, greedy. */
const PIECE = /\.\*(?![?+*{])|\\[^\w\n\r\u2028\u2029]|[^\\^$.*+?()[\]{}|\n\r\u2028\u2029]/y;

/** The words of an expression that is nothing but words with `.*` between them; undefined: it is more than that. */
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

/** True when the words stand in a line one behind the other: what `.` does not match ends a line. */
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
  // A new one for each search would take a millisecond.
  context ??= createContext(place);
  Object.assign(place, { expression, text });
  for (let search = 0; search < SEARCHES_MAX; search += 1) {
    const before = process.threadCpuUsage();
    try {
      return SEARCH.runInContext(context, { timeout: EXPRESSION_MS_MAX }) === true;
    } catch {
      // Its time is wall time: a thread that had no processor for most of it has not shown that the expression is slow.
      const { user, system } = process.threadCpuUsage(before);
      if (user + system >= (EXPRESSION_MS_MAX * 1000) / 2) return undefined;
    }
  }
  return undefined;
}
