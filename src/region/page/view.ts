// What a page is rendered from: the region, who looks, and what was asked for; and what may come of a form.
//
// 1. A visitor looks only: whoever changes something has signed in.

import type { Answer, Refusal } from '../api/answer.ts';
import { refuse } from '../api/answer.ts';
import type { Peer } from '../api/caller.ts';
import type { Fields } from '../api/form-body.ts';
import type { Method } from '../api/operation.ts';
import { OPERATIONS, runOperation } from '../api/operations.ts';
import { asSentence } from '../records/event-words.ts';
import type { Machine } from '../records/machine.ts';
import type { Region } from '../region.ts';
import type { Html } from './html.ts';

/** Somebody who has signed in. */
export interface Person {
  readonly kind: 'person';
  readonly username: string;
  readonly email: string;
  readonly isAdmin: boolean;
  /** What their forms carry; empty: they cannot send any (the password came with the request). */
  readonly csrf: string;
}

/** Who looks at a page; a visitor sits at this host and has not signed in. */
export type Viewer = Person | { readonly kind: 'visitor' };

/** What is wrong with the fields of a form, a sentence each, by their names. */
export type Faults = ReadonlyMap<string, string>;

export interface View {
  readonly region: Region;
  readonly viewer: Viewer;
  readonly peer: Peer;
  readonly nowMs: number;
  /** What stands in the path for `:name`. */
  readonly path: Readonly<Record<string, string>>;
  readonly query: Fields;
  /** What was done just now; empty: nothing. */
  readonly told: string;
  /** Why the form was not taken; undefined: none was sent. */
  readonly refusal?: string | undefined;
  /** The same by the fields of the form that are at fault. */
  readonly faults?: Faults | undefined;
  /** What was in it. */
  readonly given: Fields;
}

/** The machine that the path names; undefined: there is none. */
export const findMachine = (view: View): Machine | undefined => view.region.store.findMachine(view.path.machine ?? '');

/** What came of a form: where to go on, with a sentence of what was done; or why it was not; undefined: there is no such thing. */
export type Outcome = { readonly kind: 'done'; readonly to: string; readonly text: string } | Refusal | undefined;

/** To who gave way to others whose passwords are looked at, while signing in. */
export const BUSY = refuse('rate-limit', 'Other passwords are being looked at: try again in a moment.', {
  'Retry-After': '5',
});

/** One page, with what can be sent to it. */
export interface PageDefinition {
  /** `/MAAS/machines/:machine/` */
  readonly path: string;
  /** `look`: visitors too. `user`: whoever has signed in. `admin`: administrators. */
  readonly access: 'look' | 'user' | 'admin';
  /** The page; undefined: there is no such thing. */
  readonly render: (view: View) => Html | undefined | Promise<Html | undefined>;
  /** Takes a form; undefined: there is none on it. */
  readonly act?: (view: View) => Outcome | Promise<Outcome>;
  /** The operations by which its forms do what they do; undefined: it has no form. These say who may do it, and whether. */
  readonly operations?: readonly WantedOperation[];
}

/** The last value of a field; empty: it is not given. */
export const given = (view: Pick<View, 'given'>, name: string): string => view.given.get(name)?.at(-1) ?? '';

/** The last value of a parameter of the address; empty: it is not there. */
export const asked = (view: Pick<View, 'query'>, name: string): string => view.query.get(name)?.at(-1) ?? '';

/** An operation of API 2.0, by which a form does what it does. */
export interface WantedOperation {
  readonly method: Method;
  /** As in the table: `machines/{system_id}`. */
  readonly path: string;
  readonly op?: string | undefined;
}

/** What administrators change of a machine, on several pages. */
export const EDIT_MACHINE = { method: 'PUT', path: 'machines/{system_id}' } as const;

const of = ({ path }: Pick<WantedOperation, 'path'>) =>
  OPERATIONS.filter((operation) => operation.path === path && operation.versions.includes('2.0'));

/** True when somebody may call this operation at all; what it decides of the single thing, it says itself. */
export function mayCall(viewer: Viewer, { method, op, path }: WantedOperation): boolean {
  const operation = of({ path }).find((one) => one.method === method && one.op === op);
  if (operation === undefined) throw new Error(`no operation ${method} ${path} ${op ?? ''}`);
  return viewer.kind === 'person' && (operation.access !== 'admin' || viewer.isAdmin);
}

/** Runs an operation as the person who looks: with the same checks, rights and log as from anywhere else. */
export function operate(
  { region, viewer, peer }: View,
  wanted: WantedOperation,
  path: Readonly<Record<string, string>>,
  values: Readonly<Record<string, string | readonly string[] | undefined>>,
): Answer {
  if (viewer.kind !== 'person') return refuse('not-authenticated', 'Sign in first.');
  const fields = new Map<string, readonly string[]>();
  if (wanted.op !== undefined) fields.set('op', [wanted.op]);
  for (const [name, value] of Object.entries(values)) {
    if (value !== undefined) fields.set(name, typeof value === 'string' ? [value] : value);
  }
  const { username, email, isAdmin } = viewer;
  const caller = { kind: 'user', username, email, isAdmin } as const;
  const call = { region, version: '2.0', path, caller, peer, query: new Map() } as const;
  return runOperation(of(wanted), wanted.method, call, fields);
}

/** What a form comes to whose operation gave this answer. */
export const outcomeOf = (answer: Answer, to: string, text: string): Outcome =>
  answer.kind === 'refusal' ? answer : { kind: 'done', to, text };

/** The answer of an operation that asks somebody else first. */
export const settled = (answer: Answer): Promise<Answer> =>
  answer.kind === 'later' ? answer.answer : Promise.resolve(answer);

/** A message that begins with the key of its field, whole: `boot.release: …` of `release`. */
const namesItself = (field: string, message: string): boolean => {
  const key = message.slice(0, Math.max(0, message.indexOf(': ')));
  return key === field || key.endsWith(`.${field}`);
};

/** A refusal as people read it: each field is named once. */
export function refusalText({ body }: Refusal): string {
  if (typeof body === 'string') return body;
  return Object.entries(body)
    .map(([field, messages]) => {
      const text = messages.join(' ');
      return messages.every((message) => namesItself(field, message)) ? text : `${field.replaceAll('_', ' ')}: ${text}`;
    })
    .join(' · ');
}

/** The fields that a refusal names, with what is wrong with each. */
export const faultsOf = ({ body }: Refusal): Faults =>
  new Map(
    typeof body === 'string'
      ? []
      : Object.entries(body).map(([field, messages]) => [field, messages.map(asFullSentence).join(' ')]),
  );

/** A message with its full stop, but for one that ends in a command, which is copied. */
const asFullSentence = (text: string): string => asSentence(/[.!?]$|rackboot \S.*$/.test(text) ? text : `${text}.`);

/** An outcome whose refusal names the fields as its form does. @param names of the operation's fields, each with that of the form */
export function namedAsIn(outcome: Outcome, names: Readonly<Record<string, string>>): Outcome {
  if (outcome?.kind !== 'refusal' || typeof outcome.body === 'string') return outcome;
  const body = Object.fromEntries(
    Object.entries(outcome.body).map(([field, messages]) => [names[field] ?? field, messages]),
  );
  return { ...outcome, body };
}

/** What one of several forms of a page is rendered from: a refusal, and what was given, are shown in the form that was sent. */
export const ofForm = (view: View, isSent: boolean): View =>
  isSent ? view : { ...view, refusal: undefined, faults: undefined, given: new Map() };
