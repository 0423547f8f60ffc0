// The tree of documents that a machine reads of itself: what is in it, and what of it is for this machine.
//
// Sources: cloud-init, "MAAS" data source (the paths, and which of them it can do without); MAAS's versions of it.
//
//   latest, 2012-03-01 ─┬─ meta-data ─┬─ instance-id      its system id
//                       │             ├─ local-hostname   name and domain
//                       │             ├─ public-keys      its owner's SSH keys, a line each
//                       │             └─ vendor-data      our wishes, below its owner's; as YAML with one key for cloud-init
//                       └─ user-data                      its owner's wishes
//
// 1. Pure: every document is a function of the machine and of what is handed in.

import { quoteYaml } from '../preseed/quoting.ts';
import type { Machine } from '../records/machine.ts';
import { machineFqdn } from '../records/machine.ts';

/** The versions of the tree. All have the same content. */
export const METADATA_VERSIONS = ['latest', '2012-03-01'] as const;

export const META_DATA_LEAVES = ['instance-id', 'local-hostname', 'public-keys', 'vendor-data'] as const;
export type MetaDataLeaf = (typeof META_DATA_LEAVES)[number];

/** What a path below `/MAAS/metadata/` means. */
export type MetadataPath =
  | { readonly kind: 'versions' }
  | { readonly kind: 'version' }
  | { readonly kind: 'meta-data' }
  | { readonly kind: 'leaf'; readonly name: MetaDataLeaf }
  | { readonly kind: 'user-data' }
  | { readonly kind: 'by-id'; readonly systemId: string }
  | { readonly kind: 'status'; readonly systemId: string }
  | { readonly kind: 'enlist-preseed' };

/** Which of the trees. */
export type MetadataTree = 'machine' | 'curtin' | 'enlist';

/** A path in its tree; undefined: nothing is there. */
export interface ParsedMetadataPath {
  readonly tree: MetadataTree;
  readonly path: MetadataPath;
}

const isLeaf = (name: string): name is MetaDataLeaf => META_DATA_LEAVES.some((leaf) => leaf === name);
const isVersion = (name: string): boolean => METADATA_VERSIONS.some((version) => version === name);

/** Reads a path below `/MAAS/metadata/`; any number of slashes stands for one, for clients put them together carelessly. */
export function parseMetadataPath(text: string): ParsedMetadataPath | undefined {
  const parts = text.split('/').filter((part) => part !== '');
  const tree = parts[0] === 'curtin' || parts[0] === 'enlist' ? parts[0] : 'machine';
  const path = pathOf(tree === 'machine' ? parts : parts.slice(1), tree);
  return path && { tree, path };
}

function pathOf(parts: readonly string[], tree: MetadataTree): MetadataPath | undefined {
  const [version, first, second, ...rest] = parts;
  if (version === undefined) return { kind: 'versions' };
  if (version === 'status' && first !== undefined && second === undefined && tree !== 'enlist')
    return { kind: 'status', systemId: first };
  if (!isVersion(version) || rest.length > 0) return undefined;
  if (first === undefined) return { kind: 'version' };
  if (second === undefined) {
    if (first === 'meta-data' || first === 'user-data') return { kind: first };
    return first === 'enlist-preseed' && tree === 'machine' ? { kind: first } : undefined;
  }
  if (first === 'meta-data' && isLeaf(second)) return { kind: 'leaf', name: second };
  return first === 'by-id' && tree === 'machine' ? { kind: 'by-id', systemId: second } : undefined;
}

/** The list of a directory. */
export const listing = (names: readonly string[]): string => names.join('\n');

/** What a leaf of `meta-data` says of a machine. @param vendorData a document for cloud-init, as `vendordata` renders it */
export function leafOf(
  name: MetaDataLeaf,
  machine: Machine,
  more: { readonly sshKeys: readonly string[]; readonly vendorData: () => string },
): string {
  switch (name) {
    case 'instance-id':
      return machine.systemId;
    case 'local-hostname':
      return machineFqdn(machine);
    case 'public-keys':
      return listing(more.sshKeys);
    case 'vendor-data': {
      const quoted = quoteYaml({ 'cloud-init': more.vendorData() });
      return quoted.ok ? quoted.text : '';
    }
  }
}

/** The same of a machine that nobody knows. */
export function enlistLeafOf(name: MetaDataLeaf): string | undefined {
  if (name === 'instance-id') return 'i-maas-enlistment';
  return name === 'local-hostname' ? 'maas-enlisting-node' : undefined;
}
