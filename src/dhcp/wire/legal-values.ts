// The legal values of options beyond their types: ranges, choices and lists with a form of their
// own. A row of `option-table.ts` names a rule if the option's RFC has one. Sources: RFC 2132 §3 to
// §8, RFC 1035 §3.1 and §4.1.4 (names), RFC 3361 §3 (120), RFC 3442 (routes), RFC 3925 §4 (125),
// RFC 5969 §7.1.1 (212), RFC 8910 §2.1 (114).
//
// 1. The rules judge bytes: writing an illegal value as `hex` does not make it legal.
// 2. A vendor's option as `hex` is not judged.

import { formatIpv4, ipv4, maskToPrefix } from '../../ground/address.ts';
import { counted } from '../../ground/counted.ts';
import type { OptionType, ValueProblem } from './option-value.ts';
import { hostLabel, OPTION, optionUuid } from './options.ts';

/** An illegal value: its place in the option, and how a person writes it. */
interface IllegalValue {
  readonly at: string;
  readonly found: string;
}

/** A rule for the values of one option. */
export interface LegalValue {
  /** The legal values, for people. */
  readonly text: string;
  /** The first illegal value; the length is checked elsewhere. */
  readonly judge: (bytes: Uint8Array) => IllegalValue | undefined;
}

/** What is needed to judge an option's value. */
export interface JudgedOption {
  readonly code: number;
  readonly name: string;
  readonly type: OptionType;
  /** The source of its rules: RFC and section. */
  readonly source: string;
  /** The legal values of its type; undefined: all. */
  readonly legal?: LegalValue;
  /**
   * True for an option whose content vendors define: as hex, or of another length, it is not
   * judged.
   */
  readonly isVendors?: true;
}

/** The fault in an option's bytes. @param configuredType the type they were written as */
export function judgeOptionValue(
  row: JudgedOption,
  configuredType: OptionType,
  bytes: Uint8Array,
): ValueProblem | undefined {
  const { code, name, type, source, legal, isVendors } = row;
  if (isVendors && configuredType !== type) return undefined;
  const shape = configuredType === 'hex' ? judgeShape(type, bytes) : undefined;
  const about = `option ${code} (${name})`;
  if (shape !== undefined) return { at: '', message: `${shape} in ${about} (${source})` };
  const rule = type === 'bool' ? FLAG : legal;
  const illegal = rule?.judge(bytes);
  return illegal === undefined ? undefined : illegalIn(row, illegal, rule);
}

/** The fault in a value without bytes; a number outside its type gets the legal values. */
export function judgeUnwritable(row: JudgedOption | undefined, problem: ValueProblem): ValueProblem {
  const { at, outside } = problem;
  if (row?.legal === undefined || outside === undefined) return problem;
  return illegalIn(row, { at, found: String(outside) }, row.legal);
}

const illegalIn = (
  { code, name, source }: JudgedOption,
  { at, found }: IllegalValue,
  rule: LegalValue | undefined,
) => ({
  at,
  message: `${found} is not legal: option ${code} (${name}) is ${rule?.text} (${source})`,
});

const numberAt = (bytes: Uint8Array, offset: number, width: number): number =>
  bytes.subarray(offset, offset + width).reduce((value, byte) => value * 256 + byte, 0);

const addressAt = (bytes: Uint8Array, offset: number): string => formatIpv4(ipv4(numberAt(bytes, offset, 4)));

const formatHex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

/** Numbers from `low` to `high`. */
export const from = (low: number, high: number): LegalValue => ({
  text: `${low} to ${high}`,
  judge: (bytes) => {
    const value = numberAt(bytes, 0, bytes.length);
    return value < low || value > high ? { at: '', found: String(value) } : undefined;
  },
});

/** One of these numbers. */
export const anyNumberIn = (...values: readonly number[]): LegalValue => ({
  text: `one of ${values.join(', ')}`,
  judge: (bytes) => {
    const value = numberAt(bytes, 0, bytes.length);
    return values.includes(value) ? undefined : { at: '', found: String(value) };
  },
});

