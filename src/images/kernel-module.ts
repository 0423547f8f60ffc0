// Reads what a Linux kernel module says of itself: its `.modinfo` section.
//
// Sources: System V ABI, "Object Files" (ELF); include/linux/moduleparam.h of Linux: the section holds `key=value` strings,
// each ended by a zero byte.
//
// 1. Only 64-bit little-endian ELF is read: amd64 and arm64.
// 2. Nothing outside the bytes is read, whatever the headers say.

import { type Decoded, decoded, faulty } from '../net/byte-reader.ts';

/** What a module needs and what it drives. Module names have underscores, never dashes. */
export interface ModuleInfo {
  readonly name: string;
  /** Modules whose symbols it uses. */
  readonly depends: readonly string[];
  /** Modules or aliases that are to be loaded before it, where they exist. */
  readonly softDepends: readonly string[];
  /** Patterns of device and feature names that it serves. */
  readonly aliases: readonly string[];
  /** Firmware files that it may ask for, below `/lib/firmware`. */
  readonly firmware: readonly string[];
}

const HEADER_BYTES = 64;
const SECTION_HEADER_BYTES = 64;
const SECTIONS_MAX = 65_535;

/** A module's name from its path or another spelling of it: no directory, no `.ko`, underscores for dashes. */
export function moduleName(text: string): string {
  const base = text.slice(text.lastIndexOf('/') + 1).replace(/\.ko(\.(gz|xz|zst))?$/, '');
  return base.replaceAll('-', '_');
}

/**
 * What the module in `bytes` (an uncompressed `.ko` file) says of itself; `path` gives the name when it does not say it.
 */
export function decodeModuleInfo(bytes: Uint8Array, path: string): Decoded<ModuleInfo> {
  const section = findSection(bytes, '.modinfo');
  if (!section.ok) return section;
  const depends: string[] = [];
  const softDepends: string[] = [];
  const aliases: string[] = [];
  const firmware: string[] = [];
  let name = moduleName(path);
  for (const line of Buffer.from(section.value).toString('latin1').split('\0')) {
    const equals = line.indexOf('=');
    if (equals < 0) continue;
    const value = line.slice(equals + 1);
    switch (line.slice(0, equals)) {
      case 'name':
        name = moduleName(value);
        break;
      case 'depends':
        depends.push(...value.split(',').filter(Boolean).map(moduleName));
        break;
      case 'softdep':
        softDepends.push(...parseSoftDepends(value));
        break;
      case 'alias':
        aliases.push(value);
        break;
      case 'firmware':
        firmware.push(value);
        break;
    }
  }
  return decoded({ name, depends, softDepends, aliases, firmware });
}

/** The names after `pre:` in the text of a soft dependency (modprobe.d(5)). */
function parseSoftDepends(text: string): string[] {
  const names: string[] = [];
  let before = false;
  for (const word of text.split(/\s+/)) {
    if (word === 'pre:') before = true;
    else if (word === 'post:') before = false;
    else if (before && word !== '') names.push(moduleName(word));
  }
  return names;
}

function findSection(bytes: Uint8Array, wanted: string): Decoded<Uint8Array> {
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

/** The zero-ended text at `offset`, when it has exactly `length` bytes. */
function textAt(bytes: Uint8Array, offset: number, length: number): string | undefined {
  if (bytes[offset + length] !== 0) return undefined;
  return Buffer.from(bytes.subarray(offset, offset + length)).toString('latin1');
}
