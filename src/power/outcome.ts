// The outcome of a power action or query: one of five kinds, with a detail and the quoted output of
// the controller.
//
// 1. Only an acknowledged action is `done`. An action that may or may not have happened is
//    `unknown`, and is never retried automatically.
// 2. Quoted output is cleaned: one bounded line of printable characters, without the machine's
//    secrets.

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
  /** Events keep the detail. Readers who are no administrators get it through `withoutPrivate`. */
  readonly detail: PowerDetail;
  /**
   * The controller's answer; undefined if there was none. For administrators only, because the
   * request may have reached any server.
   */
  readonly said?: string | undefined;
  /** `unknown` if no state was seen. */
  readonly state: PowerState;
}

/** Makes an outcome. */
export const outcome = (kind: PowerOutcomeKind, detail: PowerDetail, state: PowerState = 'unknown'): PowerOutcome => ({
  kind,
  detail,
  state,
});

/** Adds the controller's cleaned answer, unless it is empty. */
export const withSaid = (base: PowerOutcome, addedText: string): PowerOutcome =>
  addedText === '' ? base : { ...base, said: addedText };

/** timeout(1) reports a signal as this number plus the signal's number. */
const SIGNAL_STATUS_MIN = 128;

export const endedByItself = (end: ProgramEnd): end is Extract<ProgramEnd, { readonly kind: 'ended' }> =>
  end.kind === 'ended' && end.code < SIGNAL_STATUS_MIN;

/**
 * The outcome of a program that did not end by itself.
 * @param said the program's output, cleaned
 * @param lateKind the kind of outcome if the program was killed at its time limit
 */
export function judgeEnd(program: string, end: ProgramEnd, said: string, lateKind: PowerOutcomeKind): PowerOutcome {
  switch (end.kind) {
    case 'missing':
      return outcome('refused', missingProgram(end.program));
    case 'not-started':
      return outcome('refused', { code: 'not-started', params: said === '' ? { program } : { program, said } });
    case 'killed':
      return outcome(lateKind, { code: 'program-late', params: { program, said } });
    case 'ended':
      return outcome('unknown', { code: 'program-aborted', params: { program, status: end.code, said } });
  }
}

export const programOutput = (end: ProgramEnd): string =>
  end.kind === 'missing' ? '' : end.kind === 'not-started' ? (end.said ?? '') : `${end.err}\n${end.out}`;

/**
 * @param output the program's output, already cleaned @param meaning undefined if the output
 * explains itself
 */
export const programFailure = (program: string, status: number, output: string, meaning?: Complaint): PowerDetail =>
  meaning === undefined
    ? { code: 'program-failed', params: { program, status, said: output } }
    : { code: 'complaint', params: { meaning, said: output } };

/** The longest quoted output of a program or controller, in characters. */
export const SAID_CHARACTERS_MAX = 400;
const MASK = '••••';

/** Masks secrets that are literal or URL-encoded. */
export function maskSecrets(text: string, secrets: readonly string[]): string {
  const spellings = secrets.flatMap((secret) => [secret, encodeURIComponent(secret), encodeURI(secret)]);
  const longestFirst = [...new Set(spellings)].filter((secret) => secret !== '').sort((a, b) => b.length - a.length);
  return longestFirst.reduce((masked, secret) => masked.replaceAll(secret, MASK), text);
}

/** Cleans output to one line that can be shown anywhere. Semicolons separate its former lines. */
export function cleanWords(said: string, secrets: readonly string[] = []): string {
  // Mask before cutting or joining: a part of a secret is secret too.
  const line = maskSecrets(said, secrets)
    .trim()
    // A single repetition: with two that match the same spaces, the time would grow with the square
    // of their number.
    .replace(/\s+/g, (space) => (space.includes('\n') ? '; ' : ' '));
  return cleanText(line, SAID_CHARACTERS_MAX);
}
