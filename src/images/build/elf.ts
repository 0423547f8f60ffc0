// Reads sections of ELF files: of kernel modules, and of programs and libraries to find what they need.
//
// Source: System V ABI, "Object Files" (ELF) and "Program Loading and Dynamic Linking".
//
// 1. Only little-endian ELF is supported, of 32 and 64 bits.
// 2. The reader stays inside the bytes, whatever the headers say.

import { type Decoded, decoded, faulty } from '../../net/byte-reader.ts';

/**
 * Sizes and positions that differ between the classes of ELF, in bytes. A word contains an address,
 * an offset or a size.
 */
interface ElfClass {
  readonly wordBytes: 4 | 8;
  readonly headerBytes: number;
  /**
   * Position in the header of the word with the offset of the section header table.
   */
  readonly tableOffsetPosition: number;
  readonly entriesPosition: number;
  /** The size of a section header. */
  readonly sectionHeaderBytes: number;
  readonly sectionOffsetPosition: number;
}
/** The classes by EI_CLASS. */
const CLASSES: ReadonlyMap<number | undefined, ElfClass> = new Map([
  [
    1,
    {
      wordBytes: 4,
      headerBytes: 52,
      tableOffsetPosition: 32,
      entriesPosition: 46,
      sectionHeaderBytes: 40,
      sectionOffsetPosition: 16,
    },
  ],
  [
    2,
    {
      wordBytes: 8,
      headerBytes: 64,
      tableOffsetPosition: 40,
      entriesPosition: 58,
      sectionHeaderBytes: 64,
      sectionOffsetPosition: 24,
    },
  ],
]);
const CLASS_OFFSET = 4;
const SECTIONS_MAX = 65_535;
const DT_NEEDED = 1;
/** More libraries than any program needs. */
const LIBRARIES_MAX = 256;
/** PATH_MAX of Linux; names may overlap in the file. */
const NAME_BYTES_MAX = 4096;

interface ElfNeeds {
  /** The path of the dynamic linker. Undefined for a library. */
  readonly interpreter: string | undefined;
  /** The libraries that the file names itself, without theirs. */
  readonly libraries: readonly string[];
}

/**
 * Decodes what a file needs at run time. It is a fault if the file has no dynamic section, as a
 * statically linked program.
 */
export function decodeElfNeeds(bytes: Uint8Array): Decoded<ElfNeeds> {
  const dynamic = findElfSection(bytes, '.dynamic');
  if (!dynamic.ok) return dynamic;
  const strings = findElfSection(bytes, '.dynstr');
  if (!strings.ok) return strings;
  const interpreter = findElfSection(bytes, '.interp');
  const table = new DataView(dynamic.value.buffer, dynamic.value.byteOffset, dynamic.value.byteLength);
  const libraries: string[] = [];
  const wordBytes = CLASSES.get(bytes[CLASS_OFFSET])?.wordBytes ?? 8;
  // An entry is a tag and a value.
  for (let entryOffset = 0; entryOffset + 2 * wordBytes <= table.byteLength; entryOffset += 2 * wordBytes) {
    if (readWord(table, entryOffset, wordBytes) !== DT_NEEDED) continue;
    const offset = readWord(table, entryOffset + wordBytes, wordBytes);
    const name = readZeroTerminated(strings.value, offset);
    if (name === undefined || libraries.length >= LIBRARIES_MAX) {
      return faulty({ code: 'bad-value', offset: entryOffset, field: 'a needed library' });
    }
    libraries.push(name);
  }
  return decoded({ interpreter: interpreter.ok ? readZeroTerminated(interpreter.value, 0) : undefined, libraries });
}

/** Reads the text from `offset` to a zero byte. Undefined if there is none within NAME_BYTES_MAX. */
function readZeroTerminated(bytes: Uint8Array, offset: number): string | undefined {
  if (offset >= bytes.length) return undefined;
  const text = Buffer.from(bytes.subarray(offset, offset + NAME_BYTES_MAX)).toString('latin1');
  const end = text.indexOf('\0');
  return end === -1 ? undefined : text.slice(0, end);
}

/**
 * Finds the bytes of a section by its name. It is a fault if the file is cut short, is not a
 * supported ELF, or lacks the section.
 */
export function findElfSection(bytes: Uint8Array, sectionName: string): Decoded<Uint8Array> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const elf = CLASSES.get(bytes[CLASS_OFFSET]);
  if (bytes.length < (elf?.headerBytes ?? CLASS_OFFSET + 2))
    return faulty({ code: 'truncated', offset: bytes.length, field: 'ELF header' });
  // Magic number, class, little endian.
  if (view.getUint32(0) !== 0x7f454c46 || elf === undefined || bytes[CLASS_OFFSET + 1] !== 1) {
    return faulty({ code: 'bad-value', offset: 0, field: 'ELF identification' });
  }
  const tableOffset = readWord(view, elf.tableOffsetPosition, elf.wordBytes);
  const entryBytes = view.getUint16(elf.entriesPosition, true);
  const count = view.getUint16(elf.entriesPosition + 2, true);
  const namesIndex = view.getUint16(elf.entriesPosition + 4, true);
  if (entryBytes !== elf.sectionHeaderBytes || count > SECTIONS_MAX || namesIndex >= count) {
    return faulty({ code: 'bad-value', offset: elf.entriesPosition, field: 'section header table' });
  }
  if (tableOffset + count * entryBytes > bytes.length) {
    return faulty({ code: 'truncated', offset: bytes.length, field: 'section header table' });
  }
  const names = readSection(bytes, view, tableOffset + namesIndex * entryBytes, elf);
  if (names === undefined) return faulty({ code: 'truncated', offset: bytes.length, field: 'section names' });
  for (let index = 0; index < count; index += 1) {
    const headerOffset = tableOffset + index * entryBytes;
    if (readExactText(names, view.getUint32(headerOffset, true), sectionName.length) !== sectionName) continue;
    const section = readSection(bytes, view, headerOffset, elf);
    return section === undefined
      ? faulty({ code: 'truncated', offset: headerOffset, field: sectionName })
      : decoded(section);
  }
  return faulty({ code: 'bad-value', offset: tableOffset, field: `${sectionName} is missing` });
}

const readWord = (view: DataView, offset: number, wordBytes: ElfClass['wordBytes']): number =>
  wordBytes === 4 ? view.getUint32(offset, true) : Number(view.getBigUint64(offset, true));

function readSection(bytes: Uint8Array, view: DataView, headerOffset: number, elf: ElfClass): Uint8Array | undefined {
  const offset = readWord(view, headerOffset + elf.sectionOffsetPosition, elf.wordBytes);
  const length = readWord(view, headerOffset + elf.sectionOffsetPosition + elf.wordBytes, elf.wordBytes);
  return offset + length > bytes.length ? undefined : bytes.subarray(offset, offset + length);
}

/** Reads the text at `offset`. Undefined unless it has exactly `length` bytes. */
function readExactText(bytes: Uint8Array, offset: number, length: number): string | undefined {
  if (bytes[offset + length] !== 0) return undefined;
  return Buffer.from(bytes.subarray(offset, offset + length)).toString('latin1');
}
