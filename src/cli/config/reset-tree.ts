// The files of a boot tree that Rackboot made, for `rackboot reset`. The tree may be one that
// another TFTP server serves, too.
//
//   images/XX/HASH.img, images/systems/NAME-HASH/FILE, images/.…  the store
//   OS/ARCH/SUBARCH/RELEASE/LABEL                                its links, which lead to images/systems
//   …/manifest.json, .loaders-ARCH.json                          boot loaders, installers and environments, with the files that they name
//
// 1. A file is Rackboot's by its name in the store, by a manifest, or as the hidden copy of such a
//    file. All others stay.
// 2. A directory goes as a whole if all in it is Rackboot's. Links are removed, never followed.
// 3. A directory at the place of a file is a person's, and so is a boot loader in the top directory
//    whose size is not that of the manifest (`images/run/part-check.ts`).
// 4. An unfinished or replaced directory is Rackboot's. A directory that was only moved away may
//    have files that no check has seen (`images/store/directory-publication.ts`), so its files are
//    judged as if it were still in its place.

import { lstatSync, readdirSync, readlinkSync, type Stats } from 'node:fs';
import { join } from 'node:path';
import { CPUS } from '../../boot/architectures.ts';
import { osErrorCode } from '../../ground/errors.ts';
import { listKnownParts, listManifestFiles } from '../../images/run/part-check.ts';
import { MANIFEST } from '../../images/run/tree-parts.ts';
import { LOADER } from '../../images/sources/offer.ts';
import { recogniseFileKind } from '../../images/sources/stream-products.ts';
import { UNFINISHED_SUFFIX } from '../../images/store/directory-publication.ts';
import { SYSTEM_NAME } from '../../images/store/system-tree.ts';

export interface TreeShares {
  /** Rackboot's files: the highest absolute paths that contain nothing else. */
  readonly own: readonly string[];
  /** All other files: the highest absolute paths that contain nothing of Rackboot's. */
  readonly others: readonly string[];
}

const UUID = '[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}';
const CPU = `(?:${CPUS.join('|')})`;
/** The store's own files: images, an identity, locks, and unfinished copies. */
const STORED_FILE = new RegExp(
  `^images/(?:[0-9a-f]{2}/[0-9a-f]{64}\\.(?:img(?:\\.zst)?|squashfs|root\\.tar|root\\.gz|file)|\\.place|\\.(?:(?:manifests|links|imports)\\.)?lock|\\.part-(?:\\d+-)?${UUID}[^/]*)$`,
);
/**
 * The directories of the image store: manifests, downloads, uploads, damaged copies, and dates of
 * documents.
 */
const STORED_DIRECTORY = /^images\/\.(?:manifests|downloads|uploads|damaged|seen)$/;
/**
 * Directories that are Rackboot's even if they are empty: of the store, of its links, of boot
 * loaders, and of installers.
 */
const OWN_LEVELS = [
  /^images(?:\/(?:[0-9a-f]{2}|systems(?:\/[^./][^/]*-[0-9a-f]{12})?))?$/,
  new RegExp(`^[^/]+/${CPU}/[^/]+/[^/]+$`),
  new RegExp(`^${LOADER}(?:/[^/]+)?$`),
  new RegExp(`^${CPU}(?:/generic(?:/[^/]+)?)?$`),
];
/** A file of a system, even in an unfinished directory. */
const SYSTEM_FILE = new RegExp(`^images/systems/${SYSTEM_NAME}/(?<file>[^/]+)$`);
/** A directory under a temporary name, where Rackboot publishes directories. */
const UNFINISHED_DIRECTORY = new RegExp(
  `^(?:images/systems/\\.[^/]+-[0-9a-f]{12}|${LOADER}/[^/]+/\\.[^/]+|${CPU}/generic/[^/]+/\\.(?:install|commissioning))${UNFINISHED_SUFFIX}$`,
);
/**
 * The copy of a file that a check has taken out (`images/run/part-check.ts`), or an unfinished copy
 * (`images/store/directory-publication.ts`).
 */
