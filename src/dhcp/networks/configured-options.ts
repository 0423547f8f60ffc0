// Options by configuration as they are used: bytes by code, and to whom they are given. Sources: RFC 2131 §4.3.1 (what a server
// may add to a reply), RFC 3442 (routes take the place of the router option).
//
// 1. Bytes are made when the configuration is resolved; per datagram there is a look-up by code and, where an entry has a
//    condition, a comparison.
// 2. Of the entries of a code the first decides whose condition holds: those of the host come before those of the network, and
//    these before the global ones.
// 3. A network without options costs nothing.

import type { BootClient } from '../../boot/client.ts';
import type { DhcpMessage } from '../wire/message.ts';
import type { DhcpOptions } from '../wire/option-list.ts';
import { OPTION, optionText, optionU16List, userClasses } from '../wire/options.ts';
import type { RelayInformation } from '../wire/relay-agent.ts';

/** Text to compare with, one character a byte. */
export interface TextMatch {
  readonly text: string;
  /** True: what begins with `text` matches; else only `text` itself. */
  readonly isPrefix: boolean;
}

/** To whom an option is given; all that is there must hold. */
export interface OptionCondition {
  /** Option 60. */
  readonly vendorClass?: TextMatch | undefined;
  /** One of the classes of option 77. */
  readonly userClass?: TextMatch | undefined;
  /** One of the numbers of option 93, or the one in the vendor class. */
  readonly architectures?: readonly number[] | undefined;
  /** What the relay says of the port (82.1). */
  readonly circuitId?: TextMatch | undefined;
}

/** An option of the configuration. */
export interface ConfiguredOption {
  readonly code: number;
  readonly value: Uint8Array;
  /** Sent to clients that do not ask for it, too. */
  readonly force: boolean;
  /** Undefined: for every client. */
  readonly when: OptionCondition | undefined;
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

/** What conditions are held against. */
export interface OptionClient {
  readonly message: DhcpMessage;
  readonly relay: RelayInformation | undefined;
  readonly client: BootClient | undefined;
}

/** The options of one client: those of its host entry, then those of its network. */
export class ClientOptions {
  readonly #host: OptionTable | undefined;
  readonly #network: OptionTable | undefined;
  readonly #client: OptionClient;

  constructor(host: OptionTable | undefined, network: OptionTable | undefined, client: OptionClient) {
    this.#host = host;
    this.#network = network;
    this.#client = client;
  }

  /** The entry of a code that is for this client; undefined: none is. */
  find(code: number): ConfiguredOption | undefined {
    return this.findOfHost(code) ?? firstFor(this.#client, this.#network?.byCode.get(code));
  }

  /** The same among the entries of its host alone. */
  findOfHost(code: number): ConfiguredOption | undefined {
    return firstFor(this.#client, this.#host?.byCode.get(code));
  }

  /** Every code that may have an entry for this client. */
  *codes(): Generator<number> {
    if (this.#host !== undefined) yield* this.#host.byCode.keys();
    if (this.#network !== undefined) yield* this.#network.byCode.keys();
  }

  /** The codes that may be sent to it unasked. */
  *forced(): Generator<number> {
    if (this.#host !== undefined) yield* this.#host.forced;
    if (this.#network !== undefined) yield* this.#network.forced;
  }
}

function firstFor(
  client: OptionClient,
  entries: readonly ConfiguredOption[] | undefined,
): ConfiguredOption | undefined {
  return entries?.find(({ when }) => when === undefined || isFor(when, client));
}

function isFor(when: OptionCondition, { message, relay, client }: OptionClient): boolean {
  const { vendorClass, userClass, architectures, circuitId } = when;
  if (vendorClass !== undefined && !matches(vendorClass, optionText(message.options, OPTION.vendorClass))) return false;
  if (userClass !== undefined && !userClasses(message.options).some((name) => matches(userClass, name))) return false;
  if (circuitId !== undefined && !matches(circuitId, relay?.circuitId)) return false;
  if (architectures === undefined) return true;
  if (client !== undefined && architectures.includes(client.architecture)) return true;
  return optionU16List(message.options, OPTION.clientArchitecture).some((number) => architectures.includes(number));
}

function matches({ text, isPrefix }: TextMatch, said: string | undefined): boolean {
  if (said === undefined) return false;
  return isPrefix ? said.startsWith(text) : said === text;
}
