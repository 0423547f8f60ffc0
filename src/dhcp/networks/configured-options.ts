// Configured options, ready for use: bytes by code, and which clients get them. Sources: RFC 2131 §4.3.1 (what a server may add to a
// reply), RFC 3442 (routes replace the router option).
//
// 1. The bytes are made when the configuration is resolved. A datagram costs a look-up by code and, if an entry has a condition, a
//    comparison.
// 2. The first entry of a code whose condition matches decides. The host's entries come before those of the client's classes
//    (`classes.ts`), then those of the network, then the global ones.
// 3. A network without options costs nothing.

import type { DhcpOptions } from '../wire/message-options.ts';
import type { ClientCondition, ClientSubject } from './conditions.ts';

/** An option of the configuration. */
export interface ConfiguredOption {
  readonly code: number;
  readonly value: Uint8Array;
  /** Also sent to clients that do not ask for it. */
  readonly force: boolean;
  /** Undefined: for every client. */
  readonly when: ClientCondition | undefined;
}

/** Options to look up: the entries of each code in the order they are tried. */
export interface OptionTable {
  readonly byCode: ReadonlyMap<number, readonly ConfiguredOption[]>;
  /** Codes with a forced entry, in the order of the configuration. */
  readonly forced: readonly number[];
}

/** Makes a table of entries, the most specific first; undefined: there are none. */
export function tableOf(entries: readonly ConfiguredOption[]): OptionTable | undefined {
  if (entries.length === 0) return undefined;
  const byCode = Map.groupBy(entries, ({ code }) => code);
  const forced = new Set(entries.filter(({ force }) => force).map(({ code }) => code));
  return { byCode, forced: [...forced] };
}

/** The codes of a reply's options that came from the configuration. */
export function codesFrom(tables: readonly (OptionTable | undefined)[], options: DhcpOptions): readonly number[] {
  const given = ([code, bytes]: readonly [number, Uint8Array]): boolean =>
    tables.some((table) => table?.byCode.get(code)?.some(({ value }) => value === bytes) === true);
  return [...options].filter(given).map(([code]) => code);
}

/** The options of one client: those of its host entry, its classes, its network. */
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

  /** The entry of a code for this client; undefined: none. */
  find(code: number): ConfiguredOption | undefined {
    for (const { byCode } of this.#tables) {
      const entry = firstFor(this.#subject, byCode.get(code));
      if (entry !== undefined) return entry;
    }
    return undefined;
  }

  /** The entry of a code in the host entry of this client; undefined: none. */
  findOfHost(code: number): ConfiguredOption | undefined {
    return firstFor(this.#subject, this.#host?.byCode.get(code));
  }

  /** Every code that may have an entry for this client. */
  *codes(): Generator<number> {
    for (const { byCode } of this.#tables) yield* byCode.keys();
  }

  /** The codes that may be sent to it unasked. */
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
