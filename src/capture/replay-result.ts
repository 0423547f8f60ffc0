// The result of replaying one query.

import type { Difference } from './answer-comparison.ts';

/** - `same`, `differs`: both answered. - `only-now`, `only-captured`: one of them answered. - `unanswered`: neither answered. */
export type Verdict = 'same' | 'differs' | 'only-now' | 'only-captured' | 'unanswered';

/** One replayed query of the capture. */
export interface Replayed {
  /** The packet's number. */
  readonly number: number;
  readonly atMs: number | undefined;
  readonly protocol: 'dhcp' | 'tftp' | 'dns';
  readonly from: string;
  readonly to: string;
  /** The query in one line. */
  readonly query: string;
  /** The decision now: a stable word. */
  readonly decision: string;
  /** The decision and its reason, for people. */
  readonly text: string;
  /** The captured answer; undefined if there is none. */
  captured: string | undefined;
  verdict: Verdict;
  differences: readonly Difference[];
}

export function judge(hasNow: boolean, hasCaptured: boolean, differences: readonly Difference[]): Verdict {
  if (hasNow && hasCaptured) return differences.length === 0 ? 'same' : 'differs';
  if (hasNow) return 'only-now';
  return hasCaptured ? 'only-captured' : 'unanswered';
}
