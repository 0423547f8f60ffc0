// The answer of an operation before it becomes HTTP. Every refusal has a name, which is counted and
// sent in a header.
//
// Sources: the status codes and plain-text bodies that MAAS's clients expect; RFC 9110 §15.
//
// 1. A refusal says in words what is wrong and what to do; `renderRefusalBody` makes the sentences,
//    which clients show to users unchanged.

import type { z } from 'zod';
import { counted } from '../../../ground/counted.ts';
import type { StateUpdate } from '../../racks/state-update.ts';
import type { EventFilter } from '../../records/filters.ts';
import type { MachineEvent } from '../../records/machine-event.ts';
import {
  fieldRefusal,
  partRefusal,
  type RefusalName,
  type RefusalWord,
  refusal,
  wordOfIssue,
} from '../../records/refusal.ts';
import type { SettingsRefusal } from '../../records/settings-refusal.ts';
import { cleanWords } from '../../records/text-json.ts';
import type { EventPlace } from './event-place.ts';

/** How many machines and devices something has, and the first of them. */
export const inhabitantsText = ({
  machines,
  count,
}: {
  readonly machines: readonly string[];
  readonly count: number;
}): string =>
  `${counted(count, 'machine or device', 'machines and devices')}: ${machines.join(', ')}${count > machines.length ? ` and ${count - machines.length} more` : ''}`;

export const domainText = (domain: string): string =>
  `Only an administrator may choose a domain other than ${domain}, because DNS would serve its names to every client.`;

export const ONLY_USERS = 'Only a user may do this.';

export const NO_KEY = 'Authenticate with an API key: rackboot apikey prints one.';

export const HAS_NUL =
  'A text in this request contains the character NUL or half of a surrogate pair, which is not allowed.';

export const ONLY_ADMINISTRATORS = 'Only an administrator may do this.';

interface NamedRefusal {
  readonly kind: 'refusal';
  readonly name: RefusalName;
  /** Further headers: `Allow`, `Retry-After`, `WWW-Authenticate`. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
}

/** The problems of each field. */
export type FieldWords = Readonly<Record<string, readonly RefusalWord[]>>;

/** A refusal with its reasons: one, or one for each of several machines, or lists of them by field. */
export type Refusal =
  | (NamedRefusal & { readonly words: readonly RefusalWord[]; readonly fields?: undefined })
  | RefusedFields;

type RefusedFields = NamedRefusal & { readonly words?: undefined; readonly fields: FieldWords };

const NOTHING = Buffer.alloc(0);

/**
 * JSON as MAAS writes it: one key a line, indented by four, because its command prints what it gets
 * and scripts read that by lines.
 * @param isCompact for a client that asks for JSON by name
 */
export const jsonText = (value: unknown, isCompact: boolean): string =>
  JSON.stringify(value, null, isCompact ? undefined : 4);

/** The JSON text of an entry within an indented list, from the end of the line before it. */
export const entryText = (value: unknown): string => jsonText([value], false).slice(1, -2);

/** An entry that is `entryText` already: a text, and its continuation in bytes of UTF-8. */
export class JsonText {
  readonly text: string;
  readonly rest: Buffer;

