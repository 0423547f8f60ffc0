// What came of switching a machine, in one of five kinds, with the words of whoever was asked.
//
// 1. `done` is said only of what was acknowledged; whatever may or may not have happened is `unknown`, and is not tried again by itself.
// 2. Words are cleaned: one line of printable characters, bounded, without any secret of the machine.

import { cleanText } from '../clean-text.ts';

/** Whether a machine has power; `unknown`: nobody could say. */
export type PowerState = 'on' | 'off' | 'unknown';

/**
 * - `done`: it was acknowledged.
 * - `refused`: whoever was asked said no, or it cannot be asked of it; asking again changes nothing.
 * - `unreachable`: nobody answered, so nothing was switched.
 * - `wrong-credentials`: user, password or key were not accepted.
 * - `unknown`: it may have happened, or not.
 */
export type PowerOutcomeKind = 'done' | 'refused' | 'unreachable' | 'wrong-credentials' | 'unknown';

/** The outcome of one action or question. */
export interface PowerOutcome {
  readonly kind: PowerOutcomeKind;
  /** The driver's own words, for people; never empty. They go into events, which every user reads. */
  readonly text: string;
  /** What a controller answered to a request that may have reached anything: for administrators only. Undefined: nothing was. */
  readonly said?: string | undefined;
  /** The state that was seen; `unknown` where none was looked at. */
  readonly state: PowerState;
}

/** An outcome. */
export const outcome = (kind: PowerOutcomeKind, text: string, state: PowerState = 'unknown'): PowerOutcome => ({
  kind,
  text,
  state,
});

/** The outcome with what the controller answered, cleaned; empty: nothing. */
export const withSaid = (bare: PowerOutcome, said: string): PowerOutcome => (said === '' ? bare : { ...bare, said });

/** The longest text of an outcome. */
export const OUTCOME_CHARACTERS_MAX = 400;
const MASK = '••••';

/** `text` with each of `secrets` replaced, as it stands and as it stands in a URL. */
export function maskSecrets(text: string, secrets: readonly string[]): string {
  const written = secrets.flatMap((secret) => [secret, encodeURIComponent(secret), encodeURI(secret)]);
  const longestFirst = [...new Set(written)].filter((secret) => secret !== '').sort((a, b) => b.length - a.length);
  return longestFirst.reduce((masked, secret) => masked.replaceAll(secret, MASK), text);
}

/** What somebody else said, in one line that can be shown anywhere; the lines that it had are kept apart by semicolons. */
export function cleanWords(said: string, secrets: readonly string[] = []): string {
  // Masked before anything is cut or joined: a part of a secret is one as well.
  const line = maskSecrets(said, secrets)
    .trim()
    // One repetition alone: two that can match the same spaces take time with the square of their number.
    .replace(/\s+/g, (space) => (space.includes('\n') ? '; ' : ' '));
  return cleanText(line, OUTCOME_CHARACTERS_MAX);
}
