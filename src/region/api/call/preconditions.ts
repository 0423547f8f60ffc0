// Conditional requests: an object that the API shows has an entity tag, and a change that names another tag is refused.
//
//   GET zones/hall/                    ETag: "q0Fz…"
//   PUT zones/hall/  If-Match: "q0Fz…"   the zone has that tag: it is changed; another one: 412, and nothing is changed
//
// Sources: RFC 9110 §8.8.3 (ETag), §13.1.1 (If-Match), §13.1.2 (If-None-Match), §13.2.1 (when conditions are evaluated).
//
// 1. The tag of an object is the digest of what the read operation of its path answers to the caller, or of the whole object if that
//    answer shows a part of it: of all that a change may change. Fields that pass with time alone are left out. Deviates from RFC 9110
//    §8.8.1 because the age of a power reading would otherwise be a change.
// 2. A tag shows nothing that its caller may not read: only the tags of callers who may read a secret are made of it, too.
// 3. A change is compared and made in one transaction, so of two changes that name one tag, one is refused. An operation with transactions
//    of its own compares in that of its change (`guard`), and answers when it is stored, as without a condition.
// 4. `If-None-Match: *` of a PUT asks for a new object. Here a PUT only changes objects, so such a condition never holds. It holds for a POST to
//    a list, which has no tag.
// 5. An answer to a change has no tag: another change may already have followed (RFC 9110 §9.3.4).

import { createHash } from 'node:crypto';
import { type Answer, type Refusal, refuse } from './answer.ts';
import type { Fields } from './form-body.ts';
import type { ApiCall, Operation } from './operation.ts';

/** Fields that pass with time, or with every sign of life: ages, and when and how far a rack last reported. */
const PASSING = new Set([
  'power_state_age',
  'work_age',
  'last_seen',
  'applied_version',
  'events_waiting',
  'events_dropped',
  'dead_letters',
]);

const BOUND_TAG = /^"[\x21\x23-\x7e]*"$/;

const withoutPassing = (name: string, value: unknown): unknown => (PASSING.has(name) ? undefined : value);

/** The tag of the object in the answer of its read operation; `undefined`: a refusal, or not one object. */
function tagOf(answer: Answer): string | undefined {
  const state = stateOf(answer);
  if (state === undefined) return undefined;
  return `"${createHash('sha256').update(state).digest('base64url').slice(0, 27)}"`;
}

function stateOf(answer: Answer): string | Buffer | undefined {
  if (answer.kind === 'text' && answer.whole === undefined) return answer.text;
  if (answer.kind === 'text') return JSON.stringify(answer.whole, withoutPassing);
  if (answer.kind !== 'json' || answer.status !== 200 || !isObject(answer.value)) return undefined;
  return JSON.stringify(answer.whole ?? answer.value, withoutPassing);
}

const isObject = (value: unknown): boolean => typeof value === 'object' && value !== null && !Array.isArray(value);

/** True if a header has the tag, or names every tag. @param isWeak also the weak form of the tag counts (RFC 9110 §8.8.3.2) */
function names(header: string, tag: string, isWeak: boolean): boolean {
  const listed = header.split(',').map((one) => one.trim());
  return header.trim() === '*' || listed.some((one) => (isWeak ? one.replace(/^W\//, '') : one) === tag);
}

/** The operation that reads the object of a path. */
const readerOf = (operations: readonly Operation[]): Operation | undefined =>
  operations.find(({ method, op }) => method === 'GET' && op === undefined);

/** The answer of a read operation with its tag, or that the caller has it already. */
export function tagged(answer: Answer, { conditions }: ApiCall): Answer {
  const tag = tagOf(answer);
  if (tag === undefined || (answer.kind !== 'json' && answer.kind !== 'text')) return answer;
  if (conditions?.ifNoneMatch !== undefined && names(conditions.ifNoneMatch, tag, true))
    return { kind: 'unchanged', tag };
  return { ...answer, tag };
}

/** True for an operation whose change may be compared: the others are commands that wait for something, or have no object. */
const isComparable = (operation: Operation): boolean => !operation.ownTransaction || operation.op === undefined;

/**
 * The refusal of a change whose condition does not hold; call it in the transaction of the change. `undefined`: it holds, or the object is
 * not there, which the operation itself refuses.
 * @param operations all of the path
 * @param fields the parameters of the change; the read operation takes those that it knows, such as the owner of a key
 */
export async function refuseUnmatched(
  operations: readonly Operation[],
  operation: Operation,
  call: ApiCall,
  fields: Fields,
): Promise<Refusal | undefined> {
  const { ifMatch: wanted, ifNoneMatch: unwanted } = call.conditions ?? {};
  if (wanted === undefined && unwanted === undefined) return undefined;
  const reader = readerOf(operations);
  if (reader === undefined || !isComparable(operation))
    return wanted === undefined ? undefined : refuse('precondition-failed.untagged');
  const now = await reader.run(call, fields);
  if (now.kind === 'refusal') return undefined;
  const tag = tagOf(now);
  const isCompared = operation.method !== 'POST' || tag !== undefined;
  if (isCompared && unwanted !== undefined && names(unwanted, tag ?? '', true))
    return refuse('precondition-failed.exists');
  if (wanted === undefined) return undefined;
  if (tag === undefined) return refuse('precondition-failed.untagged');
  const listed = wanted.split(',').map((one) => one.trim());
  if (wanted.trim() !== '*' && !listed.every((one) => BOUND_TAG.test(one))) return refuse('precondition-failed.form');
  return names(wanted, tag, false) ? undefined : refuse('precondition-failed.changed');
}
