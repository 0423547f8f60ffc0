// Opens the file of the tree that an asset names, or says why there is none.
//
//   path ─ open ─┬─ there ──────────────────────────────────────────────────────────────────────► the file
//                └─ not there ─ a file whose name differs in case only? ─┬─ one ─────────────────► that file
//                                                                       └─ none, or several ────► why
//
// 1. Rendered text, and the name of an unknown machine, are for exactly the name that was asked for.

import type { FileTree, OpenedFile } from '../files/opened-file.ts';
import { isOwnPath } from '../files/own-names.ts';
import type { BootAsset } from './asset.ts';
import type { MissingReason } from './boot-words.ts';

/** @param found what the tree has in its place, for people */
export type AssetFile =
  | { readonly kind: 'file'; readonly file: OpenedFile; readonly path: string }
  | { readonly kind: 'missing'; readonly reason: MissingReason; readonly found?: string };

/** Rejects with the file system's error. */
export async function openAssetFile(
  asset: Exclude<BootAsset, { readonly kind: 'refused' }>,
  files: FileTree,
): Promise<AssetFile> {
  const { path } = asset;
  const file = await files.open(path);
  if (file !== undefined) return { kind: 'file', file, path };
  if (asset.kind === 'missing') return { kind: 'missing', reason: asset.reason };
  if (asset.kind === 'rendered') return { kind: 'missing', reason: 'not-in-tree' };
  if (isOwnPath(path.split('/'))) return { kind: 'missing', reason: 'own-file' };
  const alike = files.findAlike?.(path) ?? [];
  if (alike.includes(path)) return { kind: 'missing', reason: 'not-readable' };
  const [single, ...others] = alike;
  if (single === undefined) return { kind: 'missing', reason: 'not-in-tree' };
  if (others.length > 0) return { kind: 'missing', reason: 'several-spellings', found: alike.join(', ') };
  const other = await files.open(single);
  return other === undefined
    ? { kind: 'missing', reason: 'not-readable', found: single }
    : { kind: 'file', file: other, path: single };
}
