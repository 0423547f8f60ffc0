// Reports each cause in one line. A check that fails because of a cause already reported gets no
// line of its own: the end of the report names it.
//
// 1. A cause is a path: `tree` also explains `tree/images`. The first finding of a cause is
//    reported, so checks run from causes to their effects.
// 2. A note explains no fault.

import { joinNames } from '../ground/counted.ts';
import type { Finding } from './finding.ts';

/** The most checks that a line names. */
const NAMED_MAX = 20;

interface ReportedFinding {
  readonly finding: Finding;
  readonly explainedChecks: string[];
}

/** Reports each finding that no earlier finding explains. */
export class Causes {
  readonly #reported = new Map<string, ReportedFinding>();
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
      this.#reported.set(cause, { finding, explainedChecks: [] });
      this.#report(finding);
    } else earlier.explainedChecks.push(finding.check);
  }

  /** Reports the names of the checks that earlier findings explain. */
  end(): void {
    for (const { finding, explainedChecks } of this.#reported.values()) {
      const checks = [...new Set(explainedChecks)].filter((check) => check !== finding.check);
      if (checks.length === 0) continue;
      const text = `is also why there is no line of ${joinNames(checks, NAMED_MAX)}`;
      this.#report({ check: finding.check, ok: true, isNote: true, text });
    }
  }

  #find(cause: string, isNote: boolean): ReportedFinding | undefined {
    const reported = this.#reported.get(cause);
    if (reported !== undefined && (isNote || !reported.finding.ok)) return reported;
    const parent = cause.slice(0, Math.max(0, cause.lastIndexOf('/')));
    return parent === '' ? undefined : this.#find(parent, isNote);
  }
}
