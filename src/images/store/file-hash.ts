// The hash of an open file, read in pieces.

import { createHash, type Hash } from 'node:crypto';
import type { FileHandle } from 'node:fs/promises';
import { viewBytes } from '../../ground/borrowed-bytes.ts';

const READ_BYTES = 4 * 1024 * 1024;

/** Called after each piece with the bytes read so far. If it throws, reading ends. */
type OnProgress = (bytes: number) => void;

/** Hashes a file. The digest is in hexadecimal. */
export async function hashFile(file: FileHandle, onProgress?: OnProgress, algorithm = 'sha256'): Promise<string> {
  const hash = createHash(algorithm);
  await hashInto(hash, file, onProgress);
  return hash.digest('hex');
}

/** Adds a whole file to a hash. */
export async function hashInto(hash: Hash, file: FileHandle, onProgress?: OnProgress): Promise<void> {
  const buffer = Buffer.allocUnsafeSlow(READ_BYTES);
  for (let offset = 0; ; ) {
    const { bytesRead } = await file.read(buffer, 0, READ_BYTES, offset);
    if (bytesRead === 0) return;
    hash.update(viewBytes(buffer, 0, bytesRead));
    offset += bytesRead;
    onProgress?.(offset);
  }
}
