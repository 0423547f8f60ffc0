// Opens Debian packages: reads their fields and unpacks their files.
//
// Sources: deb(5), deb-control(5), symlink(7).
//
// 1. Links in an unpacked package lead only to files that were unpacked there.

import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, readdir, readlink, rm, symlink } from 'node:fs/promises';
import { dirname, join, normalize, relative } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { counted } from '../../ground/counted.ts';
import { RackError } from '../../ground/errors.ts';
import type { BuildReports } from './build-reports.ts';
import { runProgram } from './program.ts';

export interface DebianPackage {
  readonly file: string;
  readonly name: string;
  readonly version: string;
  readonly architecture: string;
  /** The hash of the whole file, hexadecimal. */
  readonly sha256: string;
}

const FIELDS = ['Package', 'Version', 'Architecture'] as const;
const DPKG = { package: 'dpkg' } as const;

/**
 * Reads the fields of a `.deb` file.
 *
 * @throws RackError `tool-missing`, `tool-failed` (for example if the file is not a package), `not-found`
 */
export async function openPackage(file: string): Promise<DebianPackage> {
  const text = (await runProgram('dpkg-deb', ['--field', file, ...FIELDS], DPKG)).toString('utf8');
  const [name = '', version = '', architecture = ''] = FIELDS.map((field) => {
    return new RegExp(`^${field}: (\\S+)$`, 'm').exec(text)?.[1];
  });
  if (name === '' || version === '' || architecture === '') {
    throw new RackError('tool-failed', `${file} is not a Debian package: it names no package, version or architecture`);
  }
  return { file, name, version, architecture, sha256: await hashPackage(file) };
}

/** Unpacks packages into one directory. @throws RackError `cancelled` if the signal aborts */
export async function unpackPackages(
  packages: readonly DebianPackage[],
  directory: string,
  { onProgress, onPart, signal }: BuildReports & { readonly signal?: AbortSignal | undefined },
): Promise<void> {
  onProgress(`Unpacking ${counted(packages.length, 'package')}`);
  for (const [index, { file, name, version }] of packages.entries()) {
    onPart?.({ text: `Unpacking ${name} ${version}`, number: index + 1, total: packages.length });
    await unpackPackage(file, directory);
    if (signal?.aborted === true) throw new RackError('cancelled', 'the import was stopped');
  }
}

/** Unpacks a package. Makes the directory if it is missing. The directory may contain other packages. */
export async function unpackPackage(file: string, directory: string): Promise<void> {
  await mkdir(directory, { recursive: true });
  await runProgram('dpkg-deb', ['--extract', file, directory], DPKG);
  // Unpacking the next package would follow these links.
  await confineLinks(directory);
}

/**
 * Rewrites links below `root` to lead where they would if `root` were a system's root. A rewritten
 * target has no `..` after a name. So it stays inside, even if its path contains other rewritten
 * links.
 */
async function confineLinks(root: string): Promise<void> {
  for (const entry of await readdir(root, { recursive: true, withFileTypes: true })) {
    if (!entry.isSymbolicLink()) continue;
    const path = join(entry.parentPath, entry.name);
    const target = await readlink(path);
    // As at the root of a system, `..` of `root` is `root` itself.
    const pathInRoot = normalize(target.startsWith('/') ? target : join('/', relative(root, dirname(path)), target));
    const confined = relative(dirname(path), join(root, pathInRoot)) || '.';
    if (confined === target) continue;
    await rm(path);
    await symlink(confined, path);
  }
}

async function hashPackage(file: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(file), hash);
  return hash.digest('hex');
}
