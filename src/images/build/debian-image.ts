// Makes a bootable disk image of Debian: packages → root → disk.
//
//   check ─▶ programs? space? ─▶ buildDebianRoot (mmdebstrap) ─▶ makeBootDisk (sfdisk, mtools, mke2fs) ─▶ the caller adds it to the store
//
// 1. Except for the packages, all files are in one directory, which the caller always removes.
// 2. With the same SOURCE_DATE_EPOCH and mirrors, all builds have the same identifiers and times;
//    the order of files may differ.

import { createHash } from 'node:crypto';
import { chmod, rm, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { RackError } from '../../ground/errors.ts';
import { type NeededProgram, requirePrograms } from '../content/needed-programs.ts';
import { formatUuid, makeBootDisk } from './boot-disk.ts';
import { asWorkDirError, buildDebianRoot, checkDebianRequest, type DebianRequest, isRootUser } from './debian-root.ts';

interface DebianImageRequest extends DebianRequest {
  /** Holds gigabytes: the image and all intermediate files. */
  readonly workDir: string;
  /** The size of the disk in bytes. If undefined, `makeBootDisk` chooses it. */
  readonly bytes?: number | undefined;
  /** The PATH in which programs are looked up. If undefined, `searchPath()`. */
  readonly path?: string | undefined;
}

interface DebianImage {
  readonly file: string;
  readonly diskBytes: number;
}

/** Space for the archive, the root and the image. */
const SPARE_BYTES = 4 * 1024 ** 3;

/** The programs of the build, without those that every Debian has (tar, du). */
export const debianImagePrograms = (runsAsRoot: boolean): readonly NeededProgram[] => [
  { program: 'mmdebstrap', package: 'mmdebstrap' },
  { program: 'sfdisk', package: 'fdisk' },
  ...['mformat', 'mmd', 'mcopy'].map((program) => ({ program, package: 'mtools' })),
  { program: 'mke2fs', package: 'e2fsprogs' },
  ...(runsAsRoot ? [] : [{ program: 'newuidmap', package: 'uidmap' }]),
];

/**
 * Makes an image.
 *
 * @throws RackError `bad-argument`, `tool-missing`, `tool-failed`, `store-unwritable`, each with the remedy
 */
export async function makeDebianImage(request: DebianImageRequest): Promise<DebianImage> {
  const { workDir, release, arch, epochSeconds, onProgress } = request;
  const platform = checkDebianRequest(request);
  requirePrograms('Making a Debian image', debianImagePrograms(isRootUser()), request.path);
  await checkSpace(workDir, request.bytes ?? 0);
  const ids = chooseIds([release, arch, epochSeconds, request.cloudInit, ...request.packages].join(' '));
  const archive = join(workDir, 'root.tar');
  const file = join(workDir, 'disk.img');
  try {
    // In its namespace, mmdebstrap writes the archive as another user.
    await chmod(workDir, 0o755);
    await buildDebianRoot(request, ids, archive);
    const diskBytes = await makeBootDisk({
      archive,
      file,
      workDir,
      platform,
      ids,
      epochSeconds,
      onProgress,
      bytes: request.bytes,
    });
    await rm(archive);
    return { file, diskBytes };
  } catch (error) {
    throw asWorkDirError(error, workDir);
  }
}

function chooseIds(seed: string): { readonly root: string; readonly esp: string } {
  const hash = createHash('sha256').update(seed).digest();
  const esp = hash.toString('hex', 16, 20).toUpperCase();
  return { root: formatUuid(hash), esp: `${esp.slice(0, 4)}-${esp.slice(4)}` };
}

async function checkSpace(directory: string, bytes: number): Promise<void> {
  const { bavail, bsize } = await statfs(directory);
  const needed = SPARE_BYTES + bytes;
  if (bavail * bsize >= needed) return;
  const gigabytes = (count: number): string => `${(count / 1e9).toFixed(1)} GB`;
  const remedy = 'free space there, or set TMPDIR to a directory with more';
  throw new RackError(
    'store-unwritable',
    `${directory} has ${gigabytes(bavail * bsize)} left, but building needs up to ${gigabytes(needed)}: ${remedy}`,
  );
}
