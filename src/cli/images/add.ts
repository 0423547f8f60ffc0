// `rackboot images add`: adds a disk image, or the root of a system in a file or directory, to the store.

import type { FileHandle } from 'node:fs/promises';
import { sep } from 'node:path';
import { shellWord } from '../../ground/clean-text.ts';
import { RackError } from '../../ground/errors.ts';
import type { AddResult } from '../../images/content/image-adding.ts';
import { describeSystem } from '../../images/content/image-system.ts';
import type { GivenContent, WorkResult } from '../../images/engine/works.ts';
import {
  DirectoryPacking,
  type OpenDirectory,
  PACKED_FORM,
  readRealPath,
} from '../../images/make/directory-packing.ts';
import type { RootForm } from '../../images/make/given-file.ts';
import { describeRoot } from '../../images/run/root-check.ts';
import { findStartFiles, formatImageName, type RequestedImageName } from '../../images/store/image-store.ts';
import { formatBytes, print, printError, printJson } from '../terminal/output.ts';
import { runJob } from './engine.ts';
import { type GivenPath, openGivenPath, readContent, toWrongCommandError } from './given-path.ts';
import { type ImageTree, openTreeAsOwner, realPath, toReaderError } from './image-tree.ts';
import type { AddFlags as GivenFlags } from './options.ts';

interface AddFlags extends GivenFlags {
  /** True if `images make-debian` made the file. */
  readonly isMade?: boolean | undefined;
}

export async function addGiven(flags: AddFlags): Promise<number> {
  // Open the file before switching users, because the owner of the state directory may be unable to
  // read it.
  const opened = await openGivenPath(flags.file);
  try {
    return await addOpenedPath(opened, flags);
  } finally {
    await opened.handle.close();
  }
}

/**
 * Does the same as `addGiven` for an open path. @throws RackError `bad-argument`, with the right
 * command, for any other file
 */
export async function addOpenedPath(given: GivenPath, flags: AddFlags): Promise<number> {
  if (given.kind === 'directory') {
    if (given.recognised === 'system') return await addDirectory(given, flags);
    throw toWrongCommandError(flags.file, { kind: given.recognised });
  }
  const { handle, recognised } = given;
  if (recognised.kind === 'disk') return await addDiskImage(handle, flags);
  if (recognised.kind === 'root') return await addRootFile(handle, recognised, flags);
  throw toWrongCommandError(flags.file, recognised);
}

async function addRootFile(handle: FileHandle, form: RootForm, flags: AddFlags): Promise<number> {
  refuseCompress(flags);
  const content = await readContent(handle, flags.file);
  return await addRoot(await openTreeAsOwner(flags), form, flags, content);
}

async function addDirectory(given: OpenDirectory, flags: AddFlags): Promise<number> {
  refuseCompress(flags);
  const directory = readRealPath(given);
  // Start the packing before switching users, as in `addGiven`.
  const packing = new DirectoryPacking(given);
  try {
    const imageTree = await openTreeAsOwner(flags);
    const { tree } = imageTree;
    if (`${realPath(tree)}${sep}`.startsWith(directory === sep ? sep : `${directory}${sep}`)) {
      const remedy = `copy the system first, to another disk: sudo rsync -aHAXx ${shellWord(flags.file)}/ DIRECTORY/`;
      throw new RackError('bad-argument', `the boot tree ${tree} is inside ${flags.file}: ${remedy}`);
    }
    if (!flags.json) print(`Packing ${flags.file}`);
    return await addRoot(imageTree, PACKED_FORM, flags, { bytes: undefined, pieces: () => packing.pieces() });
  } finally {
    packing.stop();
  }
}

function refuseCompress({ compress, file }: AddFlags): void {
  if (compress === undefined) return;
  const why = `${file} is the root of a system, which is stored as it is`;
  throw new RackError('bad-argument', `--compress is only for the images of disks, and ${why}: leave it out`);
}

async function addRoot(imageTree: ImageTree, form: RootForm, flags: AddFlags, content: GivenContent): Promise<number> {
  const { format, rootName } = form;
  const { title, file: fileName, json: isSilent } = flags;
  const options = { name: buildGivenName(flags), title, format, rootName, fileName };
  const adding = runJob(imageTree, 'add-root', options, { isSilent, content });
  const { image, added, root } = await adding.catch((error: unknown) => {
    throw toReaderError(imageTree.tree, error);
  });
  const name = formatImageName(image);
  const sizes = `${formatBytes(image.bytes)}, about ${formatBytes(image.diskBytes)} on a disk`;
  if (isSilent) printJson({ image, added, root });
  else if (!added) print(`${name} is already there, with the same bytes.`);
  else print(`Added ${name} from the root of a system (${rootName}): ${sizes}, sha256 ${image.sha256.slice(0, 16)}…`);
  if (!isSilent && root !== undefined)
    print(`Judging by its content, ${describeRoot(root, findStartFiles(image).starts !== undefined)}.`);
  return 0;
}

const buildGivenName = ({ os, release, arch, subarch, label, serial }: AddFlags): RequestedImageName => ({
  os,
  release,
  architecture: arch,
  subarchitecture: subarch,
  label,
  serial,
});

async function addDiskImage(file: FileHandle, flags: AddFlags): Promise<number> {
  const result = await addOpened(await openTreeAsOwner(flags), file, flags);
  if (flags.json) printJson(result);
  else {
    print(describeAdding(result));
    if (result.unfit === undefined) print(`Judging by its content, ${describeSystem(result.system)}.`);
    else printError(`Note: the image was added, but judging by its content, ${result.unfit}.`);
  }
  return 0;
}

/** Adds an open file. @throws RackError as `addImage`, and `permission-denied` as `readTree` */
export async function addOpened(
  imageTree: ImageTree,
  file: FileHandle,
  flags: AddFlags,
): Promise<WorkResult<'add-disk'>> {
  const { file: fileName, title, compress, isMade, json: isSilent } = flags;
  const content = await readContent(file, fileName);
  const options = { fileName, name: buildGivenName(flags), title, compress, isMade };
  return await runJob(imageTree, 'add-disk', options, { isSilent, content }).catch((error: unknown) => {
    throw toReaderError(imageTree.tree, error);
  });
}

const GIVEN_NAMES: Readonly<Record<AddResult['given'], string>> = {
  raw: 'a raw image',
  'raw.zst': 'a raw image compressed with zstd',
  qcow2: 'a QEMU image (qcow2)',
  packed: 'a packed image',
};

export function describeAdding({ image, added, given }: AddResult): string {
  const name = formatImageName(image);
  if (!added) return `${name} is already there, with the same bytes.`;
  return `Added ${name} from ${GIVEN_NAMES[given]}: ${formatBytes(image.bytes)}, ${formatBytes(image.diskBytes)} on a disk, sha256 ${image.sha256.slice(0, 16)}…`;
}
