// What Rackboot keeps in a boot tree for itself. No machine is given it; everything else in the
// tree is served, under whatever name.
//
// 1. The image store has entries of its own, which have the names in STORE.
// 2. While a file or a directory is written, replaced or removed, it has a hidden name next to its
//    path, with a UUID at its end (`publication.ts` and `directory-publication.ts` of images).

import { join } from 'node:path';

const STORE = 'images';
const STORE_NAMES = ['.lock', '.damaged', '.manifests', '.uploads', '.downloads', '.seen'] as const;
/** A name of Rackboot's own: with a UUID at its end, or the work of `images mirror`. */
const OWN_NAME = /^\.(?:.*[.-][0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|rackboot-mirror)$/;

/** The path of an entry that the image store of a tree has for itself. */
export const composeOwnEntryPath = (tree: string, name: (typeof STORE_NAMES)[number]): string =>
  join(tree, STORE, name);

/** @param names those of a path below the root of a tree */
export const isOwnPath = (names: readonly string[]): boolean =>
  (names[0] === STORE && STORE_NAMES.some((name) => name === names[1])) || names.some((name) => OWN_NAME.test(name));
