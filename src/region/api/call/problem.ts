// Problems of the API that are reported to the operator.

import type { RackNote } from '../../reports/notes.ts';

/**
 * A problem of the API: a bug of ours, an address that this host lacks, a certificate, or an ended
 * connection.
 */
export interface ApiProblem {
  /** Also sent to the client of a failed request, so that both can be matched. */
  readonly id: string;
  readonly note: RackNote;
  readonly cause?: unknown;
}
