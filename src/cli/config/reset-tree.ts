// The files of a boot tree that Rackboot made, for `rackboot reset`. The tree may be one that another TFTP server serves, too.
//
//   images/XX/HASH.img, images/systems/NAME-HASH, images/.…     the store
//   OS/ARCH/SUBARCH/RELEASE/LABEL                                its links, which lead to images/systems
//   …/manifest.json, .loaders-ARCH.json                          boot loaders, installers and environments, with the files that they name
//
// 1. A file is Rackboot's by its name in the store, by a manifest of Rackboot, or by the name of an unfinished one. All others stay.
// 2. A directory goes as a whole if all in it is Rackboot's. Links are removed, never followed.
// 3. A directory at the place of a file is a person's, and so is a boot loader in the top directory whose size is not that of the manifest, as for
//    a check (`images/parts/part-check.ts`).

import { lstatSync, readdirSync, readlinkSync, type Stats } from 'node:fs';
import { basename, join } from 'node:path';
import { osErrorCode } from '../../errors.ts';
import { UNFINISHED_END } from '../../images/directory-publication.ts';
import { listKnownParts } from '../../images/parts/part-check.ts';
import { MANIFEST } from '../../images/parts/tree-parts.ts';

/** The files of a tree, by whose they are. */
export interface TreeShares {
  /** Rackboot's, by the highest paths that have nothing else; absolute. */
  readonly own: readonly string[];
  /** All others, by the highest paths that have nothing of Rackboot's; absolute. */
  readonly others: readonly string[];
}

const UUID = '[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}';
/** The store's own files: of images, an identity, locks, and copies under way. */
const STORED_FILE = new RegExp(
  `^images/(?:[0-9a-f]{2}/[0-9a-f]{64}\\.(?:img(?:\\.zst)?|squashfs|root\\.tar|root\\.gz|file)|\\.place|\\.(?:manifests|links|imports)\\.lock|\\.part-(?:\\d+-)?${UUID}[^/]*)$`,
);
/** Its directories: manifests, downloads, uploads, damaged copies, dates of documents, and files of systems. */
const STORED_DIRECTORY = new RegExp(
  `^images/(?:\\.(?:manifests|downloads|uploads|damaged|seen)|systems/\\.?[^/]+-[0-9a-f]{12}(?:${UNFINISHED_END})?)$`,
);
/** Directories of the store that may be empty. */
const STORE_LEVEL = /^images(?:\/(?:[0-9a-f]{2}|systems))?$/;
/** Unfinished directories and files (`images/directory-publication.ts`). */
const UNFINISHED_DIRECTORY = new RegExp(`^\\..+${UNFINISHED_END}$`);
const UNFINISHED_FILE = new RegExp(`^\\..+\\.${UUID}$`);
/** A damaged file that a check took out (`images/parts/part-check.ts`). */
const TAKEN_OUT = /^(?<above>(?:.*\/)?)\.(?<name>[^/]+)\.damaged$/;
/** Where the links of a system lead, from the directory of its release. */
const SYSTEM_LINK = /^(?:\.\.\/){4}images\/systems\/[^/]+$/;

/** Tells Rackboot's files in a tree from all others; both are empty if there is no tree. @throws the system's error */
export function sharesOf(tree: string): TreeShares {
  if (lstatSync(tree, { throwIfNoEntry: false })?.isDirectory() !== true) return { own: [], others: [] };
  const named = new Map<string, Named>(
    listKnownParts(tree).parts.flatMap(({ kind, directory, architecture, manifest: { files } }) => [
      [join(directory, kind === 'built-in' ? `.loaders-${architecture}.json` : MANIFEST), {}] as const,
      ...files.map(
        ({ name, bytes }) => [join(directory, name), kind === 'built-in' ? { bytes } : {}] satisfies [string, Named],
      ),
    ]),
  );
  const content = entriesIn(tree, '').map((name) => judge(tree, name, named));
  return {
    own: content.flatMap(({ own }) => own).map((path) => join(tree, path)),
    others: content.flatMap(({ others }) => others).map((path) => join(tree, path)),
  };
}

/** A file that a manifest names. */
interface Named {
  /** Undefined: a file of another size is Rackboot's, too. */
  readonly bytes?: number;
}

/** The same for one entry; paths are relative to the tree. */
function judge(tree: string, path: string, named: ReadonlyMap<string, Named>): TreeShares {
  const facts = lstatSync(join(tree, path), { throwIfNoEntry: false });
  if (facts === undefined) return { own: [], others: [] };
  if (isOwn(tree, path, facts, named)) return { own: [path], others: [] };
  if (!facts.isDirectory()) return { own: [], others: [path] };
  const inside = entriesIn(tree, path).map((one) => judge(tree, `${path}/${one}`, named));
  const own = inside.flatMap((one) => one.own);
  const others = inside.flatMap((one) => one.others);
  const isEmptied = inside.length === 0 && STORE_LEVEL.test(path);
  if (own.length === 0 && !isEmptied) return { own, others: [path] };
  return others.length === 0 ? { own: [path], others } : { own, others };
}

function isOwn(tree: string, path: string, facts: Stats, named: ReadonlyMap<string, Named>): boolean {
  const name = basename(path);
  if (facts.isSymbolicLink()) return SYSTEM_LINK.test(readlinkSync(join(tree, path)));
  if (facts.isDirectory()) return STORED_DIRECTORY.test(path) || UNFINISHED_DIRECTORY.test(name);
  if (!facts.isFile()) return false;
  const { above = '', name: original = '' } = TAKEN_OUT.exec(path)?.groups ?? {};
  const known = named.get(path);
  const isNamed = known !== undefined && (known.bytes ?? facts.size) === facts.size;
  return isNamed || named.has(`${above}${original}`) || STORED_FILE.test(path) || UNFINISHED_FILE.test(name);
}

function entriesIn(tree: string, path: string): readonly string[] {
  try {
    return readdirSync(join(tree, path)).toSorted();
  } catch (error) {
    if (osErrorCode(error) === 'ENOENT') return [];
    throw error;
  }
}
