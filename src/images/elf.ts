// Reads sections of ELF files: of kernel modules, and of programs and libraries to find what they need.
//
// Source: System V ABI, "Object Files" (ELF) and "Program Loading and Dynamic Linking".
//
// 1. Only 64-bit little-endian ELF is supported: amd64 and arm64.
// 2. The reader stays inside the bytes, whatever the headers say.

import { type Decoded, decoded, faulty } from '../net/byte-reader.ts';

const HEADER_BYTES = 64;
const SECTION_HEADER_BYTES = 64;
const SECTIONS_MAX = 65_535;
/** An entry is a tag and a value of eight bytes each. */
const DYNAMIC_ENTRY_BYTES = 16;
const DT_NEEDED = 1n;
/** More libraries than any program needs. */
const LIBRARIES_MAX = 256;
/** PATH_MAX of Linux; names may overlap in the file. */
const NAME_BYTES_MAX = 4096;

interface ElfNeeds {
  /** Undefined for a library. */
  readonly interpreter: string | undefined;
  /** Only those that it names itself. */
  readonly libraries: readonly string[];
}

/** A statically linked program has no dynamic section, which is a fault. */
export function decodeElfNeeds(bytes: Uint8Array): Decoded<ElfNeeds> {
  const dynamic = findElfSection(bytes, '.dynamic');
  if (!dynamic.ok) return dynamic;
  const strings = findElfSection(bytes, '.dynstr');
  if (!strings.ok) return strings;
  const interpreter = findElfSection(bytes, '.interp');
  const table = new DataView(dynamic.value.buffer, dynamic.value.byteOffset, dynamic.value.byteLength);
  const libraries: string[] = [];
  for (let at = 0; at + DYNAMIC_ENTRY_BYTES <= table.byteLength; at += DYNAMIC_ENTRY_BYTES) {
    if (table.getBigUint64(at, true) !== DT_NEEDED) continue;
    const offset = Number(table.getBigUint64(at + 8, true));
    const name = zeroTerminated(strings.value, offset);
    if (name === undefined || libraries.length >= LIBRARIES_MAX) {
      return faulty({ code: 'bad-value', offset: at, field: 'a needed library' });
    }
    libraries.push(name);
  }
  return decoded({ interpreter: interpreter.ok ? zeroTerminated(interpreter.value, 0) : undefined, libraries });
}

/** The text from `offset` to a zero byte; undefined: none within NAME_BYTES_MAX. */
function zeroTerminated(bytes: Uint8Array, offset: number): string | undefined {
  if (offset >= bytes.length) return undefined;
  const text = Buffer.from(bytes.subarray(offset, offset + NAME_BYTES_MAX)).toString('latin1');
  const end = text.indexOf('\0');
  return end === -1 ? undefined : text.slice(0, end);
}

/** The bytes of a section, by name. A fault if the file is cut short, is not a supported ELF, or lacks the section. */
export function findElfSection(bytes: Uint8Array, wanted: string): Decoded<Uint8Array> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < HEADER_BYTES) return faulty({ code: 'truncated', offset: bytes.length, field: 'ELF header' });
  // Magic number, 64-bit class, little endian.
  if (view.getUint32(0) !== 0x7f454c46 || bytes[4] !== 2 || bytes[5] !== 1) {
    return faulty({ code: 'bad-value', offset: 0, field: 'ELF identification' });
  }
  const tableOffset = Number(view.getBigUint64(40, true));
  const entryBytes = view.getUint16(58, true);
  const count = view.getUint16(60, true);
  const namesIndex = view.getUint16(62, true);
  if (entryBytes !== SECTION_HEADER_BYTES || count > SECTIONS_MAX || namesIndex >= count) {
    return faulty({ code: 'bad-value', offset: 58, field: 'section header table' });
  }
  if (tableOffset + count * SECTION_HEADER_BYTES > bytes.length) {
    return faulty({ code: 'truncated', offset: bytes.length, field: 'section header table' });
  }
  const names = sectionBytes(bytes, view, tableOffset + namesIndex * SECTION_HEADER_BYTES);
  if (names === undefined) return faulty({ code: 'truncated', offset: bytes.length, field: 'section names' });
  for (let index = 0; index < count; index += 1) {
    const at = tableOffset + index * SECTION_HEADER_BYTES;
    if (textAt(names, view.getUint32(at, true), wanted.length) !== wanted) continue;
    const section = sectionBytes(bytes, view, at);
    return section === undefined ? faulty({ code: 'truncated', offset: at, field: wanted }) : decoded(section);
  }
  return faulty({ code: 'bad-value', offset: tableOffset, field: `${wanted} is missing` });
}

function sectionBytes(bytes: Uint8Array, view: DataView, headerAt: number): Uint8Array | undefined {
  const offset = Number(view.getBigUint64(headerAt + 24, true));
  const length = Number(view.getBigUint64(headerAt + 32, true));
  return offset + length > bytes.length ? undefined : bytes.subarray(offset, offset + length);
}

/** The text at `offset`; undefined unless it has exactly `length` bytes. */
function textAt(bytes: Uint8Array, offset: number, length: number): string | undefined {
  if (bytes[offset + length] !== 0) return undefined;
  return Buffer.from(bytes.subarray(offset, offset + length)).toString('latin1');
}
