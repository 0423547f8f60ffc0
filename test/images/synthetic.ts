// Small kernel modules and Debian packages for tests: real formats with only the content that a test needs.

import { execFileSync } from 'node:child_process';
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** A little-endian ELF file with these sections. */
export function makeElf(contents: Readonly<Record<string, Uint8Array>>, bits: Bits = 64): Uint8Array {
  const all = Object.entries(contents);
  const names = Buffer.from(`\0${[...all.map(([name]) => name), '.shstrtab'].join('\0')}\0`, 'latin1');
  const parts = [...all.map(([, data]) => data), names];
  const bodyBytes = parts.reduce((sum, part) => sum + part.length, 0);
  const isWide = bits === 64;
  const header = Buffer.alloc(isWide ? 64 : 52);
  header.write(`\x7fELF${isWide ? '\x02' : '\x01'}\x01\x01`, 'latin1');
  writeWord(header, header.length + bodyBytes, isWide ? 40 : 32, bits);
  const sectionBytes = isWide ? 64 : 40;
  [sectionBytes, all.length + 2, all.length + 1].forEach((value, index) => {
    header.writeUInt16LE(value, (isWide ? 58 : 46) + 2 * index);
  });
  const sections = [Buffer.alloc(sectionBytes)];
  let offset = header.length;
  for (const [name, data] of [...all, ['.shstrtab', names] as const]) {
    const bytes = Buffer.alloc(sectionBytes);
    bytes.writeUInt32LE(names.indexOf(`\0${name}\0`) + 1, 0);
    writeWord(bytes, offset, isWide ? 24 : 16, bits);
    writeWord(bytes, data.length, isWide ? 32 : 20, bits);
    sections.push(bytes);
    offset += data.length;
  }
  return Buffer.concat([header, ...parts, ...sections]);
}

type Bits = 32 | 64;

function writeWord(bytes: Buffer, value: number, at: number, bits: Bits): void {
  if (bits === 64) bytes.writeBigUInt64LE(BigInt(value), at);
  else bytes.writeUInt32LE(value, at);
}

/** A kernel module with these `key=value` lines as its information. */
export const makeModule = (lines: readonly string[]): Uint8Array =>
  makeElf({ '.modinfo': Buffer.from(lines.map((line) => `${line}\0`).join(''), 'latin1') });

/** A program or a library that needs these libraries. */
export function makeProgram(libraries: readonly string[], interpreter?: string, bits: Bits = 64): Uint8Array {
  const strings = `\0${libraries.map((name) => `${name}\0`).join('')}`;
  const word = bits / 8;
  const dynamic = Buffer.alloc(2 * word * (libraries.length + 2));
  // First a tag that the parser ignores, last the end.
  writeWord(dynamic, 12, 0, bits);
  libraries.forEach((name, index) => {
    const at = 2 * word * (index + 1);
    writeWord(dynamic, 1, at, bits);
    writeWord(dynamic, strings.indexOf(`\0${name}\0`) + 1, at + word, bits);
  });
  const sections = { '.dynamic': dynamic, '.dynstr': Buffer.from(strings, 'latin1') };
  const linker = interpreter === undefined ? {} : { '.interp': Buffer.from(`${interpreter}\0`) };
  return makeElf({ ...linker, ...sections }, bits);
}

/** The content of a package. */
export interface PackageRecipe {
  readonly name: string;
  readonly version?: string;
  readonly architecture?: string;
  /** Path in the package and content. */
  readonly files: Readonly<Record<string, string | Uint8Array>>;
  /** Path of a symbolic link in the package and its target. */
  readonly links?: Readonly<Record<string, string>>;
}

/** Builds a package below `directory` with dpkg-deb. @returns the `.deb` file */
export function makePackage(directory: string, recipe: PackageRecipe): string {
  const { name, version = '1.0-1', architecture = 'amd64' } = recipe;
  const root = join(directory, `${name}-root`);
  const control = `Package: ${name}\nVersion: ${version}\nArchitecture: ${architecture}\nMaintainer: Nobody <nobody@example.net>\nDescription: made for a test\n`;
  for (const [path, content] of Object.entries({ 'DEBIAN/control': control, ...recipe.files })) {
    const file = join(root, path);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, content);
  }
  for (const [path, target] of Object.entries(recipe.links ?? {})) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    symlinkSync(target, join(root, path));
  }
  execFileSync('chmod', ['-R', 'u=rwX,go=rX', root]);
  const deb = join(directory, `${name}.deb`);
  execFileSync('dpkg-deb', ['--build', '--root-owner-group', root, deb], { stdio: 'ignore' });
  return deb;
}

/** One entry of a cpio archive, read without the code under test. */
export interface ReadEntry {
  readonly mode: number;
  readonly data: Buffer;
  readonly fields: readonly number[];
}

/** Reads a "newc" archive. */
export function readCpio(archive: Uint8Array): Map<string, ReadEntry> {
  const bytes = Buffer.from(archive);
  const entries = new Map<string, ReadEntry>();
  const align = (at: number): number => Math.ceil(at / 4) * 4;
  for (let at = 0; at < bytes.length; ) {
    if (bytes.toString('latin1', at, at + 6) !== '070701') throw new Error(`no header at ${at}`);
    const fields = Array.from({ length: 13 }, (_, index) => {
      const start = at + 6 + index * 8;
      return Number.parseInt(bytes.toString('latin1', start, start + 8), 16);
    });
    const [nameBytes = 0, dataBytes = 0] = [fields[11], fields[6]];
    const name = bytes.toString('utf8', at + 110, at + 110 + nameBytes - 1);
    const dataAt = align(at + 110 + nameBytes);
    if (name === 'TRAILER!!!') return entries;
    entries.set(name, { mode: fields[1] ?? 0, data: bytes.subarray(dataAt, dataAt + dataBytes), fields });
    at = align(dataAt + dataBytes);
  }
  throw new Error('no trailer');
}
