// Formats the values of DHCP options for people, and checks their lengths.
// Sources: RFC 2132, 3004 §4, 3397, 3442, 3925, 4578, 4702; the PXE specification 2.1 §2.2.

import { ARCHITECTURE_NAMES } from '../boot/architectures.ts';
import { counted } from '../counted.ts';
import { ONE_UNIT, UNIT_BYTES } from '../dhcp/wire/legal-values.ts';
import { findOption } from '../dhcp/wire/option-table.ts';
import { MESSAGE_TYPE } from '../dhcp/wire/options.ts';
import { unreachable } from '../errors.ts';
import { formatIpv4, ipv4 } from '../net/address.ts';
import { ByteReader } from '../net/byte-reader.ts';
import { bytesText, type Field, hexText, safeText } from './description.ts';
import {
  IPXE_SUBOPTIONS,
  PXE_SUBOPTIONS,
  RELAY_SUBOPTIONS,
  type SubOption,
  type ValueKind,
} from './dhcp-suboptions.ts';

/** A value, with its fault if it has one. */
interface ValueText {
  readonly value: string;
  readonly wrong?: string | undefined;
  readonly parts?: readonly Field[] | undefined;
}

/** Values of option 53. */
export const MESSAGE_NAMES: ReadonlyMap<number, string> = new Map([
  ...Object.entries(MESSAGE_TYPE).map(([name, code]): [number, string] => [code, name.toUpperCase()]),
  [9, 'FORCERENEW'],
  [10, 'LEASEQUERY'],
]);

/** The bytes of one unit of a kind; a kind that is not listed may have any length. */
const UNITS: Readonly<Partial<Record<ValueKind, number>>> = {
  ...UNIT_BYTES,
  seconds: 4,
  'message-type': 1,
  overload: 1,
  undi: 3,
  uuid: 17,
  architectures: 2,
};
/** Kinds with exactly one unit; the others have one or more. */
const SINGLE: ReadonlySet<ValueKind> = new Set([...ONE_UNIT, 'seconds', 'message-type', 'overload', 'undi', 'uuid']);

/** The fault of a length; undefined if it is valid. */
function judgeLength(kind: ValueKind, length: number): string | undefined {
  const unit = UNITS[kind];
  // The presence of an empty option such as rapid commit means yes (RFC 4039 §4).
  if (unit === undefined || (kind === 'bool' && length === 0)) return undefined;
  if (SINGLE.has(kind)) return length === unit ? undefined : `${counted(length, 'byte')} instead of ${unit}`;
  return length > 0 && length % unit === 0 ? undefined : `${counted(length, 'byte')}, not a multiple of ${unit}`;
}

/** An option's code and label. */
export const nameOption = (code: number): string => `${code} ${findOption(code)?.label ?? 'unknown'}`;

/** Formats the value of a message's option. With `forPxe`, option 43 is read by the PXE specification. */
export function formatOption(code: number, bytes: Uint8Array, forPxe: boolean): ValueText {
  const row = findOption(code);
  if (row === undefined) return { value: bytesText(bytes) };
  // A vendor may give such an option any length.
  const isOther = row.kind === 'named' && row.isVendors === true && judgeLength(row.shown, bytes.length) !== undefined;
  return isOther ? { value: bytesText(bytes) } : formatValue(row.shown, bytes, forPxe);
}

/** Formats a value of this kind. */
function formatValue(kind: ValueKind, bytes: Uint8Array, forPxe: boolean): ValueText {
  const wrong = judgeLength(kind, bytes.length);
  if (wrong !== undefined) return { value: hexText(bytes), wrong };
  switch (kind) {
    case 'relay':
      return subOptions(bytes, RELAY_SUBOPTIONS, 'hex');
    case 'ipxe':
      return subOptions(bytes, IPXE_SUBOPTIONS, 'hex');
    case 'vendor':
      return forPxe ? subOptions(bytes, PXE_SUBOPTIONS, 'hex') : { value: bytesText(bytes) };
    case 'vendor-identifying':
      return vendorOptions(bytes);
    case 'text':
      return formatText(bytes);
    case 'domain':
    case 'domain-list':
      return formatNames(bytes);
    case 'routes':
      return formatRoutes(bytes);
    default:
      return { value: formatPlain(kind, bytes) };
  }
}

/** Kinds whose value is one text without faults or parts. */
type PlainKind = Exclude<
  ValueKind,
  'relay' | 'ipxe' | 'vendor' | 'vendor-identifying' | 'text' | 'domain' | 'domain-list' | 'routes'