const HIDDEN_COPY = new RegExp(`^(?<above>(?:.*/)?)\\.(?<name>[^/]+)\\.(?:damaged|${UUID})$`);
/** The target of a link, even an unfinished one. */
const LINK = /^(?:[^/]+\/){4}[^/]+$/;
const LINKED = /^(?:\.\.\/){4}images\/systems\/[^/]+$/;

/**
 * Separates Rackboot's files in a tree from all others; both are empty if there is no tree. @param
 * tree a link counts as a file that is not Rackboot's
 */
export function splitTree(tree: string): TreeShares {
  const stats = lstatSync(tree, { throwIfNoEntry: false });
  if (stats?.isDirectory() !== true) return { own: [], others: stats === undefined ? [] : [tree] };
  const partFiles = new Map<string, PartFile>(
    listKnownParts(tree).parts.flatMap(({ kind, directory, architecture, manifest: { files } }) => [
      [join(directory, kind === 'built-in' ? `.loaders-${architecture}.json` : MANIFEST), {}] as const,
      ...files.map(
        ({ name, bytes }) => [join(directory, name), kind === 'built-in' ? { bytes } : {}] satisfies [string, PartFile],
      ),
    ]),
  );
  const content = listTreeEntries(tree, '').map((name) => splitPath(tree, name, partFiles));
  return {
    own: content.flatMap(({ own }) => own).map((path) => join(tree, path)),
    others: content.flatMap(({ others }) => others).map((path) => join(tree, path)),
  };
}

interface PartFile {
  /** The size of the file; undefined if a file of any size is Rackboot's. */
  readonly bytes?: number;
}

/** Separates the files at and below a path. Paths are relative to the tree. */
function splitPath(tree: string, path: string, partFiles: ReadonlyMap<string, PartFile>): TreeShares {
  const stats = lstatSync(join(tree, path), { throwIfNoEntry: false });
  if (stats === undefined) return { own: [], others: [] };
  if (isOwnPath(tree, path, stats, partFiles)) return { own: [path], others: [] };
  if (!stats.isDirectory()) return { own: [], others: [path] };
  const isUnfinished = UNFINISHED_DIRECTORY.test(path);
  const files = isUnfinished ? new Map(listManifestFiles(tree, path).map((file) => [file, {}])) : partFiles;
  const shares = listTreeEntries(tree, path).map((name) => splitPath(tree, `${path}/${name}`, files));
  const own = shares.flatMap((share) => share.own);
  const others = shares.flatMap((share) => share.others);
  const isEmptied = shares.length === 0 && OWN_LEVELS.some((level) => level.test(path));
  if (own.length === 0 && !isEmptied) return { own, others: [path] };
  return others.length === 0 ? { own: [path], others } : { own, others };
}

function isOwnPath(tree: string, path: string, stats: Stats, partFiles: ReadonlyMap<string, PartFile>): boolean {
  if (stats.isSymbolicLink()) return LINK.test(path) && LINKED.test(readlinkSync(join(tree, path)));
  if (stats.isDirectory()) {
    const state = UNFINISHED_DIRECTORY.exec(path)?.groups?.state;
    return STORED_DIRECTORY.test(path) || state === 'new' || state === 'gone';
  }
  if (!stats.isFile()) return false;
  const entry = partFiles.get(path);
  if (entry !== undefined) return (entry.bytes ?? stats.size) === stats.size;
  const systemFile = SYSTEM_FILE.exec(path)?.groups?.file;
  if (systemFile !== undefined) return recogniseFileKind(systemFile) !== 'other';
  const { above = '', name = '' } = HIDDEN_COPY.exec(path)?.groups ?? {};
  const original = `${above}${name}`;
  return STORED_FILE.test(path) || partFiles.has(original) || STORED_FILE.test(original);
}

function listTreeEntries(tree: string, path: string): readonly string[] {
  try {
    return readdirSync(join(tree, path)).toSorted();
  } catch (error) {
    if (osErrorCode(error) === 'ENOENT') return [];
    throw error;
  }
}
