// Reads an unpacked kernel package of a distribution: the kernel, and its modules in any compression.

import { readdir, readFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { promisify } from 'node:util';
import { gunzip, zstdDecompress } from 'node:zlib';
import { RackError } from '../../ground/errors.ts';
import { decodeModuleInfo, type ModuleInfo } from './kernel-module.ts';
import { runProgram } from './program.ts';

/** Debian compresses no kernel for RISC-V, and calls it `vmlinux`. */
const IMAGE_NAMES = ['vmlinuz', 'vmlinux'] as const;
const MODULE_BYTES_MAX = 64 * 1024 * 1024;

export interface KernelFiles {
  readonly version: string;
  readonly image: string;
  /** The directory `/lib/modules/VERSION`. */
  readonly modules: string;
}

/**
 * Finds the kernel in an unpacked package.
 *
 * @throws RackError `bad-argument` unless there is exactly one kernel with modules
 */
export async function findKernel(unpacked: string): Promise<KernelFiles> {
  const base = await findFirstExisting([join(unpacked, 'lib/modules'), join(unpacked, 'usr/lib/modules')]);
  const versions = base === undefined ? [] : await readdir(base);
  const version = versions[0];
  if (base === undefined || version === undefined || versions.length !== 1) {
    throw new RackError(
      'bad-argument',
      'the kernel package has no modules: use the linux-image package that contains them',
    );
  }
  const boot = join(unpacked, 'boot');
  const name = (await readdir(boot).catch(() => [])).find((file) =>
    IMAGE_NAMES.some((begin) => file === `${begin}-${version}`),
  );
  if (name === undefined) throw new RackError('bad-argument', `the kernel package has no boot/vmlinuz-${version}`);
  return { version, image: join(boot, name), modules: join(base, version) };
}

/** Finds the first directory that exists. Undefined if none does. */
export async function findFirstExisting(directories: readonly string[]): Promise<string | undefined> {
  for (const directory of directories) {
    const entries = await readdir(directory).catch(() => undefined);
    if (entries !== undefined) return directory;
  }
  return undefined;
}

/** Lists the paths of all modules below `/lib/modules/VERSION`, sorted. */
export async function listModules(kernel: KernelFiles): Promise<string[]> {
  const entries = await readdir(kernel.modules, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile() && /\.ko(\.(gz|xz|zst))?$/.test(entry.name))
    .map((entry) => relative(kernel.modules, join(entry.parentPath, entry.name)))
    .sort();
}

/**
 * Reads the description of one module.
 *
 * @throws RackError `bad-argument` if the file is not a module
 */
export async function readModuleInfo(kernel: KernelFiles, path: string): Promise<ModuleInfo> {
  const info = decodeModuleInfo(await readModule(join(kernel.modules, path)), path);
  if (info.ok) return info.value;
  throw new RackError('bad-argument', `${path} of the kernel package is not a module: ${info.fault.field}`);
}

/** Reads a module, and expands a compressed one. */
export async function readModule(file: string): Promise<Uint8Array> {
  if (file.endsWith('.xz')) return runProgram('xz', ['--decompress', '--stdout', file], { package: 'xz-utils' });
  const bytes = await readFile(file);
  const bound = { maxOutputLength: MODULE_BYTES_MAX };
  if (file.endsWith('.gz')) return promisify(gunzip)(bytes, bound);
  if (file.endsWith('.zst')) return promisify(zstdDecompress)(bytes, bound);
  return bytes;
}
