// `rackboot images import ./FILE`: imports a file or a directory of this host, by its content.
//
//   bundle ─▶ bundle-files.ts; disc ─▶ disc-file.ts; disk image, root of a system ─▶ as `images add` (add.ts), if they are named
//   anything else ─▶ refused, with the command for it

import { RackError } from '../../errors.ts';
import { addOpenedPath } from './add.ts';
import { importBundle } from './bundle-files.ts';
import { importDiscFile } from './disc-file.ts';
import { type GivenPath, misplaced, openGivenPath, unnamedSystem } from './given-path.ts';

interface ImportFileFlags {
  readonly config: string;
  readonly tree?: string | undefined;
  readonly file: string;
  readonly arch: string;
  readonly os?: string | undefined;
  readonly release?: string | undefined;
  readonly subarch?: string | undefined;
  readonly title?: string | undefined;
  readonly json: boolean;
}

/** True for a path, or a name with the ending of a file: images of sources have neither. */
export const isFileName = (name: string): boolean =>
  /^[./]|\.(?:tar|tgz|txz|tbz|gz|xz|zst|bz2|iso|img|raw|qcow2|squashfs|sqfs)$/i.test(name);

/** Imports a file or a directory, and prints the result. @returns 0 @throws RackError `bad-argument` with the right command */
export async function importFile(flags: ImportFileFlags): Promise<number> {
  // Opened before switching users: the owner of the state directory may have no right to read it.
  const given = await openGivenPath(flags.file);
  try {
    return await importOpened(given, flags);
  } finally {
    await given.handle.close();
  }
}

async function importOpened(given: GivenPath, flags: ImportFileFlags): Promise<number> {
  if (given.kind === 'file' && given.is.kind === 'bundle') return await importBundle(given.handle, flags);
  if (given.kind === 'file' && given.is.kind === 'disc') return await importDiscFile(given.handle, flags);
  const { os, release, arch, file } = flags;
  if (os !== undefined && release !== undefined) {
    if (arch.includes(',')) throw new RackError('bad-argument', `${file} is for one architecture: name it with --arch`);
    const rest = { subarch: flags.subarch ?? 'generic', label: 'release' };
    return await addOpenedPath(given, { ...flags, ...rest, os, release });
  }
  if (given.kind === 'file') throw misplaced(file, given.is);
  throw given.is === 'system' ? unnamedSystem(file) : misplaced(file, { kind: given.is });
}
