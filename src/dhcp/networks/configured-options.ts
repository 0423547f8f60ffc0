// Options by configuration as they are used: bytes by code, and to whom they are given. Sources: RFC 2131 §4.3.1 (what a server
// may add to a reply), RFC 3442 (routes take the place of the router option).
//
// 1. Bytes are made when the configuration is resolved; per datagram there is a look-up by code and, where an entry has a
//    condition, a comparison.
// 2. Of the entries of a code the first decides whose condition holds: those of the host come before those of the client's classes
//    (`classes.ts`), these before those of the network, and these before the global ones.
// 3. A network without options costs nothing.

import type { DhcpOptions } from '../wire/option-list.ts';
import type { ClientCondition, ClientSubject } from './conditions.ts';

/** An option of the configuration. */
export interface ConfiguredOption {
  readonly code: number;
  readonly value: Uint8Array;
  /** Sent to clients that do not ask for it, too. */
  readonly force: boolean;
  /** Undefined: for every client. */
  readonly when: ClientCondition | undefined;
}

/** Options for asking: the entries of each code in the order in which they are tried. */
export interface OptionTable {
  readonly byCode: ReadonlyMap<number, readonly ConfiguredOption[]>;
  /** Codes with an entry that is sent unasked, in the order of the configuration. */
  readonly forced: readonly number[];
}

/** Makes a table of entries, the narrower first; undefined: there are none. */
export function tableOf(entries: readonly ConfiguredOption[]): OptionTable | undefined {
  if (entries.length === 0) return undefined;
  const byCode = Map.groupBy(entries, ({ code }) => code);
  const forced = new Set(entries.filter(({ force }) => force).map(({ code }) => code));
  return { byCode, forced: [...forced] };
}

/** Codes of a reply's options that the configuration gave. */
export function codesFrom(tables: readonly (OptionTable | undefined)[], options: DhcpOptions): readonly number[] {
  const given = ([code, bytes]: readonly [number, Uint8Array]): boolean =>
    tables.some((table) => table?.byCode.get(code)?.some(({ value }) => value === bytes) === true);
  return [...options].filter(given).map(([code]) => code);
}

/** The options of one client: those of its host entry, then those of its classes, then those of its network. */
export class ClientOptions {
  readonly #tables: readonly OptionTable[];
  readonly #host: OptionTable | undefined;
  readonly #subject: ClientSubject;

  /** @param tables the narrower first; the host's is among them */
  constructor(tables: readonly OptionTable[], host: OptionTable | undefined, subject: ClientSubject) {
    this.#tables = tables;
    this.#host = host;
    this.#subject = subject;
  }

  /** The entry of a code that is for this client; undefined: none is. */
  find(code: number): ConfiguredOption | undefined {
    for (const { byCode } of this.#tables) {
      const entry = firstFor(this.#subject, byCode.get(code));
      if (entry !== undefined) return entry;
    }
    return undefined;
  }

  /** The same among the entries of its host alone. */
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
