// Option values as people write them, and their bytes. Sources: RFC 2132 §2 (layout of values), RFC
// 3397 §2 (names of option 119, with the pointers of RFC 1035 §4.1.4), RFC 3442 (routes of option
// 121), RFC 2132 §8.4 (options within option 43), RFC 3925 §4 (option 125).
//
// 1. Every input becomes bytes or the first problem, with its place; nothing is thrown.
// 2. A value has at least one byte and at most OPTION_VALUE_BYTES_MAX.

import { type Ipv4, type Ipv4Network, parseIpv4, parseNetwork } from '../../ground/address.ts';
import { joinBytes } from '../../ground/borrowed-bytes.ts';
import { counted } from '../../ground/counted.ts';
import { addressBytes, domainNameBytes, u32Bytes } from './options.ts';

/** The longest value, in bytes: it fits an Ethernet frame with the options of every reply. */
export const OPTION_VALUE_BYTES_MAX = 1024;
/** An option within an option has a one-byte length. */
const SUBOPTION_BYTES_MAX = 255;
/** The most entries of a list. */
const ENTRIES_MAX = 256;

/** The types of values, each with an example. */
export const OPTION_TYPES = {
  ip: 'an IPv4 address: 10.20.0.1',
  'ip-list': 'IPv4 addresses: [10.20.0.1, 10.20.0.2]',
  'ip-pairs': 'pairs of IPv4 addresses: [[10.9.0.0, 255.255.0.0]]',
  u8: 'a number of one byte: 64',
  u16: 'a number of two bytes: 1500',
  'u16-list': 'numbers of two bytes: [68, 296]',
  u32: 'a number of four bytes: 86400',
  i32: 'a number of four bytes that may be negative: -3600',
  bool: 'true or false',
  text: 'printable ASCII characters: "pxelinux.0"',
  hex: 'bytes as hex digits, in quotes: "01:0a:ff"',
  domain: 'one domain name, as labels: boot.example.net',
  'domain-list': 'domain names, as labels: [example.net, lab.example.net]',
  routes: 'destinations with their routers: [[10.9.0.0/16, 10.20.0.254]]',
  suboptions: 'options within the option: [{ code: 1, type: ip, value: 10.20.0.1 }]',
  'vendor-identifying': 'options of vendors: [{ enterprise: 42623, suboptions: [{ code: 1, type: text, value: x }] }]',
} as const;

export type OptionType = keyof typeof OPTION_TYPES;

/** Every type. */
export const OPTION_TYPE_NAMES: readonly OptionType[] = Object.keys(OPTION_TYPES).filter(isOptionType);

/** True for the name of a type. */
function isOptionType(name: string): name is OptionType {
  return Object.hasOwn(OPTION_TYPES, name);
}

/** Router 0.0.0.0: the destination is on the wire (RFC 3442). */
interface Route {
  readonly network: Ipv4Network;
  readonly router: Ipv4;
}

/** A fault in a value. */
export interface ValueProblem {
  /** Empty for the whole value, else `[2]` or `[0].suboptions[1].value`. */
  readonly at: string;
  readonly message: string;
  /** A number that its type cannot hold. */
  readonly outside?: number;
}

/** The bytes of a value, or its fault. */
type EncodedValue =
  | { readonly ok: true; readonly bytes: Uint8Array }
  | { readonly ok: false; readonly problem: ValueProblem };

export function encodeOptionValue(type: OptionType, value: unknown): EncodedValue {
  const encoded = encode(type, value, '');
  if (!encoded.ok) return encoded;
  const { length } = encoded.bytes;
  if (length === 0) return wrong('', 'is empty; leave the option out instead');
  return length > OPTION_VALUE_BYTES_MAX
    ? wrong('', `has ${counted(length, 'byte')}; at most ${OPTION_VALUE_BYTES_MAX} fit a reply`)
    : encoded;
}

/** Routes (RFC 3442): prefix length, the destination's bytes it needs, router. */
export function routeBytes(routes: readonly Route[]): Uint8Array {
  return Uint8Array.from(
    routes.flatMap(({ network, router }) => [
      network.prefix,
      ...addressBytes(network.address).subarray(0, Math.ceil(network.prefix / 8)),
      ...addressBytes(router),
    ]),
  );
}

