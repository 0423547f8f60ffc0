// Makes a bootable disk image of Debian for those who have none: packages → root → disk.
//
//   check ─▶ programs? room? ─▶ buildDebianRoot (mmdebstrap) ─▶ makeBootDisk (sfdisk, mtools, mke2fs) ─▶ the caller adds it to the store
//
// 1. Everything but the packages lies in one directory, which goes however it ends.
// 2. With SOURCE_DATE_EPOCH and one state of the mirrors, identifiers and times do not depend on who builds, where and when; the order of
//    files in the file system may.

import { createHash } from 'node:crypto';
import { chmod, rm, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { RackError } from '../errors.ts';
import { formatUuid, makeBootDisk } from './boot-disk.ts';
import { asRoomError, buildDebianRoot, checkDebianRequest, type DebianRequest, isRoot } from './debian-root.ts';
import { type NeededProgram, requirePrograms } from './needed-programs.ts';

/** What to make. */
export interface DebianImageRequest extends DebianRequest {
  /** Holds all that is made on the way, and the image; gigabytes. */
  readonly workDir: string;
  /** Of the disk; undefined: what is needed. */
  readonly bytes?: number | undefined;
  /** Where programs are looked for; undefined: where they are found and run. */
  readonly path?: string | undefined;
}

/** What was made. */
export interface DebianImage {
  readonly file: string;
  readonly diskBytes: number;
}

/** Archive, root and image of a system, each once. */
const ROOM_BYTES = 4 * 1024 ** 3;

/** What is run on the way that not every Debian has; what is essential there (tar, du) is left out. */
export const debianImagePrograms = (isByRoot: boolean): readonly NeededProgram[] => [
  { program: 'mmdebstrap', package: 'mmdebstrap' },
  { program: 'sfdisk', package: 'fdisk' },
  ...['mformat', 'mmd', 'mcopy'].map((program) => ({ program, package: 'mtools' })),
  { program: 'mke2fs', package: 'e2fsprogs' },
  ...(isByRoot
    ? []
    : [
        { program: 'fakeroot', package: 'fakeroot' },
        { program: 'newuidmap', package: 'uidmap' },
      ]),
];

/**
 * Makes an image.
 *
 * @throws RackError `bad-argument`, `tool-missing`, `tool-failed`, `store-unwritable`, each with the remedy
 */
export async function makeDebianImage(request: DebianImageRequest): Promise<DebianImage> {
  const { workDir, release, arch, epochSeconds, onProgress } = request;
  const platform = checkDebianRequest(request);
  requirePrograms('Making a Debian image', debianImagePrograms(isRoot()), request.path);
  await checkRoom(workDir, request.bytes ?? 0);
  const ids = chooseIds([release, arch, epochSeconds, request.cloudInit, ...request.packages].join(' '));
  const archive = join(workDir, 'root.tar');
  const file = join(workDir, 'disk.img');
  try {
    // mmdebstrap writes the archive as the user who runs it, from a namespace where it is somebody else.
    await chmod(workDir, 0o755);
    await buildDebianRoot(request, ids, archive);
    const diskBytes = await makeBootDisk({
      ...{ archive, file, workDir, platform, ids, epochSeconds, onProgress },
      bytes: request.bytes,
    });
    await rm(archive);
    await rm(join(workDir, 'root'), { recursive: true });
    return { file, diskBytes };
  } catch (error) {
    throw asRoomError(error, workDir);
  }
}

function chooseIds(seed: string): { readonly root: string; readonly esp: string } {
  const hash = createHash('sha256').update(seed).digest();
  const esp = hash.toString('hex', 16, 20).toUpperCase();
  return { root: formatUuid(hash), esp: `${esp.slice(0, 4)}-${esp.slice(4)}` };
}

async function checkRoom(directory: string, bytes: number): Promise<void> {
  const { bavail, bsize } = await statfs(directory);
  const needed = ROOM_BYTES + bytes;
  if (bavail * bsize >= needed) return;
  const gigabytes = (count: number): string => `${(count / 1e9).toFixed(1)} GB`;
  const remedy = 'make room there, or set TMPDIR to a directory with more';
  throw new RackError(
    'store-unwritable',
    `${directory} has ${gigabytes(bavail * bsize)} left, and building takes up to ${gigabytes(needed)}: ${remedy}.`,
  );
}
