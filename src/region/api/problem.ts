// Problems of the API that are reported to the operator.

/** A problem of the API: a bug of ours, an address that this host lacks, a certificate, or an ended connection. */
export interface ApiProblem {
  readonly kind: 'handler-failed' | 'listener-waits' | 'certificate' | 'connection-ended';
  /** Also sent to the client of a failed request, so that both can be matched. */
  readonly id: string;
  readonly text: string;
  readonly cause?: unknown;
}
