// A machine's parts by the SMBIOS structure table of its firmware, `/sys/firmware/dmi/tables/DMI`.
//
// Source: DMTF DSP0134 3.7 §6.1.2 (structure header), §6.1.3 (text strings), §7.5 (processor, type
// 4), §7.17 (memory array, 16), §7.18 (memory device, 17), §7.39 (IPMI device, 38).
//
// 1. The table is untrusted: any bytes give an inventory within the bounds below, without an exception.
// 2. Fields beyond the end of a structure, or marked unknown, are absent or empty.

import { cleanWords } from './text-json.ts';

export const SMBIOS_BYTES_MAX = 64 * 1024;
export const MEMORY_BANKS_MAX = 128;
const PROCESSORS_MAX = 64;
const STRUCTURES_MAX = 4096;
const TEXT_MAX = 64;
const MIB_MAX = 2 ** 30;

interface MemoryBank {
  /** Its slot, `DIMM 0`, and its bank. */
  readonly locator: string;
  readonly bank: string;
  readonly size_mib: number;
  /** `DDR4`; empty: unknown. */
  readonly type: string;
  /** `DIMM`. */
  readonly form: string;
  /** Millions of transfers per second; 0: unknown. */
  readonly speed: number;
  readonly manufacturer: string;
  readonly part: string;
  readonly serial: string;
}

interface Processor {
  readonly socket: string;
  readonly manufacturer: string;
  readonly version: string;
  /** Current and maximum MHz; 0: unknown. */
  readonly speed: number;
  readonly max_speed: number;
  /** 0: unknown. */
  readonly cores: number;
  readonly threads: number;
}

interface FirmwareBmc {
  /** The host's interface to it: `KCS`. */
  readonly interface: string;
  /** The IPMI version: `2.0`. */
  readonly version: string;
}

export interface SmbiosInventory {
  readonly memory_banks: readonly MemoryBank[];
  /** Memory slots, including empty ones; 0: unknown. */
  readonly memory_slots: number;
  /** Maximum memory; 0: unknown. */
  readonly memory_max_mib: number;
  readonly processors: readonly Processor[];
  readonly bmc?: FirmwareBmc | undefined;
}

const MEMORY_TYPES: Readonly<Record<number, string>> = {
  3: 'DRAM',
  7: 'RAM',
  15: 'SDRAM',
  18: 'DDR',
  19: 'DDR2',
  20: 'DDR2 FB-DIMM',
  24: 'DDR3',
  25: 'FBD2',
  26: 'DDR4',
  27: 'LPDDR',
  28: 'LPDDR2',
  29: 'LPDDR3',
  30: 'LPDDR4',
  31: 'non-volatile',
  32: 'HBM',
  33: 'HBM2',
  34: 'DDR5',
  35: 'LPDDR5',
  36: 'HBM3',
};
const FORMS: Readonly<Record<number, string>> = {
  3: 'SIMM',
  5: 'chip',
  9: 'DIMM',
  13: 'SODIMM',
  15: 'FB-DIMM',
  16: 'die',
  17: 'CAMM',
};
const BMC_INTERFACES: Readonly<Record<number, string>> = { 1: 'KCS', 2: 'SMIC', 3: 'BT', 4: 'SSIF' };
/** §7.17.2. */
const SYSTEM_MEMORY = 3;
const CENTRAL_PROCESSOR = 3;

class Structure {
  readonly type: number;
  readonly #bytes: Buffer;
  readonly #strings: readonly string[];

  constructor(bytes: Buffer, strings: readonly string[]) {
    this.type = bytes[0] ?? 0;
    this.#bytes = bytes;
    this.#strings = strings;
  }

