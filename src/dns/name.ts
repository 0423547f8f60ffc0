// Domain names in wire form and as text. A name is lower-case text without the final dot; the root
// is the empty string. Sources: RFC 1035 §3.1, §4.1.4, §5.1; RFC 4343; RFC 3597 §4.
//
// 1. A wire name is at most 255 octets, a label at most 63 (RFC 1035 §2.3.4).
// 2. Each compression pointer leads further backwards than the one before, so reading always ends.
// 3. Text and wire form are one to one except for ASCII case: a dot or backslash inside a label is
//    `\.` or `\\`, any octet outside printable ASCII is `\DDD`.

import { RESERVED_LABELS } from '../ground/reserved-labels.ts';
import type { ByteReader } from '../net/byte-reader.ts';
import type { ByteWriter } from '../net/byte-writer.ts';

export const NAME_OCTETS_MAX = 255;
const LABEL_OCTETS_MAX = 63;

const DOT = 0x2e;
const BACKSLASH = 0x5c;

/** Each octet in lower case, or 0 if it needs escaping. */
const PLAIN = new Uint8Array(256);
for (let octet = 0x21; octet < 0x7f; octet += 1) PLAIN[octet] = octet;
for (let octet = 0x41; octet <= 0x5a; octet += 1) PLAIN[octet] = octet + 32;
for (const octet of '.\\"();@$') PLAIN[octet.charCodeAt(0)] = 0;

const HOST_NAME = /^[a-z0-9_-]{1,63}(?:\.[a-z0-9_-]{1,63})*$/;

/** Scratch space, used within one call. */
const unpacked = new Uint8Array(NAME_OCTETS_MAX + 1);
const text = Buffer.alloc(NAME_OCTETS_MAX + 1);

/**
 * Reads a name into `onto`, uncompressed, keeping its case, and returns its octets; 0 after a
 * fault. Faults: `truncated`, `loop` for a pointer that does not lead back, `too-long`, `bad-value`
 * for a reserved label type.
 */
export function unpackName(reader: ByteReader, field: string, onto: Uint8Array): number {
  if (reader.fault !== undefined) return 0;
  const { bytes, offset: start } = reader;
  const end = start + reader.remaining;
  let at = start;
  let limit = end;
  let lowest = start;
  let consumed = 0;
  let length = 0;
  for (;;) {
    const octet = at < limit ? (bytes[at] ?? 0) : -1;
    if (octet === -1) return failName(reader, 'truncated', field, at);
    if (octet >= 0xc0) {
      if (at + 1 >= limit) return failName(reader, 'truncated', field, at);
      const target = ((octet & 0x3f) << 8) | (bytes[at + 1] ?? 0);
      if (target >= lowest) return failName(reader, 'loop', field, at);
      if (consumed === 0) consumed = at + 2 - start;
      // The name must end before the pointer, so no octet is read twice.
      limit = lowest;
      lowest = target;
      at = target;
      continue;
    }
    if (octet > LABEL_OCTETS_MAX) return failName(reader, 'bad-value', field, at);
    if (length + octet + 1 > NAME_OCTETS_MAX) return failName(reader, 'too-long', field, at);
    if (at + octet + 1 > limit) return failName(reader, 'truncated', field, at);
    for (let index = 0; index <= octet; index += 1) onto[length + index] = bytes[at + index] ?? 0;
    length += octet + 1;
    at += octet + 1;
    if (octet === 0) break;
  }
  reader.skip(consumed === 0 ? at - start : consumed, field);
  return length;
}

function failName(
  reader: ByteReader,
  code: 'truncated' | 'loop' | 'bad-value' | 'too-long',
  field: string,
  at: number,
): 0 {
  reader.fail(code, field, at);
  return 0;
}

/** Reads a name as lower-case text; empty after a fault, and for the root. */
export function readName(reader: ByteReader, field: string): string {
  const length = unpackName(reader, field, unpacked);
  return length <= 1 ? '' : wireToText(unpacked, length);
}

