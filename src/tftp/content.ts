// The content of a transfer: a file of the tree or rendered text, in the form of the requested mode.
// Sources: boot/asset.ts; RFC 1350 §1 and RFC 764 (netascii).
//
// 1. A file of the requested name in the tree wins over rendered text and over "missing".
// 2. netascii is translated in memory before the client has acknowledged anything, so it has a
//    tight bound. Loaders and kernels are binary; clients request them as octet.

import type { BootAsset } from '../boot/asset.ts';
import { openAssetFile } from '../boot/asset-file.ts';
import type { FileSource } from '../files/file-source.ts';
import type { FileTree } from '../files/opened-file.ts';

/**
 * The largest file that is sent as netascii, in octets: enough for a configuration or a script.
 * Translating more would stall the event loop. Each request holds its own translation, at most
 * twice this size, until its transfer ends.
 */
const NETASCII_HELD_MAX = 16 * 1024;

/** Content that can be sent. */
export interface Content {
  readonly sizeBytes: number;
  /** For the transfer engine. */
  readonly source: FileSource | Uint8Array;
  /** `length` bytes at `offset`, synchronously if they are in memory. */
  read(offset: number, length: number): Uint8Array | Promise<Uint8Array>;
  close(isDoubtful?: boolean): void;
}

export type OpenedContent =
  | { readonly kind: 'content'; readonly content: Content; readonly rendered: boolean }
  | { readonly kind: 'missing'; readonly reason: string; readonly found?: string }
  | { readonly kind: 'refused'; readonly reason: string };

/** Opens the content of an asset. Rejects with the file system's error. */
export async function openContent(asset: BootAsset, files: FileTree, mode: string): Promise<OpenedContent> {
  if (asset.kind === 'refused') return { kind: 'refused', reason: asset.reason };
  const opened = await openAssetFile(asset, files);
  const contentOf = (content: Content, rendered: boolean) =>
    mode === 'octet' ? ({ kind: 'content', content, rendered } as const) : asNetascii(content, rendered);
  if (opened.kind === 'file') return contentOf(opened.file, false);
  return asset.kind === 'rendered' ? contentOf(inMemory(Buffer.from(asset.text, 'utf8')), true) : opened;
}

async function asNetascii(content: Content, rendered: boolean): Promise<OpenedContent> {
  try {
    if (content.sizeBytes > NETASCII_HELD_MAX) return { kind: 'refused', reason: 'netascii-too-large' };
    const translated = toNetascii(await content.read(0, content.sizeBytes));
    return { kind: 'content', content: inMemory(translated), rendered };
  } finally {
    content.close();
  }
}

function inMemory(bytes: Uint8Array): Content {
  return {
    sizeBytes: bytes.length,
    source: bytes,
    read: (offset, length) => bytes.subarray(offset, offset + length),
    close: () => undefined,
  };
}

const CR = 0x0d;
const LF = 0x0a;

/** A line feed becomes CR LF, a carriage return CR NUL. */
function toNetascii(bytes: Uint8Array): Uint8Array {
  let extra = 0;
  for (const byte of bytes) if (byte === CR || byte === LF) extra += 1;
  const translated = new Uint8Array(bytes.length + extra);
  let at = 0;
  for (const byte of bytes) {
    if (byte === LF) translated[at++] = CR;
    translated[at++] = byte;
    if (byte === CR) translated[at++] = 0;
  }
  return translated;
}
