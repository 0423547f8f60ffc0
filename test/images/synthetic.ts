// Small kernel modules and Debian packages, made for tests: real formats, nothing in them but what a test looks at.

import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** A 64-bit little-endian ELF file whose `.modinfo` section holds the given `key=value` lines. */
export function makeModule(lines: readonly string[]): Uint8Array {
  const info = Buffer.from(lines.map((line) => `${line}\0`).join(''), 'latin1');
  const names = Buffer.from('\0.modinfo\0.shstrtab\0', 'latin1');
  const header = Buffer.alloc(64);
  header.write('\x7fELF\x02\x01\x01', 'latin1');
  header.writeBigUInt64LE(BigInt(64 + info.length + names.length), 40);
  header.writeUInt16LE(64, 58);
  header.writeUInt16LE(3, 60);
  header.writeUInt16LE(2, 62);
  const section = (nameAt: number, offset: number, length: number): Buffer => {
    const bytes = Buffer.alloc(64);
    bytes.writeUInt32LE(nameAt, 0);
    bytes.writeBigUInt64LE(BigInt(offset), 24);
    bytes.writeBigUInt64LE(BigInt(length), 32);
    return bytes;
  };
  const sections = [section(0, 0, 0), section(1, 64, info.length), section(10, 64 + info.length, names.length)];
  return Buffer.concat([header, info, names, ...sections]);
}

/** What a made package has. */
export interface PackageRecipe {
  readonly name: string;
  readonly version?: string;
  readonly architecture?: string;
  /** Path in the package and content. */
  readonly files: Readonly<Record<string, string | Uint8Array>>;
}

/** Makes a package below `directory` with dpkg-deb and returns the `.deb` file. */
export function makePackage(directory: string, recipe: PackageRecipe): string {
  const { name, version = '1.0-1', architecture = 'amd64' } = recipe;
  const root = join(directory, `${name}-root`);
  const control = `Package: ${name}\nVersion: ${version}\nArchitecture: ${architecture}\nMaintainer: Nobody <nobody@example.net>\nDescription: made for a test\n`;
  for (const [path, content] of Object.entries({ 'DEBIAN/control': control, ...recipe.files })) {
    const file = join(root, path);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, content);
  }
  execFileSync('chmod', ['-R', 'u=rwX,go=rX', root]);
  const deb = join(directory, `${name}.deb`);
  execFileSync('dpkg-deb', ['--build', '--root-owner-group', root, deb], { stdio: 'ignore' });
  return deb;
}

/** One entry of a cpio archive, read without our own writer. */
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
