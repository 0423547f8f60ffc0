// `rackboot images add`: adds a file or a directory of this host to the store: a disk image (disk-images.ts), or the root of a system.

import type { FileHandle } from 'node:fs/promises';
import { sep } from 'node:path';
import { shellWord } from '../../clean-text.ts';
import { systemClock } from '../../clock.ts';
import { RackError } from '../../errors.ts';
import { bytesOfFile, piecesOf } from '../../images/image-file.ts';
import { formatImageName, startsOf } from '../../images/image-store.ts';
import { DirectoryPacking, type OpenDirectory, PACKED_FORM, realPathOf } from '../../images/make/directory-packing.ts';
import type { RootForm } from '../../images/make/given-file.ts';
import { type AddedRoot, copyRoot, type RootRequest } from '../../images/make/root-adding.ts';
import { describeRoot } from '../../images/run/root-check.ts';
import { formatBytes, print, printJson } from '../terminal/output.ts';
import { type AddFlags, addDiskImage, enterTree, forReader } from './disk-images.ts';
import { type GivenPath, misplaced, openGivenPath } from './given-path.ts';
import { realPath } from './image-tree.ts';
import { printTenths } from './tenths.ts';

/** Adds a file or a directory, and prints the name of its image. @returns 0 */
export async function addGiven(flags: AddFlags): Promise<number> {
  // Opened before switching users: the owner of the state directory may have no right to read it.
  const given = await openGivenPath(flags.file);
  try {
    return await addOpenedPath(given, flags);
  } finally {
    await given.handle.close();
  }
}

/** Adds an open file or a directory as `addGiven` does. @throws RackError `bad-argument`, with the right command, for any other file */
export async function addOpenedPath(given: GivenPath, flags: AddFlags): Promise<number> {
  if (given.kind === 'directory') {
    if (given.is === 'system') return await addDirectory(given, flags);
    throw misplaced(flags.file, { kind: given.is });
  }
  const { handle, is } = given;
  if (is.kind === 'disk') return await addDiskImage(handle, flags);
  if (is.kind === 'root') return await addRootFile(handle, is, flags);
  throw misplaced(flags.file, is);
}

async function addRootFile(handle: FileHandle, form: RootForm, flags: AddFlags): Promise<number> {
  refuseCompress(flags);
  const bytes = await bytesOfFile(handle, flags.file);
  const onProgress = printTenths(flags.json);
  async function* pieces(): AsyncGenerator<Uint8Array> {
    let done = 0;
    for await (const piece of piecesOf(bytes)) {
      done += piece.bytes.length;
      yield piece.bytes;
      onProgress(done, bytes.bytes);
    }
    await bytes.checkUnchanged();
  }
  return show(await copyInto(await enterTree(flags), form, flags, pieces(), bytes.bytes), form, flags);
}

async function addDirectory(given: OpenDirectory, flags: AddFlags): Promise<number> {
  refuseCompress(flags);
  const directory = realPathOf(given);
  // Started before switching users, as in `addGiven`.
  const packing = new DirectoryPacking(given);
  try {
    const tree = await enterTree(flags);
    if (`${realPath(tree)}${sep}`.startsWith(directory === sep ? sep : `${directory}${sep}`)) {
      const remedy = `copy the system first, to another disk: sudo rsync -aHAXx ${shellWord(flags.file)}/ DIRECTORY/`;
      throw new RackError('bad-argument', `the boot tree ${tree} is inside ${flags.file}: ${remedy}`);
    }
    if (!flags.json) print(`Packing ${flags.file}`);
    return show(await copyInto(tree, PACKED_FORM, flags, packing.pieces(), undefined), PACKED_FORM, flags);
  } finally {
    packing.stop();
  }
}

function refuseCompress({ compress, file }: AddFlags): void {
  if (compress === undefined) return;
  const why = `${file} is the root of a system, which is stored as it is`;
  throw new RackError('bad-argument', `--compress is only for the images of disks, and ${why}: leave it out`);
}

async function copyInto(
  tree: string,
  { format, rootName }: RootForm,
  flags: AddFlags,
  pieces: AsyncIterable<Uint8Array>,
  bytes: number | undefined,
): Promise<AddedRoot> {
  const { os, release, arch: architecture, subarch: subarchitecture, label, serial, title, file: fileName } = flags;
  const name = { os, release, architecture, subarchitecture, label, serial };
  const request: RootRequest = { tree, name, title, nowMs: systemClock.wallTimeMs(), format, rootName, fileName };
  return await copyRoot(request, pieces, bytes).catch((error: unknown) => {
    throw forReader(tree, error);
  });
}

function show({ image, added, root }: AddedRoot, { rootName }: RootForm, { json }: AddFlags): number {
  const name = formatImageName(image);
  const sizes = `${formatBytes(image.bytes)}, about ${formatBytes(image.diskBytes)} on a disk`;
  if (json) printJson({ image, added, root });
  else if (!added) print(`${name} is already there, with the same bytes.`);
  else print(`Added ${name} from the root of a system (${rootName}): ${sizes}, sha256 ${image.sha256.slice(0, 16)}…`);
  if (!json && root !== undefined)
    print(`Judging by its content, ${describeRoot(root, startsOf(image).starts !== undefined)}.`);
  return 0;
}
