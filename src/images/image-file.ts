// An image in a file of this host, as its bytes.

import type { FileHandle } from 'node:fs/promises';
import { RackError } from '../errors.ts';
import { viewBytes } from '../net/borrowed-bytes.ts';
import type { ImageBytes } from './qcow2/reading.ts';

/** The bytes of an open file; the caller closes it. @throws RackError `bad-argument` for a directory, a pipe or the like */
export async function bytesOfFile(file: FileHandle, fileName: string): Promise<ImageBytes> {
  const facts = await file.stat();
  if (!facts.isFile()) throw new RackError('bad-argument', `${fileName} is not a file`);
  return {
    bytes: facts.size,
    read: async (at, length) => {
      const buffer = Buffer.allocUnsafeSlow(length);
      const { bytesRead } = await file.read(buffer, 0, length, at);
      return viewBytes(buffer, 0, bytesRead);
    },
  };
}
