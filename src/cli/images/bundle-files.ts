// `rackboot images export NAME… FILE`: images, boot loaders and installers in one file, for a host
// without Internet access.

import { systemClock } from '../../ground/clock.ts';
import { counted } from '../../ground/counted.ts';
import { osErrorCode, RackError } from '../../ground/errors.ts';
import { type BundleContent, writeBundle } from '../../images/carry/bundle.ts';
import { reportTenths } from '../../images/engine/reports.ts';
import { formatRemovalName, listTreeParts, type TreePart } from '../../images/run/tree-parts.ts';
import { formatImageName, readImages, type StoredImage } from '../../images/store/image-store.ts';
import { printAnswer } from '../terminal/asking.ts';
import { formatBytes } from '../terminal/output.ts';
import { findImagesByName, findPartsByName } from './disk-images.ts';
import { openTreeAsOwner } from './image-tree.ts';
import { ImportProgress } from './import-progress.ts';
import { fillNewFile } from './new-file.ts';
import type { StoreFlags } from './options.ts';

/** The name of a new bundle ends in `.tar`, or is a path. */
const isBundleName = (name: string): boolean => /^[./]|\.tar$/.test(name);

/** @param flags.words names or their beginnings, then the file @returns 0 */
export async function exportImages(flags: StoreFlags & { readonly words: readonly string[] }): Promise<number> {
  const path = flags.words.at(-1) ?? '';
  const names = flags.words.slice(0, -1);
  if (names.length === 0 || !isBundleName(path)) {
    const remedy = 'name the images and then the file, such as ubuntu/noble images.tar';
    throw new RackError('bad-argument', `${JSON.stringify(path)} is not a file for images: ${remedy}`);
  }
  return await fillNewFile(path, async (file) => {
    const { tree } = await openTreeAsOwner(flags);
    const content = chooseContent(tree, names);
    const onProgress = reportTenths(new ImportProgress(false, flags.json).showReport);
    await writeBundle(tree, content, systemClock.wallTimeMs(), file, onProgress).catch((error: unknown) => {
      throw toWritingError(path, error);
    });
    const { size } = await file.stat();
    const exported = [...content.images.map(formatImageName), ...content.parts.map(formatRemovalName)];
    const lines = exported.map((name) => `Exported ${name}`);
    const text = [...lines, `Wrote ${path}: ${counted(exported.length, 'image')}, ${formatBytes(size)}`].join('\n');
    return printAnswer(flags, { file: path, bytes: size, ...content }, text);
  });
}

function toWritingError(path: string, cause: unknown): unknown {
  const code = osErrorCode(cause);
  if (cause instanceof RackError || code === undefined) return cause;
  return new RackError('store-unwritable', `${path} cannot be written (${code}): free space, or name another file`, {
    cause,
  });
}

function chooseContent(tree: string, names: readonly string[]): BundleContent {
  const { images } = readImages(tree);
  const parts = listTreeParts(tree);
  const chosen = { images: new Set<StoredImage>(), parts: new Set<TreePart>() };
  for (const name of names) {
    const matchingImages = findImagesByName(images, name);
    const foundParts = findPartsByName(parts, name, matchingImages.length > 0);
    if (matchingImages.length + foundParts.length === 0)
      throw new RackError('not-found', `there is no image ${JSON.stringify(name)}; \`rackboot images list\` shows all`);
    for (const image of matchingImages) chosen.images.add(image);
    for (const part of foundParts) chosen.parts.add(part);
  }
  return { images: [...chosen.images], parts: [...chosen.parts] };
}
