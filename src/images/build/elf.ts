// Reads sections of ELF files: of kernel modules, and of programs and libraries to find what they need.
//
// Source: System V ABI, "Object Files" (ELF) and "Program Loading and Dynamic Linking".
//
// 1. Only little-endian ELF is supported, of 32 and 64 bits.
// 2. The reader stays inside the bytes, whatever the headers say.

import { type Decoded, decoded, faulty } from '../../net/byte-reader.ts';

/** What differs between the classes, in bytes. An address, an offset or a size is a word. */
interface ElfClass {
  readonly word: 4 | 8;
  readonly header: number;
  /**
   * In the header: the word of the section header table's offset; then the size, the count and the
   * names' index of its entries.
   */
  readonly tableOffsetAt: number;
  readonly entriesAt: number;
  /** In a section header. */
  readonly sectionHeader: number;
  readonly sectionOffsetAt: number;
}
/** The classes by EI_CLASS. */
const CLASSES: ReadonlyMap<number | undefined, ElfClass> = new Map([
  [1, { word: 4, header: 52, tableOffsetAt: 32, entriesAt: 46, sectionHeader: 40, sectionOffsetAt: 16 }],
  [2, { word: 8, header: 64, tableOffsetAt: 40, entriesAt: 58, sectionHeader: 64, sectionOffsetAt: 24 }],
]);
const CLASS_AT = 4;
const SECTIONS_MAX = 65_535;
const DT_NEEDED = 1;
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
  const word = CLASSES.get(bytes[CLASS_AT])?.word ?? 8;
  // An entry is a tag and a value.
  for (let at = 0; at + 2 * word <= table.byteLength; at += 2 * word) {
    if (wordAt(table, at, word) !== DT_NEEDED) continue;
    const offset = wordAt(table, at + word, word);
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

/**
 * The bytes of a section, by name. A fault if the file is cut short, is not a supported ELF, or
 * lacks the section.
 */
export function findElfSection(bytes: Uint8Array, wanted: string): Decoded<Uint8Array> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const elf = CLASSES.get(bytes[CLASS_AT]);
  if (bytes.length < (elf?.header ?? CLASS_AT + 2))
    return faulty({ code: 'truncated', offset: bytes.length, field: 'ELF header' });
  // Magic number, class, little endian.
  if (view.getUint32(0) !== 0x7f454c46 || elf === undefined || bytes[CLASS_AT + 1] !== 1) {
    return faulty({ code: 'bad-value', offset: 0, field: 'ELF identification' });
  }
  const tableOffset = wordAt(view, elf.tableOffsetAt, elf.word);
  const entryBytes = view.getUint16(elf.entriesAt, true);
  const count = view.getUint16(elf.entriesAt + 2, true);
  const namesIndex = view.getUint16(elf.entriesAt + 4, true);
  if (entryBytes !== elf.sectionHeader || count > SECTIONS_MAX || namesIndex >= count) {
    return faulty({ code: 'bad-value', offset: elf.entriesAt, field: 'section header table' });
  }
  if (tableOffset + count * entryBytes > bytes.length) {
    return faulty({ code: 'truncated', offset: bytes.length, field: 'section header table' });
  }
  const names = sectionBytes(bytes, view, tableOffset + namesIndex * entryBytes, elf);
  if (names === undefined) return faulty({ code: 'truncated', offset: bytes.length, field: 'section names' });
  for (let index = 0; index < count; index += 1) {
    const at = tableOffset + index * entryBytes;
    if (textAt(names, view.getUint32(at, true), wanted.length) !== wanted) continue;
    const section = sectionBytes(bytes, view, at, elf);
    return section === undefined ? faulty({ code: 'truncated', offset: at, field: wanted }) : decoded(section);
  }
  return faulty({ code: 'bad-value', offset: tableOffset, field: `${wanted} is missing` });
}

const wordAt = (view: DataView, at: number, word: ElfClass['word']): number =>
  word === 4 ? view.getUint32(at, true) : Number(view.getBigUint64(at, true));

function sectionBytes(bytes: Uint8Array, view: DataView, headerAt: number, elf: ElfClass): Uint8Array | undefined {
  const offset = wordAt(view, headerAt + elf.sectionOffsetAt, elf.word);
  const length = wordAt(view, headerAt + elf.sectionOffsetAt + elf.word, elf.word);
  return offset + length > bytes.length ? undefined : bytes.subarray(offset, offset + length);
}

/** The text at `offset`; undefined unless it has exactly `length` bytes. */
function textAt(bytes: Uint8Array, offset: number, length: number): string | undefined {
  if (bytes[offset + length] !== 0) return undefined;
  return Buffer.from(bytes.subarray(offset, offset + length)).toString('latin1');
}