function encode(type: OptionType, value: unknown, at: string): EncodedValue {
  switch (type) {
    case 'ip':
      return encodeAddress(value, at);
    case 'ip-list':
      return typeof value === 'string' ? encodeAddress(value, at) : encodeList(type, value, at, encodeAddress);
    case 'ip-pairs':
      return encodeList(type, value, at, encodePair);
    case 'u16-list':
      return encodeList(type, value, at, (entry, place) => encodeNumber('u16', entry, place));
    case 'u8':
    case 'u16':
    case 'u32':
    case 'i32':
      return encodeNumber(type, value, at);
    case 'bool':
      return typeof value === 'boolean' ? good(Uint8Array.of(value ? 1 : 0)) : unlike(type, value, at);
    case 'text':
      return encodeText(value, at);
    case 'hex':
      return encodeHex(value, at);
    case 'domain':
      return encodeDomain(value, at);
    case 'domain-list':
      return typeof value === 'string' ? encodeDomain(value, at) : encodeList(type, value, at, encodeDomain);
    case 'routes':
      return encodeList(type, value, at, encodeRoute);
    case 'suboptions':
      return encodeList(type, value, at, encodeSubOption);
    default:
      return encodeList(type, value, at, encodeVendor);
  }
}

const good = (bytes: Uint8Array): EncodedValue => ({ ok: true, bytes });
const wrong = (at: string, message: string): EncodedValue => ({ ok: false, problem: { at, message } });

/** A value that is not of its type. */
function unlike(type: OptionType, value: unknown, at: string): EncodedValue {
  const foundText = value === undefined ? 'nothing' : (JSON.stringify(value) ?? String(value));
  return wrong(
    at,
    `expected ${OPTION_TYPES[type]}; found ${foundText.length > 80 ? `${foundText.slice(0, 79)}…` : foundText}`,
  );
}

type EncodeEntry = (entry: unknown, at: string) => EncodedValue;

function encodeList(type: OptionType, value: unknown, at: string, encodeEntry: EncodeEntry): EncodedValue {
  if (!Array.isArray(value) || value.length === 0) return unlike(type, value, at);
  if (value.length > ENTRIES_MAX)
    return wrong(at, `has ${counted(value.length, 'entry', 'entries')}; at most ${ENTRIES_MAX}`);
  const parts: Uint8Array[] = [];
  for (const [index, entry] of value.entries()) {
    const encoded = encodeEntry(entry, `${at}[${index}]`);
    if (!encoded.ok) return encoded;
    parts.push(encoded.bytes);
  }
  return good(joinBytes(parts));
}

const parseAddressValue = (value: unknown): Ipv4 | undefined =>
  typeof value === 'string' ? parseIpv4(value.trim()) : undefined;

function encodeAddress(value: unknown, at: string): EncodedValue {
  const address = parseAddressValue(value);
  return address === undefined ? unlike('ip', value, at) : good(addressBytes(address));
}

function encodePair(value: unknown, at: string): EncodedValue {
  const [first, second] = Array.isArray(value) && value.length === 2 ? value.map(parseAddressValue) : [];
  return first === undefined || second === undefined
    ? wrong(at, `expected two IPv4 addresses such as [10.9.0.0, 255.255.0.0]`)
    : good(joinBytes([addressBytes(first), addressBytes(second)]));
}

const NUMBERS = {
  u8: { bytes: 1, low: 0, high: 0xff },
  u16: { bytes: 2, low: 0, high: 0xffff },
  u32: { bytes: 4, low: 0, high: 0xffff_ffff },
  i32: { bytes: 4, low: -0x8000_0000, high: 0x7fff_ffff },
} as const;

function encodeNumber(type: keyof typeof NUMBERS, value: unknown, at: string): EncodedValue {
  const { bytes, low, high } = NUMBERS[type];
  if (typeof value !== 'number' || !Number.isInteger(value)) return unlike(type, value, at);
  if (value < low || value > high) {
    return { ok: false, problem: { at, message: `${value} is outside ${low} to ${high}`, outside: value } };
  }
  return good(u32Bytes(value >>> 0).subarray(4 - bytes));
}

function encodeText(value: unknown, at: string): EncodedValue {
  if (typeof value !== 'string') return unlike('text', value, at);
  if (!/^[\x20-\x7e]*$/.test(value))
    return wrong(at, 'holds other than printable ASCII; write its bytes with type hex');
  return good(Uint8Array.from(Buffer.from(value, 'latin1')));
}

function encodeHex(value: unknown, at: string): EncodedValue {
  if (typeof value !== 'string') return unlike('hex', value, at);
  const digits = value
    .trim()
    .replace(/^0x/i, '')
    .replace(/(?<=[0-9a-f]{2})[:\s-](?=[0-9a-f]{2})/gi, '');
  return /^([0-9a-f]{2})*$/i.test(digits)
    ? good(Uint8Array.from(Buffer.from(digits, 'hex')))
    : unlike('hex', value, at);
}

/** Labels may begin with an underscore (RFC 8552), not a hyphen. */
const DOMAIN = /^\w([\w-]{0,61}\w)?(\.\w([\w-]{0,61}\w)?)*\.?$/;

