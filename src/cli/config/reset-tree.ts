// The files of a boot tree that Rackboot made, for `rackboot reset`. The tree may be one that another TFTP server serves, too.
//
//   images/XX/HASH.img, images/systems/NAME-HASH, images/.…     the store
//   OS/ARCH/SUBARCH/RELEASE/LABEL                                its links, which lead to images/systems
//   …/manifest.json, .loaders-ARCH.json                          boot loaders, installers and environments, with the files that they name
//
// 1. A file is Rackboot's by its name in the store, by a manifest of Rackboot, or by the name of an unfinished one. All others stay.
// 2. A directory goes as a whole if all in it is Rackboot's. Links are removed, never followed.

import { lstatSync, readdirSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { osErrorCode } from '../../errors.ts';
import { listKnownParts } from '../../images/parts/part-check.ts';
import { MANIFEST } from '../../images/parts/tree-parts.ts';

/** The files of a tree, by whose they are. */
export interface TreeShares {
  /** Rackboot's, by the highest paths that have nothing else; absolute. */
  readonly own: readonly string[];
  /** All others, by the highest paths that have nothing of Rackboot's; absolute. */
  readonly others: readonly string[];
}

/** The store's own names; hidden ones are locks, manifests, downloads, uploads and copies under way. */
const STORED =
  /^images\/(?:\.[^/]+|[0-9a-f]{2}\/(?:[0-9a-f]{64}\.(?:img(?:\.zst)?|squashfs|root\.tar|root\.gz|file)|\.[^/]+)|systems\/\.?[^/]+-[0-9a-f]{12}(?:\.(?:new|old|gone)-\d+-[0-9a-f-]{36})?)$/;
/** Unfinished files and directories (`images/publication.ts`), and damaged files that a check took out (`images/parts/part-check.ts`). */
const UNFINISHED = /^\..+\.(?:(?:new|old|gone)-\d+-[0-9a-f-]{36}|[0-9a-f]{8}-[0-9a-f-]{27}|damaged)$/;
/** Where the links of a system lead, from the directory of its release. */
const SYSTEM_LINK = /^(?:\.\.\/){4}images\/systems\/[^/]+$/;

/** Tells Rackboot's files in a tree from all others; both are empty if there is no tree. @throws the system's error */
export function sharesOf(tree: string): TreeShares {
  if (lstatSync(tree, { throwIfNoEntry: false })?.isDirectory() !== true) return { own: [], others: [] };
  const named = new Set(
    listKnownParts(tree).parts.flatMap(({ kind, directory, architecture, manifest: { files } }) => [
      join(directory, kind === 'built-in' ? `.loaders-${architecture}.json` : MANIFEST),
      ...files.map(({ name }) => join(directory, name)),
    ]),
  );
  const content = entriesIn(tree, '').map((name) => judge(tree, name, named));
  return {
    own: content.flatMap(({ own }) => own).map((path) => join(tree, path)),
    others: content.flatMap(({ others }) => others).map((path) => join(tree, path)),
  };
}

/** The same for one entry; paths are relative to the tree. */
function judge(tree: string, path: string, named: ReadonlySet<string>): TreeShares {
  const name = path.slice(path.lastIndexOf('/') + 1);
  const facts = lstatSync(join(tree, path), { throwIfNoEntry: false });
  if (facts === undefined) return { own: [], others: [] };
  const isLink = facts.isSymbolicLink();
  const isOwn = isLink
    ? SYSTEM_LINK.test(readlinkSync(join(tree, path)))
    : named.has(path) || STORED.test(path) || UNFINISHED.test(name);
  if (isOwn) return { own: [path], others: [] };
  if (isLink || !facts.isDirectory()) return { own: [], others: [path] };
  const inside = entriesIn(tree, path).map((one) => judge(tree, `${path}/${one}`, named));
  const own = inside.flatMap((one) => one.own);
  const others = inside.flatMap((one) => one.others);
  if (own.length === 0) return { own, others: [path] };
  return others.length === 0 ? { own: [path], others } : { own, others };
}

function entriesIn(tree: string, path: string): readonly string[] {
  try {
    return readdirSync(join(tree, path)).toSorted();
  } catch (error) {
    if (osErrorCode(error) === 'ENOENT') return [];
    throw error;
  }
}