  constructor(text: string, rest: Buffer = NOTHING) {
    this.text = text;
    this.rest = rest;
  }
}

/** A list to send: values, or their JSON text. An `undefined` entry was examined and left out. */
export interface ListToSend {
  /** `username address` of the caller. */
  readonly holder: string;
  readonly entries: AsyncIterator<unknown, void>;
}

/** A request to follow the log. */
export interface EventFollowing {
  /** The user who follows, and the client's address. */
  readonly username: string;
  readonly address: string;
  readonly filter: Omit<EventFilter, 'after' | 'before' | 'limit'>;
  /** Start after this event; `undefined`: start now. */
  readonly after: EventPlace | undefined;
  readonly render: (event: MachineEvent) => unknown;
  /** False once its key or its account has been removed. */
  readonly isAllowed: () => Promise<boolean>;
}

export type Answer =
  | { readonly kind: 'json'; readonly value: unknown; readonly status: 200 | 201 | 202 }
  | { readonly kind: 'text'; readonly text: string | Buffer; readonly contentType: string }
  | ({ readonly kind: 'list' } & ListToSend)
  /** The desired state of a rack, with its entity tag. */
  | StateUpdate
  | { readonly kind: 'follow'; readonly following: EventFollowing }
  | { readonly kind: 'empty' }
  | Refusal;

export const json = (value: unknown, status: 200 | 201 | 202 = 200): Answer => ({ kind: 'json', value, status });

/** The answer without a body. */
export const EMPTY: Answer = { kind: 'empty' };

export const plainText = (text: string): Answer => ({
  kind: 'text',
  text,
  contentType: 'text/plain; charset=utf-8',
});

/** Refuses for reasons that were found elsewhere; the first gives the name. */
export const refuseFor = (
  reasons: readonly [RefusalWord, ...RefusalWord[]],
  headers?: Refusal['headers'],
): Refusal => ({
  kind: 'refusal',
  name: reasons[0].name,
  words: reasons,
  ...(headers === undefined ? {} : { headers }),
});

/** Refuses for one reason. */
export const refuse = (name: RefusalName, text: string, headers?: Refusal['headers']): Refusal =>
  refuseFor([refusal(name, text)], headers);

/** @param name as the caller gave it */
export const refuseRack = (name = ''): Refusal => refuse('not-found', `There is no rack ${name.slice(0, 64)}.`);

/** A refusal by field. */
export const refuseFields = (fields: FieldWords, name: RefusalName = 'invalid-parameters'): Refusal => ({
  kind: 'refusal',
  name,
  fields,
});

/** A refusal of one field. */
export const refuseField = (field: string, text: string): Refusal => refuseFields({ [field]: [fieldRefusal(text)] });

/** The refusal of system ids that nobody has. @param field the parameter that names them */
export const refuseMachines = (field: string, systemIds: readonly string[]): Refusal =>
  refuseField(field, `No machine has the system id ${cleanWords(systemIds.join(', '), 200)}.`);

/** A settings refusal in the form MAAS's clients read: problems by field name. */
export function refuseSetting(refused: SettingsRefusal): Refusal {
  if (refused.problems === undefined) return refuseFor([refused]);
  const byField = Object.groupBy(refused.problems, ({ key }) => key.slice(key.lastIndexOf('.') + 1));
  return refuseFields(
    Object.fromEntries(
      Object.entries(byField).map(([field, problems = []]) => [
        field,
        problems.map(({ key, message }) => partRefusal('setting-invalid', key, message)),
      ]),
    ),
    'setting-invalid',
  );
}

/** True if a refusal came instead of the requested value. */
export const isRefusal = (value: unknown): value is Refusal =>
  typeof value === 'object' && value !== null && 'kind' in value && value.kind === 'refusal';

const hasNone = <T extends readonly unknown[]>(values: T): values is T & { [K in keyof T]: Exclude<T[K], Refusal> } =>
  !values.some(isRefusal);

/**
 * All values, if none is a refusal; otherwise one refusal of all refused fields. A refusal that
 * names no field takes precedence.
 */
export function combineOrRefuse<T extends readonly unknown[]>(...values: T) {
  if (hasNone(values)) return values;
  const refusals = values.filter(isRefusal);
  const [first] = refusals;
  const plain = refusals.find(({ fields }) => fields === undefined);
  return plain ?? refuseFields(Object.assign({}, ...refusals.map(({ fields }) => fields)), first?.name);
}

/** The problems that a schema found, by field. */
export const groupIssuesByField = ({ issues }: z.ZodError): FieldWords =>
  Object.fromEntries(issues.map((issue) => [issue.path.join('.'), [wordOfIssue(issue)]]));

/** The refusal of a path that names no machine. */
export const NO_MACHINE: Refusal = refuse('not-found', 'No machine has this system id.');

/** The refusal of a caller without credentials whose address is in no managed network. */
export const refuseUnmanaged = (address: string): Refusal =>
  refuse('not-from-here', `${address} is not in a managed network: machines enlist only from those.`);

/** A refusal in sentences: plain text, or the messages of each field. */
export const renderRefusalBody = ({ words, fields }: Refusal): string | Readonly<Record<string, readonly string[]>> =>
  fields === undefined
    ? words.map(({ text }) => text).join('\n')
    : Object.fromEntries(Object.entries(fields).map(([field, list]) => [field, list.map(({ text }) => text)]));
