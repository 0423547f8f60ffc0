// Events: what the rack sees and does. Each room defines its kinds in its `events.ts`, the process and its link in `region/reports/`. One
// stream of all events feeds the log, the timeline, the metrics and the region. Engines return events; `server.ts` publishes them after the
// effect succeeded.
//
// 1. A kind is a stable string, `room.what-happened`; renaming one breaks people's searches.
// 2. An event holds no secret.
// 3. Log and region write the same sentence from the same fields. A field that no sentence needs is not sent to the region.

import type { Instant } from './clock.ts';
import type { Ipv4, MacAddress } from './net/address.ts';

export type EventLevel = 'debug' | 'info' | 'warning' | 'error';

/** One event. Kinds extend it with the fields an operator acts on: numbers, strings, booleans, no nested objects. */
export interface RackEvent {
  readonly kind: string;
  readonly at: Instant;
  /** The machine it concerns, when known. */
  readonly mac?: MacAddress | undefined;
  /** The machine's address, when known. */
  readonly address?: Ipv4 | undefined;
  /** How many occurrences a sampled event stands for (`rate-limit.ts`); undefined: one. */
  readonly count?: number | undefined;
}

/**
 * The type of a field; with `?` the field is optional. A list gives the only words that a field may hold; such a field is always optional.
 */
export type Form = 'text' | 'text?' | 'number' | 'number?' | 'flag' | 'flag?' | readonly string[];
/** The fields of a kind. */
export type Forms = Readonly<Record<string, Form>>;

/** The type of a field's value. */
export type ValueOf<F> = F extends 'text' | 'text?'
  ? string
  : F extends 'number' | 'number?'
    ? number
    : F extends 'flag' | 'flag?'
      ? boolean
      : F extends readonly (infer Word)[]
        ? Word
        : never;
type Needed<F> = { [N in keyof F]: F[N] extends 'text' | 'number' | 'flag' ? N : never }[keyof F];
/** The values of such fields. */
export type ParamsOf<F> = { readonly [N in Needed<F>]: ValueOf<F[N]> } & {
  readonly [N in Exclude<keyof F, Needed<F>>]?: ValueOf<F[N]> | undefined;
};

/** The writer of each sentence, from its parameters. */
export type Writers<Params> = { readonly [Code in keyof Params]: (params: Params[Code]) => string };

/** The parameters by code, as a table of writers takes them. */
export type WrittenParams<Table extends Readonly<Record<string, (...args: never) => string>>> = {
  readonly [Code in keyof Table]: Parameters<Table[Code]> extends [infer P]
    ? Readonly<P>
    : Readonly<Record<string, never>>;
};

/** A code with its parameters. */
export type Coded<Params, Code extends keyof Params = keyof Params> = {
  readonly [C in Code]: { readonly code: C; readonly params: Params[C] };
}[Code];

/** The sentence of a code; one that only another version knows is shown as it is. */
export const write = <Params, Code extends keyof Params>(
  writers: Writers<Params>,
  { code, params }: { readonly code: Code; readonly params: Params[Code] },
): string => (Object.hasOwn(writers, code) ? writers[code](params) : String(code));

/** What a sentence may use of any event; addresses are text. */
export type CommonParams = ParamsOf<{
  readonly mac: 'text?';
  readonly address: 'text?';
  readonly count: 'number?';
  /** Set by the region: the report came from outside the machine's home network, so it proves nothing about it (`racks/machine-homes.ts`). */
  readonly isAway: 'flag?';
}>;

/** An event kind as the operator sees it. */
export interface EventKind<F extends Forms = Forms, L extends Forms = Forms> {
  readonly level: EventLevel;
  /** The log line's message: a few words, no values. */
  readonly message: string;
  /** The fields that the region gets. */
  readonly fields: Readonly<Partial<F>>;
  /** Further fields, which only the log has. */
  readonly logged?: L | undefined;
  /** What happened and why; begins with a capital letter unless with a name, without a full stop. That of a refusal ends with its remedy. */
  readonly text: (params: CommonParams & ParamsOf<F>) => string;
  /** A paragraph: what happened, what follows from it, what to do. */
  readonly explanation: string;
}

/** Defines a kind of event with fields of its own. */
export const defineEvent = <const F extends Forms, const L extends Forms = Readonly<Record<never, Form>>>(
  kind: EventKind<F, L> & { readonly fields: F },
): EventKind<F, L> => kind;

/** Defines the kinds of a room whose events have one shape: each names those of its fields that its sentence needs. */
export const eventsWith =
  <const F extends Forms>(forms: F) =>
  ({
    fields: names,
    ...kind
  }: Omit<EventKind<F>, 'fields'> & { readonly fields: readonly (keyof F)[] }): EventKind<F> => {
    const fields: Partial<F> = {};
    for (const name of names) fields[name] = forms[name];
    return { ...kind, fields };
  };

/** The published events of a table. */
export type EventOf<Kinds> = {
  readonly [K in keyof Kinds]: Kinds[K] extends EventKind<infer F, infer L>
    ? RackEvent & { readonly kind: K } & ParamsOf<F> & ParamsOf<L>
    : never;
}[keyof Kinds];

/** Where events go. Never throws, never blocks. */
export type Publish = (event: RackEvent) => void;