>;

function formatPlain(kind: PlainKind, bytes: Uint8Array): string {
  const reader = new ByteReader(bytes);
  const address = (from: ByteReader): string => formatIpv4(ipv4(from.u32('address')));
  const list = (unit: number, read: (from: ByteReader) => string): string =>
    Array.from({ length: Math.floor(bytes.length / unit) }, () => read(reader)).join(', ');
  switch (kind) {
    case 'ip':
      return address(reader);
    case 'ip-list':
      return list(4, address);
    case 'ip-pairs':
      return list(8, (from) => `${address(from)} by ${address(from)}`);
    case 'u8':
      return String(reader.u8('value'));
    case 'u16':
      return String(reader.u16('value'));
    case 'u32':
      return String(reader.u32('value'));
    case 'i32':
      return String(reader.u32('value') | 0);
    case 'seconds': {
      const seconds = reader.u32('value');
      return seconds === 0xffffffff ? 'for ever' : `${seconds} s`;
    }
    case 'bool':
      return bytes.length === 0 ? 'yes' : (['no', 'yes'][bytes[0] ?? 0] ?? String(bytes[0]));
    case 'u16-list':
      return list(2, (from) => String(from.u16('value')));
    case 'codes':
      return [...bytes].map(nameOption).join(', ');
    case 'message-type':
      return MESSAGE_NAMES.get(bytes[0] ?? 0) ?? `type ${bytes[0]}`;
    case 'overload':
      return (
        ['0', 'options continue in file', 'options continue in sname', 'options continue in file and sname'][
          bytes[0] ?? 0
        ] ?? `${bytes[0]}`
      );
    case 'architectures':
      return list(2, (from) => formatArchitecture(from.u16('value')));
    case 'undi':
      return `${bytes[0] === 1 ? 'UNDI' : `type ${bytes[0]}`} ${bytes[1]}.${bytes[2]}`;
    case 'uuid':
      return `type ${bytes[0]}, ${formatUuid(bytes.subarray(1))}`;
    case 'client-id':
      return bytes.length === 7 && bytes[0] === 1 ? `Ethernet ${formatHardware(bytes.subarray(1))}` : bytesText(bytes);
    case 'user-class':
      return formatUserClass(bytes);
    case 'fqdn':
      return formatFqdn(bytes);
    case 'secret':
      return `(${counted(bytes.length, 'byte')}, not shown)`;
    case 'hex':
    case 'suboptions':
      return bytesText(bytes);
    default:
      return unreachable(kind);
  }
}

const formatArchitecture = (code: number): string => `${code} ${ARCHITECTURE_NAMES.get(code) ?? 'unknown'}`;

export const formatHardware = (bytes: Uint8Array): string =>
  Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join(':');

/** RFC 4702 §2: flags, two unused codes, and the name, perhaps partial, in ASCII or in labels. */
function formatFqdn(bytes: Uint8Array): string {
  if (bytes.length < 3) return hexText(bytes);
  const flags = bytes[0] ?? 0;
  const name = bytes.subarray(3);
  const labels: string[] = [];
  let at = 0;
  while ((flags & 4) !== 0 && at < name.length && (name[at] ?? 0) > 0) {
    const end = at + 1 + (name[at] ?? 0);
    labels.push(safeText(Buffer.from(name.subarray(at + 1, end)).toString('latin1')));
    at = end;
  }
  const isInLabels = labels.length > 0 && at <= name.length;
  return `flags ${fqdnFlags(flags)}, ${isInLabels ? `"${labels.join('.')}"` : bytesText(name)}`;
}

/** RFC 4702 §2.1. */
function fqdnFlags(flags: number): string {
  const set = ['S', 'O', 'E', 'N'].filter((_, bit) => (flags & (1 << bit)) !== 0);
  return `0x${flags.toString(16)}${set.length === 0 ? '' : ` (${set.join(' ')})`}`;
}

const formatUuid = (bytes: Uint8Array): string =>
  Buffer.from(bytes)
    .toString('hex')
    .replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');

function formatText(bytes: Uint8Array): ValueText {
  const text = Buffer.from(bytes).toString('latin1');
  const trimmed = text.replace(/\0+$/, '');
  const value = `"${safeText(trimmed)}"`;
  return trimmed.includes('\0') ? { value, wrong: 'a zero byte in the text' } : { value };
}

