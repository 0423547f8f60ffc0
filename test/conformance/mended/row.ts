// Defects that strangers and other people's test suites once found: the rule that holds since then, the tests that show it, and the change
// that breaks it again.

import type { Change } from '../../hostile/changes.ts';
import type { Proof } from '../must.ts';
import type { Replacement } from '../must-breaks/row.ts';

/** One thing that holds. */
export interface Mended {
  /** As a sentence. */
  readonly holds: string;
  /** Names as they are when the tests run, of which some are made from a pattern. */
  readonly tests: readonly Proof[];
  readonly breaks: readonly Replacement[];
  /** For each run of a file of tests; left out: 60. */
  readonly secondsMax?: number;
}

/** Behaviour that was found broken at one time. */
export interface MendedPoint {
  readonly point: string;
  readonly rows: readonly Mended[];
  /** Cases of the hostile suite, by their attacks, which are tried without their protection by test/hostile/without.ts. */
  readonly cases?: readonly string[];
}

/** Tests of a file below `test`. */
export const named =
  (file: string) =>
  (...names: readonly string[]): readonly Proof[] =>
    names.map((name) => ({ file: `test/${file}`, name }));

/** Several pieces of a file below `src`: pairs of what stands there, once, and what stands there instead. */
export const swapIn = (
  file: string,
  ...pairs: readonly (readonly [from: string, to: string])[]
): readonly Replacement[] => pairs.map(([from, to]) => ({ file, from, to }));

/** The protection that a case of the hostile suite takes out. */
export const without = (changes: readonly Change[]): readonly Replacement[] =>
  changes.map(({ file, of, by }) => ({ file, from: of, to: by }));