/** An uncompressed wire name of `length` octets as text. */
export function wireToText(wire: Uint8Array, length: number): string {
  let at = 0;
  while (at < length - 1) {
    const next = at + (wire[at] ?? 0) + 1;
    if (at > 0) text[at - 1] = DOT;
    for (let index = at + 1; index < next; index += 1) {
      const plain = PLAIN[wire[index] ?? 0] ?? 0;
      if (plain === 0) return escapedText(wire, length);
      text[index - 1] = plain;
    }
    at = next;
  }
  return text.toString('latin1', 0, Math.max(at - 1, 0));
}

function escapedText(wire: Uint8Array, length: number): string {
  const labels: string[] = [];
  let at = 0;
  while (at < length - 1) {
    const next = at + (wire[at] ?? 0) + 1;
    let label = '';
    for (let index = at + 1; index < next; index += 1) {
      const octet = wire[index] ?? 0;
      const plain = PLAIN[octet] ?? 0;
      if (plain !== 0) label += String.fromCharCode(plain);
      else if (octet > 0x20 && octet < 0x7f) label += `\\${String.fromCharCode(octet)}`;
      else label += `\\${String(octet).padStart(3, '0')}`;
    }
    labels.push(label);
    at = next;
  }
  return labels.join('.');
}

/** The offset of the dot that ends the label at `from`, or the text's length. Escaped dots do not count. */
export function labelEnd(name: string, from: number): number {
  let at = from;
  for (; at < name.length; at += 1) {
    const code = name.charCodeAt(at);
    if (code === DOT) return at;
    if (code === BACKSLASH) at += 1;
  }
  return name.length;
}

/** The name without its first label; undefined for the root. */
export function parentName(name: string): string | undefined {
  if (name === '') return undefined;
  return name.slice(labelEnd(name, 0) + 1);
}

/** True if `name` is `ancestor` or below it. */
export function isNameWithin(name: string, ancestor: string): boolean {
  if (ancestor === '' || name === ancestor) return true;
  const cut = name.length - ancestor.length;
  if (cut < 2 || name.charCodeAt(cut - 1) !== DOT || !name.endsWith(ancestor)) return false;
  let backslashes = 0;
  while (name.charCodeAt(cut - 2 - backslashes) === BACKSLASH) backslashes += 1;
  return backslashes % 2 === 0;
}

/**
 * Parses a name with or without the final dot. `undefined` if a label is empty or over 63 octets,
 * the whole over 255, an escape broken, or a character outside printable ASCII.
 */
export function parseName(written: string): string | undefined {
  // A plain host name, as nearly all are, needs no conversion.
  if (written.length < NAME_OCTETS_MAX - 1 && HOST_NAME.test(written)) return written;
  const wire = textToWire(written.toLowerCase());
  return wire === undefined ? undefined : wireToText(wire, wire.length);
}

/** The uncompressed wire form, keeping case; `undefined` if not a name (`parseName`). */
export function textToWire(name: string): Uint8Array | undefined {
  return name.length < NAME_OCTETS_MAX - 1 && HOST_NAME.test(name) ? hostNameToWire(name) : anyTextToWire(name);
}

function hostNameToWire(name: string): Uint8Array {
  const wire = new Uint8Array(name.length + 2);
  let label = 0;
  for (let at = 0; at < name.length; at += 1) {
    const code = name.charCodeAt(at);
    if (code === DOT) {
      wire[label] = at - label;
      label = at + 1;
    } else wire[at + 1] = code;
  }
  wire[label] = name.length - label;
  return wire;
}

