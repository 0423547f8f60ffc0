// Reads the bytes of an image from a file of this host.

import { constants, type FileHandle, open } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { toFileFault } from '../../files/read-fault.ts';
import { isSameState } from '../../files/seen-stats.ts';
import { viewBytes } from '../../ground/borrowed-bytes.ts';
import { shellWord } from '../../ground/clean-text.ts';
import { counted } from '../../ground/counted.ts';
import { osErrorCode, RackError } from '../../ground/errors.ts';
import { openStored } from '../store/stored-blob.ts';
import { releaseMemory } from './conversion.ts';
import type { DiskPiece, ImageBytes } from './disk-image.ts';

/**
 * Opens a file that a person names; the caller closes it. Never waits for the other end of a pipe.
 * @throws RackError as `toFileFault`, `bad-argument` for a directory, a pipe or the like
 */
export async function openNamedFile(path: string): Promise<FileHandle> {
  const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK).catch((cause: unknown) => {
    throw toFileFault(path, cause);
  });
  if ((await file.stat()).isFile()) return file;
  await file.close();
  throw new RackError('bad-argument', notFile(path));
}

const notFile = (path: string): string => `${path} is not a file: copy its content into one, and name that`;

/** The bytes of an open file. Reading rejects if the file became shorter. */
interface FileBytes extends ImageBytes {
  /**
   * Rejects if the file has changed since it was opened. Only for a person's file. In the store,
   * the link count and the mode of a file change, and both count as changes here.
   */
  checkUnchanged(): Promise<void>;
}

/**
 * Reads the bytes of an open file, which the caller closes. @throws RackError `bad-argument` for a
 * directory, a pipe or the like
 */
export async function bytesOfFile(file: FileHandle, fileName: string): Promise<FileBytes> {
  const initialStat = await file.stat();
  if (!initialStat.isFile()) throw new RackError('bad-argument', notFile(fileName));
  const buildChangedFault = (): RackError => {
    const remedy = `stop the programs that write it (sudo fuser -v ${shellWord(fileName)}), then repeat this`;
    return new RackError('bad-argument', `${fileName} changed while it was being read: ${remedy}`);
  };
  return {
    bytes: initialStat.size,
    read: async (offset, length) => {
      const buffer = Buffer.allocUnsafeSlow(Math.max(0, Math.min(length, initialStat.size - offset)));
      for (let done = 0; done < buffer.length; ) {
        const { bytesRead } = await file.read(buffer, done, buffer.length - done, offset + done);
        if (bytesRead === 0) throw buildChangedFault();
        done += bytesRead;
      }
      return viewBytes(buffer, 0);
    },
    checkUnchanged: async () => {
      if (!isSameState(await file.stat(), initialStat)) throw buildChangedFault();
    },
  };
}

/** Bytes read at a time. */
export const CHUNK_BYTES = 1024 * 1024;

/**
 * Yields pieces. Each is valid until the next is requested. @throws RackError `bad-argument` if the
 * file ends early
 */
export async function* readImagePieces(file: ImageBytes): AsyncGenerator<DiskPiece & { readonly kind: 'data' }> {
  for (let offset = 0; offset < file.bytes; ) {
    const bytes = await file.read(offset, CHUNK_BYTES);
    if (bytes.length === 0)
      throw new RackError(
        'bad-argument',
        `the file ends after ${offset} of its ${counted(file.bytes, 'byte')}: copy it again`,
      );
    offset += bytes.length;
    yield { kind: 'data', bytes };
    releaseMemory(bytes);
  }
}

/** The size of the pieces in which a stored image is read. */
const PIECE_BYTES = 256 * 1024;

/** Reads a part of a stored image, excluding `end`. Undefined if the image was removed meanwhile. */
export async function readImagePart(path: string, start: number, end: number): Promise<Readable | undefined> {
  try {
    const file = await openStored(path);
    if (end <= start) {
      await file.close();
      return Readable.from([]);
    }
    return file.createReadStream({ start, end: end - 1, highWaterMark: PIECE_BYTES });
  } catch (error) {
    if (osErrorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}
