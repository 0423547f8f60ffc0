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
// 4. An unfinished or replaced directory is Rackboot's. One that was only moved away may have files
//    that no check has seen (`images/store/directory-publication.ts`), so it is judged as in its
//    place.

import { lstatSync, readdirSync, readlinkSync, type Stats } from 'node:fs';
import { join } from 'node:path';
import { CPUS } from '../../boot/architectures.ts';
import { osErrorCode } from '../../ground/errors.ts';
import { filesNamedIn, listKnownParts } from '../../images/run/part-check.ts';
import { MANIFEST } from '../../images/run/tree-parts.ts';
import { LOADER } from '../../images/sources/offer.ts';
import { kindOfFile } from '../../images/sources/stream-products.ts';
import { UNFINISHED_END } from '../../images/store/directory-publication.ts';
import { SYSTEM_NAME } from '../../images/store/system-tree.ts';

export interface TreeShares {
  /** Rackboot's, by the highest paths that have nothing else; absolute. */
  readonly own: readonly string[];
  /** All others, by the highest paths that have nothing of Rackboot's; absolute. */
  readonly others: readonly string[];
}

const UUID = '[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}';
const CPU = `(?:${CPUS.join('|')})`;
/** The store's own files: of images, an identity, locks, and copies under way. */
const STORED_FILE = new RegExp(
  `^images/(?:[0-9a-f]{2}/[0-9a-f]{64}\\.(?:img(?:\\.zst)?|squashfs|root\\.tar|root\\.gz|file)|\\.place|\\.(?:(?:manifests|links|imports)\\.)?lock|\\.part-(?:\\d+-)?${UUID}[^/]*)$`,
);
/**
 * The directories of the image store: manifests, downloads, uploads, damaged copies, and dates of
 * documents.
 */
const STORED_DIRECTORY = /^images\/\.(?:manifests|downloads|uploads|damaged|seen)$/;
/** Rackboot's even if they are empty: of the store, of its links, of boot loaders, and of installers. */
const OWN_LEVELS = [
  /^images(?:\/(?:[0-9a-f]{2}|systems(?:\/[^./][^/]*-[0-9a-f]{12})?))?$/,
  new RegExp(`^[^/]+/${CPU}/[^/]+/[^/]+$`),
  new RegExp(`^${LOADER}(?:/[^/]+)?$`),
  new RegExp(`^${CPU}(?:/generic(?:/[^/]+)?)?$`),
];
/** Even of an unfinished directory. */
const SYSTEM_FILE = new RegExp(`^images/systems/${SYSTEM_NAME}/(?<file>[^/]+)$`);
/** A directory that is not in its place, where Rackboot publishes one. */
const UNFINISHED_DIRECTORY = new RegExp(
  `^(?:images/systems/\\.[^/]+-[0-9a-f]{12}|${LOADER}/[^/]+/\\.[^/]+|${CPU}/generic/[^/]+/\\.(?:install|commissioning))${UNFINISHED_END}$`,
);
/**
 * Taken out by a check (`images/run/part-check.ts`), or unfinished
 * (`images/store/directory-publication.ts`).
 */
const HIDDEN_COPY = new RegExp(`^(?<above>(?:.*/)?)\\.(?<name>[^/]+)\\.(?:damaged|${UUID})$`);
/** The target of a link, even an unfinished one. */
const LINK = /^(?:[^/]+\/){4}[^/]+$/;
const LINKED = /^(?:\.\.\/){4}images\/systems\/[^/]+$/;

/**
 * Tells Rackboot's files in a tree from all others; both are empty if there is no tree.
 * @param tree not a link: that counts as a file that is not Rackboot's
 */
export function splitTree(tree: string): TreeShares {
  const facts = lstatSync(tree, { throwIfNoEntry: false });
  if (facts?.isDirectory() !== true) return { own: [], others: facts === undefined ? [] : [tree] };
  const named = new Map<string, Named>(
    listKnownParts(tree).parts.flatMap(({ kind, directory, architecture, manifest: { files } }) => [
      [join(directory, kind === 'built-in' ? `.loaders-${architecture}.json` : MANIFEST), {}] as const,
      ...files.map(
        ({ name, bytes }) => [join(directory, name), kind === 'built-in' ? { bytes } : {}] satisfies [string, Named],
      ),
    ]),
  );
  const content = listTreeEntries(tree, '').map((name) => judge(tree, name, named));
  return {
    own: content.flatMap(({ own }) => own).map((path) => join(tree, path)),
    others: content.flatMap(({ others }) => others).map((path) => join(tree, path)),
  };
}

interface Named {
  /** Undefined: a file of another size is Rackboot's, too. */
  readonly bytes?: number;
}

/** Paths are relative to the tree. */
function judge(tree: string, path: string, named: ReadonlyMap<string, Named>): TreeShares {
  const facts = lstatSync(join(tree, path), { throwIfNoEntry: false });
  if (facts === undefined) return { own: [], others: [] };
  if (isOwn(tree, path, facts, named)) return { own: [path], others: [] };
  if (!facts.isDirectory()) return { own: [], others: [path] };
  const isAway = UNFINISHED_DIRECTORY.test(path);
  const files = isAway ? new Map(filesNamedIn(tree, path).map((file) => [file, {}])) : named;
  const inside = listTreeEntries(tree, path).map((name) => judge(tree, `${path}/${name}`, files));
  const own = inside.flatMap((share) => share.own);
  const others = inside.flatMap((share) => share.others);
  const isEmptied = inside.length === 0 && OWN_LEVELS.some((level) => level.test(path));
  if (own.length === 0 && !isEmptied) return { own, others: [path] };
  return others.length === 0 ? { own: [path], others } : { own, others };
}

function isOwn(tree: string, path: string, facts: Stats, named: ReadonlyMap<string, Named>): boolean {
  if (facts.isSymbolicLink()) return LINK.test(path) && LINKED.test(readlinkSync(join(tree, path)));
  if (facts.isDirectory()) {
    const state = UNFINISHED_DIRECTORY.exec(path)?.groups?.state;
    return STORED_DIRECTORY.test(path) || state === 'new' || state === 'gone';
  }
  if (!facts.isFile()) return false;
  const entry = named.get(path);
  if (entry !== undefined) return (entry.bytes ?? facts.size) === facts.size;
  const systemFile = SYSTEM_FILE.exec(path)?.groups?.file;
  if (systemFile !== undefined) return kindOfFile(systemFile) !== 'other';
  const { above = '', name = '' } = HIDDEN_COPY.exec(path)?.groups ?? {};
  const original = `${above}${name}`;
  return STORED_FILE.test(path) || named.has(original) || STORED_FILE.test(original);
}

function listTreeEntries(tree: string, path: string): readonly string[] {
  try {
    return readdirSync(join(tree, path)).toSorted();
  } catch (error) {
    if (osErrorCode(error) === 'ENOENT') return [];
    throw error;
  }
}
