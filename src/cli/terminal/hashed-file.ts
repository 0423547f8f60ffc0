// An open file to upload, with its size and hash.

import type { FileHandle } from 'node:fs/promises';
import { RackError } from '../../ground/errors.ts';
import { openNamedFile } from '../../images/content/image-file.ts';
import { hashFile } from '../../images/store/file-hash.ts';

/** A file that is open for reading; the caller closes it. */
export interface HashedFile {
  readonly handle: FileHandle;
  readonly bytes: number;
  /** Hexadecimal. */
  readonly sha256: string;
}

/**
 * Opens a file and reads all of it to hash it.
 * @throws RackError as `fileFault`, `bad-argument` unless it is a regular file, `cancelled` if
 * `signal` aborted
 */
export async function openHashed(path: string, signal?: AbortSignal): Promise<HashedFile> {
  const handle = await openNamedFile(path);
  try {
    const sha256 = await hashFile(handle, () => {
      if (signal?.aborted === true) throw new RackError('cancelled', 'interrupted; nothing was sent');
    });
    return { handle, bytes: (await handle.stat()).size, sha256 };
  } catch (error) {
    await handle.close();
    throw error;
  }
}

/** Reads `length` bytes from offset `at`. @throws RackError `bad-argument` if the file has become shorter */
export async function readPiece({ handle }: HashedFile, at: number, length: number, path: string): Promise<Uint8Array> {
  const buffer = Buffer.allocUnsafeSlow(length);
  const { bytesRead } = await handle.read(buffer, 0, length, at);
  if (bytesRead < length) throw new RackError('bad-argument', `${path} has changed: upload it again`);
  return buffer;
}
