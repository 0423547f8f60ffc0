// The answer of an operation before it becomes HTTP. Every refusal has a name, which is counted and sent in a header.
//
// Sources: the status codes and plain-text bodies that MAAS's clients expect; RFC 9110 §15.
//
// 1. A refusal's text says what is wrong and what to do; clients show it to users unchanged.

import type { DesiredState } from '../../machines/machine.ts';
import type { EventFollowing } from './event-followers.ts';
import type { ListToSend } from './lists.ts';

/** Every name under which the API refuses, with its HTTP status. */
export const REFUSALS = {
  'invalid-parameters': 400,
  'unknown-operation': 400,
  'setting-invalid': 400,
  'setting-unknown': 400,
  'settings-limit': 403,
  'bad-request': 400,
  'not-authenticated': 401,
  'not-allowed': 403,
  'not-from-here': 403,
  'sign-in-by-rack': 403,
  'not-owner': 403,
  'not-this-boot': 403,
  'rack-pending': 403,
  'rack-rejected': 403,
  'rack-key': 403,
  'rack-embedded': 403,
  'new-machines-limit': 403,
  'machines-limit': 403,
  'not-found': 404,
  'method-not-allowed': 405,
  'transition-not-allowed': 409,
  'machine-in-use': 409,
  'machine-locked': 409,
  'owner-data-limit': 409,
  'nothing-matches': 409,
  'no-ssh-key': 409,
  'image-missing': 409,
  'address-refused': 409,
  'power-by-hand': 409,
  'addresses-exhausted': 409,
  'preseed-faulty': 409,
  'setting-read-only': 409,
  'rack-version': 409,
  'rack-name': 409,
  'rack-network': 409,
  'unknown-version': 410,
  'body-too-large': 413,
  'rack-length': 413,
  'unknown-body': 415,
  'rate-limit': 429,
  'rate-limit-network': 429,
  'rate-limit-all': 429,
  'racks-limit': 429,
  'followers-limit': 429,
  'lists-limit': 429,
  'internal-error': 500,
  'store-unavailable': 503,
  'power-busy': 503,
  'bodies-limit': 503,
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
  | { readonly kind: 'json'; readonly value: unknown; readonly status: 200 | 202 }
  | { readonly kind: 'text'; readonly text: string | Buffer; readonly contentType: string }
  | ({ readonly kind: 'list' } & ListToSend)
  /** The desired state of a rack with the entity tag of its version; `unchanged` if the rack already has it. */
  | { readonly kind: 'state'; readonly tag: string; readonly state: DesiredState }
  | { readonly kind: 'unchanged'; readonly tag: string }
  /** An answer that comes later, within a bounded time; the promise never rejects. */
  | { readonly kind: 'later'; readonly answer: Promise<Answer> }
  /** A stream of the event log as it grows. */
  | { readonly kind: 'follow'; readonly following: EventFollowing }
  | { readonly kind: 'empty' }
  | Refusal;

export const json = (value: unknown, status: 200 | 202 = 200): Answer => ({ kind: 'json', value, status });

export function refuse(name: RefusalName, body: Refusal['body'], headers?: Refusal['headers']): Refusal {
  return headers === undefined ? { kind: 'refusal', name, body } : { kind: 'refusal', name, body, headers };
}

/** A refusal of one field. */
export const refuseField = (field: string, message: string): Refusal =>
  refuse('invalid-parameters', { [field]: [message] });

/** The refusal of a path that names no machine. */
export const NO_MACHINE: Refusal = refuse('not-found', 'No machine has this system id.');

/** The refusal of a caller without credentials whose address is in no managed network. */
export const refuseUnmanaged = (address: string): Refusal =>
  refuse('not-from-here', `${address} is not in a managed network: machines enlist only from those.`);
