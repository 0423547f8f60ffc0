// The hash of an open file, read in pieces.

import { createHash } from 'node:crypto';
import type { FileHandle } from 'node:fs/promises';
import { viewBytes } from '../net/borrowed-bytes.ts';

const READ_BYTES = 4 * 1024 * 1024;

/** SHA-256, hexadecimal. @param onProgress called after each piece with the bytes read so far */
export async function hashOf(file: FileHandle, onProgress?: (bytes: number) => void): Promise<string> {
  const hash = createHash('sha256');
  const buffer = Buffer.allocUnsafeSlow(READ_BYTES);
  for (let at = 0; ; ) {
    const { bytesRead } = await file.read(buffer, 0, READ_BYTES, at);
    if (bytesRead === 0) return hash.digest('hex');
    hash.update(viewBytes(buffer, 0, bytesRead));
    at += bytesRead;
    onProgress?.(at);
  }
}
