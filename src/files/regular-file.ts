// Reads a file that somebody other than this host's administrator names or makes: a user of the
// API, or for root the service's user. A FIFO would wait for its other end, and a device may never
// end. Sources: open(2) (O_NONBLOCK), fifo(7).

import { closeSync, constants, fstatSync, openSync, readFileSync } from 'node:fs';

/** The size limit of a small file in the state directory, in bytes. */
const STATE_FILE_BYTES_MAX = 65_536;

/** The message says what the file is, without its path. */
export class UnfitFile extends Error {}

/**
 * Reads at most `bytesMax` bytes.
 * @throws UnfitFile for anything else; the system's error
 */
export function readRegularBytes(path: string, bytesMax: number): Buffer {
  const descriptor = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY);
  try {
    const stats = fstatSync(descriptor);
    if (!stats.isFile()) throw new UnfitFile('it is not a file');
    if (stats.size > bytesMax) throw new UnfitFile(`it is longer than ${bytesMax} bytes`);
    return readFileSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

/** Reads a small file of the state directory. @throws as `readRegularBytes` */
export const readStateText = (path: string): string => readRegularBytes(path, STATE_FILE_BYTES_MAX).toString();