const FLAG: LegalValue = anyNumberIn(0, 1);

function judgeEach(
  bytes: Uint8Array,
  isLegal: (value: number, before: number | undefined) => boolean,
): IllegalValue | undefined {
  let before: number | undefined;
  for (let offset = 0; offset < bytes.length; offset += 2) {
    const value = numberAt(bytes, offset, 2);
    if (!isLegal(value, before)) return { at: `[${offset / 2}]`, found: String(value) };
    before = value;
  }
  return undefined;
}

/** 16-bit numbers from `low` on, in ascending order. */
export const ascendingFrom = (low: number): LegalValue => ({
  text: `a list of ${low} to 65535, from the smallest to the largest`,
  judge: (bytes) => judgeEach(bytes, (value, before) => value >= Math.max(low, before ?? 0)),
});

/** 16-bit numbers, each one of these. */
export const listOfNumbersIn = (...values: readonly number[]): LegalValue => ({
  text: `a list of ${values.join(', ')}`,
  judge: (bytes) => judgeEach(bytes, (value) => values.includes(value)),
});

/** Destinations and routers, without the default route (RFC 2132 §5.8). */
export const NO_DEFAULT_ROUTE: LegalValue = {
  text: 'destinations other than 0.0.0.0 with their routers',
  judge: (bytes) => {
    for (let offset = 0; offset < bytes.length; offset += 8) {
      if (numberAt(bytes, offset, 4) === 0) return { at: `[${offset / 8}][0]`, found: addressAt(bytes, offset) };
    }
    return undefined;
  },
};

/** Ones followed by zeros. */
export const SUBNET_MASK: LegalValue = {
  text: 'a subnet mask such as 255.255.255.0',
  judge: (bytes) =>
    maskToPrefix(ipv4(numberAt(bytes, 0, 4))) === undefined ? { at: '', found: addressAt(bytes, 0) } : undefined,
};

/** A host name with or without its domain (RFC 2132 §3.14). */
export const HOST_NAME: LegalValue = {
  text: 'letters, digits and hyphens, and dots between labels (RFC 1123 §2.1)',
  judge: (bytes) => {
    const text = Buffer.from(bytes).toString('latin1');
    return text.split('.').some((label) => hostLabel(label) === undefined)
      ? { at: '', found: JSON.stringify(text) }
      : undefined;
  },
};

export const MACHINE_UUID: LegalValue = {
  text: '00 and the 16 bytes of a UUID',
  judge: (bytes) =>
    optionUuid(new Map([[OPTION.clientUuid, bytes]])) === undefined ? { at: '', found: formatHex(bytes) } : undefined,
};

export const URI: LegalValue = {
  text: 'a URI such as https://portal.example/api',
  judge: (bytes) => {
    const text = Buffer.from(bytes).toString('latin1');
    return /^[a-z][a-z0-9+.-]*:[\x21-\x7e]+$/i.test(text) ? undefined : { at: '', found: JSON.stringify(text) };
  },
};

/** RFC 3361 §3: 0 and names, or 1 and addresses. */
export const SIP_SERVERS: LegalValue = {
  text: '00 and names as labels, or 01 and addresses',
  judge: (bytes) => {
    const rest = bytes.subarray(1);
    const isGood = bytes[0] === 0 ? areNames(rest) : bytes[0] === 1 && rest.length > 0 && rest.length % 4 === 0;
    return isGood ? undefined : { at: '', found: formatHex(bytes) };
  },
};

