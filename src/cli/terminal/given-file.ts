// Reads a file named on the command line. It may be a pipe (`<(command)`) or /dev/stdin.

import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { toFileFault } from '../../files/read-fault.ts';
import { viewBytes } from '../../ground/borrowed-bytes.ts';
import { RackError } from '../../ground/errors.ts';
import { formatBytes } from '../../ground/quantity.ts';

/** The largest file that a command takes as a text or as keys, unless it has a bound of its own. */
const GIVEN_BYTES_MAX = 64 * 1024 * 1024;
const PIECE_BYTES = 64 * 1024;

/** @param bytesMax Infinity: any size @throws RackError as `fileFault`; `bad-argument` for a longer file */
export function readGivenFile(path: string, bytesMax = GIVEN_BYTES_MAX): Buffer {
  const pieces: Uint8Array[] = [];
  let bytes = 0;
  try {
    const file = openSync(path, 'r');
    try {
      // A pipe tells no size.
      for (let read = -1; read !== 0 && bytes <= bytesMax; bytes += read) {
        const piece = Buffer.allocUnsafe(PIECE_BYTES);
        read = readSync(file, piece);
        pieces.push(viewBytes(piece, 0, read));
      }
    } finally {
      closeSync(file);
    }
  } catch (cause) {
    throw toFileFault(path, cause);
  }
  if (bytes <= bytesMax) return Buffer.concat(pieces);
  throw new RackError('bad-argument', `${path} has more than ${formatBytes(bytesMax)}, the maximum: name another file`);
}

/** Checks a file for the program that will read it. @throws RackError as `fileFault` */
export function checkGivenFile(path: string): void {
  try {
    const file = openSync(path, 'r');
    const isDirectory = fstatSync(file).isDirectory();
    closeSync(file);
    if (isDirectory) throw Object.assign(new Error(`${path} is a directory`), { code: 'EISDIR' });
  } catch (cause) {
    throw toFileFault(path, cause);
  }
}
