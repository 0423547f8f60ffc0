// The archive of a backup: plain files, one after another, in the form of ustar, so that tar(1) can
// list and extract it. Sources: IEEE Std 1003.1, pax ("ustar Interchange Format"); the manual of
// GNU tar ("Basic Tar Format", for sizes above 8 GiB).
//
// The reader says which file comes next, and how long it is. Any other header is damage: there are
// no links, no sparse files, and no file that the manifest does not name.

import { createHash } from 'node:crypto';
import { readSync, writeFileSync } from 'node:fs';
import { viewBytes } from '../../ground/borrowed-bytes.ts';
import { encodeTarHeader, NAME_BYTES_MAX, paddedBytes, TAR_BLOCK_BYTES } from '../../images/content/tar-header.ts';

const PIECE_BYTES_MAX = 1024 * 1024;
const SIZE_OFFSET = 124;
const SIZE_END = 135;

interface ArchivedFile {
  readonly path: string;
  readonly bytes: number;
}

/** The content of a file: all of it, or a descriptor open for reading. */
export type Content = Buffer | number;

export function digestContent(content: Content): { readonly bytes: number; readonly sha256: string } {
  const hash = createHash('sha256');
  let bytes = 0;
  for (const piece of readContent(content)) {
    hash.update(piece);
    bytes += piece.length;
  }
  return { bytes, sha256: hash.digest('hex') };
}

/** @param seconds since 1970 @throws Error if a content has another length */
export function writeArchive(
  archive: number,
  seconds: number,
  files: readonly (ArchivedFile & { readonly content: Content })[],
): void {
  for (const { path, bytes, content } of files) {
    writeFileSync(archive, encodeHeader(path, bytes, seconds));
    let left = bytes;
    for (const piece of readContent(content)) {
      writeFileSync(archive, piece);
      left -= piece.length;
    }
    if (left !== 0) throw new Error(`${path} changed meanwhile`);
    writeFileSync(archive, Buffer.alloc(paddingBytes(bytes)));
  }
  writeFileSync(archive, Buffer.alloc(2 * TAR_BLOCK_BYTES));
}

/** The content of the first file. @throws Error if it is longer than `bytesMax`, or there is none */
export function readFirst(archive: number, bytesMax: number): Buffer {
  const bytes = Number.parseInt(take(archive, TAR_BLOCK_BYTES).toString('latin1', SIZE_OFFSET, SIZE_END), 8);
  if (!(bytes <= bytesMax)) throw new Error('its first file is no manifest');
  const content = take(archive, bytes);
  take(archive, paddingBytes(bytes));
  return content;
}

/** Passes the next file on. @returns its SHA-256 @throws Error if it is another one, or cut */
export function readArchived(
  archive: number,
  { path, bytes }: ArchivedFile,
  seconds: number,
  write: (piece: Buffer) => void,
): string {
  if (!take(archive, TAR_BLOCK_BYTES).equals(encodeHeader(path, bytes, seconds))) throw new Error(path);
  const hash = createHash('sha256');
  for (let left = bytes; left > 0; left -= PIECE_BYTES_MAX) {
    const piece = take(archive, Math.min(left, PIECE_BYTES_MAX));
    hash.update(piece);
    write(piece);
  }
  take(archive, paddingBytes(bytes));
  return hash.digest('hex');
}

const paddingBytes = (bytes: number): number => paddedBytes(bytes) - bytes;

/** A header with the path cut at a character: the manifest has it whole. */
function encodeHeader(path: string, bytes: number, seconds: number): Uint8Array {
  const cut = Buffer.alloc(NAME_BYTES_MAX);
  return encodeTarHeader({ name: cut.toString('utf8', 0, cut.write(path)), bytes }, 0o600, seconds);
}

function* readContent(content: Content): Generator<Uint8Array> {
  if (typeof content !== 'number') {
    yield content;
    return;
  }
  const piece = Buffer.alloc(PIECE_BYTES_MAX);
  for (let offset = 0; ; ) {
    const bytes = readSync(content, piece, 0, piece.length, offset);
    if (bytes === 0) return;
    yield viewBytes(piece, 0, bytes);
    offset += bytes;
  }
}

function take(archive: number, length: number): Buffer {
  const bytes = Buffer.alloc(length);
  for (let filled = 0; filled < length; ) {
    const read = readSync(archive, bytes, filled, length - filled, null);
    if (read === 0) throw new Error('it ends early');
    filled += read;
  }
  return bytes;
}