  /** `undefined` beyond the structure's end. */
  number(offset: number, size: 1 | 2 | 4 | 8): number | undefined {
    if (offset + size > this.#bytes.length) return undefined;
    if (size === 8) return Number(this.#bytes.readBigUInt64LE(offset));
    return this.#bytes.readUIntLE(offset, size);
  }

  /** The string whose number is at the offset; empty: none. */
  text(offset: number): string {
    const index = this.number(offset, 1) ?? 0;
    const text = index === 0 ? '' : cleanWords(this.#strings[index - 1] ?? '', TEXT_MAX);
    // Placeholders of firmware.
    return /^(?:not specified|unknown|none|n\/a|to be filled by o\.?e\.?m\.?|0+)$/i.test(text) ? '' : text;
  }
}

/** Up to the first incomplete one. */
function* decodeStructures(table: Buffer): Generator<Structure> {
  let at = 0;
  for (let count = 0; count < STRUCTURES_MAX && at + 4 <= table.length; count += 1) {
    const length = table[at + 1] ?? 0;
    if (length < 4 || at + length > table.length) return;
    const end = table.indexOf('\0\0', at + length, 'latin1');
    if (end === -1) return;
    const strings = table.toString('latin1', at + length, end).split('\0');
    const structure = new Structure(Buffer.from(table.buffer, table.byteOffset + at, length), strings);
    if (structure.type === 127) return;
    yield structure;
    at = end + 2;
  }
}

/** @param bytes only the first SMBIOS_BYTES_MAX are read */
export function decodeSmbios(bytes: Uint8Array): SmbiosInventory {
  const memoryBanks: MemoryBank[] = [];
  const processors: Processor[] = [];
  let slots = 0;
  let maxMib = 0;
  let bmc: FirmwareBmc | undefined;
  for (const structure of decodeStructures(Buffer.from(bytes.subarray(0, SMBIOS_BYTES_MAX)))) {
    if (structure.type === 4) {
      const processor = decodeProcessor(structure);
      if (processor !== undefined && processors.length < PROCESSORS_MAX) processors.push(processor);
    } else if (structure.type === 16 && structure.number(5, 1) === SYSTEM_MEMORY) {
      slots += structure.number(13, 2) ?? 0;
      maxMib += decodeCapacityMib(structure);
    } else if (structure.type === 17) {
      const bank = decodeMemoryBank(structure);
      if (bank !== undefined && memoryBanks.length < MEMORY_BANKS_MAX) memoryBanks.push(bank);
    } else if (structure.type === 38) bmc ??= decodeBmc(structure);
  }
  const inventory = {
    memory_banks: memoryBanks,
    memory_slots: slots,
    memory_max_mib: Math.min(maxMib, MIB_MAX),
    processors,
  };
  return bmc === undefined ? inventory : { ...inventory, bmc };
}

/**
 * The capacity of an array in MiB. DSP0134 §7.17: kilobytes, or for larger arrays bytes in an
 * extended field.
 */
function decodeCapacityMib(structure: Structure): number {
  const kilobytes = structure.number(7, 4) ?? 0;
  const mib = kilobytes === 0x8000_0000 ? (structure.number(15, 8) ?? 0) / 1024 / 1024 : kilobytes / 1024;
  return Math.floor(mib);
}

/** DSP0134 §7.18; `undefined` for an empty slot. */
function decodeMemoryBank(structure: Structure): MemoryBank | undefined {
  const mib = decodeBankSizeMib(structure);
  if (mib === 0) return undefined;
  const speed = structure.number(32, 2) || structure.number(21, 2) || 0;
  return {
    locator: structure.text(16),
    bank: structure.text(17),
    size_mib: Math.min(mib, MIB_MAX),
    type: MEMORY_TYPES[structure.number(18, 1) ?? 0] ?? '',
    form: FORMS[structure.number(14, 1) ?? 0] ?? '',
    speed: speed === 0xffff ? 0 : speed,
    manufacturer: structure.text(23),
    part: structure.text(26),
    serial: structure.text(24),
  };
}

/** The size of a memory bank in MiB; 0: empty slot, or unknown. */
function decodeBankSizeMib(structure: Structure): number {
  const size = structure.number(12, 2) ?? 0;
  if (size === 0xffff) return 0;
  if (size === 0x7fff) return (structure.number(28, 4) ?? 0) & 0x7fff_ffff;
  return (size & 0x8000) === 0 ? size : Math.floor((size & 0x7fff) / 1024);
}

/** DSP0134 §7.5; `undefined` for an empty socket or another kind of processor. */
function decodeProcessor(structure: Structure): Processor | undefined {
  if (structure.number(5, 1) !== CENTRAL_PROCESSOR || ((structure.number(24, 1) ?? 0) & 0x40) === 0) return undefined;
  const count = (offset: number, long: number): number => {
    const short = structure.number(offset, 1) ?? 0;
    return short === 0xff ? (structure.number(long, 2) ?? short) : short;
  };
  return {
    socket: structure.text(4),
    manufacturer: structure.text(7),
    version: structure.text(16),
    speed: structure.number(22, 2) ?? 0,
    max_speed: structure.number(20, 2) ?? 0,
    cores: count(35, 42),
    threads: count(37, 46),
  };
}

/** DSP0134 §7.39: the version is two digits of four bits each. */
function decodeBmc(structure: Structure): FirmwareBmc {
  const version = structure.number(5, 1) ?? 0;
  return {
    interface: BMC_INTERFACES[structure.number(4, 1) ?? 0] ?? '',
    version: version === 0 ? '' : `${version >> 4}.${version & 15}`,
  };
}
