// The boot loaders and installers of a bundle, and how one is added to the boot tree.
//
//   each file ─▶ copy to .part-…, hash ─▶ all right? ─▶ link into a new directory with a manifest ─▶ the directory appears whole
//
// 1. No name in a bundle becomes a path before it was checked.
// 2. Where the files came from, a bundle could only claim: an import from a source does not count them as its own.
// 3. A directory that a person filled, and a newer one, are not replaced.

import { basename, dirname, join } from 'node:path';
import { z } from 'zod';
import { CPUS } from '../../boot/architectures.ts';
import { isPlainName } from '../../boot/images.ts';
import { cleanText } from '../../clean-text.ts';
import { RackError } from '../../errors.ts';
import { beginCopy, type StoreCopy } from '../image-removal.ts';
import { blobPath, type ImageBlob, storedTitle } from '../image-store.ts';
import { INSTALLER, LOADER, PART_FILES_MAX } from '../offers/offer.ts';
import {
  assertReplaceable,
  listTreeParts,
  MANIFEST,
  nameOfPart,
  partDirectory,
  replaceable,
  type TreePart,
} from '../parts/tree-parts.ts';
import { encodeManifest, makeDirectories, publishDirectory } from '../publication.ts';
import type { ImageBytes } from '../qcow2/reading.ts';
import { asStoreError } from '../store-error.ts';
import { judgeBlob } from '../stored-blob.ts';
import { compareSerials } from '../streams/serial.ts';
import { copyBlob } from './bundled-system.ts';

const name = z.string().refine(isPlainName);
const fileShape = z.object({
  name: name.refine((one) => one !== MANIFEST),
  bytes: z.number().int().min(0).max(Number.MAX_SAFE_INTEGER),
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
});
const facts = {
  schema: z.literal(1),
  release: name,
  title: z.string().transform(storedTitle),
  serial: z.string().regex(/^\d{8}(?:\.\d{1,4})?$/),
  files: z
    .array(fileShape)
    .min(1)
    .max(PART_FILES_MAX)
    .refine((files) => new Set(files.map((file) => file.name)).size === files.length),
};
const shape = z.discriminatedUnion('kind', [
  z.object({ ...facts, kind: z.literal('loader'), architecture: name, label: name }),
  z.object({ ...facts, kind: z.literal('installer'), architecture: z.enum(CPUS), os: name }),
]);

/** A boot loader or an installer of a bundle. */
export type BundledPart = z.output<typeof shape>;

/** The JSON of a part, as it is in a bundle. */
export function encodePart({ kind, os, release, architecture, label, title, serial, files }: TreePart): string {
  const own = kind === 'loader' ? { label } : { os };
  const plain = files.map((file) => ({ name: file.name, bytes: file.bytes, sha256: file.sha256 }));
  return `${JSON.stringify({ schema: 1, kind, release, architecture, ...own, title, serial, files: plain }, undefined, 2)}\n`;
}

/** Decodes the JSON of a part. @returns the problem if it is invalid */
export function decodePart(text: string): BundledPart | string {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return 'it is not JSON';
  }
  const decoded = shape.safeParse(value);
  return decoded.success ? decoded.data : 'it does not describe a boot loader or an installer';
}

/** The contents of a part. Two of its files may have the same. */
export const blobsOfPart = ({ files }: Pick<TreePart, 'files'>): readonly ImageBlob[] =>
  files.map(({ sha256, bytes }) => ({ path: blobPath(sha256, 'file'), sha256, bytes }));

/** The name of a part for people. */
export const nameOfBundledPart = (part: BundledPart): string => nameOfPart(namesOf(part));

const namesOf = (
  part: BundledPart,
): Pick<TreePart, 'kind' | 'os' | 'release' | 'architecture' | 'subarchitecture' | 'label' | 'serial'> =>
  part.kind === 'loader'
    ? { ...part, os: LOADER, subarchitecture: 'generic' }
    : { ...part, label: INSTALLER, subarchitecture: 'generic' };

/** The options for adding a part. */
interface PartTerms {
  /** The boot tree. */
  readonly tree: string;
  /** The name of the bundle. */
  readonly fileName: string;
  readonly open: (blob: ImageBlob) => ImageBytes;
}

/**
 * Adds a boot loader or an installer.
 * @returns false if it was there already
 * @throws RackError `bad-argument` for a file with another hash; `already-exists` if its directory has others of the same age, newer ones, or
 * those of a person; `store-unwritable`
 */
export async function addBundledPart(part: BundledPart, terms: PartTerms): Promise<boolean> {
  const { tree, fileName, open } = terms;
  const directory = partDirectory(part);
  const place = join(tree, directory);
  const copies = new Map<string, StoreCopy>();
  try {
    if (await isThere(part, tree)) return false;
    await makeDirectories(join(tree, 'images'));
    for (const blob of blobsOfPart(part)) {
      if (copies.has(blob.sha256)) continue;
      const copy = await beginCopy(tree);
      copies.set(blob.sha256, copy);
      await copyBlob(blob, copy.path, `${nameOfBundledPart(part)} of ${fileName}`, open(blob));
    }
    const { kind: _kind, architecture: _architecture, files, ...kept } = part;
    const manifest = encodeManifest({
      ...kept,
      source: cleanText(basename(fileName), 255),
      isBundled: true,
      packages: [],
      files,
    });
    const links = files.map((file) => ({ name: file.name, link: copies.get(file.sha256)?.path ?? '' }));
    await publishDirectory(place, [...links, manifest], replaceable(tree, osOf(part)));
    return true;
  } catch (error) {
    throw asStoreError(error, dirname(place));
  } finally {
    for (const copy of copies.values()) await copy.end();
  }
}

const osOf = (part: BundledPart): string | undefined => (part.kind === 'installer' ? part.os : undefined);

/** True if the tree has the same files. @throws RackError `already-exists` if it has others that are not older */
async function isThere(part: BundledPart, tree: string): Promise<boolean> {
  const directory = partDirectory(part);
  assertReplaceable(tree, directory, osOf(part));
  const present = listTreeParts(tree).find((one) => one.directory === directory);
  if (present === undefined) return false;
  const contentOf = ({ files }: Pick<TreePart, 'files'>): string =>
    JSON.stringify(files.map((file) => [file.name, file.sha256]).toSorted());
  if (contentOf(present) === contentOf(part)) return await isUndamaged(present, tree);
  if (compareSerials(present.serial, part.serial) < 0) return false;
  const why = `the bundle has the serial ${part.serial}, and this host has other files of the serial ${present.serial}`;
  const remedy = `remove it first: rackboot images remove ${nameOfPart(present)}`;
  throw new RackError('already-exists', `${nameOfBundledPart(part)} was not imported: ${why}: ${remedy}`);
}

async function isUndamaged({ directory, files }: TreePart, tree: string): Promise<boolean> {
  for (const { name, sha256, bytes } of files)
    if ((await judgeBlob(tree, { path: join(directory, name), sha256, bytes }, {})).kind !== 'whole') return false;
  return true;
}
