// One cause is one line of the report: a check that fails because of what another line tells is
// only named, at the end.
//
// 1. A cause is a path: `tree` also explains `tree/images`. What is told first names it, so checks
//    go from the cause to its effects.
// 2. A note explains no fault.

import { joinNames } from '../ground/counted.ts';
import type { Finding } from './finding.ts';

/** The most checks that a line names. */
const NAMED_MAX = 20;

interface PassedFinding {
  readonly finding: Finding;
  readonly explained: string[];
}

/** Passes on each finding that no earlier one explains. */
export class Causes {
  readonly #told = new Map<string, PassedFinding>();
  readonly #report: (finding: Finding) => void;

  constructor(report: (finding: Finding) => void) {
    this.#report = report;
  }

  add(finding: Finding): void {
    const { cause, ok, isNote = false } = finding;
    if (cause === undefined || (ok && !isNote)) {
      this.#report(finding);
      return;
    }
    const earlier = this.#find(cause, ok);
    if (earlier === undefined) {
      this.#told.set(cause, { finding, explained: [] });
      this.#report(finding);
    } else earlier.explained.push(finding.check);
  }

  /** Names what was not reported by itself. */
  end(): void {
    for (const { finding, explained } of this.#told.values()) {
      const checks = [...new Set(explained)].filter((check) => check !== finding.check);
      if (checks.length === 0) continue;
      const text = `is also why there is no line of ${joinNames(checks, NAMED_MAX)}`;
      this.#report({ check: finding.check, ok: true, isNote: true, text });
    }
  }

  #find(cause: string, isNote: boolean): PassedFinding | undefined {
    const told = this.#told.get(cause);
    if (told !== undefined && (isNote || !told.finding.ok)) return told;
    const parent = cause.slice(0, Math.max(0, cause.lastIndexOf('/')));
    return parent === '' ? undefined : this.#find(parent, isNote);
  }
}
