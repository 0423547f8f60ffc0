// The outcome of a power action or query: one of five kinds, with detail and words.
//
// 1. Only an acknowledged action is `done`. An action that may or may not have happened is
//    `unknown`, and is never retried automatically.
// 2. Words are cleaned: one bounded line of printable characters, without the machine's secrets.

import { cleanText } from '../ground/clean-text.ts';
import type { Complaint, PowerDetail } from './detail.ts';
import type { ProgramEnd } from './program.ts';
import { missingProgram } from './programs.ts';

export type PowerState = 'on' | 'off' | 'unknown';

/**
 * - `done`: it was acknowledged.
 * - `refused`: the controller refused, or cannot be asked; another try would change nothing.
 * - `unreachable`: the controller did not answer, so nothing was switched.
 * - `wrong-credentials`: user, password or key were rejected.
 * - `unknown`: it may or may not have happened.
 */
export type PowerOutcomeKind = 'done' | 'refused' | 'unreachable' | 'wrong-credentials' | 'unknown';

export interface PowerOutcome {
  readonly kind: PowerOutcomeKind;
  /** Events keep it; readers who are no administrators get it `withoutPrivate`. */
  readonly detail: PowerDetail;
  /**
   * For administrators only, because the request may have reached any server; undefined if there
   * was none.
   */
  readonly said?: string | undefined;
  /** `unknown` if none was seen. */
  readonly state: PowerState;
}

/** Makes an outcome. */
export const outcome = (kind: PowerOutcomeKind, detail: PowerDetail, state: PowerState = 'unknown'): PowerOutcome => ({
  kind,
  detail,
  state,
});

/** Adds the controller's cleaned answer, unless it is empty. */
export const withSaid = (bare: PowerOutcome, words: string): PowerOutcome =>
  words === '' ? bare : { ...bare, said: words };

/** timeout(1) reports a signal as this and the signal's number. */
const SIGNALLED = 128;

export const endedItself = (end: ProgramEnd): end is Extract<ProgramEnd, { readonly kind: 'ended' }> =>
  end.kind === 'ended' && end.code < SIGNALLED;

/**
 * The outcome of a program that did not end by itself.
 * @param said cleaned
 * @param late the kind if its time was over
 */
export function judgeEnd(program: string, end: ProgramEnd, said: string, late: PowerOutcomeKind): PowerOutcome {
  switch (end.kind) {
    case 'missing':
      return outcome('refused', missingProgram(end.program));
    case 'not-started':
      return outcome('refused', { code: 'not-started', params: said === '' ? { program } : { program, said } });
    case 'killed':
      return outcome(late, { code: 'program-late', params: { program, said } });
    case 'ended':
      return outcome('unknown', { code: 'program-aborted', params: { program, status: end.code, said } });
  }
}

export const writtenBy = (end: ProgramEnd): string =>
  end.kind === 'missing' ? '' : end.kind === 'not-started' ? (end.said ?? '') : `${end.err}\n${end.out}`;

/** @param words its words, already cleaned @param meaning undefined: the words say it themselves */
export const failedProgram = (program: string, status: number, words: string, meaning?: Complaint): PowerDetail =>
  meaning === undefined
    ? { code: 'program-failed', params: { program, status, said: words } }
    : { code: 'complaint', params: { meaning, said: words } };

/** The longest words of a program or controller, in characters. */
export const SAID_CHARACTERS_MAX = 400;
const MASK = '••••';

/** Masks secrets that are literal or URL-encoded. */
export function maskSecrets(text: string, secrets: readonly string[]): string {
  const written = secrets.flatMap((secret) => [secret, encodeURIComponent(secret), encodeURI(secret)]);
  const longestFirst = [...new Set(written)].filter((secret) => secret !== '').sort((a, b) => b.length - a.length);
  return longestFirst.reduce((masked, secret) => masked.replaceAll(secret, MASK), text);
}

/** One line that can be shown anywhere; semicolons separate its former lines. */
export function cleanWords(said: string, secrets: readonly string[] = []): string {
  // Mask before cutting or joining: a part of a secret is secret too.
  const line = maskSecrets(said, secrets)
    .trim()
    // A single repetition: with two that match the same spaces, the time would grow with the square
    // of their number.
    .replace(/\s+/g, (space) => (space.includes('\n') ? '; ' : ' '));
  return cleanText(line, SAID_CHARACTERS_MAX);
}