/** RFC 5969 §7.1.1: two prefix lengths, a prefix of 16 bytes, and border relays. */
export const SIX_RD: LegalValue = {
  text: 'an IPv4 mask of 0 to 32 bits, a prefix whose length and what the mask leaves are at most 128, and border relays',
  judge: (bytes) => {
    const [mask = 0, prefix = 0] = bytes;
    const relayBytes = bytes.length - 18;
    const isGood = relayBytes > 0 && relayBytes % 4 === 0 && mask <= 32 && 32 - mask + prefix <= 128;
    return isGood ? undefined : { at: '', found: formatHex(bytes) };
  },
};

/** A type's unit in bytes; a type in `ONE_UNIT` holds exactly one. */
const UNIT_BYTES: Readonly<Partial<Record<OptionType, number>>> = {
  ip: 4,
  'ip-list': 4,
  'ip-pairs': 8,
  u8: 1,
  u16: 2,
  'u16-list': 2,
  u32: 4,
  i32: 4,
  bool: 1,
};
const ONE_UNIT: ReadonlySet<OptionType> = new Set<OptionType>(['ip', 'u8', 'u16', 'u32', 'i32', 'bool']);

/** The fault in the form of `hex` bytes. */
function judgeShape(type: OptionType, bytes: Uint8Array): string | undefined {
  const unit = UNIT_BYTES[type];
  const { length } = bytes;
  if (unit !== undefined) {
    if (ONE_UNIT.has(type))
      return length === unit ? undefined : `${counted(length, 'byte is', 'bytes are')} not the ${unit}`;
    return length % unit === 0 ? undefined : `${counted(length, 'byte is', 'bytes are')} not a multiple of the ${unit}`;
  }
  if (type === 'routes') return areRoutes(bytes) ? undefined : `${formatHex(bytes)} is not a list of routes`;
  if (type === 'domain-list') return areNames(bytes) ? undefined : `${formatHex(bytes)} is not a list of names`;
  if (type === 'vendor-identifying')
    return areVendors(bytes) ? undefined : `${formatHex(bytes)} is not a list of vendors with their options`;
  return undefined;
}

function areRoutes(bytes: Uint8Array): boolean {
  let offset = 0;
  while (offset < bytes.length) {
    const prefix = bytes[offset] ?? 0;
    if (prefix > 32) return false;
    offset += 1 + Math.ceil(prefix / 8) + 4;
  }
  return offset === bytes.length;
}

function areVendors(bytes: Uint8Array): boolean {
  let offset = 0;
  while (offset < bytes.length) {
    const end = offset + 5 + (bytes[offset + 4] ?? 0);
    if (offset + 5 > bytes.length || end > bytes.length || !areSubOptions(bytes.subarray(offset + 5, end)))
      return false;
    offset = end;
  }
  return true;
}

/** Code and length. */
const SUBOPTION_HEADER_BYTES = 2;

function areSubOptions(bytes: Uint8Array): boolean {
  let offset = 0;
  while (offset < bytes.length) offset += SUBOPTION_HEADER_BYTES + (bytes[offset + 1] ?? bytes.length);
  return offset === bytes.length;
}

/** The longest name and label, in bytes (RFC 1035 §2.3.4). */
const NAME_BYTES_MAX = 255;
const LABEL_BYTES_MAX = 63;

/** True for names in labels; each may end in a pointer back. */
function areNames(bytes: Uint8Array): boolean {
  let offset = 0;
  while (offset < bytes.length) {
    const end = endOfName(bytes, offset);
    if (end === undefined) return false;
    offset = end;
  }
  return bytes.length > 0;
}

function endOfName(bytes: Uint8Array, start: number): number | undefined {
  for (let offset = start; offset < bytes.length && offset - start < NAME_BYTES_MAX; ) {
    const length = bytes[offset] ?? 0;
    if (length === 0) return offset + 1;
    if (length > LABEL_BYTES_MAX) {
      const target = ((length & 0x3f) << 8) | (bytes[offset + 1] ?? 0);
      return length >= 0xc0 && offset + 1 < bytes.length && target < start ? offset + 2 : undefined;
    }
    offset += 1 + length;
  }
  return undefined;
}
