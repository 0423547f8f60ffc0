// Small kernel modules and Debian packages for tests: real formats with only the content that a test needs.

import { execFileSync } from 'node:child_process';
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** A 64-bit little-endian ELF file with these sections. */
export function makeElf(contents: Readonly<Record<string, Uint8Array>>): Uint8Array {
  const all = Object.entries(contents);
  const names = Buffer.from(`\0${[...all.map(([name]) => name), '.shstrtab'].join('\0')}\0`, 'latin1');
  const parts = [...all.map(([, data]) => data), names];
  const bodyBytes = parts.reduce((sum, part) => sum + part.length, 0);
  const header = Buffer.alloc(64);
  header.write('\x7fELF\x02\x01\x01', 'latin1');
  header.writeBigUInt64LE(BigInt(64 + bodyBytes), 40);
  header.writeUInt16LE(64, 58);
  header.writeUInt16LE(all.length + 2, 60);
  header.writeUInt16LE(all.length + 1, 62);
  const sections = [Buffer.alloc(64)];
  let offset = 64;
  for (const [name, data] of [...all, ['.shstrtab', names] as const]) {
    const bytes = Buffer.alloc(64);
    bytes.writeUInt32LE(names.indexOf(`\0${name}\0`) + 1, 0);
    bytes.writeBigUInt64LE(BigInt(offset), 24);
    bytes.writeBigUInt64LE(BigInt(data.length), 32);
    sections.push(bytes);
    offset += data.length;
  }
  return Buffer.concat([header, ...parts, ...sections]);
}

/** A kernel module with these `key=value` lines as its information. */
export const makeModule = (lines: readonly string[]): Uint8Array =>
  makeElf({ '.modinfo': Buffer.from(lines.map((line) => `${line}\0`).join(''), 'latin1') });

/** A program or a library that needs these libraries. */
export function makeProgram(libraries: readonly string[], interpreter?: string): Uint8Array {
  const strings = `\0${libraries.map((name) => `${name}\0`).join('')}`;
  const dynamic = Buffer.alloc(16 * (libraries.length + 2));
  // First a tag that the parser ignores, last the end.
  dynamic.writeBigUInt64LE(12n, 0);
  libraries.forEach((name, index) => {
    dynamic.writeBigUInt64LE(1n, 16 * (index + 1));
    dynamic.writeBigUInt64LE(BigInt(strings.indexOf(`\0${name}\0`) + 1), 16 * (index + 1) + 8);
  });
  return makeElf({
    ...(interpreter === undefined ? {} : { '.interp': Buffer.from(`${interpreter}\0`) }),
    '.dynamic': dynamic,
    '.dynstr': Buffer.from(strings, 'latin1'),
  });
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
