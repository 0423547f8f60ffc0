// Lists a tar archive in a file, packed in any of the ways in which roots are: gzip, xz, bzip2 or Zstandard.
//
// 1. An archive that expands far more than any system is refused as soon as it does.
// 2. Only a few pieces are in memory at a time, however large the archive is.

import { copyBytes } from '../net/borrowed-bytes.ts';
import { piecesOf } from './image-copy.ts';
import { beginExpansion, compressionOf } from './image-expansion.ts';
import { isTar, TarFault } from './image-tar.ts';
import type { ImageBytes } from './qcow2/reading.ts';
import type { TarListing } from './tar-listing.ts';

/** The bytes at the beginning of a file that show that it is an archive. */
const HEAD_BYTES = 512;
/** Bytes to which an archive may expand: any may to EXPANDED_BYTES, and further for each of its own. Systems need 3 to 5 for each. */
const EXPANDED_BYTES = 8 * 1024 ** 3;
const EXPANDED_PER_BYTE_MAX = 64;

/** The most bytes to which a file may expand. */
export const expandedBytesMax = ({ bytes }: Pick<ImageBytes, 'bytes'>): number =>
  EXPANDED_BYTES + EXPANDED_PER_BYTE_MAX * bytes;

/** The expanded file is not an archive. */
export class NoTar extends Error {}

/**
 * Lists the archive to its end.
 * Rejects with NoTar, TarFault, the error of an expansion (`isDamage` of image-copy.ts), RackError `tool-missing`, or the error of the listing.
 */
export async function listTar(file: ImageBytes, listing: TarListing): Promise<void> {
  const bytesMax = expandedBytesMax(file);
  let head: Uint8Array | undefined = new Uint8Array(0);
  let bytes = 0;
  const take = async (piece: Uint8Array): Promise<void> => {
    bytes += piece.length;
    if (bytes > bytesMax)
      throw new TarFault(`it expands to more than ${bytesMax} bytes, unlike any system: pack it with tar --sparse`);
    if (head === undefined) return listing.write(piece);
    head = Buffer.concat([head, copyBytes(piece)]);
    if (head.length >= HEAD_BYTES) begin();
  };
  const begin = (): void => {
    const first = head ?? new Uint8Array(0);
    head = undefined;
    if (!isTar(first)) throw new NoTar();
    listing.write(first);
  };
  const compression = compressionOf(await file.read(0, HEAD_BYTES));
  const expansion = compression === undefined ? undefined : beginExpansion(compression, take);
  try {
    for await (const piece of piecesOf(file)) await (expansion ?? { write: take }).write(piece.bytes);
    await expansion?.end();
  } finally {
    expansion?.close();
  }
  if (head !== undefined) begin();
  listing.end();
}
