// The input of a page (region, viewer, request), the outcomes of a form, and the API operations
// that forms run.

import { asSentence } from '../../../ground/counted.ts';
import type { Html } from '../../../ground/html.ts';
import type { WholeFile } from '../../../images/make/upload-part.ts';
import type { Answer, Refusal } from '../../api/call/answer.ts';
import { refuse, renderRefusalBody } from '../../api/call/answer.ts';
import type { Peer } from '../../api/call/caller.ts';
import type { Fields } from '../../api/call/form-body.ts';
import type { Method, Operation } from '../../api/call/operation.ts';
import { OPERATIONS, runOperation } from '../../api/operations.ts';
import type { Machine } from '../../records/machine.ts';
import type { RefusalName } from '../../records/refusal.ts';
import { transactOrUndo } from '../../records/undo.ts';
import type { Region } from '../../region.ts';

export interface Viewer {
  readonly username: string;
  readonly email: string;
  readonly isAdmin: boolean;
  /**
   * The secret in their forms; empty if they cannot send forms, because the password came with the
   * request.
   */
  readonly csrf: string;
}

type Faults = ReadonlyMap<string, string>;

export interface View {
  readonly region: Region;
  readonly viewer: Viewer;
  /** The pages that exist, to which the navigation leads. */
  readonly pages: readonly Pick<PageDefinition, 'path' | 'access'>[];
  readonly peer: Peer;
  /** At which the viewer reaches the region, `http://10.20.0.1:5240`; empty: unknown. */
  readonly origin: string;
  readonly nowMs: number;
  readonly path: Readonly<Record<string, string>>;
  readonly query: Fields;
  readonly notice: string;
  readonly refusal?: string | undefined;
  readonly refusedAs?: RefusalName | undefined;
  readonly faults?: Faults | undefined;
  readonly form: Fields;
  /** True for the controls of a form that changes what exists: each says what it shows (`touched.ts`). */
  readonly isChange?: boolean | undefined;
  /** Collects what the controls of such a form show, by the name of the control, as a form would send it. */
  readonly shown?: Map<string, Fields> | undefined;
  /** A secret that the form made: only this one answer shows it, and nothing stores it. */
  readonly secret?: string | undefined;
  /** The file that the form of a page with `takesFile` brought. */
  readonly file?: WholeFile | undefined;
  /** What the browser remembers for the viewer (`Outcome`); undefined: nothing of this name. */
  readonly remembered?: ((name: string) => string | undefined) | undefined;
  /** True once the viewer's browser has left. */
  readonly hasLeft?: (() => boolean) | undefined;
}

export const findMachineInPath = async (view: View): Promise<Machine | undefined> =>
  await view.region.store.findMachine(view.path.machine ?? '');

/**
 * The outcome of a form: the next page with a notice, the same page with a secret that the form
 * made, or a refusal; `undefined` if the path names nothing that exists.
 */
export type Outcome =
  | {
      readonly kind: 'done';
      readonly to: string;
      readonly text: string;
      /** A wish of the viewer for the next times, in a cookie: letters, digits, `-` and `_`. */
      readonly remember?: { readonly name: string; readonly value: string };
    }
  | { readonly kind: 'made'; readonly secret: string }
  | Refusal
  | undefined;

/** The refusal to sign in while too many other passwords are being checked. */
export const BUSY = refuse('rate-limit', 'Other passwords are being checked: try again in a moment.', {
  'Retry-After': '5',
});

export interface PageDefinition {
  /** `/MAAS/machines/:machine/` */
  readonly path: string;
  /** `user`: everyone with an account. `admin`: administrators. */
  readonly access: 'user' | 'admin';
  readonly render: (view: View) => Html | undefined | Promise<Html | undefined>;
  readonly act?: (view: View) => Outcome | Promise<Outcome>;
  /** True if its form has a large file, which is written to the disk while it arrives. */
  readonly takesFile?: boolean;
  /** The operations behind its forms, which check the rights; `undefined` if the page has no form. */
  readonly operations?: readonly WantedOperation[];
}

/** A file that a page offers. */
export interface DownloadDefinition extends Pick<PageDefinition, 'path' | 'access'> {
  /** `undefined`: the region has no time for it now. */
  readonly download: (
    view: View,
  ) => Promise<{ readonly text: string; readonly contentType: string; readonly name: string } | undefined>;
}

export const fieldValue = (view: Pick<View, 'form'>, name: string): string => view.form.get(name)?.at(-1) ?? '';

export const queryValue = (view: Pick<View, 'query'>, name: string): string => view.query.get(name)?.at(-1) ?? '';

