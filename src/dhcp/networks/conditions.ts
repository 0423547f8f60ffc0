// Configured conditions on clients, for options and classes. Pure.
//
// 1. Everything a condition names must match; of a list, one entry.
// 2. Values are compared as received, one character a byte; only the host name as a lower-case label.

import type { BootClient } from '../../boot/client.ts';
import type { MacAddress } from '../../ground/address.ts';
import { clientName } from '../wire/client-fqdn.ts';
import type { DhcpMessage } from '../wire/message.ts';
import { OPTION, optionText, optionU16List, userClasses } from '../wire/options.ts';

export interface TextMatch {
  readonly text: string;
  /** True: anything that begins with `text` matches. */
  readonly isPrefix: boolean;
  /** True: anything that ends with `text` matches, or, with `isPrefix`, contains it. */
  readonly isSuffix?: boolean | undefined;
}

/** The first bits of hardware addresses. */
interface MacPrefix {
  readonly value: number;
  readonly bits: number;
}

export interface ClientCondition {
  /** The region's name, else its reservation's, else its own; one must match. */
  readonly hostnames?: readonly TextMatch[] | undefined;
  /** Beginnings of its hardware address; one must match. */
  readonly macs?: readonly MacPrefix[] | undefined;
  /** Option 60. */
  readonly vendorClass?: TextMatch | undefined;
  /** One of its classes in option 77. */
  readonly userClass?: TextMatch | undefined;
  /** In option 93, or in the vendor class. */
  readonly architectures?: readonly number[] | undefined;
  /** The port by its relay (82.1). */
  readonly circuitId?: TextMatch | undefined;
}

interface ClientTraits {
  readonly message: Pick<DhcpMessage, 'options'>;
  readonly mac: MacAddress;
  /** From the region or a reservation. */
  readonly hostname: string | undefined;
  readonly circuitId: string | undefined;
  readonly client: BootClient | undefined;
}

/** A client to match; its message is read once. */
export class ClientSubject {
  readonly #traits: ClientTraits;
  #hostname: { readonly name: string | undefined } | undefined;
  #vendorClass: { readonly text: string | undefined } | undefined;
  #userClasses: readonly string[] | undefined;
  #architectures: readonly number[] | undefined;

  constructor(traits: ClientTraits) {
    this.#traits = traits;
  }

  fits(when: ClientCondition): boolean {
    const { hostnames, macs, vendorClass, userClass, architectures, circuitId } = when;
    const { client, mac } = this.#traits;
    if (macs !== undefined && !macs.some((prefix) => beginsWith(prefix, mac))) return false;
    if (circuitId !== undefined && !matchesText(circuitId, this.#traits.circuitId)) return false;
    if (vendorClass !== undefined && !matchesText(vendorClass, this.#saidVendorClass())) return false;
    if (userClass !== undefined && !this.#saidUserClasses().some((name) => matchesText(userClass, name))) return false;
    if (architectures !== undefined) {
      const isOfClient = client !== undefined && architectures.includes(client.architecture);
      if (!isOfClient && !this.#saidArchitectures().some((number) => architectures.includes(number))) return false;
    }
    return hostnames === undefined || hostnames.some((match) => matchesText(match, this.#name()));
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

function matchesText({ text, isPrefix, isSuffix }: TextMatch, value: string | undefined): boolean {
  if (value === undefined) return false;
  if (isSuffix === true) return isPrefix ? value.includes(text) : value.endsWith(text);
  return isPrefix ? value.startsWith(text) : value === text;
}
