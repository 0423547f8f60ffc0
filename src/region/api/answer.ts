// What an operation answers, before it becomes HTTP. Every refusal has a name, which is counted and sent in a header.
//
// Sources: the status codes and plain-text bodies that MAAS's clients expect; RFC 9110 §15.
//
// 1. A refusal's text says what is wrong and what to do; a client shows it to a person as it is.

/** Every name under which the API refuses, with its HTTP status. */
export const REFUSALS = {
  'invalid-parameters': 400,
  'unknown-operation': 400,
  'bad-request': 400,
  'not-authenticated': 401,
  'not-allowed': 403,
  'not-from-here': 403,
  'new-machines-limit': 403,
  'machines-limit': 403,
  'not-found': 404,
  'method-not-allowed': 405,
  'transition-not-allowed': 409,
  'unknown-version': 410,
  'body-too-large': 413,
  'unknown-body': 415,
  'rate-limit': 429,
  'internal-error': 500,
  'store-unavailable': 503,
} as const;
export type RefusalName = keyof typeof REFUSALS;

export interface Refusal {
  readonly kind: 'refusal';
  readonly name: RefusalName;
  /** Plain text, or for `invalid-parameters` the messages of each field. */
  readonly body: string | Readonly<Record<string, readonly string[]>>;
  /** Further headers: `Allow`, `Retry-After`, `WWW-Authenticate`. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
}

export type Answer =
  | { readonly kind: 'json'; readonly value: unknown }
  | { readonly kind: 'text'; readonly text: string; readonly contentType: string }
  /** A list in parts, each read when the one before has been sent. */
  | { readonly kind: 'list'; readonly chunks: Iterator<readonly unknown[]> }
  | { readonly kind: 'empty' }
  | Refusal;

export const json = (value: unknown): Answer => ({ kind: 'json', value });

export function refuse(name: RefusalName, body: Refusal['body'], headers?: Refusal['headers']): Refusal {
  return headers === undefined ? { kind: 'refusal', name, body } : { kind: 'refusal', name, body, headers };
}

/** A refusal of one field. */
export const refuseField = (field: string, message: string): Refusal =>
  refuse('invalid-parameters', { [field]: [message] });
