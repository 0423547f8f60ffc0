// The boot loaders and installers of a bundle, and how one is added to the boot tree.
//
//   each file ─▶ copy to .part-…, hash ─▶ all right? ─▶ link into a new directory with a manifest ─▶ the directory appears whole
//
// 1. No name in a bundle becomes a path before it was checked.
// 2. Where the files came from, a bundle could only claim: an import from a source does not count them as its own.
// 3. Only an older part of another bundle is replaced. One of a source, or that a person made, stays, and so do newer ones. Damaged files are
//    replaced by the same ones, wherever they came from.

import { basename, dirname, join } from 'node:path';
import { z } from 'zod';
import { CPUS } from '../../boot/architectures.ts';
import { findImage, isPlainName } from '../../boot/images.ts';
import { cleanText } from '../../clean-text.ts';
import { RackError } from '../../errors.ts';
import { publishDirectory } from '../directory-publication.ts';
import type { ImageBytes } from '../disk-image.ts';
import { beginCopy, type StoreCopy } from '../image-removal.ts';
import { blobPath, type ImageBlob, storedTitle } from '../image-store.ts';
import { INSTALLER, LOADER, PART_FILES_MAX } from '../offers/offer.ts';
import {
  assertReplaceable,
  MANIFEST,
  nameOfPart,
  type PresentPart,
  partDirectory,
  presentPart,
  replaceable,
  type TreePart,
} from '../parts/tree-parts.ts';
import { encodeManifest, makeDirectories } from '../publication.ts';
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

/** The outcome for a part. `newer`: this host has a newer one. */
export type PartResult = { readonly kind: 'added' | 'there' } | KeptPart;

/** Why something of a bundle was not added. */
export interface KeptPart {
  readonly kind: 'newer' | 'refused';
  readonly why: string;
}

/**
 * Adds a boot loader or an installer.
 * @throws RackError `bad-argument` for a file with another hash; `store-unwritable`; those of `assertReplaceable`
 */
export async function addBundledPart(part: BundledPart, terms: PartTerms): Promise<PartResult> {
  const { tree, fileName, open } = terms;
  if (!canStart(part))
    return {
      kind: 'refused',
      why: 'its linux or initrd.gz is missing or empty: export it again from a host that has it',
    };
  const directory = partDirectory(part);
  const place = join(tree, directory);
  const os = part.kind === 'installer' ? part.os : undefined;
  const copies = new Map<string, StoreCopy>();
  try {
    assertReplaceable(tree, directory, os);
    const present = presentPart(place, part.kind);
    const isSame = present !== undefined && hasSameFiles(present, part);
    if (isSame && (await isUndamaged(present, directory, tree))) return { kind: 'there' };
    const kept = judgePresent(part, present);
    if (kept !== undefined) return kept;
    await makeDirectories(join(tree, 'images'));
    for (const blob of blobsOfPart(part)) {
      if (copies.has(blob.sha256)) continue;
      const copy = await beginCopy(tree);
      copies.set(blob.sha256, copy);
      await copyBlob(blob, copy.path, `${nameOfBundledPart(part)} of ${fileName}`, open(blob));
    }
    const { kind: _kind, architecture: _architecture, files, ...facts } = part;
    const from = { source: cleanText(basename(fileName), 255), isBundled: true };
    const manifest = isSame ? present.manifest : encodeManifest({ ...facts, ...from, packages: [], files });
    const links = files.map((file) => ({ name: file.name, link: copies.get(file.sha256)?.path ?? '' }));
    let late: KeptPart | undefined;
    const publishing = publishDirectory(place, [...links, manifest], (at, published, state) => {
      replaceable(tree, os)(at, published, state);
      if (state === 'left') return;
      late = judgePresent(part, presentPart(at, part.kind));
      if (late !== undefined) throw new RackError('already-exists', late.why);
    });
    await publishing.catch((error: unknown) => {
      if (late === undefined) throw error;
    });
    return late ?? { kind: 'added' };
  } catch (error) {
    throw asStoreError(error, dirname(place));
  } finally {
    for (const copy of copies.values()) await copy.end();
  }
}

/** False for an installer from which no machine could start. */
function canStart(part: BundledPart): boolean {
  if (part.kind === 'loader') return true;
  const directory = partDirectory(part);
  const filled = new Set(part.files.filter(({ bytes }) => bytes > 0).map((file) => join(directory, file.name)));
  const { architecture, release } = part;
  const query = { architecture, subarchitecture: 'generic', releases: [release], directory: 'install' } as const;
  return findImage(query, (path) => filled.has(path)) !== undefined;
}

/** Why the part of this host stays; undefined: it may be replaced. */
function judgePresent(part: BundledPart, present: PresentPart | undefined): KeptPart | undefined {
  if (present === undefined || hasSameFiles(present, part)) return undefined;
  const { isBundled, source, serial } = present;
  const remedy = `to replace it, remove it first: sudo rackboot images remove ${nameOfBundledPart(part)}`;
  // The serial of one that a person made is only the day on which it was made.
  if (!isBundled && source === undefined)
    return { kind: 'refused', why: `this host has one that was made here: ${remedy}` };
  const order = compareSerials(serial, part.serial);
  if (isBundled && order < 0) return undefined;
  const serials = `the bundle has the serial ${part.serial}, and this host has`;
  if (order > 0) return { kind: 'newer', why: `${serials} the newer ${serial}` };
  const other = isBundled ? 'other files of the serial' : `that of the source ${source} with the serial`;
  return { kind: 'refused', why: `${serials} ${other} ${serial}: ${remedy}` };
}

const hasSameFiles = (one: Pick<TreePart, 'files'>, other: Pick<TreePart, 'files'>): boolean =>
  contentOf(one) === contentOf(other);

const contentOf = ({ files }: Pick<TreePart, 'files'>): string =>
  JSON.stringify(files.map((file) => [file.name, file.sha256]).toSorted());

async function isUndamaged({ files }: Pick<TreePart, 'files'>, directory: string, tree: string): Promise<boolean> {
  for (const { name, sha256, bytes } of files)
    if ((await judgeBlob(tree, { path: join(directory, name), sha256, bytes }, {})).kind !== 'whole') return false;
  return true;
}
