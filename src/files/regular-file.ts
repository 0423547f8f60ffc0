// Reads a file whose path a user of the API names, who is an administrator, but not of this host: a FIFO would wait for its other end, and
// a device may never end. Sources: open(2) (O_NONBLOCK), fifo(7).

import { closeSync, constants, fstatSync, openSync, readFileSync } from 'node:fs';

/** The message says what the file is, without its path. */
export class UnfitFile extends Error {}

/**
 * Reads at most `bytesMax` bytes.
 * @throws UnfitFile for anything else; the system's error
 */
export function readRegularBytes(path: string, bytesMax: number): Buffer {
  const descriptor = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY);
  try {
    const facts = fstatSync(descriptor);
    if (!facts.isFile()) throw new UnfitFile('it is not a file');
    if (facts.size > bytesMax) throw new UnfitFile(`it is longer than ${bytesMax} bytes`);
    return readFileSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}
