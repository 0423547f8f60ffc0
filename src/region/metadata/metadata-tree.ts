// The tree of metadata documents that a machine reads: its paths, and their contents for one machine.
//
// Sources: cloud-init, "MAAS" data source (the paths, and which are optional); MAAS's versions of it.
//
//   latest, 2012-03-01 ─┬─ meta-data ─┬─ instance-id      its system id
//                       │             ├─ local-hostname   name and domain
//                       │             ├─ public-keys      its owner's SSH keys, one a line
//                       │             └─ vendor-data      Rackboot's settings, which user data override; YAML with the key `cloud-init`
//                       └─ user-data                      its owner's settings
//
// 1. Pure: every document is a function of the machine and the arguments.

import { quoteYaml } from '../preseed/quoting.ts';
import type { Machine } from '../records/machine.ts';
import { machineFqdn } from '../records/machine.ts';

/** The versions of the tree. All have the same content. */
export const METADATA_VERSIONS = ['latest', '2012-03-01'] as const;

export const META_DATA_LEAVES = ['instance-id', 'local-hostname', 'public-keys', 'vendor-data'] as const;
export type MetaDataLeaf = (typeof META_DATA_LEAVES)[number];

export type MetadataPath =
  | { readonly kind: 'versions' }
  | { readonly kind: 'version' }
  | { readonly kind: 'meta-data' }
  | { readonly kind: 'leaf'; readonly name: MetaDataLeaf }
  | { readonly kind: 'user-data' }
  | { readonly kind: 'by-id'; readonly systemId: string }
  | { readonly kind: 'status'; readonly systemId: string }
  | { readonly kind: 'enlist-preseed' };

export type MetadataTree = 'machine' | 'curtin' | 'enlist';

interface ParsedMetadataPath {
  readonly tree: MetadataTree;
  readonly path: MetadataPath;
}

const isLeaf = (name: string): name is MetaDataLeaf => META_DATA_LEAVES.some((leaf) => leaf === name);
const isVersion = (name: string): boolean => METADATA_VERSIONS.some((version) => version === name);

/**
 * Parses a path below `/MAAS/metadata/`; `undefined` if nothing is there. Several slashes count as
 * one, because clients repeat them.
 */
export function parseMetadataPath(text: string): ParsedMetadataPath | undefined {
  const parts = text.split('/').filter((part) => part !== '');
  const tree = parts[0] === 'curtin' || parts[0] === 'enlist' ? parts[0] : 'machine';
  const path = resolveMetadataPath(tree === 'machine' ? parts : parts.slice(1), tree);
  return path && { tree, path };
}

function resolveMetadataPath(parts: readonly string[], tree: MetadataTree): MetadataPath | undefined {
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

export const listing = (names: readonly string[]): string => names.join('\n');

/**
 * The content of a leaf of `meta-data`. @param more.vendorData a document for cloud-init, rendered
 * by `vendordata`
 */
export function renderLeaf(
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

export function renderEnlistLeaf(name: MetaDataLeaf): string | undefined {
  if (name === 'instance-id') return 'i-maas-enlistment';
  return name === 'local-hostname' ? 'maas-enlisting-node' : undefined;
}
