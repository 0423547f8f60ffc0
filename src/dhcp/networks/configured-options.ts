// Configured options: bytes by code, and which clients get them. Sources: RFC 2131 §4.3.1 (what a
// server may add to a reply), RFC 3442 (routes replace the router option).
//
// 1. Bytes are made when the configuration is resolved; a datagram costs a look-up and perhaps a comparison.
// 2. The first entry of a code whose condition matches decides: the host's, its classes'
//    (`classes.ts`), the network's, the global ones.
// 3. A network without options costs nothing.

import type { DhcpOptions } from '../wire/message-options.ts';
import type { ClientCondition, ClientSubject } from './conditions.ts';

export interface ConfiguredOption {
  readonly code: number;
  readonly value: Uint8Array;
  /** Also sent to clients that do not ask for it. */
  readonly force: boolean;
  /** Undefined: for every client. */
  readonly when: ClientCondition | undefined;
}

/** Entries of each code in the order tried. */
export interface OptionTable {
  readonly byCode: ReadonlyMap<number, readonly ConfiguredOption[]>;
  /** In the configuration's order. */
  readonly forced: readonly number[];
}

/** The most specific first; undefined: no entries. */
export function buildOptionTable(entries: readonly ConfiguredOption[]): OptionTable | undefined {
  if (entries.length === 0) return undefined;
  const byCode = Map.groupBy(entries, ({ code }) => code);
  const forced = new Set(entries.filter(({ force }) => force).map(({ code }) => code));
  return { byCode, forced: [...forced] };
}

/** The reply's codes from the configuration. */
export function codesFrom(tables: readonly (OptionTable | undefined)[], options: DhcpOptions): readonly number[] {
  const isConfigured = ([code, bytes]: readonly [number, Uint8Array]): boolean =>
    tables.some((table) => table?.byCode.get(code)?.some(({ value }) => value === bytes) === true);
  return [...options].filter(isConfigured).map(([code]) => code);
}

/** One client's options: of its host entry, classes and network. */
export class ClientOptions {
  readonly #tables: readonly OptionTable[];
  readonly #host: OptionTable | undefined;
  readonly #subject: ClientSubject;

  /** @param tables the most specific first, including the host's */
  constructor(tables: readonly OptionTable[], host: OptionTable | undefined, subject: ClientSubject) {
    this.#tables = tables;
    this.#host = host;
    this.#subject = subject;
  }

  find(code: number): ConfiguredOption | undefined {
    for (const { byCode } of this.#tables) {
      const entry = firstFor(this.#subject, byCode.get(code));
      if (entry !== undefined) return entry;
    }
    return undefined;
  }

  /** Finds an option of the host entry alone. */
  findOfHost(code: number): ConfiguredOption | undefined {
    return firstFor(this.#subject, this.#host?.byCode.get(code));
  }

  *codes(): Generator<number> {
    for (const { byCode } of this.#tables) yield* byCode.keys();
  }

  /** May be sent unasked. */
  *forced(): Generator<number> {
    for (const { forced } of this.#tables) yield* forced;
  }
}

function firstFor(
  subject: ClientSubject,
  entries: readonly ConfiguredOption[] | undefined,
): ConfiguredOption | undefined {
  return entries?.find(({ when }) => when === undefined || subject.fits(when));
}
