// Finds an imported system in the boot tree, by MAAS's names:
// `OS/ARCH/SUBARCH/RELEASE/LABEL/{boot-kernel,boot-initrd,squashfs}`. A machine boots it over the
// network: its initrd fetches the root and starts the system from memory.
//
// Sources: the boot resources of MAAS 1.5 to 3.4 (the names); cloud-initramfs-rooturl (the forms of a root).
//
// 1. As in images.ts: plain names only, and the machine's own sub-architecture before `generic`.
// 2. A system without a root that its initrd can fetch is not found.

import { type BootImage, findDeviceTree, type HasFile, type ImageQuery, isPlainName } from './images.ts';

/** A system to enlist with, as the operator names it. */
export interface ImportedName {
  readonly os: string;
  readonly release: string;
  /** `undefined`: the first of LABELS that the tree has. */
  readonly label: string | undefined;
}

/** Kernel, initrd and root, as paths of the tree. */
export interface ImportedImage extends BootImage {
  readonly root: { readonly kind: 'squash' | 'tar'; readonly path: string };
}

/** The labels of streams, the most settled first. */
const LABELS = ['stable', 'release', 'candidate', 'daily'] as const;
const ROOTS = [
  { name: 'squashfs', kind: 'squash' },
  { name: 'root-tgz', kind: 'tar' },
  { name: 'root-txz', kind: 'tar' },
] as const;
const GENERIC = 'generic';
const NAME_CHARACTERS_MAX = 63;

/** Parses `ubuntu/noble` or `ubuntu/noble/daily`; `undefined` if the text is not such a name. */
export function parseImportedName(text: string): ImportedName | undefined {
  const [os, release, label, ...rest] = text.split('/');
  if (os === undefined || release === undefined || rest.length > 0) return undefined;
  const names = label === undefined ? [os, release] : [os, release, label];
  const isName = (name: string): boolean => isPlainName(name) && name.length <= NAME_CHARACTERS_MAX;
  return names.every(isName) ? { os, release, label } : undefined;
}

/** The name as the operator writes it. */
export const formatImportedName = ({ os, release, label }: ImportedName): string =>
  [os, release, ...(label === undefined ? [] : [label])].join('/');

/** The first existing image of a system; `undefined` if there is none. */
export function findImported(
  name: ImportedName,
  { architecture, subarchitecture }: Pick<ImageQuery, 'architecture' | 'subarchitecture'>,
  hasFile: HasFile,
): ImportedImage | undefined {
  for (const label of name.label === undefined ? LABELS : [name.label]) {
    for (const subarch of new Set([subarchitecture, GENERIC])) {
      const names = [name.os, architecture, subarch, name.release, label];
      if (!names.every(isPlainName)) continue;
      const directory = names.join('/');
      const [kernel, initrd] = [`${directory}/boot-kernel`, `${directory}/boot-initrd`];
      const root = ROOTS.find((candidate) => hasFile(`${directory}/${candidate.name}`));
      if (root === undefined || !hasFile(kernel) || !hasFile(initrd)) continue;
      const deviceTree = findDeviceTree(directory, architecture, hasFile);
      return { kernel, initrd, deviceTree, root: { kind: root.kind, path: `${directory}/${root.name}` } };
    }
  }
  return undefined;
}