/** A number from 0 on; `undefined`: the URL has none. */
export function queryNumber(view: Pick<View, 'query'>, name: string): number | undefined {
  const text = queryValue(view, name);
  return /^\d{1,15}$/.test(text) ? Number(text) : undefined;
}

/** An operation of API 2.0 as its table names it: `POST machines/{system_id} deploy`. */
export type WantedOperation = `${Method} ${string}`;

export const EDIT_MACHINE = 'PUT machines/{system_id}';
export const CHANGE_SETTINGS = 'POST settings change';

/** @throws Error if the table has none of this name */
export function findWanted(wanted: WantedOperation): Operation {
  const [method, path, op] = wanted.split(' ');
  const operation = OPERATIONS.find(
    (candidate) =>
      candidate.method === method &&
      candidate.path === path &&
      candidate.op === op &&
      candidate.versions.includes('2.0'),
  );
  if (operation === undefined) throw new Error(`no operation ${wanted}`);
  return operation;
}

/**
 * True if the viewer may call this operation in general; the operation itself checks the right to a
 * single machine, tag or script.
 */
export const mayCall = (viewer: Viewer, wanted: WantedOperation): boolean =>
  findWanted(wanted).access !== 'admin' || viewer.isAdmin;

/** Runs an operation as the viewer, with the same checks, rights and events as through the API. */
export async function operate(
  { region, viewer, peer, file }: View,
  wanted: WantedOperation,
  path: Readonly<Record<string, string>>,
  values: Readonly<Record<string, string | readonly string[] | undefined>>,
): Promise<Answer> {
  const fields = new Map<string, readonly string[]>();
  const operation = findWanted(wanted);
  if (operation.op !== undefined) fields.set('op', [operation.op]);
  for (const [name, value] of Object.entries(values)) {
    if (value !== undefined) fields.set(name, typeof value === 'string' ? [value] : value);
  }
  const { username, email, isAdmin } = viewer;
  const caller = { kind: 'user', username, email, isAdmin } as const;
  const call = { region, version: '2.0', path, caller, peer, query: new Map(), ...(file && { file }) } as const;
  return await runOperation([operation], operation.method, call, fields);
}

/** What `operate` would answer. Nothing is changed: its transaction is rolled back. */
export const tryOut = (view: View, ...operation: Last<Parameters<typeof operate>>): Promise<Answer> =>
  transactOrUndo(view.region, async (undo) => {
    throw undo(await operate(view, ...operation));
  });

type Last<T> = T extends readonly [View, ...infer Rest] ? Rest : never;

export const buildOutcome = (answer: Answer, to: string, text: string): Outcome =>
  answer.kind === 'refusal' ? answer : { kind: 'done', to, text };

/** Runs the operation of a form. @param to the page to show then @param text its notice */
export async function submit(
  view: View,
  wanted: WantedOperation,
  path: Parameters<typeof operate>[2],
  values: Parameters<typeof operate>[3],
  to: string,
  text: string,
): Promise<Outcome> {
  return buildOutcome(await operate(view, wanted, path, values), to, text);
}

/** True for a message that begins with the full key of its field: `boot.release: …` for `release`. */
const namesItself = (field: string, message: string) => {
  const key = message.slice(0, Math.max(0, message.indexOf(': ')));
  return key === field || key.endsWith(`.${field}`);
};

export function formatRefusal(refusal: Refusal): string {
  const body = renderRefusalBody(refusal);
  if (typeof body === 'string') return body;
  return Object.entries(body)
    .map(([field, messages]) => {
      const text = messages.join(' ');
      return messages.every((message) => namesItself(field, message)) ? text : `${field.replaceAll('_', ' ')}: ${text}`;
    })
    .join(' · ');
}

export const formatFieldFaults = ({ fields = {} }: Refusal): Faults =>
  new Map(
    Object.entries(fields).map(([field, words]) => [field, words.map((word) => asFullSentence(word.text)).join(' ')]),
  );

/** A message with a full stop, except one that ends in a command, which people copy. */
const asFullSentence = (text: string) => asSentence(/[.!?]$|rackboot \S.*$/.test(text) ? text : `${text}.`);

/** Renames the fields of a refusal. @param names the form's field for each field of the operation */
export function namedAsIn(outcome: Outcome, names: Readonly<Record<string, string>>): Outcome {
  if (outcome?.kind !== 'refusal' || outcome.fields === undefined) return outcome;
  const fields = Object.fromEntries(
    Object.entries(outcome.fields).map(([field, words]) => [names[field] ?? field, words]),
  );
  return { ...outcome, fields };
}

/**
 * The view for one of several forms on a page: only the submitted form shows the refusal and the
 * submitted values.
 */
export const ofForm = (view: View, isSent: boolean): View =>
  isSent ? view : { ...view, refusal: undefined, faults: undefined, form: new Map() };
