// Events: what the rack sees and does. Each room defines its kinds in `events.ts`, the process and
// its link in `region/reports/`. One stream of all events feeds the log, the timeline, the metrics
// and the region. Engines return events; `server.ts` publishes them after the effect succeeded.
//
// 1. A kind is a stable string, `room.what-happened`; renaming one breaks people's searches.
// 2. An event holds no secret.
// 3. Log and region write the same sentence from the same fields. The region gets only fields that
//    a sentence needs.

import type { Ipv4, MacAddress } from './address.ts';
import type { Instant } from './clock.ts';

export type EventLevel = 'debug' | 'info' | 'warning' | 'error';

/** Kinds add the fields an operator acts on: numbers, strings, booleans, no nested objects. */
export interface RackEvent {
  readonly kind: string;
  readonly at: Instant;
  readonly mac?: MacAddress | undefined;
  readonly address?: Ipv4 | undefined;
  /** Occurrences of a sampled event (`rate-limit.ts`); default: 1. */
  readonly count?: number | undefined;
}

/** The type of a field; `?`: optional. A list gives the only words of a field, which is then optional. */
export type Form = 'text' | 'text?' | 'number' | 'number?' | 'flag' | 'flag?' | readonly string[];
export type Forms = Readonly<Record<string, Form>>;

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
export type ParamsOf<F> = { readonly [N in Needed<F>]: ValueOf<F[N]> } & {
  readonly [N in Exclude<keyof F, Needed<F>>]?: ValueOf<F[N]> | undefined;
};

export type Writers<Params> = { readonly [Code in keyof Params]: (params: Params[Code]) => string };

/** The parameters by code, as a table of writers takes them. */
export type WrittenParams<Table extends Readonly<Record<string, (...args: never) => string>>> = {
  readonly [Code in keyof Table]: Parameters<Table[Code]> extends [infer P]
    ? Readonly<P>
    : Readonly<Record<string, never>>;
};

export type Coded<Params, Code extends keyof Params = keyof Params> = {
  readonly [C in Code]: { readonly code: C; readonly params: Params[C] };
}[Code];

/** A code that only another version knows is shown as it is. */
export const write = <Params, Code extends keyof Params>(
  writers: Writers<Params>,
  { code, params }: { readonly code: Code; readonly params: Params[Code] },
): string => (Object.hasOwn(writers, code) ? writers[code](params) : String(code));

/** Addresses are text. */
export type CommonParams = ParamsOf<{
  readonly mac: 'text?';
  readonly address: 'text?';
  readonly count: 'number?';
  /**
   * Set by the region: the report came from outside the machine's home network, and proves nothing
   * (`racks/machine-homes.ts`).
   */
  readonly isAway: 'flag?';
}>;

/** An event kind as the operator sees it. */
export interface EventKind<F extends Forms = Forms, L extends Forms = Forms> {
  readonly level: EventLevel;
  /** A few words, no values. */
  readonly message: string;
  /** The fields that the region gets. */
  readonly fields: Readonly<Partial<F>>;
  /** Further fields, for the log only. */
  readonly logged?: L | undefined;
  /**
   * What happened and why, without a full stop. It begins with a capital letter or a name. The text
   * of a refusal ends with its remedy.
   */
  readonly text: (params: CommonParams & ParamsOf<F>) => string;
  /** A paragraph: what happened, what follows from it, what to do. */
  readonly explanation: string;
}

export const defineEvent = <const F extends Forms, const L extends Forms = Readonly<Record<never, Form>>>(
  kind: EventKind<F, L> & { readonly fields: F },
): EventKind<F, L> => kind;

/**
 * Defines the kinds of a room whose events share one set of fields. Each kind lists the fields that
 * its sentence needs.
 */
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

export type EventOf<Kinds> = {
  readonly [K in keyof Kinds]: Kinds[K] extends EventKind<infer F, infer L>
    ? RackEvent & { readonly kind: K } & ParamsOf<F> & ParamsOf<L>
    : never;
}[keyof Kinds];

/** Never throws, never blocks. */
export type Publish = (event: RackEvent) => void;
