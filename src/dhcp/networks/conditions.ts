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

/** What conditions are held against. */
export interface ClientSubject {
  readonly message: DhcpMessage;
  readonly mac: MacAddress;
  /** What the region or a reservation calls it; undefined: neither does. */
  readonly hostname: string | undefined;
  readonly circuitId: string | undefined;
  readonly client: BootClient | undefined;
}

const MAC_BITS = 48;

/** True where a condition holds. */
export function holdsFor(when: ClientCondition, subject: ClientSubject): boolean {
  const { hostnames, macs, vendorClass, userClass, architectures, circuitId } = when;
  const { options } = subject.message;
  if (vendorClass !== undefined && !matches(vendorClass, optionText(options, OPTION.vendorClass))) return false;
  if (userClass !== undefined && !userClasses(options).some((name) => matches(userClass, name))) return false;
  if (circuitId !== undefined && !matches(circuitId, subject.circuitId)) return false;
  if (architectures !== undefined && !hasArchitecture(architectures, subject)) return false;
  if (macs !== undefined && !macs.some((prefix) => beginsWith(prefix, subject.mac))) return false;
  if (hostnames === undefined) return true;
  const name = subject.hostname ?? clientName(options);
  return hostnames.some((match) => matches(match, name));
}

function hasArchitecture(architectures: readonly number[], { client, message }: ClientSubject): boolean {
  if (client !== undefined && architectures.includes(client.architecture)) return true;
  return optionU16List(message.options, OPTION.clientArchitecture).some((number) => architectures.includes(number));
}

const beginsWith = ({ value, bits }: MacPrefix, mac: MacAddress): boolean =>
  Math.floor(mac / 2 ** (MAC_BITS - bits)) === value;

function matches({ text, isPrefix, isSuffix }: TextMatch, said: string | undefined): boolean {
  if (said === undefined) return false;
  if (isSuffix === true) return isPrefix ? said.includes(text) : said.endsWith(text);
  return isPrefix ? said.startsWith(text) : said === text;
}