function encodeDomain(value: unknown, at: string): EncodedValue {
  if (typeof value !== 'string' || !DOMAIN.test(value)) return unlike('domain', value, at);
  const bytes = domainNameBytes(value);
  return bytes === undefined
    ? wrong(at, `${counted(value.length, 'character')} are too many for a domain name`)
    : good(bytes);
}

function encodeRoute(value: unknown, at: string): EncodedValue {
  const [destination, hop]: readonly unknown[] = Array.isArray(value) && value.length === 2 ? value : [];
  const network = typeof destination === 'string' ? parseNetwork(destination.trim()) : undefined;
  const router = parseAddressValue(hop);
  return network === undefined || router === undefined
    ? wrong(
        at,
        'expected a network and a router such as [10.9.0.0/16, 10.20.0.254]; no bit may be set beyond the prefix',
      )
    : good(routeBytes([{ network, router }]));
}

/** The fields of a mapping with no others. */
function parseFields(value: unknown, names: readonly string[]): Readonly<Record<string, unknown>> | undefined {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
  return Object.keys(value).every((name) => names.includes(name)) ? { ...value } : undefined;
}

function encodeSubOption(value: unknown, at: string): EncodedValue {
  const fields = parseFields(value, ['code', 'type', 'value']);
  if (fields === undefined) return wrong(at, 'expected code, type and value, and nothing else');
  const { code, type } = fields;
  // Quirk: vendors number theirs from 0, which RFC 2132 §8.4 reserves for padding.
  if (typeof code !== 'number' || !Number.isInteger(code) || code < 0 || code > 254) {
    return wrong(`${at}.code`, 'expected the number of an option within the option, 0 to 254');
  }
  if (typeof type !== 'string' || !isOptionType(type) || type === 'vendor-identifying') {
    const types = OPTION_TYPE_NAMES.filter((name) => name !== 'vendor-identifying').join(', ');
    return wrong(`${at}.type`, `expected one of ${types}`);
  }
  // One level deeper; the configuration reader limits the depth.
  const encoded = encode(type, fields.value, `${at}.value`);
  if (!encoded.ok) return encoded;
  const { length } = encoded.bytes;
  if (length > SUBOPTION_BYTES_MAX) {
    return wrong(
      `${at}.value`,
      `has ${counted(length, 'byte')}; an option within an option has at most ${SUBOPTION_BYTES_MAX}`,
    );
  }
  return good(joinBytes([Uint8Array.of(code, length), encoded.bytes]));
}

function encodeVendor(value: unknown, at: string): EncodedValue {
  const fields = parseFields(value, ['enterprise', 'suboptions']);
  if (fields === undefined) return wrong(at, 'expected enterprise and suboptions, and nothing else');
  const enterprise = encodeNumber('u32', fields.enterprise, `${at}.enterprise`);
  if (!enterprise.ok) return enterprise;
  const options = encode('suboptions', fields.suboptions, `${at}.suboptions`);
  if (!options.ok) return options;
  const { length } = options.bytes;
  if (length > SUBOPTION_BYTES_MAX) {
    return wrong(
      `${at}.suboptions`,
      `have ${counted(length, 'byte')}; the options of one vendor have at most ${SUBOPTION_BYTES_MAX}`,
    );
  }
  return good(joinBytes([enterprise.bytes, Uint8Array.of(length), options.bytes]));
}

/** A pointer's first two bits, and its reach (RFC 1035 §4.1.4). */
const POINTER = 0xc0;
const POINTER_MAX = 0x3fff;

/**
 * Replaces repeated endings of names with pointers (RFC 3397 §2). @param names in full, by
 * `encodeOptionValue`
 */
export function compressNames(names: Uint8Array): Uint8Array {
  const written: number[] = [];
  const seen = new Map<string, number>();
  for (let offset = 0; offset < names.length; ) {
    const end = names.indexOf(0, offset) + 1;
    while (offset < end) {
      const rest = Buffer.from(names.subarray(offset, end)).toString('latin1').toLowerCase();
      const before = seen.get(rest);
      if (before !== undefined) {
        written.push(POINTER | (before >>> 8), before & 0xff);
        offset = end;
        break;
      }
      const length = names[offset] ?? 0;
      if (length > 0 && written.length <= POINTER_MAX) seen.set(rest, written.length);
      written.push(...names.subarray(offset, offset + 1 + length));
      offset += 1 + length;
    }
  }
  return Uint8Array.from(written);
}

/** True if a route is the default route. */
export function hasDefaultRoute(bytes: Uint8Array): boolean {
  for (let offset = 0; offset < bytes.length; ) {
    const prefix = bytes[offset] ?? 0;
    if (prefix === 0) return true;
    offset += 1 + Math.ceil(prefix / 8) + 4;
  }
  return false;
}