function anyTextToWire(name: string): Uint8Array | undefined {
  const wire: number[] = [0];
  let label = 0;
  const end = name.length - (name !== '.' && name.endsWith('.') && !/(^|[^\\])(\\\\)*\\\.$/.test(name) ? 1 : 0);
  if (name === '' || name === '.') return Uint8Array.of(0);
  for (let at = 0; at < end; at += 1) {
    let code = name.charCodeAt(at);
    if (code === DOT) {
      if (wire.length - label === 1) return undefined;
      label = wire.length;
      wire.push(0);
      continue;
    }
    if (code === BACKSLASH) {
      const digits = /^\d{3}/.exec(name.slice(at + 1, at + 4))?.[0];
      code = digits === undefined ? name.charCodeAt(at + 1) : Number(digits);
      if (Number.isNaN(code) || code > 255 || at + 1 >= end) return undefined;
      at += digits === undefined ? 1 : 3;
    } else if (code <= 0x20 || code >= 0x7f) return undefined;
    wire.push(code);
    const length = wire.length - label - 1;
    if (length > LABEL_OCTETS_MAX) return undefined;
    wire[label] = length;
  }
  if (wire.length - label === 1) return undefined;
  wire.push(0);
  return wire.length > NAME_OCTETS_MAX ? undefined : Uint8Array.from(wire);
}

/** The names already in a message, for later ones to point at (RFC 1035 §4.1.4). */
export class NameCompression {
  readonly #offsets = new Map<string, number>();

  /** Remembers `name` and its ancestors, uncompressed from `offset` on. */
  remember(name: string, offset: number): void {
    let at = 0;
    let wireAt = offset;
    while (at < name.length) {
      if (wireAt < 0x4000) this.#offsets.set(name.slice(at), wireAt);
      const end = labelEnd(name, at);
      wireAt += labelOctets(name, at, end) + 1;
      at = end + 1;
    }
  }

  /** Forgets offsets from `offset` on, when the writer goes back. */
  forgetFrom(offset: number): void {
    for (const [name, at] of this.#offsets) if (at >= offset) this.#offsets.delete(name);
  }

  /** Writes a name, with a pointer to its first known ancestor. */
  write(writer: ByteWriter, name: string): void {
    let at = 0;
    while (at < name.length) {
      const knownOffset = this.#offsets.get(name.slice(at));
      if (knownOffset !== undefined) {
        writer.u16(0xc000 | knownOffset);
        return;
      }
      if (writer.offset < 0x4000) this.#offsets.set(name.slice(at), writer.offset);
      const end = labelEnd(name, at);
      writeLabel(writer, name, at, end);
      at = end + 1;
    }
    writer.u8(0);
  }
}

function labelOctets(name: string, from: number, end: number): number {
  let octets = 0;
  for (let at = from; at < end; at += 1) {
    if (name.charCodeAt(at) === BACKSLASH) at += /\d/.test(name[at + 1] ?? '') ? 3 : 1;
    octets += 1;
  }
  return octets;
}

function writeLabel(writer: ByteWriter, name: string, from: number, end: number): void {
  writer.u8(labelOctets(name, from, end));
  for (let at = from; at < end; at += 1) {
    let code = name.charCodeAt(at);
    if (code === BACKSLASH) {
      const numeric = /\d/.test(name[at + 1] ?? '');
      code = numeric ? Number(name.slice(at + 1, at + 4)) : name.charCodeAt(at + 1);
      at += numeric ? 3 : 1;
    }
    writer.u8(code);
  }
}

/** The form of generated labels. A client's name is one label (RFC 1035 §2.3.1), never of this form. */
const GENERATED_LABEL = /^\d{1,3}-\d{1,3}-\d{1,3}-\d{1,3}$/;

/**
 * Makes a client's hostname one safe label: the part before the first dot, lower case, other
 * characters replaced by inner hyphens, at most 63 octets. `undefined` if nothing is left, or if it
 * is reserved or looks generated (`10-20-0-100`).
 */
export function hostLabel(written: string): string | undefined {
  const label = (written.slice(0, NAME_OCTETS_MAX).split('.')[0] ?? '')
    .toLowerCase()
    .replace(/[^a-z0-9-]+/g, '-')
    .replace(/^-+/, '')
    .slice(0, LABEL_OCTETS_MAX)
    .replace(/-+$/, '');
  if (label === '' || RESERVED_LABELS.has(label) || GENERATED_LABEL.test(label)) return undefined;
  return label;
}
