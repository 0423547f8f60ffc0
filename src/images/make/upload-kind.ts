// The types of files for upload, by MAAS's names: the image of a disk, or the root of a system.
//
// Source: MAAS's `filetype` of an upload. Its types with bzip2 are left out for disks: nothing here
// expands them.

import type { RootFormat } from '../store/stored-system.ts';

/** The kind of a file type. All types of disks are equal, because the bytes of a disk show its format. */
type FileKind = { readonly kind: 'disk' } | { readonly kind: 'root'; readonly format: RootFormat };

const DISK: FileKind = { kind: 'disk' };
const ARCHIVE: FileKind = { kind: 'root', format: 'root.tar' };
const KINDS: ReadonlyMap<string, FileKind> = new Map<string, FileKind>([
  ['tgz', ARCHIVE],
  ['txz', ARCHIVE],
  ['tbz', ARCHIVE],
  ['squashfs', { kind: 'root', format: 'squashfs' }],
  ...['ddraw', 'ddgz', 'ddxz', 'ddzst', 'ddtar', 'ddtgz', 'ddtxz', 'qcow2'].map((name) => [name, DISK] as const),
]);

export const FILE_TYPES: readonly string[] = [...KINDS.keys()];

/** Finds the kind of a file type. Undefined if the type is unknown. */
export const findFileKind = (fileType: string): FileKind | undefined => KINDS.get(fileType);