/** RFC 3004 §4 puts a length byte before each class; iPXE and others send only the name. */
function formatUserClass(bytes: Uint8Array): string {
  const classes: string[] = [];
  for (let at = 0; at < bytes.length; ) {
    const length = bytes[at] ?? 0;
    if (length === 0 || at + 1 + length > bytes.length) return `${bytesText(bytes)} (without length bytes)`;
    classes.push(bytesText(bytes.subarray(at + 1, at + 1 + length)));
    at += 1 + length;
  }
  return classes.join(', ');
}

/** Names in the form of RFC 1035 §4.1.4, with pointers into the option. */
function formatNames(bytes: Uint8Array): ValueText {
  const names: string[] = [];
  let at = 0;
  while (at < bytes.length) {
    const labels: string[] = [];
    let place = at;
    let next: number | undefined;
    // Pointers only go backwards, so each label is read a bounded number of times.
    let bound = at;
    for (;;) {
      const length = bytes[place];
      if (length === undefined) return { value: names.join(', '), wrong: `a name is truncated at byte ${place}` };
      if (length === 0) break;
      if ((length & 0xc0) === 0xc0) {
        const target = ((length & 0x3f) << 8) | (bytes[place + 1] ?? 0);
        next ??= place + 2;
        if (target >= bound) return { value: names.join(', '), wrong: `a name points forward at byte ${place}` };
        place = target;
        bound = target;
        continue;
      }
      if (length > 63) return { value: names.join(', '), wrong: `a label of ${counted(length, 'byte')}` };
      labels.push(safeText(Buffer.from(bytes.subarray(place + 1, place + 1 + length)).toString('latin1')));
      place += 1 + length;
    }
    names.push(labels.join('.'));
    at = next ?? place + 1;
  }
  return { value: names.join(', ') };
}

/** RFC 3442: the prefix length, the significant bytes of the network, the router. */
function formatRoutes(bytes: Uint8Array): ValueText {
  const routes: string[] = [];
  const reader = new ByteReader(bytes);
  while (reader.remaining > 0) {
    const prefix = reader.u8('prefix');
    if (prefix > 32) return { value: routes.join(', '), wrong: `a prefix of ${prefix} bits` };
    const octets = reader.copy(Math.ceil(prefix / 8), 'network');
    const router = formatIpv4(ipv4(reader.u32('router')));
    if (reader.fault !== undefined) return { value: routes.join(', '), wrong: 'a route is truncated' };
    routes.push(`${[...octets, 0, 0, 0, 0].slice(0, 4).join('.')}/${prefix} by ${router}`);
  }
  return { value: routes.join(', ') };
}

/** RFC 3925 §4: the options of each enterprise, preceded by their length. */
function vendorOptions(bytes: Uint8Array): ValueText {
  const parts: Field[] = [];
  const reader = new ByteReader(bytes);
  while (reader.remaining > 0) {
    const at = reader.offset;
    const enterprise = reader.u32('enterprise');
    const own = reader.copy(reader.u8('length'), 'options');
    if (reader.fault !== undefined) return { value: '', parts, wrong: `an enterprise is truncated at byte ${at}` };
    const options = subOptions(own, NO_SUBOPTIONS, 'hex');
    for (const part of options.parts ?? []) parts.push({ ...part, name: `enterprise ${enterprise}, ${part.name}` });
    if (options.wrong !== undefined) return { value: '', parts, wrong: options.wrong };
  }
  return { value: '', parts };
}

const NO_SUBOPTIONS: ReadonlyMap<number, SubOption> = new Map();

/** Options within an option. Code 255 ends them, as in PXE; no relay agent sub-option is 255. */
function subOptions(bytes: Uint8Array, table: ReadonlyMap<number, SubOption>, kind: ValueKind): ValueText {
  const parts: Field[] = [];
  let at = 0;
  while (at < bytes.length) {
    const code = bytes[at] ?? 0;
    if (code === 255) break;
    if (code === 0 && !table.has(0)) {
      at += 1;
      continue;
    }
    const length = bytes[at + 1];
    if (length === undefined || at + 2 + length > bytes.length) {
      return { value: '', parts, wrong: `sub-option ${code} is truncated at byte ${at}` };
    }
    const row = table.get(code);
    const own = formatValue(row?.shown ?? kind, bytes.subarray(at + 2, at + 2 + length), false);
    parts.push({ name: `${code} ${row?.label ?? 'unknown'}`, ...own });
    at += 2 + length;
  }
  return { value: '', parts };
}
