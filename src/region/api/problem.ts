// What the API tells the operator beside its answers.

/** Something of the API that an operator should know: it failed in a way that is ours, or an address is not here yet. */
export interface ApiProblem {
  readonly kind: 'handler-failed' | 'listener-waits' | 'certificate' | 'connection-ended';
  /** Also sent to the client of a failed request, so that both can be matched. */
  readonly id: string;
  readonly text: string;
  readonly cause?: unknown;
}
