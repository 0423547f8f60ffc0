// Conditions of the configuration on a client: what an entry of options, or a class, is held against. Pure.
//
// 1. All that a condition names must hold, and of a list one entry.
// 2. What a client says of itself is compared as it came, one character a byte; only its host name is a label in lower case.

import type { BootClient } from '../../boot/client.ts';
import type { MacAddress } from '../../net/address.ts';
import { clientName } from '../wire/client-fqdn.ts';
import type { DhcpMessage } from '../wire/message.ts';
import { OPTION, optionText, optionU16List, userClasses } from '../wire/options.ts';

/** Text to compare with, one character a byte. */
export interface TextMatch {
  readonly text: string;
  /** True: what begins with `text` matches; else only `text` itself. */
  readonly isPrefix: boolean;
  /** True: what ends with `text` matches, and with `isPrefix` what holds it; undefined: false. */
  readonly isSuffix?: boolean | undefined;
}

/** The first bits of hardware addresses, and how many they are. */
export interface MacPrefix {
  readonly value: number;
  readonly bits: number;
}

/** On which clients something holds; all that is there must hold. */
export interface ClientCondition {
  /** The name by which the client goes here: the region's, else its reservation's, else what it calls itself. One of them. */
  readonly hostnames?: readonly TextMatch[] | undefined;
  /** How its hardware address begins: in one of these ways. */
  readonly macs?: readonly MacPrefix[] | undefined;
  /** Option 60. */
  readonly vendorClass?: TextMatch | undefined;
  /** One of the classes of option 77. */
  readonly userClass?: TextMatch | undefined;
  /** One of the numbers of option 93, or the one in the vendor class. */
  readonly architectures?: readonly number[] | undefined;
  /** What the relay says of the port (82.1). */
  readonly circuitId?: TextMatch | undefined;
}

/** What a client is, as far as conditions go. */
export interface ClientTraits {
  readonly message: Pick<DhcpMessage, 'options'>;
  readonly mac: MacAddress;
  /** What the region or a reservation calls it; undefined: neither does. */
  readonly hostname: string | undefined;
  readonly circuitId: string | undefined;
  readonly client: BootClient | undefined;
}

/** A client that conditions are held against; what its message says is read once, however many there are. */
export class ClientSubject {
  readonly #traits: ClientTraits;
  #hostname: { readonly name: string | undefined } | undefined;
  #vendorClass: { readonly text: string | undefined } | undefined;
  #userClasses: readonly string[] | undefined;
  #architectures: readonly number[] | undefined;

  constructor(traits: ClientTraits) {
    this.#traits = traits;
  }

  /** True where a condition holds. */
  fits(when: ClientCondition): boolean {
    const { hostnames, macs, vendorClass, userClass, architectures, circuitId } = when;
    const { client, mac } = this.#traits;
    if (macs !== undefined && !macs.some((prefix) => beginsWith(prefix, mac))) return false;
    if (circuitId !== undefined && !matches(circuitId, this.#traits.circuitId)) return false;
    if (vendorClass !== undefined && !matches(vendorClass, this.#saidVendorClass())) return false;
    if (userClass !== undefined && !this.#saidUserClasses().some((name) => matches(userClass, name))) return false;
    if (architectures !== undefined) {
      const isOfClient = client !== undefined && architectures.includes(client.architecture);
      if (!isOfClient && !this.#saidArchitectures().some((number) => architectures.includes(number))) return false;
    }
    return hostnames === undefined || hostnames.some((match) => matches(match, this.#name()));
  }

  #name(): string | undefined {
    this.#hostname ??= { name: this.#traits.hostname ?? clientName(this.#traits.message.options) };
    return this.#hostname.name;
  }

  #saidVendorClass(): string | undefined {
    this.#vendorClass ??= { text: optionText(this.#traits.message.options, OPTION.vendorClass) };
    return this.#vendorClass.text;
  }

  #saidUserClasses(): readonly string[] {
    this.#userClasses ??= userClasses(this.#traits.message.options);
    return this.#userClasses;
  }

  #saidArchitectures(): readonly number[] {
    this.#architectures ??= optionU16List(this.#traits.message.options, OPTION.clientArchitecture);
    return this.#architectures;
  }
}

const MAC_BITS = 48;

const beginsWith = ({ value, bits }: MacPrefix, mac: MacAddress): boolean =>
  Math.floor(mac / 2 ** (MAC_BITS - bits)) === value;

function matches({ text, isPrefix, isSuffix }: TextMatch, said: string | undefined): boolean {
  if (said === undefined) return false;
  if (isSuffix === true) return isPrefix ? said.includes(text) : said.endsWith(text);
  return isPrefix ? said.startsWith(text) : said === text;
}
