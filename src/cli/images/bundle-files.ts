// `rackboot images export NAME… FILE` and `images import FILE`: images in one file, for a host without Internet access.

import { type FileHandle, open, rm } from 'node:fs/promises';
import { systemClock } from '../../clock.ts';
import { counted } from '../../counted.ts';
import { osErrorCode, RackError } from '../../errors.ts';
import { fileFault } from '../../files/read-fault.ts';
import { addBundle, writeBundle } from '../../images/bundle/bundle.ts';
import type { AddResult } from '../../images/image-adding.ts';
import { bytesOfFile } from '../../images/image-file.ts';
import { formatImageName, imageBytes, readImages, type StoredImage } from '../../images/image-store.ts';
import { listTreeParts, type TreePart } from '../../images/import/tree-parts.ts';
import { formatBytes, print, printJson } from '../terminal/output.ts';
import { imagesNamed, partsNamed } from './disk-images.ts';
import { enterImageTree } from './image-tree.ts';
import { printTenths } from './tenths.ts';

interface BundleFlags {
  readonly config: string;
  readonly tree?: string | undefined;
  readonly json: boolean;
}

/** True for the name of a new bundle: it ends in `.tar`, or is a path. */
const isBundleName = (name: string): boolean => /^[./]|\.tar$/.test(name);

/** Writes images into a new file. @param flags.words the images' names or their beginnings, then the file @returns 0 */
export async function exportImages(flags: BundleFlags & { readonly words: readonly string[] }): Promise<number> {
  const path = flags.words.at(-1) ?? '';
  const names = flags.words.slice(0, -1);
  if (names.length === 0 || !isBundleName(path)) {
    const remedy = 'name the images and then the file, such as ubuntu/noble images.tar';
    throw new RackError('bad-argument', `${JSON.stringify(path)} is not a file for images: ${remedy}`);
  }
  // Opened before switching users: the owner of the state directory may have no right to write there.
  const file = await createFile(path);
  try {
    const { tree } = enterImageTree(flags);
    const images = chooseImages(tree, names);
    await writeBundle(tree, images, file, printTenths(flags.json));
    const { size } = await file.stat();
    if (flags.json) printJson({ file: path, bytes: size, images });
    else {
      for (const image of images) print(`Exported ${formatImageName(image)}`);
      print(`Wrote ${path}: ${counted(images.length, 'image')}, ${formatBytes(size)}`);
    }
    return 0;
  } catch (error) {
    // A truncated bundle is useless: no import accepts it without its end.
    await file.truncate(0).catch(() => undefined);
    await rm(path, { force: true }).catch(() => undefined);
    const code = osErrorCode(error);
    if (error instanceof RackError || code === undefined) throw error;
    throw new RackError('store-unwritable', `${path} cannot be written (${code}): free space, or name another file`, {
      cause: error,
    });
  } finally {
    await file.close();
  }
}

async function createFile(path: string): Promise<FileHandle> {
  try {
    return await open(path, 'wx', 0o644);
  } catch (cause) {
    if (osErrorCode(cause) === 'EEXIST') {
      throw new RackError('already-exists', `${path} already exists: remove it, or name another file`, { cause });
    }
    throw fileFault(path, cause);
  }
}

/** @throws RackError `not-found` for a name that no image has, with the remedy for that of a boot loader or an installer */
function chooseImages(tree: string, names: readonly string[]): readonly StoredImage[] {
  const { images } = readImages(tree);
  const chosen = new Set<StoredImage>();
  for (const name of names) {
    const found = imagesNamed(images, name);
    if (found.length === 0) {
      const [part] = partsNamed(listTreeParts(tree), name, false);
      if (part !== undefined) throw unbundled(name, part.kind);
      throw new RackError('not-found', `there is no image ${JSON.stringify(name)}; \`rackboot images list\` shows all`);
    }
    for (const image of found) chosen.add(image);
  }
  return [...chosen];
}

/** The error for something that bundles do not hold, with the way to bring it to another host. */
function unbundled(name: string, kind: TreePart['kind']): RackError {
  const ways = {
    loader: 'mirror the site that has it (`rackboot images mirror`), take the directory there, and serve it',
    installer:
      "take its files there: `rackboot images import-installer FILE` imports a network installer, `rackboot images import ./FILE.iso` the disc of Ubuntu's live server",
  };
  const what = kind === 'loader' ? 'a boot loader' : 'an installer';
  const text = `${name} is ${what}, and a bundle holds images only; for a host without the Internet, ${ways[kind]}`;
  return new RackError('bad-argument', text);
}

/** Adds the images of a bundle. @param file the open bundle, which the caller closes @returns 0 */
export async function importBundle(file: FileHandle, flags: BundleFlags & { readonly file: string }): Promise<number> {
  const results: Pick<AddResult, 'image' | 'added'>[] = [];
  const bytes = await bytesOfFile(file, flags.file);
  const { tree } = enterImageTree(flags);
  const onAdded = (result: Pick<AddResult, 'image' | 'added'>): void => {
    results.push(result);
    const name = formatImageName(result.image);
    if (!flags.json) {
      print(result.added ? `Imported ${name}: ${formatBytes(imageBytes(result.image))}` : `${name} is already there.`);
    }
  };
  const nowMs = systemClock.wallTimeMs();
  await addBundle({ tree, file: bytes, fileName: flags.file, nowMs, onAdded });
  if (flags.json) printJson({ images: results.map(({ image, added }) => ({ ...image, added })) });
  return 0;
}
