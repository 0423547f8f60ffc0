// The outcome of a power action or query: one of five kinds, with its detail and the controller's words.
//
// 1. Only an acknowledged action is `done`. An action that may or may not have happened is `unknown`, and is never retried automatically.
// 2. Words are cleaned: one bounded line of printable characters, without the machine's secrets.

import { cleanText } from '../clean-text.ts';
import type { Complaint, PowerDetail } from './detail.ts';

/** Whether a machine has power. */
export type PowerState = 'on' | 'off' | 'unknown';

/**
 * - `done`: it was acknowledged.
 * - `refused`: the controller refused, or cannot be asked; another try would change nothing.
 * - `unreachable`: the controller did not answer, so nothing was switched.
 * - `wrong-credentials`: user, password or key were rejected.
 * - `unknown`: it may or may not have happened.
 */
export type PowerOutcomeKind = 'done' | 'refused' | 'unreachable' | 'wrong-credentials' | 'unknown';

/** The outcome of one action or query. */
export interface PowerOutcome {
  readonly kind: PowerOutcomeKind;
  /** The detail for people. It goes into events, which every user can read. */
  readonly detail: PowerDetail;
  /** The controller's answer, for administrators only, because the request may have reached any server; undefined if there was none. */
  readonly said?: string | undefined;
  /** The state that was seen; `unknown` if none was. */
  readonly state: PowerState;
}

/** Makes an outcome. */
export const outcome = (kind: PowerOutcomeKind, detail: PowerDetail, state: PowerState = 'unknown'): PowerOutcome => ({
  kind,
  detail,
  state,
});

/** Adds the controller's answer, already cleaned, to an outcome, unless it is empty. */
export const withSaid = (bare: PowerOutcome, said: string): PowerOutcome => (said === '' ? bare : { ...bare, said });

/** A program that was not started. @param said the system's error; undefined: it was cancelled */
export const notStarted = (program: string, said?: string, secrets: readonly string[] = []): PowerDetail => ({
  code: 'not-started',
  params: said === undefined ? { program } : { program, said: cleanWords(said, secrets) },
});

/** A program that failed with these words, already cleaned. @param meaning undefined: the words say it themselves */
export const failedProgram = (program: string, status: number, said: string, meaning?: Complaint): PowerDetail =>
  meaning === undefined
    ? { code: 'program-failed', params: { program, status, said } }
    : { code: 'complaint', params: { meaning, said } };

/** The longest words of a program or controller, in characters. */
export const SAID_CHARACTERS_MAX = 400;
const MASK = '••••';

/** Replaces each of `secrets` in `text`, literal or URL-encoded. */
export function maskSecrets(text: string, secrets: readonly string[]): string {
  const written = secrets.flatMap((secret) => [secret, encodeURIComponent(secret), encodeURI(secret)]);
  const longestFirst = [...new Set(written)].filter((secret) => secret !== '').sort((a, b) => b.length - a.length);
  return longestFirst.reduce((masked, secret) => masked.replaceAll(secret, MASK), text);
}

/** Cleans another program's words into one line that can be shown anywhere; semicolons separate its former lines. */
export function cleanWords(said: string, secrets: readonly string[] = []): string {
  // Mask before cutting or joining anything: a part of a secret is secret too.
  const line = maskSecrets(said, secrets)
    .trim()
    // A single repetition: with two that match the same spaces, the time would grow with the square of their number.
    .replace(/\s+/g, (space) => (space.includes('\n') ? '; ' : ' '));
  return cleanText(line, SAID_CHARACTERS_MAX);
}
